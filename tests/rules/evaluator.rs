//! The evaluator of CEL rules in `tests/support/cel`: what it says, and when it is silent. Whether its verdicts are the API
//! server's is held in `tests/schema.rs`.

use function_database::schema::Violation;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::cel::Schema;

fn schema() -> Schema {
    let rule = |rule: &str, message: &str| json!([{"rule": rule, "message": message}]);
    let built = Schema::build(&json!({
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": rule("self.metadata.name != 'forbidden'", "must have another name"),
        "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 10}}},
            "spec": {
                "type": "object",
                "required": ["environment", "size"],
                "x-kubernetes-validations": rule("self.replicas > 1 || self.environment != 'prod'", "prod has 2 replicas or more"),
                "properties": {
                    "environment": {"type": "string", "enum": ["dev", "staging", "prod"],
                        "x-kubernetes-validations": rule("self == oldSelf", "cannot change")},
                    "size": {"type": "string", "maxLength": 5},
                    "replicas": {"type": "integer", "default": 1},
                    "roles": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"], "properties": {
                            "name": {"type": "string"},
                            "level": {"type": "integer", "x-kubernetes-validations": rule("self >= oldSelf", "only grows")}}}},
                },
            },
        },
    }));
    built.unwrap()
}

/// An object with the smallest valid spec, and `fields` in it.
fn object(fields: Value) -> Value {
    let mut spec = json!({"environment": "dev", "size": "small"});
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    json!({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec})
}

fn told(violations: Vec<Violation>) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn structure_and_rules_are_told_together() {
    let mut broken = object(json!({"environment": "prod", "size": 3}));
    broken["metadata"]["name"] = "forbidden".into();
    assert_eq!(
        told(schema().check(None, &broken)),
        ["must have another name", "spec: prod has 2 replicas or more", "spec.size: 3 is a number; write \"3\""]
    );
}

#[test]
fn a_rule_is_silent_about_what_the_structure_already_told() {
    let unnamed = json!({"metadata": {"name": 3}, "spec": {"size": "a", "replicas": "many"}});
    assert_eq!(
        told(schema().check(None, &unnamed)),
        [
            "metadata.name: 3 is a number; write \"3\"",
            "spec.environment: is required; write dev, staging or prod",
            "spec.replicas: \"many\" is a text; write a whole number",
        ]
    );
}

#[test]
fn transition_rules_pair_list_items_by_key() {
    let schema = schema();
    let roles = |roles: &[(&str, i64)]| {
        object(
            json!({"roles": roles.iter().map(|(name, level)| json!({"name": name, "level": level})).collect::<Vec<_>>()}),
        )
    };
    let old = roles(&[("a", 1), ("b", 5)]);
    assert_eq!(told(schema.check(Some(&old), &roles(&[("c", 0), ("b", 6), ("a", 1)]))), [""; 0]);
    assert_eq!(told(schema.check(Some(&old), &roles(&[("b", 4), ("a", 1)]))), ["spec.roles[0].level: only grows"]);
    let moved = object(json!({"environment": "staging"}));
    assert_eq!(told(schema.check(Some(&object(json!({}))), &moved)), ["spec.environment: cannot change"]);
    assert_eq!(told(schema.check(None, &moved)), [""; 0]);
}

#[test]
fn what_cannot_be_evaluated_is_a_violation() {
    let rules = json!([
        {"rule": "self.all(", "message": "never"},
        {"rule": "cel.bind(x, self.a, x > 0)"},
        {"rule": "self.a"},
        {"rule": "self.a > 5", "messageExpression": "'a is ' + string(self.a)", "fieldPath": ".a"},
        {"message": "no rule at all"},
    ]);
    let schema = json!({"properties": {"spec": {
        "type": "object", "x-kubernetes-validations": rules,
        "properties": {"a": {"type": "integer"}},
    }}});
    let schema = Schema::build(&schema).unwrap();
    let found = told(schema.check(None, &json!({"spec": {"a": 1}})));
    for (line, part) in found.iter().zip([
        "spec: the rule \"cel.bind(x, self.a, x > 0)\" cannot be evaluated here",
        "spec: the rule \"self.a\" is neither true nor false",
        "spec: the rule \"self.all(\" cannot be compiled here",
        "spec: {\"message\":\"no rule at all\"} is no rule: missing field `rule`",
        "spec.a: a is 1",
    ]) {
        assert!(line.starts_with(part), "{line}\n{part}");
    }
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(schema.uncompiled().len(), 2);
}

#[test]
fn a_transition_rule_that_cannot_be_compiled_counts_for_updates_only() {
    let rule = json!([{"rule": "!has(self.?a.b) || self.c == oldSelf.c"}]);
    let schema = Schema::build(&json!({"type": "object", "x-kubernetes-validations": rule})).unwrap();
    assert_eq!(told(schema.check(None, &json!({}))), [""; 0]);
    let found = told(schema.check(Some(&json!({})), &json!({})));
    assert!(found.len() == 1 && found[0].contains("unsupported syntax '.?'"), "{found:?}");
}
