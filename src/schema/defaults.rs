//! Settles nulls and defaults, as the API server does before it validates.
//!
//! In: a structural schema and an object. Out: the object with every default in the place of an absent value, and
//! without the nulls of fields that are not nullable (an absent value, to the API server). It must not judge the object:
//! whatever does not fit the schema stays as it is.

use serde_json::Value;

/// The object as the API server would validate it.
pub fn apply(schema: &Value, object: &Value) -> Value {
    let mut settled = object.clone();
    settle(schema, &mut settled);
    settled
}

fn settle(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| {
                !value.is_null() || child(schema, name).is_none_or(|s| is_nullable(s) || s.get("default").is_some())
            });
            for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if let Some(default) = property.get("default")
                    && fields.get(name).is_none_or(|value| value.is_null() && !is_nullable(property))
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(schema) = child(schema, name) {
                    settle_child(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| settle_child(schema, item));
            }
        }
        _ => {}
    }
}

/// A null that is still there was not absent: a map value or list item with a default takes it.
fn settle_child(schema: &Value, value: &mut Value) {
    if let Some(default) = schema.get("default")
        && value.is_null()
        && !is_nullable(schema)
    {
        *value = default.clone();
    }
    settle(schema, value);
}

fn child<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let property = schema.get("properties").and_then(|properties| properties.get(name));
    property.or_else(|| schema.get("additionalProperties").filter(|schema| schema.is_object()))
}

fn is_nullable(schema: &Value) -> bool {
    schema.get("nullable").and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_values_and_nulls_are_settled() {
        let schema = json!({"properties": {
            "size": {"type": "string", "default": "small"},
            "plain": {"type": "string"},
            "note": {"type": "string", "nullable": true, "default": "none"},
            "backup": {"type": "object", "default": {}, "properties": {"enabled": {"type": "boolean", "default": true}}},
            "lazy": {"type": "object", "properties": {"enabled": {"type": "boolean", "default": true}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"mode": {"default": "a"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "integer", "default": 1}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }});
        let cases = [
            (json!({}), json!({"size": "small", "note": "none", "backup": {"enabled": true}})),
            (
                json!({"size": null, "plain": null, "note": null, "backup": {"enabled": false}, "lazy": {}}),
                json!({"size": "small", "note": null, "backup": {"enabled": false}, "lazy": {"enabled": true}}),
            ),
            (
                json!({"size": "x", "note": "y", "backup": {}, "list": [{}, {"mode": "b"}], "map": {"a": null, "b": 2}}),
                json!({"size": "x", "note": "y", "backup": {"enabled": true}, "list": [{"mode": "a"}, {"mode": "b"}],
                       "map": {"a": 1, "b": 2}}),
            ),
            (
                json!({"size": 3, "note": "y", "backup": "wrong", "free": {"a": null}, "unknown": null}),
                json!({"size": 3, "note": "y", "backup": "wrong", "free": {"a": null}, "unknown": null}),
            ),
        ];
        for (object, expected) in cases {
            assert_eq!(apply(&schema, &object), expected, "{object}");
        }
    }
}
