//! ClickHouse's settings for a member of some memory. In: amounts. Out: settings, amounts in `MB` and the like, always the
//! same for the same memory; and what a claim's own settings do to them. Must not know an operator.

use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use crate::map::map;
use crate::plan::parameters::{memory as amount, written};
use std::collections::BTreeMap;

type Settings = BTreeMap<String, String>;

/// What the server takes of its memory in all; it refuses queries before the kernel kills it.
const SERVER_RATIO: &str = "0.8";
const SERVER_PERCENT: u64 = 80;
/// Of one query.
const QUERY_PERCENT: u64 = 40;
/// Where a query begins to write to disk. Half of what it may take, because merging what was written takes as much again
/// (ClickHouse, "Restrictions on query complexity").
const SPILL_PERCENT: u64 = 20;
const MARK_CACHE_PERCENT: u64 = 10;
/// The server's own default (ClickHouse 26.3, `mark_cache_size`).
const MARK_CACHE: Bytes = Bytes(5 * Bytes::GI);
/// The server's own default, written down so that alerts can count on it.
const CONNECTIONS: u32 = 4096;

/// `memory` is the limit of the container. The number of background threads stays the server's, which follows the CPU.
pub fn tune(memory: Bytes, connections: Option<u32>) -> Settings {
    let spill = written(whole(memory.percent(SPILL_PERCENT)));
    let settings = [
        ("max_server_memory_usage_to_ram_ratio", SERVER_RATIO.into()),
        ("max_memory_usage", written(whole(memory.percent(QUERY_PERCENT)))),
        ("max_bytes_before_external_group_by", spill.clone()),
        ("max_bytes_before_external_sort", spill),
        ("mark_cache_size", written(whole(memory.percent(MARK_CACHE_PERCENT).min(MARK_CACHE)))),
        ("max_connections", connections.unwrap_or(CONNECTIONS).to_string()),
    ];
    map(settings.into_iter().map(|(name, value): (&str, String)| (name.into(), value)))
}

/// Each problem with its numbers. A text that is no amount is a problem of the platform's rules for parameters.
pub fn check(memory: Bytes, tuned: &Settings, asked: &Settings) -> Vec<Problem> {
    let value = |name: &str| asked.get(name).or_else(|| tuned.get(name)).and_then(|text| amount(text));
    let mut problems = vec![];
    let shares = [("max_memory_usage", SERVER_PERCENT), ("mark_cache_size", MARK_CACHE_PERCENT)];
    for (name, percent) in shares {
        let most = memory.percent(percent);
        if let Some(found) = value(name).filter(|found| asked.contains_key(name) && *found > most) {
            problems.push(Problem::new(
                format!("spec.parameters.{name}"),
                format!("{} is more than {percent} % of {memory}", written(found)),
                format!("write at most {}, or a larger size", written(whole(most))),
            ));
        }
    }
    for name in ["max_bytes_before_external_group_by", "max_bytes_before_external_sort"] {
        let is_asked = asked.contains_key(name) || asked.contains_key("max_memory_usage");
        if let (Some(spill), Some(query)) = (value(name), value("max_memory_usage"))
            && is_asked
            && spill >= query
        {
            let (spill, query) = (written(spill), written(query));
            problems.push(Problem::new(
                format!("spec.parameters.{name}"),
                format!("{spill} is not below max_memory_usage {query}, so a query fails before it spills"),
                format!("write less than {query}, best half of it"),
            ));
        }
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

    fn settings<const COUNT: usize>(settings: [(&str, &str); COUNT]) -> Settings {
        settings.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn settings_follow_from_memory() {
        let tuned = |query, spill, marks, connections| {
            settings([
                ("max_server_memory_usage_to_ram_ratio", "0.8"),
                ("max_memory_usage", query),
                ("max_bytes_before_external_group_by", spill),
                ("max_bytes_before_external_sort", spill),
                ("mark_cache_size", marks),
                ("max_connections", connections),
            ])
        };
        let cases = [
            (2, None, tuned("819MB", "409MB", "204MB", "4096")),
            (8, None, tuned("3276MB", "1638MB", "819MB", "4096")),
            (32, Some(500), tuned("13107MB", "6553MB", "3276MB", "500")),
            (100, None, tuned("40GB", "20GB", "5GB", "4096")),
        ];
        for (memory, connections, expected) in cases {
            assert_eq!(tune(Bytes(memory * Bytes::GI), connections), expected, "{memory}Gi");
        }
    }

    #[test]
    fn a_claims_settings_must_fit() {
        let memory = Bytes(8 * Bytes::GI);
        let tuned = tune(memory, None);
        let cases = [
            (settings([]), vec![]),
            (settings([("max_memory_usage", "6GB"), ("mark_cache_size", "512MB")]), vec![]),
            (
                settings([("max_memory_usage", "7GB")]),
                vec![
                    "spec.parameters.max_memory_usage: 7GB is more than 80 % of 8Gi; write at most 6553MB, or a larger size",
                ],
            ),
            (
                settings([("mark_cache_size", "1GB")]),
                vec![
                    "spec.parameters.mark_cache_size: 1GB is more than 10 % of 8Gi; write at most 819MB, or a larger size",
                ],
            ),
            (
                settings([("max_memory_usage", "1638MB"), ("max_bytes_before_external_sort", "500MB")]),
                vec![
                    "spec.parameters.max_bytes_before_external_group_by: 1638MB is not below max_memory_usage 1638MB, so a \
                     query fails before it spills; write less than 1638MB, best half of it",
                ],
            ),
            // No amounts: the rules for parameters say so.
            (settings([("max_memory_usage", "lots")]), vec![]),
        ];
        for (asked, expected) in cases {
            let found: Vec<String> = check(memory, &tuned, &asked).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{asked:?}");
        }
    }
}
