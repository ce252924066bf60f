//! MySQL's settings for a member of some memory and storage, which is a member of a replication group. In: amounts. Out:
//! settings, with amounts written as in claims, always the same for the same amounts; and what a claim's own settings do to
//! the sum. Must not know an operator.

use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use crate::map::map;
use crate::plan::parameters::{memory as amount, written};
use std::collections::BTreeMap;

type Settings = BTreeMap<String, String>;

/// What a member is given by its memory: the first row that is not larger.
struct Row {
    memory: Bytes,
    connections: u32,
    /// Messages of the group that a member keeps for others; its default of 1Gi kills small members.
    message_cache: Bytes,
}

const ROWS: [Row; 4] = [
    Row { memory: Bytes(32 * Bytes::GI), connections: 800, message_cache: Bytes(Bytes::GI) },
    Row { memory: Bytes(16 * Bytes::GI), connections: 500, message_cache: Bytes(Bytes::GI) },
    Row { memory: Bytes(8 * Bytes::GI), connections: 300, message_cache: Bytes(512 * Bytes::MI) },
    Row { memory: Bytes(0), connections: 150, message_cache: Bytes(128 * Bytes::MI) },
];

/// The server itself, with its performance schema.
const SERVER: Bytes = Bytes(512 * Bytes::MI);
/// Buffers of a connection that works.
const CONNECTION: Bytes = Bytes(2 * Bytes::MI);
/// The buffer pool grows in chunks of it.
const CHUNK: u64 = 128 * Bytes::MI;
/// What the buffer pool takes of what is left, in percent.
const POOL: u64 = 75;
/// How long the log of changes stays on the volume, for members that were away.
const LOG_KEPT_SECONDS: u32 = 3 * 24 * 3600;

/// `memory` is the limit of the container, `storage` its volume, on which the logs have no volume of their own.
pub fn tune(memory: Bytes, storage: Bytes, connections: Option<u32>) -> Settings {
    let row = ROWS.iter().find(|row| row.memory <= memory);
    let cache = row.map_or(Bytes(128 * Bytes::MI), |row| row.message_cache);
    let connections = connections.or(row.map(|row| row.connections)).unwrap_or(150).max(1);
    let left = memory.0.saturating_sub(fixed(cache, connections.into()).0);
    let pool = Bytes((Bytes(left).percent(POOL).0 / CHUNK).max(1) * CHUNK);
    let redo = storage.percent(10).0.min(pool.0 / 2) / Bytes::MI;
    let settings = [
        ("max_connections", connections.to_string()),
        ("innodb_buffer_pool_size", written(pool)),
        ("innodb_redo_log_capacity", written(Bytes(redo.clamp(64, 16 * 1024) * Bytes::MI))),
        ("group_replication_message_cache_size", written(cache)),
        ("binlog_expire_logs_seconds", LOG_KEPT_SECONDS.to_string()),
    ];
    map(settings.into_iter().map(|(name, value)| (name.into(), value)))
}

/// All but the buffer pool.
fn fixed(cache: Bytes, connections: u64) -> Bytes {
    Bytes(connections.saturating_mul(CONNECTION.0).saturating_add(SERVER.0 + cache.0))
}

/// The settings that the sum is made of.
const SUMMED: [&str; 2] = ["innodb_buffer_pool_size", "max_connections"];

