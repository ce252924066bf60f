//! Cases for the whole check: paths and words. Whether the verdicts are the API server's is held in `tests/schema.rs`.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{Holds, Rule, Schema};

fn schema() -> Schema {
    let source = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 10}}},
            "spec": {
                "type": "object",
                "required": ["environment", "size"],
                "properties": {
                    "environment": {"type": "string", "enum": ["dev", "staging", "prod"]},
                    "size": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 1},
                    "replicas": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
                    "when": {"type": "string", "format": "date-time"},
                    "backup": {"type": "object", "properties": {"enabled": {"type": "boolean"}}},
                    "parameters": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}},
                    "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                    "note": {"type": "string", "nullable": true},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "empty": {"type": "object"},
                    "source": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
                    "template": {"type": "object", "x-kubernetes-embedded-resource": true,
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
                    "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set", "maxItems": 3},
                    "roles": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"], "properties": {
                            "name": {"type": "string"},
                            "level": {"type": "integer"}}}},
                },
            },
        },
    });
    let rule = |path, message, holds| Rule { path, message, holds };
    let enough = |it: &Value| it["spec"]["replicas"].as_i64() != Some(1) || it["spec"]["environment"] != "prod";
    let rules = vec![
        rule("", "must have another name", Holds::Object(|it| it["metadata"]["name"] != "forbidden")),
        rule("spec", "prod has 2 replicas or more", Holds::Object(enough)),
        rule("spec.size", "cannot change", Holds::Edit(|old, new| old["spec"]["size"] == new["spec"]["size"])),
    ];
    Schema::build(&source, rules).unwrap()
}

/// An object with the smallest valid spec, and `fields` in it.
fn object(fields: Value) -> Value {
    let mut spec = json!({"environment": "dev", "size": "small"});
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    json!({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec})
}

