//! Maps in the order of their keys. In: entries. Out: a `BTreeMap`, which everything that leaves the program is made of.

use std::collections::BTreeMap;

/// The map of these entries; of two with one key the later counts. Entry by entry, because `BTreeMap::from` and `collect`
/// sort first, and a sorting algorithm of its own for each kind of entries is 6 KB in the program, 80 times.
pub fn map<Key: Ord, Value>(entries: impl IntoIterator<Item = (Key, Value)>) -> BTreeMap<Key, Value> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}
