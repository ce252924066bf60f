//! Any bytes, as a file of the user's.

#![no_main]
#![expect(dead_code, reason = "the command line uses more of it")]

#[path = "../../src/cli/cores.rs"]
mod cores;
#[path = "../../src/cli/documents/mod.rs"]
mod documents;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| documents::any_text::check(bytes));
