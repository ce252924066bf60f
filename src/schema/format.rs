//! The formats of strings that the API server checks; of numbers it checks none, not even int32.
//!
//! In: a `format`, or a text that claims to have one. Out: what the text must be. Formats that say nothing about a resource
//! (`isbn`, `creditcard`, `ssn`, colors, `mac`, `bsonobjectid`, a certain version of `uuid`) are not checked.

use std::net::IpAddr;

use jiff::civil::Date;

/// A text has the format if it matches the pattern and the function says so.
#[derive(Debug)]
pub struct Format {
    pub name: &'static str,
    pub pattern: &'static str,
    pub holds: fn(&str) -> bool,
}

/// Each as Kubernetes 1.35 has it: `k8s.io/kube-openapi/pkg/validation/strfmt`, and for `uri` Go's `url.ParseRequestURI`.
const FORMATS: [Format; 13] = [
    Format {
        name: "date-time",
        pattern: r"^[0-9-]{10}[tT]([01][0-9]|2[0-3])(:[0-5][0-9]){2}(.[0-9]+)?([zZ]|[+-][0-9]{2}:[0-9]{2})$",
        holds: is_date,
    },
    Format { name: "date", pattern: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", holds: is_date },
    Format { name: "duration", pattern: "", holds: |text| nanoseconds(text).is_some() },
    Format {
        name: "byte",
        pattern: r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$",
        holds: |_| true,
    },
    Format {
        name: "uri",
        pattern: r#"(?x) ^ (?: \* | / (?: [^%?\x00-\x1f\x7f] | %[0-9A-Fa-f]{2} )* | [A-Za-z][A-Za-z0-9+.-]*: (?:
            (?: [^/?\x00-\x1f\x7f] [^?\x00-\x1f\x7f]* )?
            | / (?: (?: [^/%?\x00-\x1f\x7f] | %[0-9A-Fa-f]{2} ) (?: [^%?\x00-\x1f\x7f] | %[0-9A-Fa-f]{2} )* )?
            | // (?: [A-Za-z0-9._~!$&'()*+,;=%:@-]* @ )?
                (?: \[ [^\]]* \] | (?: [A-Za-z0-9._~!$&'()*+,;=<>"-] | [^\x00-\x7f] | %[89A-Fa-f][0-9A-Fa-f] )* )
                (?: : [0-9]* )? (?: / (?: [^%?\x00-\x1f\x7f] | %[0-9A-Fa-f]{2} )* )?
            ) ) (?: \? [^\x00-\x1f\x7f]* )? $"#,
        holds: |_| true,
    },
    Format {
        name: "email",
        pattern: r"(?x) ^ (?: [^<>@,;:]*< )? [^\s<>@,;:()\[\]\\\x22.]+ (?: \.[^\s<>@,;:()\[\]\\\x22.]+ )*
            @ [^\s<>@,;:()\[\]\\\x22.]+ (?: \.[^\s<>@,;:()\[\]\\\x22.]+ )* >? $",
        holds: |text| text.contains('<') == text.contains('>'),
    },
    Format {
        name: "hostname",
        // Whatever is beyond ASCII counts as a letter.
        pattern: r"(?x) ^ (?: [a-zA-Z0-9$+<=>^`|~\x80-\x{10ffff}]-?[a-zA-Z0-9$+<=>^`|~\x80-\x{10ffff}]*
            | (?: [a-zA-Z0-9$+<=>^`|~\x80-\x{10ffff}]
                (?: [a-zA-Z0-9$+<=>^`|~\x80-\x{10ffff}-]* [a-zA-Z0-9$+<=>^`|~\x80-\x{10ffff}] )? \. )+
              [a-zA-Z\x80-\x{10ffff}]{2,} ) $",
        holds: |text| text.len() <= 255 && text.split('.').all(|label| label.len() <= 63),
    },
    Format {
        name: "ipv4",
        pattern: r"^0*(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.0*(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}$",
        holds: |_| true,
    },
    Format { name: "ipv6", pattern: ":", holds: |text| text.parse::<IpAddr>().is_ok() },
    Format { name: "cidr", pattern: "/[0-9]+$", holds: is_network },
    Format {
        name: "uuid",
        pattern: "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
        holds: |_| true,
    },
    Format { name: "k8s-short-name", pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", holds: |text| text.len() <= 63 },
    Format {
        name: "k8s-long-name",
        pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        holds: |text| text.len() <= 253,
    },
];

/// The format of this name, if it is one that is checked. Dashes in the name count for nothing.
pub fn find(name: &str) -> Option<Format> {
    let bare = |name: &str| name.replace('-', "");
    FORMATS.into_iter().find(|format| bare(format.name) == bare(name))
}

fn is_date(text: &str) -> bool {
    text.get(..10).is_some_and(|date| date.parse::<Date>().is_ok())
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    bits <= if address.is_ipv4() { 32 } else { 128 }
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

    /// That the API server sees them so is held in `tests/schema.rs`.
    #[test]
    fn every_pattern_compiles() {
        for format in FORMATS {
            assert!(regex_lite::Regex::new(format.pattern).is_ok(), "{}", format.name);
        }
    }
}
