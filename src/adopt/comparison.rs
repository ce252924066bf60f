//! How far what is composed is from what is there. In: both. Out: what would change, what stays, what would be made. Must not
//! call a field the same that is not.
//!
//! Crossplane sets what is composed and leaves the rest alone: so a field that is only there stays, but a list becomes what
//! is composed.

use crate::api::quantity::{Bytes, Millicores};
use crate::schema::path;
use serde_json::Value;
use std::cmp::Reverse;

/// One field that would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Kind and name.
    pub resource: String,
    pub path: String,
    /// None: it is not there.
    pub is: Option<Value>,
    /// None: it would go.
    pub becomes: Option<Value>,
}

impl Difference {
    /// That it differs at all counts as much as that nothing of it is the same.
    fn distance(&self) -> u64 {
        let far = match (self.is.as_ref().and_then(text), self.becomes.as_ref().and_then(text)) {
            (Some(is), Some(becomes)) => distance(&is, &becomes),
            _ => FAR,
        };
        FAR + far
    }
}

/// Between two texts that have nothing in common.
const FAR: u64 = 1000;

/// Of amounts by how much they differ, of other texts where they begin to.
fn distance(is: &str, becomes: &str) -> u64 {
    let cores = Millicores::parse(is).ok().zip(Millicores::parse(becomes).ok()).map(|(is, becomes)| (is.0, becomes.0));
    let bytes = Bytes::parse(is).ok().zip(Bytes::parse(becomes).ok()).map(|(is, becomes)| (is.0, becomes.0));
    if let Some((is, becomes)) = cores.or(bytes) {
        let share = is.abs_diff(becomes) as f64 / is.max(becomes).max(1) as f64;
        return (FAR as f64 * share) as u64;
    }
    let shared = is.bytes().zip(becomes.bytes()).take_while(|(is, becomes)| is == becomes).count();
    FAR - FAR * shared as u64 / is.len().max(becomes.len()).max(1) as u64
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub differences: Vec<Difference>,
    pub stays: Vec<String>,
    pub made: Vec<String>,
    /// How many of the given resources are composed.
    matched: usize,
    /// How many of those hold data.
    data: usize,
}

/// What we and the tools of the cluster write on everything.
const LABELS: [&str; 5] =
    ["db.platform.io/", "app.kubernetes.io/", "crossplane.io/", "kubectl.kubernetes.io/", "argocd.argoproj.io/"];

impl Comparison {
    /// `composed`, and whether each holds data.
    pub fn new(composed: Vec<(Value, bool)>, given: &[Value]) -> Comparison {
        let mut comparison = Comparison::default();
        for (object, holds_data) in &composed {
            let name = named(object);
            match given.iter().find(|other| identity(other) == identity(object)) {
                Some(there) => {
                    comparison.matched += 1;
                    comparison.data += usize::from(*holds_data);
                    comparison.resource(&name, there, object);
                }
                // An empty one would take its place.
                None if *holds_data => comparison.differs(&name, String::new(), None, Some(object)),
                None => comparison.made.push(name),
            }
        }
        comparison
    }

    /// The lower the better: first what is not composed at all, then what would change and by how much, then what nobody
    /// speaks of.
    pub fn score(&self) -> (Reverse<usize>, u64, usize) {
        let far = self.differences.iter().map(Difference::distance).sum();
        (Reverse(self.matched), far, self.stays.len())
    }

    pub fn is_of_data(&self) -> bool {
        self.data > 0
    }

    fn resource(&mut self, name: &str, there: &Value, object: &Value) {
        for (field, value) in object.as_object().into_iter().flatten() {
            match field.as_str() {
                "apiVersion" | "kind" | "status" => {}
                "metadata" => self.metadata(name, &there["metadata"], value),
                field => self.walk(name, field.into(), there.get(field), value),
            }
        }
    }

    /// Labels and annotations that mean something to the operator; its own may stand beside ours.
    fn metadata(&mut self, name: &str, there: &Value, composed: &Value) {
        for section in ["labels", "annotations"] {
            let meant = |map: &Value| -> Vec<(String, Value)> {
                let all = map[section].as_object().into_iter().flatten();
                let meant = all.filter(|(label, _)| !LABELS.iter().any(|ours| label.starts_with(ours)));
                meant.map(|(label, value)| (label.clone(), value.clone())).collect()
            };
            let (old, new) = (meant(there), meant(composed));
            let at = |label: &str| path::key(&path::key("metadata", section), label);
            for (label, value) in &new {
                self.walk(name, at(label), there[section].get(label), value);
            }
            let only = old.iter().filter(|(label, _)| !new.iter().any(|(other, _)| other == label));
            self.stays.extend(only.map(|(label, _)| format!("{name} {}", at(label))));
        }
    }

    fn walk(&mut self, name: &str, at: String, there: Option<&Value>, composed: &Value) {
        match (there, composed) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                for (field, value) in new {
                    self.walk(name, path::key(&at, field), old.get(field), value);
                }
                let only = old.keys().filter(|field| !new.contains_key(*field));
                self.stays.extend(only.map(|field| format!("{name} {}", path::key(&at, field))));
            }
            (Some(Value::Array(old)), Value::Array(new)) => self.list(name, &at, old, new),
            (Some(old), new) if same(old, new) => {}
            (old, new) => self.differs(name, at, old, Some(new)),
        }
    }

    fn list(&mut self, name: &str, at: &str, old: &[Value], new: &[Value]) {
        let label = |index: usize, item: &Value| item["name"].as_str().map_or(index.to_string(), String::from);
        let labels = |items: &[Value]| items.iter().enumerate().map(|(index, item)| label(index, item)).collect();
        let (olds, news): (Vec<String>, Vec<String>) = (labels(old), labels(new));
        for (item, label) in new.iter().zip(&news) {
            let there = olds.iter().position(|other| other == label).and_then(|index| old.get(index));
            self.walk(name, path::index(at, label), there, item);
        }
        for (item, label) in old.iter().zip(&olds).filter(|(_, label)| !news.contains(label)) {
            self.differs(name, path::index(at, label), Some(item), None);
        }
    }

    fn differs(&mut self, name: &str, path: String, is: Option<&Value>, becomes: Option<&Value>) {
        let (is, becomes) = (is.cloned(), becomes.cloned());
        self.differences.push(Difference { resource: name.into(), path, is, becomes });
    }
}

fn named(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// By group, not version: an operator's new API version is the same object.
fn identity(object: &Value) -> [Option<&str>; 3] {
    let group = object["apiVersion"].as_str().map(|version| version.split_once('/').map_or("", |(group, _)| group));
    [group, object["kind"].as_str(), object["metadata"]["name"].as_str()]
}

/// Of what can be written in several ways.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The same amount is the same, however it is written.
fn same(old: &Value, new: &Value) -> bool {
    if old == new {
        return true;
    }
    let (Some(old), Some(new)) = (text(old), text(new)) else { return false };
    let bytes = Bytes::parse(&old).ok().zip(Bytes::parse(&new).ok());
    let cores = Millicores::parse(&old).ok().zip(Millicores::parse(&new).ok());
    old == new || bytes.is_some_and(|(old, new)| old == new) || cores.is_some_and(|(old, new)| old == new)
}
