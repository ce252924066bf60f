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

/// Whether the text is a duration as [`nanoseconds`] reads it.
pub fn is_duration(text: &str) -> bool {
    nanoseconds(text).is_some()
}

/// The length of a duration as Go writes it (`1h30m`), with the API server's days and weeks (`2d`).
pub fn nanoseconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 9] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
        ("d", 86_400e9),
        ("w", 604_800e9),
    ];
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut rest = unsigned;
    let mut total = 0.0;
    while !rest.is_empty() && unsigned != "0" {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number: f64 = rest.strip_suffix(after)?.parse().ok()?;
        let fitting = UNITS.iter().filter(|(unit, _)| after.starts_with(unit));
        let (unit, length) = fitting.max_by_key(|(unit, _)| unit.len())?;
        total += number * length;
        rest = after.strip_prefix(unit)?;
    }
    (!unsigned.is_empty()).then_some((sign * total) as i64)
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
        let second = 1_000_000_000;
        let cases = [
            ("1h30m", Some(5400 * second)),
            ("0", Some(0)),
            ("-5s", Some(-5 * second)),
            ("1.5h", Some(5400 * second)),
            ("300ms", Some(300_000_000)),
            ("2d", Some(172_800 * second)),
            ("1w1ns", Some(604_800 * second + 1)),
            ("", None),
            ("5", None),
            ("h", None),
            ("1x", None),
            ("1.2.3s", None),
            ("1h ", None),
            ("-", None),
        ];
        for (text, expected) in cases {
            assert_eq!(nanoseconds(text), expected, "{text:?}");
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