/// A text that is no amount is a problem of the platform's rules for parameters.
pub fn check(memory: Bytes, tuned: &Settings, asked: &Settings) -> Vec<Problem> {
    let value = |name: &str| asked.get(name).or_else(|| tuned.get(name)).map(String::as_str);
    let bytes = |name: &str| value(name).and_then(amount);
    let connections = value("max_connections").and_then(|number| number.parse::<u64>().ok());
    let (Some(pool), Some(cache), Some(connections)) =
        (bytes("innodb_buffer_pool_size"), bytes("group_replication_message_cache_size"), connections)
    else {
        return vec![];
    };
    let fixed = fixed(cache, connections);
    let sum = pool.0.saturating_add(fixed.0);
    if sum <= memory.0 || !SUMMED.iter().any(|name| asked.contains_key(*name)) {
        return vec![];
    }
    let wrong = format!(
        "innodb_buffer_pool_size {} + max_connections {connections} x {} + group_replication_message_cache_size {} + {} for \
         the server is {}, more than {memory}",
        written(pool),
        written(CONNECTION),
        written(cache),
        written(SERVER),
        written(Bytes(sum)),
    );
    let right = match Bytes(memory.0.saturating_sub(fixed.0)).percent(POOL).0 / CHUNK {
        0 => "write fewer connections, or a larger size".into(),
        chunks => {
            let room = written(Bytes(chunks * CHUNK));
            format!("write an innodb_buffer_pool_size of at most {room}, fewer connections, or a larger size")
        }
    };
    vec![Problem::new("spec.parameters", wrong, right)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const GI: u64 = Bytes::GI;

    #[test]
    fn each_size_has_its_settings() {
        let names = [
            "max_connections",
            "innodb_buffer_pool_size",
            "innodb_redo_log_capacity",
            "group_replication_message_cache_size",
        ];
        let cases = [
            // memory, storage: connections, pool, redo, cache
            (2, 1, ["150", "768MB", "102MB", "128MB"]),
            (2, 20, ["150", "768MB", "384MB", "128MB"]),
            (8, 100, ["300", "4864MB", "2432MB", "512MB"]),
            (16, 500, ["500", "10368MB", "5184MB", "1GB"]),
            (32, 4096, ["800", "22144MB", "11072MB", "1GB"]),
        ];
        for (memory, storage, expected) in cases {
            let tuned = tune(Bytes(memory * GI), Bytes(storage * GI), None);
            let found = names.map(|name| tuned[name].as_str());
            assert_eq!(found, expected, "{memory}Gi of memory, {storage}Gi of storage");
            assert_eq!(tuned.len(), names.len() + 1);
        }
        assert_eq!(tune(Bytes(2 * GI), Bytes(20 * GI), Some(50))["innodb_buffer_pool_size"], "896MB");
    }

    #[test]
    fn what_is_tuned_keeps_its_own_sum() {
        for memory in [2, 4, 8, 16, 32, 64, 128] {
            let memory = Bytes(memory * GI);
            let tuned = tune(memory, Bytes(100 * GI), None);
            assert_eq!(check(memory, &tuned, &tuned), vec![], "{memory}");
        }
    }

    #[test]
    fn the_claims_settings_keep_the_same_sum() {
        let memory = Bytes(8 * GI);
        let tuned = tune(memory, Bytes(100 * GI), None);
        let cases = [
            (("innodb_buffer_pool_size", "6GB"), None),
            (("max_connections", "500"), None),
            (("innodb_buffer_pool_size", "lots"), None),
            (
                ("innodb_buffer_pool_size", "7GB"),
                Some(
                    "spec.parameters: innodb_buffer_pool_size 7GB + max_connections 300 x 2MB + \
                     group_replication_message_cache_size 512MB + 512MB for the server is 8792MB, more than 8Gi; write an \
                     innodb_buffer_pool_size of at most 4864MB, fewer connections, or a larger size",
                ),
            ),
            (
                ("max_connections", "5000"),
                Some(
                    "spec.parameters: innodb_buffer_pool_size 4864MB + max_connections 5000 x 2MB + \
                     group_replication_message_cache_size 512MB + 512MB for the server is 15888MB, more than 8Gi; write \
                     fewer connections, or a larger size",
                ),
            ),
        ];
        for ((name, value), expected) in cases {
            let asked = Settings::from([(name.into(), value.into())]);
            let found: Vec<String> = check(memory, &tuned, &asked).iter().map(ToString::to_string).collect();
            assert_eq!(found, Vec::from_iter(expected), "{name} {value}");
        }
    }
}
