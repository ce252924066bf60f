//! Any bytes, as a whole request.

#![no_main]

#[path = "../../tests/any_bytes/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::check(bytes));
