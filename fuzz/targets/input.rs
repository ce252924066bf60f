//! Any JSON, as a step's input.

#![no_main]

#[path = "../../tests/any_bytes/input.rs"]
mod input;
mod json;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| input::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    json::mutate(data, size, max_size, seed, |input: &mut Value, dice| {
        let donor = input.clone();
        json::change(input, &donor, dice);
    })
});
