//! Collections in the order of their keys. In: entries. Out: what everything that leaves the program is made of.
//!
//! Entry by entry, because `from` and `collect` sort first, and a sorting algorithm of its own for each kind of entries and each
//! place is 5 KB in the program, a hundred times.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The map of these entries; of two with one key the later counts.
pub fn map<Key: Ord, Item>(entries: impl IntoIterator<Item = (Key, Item)>) -> BTreeMap<Key, Item> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// The same as the entries of an object.
pub fn entries(entries: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut map = Map::new();
    map.extend(entries);
    map
}

pub fn set<Item: Ord>(items: impl IntoIterator<Item = Item>) -> BTreeSet<Item> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}
