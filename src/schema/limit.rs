//! What a value may be by itself: its type, its bounds, its pattern.
//!
//! In: the keywords of one schema node, then values. Out: what is wrong with a value, in words. It must not look into
//! fields and items, which `structure` walks.

use std::cmp::Ordering;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::BuildError;
use super::format::{self, Format};
use super::lists::{self, LIST_KEYS, LIST_TYPE};
use super::message::{self, shorten};
use super::pattern::Patterns;

/// One keyword. Each says nothing about values of another type.
#[derive(Debug)]
pub enum Limit {
    /// With whether it may be null.
    Type(Kind, bool),
    Enum(Vec<Value>),
    /// As it is written, and compiled.
    Pattern(String, Regex),
    /// With its pattern, compiled.
    Format(Format, Regex),
    Minimum(f64),
    ExclusiveMinimum(f64),
    Maximum(f64),
    ExclusiveMaximum(f64),
    MultipleOf(f64),
    /// In characters, as the next.
    MinLength(usize),
    MaxLength(usize),
    MinItems(usize),
    MaxItems(usize),
    MinProperties(usize),
    MaxProperties(usize),
    /// No two items are the same: in these keys, or in all.
    Distinct(Option<Vec<String>>),
}

/// `type`, and what Kubernetes adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
    /// `x-kubernetes-int-or-string`.
    #[serde(skip)]
    IntegerOrString,
}

/// The value of a keyword, if it is there.
pub fn keyword<'a, T: Deserialize<'a>>(schema: &'a Value, name: &str, at: &str) -> Result<Option<T>, BuildError> {
    let value = schema.get(name).map(T::deserialize).transpose();
    value.map_err(|error| BuildError::Invalid { path: format!("{at}/{name}"), message: error.to_string() })
}

pub fn flag(schema: &Value, name: &str) -> bool {
    schema.get(name).is_some_and(|value| *value == true)
}

impl Limit {
    pub fn read(schema: &Value, at: &str, patterns: &mut Patterns) -> Result<Vec<Limit>, BuildError> {
        let kind = match flag(schema, "x-kubernetes-int-or-string") {
            true => Some(Kind::IntegerOrString),
            false => keyword(schema, "type", at)?,
        };
        let mut compile = |name: &str, pattern: &str| {
            let invalid = |error: regex_lite::Error| BuildError::Invalid {
                path: format!("{at}/{name}"),
                message: error.to_string(),
            };
            patterns.compile(pattern).map_err(invalid)
        };
        let pattern = keyword::<String>(schema, "pattern", at)?;
        let pattern = pattern.map(|it| compile("pattern", &it).map(|compiled| Limit::Pattern(it, compiled)));
        let format = keyword(schema, "format", at)?.and_then(format::find);
        let format = format.map(|it| compile("format", it.pattern).map(|compiled| Limit::Format(it, compiled)));
        let exclusive = |name: &str, limit: fn(f64) -> Limit, otherwise| {
            if flag(schema, name) { limit } else { otherwise }
        };
        let minimum = exclusive("exclusiveMinimum", Limit::ExclusiveMinimum, Limit::Minimum);
        let maximum = exclusive("exclusiveMaximum", Limit::ExclusiveMaximum, Limit::Maximum);
        let distinct = schema.get(LIST_TYPE).is_some_and(|kind| kind == "map" || kind == "set");
        let limits = [
            kind.map(|kind| Limit::Type(kind, flag(schema, "nullable"))),
            keyword(schema, "enum", at)?.map(Limit::Enum),
            pattern.transpose()?,
            format.transpose()?,
            keyword(schema, "minimum", at)?.map(minimum),
            keyword(schema, "maximum", at)?.map(maximum),
            keyword(schema, "multipleOf", at)?.map(Limit::MultipleOf),
            keyword(schema, "minLength", at)?.map(Limit::MinLength),
            keyword(schema, "maxLength", at)?.map(Limit::MaxLength),
            keyword(schema, "minItems", at)?.map(Limit::MinItems),
            keyword(schema, "maxItems", at)?.map(Limit::MaxItems),
            keyword(schema, "minProperties", at)?.map(Limit::MinProperties),
            keyword(schema, "maxProperties", at)?.map(Limit::MaxProperties),
            distinct.then(|| Limit::Distinct(schema.get(LIST_KEYS).map(lists::names))),
        ];
        Ok(limits.into_iter().flatten().collect())
    }

