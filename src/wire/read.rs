//! Reads values straight from wire bytes. In: a [`Kind`]. Out: whatever type serde shall make of it, with strings
//! borrowed; or the same value written to any other format. Must not decode what nobody looks at.

use super::{
    DEPTH,
    error::Error,
    field::{self, Entry, Kind, Parts},
};
use serde::{
    Serialize, Serializer,
    de::{
        self, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer},
    },
    forward_to_deserialize_any, ser,
};
use std::{iter::Enumerate, vec};

/// The largest magnitude below which every whole number is a double of its own.
pub(super) const MAX_INTEGER: f64 = 9_007_199_254_740_992.0; // 2^53

/// A value that nobody has looked at yet, and how deep its lists and objects may still go.
#[derive(Clone, Debug)]
pub(super) struct Value<'de> {
    lies: Lies<'de>,
    depth: usize,
}

#[derive(Clone, Debug)]
enum Lies<'de> {
    /// As a `Value`.
    Undecoded(Parts<'de>),
    /// Decoded, one level deep.
    Decoded(Kind<'de>),
}

/// A JSON number. Protobuf knows only doubles, so that whole ones are integers again.
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Number {
    fn of(double: f64) -> Result<Self, Error> {
        Ok(match double {
            _ if !double.is_finite() => return Err(Error::not_finite()),
            _ if double.fract() != 0.0 || double.abs() > MAX_INTEGER => Number::Float(double),
            _ if double < 0.0 => Number::Signed(double as i64),
            _ => Number::Unsigned(double as u64),
        })
    }
}

impl<'de> Value<'de> {
    /// The object of which these are the entries.
    pub fn object(fields: Parts<'de>) -> Self {
        Value { lies: Lies::Decoded(Kind::Object(fields)), depth: DEPTH }
    }

    fn inner(value: Parts<'de>, depth: usize) -> Self {
        Value { lies: Lies::Undecoded(value), depth }
    }

    fn kind(&self) -> Result<Kind<'de>, Error> {
        match &self.lies {
            Lies::Undecoded(value) => Kind::of(value),
            Lies::Decoded(kind) => Ok(kind.clone()),
        }
    }

    fn deeper(&self) -> Result<usize, Error> {
        self.depth.checked_sub(1).ok_or_else(Error::too_deep)
    }

    fn entries(&self, fields: &Parts<'de>) -> Result<Entries<'de>, Error> {
        let entries = field::entries(fields)?.into_iter();
        Ok(Entries { entries, current: None, depth: self.deeper()? })
    }

    fn items(&self, values: &Parts<'de>) -> Result<Items<'de>, Error> {
        Ok(Items { items: field::items(values)?.into_iter().enumerate(), depth: self.deeper()? })
    }

    /// Whether both are the same value, however they lie on the wire.
    pub fn same(&self, other: &Value<'_>) -> Result<bool, Error> {
        Ok(match (&self.kind()?, &other.kind()?) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Number(left), Kind::Number(right)) => left == right,
            (Kind::String(left), Kind::String(right)) => left == right,
            (Kind::Bool(left), Kind::Bool(right)) => left == right,
            (Kind::Object(left), Kind::Object(right)) => {
                let (mut left, mut right) = (self.entries(left)?, other.entries(right)?);
                loop {
                    match (left.step(), right.step()) {
                        (None, None) => break true,
                        (Some((name, value)), Some((other_name, other_value)))
                            if name == other_name && value.same(&other_value)? => {}
                        _ => break false,
                    }
                }
            }
            (Kind::List(left), Kind::List(right)) => {
                let (mut left, mut right) = (self.items(left)?, other.items(right)?);
                loop {
                    match (left.step(), right.step()) {
                        (None, None) => break true,
                        (Some((_, value)), Some((_, other_value))) if value.same(&other_value)? => {}
                        _ => break false,
                    }
                }
            }
            _ => false,
        })
    }
}

/// The entries of an object that are still to come.
struct Entries<'de> {
    entries: vec::IntoIter<Entry<'de>>,
    /// The one of which the value is to be read next.
    current: Option<Entry<'de>>,
    depth: usize,
}

impl<'de> Entries<'de> {
    fn step(&mut self) -> Option<(&'de str, Value<'de>)> {
        let Entry { name, value } = self.entries.next()?;
        Some((name, Value::inner(value, self.depth)))
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        let name = self.current.insert(entry).name;
        seed.deserialize(Name(name)).map(Some).map_err(|error: Error| error.in_entry(name))
    }

