//! What a plan costs in a month. In: terms and the platform's prices. Out: whole units of its currency, an estimate.

use crate::api::input::tier_defaults::Prices;
use crate::api::plan::Terms;

/// Members and their backups; one full backup is counted as large as a member's volume.
pub fn monthly(terms: &Terms, prices: &Prices) -> String {
    let member = terms.cpu.0 as f64 / 1_000.0 * prices.cpu
        + terms.memory.gibibytes() * prices.memory
        + terms.storage.gibibytes() * prices.storage;
    let backups = if terms.backup.is_some() { terms.storage.gibibytes() * prices.backup } else { 0.0 };
    let shards = f64::from(terms.shards);
    let sum = shards * (f64::from(terms.replicas) * member + backups);
    format!("{} {:.0}", prices.currency, sum.ceil())
}
