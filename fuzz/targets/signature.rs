//! Any bytes, as the signature of an approval.

#![no_main]

#[path = "../../tests/any_bytes/signature.rs"]
mod signature;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signature::check(bytes));
