//! Turns JSON into CEL values, typed by the schema as the API server types them.
//!
//! In: a structural schema and a value that should fit it. Out: what a rule sees as `self`. A value that does not fit
//! is passed on as plain JSON; it must not judge it. The functions are `kube-cel`'s; its own conversion is not used,
//! because it escapes `max_size` to `max__size` (the API server leaves it), takes `1` in a field of type number for an
//! integer, and pairs old and new list items by position.

use std::collections::HashMap;
use std::sync::Arc;

use function_database::schema::format;
use kube_cel::cel::functions::time;
use kube_cel::cel::objects::{Key, Map};
use kube_cel::cel::{Context, Program, Value as Cel};
use serde_json::Value;

/// Names that a CEL expression cannot use for a field; they are written `__name__` there.
/// Kubernetes 1.35, `k8s.io/apiserver/pkg/cel`, `escaping.go`.
const RESERVED: [&str; 18] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
];

/// The CEL value of `value`. `context` must have Kubernetes' functions.
pub fn convert(schema: Option<&Value>, value: &Value, context: &Context) -> Cel {
    let keyword = |name: &str| schema.and_then(|schema| schema.get(name));
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => {
            let wanted = keyword("type").and_then(Value::as_str);
            match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) if wanted != Some("number") => Cel::Int(whole),
                // A whole number may be written 3.0; within 53 bits the conversion is exact.
                (None, Some(float)) if wanted == Some("integer") && float.fract() == 0.0 => Cel::Int(float as i64),
                (_, float) => Cel::Float(float.unwrap_or(f64::NAN)),
            }
        }
        Value::String(text) => {
            let int_or_string = keyword("x-kubernetes-int-or-string").is_some_and(|flag| flag == true);
            let format = keyword("format").and_then(Value::as_str).filter(|_| !int_or_string);
            format.and_then(|format| formatted(format, text, context)).unwrap_or_else(|| string(text))
        }
        Value::Array(items) => {
            let schema = keyword("items");
            Cel::List(Arc::new(items.iter().map(|item| convert(schema, item, context)).collect()))
        }
        Value::Object(fields) => {
            let properties = keyword("properties");
            let others = keyword("additionalProperties").filter(|schema| **schema != false);
            let entries = fields.iter().filter_map(|(name, value)| {
                let declared = properties.and_then(|properties| properties.get(name));
                // The keys of a map are data, not names of fields, and stay as they are.
                let key = if others.is_some() { Some(name.clone()) } else { escape(name) };
                Some((Key::from(key?), convert(declared.or(others), value, context)))
            });
            Cel::Map(Map { map: Arc::new(entries.collect::<HashMap<_, _>>()) })
        }
    }
}

fn string(text: &str) -> Cel {
    Cel::String(Arc::new(text.to_owned()))
}

/// A text that CEL knows as more than a text; `None` if its format is another, or if it does not have the format.
fn formatted(format: &str, text: &str, context: &Context) -> Option<Cel> {
    match format {
        "date-time" | "datetime" => time::timestamp(Arc::new(text.to_owned())).ok(),
        "date" => time::timestamp(Arc::new(format!("{text}T00:00:00Z"))).ok(),
        "duration" => time::duration(Arc::new(format!("{}ns", format::nanoseconds(text)?))).ok(),
        "byte" => {
            let mut scope = context.new_inner_scope();
            scope.add_variable_from_value("text", string(text));
            Program::compile("base64.decode(text)").ok()?.execute(&scope).ok()
        }
        _ => None,
    }
}

/// The name by which an expression reads a field; `None` if no expression can.
fn escape(name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(legal) {
        return None;
    }
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let escaped = name.replace("__", "__underscores__");
    Some(escaped.replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__"))
}

#[cfg(test)]
mod tests {
    use kube_cel::KubeCelExt;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_escaped_as_the_api_server_does() {
        let cases = [
            ("replicas", Some("replicas")),
            ("max_size", Some("max_size")),
            ("a__b", Some("a__underscores__b")),
            ("a.b-c/d", Some("a__dot__b__dash__c__slash__d")),
            ("namespace", Some("__namespace__")),
            ("1st", None),
            ("a b", None),
        ];
        for (name, expected) in cases {
            assert_eq!(escape(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_value_has_the_type_that_its_schema_says() {
        let context = Context::default().with_all();
        let text = |format: &str| json!({"type": "string", "format": format});
        let cases = [
            (json!({"type": "integer"}), json!(3), "self / 2 == 1"),
            (json!({"type": "integer"}), json!(3.0), "self / 2 == 1"),
            (json!({"type": "number"}), json!(3), "self / 2.0 == 1.5"),
            (text("date-time"), json!("2026-01-31T12:00:00Z"), "self.getFullYear() == 2026"),
            (text("date"), json!("2026-01-31"), "self.getDayOfMonth() == 30"),
            (text("duration"), json!("90m"), "self > duration('1h')"),
            (text("duration"), json!("1d"), "self == duration('24h')"),
            (text("byte"), json!("QUJD"), "size(self) == 3"),
            (text("duration"), json!("soon"), "self == 'soon'"),
            (json!({"x-kubernetes-int-or-string": true, "format": "duration"}), json!("1h"), "self == '1h'"),
            (json!({"properties": {"in": {}}}), json!({"in": 1, "x.y": 2}), "self.__in__ + self.x__dot__y == 3"),
            (json!({"additionalProperties": {"type": "number"}}), json!({"x.y": 2}), "self['x.y'] / 4.0 == 0.5"),
        ];
        for (schema, value, rule) in cases {
            let mut scope = context.new_inner_scope();
            scope.add_variable_from_value("self", convert(Some(&schema), &value, &context));
            assert_eq!(Program::compile(rule).unwrap().execute(&scope), Ok(Cel::Bool(true)), "{rule} with {value}");
        }
    }
}
