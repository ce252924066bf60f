//! What holds for any bytes, on a corpus that coverage-guided fuzzing found: `fuzz/corpus`, a folder for each check.
//!
//! A check is a function of bytes that panics where something does not hold. Each is written once, in the module of its
//! name; `fuzz/targets` hands it to the fuzzer (`just fuzz`), and here it is played what was found. That of YAML belongs to
//! the program (`src/cli/documents/any_text.rs`), whose own tests play its corpus.
#![cfg(test)]

#[path = "../support/cases.rs"]
mod cases;
#[path = "../support/corpus.rs"]
mod corpus;
mod input;
mod object;
mod request;
mod signature;
mod step;

use corpus::play;

#[test]
fn objects() {
    play("object", object::check);
}

#[test]
fn requests() {
    play("request", request::check);
}

#[test]
fn inputs() {
    play("input", input::check);
}

#[test]
fn steps() {
    play("step", step::check);
}

#[test]
fn signatures() {
    play("signature", signature::check);
}
