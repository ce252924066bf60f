//! Breaks a valid object in every way that a check must notice, one way at a time.
//!
//! In: a valid object and its schema. Out: broken copies, in the order of the object's fields. Where the schema is open
//! (preserves unknown fields), nothing is expected.

use serde_json::{Value, json};

/// The kinds of mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    UnknownField,
    TextForNumber,
    RequiredFieldDropped,
    EnumValueBroken,
}

/// An object that is no longer valid, and where it was broken (a JSON pointer).
pub struct Mutant {
    pub mutation: Mutation,
    pub at: String,
    pub object: Value,
}

/// Every mutant of the object; `schema` is the structural schema of its kind.
pub fn mutants(object: &Value, schema: &Value) -> Vec<Mutant> {
    let mut found = Vec::new();
    walk(object, object, schema, "", &mut found);
    found
}

fn walk(root: &Value, value: &Value, schema: &Value, at: &str, found: &mut Vec<Mutant>) {
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    let mut add = |mutation, at: &str, change: &dyn Fn(&mut Value)| {
        let mut object = root.clone();
        change(object.pointer_mut(at).expect("a place in the object"));
        found.push(Mutant { mutation, at: at.into(), object });
    };
    if schema["type"] == "integer" && value.is_number() {
        add(Mutation::TextForNumber, at, &|value| *value = "many".into());
    }
    if schema["enum"].is_array() {
        add(Mutation::EnumValueBroken, at, &|value| *value = "no-such-value".into());
    }
    match value {
        Value::Object(fields) => {
            let closed = !open && schema["properties"].is_object();
            if closed {
                add(Mutation::UnknownField, at, &|value| value["noSuchField"] = json!({"a": 1}));
            }
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                // A default would take the field's place.
                if fields.contains_key(name) && schema["properties"][name].get("default").is_none() {
                    add(Mutation::RequiredFieldDropped, at, &|value| {
                        value.as_object_mut().expect("an object").remove(name);
                    });
                }
            }
            for (name, value) in fields {
                let root_metadata = at.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str());
                let inner = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                if !root_metadata && inner.is_object() {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    walk(root, value, inner, &format!("{at}/{name}"), found);
                }
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                walk(root, item, &schema["items"], &format!("{at}/{position}"), found);
            }
        }
        _ => {}
    }
}
