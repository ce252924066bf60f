//! MongoDB's settings for a member of some memory. In: amounts. Out: settings by their names in a configuration file, always
//! the same for the same amounts; and what a claim's own settings do to the sums. Must not know an operator.

use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use crate::map::map;
use std::collections::BTreeMap;

type Settings = BTreeMap<String, String>;

/// In gigabytes, of 1024^3 bytes.
pub const CACHE: &str = "storage.wiredTiger.engineConfig.cacheSizeGB";
const CONNECTIONS: &str = "net.maxIncomingConnections";

/// What a connection can take: the stack of its thread (MongoDB 8.0, "UNIX ulimit Settings").
const CONNECTION: u64 = Bytes::MI;
/// Shares of the memory for connections, in percent: of those that are tuned, and the most that a claim may ask for.
const TUNED_FOR_CONNECTIONS: u64 = 25;
const MOST_FOR_CONNECTIONS: u64 = 40;

/// `memory` is the limit of the container. MongoDB itself would look at the node's.
pub fn tune(memory: Bytes, connections: Option<u32>) -> Settings {
    let connections = connections.map_or(memory.percent(TUNED_FOR_CONNECTIONS).0 / CONNECTION, u64::from);
    let settings = [(CACHE, format!("{}", cache(memory))), (CONNECTIONS, connections.to_string())];
    map(settings.into_iter().map(|(name, value)| (name.into(), value)))
}

/// Half of what is left after the first gigabyte, as MongoDB does it (MongoDB 8.0, "storage.wiredTiger.engineConfig.cacheSizeGB"),
/// in hundredths of a gigabyte, rounded down.
fn cache(memory: Bytes) -> f64 {
    let hundredths = memory.0.saturating_sub(Bytes::GI) / 2 * 100 / Bytes::GI;
    hundredths.max(25) as f64 / 100.0
}

/// A text that is no number is a problem of the platform's rules for parameters.
pub fn check(memory: Bytes, asked: &Settings) -> Vec<Problem> {
    let most = memory.percent(MOST_FOR_CONNECTIONS).0 / CONNECTION;
    let connections = asked.get(CONNECTIONS).and_then(|number| number.parse::<u64>().ok());
    let beyond = connections.filter(|connections| *connections > most).map(|connections| {
        let wrong = format!("{connections} connections take more than {MOST_FOR_CONNECTIONS} % of {memory}");
        Problem::new(format!("spec.parameters.{CONNECTIONS}"), wrong, format!("write at most {most}, or a larger size"))
    });
    beyond.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_from_memory() {
        let cases =
            [(1, "0.25", "256"), (2, "0.5", "512"), (8, "3.5", "2048"), (16, "7.5", "4096"), (32, "15.5", "8192")];
        for (gibibytes, cache, connections) in cases {
            let tuned = tune(Bytes(gibibytes * Bytes::GI), None);
            assert_eq!((tuned[CACHE].as_str(), tuned[CONNECTIONS].as_str()), (cache, connections), "{gibibytes}Gi");
        }
        assert_eq!(tune(Bytes(2 * Bytes::GI), Some(100))[CONNECTIONS], "100");
    }

    #[test]
    fn connections_leave_room_for_the_cache() {
        let asked = |number: &str| Settings::from([(CONNECTIONS.to_string(), number.to_string())]);
        let memory = Bytes(2 * Bytes::GI);
        assert_eq!(check(memory, &asked("819")), vec![]);
        let problem = check(memory, &asked("820")).remove(0).to_string();
        let expected = "spec.parameters.net.maxIncomingConnections: 820 connections take more than 40 % of 2Gi; write at \
            most 819, or a larger size";
        assert_eq!(problem, expected);
    }
}
