//! What a plan costs in a month. In: terms and the platform's prices. Out: whole units of its currency, an estimate.

use super::usage::usage;
use crate::api::input::tier_defaults::Prices;
use crate::api::plan::Terms;

/// Everything that runs, and backups; of each shard one full backup is counted, as large as a member's volume, and
/// another one of what follows it elsewhere.
pub fn monthly(terms: &Terms, prices: &Prices) -> u64 {
    let used = usage(terms);
    let running = used.cpu.0 as f64 / 1_000.0 * prices.cpu
        + used.memory.gibibytes() * prices.memory
        + used.storage.gibibytes() * prices.storage;
    let backups = if terms.backup.is_some() { terms.storage.gibibytes() * prices.backup } else { 0.0 };
    let copies = f64::from(terms.shards) * if terms.standby.is_some() { 2.0 } else { 1.0 };
    (running + copies * backups).ceil() as u64
}
