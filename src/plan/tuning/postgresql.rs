//! PostgreSQL's settings for a member of some memory and storage. In: amounts. Out: settings in PostgreSQL's units,
//! always the same for the same amounts; and what a claim's own settings do to the sums. Must not know an operator.

use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use crate::map::map;
use crate::plan::parameters::{memory as amount, written};
use std::collections::BTreeMap;

type Settings = BTreeMap<String, String>;

/// Connections by memory: the first row that is not larger.
const CONNECTIONS: [(Bytes, u32); 4] =
    [(Bytes(32 * Bytes::GI), 500), (Bytes(16 * Bytes::GI), 300), (Bytes(8 * Bytes::GI), 200), (Bytes(0), 100)];

/// Shares of the memory that a claim's settings may take, in percent. The rest is the system's cache, and room for
/// queries that sort more than once.
const MOST_SHARED: u64 = 40;
const MOST_IN_ALL: u64 = 75;

/// `memory` is the limit of the container, `storage` its volume, on which the log has no volume of its own.
pub fn tune(memory: Bytes, storage: Bytes, connections: Option<u32>) -> Settings {
    let connections = connections.unwrap_or_else(|| default_connections(memory)).max(1);
    let quarter = memory.percent(25);
    let maintenance = megabytes(memory.0 / 16, 64, 2048);
    let settings = [
        ("max_connections", connections.to_string()),
        ("shared_buffers", written(megabytes(quarter.0, 1, 16 * 1024))),
        ("effective_cache_size", written(megabytes(memory.percent(65).0, 1, u64::MAX))),
        ("work_mem", written(megabytes(quarter.0 / u64::from(connections), 4, 64))),
        ("maintenance_work_mem", written(maintenance)),
        // Each of several workers takes as much.
        ("autovacuum_work_mem", written(megabytes(memory.0 / 32, 1, 2048))),
        ("max_wal_size", written(megabytes(storage.percent(8).0, 256, 16 * 1024))),
        // A replica that is further behind is copied anew, before the primary's volume is full.
        ("max_slot_wal_keep_size", written(megabytes(storage.percent(15).0, 1, u64::MAX))),
        // Replicas have slots; beyond those this only fills small volumes.
        ("wal_keep_size", written(megabytes(storage.percent(5).0, 64, 512))),
        // Nodes have none unless somebody reserves them.
        ("huge_pages", "off".into()),
        // Any setting of the library makes the operator load it: without it nobody knows which statements are slow.
        ("pg_stat_statements.track", "top".into()),
    ];
    map(settings.into_iter().map(|(name, value)| (name.into(), value)))
}

fn default_connections(memory: Bytes) -> u32 {
    CONNECTIONS.iter().find(|(least, _)| *least <= memory).map_or(100, |(_, connections)| *connections)
}

/// Whole megabytes, rounded down, and not outside of the two.
fn megabytes(bytes: u64, least: u64, most: u64) -> Bytes {
    Bytes((bytes / Bytes::MI).clamp(least, most).saturating_mul(Bytes::MI))
}

/// What PostgreSQL itself takes where neither the tuning nor the claim says anything.
const DEFAULTS: [(&str, &str); 6] = [
    ("max_connections", "100"),
    ("shared_buffers", "128MB"),
    ("work_mem", "4MB"),
    ("maintenance_work_mem", "64MB"),
    ("min_wal_size", "80MB"),
    ("max_wal_size", "1GB"),
];

/// Each problem with its numbers. A text that is no amount is a problem of the platform's rules for parameters.
pub fn check(memory: Bytes, tuned: &Settings, asked: &Settings) -> Vec<Problem> {
    let value = |name: &str| {
        let default = DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        asked.get(name).or_else(|| tuned.get(name)).map(String::as_str).or(default)
    };
    let bytes = |name: &str| value(name).and_then(amount);
    let is_asked = |names: &[&str]| names.iter().any(|name| asked.contains_key(*name));
    let mut problems = vec![];

    let shared = bytes("shared_buffers");
    let most = memory.percent(MOST_SHARED);
    if let Some(shared) = shared.filter(|shared| is_asked(&["shared_buffers"]) && *shared > most) {
        problems.push(Problem::new(
            "spec.parameters.shared_buffers",
            format!("{} is more than {MOST_SHARED} % of {memory}", written(shared)),
            format!("write at most {}, or a larger size", written(whole(most))),
        ));
    }

    let connections = value("max_connections").and_then(|number| number.parse::<u64>().ok());
    let amounts = (shared, connections, bytes("work_mem"), bytes("maintenance_work_mem"));
    if let (Some(shared), Some(connections), Some(work), Some(maintenance)) = amounts
        && is_asked(&["shared_buffers", "max_connections", "work_mem", "maintenance_work_mem"])
    {
        let most = memory.percent(MOST_IN_ALL);
        let fixed = shared.0.saturating_add(maintenance.0);
        let sum = connections.saturating_mul(work.0).saturating_add(fixed);
        if sum > most.0 {
            let wrong = format!(
                "shared_buffers {} + max_connections {connections} x work_mem {} + maintenance_work_mem {} is {}, more than \
                 {MOST_IN_ALL} % of {memory}",
                written(shared),
                written(work),
                written(maintenance),
                written(Bytes(sum)),
            );
            let room = whole(Bytes(most.0.saturating_sub(fixed) / connections.max(1)));
            let right = match room.0 {
                0 => "write less of each, or a larger size".into(),
                _ => format!("write a work_mem of at most {}, fewer connections, or a larger size", written(room)),
            };
            problems.push(Problem::new("spec.parameters", wrong, right));
        }
    }

    // The operator refuses the whole database for it.
    if let (Some(least), Some(most)) = (bytes("min_wal_size"), bytes("max_wal_size"))
        && is_asked(&["min_wal_size", "max_wal_size"])
        && least >= most
    {
        let wrong = format!("min_wal_size {} is not below max_wal_size {}", written(least), written(most));
        problems.push(Problem::new("spec.parameters", wrong, format!("write a min_wal_size below {}", written(most))));
    }
    problems
}

