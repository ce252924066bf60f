//! What is wrong with bytes or values. In: complaints of protobuf and serde. Out: [`Undecodable`], which says where.
//! Must not repeat a text found in the value, which may be secret.

use serde::{
    de::{self, Expected, Unexpected},
    ser,
};
use std::fmt;

/// Something could not be read as what it should be, or not be written as an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", self.location())]
pub struct Undecodable {
    /// What was read, e.g. `input`.
    pub place: String,
    /// Where in it, e.g. `spec.replicas`. Empty: all of it.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Undecodable {
    pub(super) fn at(place: &str, error: Error) -> Self {
        let Complaint { path, message } = *error.0;
        Undecodable { place: place.to_owned(), path, message }
    }

    /// Place and path with a colon after them, or nothing.
    fn location(&self) -> String {
        match (self.place.as_str(), self.path.as_str()) {
            ("", "") => String::new(),
            (place, "") => format!("{place}: "),
            ("", path) => format!("{path}: "),
            (place, path) if path.starts_with('[') => format!("{place}{path}: "),
            (place, path) => format!("{place}.{path}: "),
        }
    }
}

/// One complaint, on its way up to the object as a whole. In a box, for results to be small.
#[derive(Debug)]
pub(super) struct Error(Box<Complaint>);

#[derive(Debug)]
struct Complaint {
    /// Where below the value that is being read.
    path: String,
    message: String,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Error(Box::new(Complaint { path: String::new(), message: message.into() }))
    }

    pub fn truncated() -> Self {
        Error::new("the bytes of the object end too early")
    }

    pub fn wire_type() -> Self {
        Error::new("the bytes of the object have a wrong wire type")
    }

    pub fn too_deep() -> Self {
        Error::new(format!("is nested deeper than {} levels", super::DEPTH))
    }

    pub fn not_finite() -> Self {
        Error::new("is not a finite number, and JSON has no other")
    }

    /// Seen from the object that has it in the entry of that name.
    pub fn in_entry(mut self, name: &str) -> Self {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = format!("{name}{dot}{}", self.0.path);
        self
    }

    /// Seen from the list that has it in the item of that index, from 0.
    pub fn in_item(self, index: usize) -> Self {
        self.in_entry(&format!("[{index}]"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<prost::DecodeError> for Error {
    fn from(error: prost::DecodeError) -> Self {
        Error::new(error.to_string())
    }
}

impl From<std::str::Utf8Error> for Error {
    fn from(_: std::str::Utf8Error) -> Self {
        Error::new("is not valid UTF-8")
    }
}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(message.to_string())
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let expected = match expected.as_str() {
            "i8" | "i16" | "i32" | "i64" => "a whole number",
            "u8" | "u16" | "u32" | "u64" => "a whole number from 0",
            "f32" | "f64" => "a number",
            "a string" | "a borrowed string" => "a text",
            "a sequence" => "a list",
            "a map" => "an object",
            name if name.starts_with("struct ") => "an object",
            other => other,
        };
        Error::new(format!("is {}, not {expected}", Found(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::new(format!("is {}, not {expected}", Found(found)))
    }

    fn unknown_field(_field: &str, known: &'static [&'static str]) -> Self {
        Error::new(format!("unknown field; write one of {}", known.join(", ")))
    }

    fn unknown_variant(_variant: &str, known: &'static [&'static str]) -> Self {
        Error::new(format!("is not allowed; write one of {}", known.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Error::new(format!("{field} is missing"))
    }
}

/// What was found, in the words of JSON. Numbers and booleans are shown, texts are not.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(value) => write!(f, "{value}"),
            Unexpected::Unsigned(value) => write!(f, "{value}"),
            Unexpected::Signed(value) => write!(f, "{value}"),
            Unexpected::Float(value) => write!(f, "{value}"),
            Unexpected::Str(_) | Unexpected::Char(_) | Unexpected::Bytes(_) => f.write_str("a text"),
            Unexpected::Unit | Unexpected::Option => f.write_str("null"),
            Unexpected::Seq => f.write_str("a list"),
            Unexpected::Map => f.write_str("an object"),
            other => write!(f, "{other}"),
        }
    }
}
