//! How many cases a property is tried with, and which: the same each time, so that what passes here passes everywhere. Whoever
//! sets `PROPTEST_CASES` to look longer sees others.

use proptest::test_runner::{Config, RngSeed};

/// For `#![proptest_config(…)]`: so many, unless more are asked for.
pub fn cases(usual: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(1) };
    Config { cases: asked.unwrap_or(usual), rng_seed, failure_persistence: None, ..Config::default() }
}
