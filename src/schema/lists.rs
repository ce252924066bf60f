//! Lists that are maps or sets, as `x-kubernetes-list-type` says: what tells their items apart.
//!
//! In: items, and for a map the names of its keys. Out: an item's identity, and the first that stands there twice. It
//! must not read the schema.

use crate::map::entries;
use std::collections::HashMap;

use serde_json::Value;

/// `map` or `set`, else items may repeat.
pub const LIST_TYPE: &str = "x-kubernetes-list-type";
/// The fields by which the items of a map are told apart.
pub const LIST_KEYS: &str = "x-kubernetes-list-map-keys";

/// The keys of a list item with their values; items with the same identity are one and the same.
pub fn identity(item: &Value, keys: &[String]) -> Value {
    Value::Object(entries(keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())))))
}

/// The positions of the first two items that are the same, and in what: in the keys, without keys in all.
pub fn repeated(items: &[Value], keys: Option<&[String]>) -> Option<(usize, usize, Value)> {
    let mut seen = HashMap::new();
    items.iter().enumerate().find_map(|(at, item)| {
        let identity = keys.map_or_else(|| item.clone(), |keys| identity(item, keys));
        seen.insert(identity.clone(), at).map(|first| (first, at, identity))
    })
}

/// The strings of a list.
pub fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
