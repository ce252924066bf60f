//! Checks the structure of an object: everything a structural schema says except its CEL rules.
//!
//! In: the structural schema, then objects with defaults applied. Out: violations. The work is done by the `jsonschema`
//! crate on a translation of the schema, because OpenAPI v3 as Kubernetes reads it is not JSON Schema: `nullable`,
//! int-or-string, formats, lists that are maps or sets, and objects that take no unknown field have keywords of
//! their own. It must not word the violations (`message`) nor apply defaults.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::keywords::{DistinctItems, KNOWN_FIELDS, KnownFields, LIST_KEYS, LIST_TYPE};
use super::{BuildError, Violation, format, message};

/// Keywords that mean the same in both languages. `uniqueItems` is not among them: Kubernetes forbids it.
const SAME: [&str; 13] = [
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    LIST_KEYS,
];

#[derive(Debug)]
pub struct Structure {
    translation: Value,
    validator: Validator,
}

impl Structure {
    pub fn build(schema: &Value) -> Result<Structure, BuildError> {
        let translation = translate(schema, Place::Root);
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .with_format("duration", format::is_duration)
            .with_format("byte", format::is_base64)
            .with_keyword(KNOWN_FIELDS, |_, value, _| Ok(Box::new(KnownFields::new(value))))
            .with_keyword(LIST_TYPE, |parent, _, _| Ok(Box::new(DistinctItems::new(parent.get(LIST_KEYS)))))
            .build(&translation)
            .map_err(|error| BuildError::Invalid {
                path: error.instance_path().to_string(),
                message: error.to_string(),
            })?;
        Ok(Structure { translation, validator })
    }

    pub fn check(&self, object: &Value) -> Vec<Violation> {
        self.validator
            .iter_errors(object)
            .flat_map(|error| message::violations(&error, object, &self.translation))
            .collect()
    }
}

/// Where a schema stands, which decides what its objects take besides the fields it names.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The object itself: has type and object metadata.
    Root,
    /// A value: closed, unless the schema says otherwise.
    Value,
    /// Inside `allOf`, `anyOf`, `oneOf` or `not`: says something about fields that are declared elsewhere.
    Junctor,
}

fn translate(schema: &Value, place: Place) -> Value {
    let Some(schema) = schema.as_object() else { return schema.clone() };
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut out = Map::new();
    for name in SAME {
        if let Some(value) = schema.get(name) {
            out.insert(name.into(), value.clone());
        }
    }
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if flag(exclusive)
            && let Some(limit) = out.remove(bound)
        {
            out.insert(exclusive.into(), limit);
        }
    }
    let int_or_string = flag("x-kubernetes-int-or-string");
    match schema.get("type").and_then(Value::as_str) {
        _ if int_or_string => {
            out.insert("type".into(), nullable(json!(["integer", "string"]), flag("nullable")));
        }
        Some(kind) => {
            out.insert("type".into(), nullable(json!([kind]), flag("nullable")));
        }
        None => {}
    }
    if let Some(format) = schema.get("format").and_then(Value::as_str) {
        format::translate(format, &mut out);
    }
    if let Some(kind @ ("map" | "set")) = schema.get(LIST_TYPE).and_then(Value::as_str) {
        out.insert(LIST_TYPE.into(), kind.into());
    }
    if let Some(items) = schema.get("items") {
        out.insert("items".into(), translate(items, inner(place)));
    }
    for junctor in ["allOf", "anyOf", "oneOf"] {
        if let Some(branches) = schema.get(junctor).and_then(Value::as_array)
            // Beside int-or-string, `anyOf: [{type: integer}, {type: string}]` is only an idiom.
            && !(int_or_string && branches.iter().any(|branch| branch.get("type").is_some()))
        {
            out.insert(junctor.into(), branches.iter().map(|branch| translate(branch, Place::Junctor)).collect());
        }
    }
    if let Some(not) = schema.get("not") {
        out.insert("not".into(), translate(not, Place::Junctor));
    }
    translate_fields(schema, place, &mut out);
    Value::Object(out)
}

fn translate_fields(schema: &Map<String, Value>, place: Place, out: &mut Map<String, Value>) {
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or(false);
    let declared = schema.get("properties").and_then(Value::as_object);
    let mut properties: Map<String, Value> = declared
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), translate(property, inner(place))))
        .collect();
    let embedded = flag("x-kubernetes-embedded-resource");
    if place == Place::Root || embedded {
        properties.entry("apiVersion").or_insert_with(|| json!({"type": "string"}));
        properties.entry("kind").or_insert_with(|| json!({"type": "string"}));
        properties.insert("metadata".into(), metadata(declared.and_then(|properties| properties.get("metadata"))));
    }
    if embedded {
        let required = out.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(required) = required {
            required.extend(["apiVersion".into(), "kind".into()]);
        }
    }
    let additional = schema.get("additionalProperties");
    if let Some(additional) = additional {
        out.insert("additionalProperties".into(), translate(additional, inner(place)));
    } else if place != Place::Junctor
        && !flag("x-kubernetes-preserve-unknown-fields")
        && (!properties.is_empty() || schema.get("type").is_some_and(|kind| kind == "object"))
    {
        out.insert(KNOWN_FIELDS.into(), properties.keys().cloned().collect());
    }
    if !properties.is_empty() {
        out.insert("properties".into(), properties.into());
    }
}

fn inner(place: Place) -> Place {
    if place == Place::Junctor { Place::Junctor } else { Place::Value }
}

fn nullable(types: Value, nullable: bool) -> Value {
    match types {
        Value::Array(mut types) if nullable => {
            types.push("null".into());
            types.into()
        }
        types => types,
    }
}

/// Object metadata as every kind has it. Of the schema's own words about it, those about the name count.
fn metadata(declared: Option<&Value>) -> Value {
    let strings = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let name = declared.and_then(|metadata| metadata.pointer("/properties/name"));
    let name = name.map_or_else(|| json!({}), |name| translate(name, Place::Junctor));
    json!({"type": "object", "properties": {
        "name": {"type": "string", "allOf": [name]}, "namespace": {"type": "string"},
        "labels": strings, "annotations": strings
    }})
}
