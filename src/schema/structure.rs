//! Checks the structure of an object: everything a structural schema says except its CEL rules.
//!
//! In: the structural schema, read once into a tree, then objects with defaults applied. Out: violations, found by one walk
//! over tree and object. What a value may be by itself stands in `limit`, the words in `message`. It must not apply
//! defaults.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::limit::{Limit, flag, keyword};
use super::path::Trail;
use super::pattern::Patterns;
use super::{BuildError, Violation, message};

/// What every kind has; a schema may only add to it.
const HEADER: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What one schema node says about a value.
#[derive(Debug, Default)]
pub struct Structure {
    limits: Vec<Limit>,
    required: Vec<String>,
    properties: BTreeMap<String, Structure>,
    /// Every other field (`additionalProperties`).
    others: Option<Box<Structure>>,
    /// Whether a field that is neither is a violation.
    closed: bool,
    items: Option<Box<Structure>>,
    all: Vec<Structure>,
    any: Vec<Structure>,
    one: Vec<Structure>,
    not: Option<Box<Structure>>,
}

/// Where a schema stands, which decides what its objects take besides the fields it names.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The object itself: has type and object metadata.
    Root,
    /// A value: closed, unless the schema says otherwise.
    Value,
    /// An item of a list that keeps unknown fields: so does the item, but not what is in its known fields.
    Open,
    /// Inside `allOf`, `anyOf`, `oneOf` or `not`: says something about fields that are declared elsewhere.
    Junctor,
}

impl Structure {
    pub fn build(schema: &Value) -> Result<Structure, BuildError> {
        Structure::read(schema, Place::Root, "", &mut Patterns::default())
    }

    pub fn check(&self, object: &Value) -> Vec<Violation> {
        self.violations(object, &Trail::Object)
    }

    /// `at` is a JSON pointer into the whole schema.
    fn read(schema: &Value, place: Place, at: &str, patterns: &mut Patterns) -> Result<Structure, BuildError> {
        let int_or_string = flag(schema, "x-kubernetes-int-or-string");
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        let open = place == Place::Open || flag(schema, "x-kubernetes-preserve-unknown-fields");
        let inner = if place == Place::Junctor { Place::Junctor } else { Place::Value };
        let item = if open { Place::Open } else { inner };

        let mut structure = Structure {
            limits: Limit::read(schema, at, patterns)?,
            required: keyword(schema, "required", at)?.unwrap_or_default(),
            ..Structure::default()
        };
        let mut inside =
            |step: &str, schema: &Value, place| Structure::read(schema, place, &format!("{at}/{step}"), patterns);
        let header = if embedded || place == Place::Root { HEADER.as_slice() } else { &[] };
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let place = if header.contains(&name.as_str()) { Place::Junctor } else { inner };
            let property = inside(&format!("properties/{name}"), property, place)?;
            structure.properties.insert(name.clone(), property);
        }
        for name in header {
            let own = inside(name, &header_field(name), Place::Junctor)?;
            let all = structure.properties.remove(*name).into_iter().collect();
            structure.properties.insert(name.to_string(), Structure { all, ..own });
        }
        if embedded {
            structure.required.extend(["apiVersion".into(), "kind".into()]);
        }
        let mut boxed = |step: &str, place| {
            let schema = schema.get(step).filter(|schema| **schema != false);
            schema.map(|schema| inside(step, schema, place).map(Box::new)).transpose()
        };
        structure.others = boxed("additionalProperties", inner)?;
        structure.items = boxed("items", item)?;
        structure.not = boxed("not", Place::Junctor)?;
        let mut branches = |step: &str| {
            let branches = schema.get(step).and_then(Value::as_array).into_iter().flatten();
            // Beside int-or-string, `anyOf: [{type: integer}, {type: string}]` is only an idiom.
            let branches = branches.filter(|branch| !(int_or_string && branch.get("type").is_some()));
            branches.map(|branch| inside(step, branch, Place::Junctor)).collect::<Result<Vec<_>, _>>()
        };
        structure.all = branches("allOf")?;
        structure.any = branches("anyOf")?;
        structure.one = branches("oneOf")?;
        let of_objects = !int_or_string && schema.get("type").is_none_or(|kind| kind == "object");
        structure.closed = of_objects && !open && place != Place::Junctor && structure.others.is_none();
        Ok(structure)
    }

    fn violations(&self, value: &Value, at: &Trail) -> Vec<Violation> {
        let mut found = Vec::new();
        self.walk(value, at, &mut found);
        found
    }

    fn walk(&self, value: &Value, at: &Trail, found: &mut Vec<Violation>) {
        let here = |message: String| Violation { path: at.path(), message };
        found.extend(self.limits.iter().filter_map(|limit| limit.broken_by(value)).map(here));
        // The API server holds a null to its type and its `enum` alone.
        if value.is_null() {
            return;
        }
        self.all.iter().for_each(|branch| branch.walk(value, at, found));
        for (branches, is_choice) in [(&self.any, false), (&self.one, true)] {
            let attempts: Vec<_> = branches.iter().map(|branch| branch.violations(value, at)).collect();
            match attempts.iter().filter(|attempt| attempt.is_empty()).count() {
                0 if !branches.is_empty() => found.push(here(message::fits_none(&at.path(), &attempts))),
                2.. if is_choice => found.push(here(message::FITS_SEVERAL.into())),
                _ => {}
            }
        }
        if self.not.as_ref().is_some_and(|branch| branch.violations(value, at).is_empty()) {
            found.push(here("has a form that is not allowed here".into()));
        }
        match value {
            Value::Object(fields) => self.walk_fields(fields, at, found),
            Value::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.items.iter().for_each(|node| node.walk(item, &Trail::Item(at, position), found));
                }
            }
            _ => {}
        }
    }

    fn walk_fields(&self, fields: &Map<String, Value>, at: &Trail, found: &mut Vec<Violation>) {
        for (name, value) in fields {
            let at = Trail::Field(at, name);
            match self.properties.get(name).or(self.others.as_deref()) {
                Some(node) => node.walk(value, &at, found),
                None if self.closed => {
                    let message = message::unknown_field(name, self.properties.keys());
                    found.push(Violation { path: at.path(), message });
                }
                None => {}
            }
        }
        for name in self.required.iter().filter(|name| !fields.contains_key(*name)) {
            let allowed = self.properties.get(name).and_then(|node| node.limits.iter().find_map(Limit::allowed));
            found.push(Violation { path: Trail::Field(at, name).path(), message: message::required(allowed) });
        }
    }
}

/// One of [`HEADER`]; what else stands in `metadata` is the API server's own.
fn header_field(name: &str) -> Value {
    let text = json!({"type": "string"});
    if name != "metadata" {
        return text;
    }
    let texts = json!({"type": "object", "additionalProperties": text});
    json!({"type": "object", "properties": {"name": text, "namespace": text, "labels": texts, "annotations": texts}})
}
