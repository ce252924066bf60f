//! Our lazy reading against prost's own `Struct`. In: any bytes. Out: nothing, or a panic that says how they differ.

use bytes::Bytes;
use function_database::wire::Object;
use prost::Message;
use prost_types::{Struct, value::Kind};
use serde_json::{Map, Value};

/// Whatever both read is the same. What prost reads we do too, except for numbers that JSON has not, and for entries of a
/// wrong wire type, which prost reads as if it were the right one. Nothing makes us panic.
pub fn check(bytes: &[u8]) {
    let object = Object::from(Bytes::copy_from_slice(bytes));
    let read = object.decode::<Value>("bytes").map_err(|error| error.to_string());
    let theirs = Struct::decode(bytes).ok();
    match (theirs.map(json), read) {
        (Some(Some(theirs)), Ok(read)) => assert_eq!(theirs, read),
        (Some(Some(theirs)), Err(error)) => {
            let framing = ["wire type", "Protobuf message", "end too early"];
            assert!(framing.iter().any(|part| error.contains(part)), "prost reads {theirs}, we say {error}");
        }
        (Some(None), Ok(read)) => panic!("prost reads a number that is not finite, we read {read}"),
        (Some(None), Err(_)) | (None, _) => {}
    }
    round_trip(&object);
}

/// What can be read can be written, and is equal to itself; what cannot be read does no harm.
fn round_trip(object: &Object) {
    let patched = object.merge(&Object::of(&serde_json::json!({"a": {"b": null}})));
    if let Ok(value) = object.decode::<Value>("bytes") {
        assert_eq!(&Object::of(&value), object);
        assert_eq!(serde_json::to_value(object).expect("it was read"), value);
        assert_eq!(object.merge(object).decode::<Value>("bytes").ok(), Some(without_nulls(value)));
    }
    let _ = (patched.decode::<Value>("bytes"), object.field("a"), format!("{object:?}"));
}

/// A patch cannot set null, so that an object patched with itself has none outside of lists.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

