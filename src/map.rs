//! Collections in order. In: entries, or items. Out: what everything that leaves the program is made of.
//!
//! Maps entry by entry, because `from` and `collect` sort first, and the library's sorting is compiled once for each kind of
//! entries, or items, and each place: 5 KB in the program, a hundred times. Here it is compiled once.

use serde_json::{Map, Value};
use std::cmp::Ordering;
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

/// Sorts what is not sorted at every call; what is equal stays in its order.
pub fn sort<Item>(items: &mut Vec<Item>, compare: impl Fn(&Item, &Item) -> Ordering) {
    let mut order: Vec<usize> = (0..items.len()).collect();
    sort_positions(&mut order, &|one, other| compare(&items[one], &items[other]));
    let mut taken: Vec<Option<Item>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|position| taken[position].take()));
}

fn sort_positions(positions: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    positions.sort_by(|one, other| compare(*one, *other));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_keeps_the_order_of_equals() {
        let mut words = vec!["pear", "fig", "apple", "plum", "kiwi", "fig"];
        sort(&mut words, |one, other| one.len().cmp(&other.len()));
        assert_eq!(words, ["fig", "fig", "pear", "plum", "kiwi", "apple"]);
        sort(&mut words, Ord::cmp);
        assert_eq!(words, ["apple", "fig", "fig", "kiwi", "pear", "plum"]);
        sort(&mut Vec::<u8>::new(), Ord::cmp);
    }
}
