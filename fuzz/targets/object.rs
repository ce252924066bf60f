//! Any bytes, read as an object by us and by prost.

#![no_main]

#[path = "../../tests/any_bytes/object.rs"]
mod object;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| object::check(bytes));
