//! The shards of a keyspace. In: how many. Out: the range of keys of each, which is also its name. Must not be changed: the
//! rows of a running database lie by it.

use serde::Serialize;

/// Bounds in hexadecimal; the first has no start, and the last no end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRange {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
}

impl KeyRange {
    /// As the operator writes it in labels, with an x for what has no bound (`SafeName` in its `keyrange.go`).
    pub fn label(&self) -> String {
        let bound = |bound: &str| if bound.is_empty() { "x".into() } else { bound.to_string() };
        format!("{}-{}", bound(&self.start), bound(&self.end))
    }
}

/// Parts of the same size, cut at the first byte of a key.
pub fn key_ranges(shards: u32) -> Vec<KeyRange> {
    let bound = |part: u32| match part {
        0 => String::new(),
        part if part >= shards => String::new(),
        part => format!("{:02x}", 256 * part / shards),
    };
    (0..shards).map(|part| KeyRange { start: bound(part), end: bound(part + 1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::vitess::SHARDS;
    use pretty_assertions::assert_eq;
    use std::collections::BTreeSet;

    #[test]
    fn every_key_is_in_one_shard() {
        let names = |shards| key_ranges(shards).iter().map(KeyRange::label).collect::<Vec<_>>();
        assert_eq!(names(1), ["x-x"]);
        assert_eq!(names(2), ["x-80", "80-x"]);
        assert_eq!(names(3), ["x-55", "55-aa", "aa-x"]);
        assert_eq!(names(4), ["x-40", "40-80", "80-c0", "c0-x"]);
        for shards in 1..=SHARDS.most {
            let ranges = key_ranges(shards);
            assert_eq!(ranges.len() as u32, shards);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "{shards}");
            assert_eq!(names(shards).iter().collect::<BTreeSet<_>>().len() as u32, shards);
        }
    }
}
