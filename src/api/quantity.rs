//! Amounts of memory, storage and CPU. In: Kubernetes quantities as people write them. Out: exact integers, and back to
//! one canonical text, so that `100Gi` and `102400Mi` are the same plan. Must not round.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use std::fmt;

/// An amount of memory or storage in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// An amount of CPU in thousandths of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millicores(pub u64);

/// What containers and volumes take together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub storage: Bytes,
}

/// Why a text is no quantity; the message says what would be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct NotAQuantity {
    text: String,
    wanted: &'static str,
}

/// Longest first, so that the first match is the right one.
const UNITS: [(&str, u64); 10] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
];

/// Doubles carry integers exactly up to here, and Crossplane sends every number as one.
const LARGEST: u64 = 1 << 53;

impl Bytes {
    pub const KI: u64 = 1 << 10;
    pub const MI: u64 = 1 << 20;
    pub const GI: u64 = 1 << 30;

    const WANTED: &str = "an amount of bytes, such as 100Gi";

    /// Reads `100Gi`, `1.5Gi`, `500M` or plain bytes; a fraction of a byte is refused.
    pub fn parse(text: &str) -> Result<Bytes, NotAQuantity> {
        let wrong = || NotAQuantity { text: text.into(), wanted: Self::WANTED };
        let (number, unit) = UNITS
            .iter()
            .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number, *unit)))
            .unwrap_or((text, 1));
        decimal(number, unit).filter(|bytes| *bytes <= LARGEST).map(Bytes).ok_or_else(wrong)
    }

    /// This share of it, rounded down.
    pub fn percent(self, percent: u64) -> Bytes {
        // Divided first: the largest amount times a hundred still fits, but not times more.
        Bytes(self.0 / 100 * percent + self.0 % 100 * percent / 100)
    }

    pub fn gibibytes(self) -> f64 {
        self.0 as f64 / Self::GI as f64
    }
}

impl Millicores {
    const WANTED: &str = "an amount of CPU, such as 2 or 500m";

    /// Reads `2`, `0.5` or `500m`; less than a thousandth of a core is refused.
    pub fn parse(text: &str) -> Result<Millicores, NotAQuantity> {
        let parsed = match text.strip_suffix('m') {
            Some(number) => decimal(number, 1),
            None => decimal(text, 1_000),
        };
        let wrong = || NotAQuantity { text: text.into(), wanted: Self::WANTED };
        parsed.filter(|millicores| *millicores <= LARGEST).map(Millicores).ok_or_else(wrong)
    }

    /// This share of it, rounded up, so that a request never vanishes.
    pub fn percent(self, percent: u64) -> Millicores {
        Millicores((self.0 * percent).div_ceil(100))
    }
}

/// Both stop at the largest amount there is.
impl Amounts {
    pub fn times(self, number: u64) -> Amounts {
        Amounts {
            cpu: Millicores(self.cpu.0.saturating_mul(number)),
            memory: Bytes(self.memory.0.saturating_mul(number)),
            storage: Bytes(self.storage.0.saturating_mul(number)),
        }
    }

    pub fn plus(self, other: Amounts) -> Amounts {
        Amounts {
            cpu: Millicores(self.cpu.0.saturating_add(other.cpu.0)),
            memory: Bytes(self.memory.0.saturating_add(other.memory.0)),
            storage: Bytes(self.storage.0.saturating_add(other.storage.0)),
        }
    }
}

/// A decimal number times a unit, exactly, or nothing.
fn decimal(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || (number.contains('.') && !digits(fraction)) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let scale = 10_u128.pow(fraction.len() as u32);
    let part = fraction.parse::<u128>().ok()? * u128::from(unit);
    if part % scale != 0 {
        return None;
    }
    whole.checked_add(u64::try_from(part / scale).ok()?)
}

impl fmt::Display for Bytes {
    /// The largest binary unit that divides it: one text for each amount.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS[..5].iter().rev().find(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit));
        match binary {
            Some((suffix, unit)) => write!(formatter, "{}{suffix}", self.0 / unit),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl fmt::Display for Millicores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1_000) {
            write!(formatter, "{}", self.0 / 1_000)
        } else {
            write!(formatter, "{}m", self.0)
        }
    }
}

/// Quantities come as text or, where somebody left the quotes away, as a whole number.
struct Written<T> {
    wanted: &'static str,
    number: fn(u64) -> Result<T, NotAQuantity>,
    text: fn(&str) -> Result<T, NotAQuantity>,
}

impl<T> Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.wanted)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.number)(number).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let wrong = || E::invalid_type(de::Unexpected::Signed(number), &self);
        u64::try_from(number).map_err(|_| wrong()).and_then(|number| self.visit_u64(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |bytes| Ok(Bytes(bytes));
        deserializer.deserialize_any(Written { wanted: Bytes::WANTED, number, text: Bytes::parse })
    }
}

impl<'de> Deserialize<'de> for Millicores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |cores: u64| Millicores::parse(&cores.to_string());
        deserializer.deserialize_any(Written { wanted: Millicores::WANTED, number, text: Millicores::parse })
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Millicores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 20,
            "pattern": r"^[0-9]+(\.[0-9]{1,9})?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$",
        })
    }
}

impl schemars::JsonSchema for Millicores {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Millicores".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 20,
            "pattern": r"^[0-9]+(\.[0-9]{1,3})?m?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_read_exactly_and_written_canonically() {
        let cases = [
            ("100Gi", Some("100Gi")),
            ("102400Mi", Some("100Gi")),
            ("1.5Gi", Some("1536Mi")),
            ("500M", Some("500000000")),
            ("1024", Some("1Ki")),
            ("0", Some("0")),
            ("4Ti", Some("4Ti")),
            ("0.1Ki", None),
            ("-1Gi", None),
            ("+1Gi", None),
            ("1 Gi", None),
            ("Gi", None),
            ("1.Gi", None),
            ("1e3", None),
            ("99999999999Ti", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read = Bytes::parse(text).ok().map(|bytes| bytes.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn cpu_is_read_exactly_and_written_canonically() {
        let cases = [
            ("2", Some("2")),
            ("0.5", Some("500m")),
            ("500m", Some("500m")),
            ("1500m", Some("1500m")),
            ("2000m", Some("2")),
            ("0.0001", None),
            ("m", None),
            ("two", None),
        ];
        for (text, expected) in cases {
            let read = Millicores::parse(text).ok().map(|cpu| cpu.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn quantities_without_quotes_are_whole_numbers() {
        let bytes = |value| serde_json::from_value::<Bytes>(value).map_err(|error| error.to_string());
        let cpu = |value| serde_json::from_value::<Millicores>(value).map_err(|error| error.to_string());
        assert_eq!(bytes(json!(1024)), Ok(Bytes(1024)));
        assert_eq!(cpu(json!(2)), Ok(Millicores(2000)));
        let wrong = "invalid type: integer `-1`, expected an amount of CPU, such as 2 or 500m";
        assert_eq!(cpu(json!(-1)), Err(wrong.into()));
        let wrong = "invalid type: sequence, expected an amount of bytes, such as 100Gi";
        assert_eq!(bytes(json!([])), Err(wrong.into()));
    }

    #[test]
    fn shares_neither_overflow_nor_vanish() {
        assert_eq!(Bytes(1 << 53).percent(100), Bytes(1 << 53));
        assert_eq!(Bytes(199).percent(25), Bytes(49));
        assert_eq!(Millicores(1).percent(25), Millicores(1));
    }
}