    /// What is wrong with the value, and what would be right.
    pub fn broken_by(&self, value: &Value) -> Option<String> {
        use Value::{Array, Null, Object, String as Text};
        let shown = || shorten(value);
        let order = |limit: &f64| compare(value.as_number()?, *limit);
        let length = |text: &str| text.chars().count();
        let message = match (self, value) {
            (Limit::Type(_, true), Null) => return None,
            (Limit::Type(kind, _), _) if !kind.fits(value) => message::wrong_type(value, *kind),
            (Limit::Enum(allowed), _) if !allowed.iter().any(|allowed| same(value, allowed)) => {
                message::not_allowed(value, allowed)
            }
            (Limit::Pattern(written, compiled), Text(text)) if !compiled.is_match(text) => {
                format!("{} does not match {written}", shown())
            }
            (Limit::Format(format, pattern), Text(text)) if !(pattern.is_match(text) && (format.holds)(text)) => {
                format!("{} is not a {}{}", shown(), format.name, message::example(format.name))
            }
            (Limit::Minimum(limit), _) if order(limit).is_some_and(Ordering::is_lt) => {
                format!("{} is too small; write {limit} or more", shown())
            }
            (Limit::Maximum(limit), _) if order(limit).is_some_and(Ordering::is_gt) => {
                format!("{} is too large; write {limit} or less", shown())
            }
            (Limit::ExclusiveMinimum(limit), _) if order(limit).is_some_and(Ordering::is_le) => {
                format!("{} is too small; write more than {limit}", shown())
            }
            (Limit::ExclusiveMaximum(limit), _) if order(limit).is_some_and(Ordering::is_ge) => {
                format!("{} is too large; write less than {limit}", shown())
            }
            (Limit::MultipleOf(factor), Value::Number(number)) if !is_multiple(number, *factor) => {
                format!("{} is not a multiple of {factor}", shown())
            }
            (Limit::MinLength(1), Text(text)) if text.is_empty() => "is empty; write at least one character".into(),
            (Limit::MinLength(limit), Text(text)) if length(text) < *limit => {
                format!("{} is too short; write {limit} characters or more", shown())
            }
            (Limit::MaxLength(limit), Text(text)) if length(text) > *limit => {
                format!("{} has {} characters; write {limit} or less", shown(), length(text))
            }
            (Limit::MinItems(limit), Array(items)) if items.len() < *limit => {
                format!("has {}; write {limit} or more", message::count(items.len(), "item"))
            }
            (Limit::MaxItems(limit), Array(items)) if items.len() > *limit => {
                format!("has {}; write {limit} or less", message::count(items.len(), "item"))
            }
            (Limit::MinProperties(limit), Object(fields)) if fields.len() < *limit => {
                format!("has {}; write {limit} or more", message::count(fields.len(), "field"))
            }
            (Limit::MaxProperties(limit), Object(fields)) if fields.len() > *limit => {
                format!("has {}; write {limit} or less", message::count(fields.len(), "field"))
            }
            (Limit::Distinct(keys), Array(items)) => {
                let (first, second, identity) = lists::repeated(items, keys.as_deref())?;
                format!("items {first} and {second} are both {}; each may stand here only once", shorten(&identity))
            }
            _ => return None,
        };
        Some(message)
    }

    /// The values of `enum`.
    pub fn allowed(&self) -> Option<&[Value]> {
        if let Limit::Enum(allowed) = self { Some(allowed) } else { None }
    }
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Kind::Boolean, Value::Bool(_))
            | (Kind::Number, Value::Number(_))
            | (Kind::String | Kind::IntegerOrString, Value::String(_))
            | (Kind::Array, Value::Array(_))
            | (Kind::Object, Value::Object(_)) => true,
            (Kind::Integer | Kind::IntegerOrString, Value::Number(number)) => {
                number.is_i64() || number.as_f64().is_some_and(is_whole)
            }
            _ => false,
        }
    }
}

/// Whether a value is the one that `enum` has; 3.0 is 3, and null is never meant.
fn same(value: &Value, allowed: &Value) -> bool {
    let numbers = value.as_f64().zip(allowed.as_f64());
    !value.is_null() && numbers.map_or(value == allowed, |(value, allowed)| value == allowed)
}

/// As the API server does: a whole number is compared with the whole part of a limit.
fn compare(number: &Number, limit: f64) -> Option<Ordering> {
    match number.as_i64() {
        Some(whole) => Some(whole.cmp(&(limit as i64))),
        None => number.as_f64()?.partial_cmp(&limit),
    }
}

/// As [`compare`] for a whole number, so that a factor below 1 has no whole multiple.
fn is_multiple(number: &Number, factor: f64) -> bool {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.checked_rem(factor as i64) == Some(0),
        (None, float) => float.is_some_and(|float| is_whole(float / factor)),
    }
}

/// As go-openapi's `swag` has it: within 53 bits, and but for the error of a division.
fn is_whole(number: f64) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    const ERROR: f64 = 1e-9;
    number.abs() <= LARGEST && (number - number.round()).abs() <= ERROR * number.round().abs()
}
