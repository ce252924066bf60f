//! Words for what is wrong with the structure of an object.
//!
//! In: what stands there, and what may stand there. Out: both in words, what stands there shortened. It must not decide
//! whether an object is valid.

use serde_json::Value;

use super::Violation;
use super::limit::Kind;

pub const FITS_SEVERAL: &str = "fits more than one of the forms of which only one may be used";

pub fn wrong_type(value: &Value, wanted: Kind) -> String {
    let (is, number) = match value {
        Value::Null => ("nothing", false),
        Value::Bool(_) => ("a boolean", false),
        Value::Number(_) => ("a number", false),
        Value::String(text) => ("a text", serde_json::from_str::<i64>(text).is_ok()),
        Value::Array(_) => ("a list", false),
        Value::Object(_) => ("an object", false),
    };
    let fix = match (value, wanted) {
        (Value::Number(_) | Value::Bool(_), Kind::String | Kind::IntegerOrString) => format!("write \"{value}\""),
        (Value::String(text), Kind::Integer | Kind::Number) if number => format!("write {text} without quotes"),
        (Value::String(text), Kind::Boolean) if serde_json::from_str::<bool>(text).is_ok() => {
            format!("write {text} without quotes")
        }
        _ => format!("write {}", words(wanted)),
    };
    format!("{} is {is}; {fix}", shorten(value))
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "true or false",
        Kind::Integer => "a whole number",
        Kind::Number => "a number",
        Kind::String => "a text",
        Kind::Array => "a list",
        Kind::Object => "an object",
        Kind::IntegerOrString => "a whole number or a text",
    }
}

pub fn not_allowed(value: &Value, allowed: &[Value]) -> String {
    let near = value.as_str().and_then(|value| nearest(value, allowed.iter().filter_map(Value::as_str)));
    let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
    format!("{} is not allowed; write {}{near}", shorten(value), list(allowed))
}

/// `allowed` are the only values that there are, if they are few.
pub fn required(allowed: Option<&[Value]>) -> String {
    let hint = allowed.map(|allowed| format!("; write {}", list(allowed))).unwrap_or_default();
    format!("is required{hint}")
}

/// What each form of `anyOf` or `oneOf` would need of the value at `path`.
pub fn fits_none(path: &str, attempts: &[Vec<Violation>]) -> String {
    let need = |violation: &Violation| {
        let inner = violation.path.strip_prefix(path).unwrap_or_default();
        format!("{} {}", inner.trim_start_matches('.'), violation.message).trim_start().to_owned()
    };
    let needs = |attempt: &Vec<Violation>| attempt.iter().map(need).collect::<Vec<_>>().join(" and ");
    format!("fits none of the allowed forms: {}", attempts.iter().map(needs).collect::<Vec<_>>().join("; or "))
}

pub fn unknown_field<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    const SHOWN: usize = 12;
    let known: Vec<&str> = known.map(String::as_str).collect();
    match nearest(name, known.iter().copied()) {
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

/// What a text of the format looks like.
pub fn example(format: &str) -> &'static str {
    match format {
        "date-time" => ", such as 2026-01-31T12:00:00Z",
        "date" => ", such as 2026-01-31",
        "duration" => ", such as 1h30m",
        "byte" => " text in base64",
        _ => "",
    }
}

pub fn count(count: usize, noun: &str) -> String {
    match count {
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
