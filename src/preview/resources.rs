//! How composed resources differ. In: what the pipeline composes before and after. Out: each resource that is new, gone or
//! different, field by field. Must not show a secret value.
//!
//! Both sides are composed as Crossplane does it for a claim that was never there, and as if everybody had agreed: what is
//! compared is where the two lead to. The record is left out, because it only repeats the plan.

use crate::api::approval::OperationKind;
use crate::api::input::{ApprovalGate, Step};
use crate::api::record;
use crate::map::map;
use crate::render::{Composition, key_of, object, render};
use crate::schema::path;
use crate::wire::Object;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A composed resource that is new, gone or different.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ResourceChange {
    pub kind: String,
    pub name: String,
    pub operation: OperationKind,
    /// Of one that stays, the fields that differ.
    pub fields: Vec<Field>,
}

/// A field that differs; one that is not there has no value.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Field {
    /// Such as `spec.instances`; items of a list by their name where they have one.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What composes one side: the Composition without what it would wait for, and the platform's own values over it.
#[derive(Clone, Debug, PartialEq)]
pub struct Composer {
    composition: Composition,
    overlay: Option<Value>,
    now: Timestamp,
}

impl Composer {
    /// `gate` is the input of the second step as it counts. Whether deletions need an approval decides what is composed, so
    /// that stays.
    pub fn new(composition: &Composition, overlay: Option<&Value>, gate: &ApprovalGate, now: Timestamp) -> Composer {
        let kept: Vec<&OperationKind> = gate.operations.iter().filter(|it| **it == OperationKind::Delete).collect();
        let kept = json!({"operations": kept});
        let mut composition = composition.clone();
        for step in &mut composition.steps {
            if step.input.text("input", &["kind"]).is_ok_and(|kind| kind == Some(Step::ApprovalGate.kind())) {
                step.input = step.input.merge(&Object::of(&json!({"spec": kept})));
            }
        }
        let overlay = overlay.cloned().map(|mut overlay| {
            let section = &mut overlay["data"][Step::ApprovalGate.kind()];
            object(section).insert("operations".into(), kept["operations"].clone());
            overlay
        });
        Composer { composition, overlay, now }
    }

    /// By key, as if a restore began empty: its source is in the cluster. Nothing where the claim has mistakes.
    pub fn compose(&self, claim: &Value) -> BTreeMap<String, Value> {
        let mut claim = claim.clone();
        claim.get_mut("spec").and_then(Value::as_object_mut).map(|spec| spec.remove("restore"));
        let cluster: Vec<Value> = self.overlay.iter().cloned().collect();
        let rendered = render(&self.composition, &claim, &[], &cluster, self.now);
        let keyed =
            rendered.resources.into_iter().map(|value| (key_of(&value).unwrap_or_default().to_owned(), masked(value)));
        map(keyed.filter(|(key, _)| key != record::KEY))
    }
}

/// In the order of keys.
pub fn compare(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<ResourceChange> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changes = keys.into_iter().flat_map(|key| match (before.get(key), after.get(key)) {
        (Some(before), Some(after)) if identity(before) == identity(after) => {
            let fields = fields(before, after);
            let changed = !fields.is_empty();
            changed.then(|| change(after, OperationKind::Change, fields)).into_iter().collect()
        }
        (before, after) => {
            let gone = before.map(|before| change(before, OperationKind::Delete, vec![]));
            let new = after.map(|after| change(after, OperationKind::Create, vec![]));
            gone.into_iter().chain(new).collect::<Vec<_>>()
        }
    });
    changes.collect()
}

fn change(value: &Value, operation: OperationKind, fields: Vec<Field>) -> ResourceChange {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ResourceChange { kind: text(&value["kind"]), name: text(&value["metadata"]["name"]), operation, fields }
}

/// What Crossplane cannot change: it would make another object.
fn identity(value: &Value) -> [&Value; 4] {
    let metadata = &value["metadata"];
    [&value["apiVersion"], &value["kind"], &metadata["namespace"], &metadata["name"]]
}

