//! The edge. In: one `RunFunctionRequest`. Out: one `RunFunctionResponse`. Objects stay undecoded until someone looks.
//! (A stand-in until the real edge lands.)

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(Value);

#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Undecodable {
    pub place: String,
    pub path: String,
    pub message: String,
}

impl Object {
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Object {
        Object(serde_json::to_value(value).unwrap_or_default())
    }
    pub fn try_of<T: Serialize + ?Sized>(value: &T) -> Result<Object, Undecodable> {
        Ok(Object::of(value))
    }
    pub fn decode<'a, T: Deserialize<'a>>(&'a self, place: &str) -> Result<T, Undecodable> {
        T::deserialize(&self.0).map_err(|error| Undecodable {
            place: place.into(),
            path: String::new(),
            message: error.to_string(),
        })
    }
    pub fn merge(&self, patch: &Object) -> Object {
        fn merge(target: &mut Value, patch: &Value) {
            let Value::Object(patch) = patch else { return };
            if !target.is_object() {
                *target = Value::Object(Default::default());
            }
            let Value::Object(target) = target else { return };
            for (key, value) in patch {
                match value {
                    Value::Null => {
                        target.remove(key);
                    }
                    Value::Object(_) => merge(target.entry(key).or_insert(Value::Null), value),
                    other => {
                        target.insert(key.clone(), other.clone());
                    }
                }
            }
        }
        let mut target = self.0.clone();
        merge(&mut target, &patch.0);
        Object(target)
    }
    pub fn field(&self, name: &str) -> Option<Object> {
        self.0.get(name).filter(|value| value.is_object()).map(|value| Object(value.clone()))
    }
    pub fn is_empty(&self) -> bool {
        self.0.as_object().is_none_or(|object| object.is_empty())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub String);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    #[default]
    Unspecified,
    True,
    False,
}

#[derive(Clone, Debug, Default)]
pub struct DesiredResource {
    pub object: Object,
    pub ready: Ready,
    pub connection_details: BTreeMap<String, Bytes>,
}

#[derive(Clone, Debug, Default)]
pub struct Desired {
    pub composite: DesiredResource,
    pub resources: BTreeMap<Key, DesiredResource>,
}

#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Object>);

impl Context {
    pub fn get(&self, name: &str) -> Option<Object> {
        self.0.get(name).cloned()
    }
    pub fn set(&mut self, name: &str, document: Object) {
        self.0.insert(name.into(), document);
    }
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub tag: String,
    pub capabilities: Capabilities,
    pub input: Option<Object>,
    pub composite: Object,
    pub observed: BTreeMap<Key, Object>,
    pub desired: Desired,
    pub context: Context,
    pub required: BTreeMap<String, Vec<Object>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub advertised: bool,
    pub required_resources: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    pub api_version: String,
    pub kind: String,
    pub namespace: Option<String>,
    pub matching: Match,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    Name(String),
    Labels(BTreeMap<String, String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Fatal,
    Warning,
    Normal,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub severity: Severity,
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truth {
    True,
    False,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: Truth,
    pub reason: String,
    pub message: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Response {
    pub tag: String,
    pub ttl: Option<Duration>,
    pub desired: Desired,
    pub context: Context,
    pub events: Vec<Event>,
    pub requirements: BTreeMap<String, Selector>,
    pub conditions: Vec<Condition>,
}

impl Response {
    pub fn to(request: &Request) -> Response {
        Response {
            tag: request.tag.clone(),
            desired: request.desired.clone(),
            context: request.context.clone(),
            ..Response::default()
        }
    }
}
