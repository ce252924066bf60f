//! Any bytes, read as an object by us and by prost. Run with `cargo +nightly fuzz run object`.

#![no_main]

use function_database::wire::Object;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/wire/differential.rs"]
mod differential;

fuzz_target!(|bytes: &[u8]| differential::check(bytes));