fn fields(before: &Value, after: &Value) -> Vec<Field> {
    let mut fields = vec![];
    walk(String::new(), Some(before), Some(after), &mut fields);
    fields
}

fn walk(at: String, before: Option<&Value>, after: Option<&Value>, fields: &mut Vec<Field>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                walk(path::key(&at, name), old.get(name), new.get(name), fields);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            let (old, new) = match (named(old), named(new)) {
                (Some(old), Some(new)) => (old, new),
                _ => (numbered(old), numbered(new)),
            };
            let different = fields.len();
            let later = new.iter().filter(|(name, _)| !old.iter().any(|(other, _)| name == other));
            for (name, _) in old.iter().chain(later) {
                let find = |items: &[(String, &Value)]| {
                    items.iter().find(|(other, _)| other == name).map(|(_, value)| (*value).clone())
                };
                walk(path::index(&at, name), find(&old).as_ref(), find(&new).as_ref(), fields);
            }
            if fields.len() == different {
                // Only their order differs.
                fields.push(Field { path: at, before: before.cloned(), after: after.cloned() });
            }
        }
        (before, after) => fields.push(Field { path: at, before: before.cloned(), after: after.cloned() }),
    }
}

/// Items that all have a name of their own are the same item wherever they stand.
fn named(items: &[Value]) -> Option<Vec<(String, &Value)>> {
    let named: Option<Vec<_>> = items.iter().map(|item| Some((item["name"].as_str()?.to_owned(), item))).collect();
    let unique = |items: &Vec<(String, &Value)>| {
        items.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len() == items.len()
    };
    named.filter(unique)
}

fn numbered(items: &[Value]) -> Vec<(String, &Value)> {
    items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
}

/// No secret value leaves, whoever asked for it.
pub fn masked(mut value: Value) -> Value {
    if value["apiVersion"] == "v1" && value["kind"] == "Secret" {
        for field in ["data", "stringData"] {
            if let Some(data) = value.get_mut(field).and_then(Value::as_object_mut) {
                data.values_mut().for_each(|secret| *secret = "***".into());
            }
        }
    }
    if let Some(manifest) = value.pointer_mut("/spec/forProvider/manifest") {
        *manifest = masked(manifest.take());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn secrets_are_masked_wherever_they_are() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "stringData": {"a": "b"}});
        let wrapped = json!({"kind": "Object", "spec": {"forProvider": {"manifest": secret}}});
        for value in [masked(secret.clone()), masked(wrapped)] {
            let text = value.to_string();
            assert!(!text.contains("aHVudGVyMg") && !text.contains("\"b\""), "{text}");
            assert!(text.contains("***"));
        }
    }

    #[test]
    fn fields_are_compared_by_path_and_items_by_name() {
        let before = json!({"spec": {"a": 1, "gone": true, "env": [{"name": "x", "value": "1"}, {"name": "y"}], "list": [1, 2]}});
        let after = json!({"spec": {"a": 2, "env": [{"name": "y"}, {"name": "x", "value": "2"}], "list": [1, 3, 4]}});
        let found: Vec<_> = fields(&before, &after).into_iter().map(|it| (it.path, it.before, it.after)).collect();
        let expected = [
            ("spec.a", Some(json!(1)), Some(json!(2))),
            ("spec.env[x].value", Some(json!("1")), Some(json!("2"))),
            ("spec.gone", Some(json!(true)), None),
            ("spec.list[1]", Some(json!(2)), Some(json!(3))),
            ("spec.list[2]", None, Some(json!(4))),
        ];
        assert_eq!(found, expected.map(|(path, before, after)| (path.to_owned(), before, after)));
    }

    #[test]
    fn another_name_is_another_resource() {
        let of =
            |name: &str| BTreeMap::from([("k".to_owned(), json!({"kind": "Service", "metadata": {"name": name}}))]);
        let operations: Vec<_> = compare(&of("a"), &of("b")).into_iter().map(|it| (it.operation, it.name)).collect();
        assert_eq!(operations, [(OperationKind::Delete, "a".into()), (OperationKind::Create, "b".into())]);
        assert_eq!(compare(&of("a"), &of("a")), []);
    }
}
