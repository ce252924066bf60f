//! Redis' settings for a member of some memory. In: amounts. Out: settings in Redis' units, always the same for the same
//! amounts. Must not know an operator.

use crate::api::quantity::Bytes;
use crate::map::map;
use crate::plan::parameters::written;
use std::collections::BTreeMap;

/// What the data may take. The rest is for the process that rewrites the log, which copies each page that is written to
/// meanwhile, and for the buffers of clients and replicas.
const DATA_PERCENT: u64 = 65;

/// `memory` is the limit of the container.
pub fn tune(memory: Bytes) -> BTreeMap<String, String> {
    let backlog = Bytes((memory.0 / 64 / Bytes::MI).clamp(64, 256) * Bytes::MI);
    let settings = [
        ("maxmemory", written(whole(memory.percent(DATA_PERCENT)))),
        // A database refuses writes before it forgets any.
        ("maxmemory-policy", "noeviction".into()),
        // A replica that was away for a moment goes on where it was.
        ("repl-backlog-size", written(backlog)),
    ];
    map(settings.into_iter().map(|(name, value)| (name.into(), value)))
}

fn whole(bytes: Bytes) -> Bytes {
    Bytes(bytes.0 / Bytes::MI * Bytes::MI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_settings() {
        let cases = [(2, "1331MB", "64MB"), (8, "5324MB", "128MB"), (16, "10649MB", "256MB"), (32, "21299MB", "256MB")];
        for (memory, most, backlog) in cases {
            let tuned = tune(Bytes(memory * Bytes::GI));
            assert_eq!([&*tuned["maxmemory"], &*tuned["repl-backlog-size"]], [most, backlog], "{memory}Gi");
            assert_eq!(tuned["maxmemory-policy"], "noeviction");
            assert_eq!(tuned.len(), 3);
        }
    }
}
