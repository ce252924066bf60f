//! How composed resources differ. In: what is composed before and after. Out: each resource that is new, gone or different,
//! field by field. Must not show a secret value.

use crate::api::approval::OperationKind;
use crate::map::set;
use crate::schema::path;
use crate::wire::{Key, Object};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

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

/// In the order of keys.
pub fn compare(before: &BTreeMap<Key, Object>, after: &BTreeMap<Key, Object>) -> Vec<ResourceChange> {
    let keys = set(before.keys().chain(after.keys()));
    let changes = keys.into_iter().flat_map(|key| match (before.get(key), after.get(key)) {
        (Some(before), Some(after)) if before == after => vec![],
        (Some(before), Some(after)) if identity(before) == identity(after) => {
            let fields = fields(&shown(before), &shown(after));
            let changed = !fields.is_empty();
            changed.then(|| change(after, OperationKind::Change, fields)).into_iter().collect()
        }
        (before, after) => {
            let gone = before.map(|before| change(before, OperationKind::Delete, vec![]));
            let new = after.map(|after| change(after, OperationKind::Create, vec![]));
            gone.into_iter().chain(new).collect()
        }
    });
    changes.collect()
}

fn change(object: &Object, operation: OperationKind, fields: Vec<Field>) -> ResourceChange {
    let text = |path: &[&str]| text(object, path).unwrap_or_default().to_owned();
    ResourceChange { kind: text(&["kind"]), name: text(&["metadata", "name"]), operation, fields }
}

/// What Crossplane cannot change: it would make another object.
fn identity(object: &Object) -> [Option<&str>; 4] {
    [&["apiVersion"][..], &["kind"], &["metadata", "namespace"], &["metadata", "name"]].map(|path| text(object, path))
}

/// What we composed can be read.
fn text<'a>(object: &'a Object, path: &[&str]) -> Option<&'a str> {
    object.text("", path).ok().flatten()
}

fn shown(object: &Object) -> Value {
    masked(serde_json::to_value(object).unwrap_or_default())
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
            let names = set(old.keys().chain(new.keys()));
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
    let unique = |items: &Vec<(String, &Value)>| set(items.iter().map(|(name, _)| name)).len() == items.len();
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
    use serde_json::json;

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
        let object = |name: &str| Object::of(&json!({"kind": "Service", "metadata": {"name": name}}));
        let of = |name: &str| BTreeMap::from([(Key("k".into()), object(name))]);
        let operations: Vec<_> = compare(&of("a"), &of("b")).into_iter().map(|it| (it.operation, it.name)).collect();
        assert_eq!(operations, [(OperationKind::Delete, "a".into()), (OperationKind::Create, "b".into())]);
        assert_eq!(compare(&of("a"), &of("a")), []);
    }
}
