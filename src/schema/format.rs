//! The formats of strings that the API server checks; it checks none of numbers, not even int32.
//!
//! In: a `format`, or a text that claims to have one. Out: what JSON Schema needs to check it, or whether the text has
//! it. What the `jsonschema` crate knows by the same name and meaning, it checks itself.

use serde_json::{Map, Value};

/// Adds a format to a translated schema. A format that the API server does not check says nothing about a value.
pub fn translate(format: &str, out: &mut Map<String, Value>) {
    match format {
        "datetime" => {
            out.insert("format".into(), "date-time".into());
        }
        "date-time" | "date" | "duration" | "byte" | "uri" | "email" | "hostname" | "ipv4" | "ipv6" | "uuid" => {
            out.insert("format".into(), format.into());
        }
        _ => {}
    }
}

/// A duration as Go writes it (`1h30m`), with the API server's days and weeks (`2d`).
pub fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 9] = ["ns", "us", "µs", "ms", "s", "m", "h", "d", "w"];
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut rest = text;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = rest.strip_suffix(after).unwrap_or_default();
        let unit = UNITS.iter().filter(|unit| after.starts_with(**unit)).max_by_key(|unit| unit.len());
        match unit.and_then(|unit| after.strip_prefix(unit)) {
            Some(remaining) if number.parse::<f64>().is_ok() => rest = remaining,
            _ => return text == "0",
        }
    }
    !text.is_empty()
}

/// Standard base64 with padding, as `format: byte` wants it.
pub fn is_base64(text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    text.len().is_multiple_of(4)
        && padding <= 2
        && text.iter().take(text.len() - padding).all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("1h30m", true),
            ("0", true),
            ("-5s", true),
            ("1.5h", true),
            ("300ms", true),
            ("2d", true),
            ("", false),
            ("5", false),
            ("h", false),
            ("1x", false),
            ("1.2.3s", false),
            ("1h ", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_duration(text), expected, "{text:?}");
        }
    }

    #[test]
    fn base64() {
        let cases = [
            ("", true),
            ("QQ==", true),
            ("QUI=", true),
            ("QUJD", true),
            ("QUJ", false),
            ("Q===", false),
            ("a b=", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_base64(text), expected, "{text:?}");
        }
    }
}