/// What prost's struct is as JSON with integers restored. `None`: it has a number that is not finite.
fn json(object: Struct) -> Option<Value> {
    let entries = object.fields.into_iter().map(|(name, value)| Some((name, json_value(value)?)));
    entries.collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn json_value(value: prost_types::Value) -> Option<Value> {
    Some(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) if !number.is_finite() => return None,
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() <= 2_f64.powi(53) => {
            Value::from(number as i64)
        }
        Some(Kind::NumberValue(number)) => Value::from(number),
        Some(Kind::StringValue(text)) => Value::from(text),
        Some(Kind::BoolValue(truth)) => Value::from(truth),
        Some(Kind::StructValue(object)) => json(object)?,
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json_value).collect::<Option<_>>()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::cases;
    use proptest::{collection::vec, prelude::*, sample::Index};

    fn value() -> impl Strategy<Value = prost_types::Value> {
        let leaf = prop_oneof![
            Just(None),
            Just(Some(Kind::NullValue(0))),
            any::<f64>().prop_map(|number| Some(Kind::NumberValue(number))),
            any::<i32>().prop_map(|number| Some(Kind::NumberValue(number.into()))),
            any::<String>().prop_map(|text| Some(Kind::StringValue(text))),
            any::<bool>().prop_map(|truth| Some(Kind::BoolValue(truth))),
        ]
        .prop_map(|kind| prost_types::Value { kind });
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..8).prop_map(|values| Kind::ListValue(prost_types::ListValue { values })),
                vec(("[a-c]{0,2}", inner), 0..8).prop_map(|fields| Kind::StructValue(object(fields))),
            ]
            .prop_map(|kind| prost_types::Value { kind: Some(kind) })
        })
    }

    fn object(fields: Vec<(String, prost_types::Value)>) -> Struct {
        Struct { fields: fields.into_iter().collect() }
    }

    /// A sound struct, several of them one after the other (which is one, merged), and what became of it on the way.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let sound = vec(vec(("[a-c]{0,2}", value()), 0..8).prop_map(object), 1..3)
            .prop_map(|objects| objects.iter().flat_map(Message::encode_to_vec).collect::<Vec<u8>>());
        let change = (any::<Index>(), any::<u8>(), 0..3);
        (sound, vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
            for (place, byte, change) in changes {
                let place = place.index(bytes.len() + 1);
                match change {
                    0 => bytes.insert(place, byte),
                    1 if place < bytes.len() => _ = bytes.remove(place),
                    _ if place < bytes.len() => bytes[place] = byte,
                    _ => {}
                }
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn reads_what_prost_reads(bytes in bytes()) {
            check(&bytes);
        }

        #[test]
        fn stands_any_bytes(bytes in vec(any::<u8>(), 0..64)) {
            check(&bytes);
        }
    }

    /// The bytes of an object with one entry `a`, whose value these are.
    fn with(value: &[u8]) -> Vec<u8> {
        let mut entry = b"\x0a\x01a".to_vec();
        prost::encoding::bytes::encode(2, &value.to_vec(), &mut entry);
        let mut bytes = Vec::new();
        prost::encoding::bytes::encode(1, &entry, &mut bytes);
        bytes
    }

    #[test]
    fn merges_as_protobuf_does() {
        let (number, text, null) = (b"\x11\0\0\0\0\0\0\xf0\x3f", b"\x1a\x01x", b"\x08\0");
        let (list, object) = (b"\x32\x04\x0a\x02\x20\x01", b"\x2a\x09\x0a\x07\x0a\x01b\x12\x02\x20\x01");
        let read = |bytes: &[u8]| {
            check(bytes);
            serde_json::to_string(&Object::from(Bytes::copy_from_slice(bytes))).unwrap()
        };
        for (bytes, expected) in [
            (b"".to_vec(), "{}"),
            (with(b""), r#"{"a":null}"#),                                       // no kind
            (with(b"\x40\x01"), r#"{"a":null}"#),                               // a kind that we do not know
            (with(&[&number[..], b"\x40\x01"].concat()), r#"{"a":1}"#),         // and beside one that we do
            (with(&[&b"\x7b\x08\x01\x7c"[..], text].concat()), r#"{"a":"x"}"#), // a group
            (with(&[&number[..], text].concat()), r#"{"a":"x"}"#),              // the last kind
            (with(&[&text[..], null].concat()), r#"{"a":null}"#),
            (with(&[&list[..], list].concat()), r#"{"a":[true,true]}"#), // lists are one list
            (with(&[&list[..], text, list].concat()), r#"{"a":[true]}"#), // unless something else is between
            (with(&[&object[..], object].concat()), r#"{"a":{"b":true}}"#), // objects are one object
            ([with(number), with(text)].concat(), r#"{"a":"x"}"#),       // the last entry of a name
            ([with(text), b"\x10\x01".to_vec(), with(list)].concat(), r#"{"a":[true]}"#), // a field that we do not know
            (b"\x0a\x0a\x12\x02\x20\x01\x0a\x01a\x12\x01\x08".to_vec(), ""), // half a null
            (b"\x0a\x0b\x12\x02\x20\x01\x0a\x01a\x0a\x01b".to_vec(), ""), // too short
            (b"\x0a\x0a\x12\x02\x20\x01\x0a\x01a\x0a\x01b".to_vec(), r#"{"b":true}"#), // the last name of an entry
            (b"\x0a\x0b\x12\x02\x32\x00\x12\x02\x32\x00\x0a\x01a".to_vec(), r#"{"a":[]}"#), // value before name, in two parts
        ] {
            if expected.is_empty() {
                check(&bytes);
            } else {
                assert_eq!(read(&bytes), expected, "{bytes:02x?}");
            }
        }
    }

    /// Lists within lists, that often.
    fn nested(levels: usize) -> Vec<u8> {
        let mut value = Vec::new();
        for _ in 0..levels {
            for key in [0x0a, 0x32] {
                let mut outer = vec![key];
                prost::encoding::encode_varint(value.len() as u64, &mut outer);
                outer.append(&mut value);
                value = outer;
            }
        }
        with(&value)
    }

    #[test]
    fn refuses_what_is_nested_too_deep() {
        let read = |levels| {
            let bytes = nested(levels);
            check(&bytes);
            Object::from(Bytes::from(bytes)).decode::<Value>("it").map_err(|error| error.message)
        };
        assert!(read(127).is_ok());
        let error = "is nested deeper than 128 levels".to_owned();
        assert_eq!(read(128), Err(error.clone()));
        assert_eq!(read(5_000), Err(error));
    }
}