fn told(violations: Vec<super::Violation>) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_of_the_structure_has_its_path_and_what_would_be_right() {
    let schema = schema();
    let cases: Vec<(Value, &[&str])> = vec![
        (json!({}), &[]),
        (
            json!({"environment": "prdo", "replicas": 3}),
            &["spec.environment: \"prdo\" is not allowed; write dev, staging or prod (did you mean prod?)"],
        ),
        (json!({"replica": 3}), &["spec.replica: unknown field; did you mean replicas?"]),
        (
            json!({"backup": {"enable": true, "colour": 1}}),
            &[
                "spec.backup.colour: unknown field; known here: enabled",
                "spec.backup.enable: unknown field; did you mean enabled?",
            ],
        ),
        (json!({"empty": {"a": 1}}), &["spec.empty.a: unknown field; none is known here"]),
        (
            json!({"free": {"a": {"b": [1]}}, "template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"x": 1}, "spec": {"a": 1}}}),
            &[],
        ),
        (
            json!({"template": {"kind": "Pod", "data": 1}}),
            &[
                "spec.template.apiVersion: is required",
                "spec.template.data: unknown field; known here: apiVersion, kind, metadata, spec",
            ],
        ),
        (json!({"replicas": "3"}), &["spec.replicas: \"3\" is a text; write 3 without quotes"]),
        (json!({"replicas": 2.5}), &["spec.replicas: 2.5 is a number; write a whole number"]),
        (json!({"replicas": 10}), &["spec.replicas: 10 is too large; write 9 or less"]),
        (json!({"replicas": 0}), &["spec.replicas: 0 is too small; write 1 or more"]),
        (
            json!({"size": ""}),
            &["spec.size: \"\" does not match ^[a-z]+$", "spec.size: is empty; write at least one character"],
        ),
        (json!({"size": "gigantic"}), &["spec.size: \"gigantic\" has 8 characters; write 5 or less"]),
        (json!({"size": true}), &["spec.size: true is a boolean; write \"true\""]),
        (json!({"parameters": {"max.x": 3, "b": "c"}}), &["spec.parameters[\"max.x\"]: 3 is a number; write \"3\""]),
        (json!({"parameters": {"a": "", "b": "", "c": ""}}), &["spec.parameters: has 3 fields; write 2 or less"]),
        (json!({"port": "http"}), &[]),
        (json!({"port": 80}), &[]),
        (json!({"port": [80]}), &["spec.port: [80] is a list; write a whole number or a text"]),
        (json!({"note": null, "size": "a", "when": "2026-01-31T12:00:00Z"}), &[]),
        (json!({"when": "tomorrow"}), &["spec.when: \"tomorrow\" is not a date-time, such as 2026-01-31T12:00:00Z"]),
        (json!({"source": {}}), &["spec.source: fits none of the allowed forms: a is required; or b is required"]),
        (
            json!({"source": {"a": "", "b": ""}}),
            &["spec.source: fits more than one of the forms of which only one may be used"],
        ),
        (json!({"tags": ["a", "b", "a"]}), &["spec.tags: items 0 and 2 are both \"a\"; each may stand here only once"]),
        (json!({"tags": ["a", 1]}), &["spec.tags[1]: 1 is a number; write \"1\""]),
        (
            json!({"roles": [{"name": "a"}, {"name": "a", "level": 1}]}),
            &["spec.roles: items 0 and 1 are both {\"name\":\"a\"}; each may stand here only once"],
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(told(schema.check(&object(fields.clone()))), expected, "{fields}");
    }
}

#[test]
fn rarer_keywords_have_words_too() {
    let cases = [
        (json!({"minimum": 1, "exclusiveMinimum": true}), json!(1), "1 is too small; write more than 1"),
        (json!({"maximum": 2.5, "exclusiveMaximum": true}), json!(3), "3 is too large; write less than 2.5"),
        (json!({"multipleOf": 12}), json!(13), "13 is not a multiple of 12"),
        (json!({"minLength": 2}), json!("a"), "\"a\" is too short; write 2 characters or more"),
        (json!({"minItems": 2}), json!([1]), "has 1 item; write 2 or more"),
        (json!({"maxItems": 1}), json!([1, 2]), "has 2 items; write 1 or less"),
        (json!({"minProperties": 1}), json!({}), "has 0 fields; write 1 or more"),
        (json!({"not": {"enum": ["root"]}}), json!("root"), "has a form that is not allowed here"),
        (json!({"type": "boolean"}), json!("true"), "\"true\" is a text; write true without quotes"),
        (json!({"enum": [1, ""]}), json!(2), "2 is not allowed; write 1 or \"\""),
        (json!({"format": "datetime"}), json!("x"), "\"x\" is not a date-time, such as 2026-01-31T12:00:00Z"),
        (
            json!({"anyOf": [{"properties": {"b": {"minimum": 5}}}, {"required": ["c"]}], "properties": {"b": {}}}),
            json!({"b": 4}),
            "fits none of the allowed forms: b 4 is too small; write 5 or more; or c is required",
        ),
    ];
    for (field, value, expected) in cases {
        let schema = Schema::build(&json!({"properties": {"a": field}}), vec![]).unwrap();
        assert_eq!(told(schema.check(&json!({"a": value}))), [format!("a: {expected}")], "{field}");
    }
}

#[test]
fn metadata_is_checked_for_its_types_and_the_schemas_own_limit_on_the_name() {
    let mut broken = object(json!({}));
    broken["metadata"] = json!({"name": "much-too-long", "namespace": 1, "labels": {"a.b/c": true}, "uid": "free"});
    broken["specs"] = json!({});
    assert_eq!(
        told(schema().check(&broken)),
        [
            "metadata.labels[\"a.b/c\"]: true is a boolean; write \"true\"",
            "metadata.name: \"much-too-long\" has 13 characters; write 10 or less",
            "metadata.namespace: 1 is a number; write \"1\"",
            "specs: unknown field; did you mean spec?",
        ]
    );
}

#[test]
fn a_schema_without_meaning_is_refused() {
    let cases = [
        (json!("text"), "a schema must be an object, but this is \"text\""),
        (json!({"properties": {"a": {"pattern": "("}}}), "/properties/a/pattern: "),
        (json!({"properties": {"a": {"type": "strnig"}}}), "/properties/a/type"),
    ];
    for (schema, expected) in cases {
        let error = Schema::build(&schema, vec![]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn structure_and_rules_are_told_together() {
    let mut broken = object(json!({"environment": "prod", "size": 3}));
    broken["metadata"]["name"] = "forbidden".into();
    let expected =
        ["must have another name", "spec: prod has 2 replicas or more", "spec.size: 3 is a number; write \"3\""];
    assert_eq!(told(schema().check(&broken)), expected);
}

#[test]
fn rules_about_edits_need_an_object_that_was_there() {
    let (old, new) = (object(json!({})), object(json!({"size": "large"})));
    assert_eq!(told(schema().check(&new)), [""; 0]);
    assert_eq!(told(schema().check_update(&old, &new)), ["spec.size: cannot change"]);
    assert_eq!(told(schema().check_update(&old, &old)), [""; 0]);
}
