//! Engine settings that a claim may change. In: the claim's parameters and the platform's allow-list. Out: the problems.
//! Must not know an engine: what the settings do to memory is `tuning`.

use super::unknown;
use crate::api::claim::DatabaseSpec;
use crate::api::input::tier_defaults::{EnginePolicy, ParameterRule};
use crate::api::problem::Problem;
use crate::api::quantity::Bytes;

pub fn problems(spec: &DatabaseSpec, engine: &EnginePolicy) -> Vec<Problem> {
    let check = |(name, value): (&String, &String)| {
        let path = format!("spec.parameters.{name}");
        match engine.parameters.get(name) {
            Some(rule) => problem(&path, value, rule),
            None => Some(unknown(&path, "such setting on offer,", name, engine.parameters.keys().cloned())),
        }
    };
    spec.parameters.iter().filter_map(check).collect()
}

fn problem(path: &str, value: &str, rule: &ParameterRule) -> Option<Problem> {
    let (kind, fits, right) = match rule {
        ParameterRule::Integer(range) => {
            let number = value.parse::<i64>().ok();
            let fits = number.map(|number| (range.minimum..=range.maximum).contains(&number));
            ("a whole number", fits, format!("write {} to {}", range.minimum, range.maximum))
        }
        ParameterRule::Memory(range) => {
            let fits = memory(value).map(|bytes| (range.minimum..=range.maximum).contains(&bytes));
            let right = format!("write {} to {}", written(range.minimum), written(range.maximum));
            ("an amount of memory", fits, right)
        }
        ParameterRule::Duration(range) => {
            let (least, most) = (range.minimum_milliseconds, range.maximum_milliseconds);
            let fits = milliseconds(value).map(|time| (least..=most).contains(&time));
            ("a time", fits, format!("write {least}ms to {most}ms, in ms, s, min or h"))
        }
        ParameterRule::Boolean {} => {
            ("on or off", matches!(value, "on" | "off").then_some(true), "write \"on\" or \"off\", in quotes".into())
        }
        ParameterRule::OneOf(values) => {
            let fits = values.iter().any(|known| known == value);
            ("one of the values on offer", fits.then_some(true), format!("write one of {}", values.join(", ")))
        }
    };
    let wrong = match fits {
        Some(true) => return None,
        Some(false) => format!("{value} is outside of what the platform allows"),
        None => format!("{value:?} is not {kind}"),
    };
    Some(Problem::new(path, wrong, right))
}

/// PostgreSQL's units are powers of 1024 (PostgreSQL 17, "Setting Parameters").
const MEMORY_UNITS: [(&str, u64); 4] = [("kB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];

/// Reads `64MB`. A bare number is refused, because its unit differs from setting to setting.
pub fn memory(text: &str) -> Option<Bytes> {
    let (number, unit) =
        MEMORY_UNITS.iter().find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number, unit)))?;
    number.parse::<u64>().ok()?.checked_mul(*unit).map(Bytes)
}

/// The same amount in PostgreSQL's units, without loss down to a kilobyte.
pub fn written(bytes: Bytes) -> String {
    let exact = MEMORY_UNITS.iter().rev().find(|(_, unit)| bytes.0 != 0 && bytes.0.is_multiple_of(*unit));
    match exact {
        Some((suffix, unit)) => format!("{}{suffix}", bytes.0 / unit),
        None => format!("{}kB", bytes.0 / 1024),
    }
}

/// Reads `500ms`, `30s`, `5min`; a bare number is refused.
pub fn milliseconds(text: &str) -> Option<i64> {
    let units = [("ms", 1), ("min", 60_000), ("s", 1_000), ("h", 3_600_000), ("d", 86_400_000)];
    let (number, unit) =
        units.iter().find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number, unit)))?;
    number.parse::<i64>().ok()?.checked_mul(*unit)
}
