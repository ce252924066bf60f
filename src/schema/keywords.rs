//! Two keywords of Kubernetes that JSON Schema lacks: objects that take no unknown field, lists that are maps or sets.
//!
//! In: the keyword's value in the translated schema. Out: validators for the `jsonschema` crate.

use jsonschema::{Keyword, ValidationError};
use serde_json::Value;

use super::message;

/// Ours, for "takes only these fields": `additionalProperties: false` would name only one of many unknown fields.
pub const KNOWN_FIELDS: &str = "x-known-fields";
/// `map` or `set`; lists that are neither have no such keyword in the translation.
pub const LIST_TYPE: &str = "x-kubernetes-list-type";
/// The fields by which the items of a list that is a map are told apart.
pub const LIST_KEYS: &str = "x-kubernetes-list-map-keys";

/// Reported once per object; `message` looks up which fields it is about.
pub struct KnownFields(Vec<String>);

impl KnownFields {
    pub fn new(value: &Value) -> KnownFields {
        KnownFields(names(value))
    }
}

impl<'i> Keyword<'i> for KnownFields {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(value) { Ok(()) } else { Err(ValidationError::custom("unknown field")) }
    }

    fn is_valid(&self, value: &'i Value) -> bool {
        value.as_object().is_none_or(|fields| fields.keys().all(|name| self.0.contains(name)))
    }
}

/// No two items of a list are the same: in all of the item, or in the keys.
pub struct DistinctItems {
    keys: Option<Vec<String>>,
}

impl DistinctItems {
    pub fn new(keys: Option<&Value>) -> DistinctItems {
        DistinctItems { keys: keys.map(names) }
    }

    fn repeated(&self, value: &Value) -> Option<String> {
        let mut seen: Vec<Value> = Vec::new();
        for (at, item) in value.as_array()?.iter().enumerate() {
            let identity = match &self.keys {
                None => item.clone(),
                Some(keys) => identity(item, keys),
            };
            if let Some(first) = seen.iter().position(|known| *known == identity) {
                let identity = message::shorten(&identity);
                return Some(format!("items {first} and {at} are both {identity}; each may stand here only once"));
            }
            seen.push(identity);
        }
        None
    }
}

/// The keys of a list item with their values; items with the same identity are one and the same.
pub fn identity(item: &Value, keys: &[String]) -> Value {
    keys.iter().map(|key| (key.clone(), item.get(key).cloned().unwrap_or_default())).collect()
}

impl<'i> Keyword<'i> for DistinctItems {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        self.repeated(value).map_or(Ok(()), |message| Err(ValidationError::custom(message)))
    }

    fn is_valid(&self, value: &'i Value) -> bool {
        self.repeated(value).is_none()
    }
}

/// The strings of a list.
pub fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
