//! Objects as part of other values and in other formats. In: an [`Object`], or any format's object. Out: the other one.
//! Our own serialiser and deserialiser copy its bytes; every other sees a map.

use super::Object;
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// The name by which our own serialiser and deserialiser know an [`Object`] inside another value, to copy its bytes.
pub(super) const EMBEDDED: &str = "function_database::wire::Object";

/// As an object, with whole numbers as integers and its entries in the order of their names.
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(EMBEDDED, &Embedded(self))
    }
}

/// What our own serialiser, which alone is not human-readable inside of an object, gets as bytes.
struct Embedded<'a>(&'a Object);

impl Serialize for Embedded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.value().serialize(serializer)
        } else {
            serializer.serialize_bytes(&self.0.0)
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(EMBEDDED, ObjectVisitor)
    }
}

/// Takes bytes from our own deserialiser, and an object from any other.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Object, E> {
        Ok(Object(Bytes::copy_from_slice(bytes)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object, A::Error> {
        let value = serde_json::Map::deserialize(MapAccessDeserializer::new(map))?;
        Object::try_of(&value).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn prints_in_the_order_of_names() {
        #[derive(Serialize)]
        struct Unordered {
            z: u8,
            a: Object,
        }
        let object = Object::of(&Unordered { z: 1, a: Object::of(&json!({"c": 1.5, "b": -2})) });
        assert_eq!(serde_json::to_string(&object).unwrap(), r#"{"a":{"b":-2,"c":1.5},"z":1}"#);
        assert_eq!(format!("{object:?}"), r#"{"a":{"b":-2,"c":1.5},"z":1}"#);
        assert_eq!(serde_saphyr::to_string(&object).unwrap(), "a:\n  b: -2\n  c: 1.5\nz: 1\n");
        assert_eq!(serde_saphyr::from_str::<Object>("z: 1\na:\n  b: -2\n  c: 1.5\n").unwrap(), object);
    }

    #[test]
    fn is_part_of_other_values() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Flat {
            a: u8,
            #[serde(flatten)]
            rest: Object,
        }
        let flat = Flat { a: 1, rest: Object::of(&json!({"b": {"c": 2}})) };
        let object = Object::of(&flat);
        assert_eq!(object, Object::of(&json!({"a": 1, "b": {"c": 2}})));
        assert_eq!(object.decode::<Flat>("it").unwrap(), flat);

        let manifest = object.field("b").unwrap();
        assert_eq!(
            Object::of(&json!({"spec": {"manifest": manifest}})),
            Object::of(&json!({"spec": {"manifest": {"c": 2}}}))
        );
    }
}
