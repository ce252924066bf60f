//! From a Rust type to a structural schema, as Kubernetes wants it. In: a type. Out: its schema with neither references,
//! nor nulls, nor defaults, and with a bound on everything, because the API server estimates what rules cost from bounds.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// Where a type says nothing tighter.
const LONGEST_TEXT: u64 = 1024;
const LONGEST_LIST: u64 = 128;
const LARGEST_MAP: u64 = 128;

pub fn of<T: JsonSchema>() -> Value {
    let mut schema = with_defaults::<T>();
    without_defaults(&mut schema);
    schema
}

/// The same with the defaults of the program, which the API server must not write into what people wrote.
pub fn with_defaults<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    structural(&mut schema);
    schema
}

/// A map of which the keys are the names of an enumeration, with one schema for all values: schemars writes it once for
/// each name, which makes tables of tables endless.
pub fn by_name<Name: JsonSchema, Entry: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let (names, entries) = (generator.subschema_for::<Name>(), generator.subschema_for::<Entry>());
    json_schema!({"type": "object", "propertyNames": names, "additionalProperties": entries})
}

fn structural(value: &mut Value) {
    let Value::Object(schema) = value else { return };
    for word in ["title", "format", "$schema", "const"] {
        if let Some(constant) = schema.remove(word).filter(|_| word == "const") {
            schema.insert("enum".into(), json!([constant]));
        }
    }
    without_null(schema);
    one_of(schema);
    // Kubernetes prunes what a schema does not name; it has no word for refusing it.
    if matches!(schema.get("additionalProperties"), Some(Value::Bool(_))) {
        schema.remove("additionalProperties");
    }
    for word in ["items", "additionalProperties"] {
        schema.get_mut(word).into_iter().for_each(structural);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(structural);
    }
    names(schema);
    bound(schema);
}

fn without_defaults(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    fields.remove("default");
    for word in ["items", "additionalProperties"] {
        fields.get_mut(word).into_iter().for_each(without_defaults);
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(without_defaults);
    }
}

/// Kubernetes has no word for the names that a map may have, but a rule can say it.
fn names(schema: &mut Map<String, Value>) {
    let Some(mut names) = schema.remove("propertyNames") else { return };
    structural(&mut names);
    let names: Vec<&str> = names.get("enum").into_iter().flat_map(list).filter_map(Value::as_str).collect();
    let rule = format!("self.all(name, name in ['{}'])", names.join("', '"));
    let message = format!("write names out of {}", names.join(", "));
    schema.insert("maxProperties".into(), names.len().into());
    schema.insert("x-kubernetes-validations".into(), json!([{"rule": rule, "message": message}]));
}

/// An optional field may be left out; it may not be null.
fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(mut any)) = schema.remove("anyOf") {
        any.retain(|one| one.get("type") != Some(&"null".into()));
        for one in any {
            merge(schema, one);
        }
        schema.remove("format");
    }
}

/// What stands outside goes before: it is about this very field.
fn merge(schema: &mut Map<String, Value>, other: Value) {
    if let Value::Object(other) = other {
        for (word, value) in other {
            schema.entry(word).or_insert(value);
        }
    }
}

/// Enumerations: of names, or of objects with one field each.
fn one_of(schema: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else { return };
    let (mut names, mut lines) = (vec![], vec![]);
    let (mut properties, mut alternatives) = (Map::new(), vec![]);
    for variant in variants {
        let about = variant.get("description").and_then(Value::as_str).map(str::to_string);
        let constant = variant.get("const").into_iter().chain(variant.get("enum").into_iter().flat_map(list));
        for name in constant {
            lines.extend(about.as_ref().map(|about| format!("{}: {about}", name.as_str().unwrap_or_default())));
            names.push(name.clone());
        }
        for (name, inner) in variant.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let mut inner = inner.clone();
            if let Some(about) = &about {
                inner["description"] = about.as_str().into();
            }
            properties.insert(name.clone(), inner);
            alternatives.push(json!({"required": [name]}));
        }
    }
    let about = schema.get("description").and_then(Value::as_str).map(str::to_string);
    let lines: Vec<String> = about.into_iter().chain(lines).collect();
    if !lines.is_empty() {
        schema.insert("description".into(), lines.join("\n").into());
    }
    if names.is_empty() {
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), Value::Object(properties));
        schema.insert("oneOf".into(), alternatives.into());
    } else {
        schema.insert("type".into(), "string".into());
        schema.insert("enum".into(), names.into());
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn bound(schema: &mut Map<String, Value>) {
    let (word, most) = match schema.get("type").and_then(Value::as_str) {
        Some("string") if !schema.contains_key("enum") => ("maxLength", LONGEST_TEXT),
        Some("array") => ("maxItems", LONGEST_LIST),
        Some("object") if schema.contains_key("additionalProperties") => ("maxProperties", LARGEST_MAP),
        _ => return,
    };
    schema.entry(word).or_insert(most.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Shelf {
        /// How many.
        books: Option<u32>,
        #[serde(default)]
        kind: Option<Kind>,
        labels: BTreeMap<String, String>,
        #[schemars(schema_with = "by_name::<Kind, u32>")]
        shelves: BTreeMap<Kind, u32>,
        cover: Cover,
    }

    /// Of the shelf.
    #[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
    enum Kind {
        /// It hangs.
        Wall,
        Floor,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    enum Cover {
        Glass {},
        /// Of this colour.
        Paint(String),
    }

    #[test]
    fn types_become_structural() {
        let expected = json!({
            "type": "object",
            "required": ["labels", "shelves", "cover"],
            "properties": {
                "books": {"type": "integer", "minimum": 0, "description": "How many."},
                "kind": {"type": "string", "enum": ["Floor", "Wall"], "description": "Of the shelf.\nWall: It hangs."},
                "labels": {
                    "type": "object", "maxProperties": 128,
                    "additionalProperties": {"type": "string", "maxLength": 1024},
                },
                "shelves": {
                    "type": "object", "maxProperties": 2, "additionalProperties": {"type": "integer", "minimum": 0},
                    "x-kubernetes-validations": [
                        {"rule": "self.all(name, name in ['Floor', 'Wall'])", "message": "write names out of Floor, Wall"},
                    ],
                },
                "cover": {
                    "type": "object",
                    "properties": {
                        "glass": {"type": "object"},
                        "paint": {"type": "string", "maxLength": 1024, "description": "Of this colour."},
                    },
                    "oneOf": [{"required": ["glass"]}, {"required": ["paint"]}],
                },
            },
        });
        assert_eq!(of::<Shelf>(), expected);
    }
}