/// What people write: no fraction of a megabyte.
fn whole(bytes: Bytes) -> Bytes {
    Bytes(bytes.0 / Bytes::MI * Bytes::MI)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn settings<const COUNT: usize>(pairs: [(&str, &str); COUNT]) -> Settings {
        pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    const GI: u64 = Bytes::GI;

    #[test]
    fn each_size_has_its_settings() {
        #[rustfmt::skip]
        let cases = [
            // memory, storage: connections, shared, cache, work, maintenance, autovacuum, log, slots, kept
            (2, 1,       ["100", "512MB", "1331MB",  "5MB",  "128MB", "64MB",  "256MB", "153MB",   "64MB"]),
            (2, 20,      ["100", "512MB", "1331MB",  "5MB",  "128MB", "64MB",  "1638MB", "3GB",    "512MB"]),
            (8, 100,     ["200", "2GB",   "5324MB",  "10MB", "512MB", "256MB", "8GB",   "15GB",    "512MB"]),
            (16, 500,    ["300", "4GB",   "10649MB", "13MB", "1GB",   "512MB", "16GB",  "75GB",    "512MB"]),
            (32, 4096,   ["500", "8GB",   "21299MB", "16MB", "2GB",   "1GB",   "16GB",  "629145MB", "512MB"]),
            (128, 4096,  ["500", "16GB",  "85196MB", "64MB", "2GB",   "2GB",   "16GB",  "629145MB", "512MB"]),
        ];
        let names = [
            "max_connections",
            "shared_buffers",
            "effective_cache_size",
            "work_mem",
            "maintenance_work_mem",
            "autovacuum_work_mem",
            "max_wal_size",
            "max_slot_wal_keep_size",
            "wal_keep_size",
        ];
        for (memory, storage, expected) in cases {
            let tuned = tune(Bytes(memory * GI), Bytes(storage * GI), None);
            let found = names.map(|name| tuned[name].as_str());
            assert_eq!(found, expected, "{memory}Gi of memory, {storage}Gi of storage");
            assert_eq!(tuned["huge_pages"], "off");
            assert_eq!(tuned["pg_stat_statements.track"], "top");
            assert_eq!(tuned.len(), names.len() + 2);
        }
    }

    #[test]
    fn more_connections_leave_less_to_each() {
        let work = |connections| tune(Bytes(16 * GI), Bytes(100 * GI), Some(connections))["work_mem"].clone();
        assert_eq!([work(50), work(300), work(5000)], ["64MB", "13MB", "4MB"]);
    }

    #[test]
    fn what_is_tuned_keeps_its_own_sums() {
        for memory in [2, 4, 8, 16, 32, 64, 128, 256, 512] {
            let memory = Bytes(memory * GI);
            let tuned = tune(memory, Bytes(100 * GI), None);
            assert_eq!(check(memory, &tuned, &tuned), vec![], "{memory}");
        }
    }

    #[test]
    fn the_claims_settings_keep_the_same_sums() {
        let memory = Bytes(8 * GI);
        let tuned = tune(memory, Bytes(100 * GI), None);
        #[rustfmt::skip]
        let cases = [
            (settings([]), vec![]),
            (settings([("jit", "off"), ("work_mem", "16MB")]), vec![]),
            (settings([("shared_buffers", "3GB")]), vec![]),
            (settings([("shared_buffers", "4GB")]), vec![
                "spec.parameters.shared_buffers: 4GB is more than 40 % of 8Gi; write at most 3276MB, or a larger size",
                "spec.parameters: shared_buffers 4GB + max_connections 200 x work_mem 10MB + maintenance_work_mem 512MB is \
                 6608MB, more than 75 % of 8Gi; write a work_mem of at most 7MB, fewer connections, or a larger size",
            ]),
            (settings([("work_mem", "64MB")]), vec![
                "spec.parameters: shared_buffers 2GB + max_connections 200 x work_mem 64MB + maintenance_work_mem 512MB is \
                 15GB, more than 75 % of 8Gi; write a work_mem of at most 17MB, fewer connections, or a larger size",
            ]),
            (settings([("max_connections", "1000")]), vec![
                "spec.parameters: shared_buffers 2GB + max_connections 1000 x work_mem 10MB + maintenance_work_mem 512MB is \
                 12560MB, more than 75 % of 8Gi; write a work_mem of at most 3MB, fewer connections, or a larger size",
            ]),
            (settings([("max_connections", "1000"), ("work_mem", "3MB")]), vec![]),
            (settings([("maintenance_work_mem", "8GB")]), vec![
                "spec.parameters: shared_buffers 2GB + max_connections 200 x work_mem 10MB + maintenance_work_mem 8GB is \
                 12240MB, more than 75 % of 8Gi; write less of each, or a larger size",
            ]),
            (settings([("min_wal_size", "8GB")]), vec![
                "spec.parameters: min_wal_size 8GB is not below max_wal_size 8GB; write a min_wal_size below 8GB",
            ]),
            // No amounts: the rules for parameters say so.
            (settings([("work_mem", "lots"), ("max_connections", "many")]), vec![]),
        ];
        for (asked, expected) in cases {
            let found: Vec<String> = check(memory, &tuned, &asked).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{asked:?}");
        }
    }
}
