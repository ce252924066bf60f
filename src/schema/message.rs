//! Words for what is wrong with the structure of an object.
//!
//! In: an error of the `jsonschema` crate. Out: violations that say what stands there, shortened, and what may stand
//! there. It must not decide whether an object is valid.

use jsonschema::JsonType;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::keywords::{KNOWN_FIELDS, names};
use super::{Violation, path};

/// The violations that one error stands for: one for each unknown field, else one.
pub fn violations(error: &ValidationError, object: &Value, translation: &Value) -> Vec<Violation> {
    let path = path::of(object, error.instance_path().segments().map(|step| step.to_string()));
    let keyword = translation.pointer(error.schema_path().as_str());
    let schema = error.schema_path().as_str().rsplit_once('/').and_then(|(parent, _)| translation.pointer(parent));
    match error.kind() {
        Kind::Custom { keyword: name, .. } if name == KNOWN_FIELDS => {
            let known = keyword.map(names).unwrap_or_default();
            let fields = error.instance().as_object();
            let unknown = fields.into_iter().flat_map(|fields| fields.keys()).filter(|name| !known.contains(name));
            unknown
                .map(|name| Violation { path: path::key(&path, name), message: unknown_field(name, &known) })
                .collect()
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let allowed = schema.and_then(|schema| schema.pointer("/properties")?.get(name)?.get("enum")?.as_array());
            let hint = allowed.map(|allowed| format!("; write {}", list(allowed))).unwrap_or_default();
            vec![Violation { path: path::key(&path, name), message: format!("is required{hint}") }]
        }
        kind => vec![Violation { path, message: describe(error, kind) }],
    }
}

fn describe(error: &ValidationError, kind: &Kind) -> String {
    let value = error.instance();
    let shown = shorten(value);
    match kind {
        Kind::Type { kind } => wrong_type(value, kind),
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let near = value.as_str().and_then(|value| nearest(value, options.iter().filter_map(Value::as_str)));
            let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            format!("{shown} is not allowed; write {}{near}", list(options))
        }
        Kind::Pattern { pattern } => format!("{shown} does not match {pattern}"),
        Kind::Format { format } => format!("{shown} is not a {format}{}", example(format)),
        Kind::Minimum { limit } => format!("{shown} is too small; write {limit} or more"),
        Kind::Maximum { limit } => format!("{shown} is too large; write {limit} or less"),
        Kind::ExclusiveMinimum { limit } => format!("{shown} is too small; write more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{shown} is too large; write less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("{shown} is not a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } => "is empty; write at least one character".into(),
        Kind::MinLength { limit } => format!("{shown} is too short; write {limit} characters or more"),
        Kind::MaxLength { limit } => {
            let length = value.as_str().map(|text| text.chars().count()).unwrap_or_default();
            format!("{shown} has {length} characters; write {limit} or less")
        }
        Kind::MinItems { limit } => format!("has {}; write {limit} or more", count(value, "item")),
        Kind::MaxItems { limit } => format!("has {}; write {limit} or less", count(value, "item")),
        Kind::MinProperties { limit } => format!("has {}; write {limit} or more", count(value, "field")),
        Kind::MaxProperties { limit } => format!("has {}; write {limit} or less", count(value, "field")),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            format!("fits none of the allowed forms: {}", forms(context))
        }
        Kind::OneOfMultipleValid { .. } => "fits more than one of the forms of which only one may be used".into(),
        Kind::Not { .. } => "has a form that is not allowed here".into(),
        Kind::Custom { message, .. } => message.clone(),
        _ => error.to_string(),
    }
}

/// What each form of `anyOf` or `oneOf` would need.
fn forms(context: &[Vec<ValidationError>]) -> String {
    let branch = |errors: &Vec<ValidationError>| {
        let needs = errors.iter().map(|error| match error.kind() {
            Kind::Required { property } => format!("{} is required", property.as_str().unwrap_or_default()),
            kind => describe(error, kind),
        });
        needs.collect::<Vec<_>>().join(" and ")
    };
    context.iter().map(branch).collect::<Vec<_>>().join("; or ")
}

fn wrong_type(value: &Value, wanted: &TypeKind) -> String {
    let wanted: Vec<JsonType> = match wanted {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().collect(),
    };
    let wants = |kind| wanted.contains(&kind);
    let as_text = |text: &str| serde_json::from_str::<Value>(text).ok();
    let fix = match value {
        Value::Number(_) | Value::Bool(_) if wants(JsonType::String) => format!("write \"{value}\""),
        Value::String(text)
            if as_text(text).is_some_and(|inner| {
                inner.is_i64() && (wants(JsonType::Integer) || wants(JsonType::Number))
                    || inner.is_boolean() && wants(JsonType::Boolean)
            }) =>
        {
            format!("write {text} without quotes")
        }
        _ => {
            let kinds = wanted.iter().filter(|kind| **kind != JsonType::Null).map(|kind| words(*kind));
            format!("write {}", kinds.collect::<Vec<_>>().join(" or "))
        }
    };
    let is = if value.is_boolean() { "a boolean" } else { words(type_of(value)) };
    format!("{} is {is}; {fix}", shorten(value))
}

fn type_of(value: &Value) -> JsonType {
    match value {
        Value::Null => JsonType::Null,
        Value::Bool(_) => JsonType::Boolean,
        Value::Number(_) => JsonType::Number,
        Value::String(_) => JsonType::String,
        Value::Array(_) => JsonType::Array,
        Value::Object(_) => JsonType::Object,
    }
}

fn words(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "nothing",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a text",
        JsonType::Array => "a list",
        JsonType::Object => "an object",
    }
}

fn unknown_field(name: &str, known: &[String]) -> String {
    const SHOWN: usize = 12;
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("unknown field; did you mean {near}?"),
        None if known.is_empty() => "unknown field; none is known here".into(),
        None if known.len() <= SHOWN => format!("unknown field; known here: {}", known.join(", ")),
        None => "unknown field".into(),
    }
}

/// The candidate that a typing mistake most likely meant.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LIKELY: f64 = 0.6;
    let name = name.to_lowercase();
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase());
    let best = candidates.map(|candidate| (likeness(candidate), candidate)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= LIKELY).map(|(_, candidate)| candidate)
}

fn example(format: &str) -> &'static str {
    match format {
        "date-time" => ", such as 2026-01-31T12:00:00Z",
        "date" => ", such as 2026-01-31",
        "duration" => ", such as 1h30m",
        "byte" => " text in base64",
        _ => "",
    }
}

fn count(value: &Value, noun: &str) -> String {
    let count = value.as_array().map(Vec::len).or_else(|| value.as_object().map(|fields| fields.len()));
    match count.unwrap_or_default() {
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}

/// `a, b or c`; texts without quotes unless they are empty.
fn list(values: &[Value]) -> String {
    let words: Vec<String> = values
        .iter()
        .map(|value| value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".into(),
    }
}

/// The value as JSON, cut after 40 characters.
pub fn shorten(value: &Value) -> String {
    const LENGTH: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