    // Once for each type, not for each field.
    #[inline(never)]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Entry { name, value } = self.current.take().unwrap_or_default();
        seed.deserialize(Value::inner(value, self.depth)).map_err(|error| error.in_entry(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// The items of a list that are still to come.
struct Items<'de> {
    items: Enumerate<vec::IntoIter<&'de [u8]>>,
    depth: usize,
}

impl<'de> Items<'de> {
    fn step(&mut self) -> Option<(usize, Value<'de>)> {
        let (index, item) = self.items.next()?;
        Some((index, Value::inner(item.into(), self.depth)))
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, value)) = self.step() else { return Ok(None) };
        seed.deserialize(value).map(Some).map_err(|error| error.in_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind()? {
            Kind::Null => visitor.visit_unit(),
            Kind::Number(double) => match Number::of(*double)? {
                Number::Unsigned(number) => visitor.visit_u64(number),
                Number::Signed(number) => visitor.visit_i64(number),
                Number::Float(number) => visitor.visit_f64(number),
            },
            Kind::String(text) => visitor.visit_borrowed_str(text),
            Kind::Bool(truth) => visitor.visit_bool(*truth),
            Kind::Object(fields) => visitor.visit_map(self.entries(fields)?),
            Kind::List(values) => visitor.visit_seq(self.items(values)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind()? {
            Kind::Null => visitor.visit_none(),
            kind => visitor.visit_some(Value { lies: Lies::Decoded(kind), depth: self.depth }),
        }
    }

    /// An enum as JSON writes it: the variant's name, or an object with just that name.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.kind()? {
            Kind::String(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            Kind::Object(fields) => {
                let entries = self.entries(fields)?;
                if entries.entries.len() != 1 {
                    return Err(de::Error::invalid_length(entries.entries.len(), &"an object with one entry"));
                }
                // A name alone is written as a text; serde would take `{"Approved": null}` for the same.
                let value =
                    entries.entries.as_slice().first().map(|entry| Value::inner(entry.value.clone(), entries.depth));
                if matches!(value.map(|value| value.kind()).transpose()?, Some(Kind::Null)) {
                    return Err(de::Error::invalid_type(Unexpected::Unit, &"a value behind the name"));
                }
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    /// Hands an embedded [`Object`](super::Object) its bytes, undecoded.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name != super::embed::EMBEDDED {
            return visitor.visit_newtype_struct(self);
        }
        match &self.kind()? {
            Kind::Object(fields) => match fields.whole() {
                Some(bytes) => visitor.visit_borrowed_bytes(bytes),
                None => visitor.visit_byte_buf(fields.to_vec()),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    // Below, what asks for one kind gets that or an error: less code for each type than to offer it every kind.

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind()? {
            Kind::Object(fields) => visitor.visit_map(self.entries(fields)?),
            other => Err(unexpected(other, &visitor)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind()? {
            Kind::List(values) => visitor.visit_seq(self.items(values)?),
            other => Err(unexpected(other, &visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind()? {
            Kind::String(text) => visitor.visit_borrowed_str(text),
            other => Err(unexpected(other, &visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind()? {
            Kind::Bool(truth) => visitor.visit_bool(*truth),
            other => Err(unexpected(other, &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier
    }
}

/// What it is instead of what was expected.
fn unexpected(kind: &Kind<'_>, expected: &dyn Expected) -> Error {
    let found = match *kind {
        Kind::Null => Unexpected::Unit,
        Kind::Number(double) => match Number::of(double) {
            Ok(Number::Unsigned(number)) => Unexpected::Unsigned(number),
            Ok(Number::Signed(number)) => Unexpected::Signed(number),
            Ok(Number::Float(number)) => Unexpected::Float(number),
            Err(error) => return error,
        },
        Kind::String(text) => Unexpected::Str(text),
        Kind::Bool(truth) => Unexpected::Bool(truth),
        Kind::Object(_) => Unexpected::Map,
        Kind::List(_) => Unexpected::Seq,
    };
    de::Error::invalid_type(found, expected)
}

/// The name of an entry: a text, also as a newtype or the name of a variant.
struct Name<'de>(&'de str);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// Writes the value to another format, with entries in the order of their names.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ser::{Error as _, SerializeMap as _, SerializeSeq as _};
        match &self.kind().map_err(S::Error::custom)? {
            Kind::Null => serializer.serialize_unit(),
            Kind::Number(double) => match Number::of(*double).map_err(S::Error::custom)? {
                Number::Unsigned(number) => serializer.serialize_u64(number),
                Number::Signed(number) => serializer.serialize_i64(number),
                Number::Float(number) => serializer.serialize_f64(number),
            },
            Kind::String(text) => serializer.serialize_str(text),
            Kind::Bool(truth) => serializer.serialize_bool(*truth),
            Kind::Object(fields) => {
                let mut entries = self.entries(fields).map_err(S::Error::custom)?;
                let mut map = serializer.serialize_map(Some(entries.entries.len()))?;
                while let Some((name, value)) = entries.step() {
                    map.serialize_entry(name, &value)?;
                }
                map.end()
            }
            Kind::List(values) => {
                let mut items = self.items(values).map_err(S::Error::custom)?;
                let mut list = serializer.serialize_seq(Some(items.items.len()))?;
                while let Some((_, value)) = items.step() {
                    list.serialize_element(&value)?;
                }
                list.end()
            }
        }
    }
}
