//! JSON-like objects that stay wire bytes. In: bytes of a `google.protobuf.Struct`, or anything serde can serialise.
//! Out: typed values, or the same bytes. Must not decode more than was asked for.

use super::{
    error::{Error, Undecodable},
    field::{self, Kind, Parts, key},
    merge,
    read::Value,
    write,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Room for what is written, in bytes: most objects need no more.
const OBJECT: usize = 4096;

/// A JSON-like object kept as wire bytes of `google.protobuf.Struct`. Cloning is cheap.
///
/// Equality is that of the objects, not of the bytes: the order of the entries does not matter.
#[derive(Clone, Default)]
pub struct Object(pub(super) Bytes);

impl Object {
    /// The object that `value` serialises to.
    ///
    /// # Panics
    /// If it serialises to anything but an object with finite numbers, whole ones up to 2^53. Our own types all do: use
    /// [`Object::try_of`] for values out of a user's file.
    #[expect(clippy::panic, reason = "a type of ours that is no object is a bug, which no input can bring about")]
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Object {
        Object::try_of(value).unwrap_or_else(|error| panic!("{} is no object: {error}", std::any::type_name::<T>()))
    }

    /// The object that `value` serialises to.
    ///
    /// # Errors
    /// If it is no object, is nested too deep, or has a number that is not finite or a whole one beyond 2^53.
    pub fn try_of<T: Serialize + ?Sized>(value: &T) -> Result<Object, Undecodable> {
        let mut bytes = Vec::with_capacity(OBJECT);
        write::value(&mut bytes, value).map_err(|error| Undecodable::at("", error))?;
        let bytes = Bytes::from(bytes);
        match Kind::of(&Parts::from(&bytes[..])) {
            Ok(Kind::Object(fields)) => Ok(Object::slice(&bytes, &fields)),
            _ => Err(Undecodable { message: "is no object".into(), ..Undecodable::default() }),
        }
    }

    /// Reads the object as a `T` that may borrow its texts. `place` names the object in the error, e.g. `input`.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self, place: &str) -> Result<T, Undecodable> {
        T::deserialize(self.value()).map_err(|error| Undecodable::at(place, error))
    }

    /// This object with an RFC 7396 merge patch applied: objects merge, null removes, anything else replaces.
    ///
    /// Nothing unreadable gets lost: if one of the two cannot be read, it is itself the result, and decoding says so.
    pub fn merge(&self, patch: &Object) -> Object {
        if patch.is_empty() {
            return self.clone();
        }
        match merge::patched(&self.fields(), &patch.fields()) {
            Ok(bytes) => Object(bytes.into()),
            Err(_) if self.value().same(&self.value()).is_err() => self.clone(),
            Err(_) => patch.clone(),
        }
    }

    /// The entry of that name, if it is there and an object.
    pub fn field(&self, name: &str) -> Option<Object> {
        match Kind::of(&field::entry(&self.fields(), name).ok()??).ok()? {
            Kind::Object(fields) => Some(Object::slice(&self.0, &fields)),
            _ => None,
        }
    }

    /// The text to which these names lead, if there is one; cheaper than [`Object::decode`]. `place` names the object in
    /// the error.
    pub fn text(&self, place: &str, path: &[&str]) -> Result<Option<&str>, Undecodable> {
        self.find(path).map_err(|error| Undecodable::at(place, error))
    }

    fn find(&self, path: &[&str]) -> Result<Option<&str>, Error> {
        if let Some(found) = field::plain_text(&self.0, path) {
            return Ok(found);
        }
        let mut kind = Kind::Object(self.fields());
        for name in path {
            let Kind::Object(fields) = kind else { return Ok(None) };
            let Some(value) = field::entry(&fields, name)? else { return Ok(None) };
            kind = Kind::of(&value)?;
        }
        Ok(match kind {
            Kind::String(text) => Some(text),
            _ => None,
        })
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has an entry of that name, of whatever kind.
    pub(super) fn contains(&self, name: &str) -> bool {
        field::entry(&self.fields(), name).is_ok_and(|value| value.is_some())
    }

    /// This object with only the entry of that name, if it has one.
    pub fn only(&self, name: &str) -> Object {
        self.field(name).map_or_else(Object::default, |entry| Object::default().with(name, &entry))
    }

    /// This object with the entry of that name replaced, and all others left as they lie.
    pub fn with(&self, name: &str, object: &Object) -> Object {
        let mut bytes = Vec::with_capacity(self.0.len() + object.0.len() + name.len() + 32);
        if field::put_others(&mut bytes, &self.fields(), name).is_err() {
            bytes = self.0.to_vec();
        }
        field::begin_entry(&mut bytes, name, field::size(object.0.len()));
        field::put(&mut bytes, key::STRUCT, &object.0);
        Object(bytes.into())
    }

    fn fields(&self) -> Parts<'_> {
        Parts::from(&self.0[..])
    }

    pub(super) fn value(&self) -> Value<'_> {
        Value::object(self.fields())
    }

    /// The object that lies somewhere in `bytes`.
    fn slice(bytes: &Bytes, fields: &Parts<'_>) -> Object {
        Object(fields.whole().map_or_else(|| fields.to_vec().into(), |whole| bytes.slice_ref(whole)))
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.0 == other.0 || self.value().same(&other.value()).unwrap_or(false)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = if f.alternate() { serde_json::to_string_pretty(self) } else { serde_json::to_string(self) };
        match json {
            Ok(json) => f.write_str(&json),
            Err(error) => write!(f, "<unreadable: {error}>"),
        }
    }
}

/// The fields of a `google.protobuf.Struct`. Whether they are sound shows when somebody looks.
impl From<Bytes> for Object {
    fn from(fields: Bytes) -> Object {
        Object(fields)
    }
}

/// The same, in the parts in which they were sent: those of a message that is written in several are merged by laying one
/// behind the other.
impl From<Vec<Bytes>> for Object {
    fn from(mut parts: Vec<Bytes>) -> Object {
        if parts.len() > 1 {
            return Object(parts.concat().into());
        }
        Object(parts.pop().unwrap_or_default())
    }
}

impl From<Object> for Vec<Bytes> {
    fn from(object: Object) -> Vec<Bytes> {
        vec![object.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::{Value as Json, json};
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Choice {
        Plain,
        One(u8),
        Two(u8, u8),
        Named { size: u8 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything<'a> {
        text: &'a str,
        letter: char,
        whole: i64,
        most: u64,
        fraction: f64,
        flag: bool,
        nothing: Option<u8>,
        something: Option<u8>,
        unit: (),
        pair: (u8, String),
        choices: Vec<Choice>,
        by_choice: BTreeMap<Key, u8>,
        inner: Object,
        maybe: Option<Object>,
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Key(String);

    #[test]
    fn reads_what_it_wrote() {
        let everything = Everything {
            text: "grüße",
            letter: 'ß',
            whole: -9_007_199_254_740_992,
            most: 9_007_199_254_740_992,
            fraction: 0.1,
            flag: true,
            nothing: None,
            something: Some(0),
            unit: (),
            pair: (1, "x".repeat(300)),
            choices: vec![Choice::Plain, Choice::One(1), Choice::Two(1, 2), Choice::Named { size: 3 }],
            by_choice: BTreeMap::from([(Key("a".into()), 1)]),
            inner: Object::of(&json!({"a": {"b": [1, null]}})),
            maybe: Some(Object::default()),
        };
        let object = Object::of(&everything);
        assert_eq!(object.decode::<Everything>("it").unwrap(), everything);

        // Through JSON and back it is the same object.
        let json = serde_json::to_string(&object).unwrap();
        assert_eq!(serde_json::from_str::<Object>(&json).unwrap(), object);
        assert_eq!(object.decode::<Json>("it").unwrap(), serde_json::to_value(&everything).unwrap());
    }

    /// The lengths around which a payload moves to make room for its length, and how.
    #[test]
    fn reads_what_it_wrote_of_any_length() {
        let lengths = (0..200).chain([16_300, 16_383, 16_384, 40_000]);
        for text in lengths.map(|length| "0123456789".chars().cycle().take(length).collect::<String>()) {
            let value = json!({"before": 1, "nested": {"list": [{"text": text}, "after"]}, "zuletzt": true});
            assert_eq!(Object::of(&value).decode::<Json>("it").unwrap(), value, "{} characters", text.len());
        }
    }

    #[test]
    fn is_equal_by_value() {
        #[derive(Serialize)]
        struct Unordered {
            z: u8,
            a: u8,
        }
        assert_eq!(Object::of(&Unordered { z: 1, a: 2 }), Object::of(&json!({"a": 2, "z": 1})));
        for other in [json!({}), json!({"a": 2}), json!({"a": 2, "z": "1"}), json!({"a": 2, "z": 1, "b": null})] {
            assert_ne!(Object::of(&Unordered { z: 1, a: 2 }), Object::of(&other));
        }
        assert_ne!(Object::of(&json!({"a": [1]})), Object::of(&json!({"a": [1, 2]})));
    }

    /// An approval whose decision is written like this was never admitted by the API server.
    #[test]
    fn a_variant_without_a_value_is_a_text() {
        use crate::api::approval::Decision;
        let read = |value| Object::of(&value).decode::<BTreeMap<String, Decision>>("it");
        assert_eq!(read(json!({"it": "Approved"})).unwrap()["it"], Decision::Approved);
        for wrong in [json!({"it": {"Approved": null}}), json!({"it": {}}), json!({"it": ["Approved"]})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_entries_become_texts() {
        for (value, expected) in [
            (Object::of(&BTreeMap::from([(1, 1), (-2, 2)])), json!({"1": 1, "-2": 2})),
            (Object::of(&BTreeMap::from([('c', 1)])), json!({"c": 1})),
            (Object::of(&BTreeMap::from([(true, 1)])), json!({"true": 1})),
            (Object::of(&BTreeMap::from([("", 1)])), json!({"": 1})),
        ] {
            assert_eq!(value, Object::of(&expected));
        }
    }

    #[test]
    fn says_what_cannot_be_written() {
        let mut deep = json!({});
        for _ in 0..128 {
            deep = json!([deep]);
        }
        let check = |value: &Json, expected: &str| {
            assert_eq!(Object::try_of(value).unwrap_err().to_string(), expected);
        };
        check(&json!([]), "is no object");
        check(&json!("text"), "is no object");
        check(
            &json!({"a": [1, 9_007_199_254_740_993_i64]}),
            "a[1]: 9007199254740993 is beyond 2^53, to which whole numbers are exact",
        );
        check(
            &json!({"a": -9_007_199_254_740_993_i64}),
            "a: -9007199254740993 is beyond 2^53, to which whole numbers are exact",
        );
        assert!(Object::try_of(&json!({"deep": deep})).unwrap_err().message.contains("nested deeper than 128 levels"));
        let not_finite = BTreeMap::from([("a", f64::NAN)]);
        assert_eq!(
            Object::try_of(&not_finite).unwrap_err().to_string(),
            "a: is not a finite number, and JSON has no other"
        );
        assert!(Object::try_of(&BTreeMap::from([(vec![1], 1)])).is_err());
    }

    #[test]
    fn says_where_it_cannot_be_read_and_no_text_of_it() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "read for the errors alone")]
        struct Claim {
            spec: Spec,
        }
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "read for the errors alone")]
        struct Spec {
            replicas: Option<u8>,
            #[serde(default)]
            hosts: Vec<Choice>,
        }
        let check = |value: Json, expected: &str| {
            assert_eq!(Object::of(&value).decode::<Claim>("claim").unwrap_err().to_string(), expected);
        };
        check(json!({}), "claim: spec is missing");
        check(json!({"spec": null}), "claim.spec: is null, not an object");
        check(json!({"spec": {"replicas": "hunter2"}}), "claim.spec.replicas: is a text, not a whole number from 0");
        check(json!({"spec": {"replicas": 1.5}}), "claim.spec.replicas: is 1.5, not a whole number from 0");
        check(json!({"spec": {"replicas": 256}}), "claim.spec.replicas: is 256, not u8");
        check(
            json!({"spec": {"hosts": ["Plain", {"One": "hunter2"}]}}),
            "claim.spec.hosts[1].One: is a text, not a whole number from 0",
        );
        check(
            json!({"spec": {"hosts": ["hunter2"]}}),
            "claim.spec.hosts[0]: is not allowed; write one of Plain, One, Two, Named",
        );
        check(
            json!({"spec": {"hosts": [{"One": 1, "Two": [1, 2]}]}}),
            "claim.spec.hosts[0]: invalid length 2, expected an object with one entry",
        );
    }

    #[test]
    fn takes_a_field_without_copying() {
        let object = Object::of(&json!({"a": {"b": 1}, "text": "x", "nothing": null}));
        let field = object.field("a").unwrap();
        assert_eq!(field, Object::of(&json!({"b": 1})));
        assert!(object.0.as_ptr_range().contains(&field.0.as_ptr()));
        for name in ["text", "nothing", "absent"] {
            assert_eq!(object.field(name), None, "{name}");
        }
    }

    #[test]
    fn finds_a_text_by_its_path() {
        let object = Object::of(&json!({"metadata": {"annotations": {"a.b/c": "x", "n": 1}}, "kind": "Pod"}));
        let check = |path: &[&str], expected| assert_eq!(object.text("it", path).unwrap(), expected, "{path:?}");
        check(&["kind"], Some("Pod"));
        check(&["metadata", "annotations", "a.b/c"], Some("x"));
        for nothing in [&["metadata"][..], &["metadata", "annotations", "n"], &["absent", "a"], &["kind", "a"], &[]] {
            check(nothing, None);
        }
        let broken = Object(Bytes::from_static(b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01\xff"));
        assert_eq!(broken.text("it", &["a"]).unwrap_err().to_string(), "it: is not valid UTF-8");
    }

    #[test]
    fn replaces_an_entry() {
        let object = Object::of(&json!({"a": [1], "b": 2}));
        let replaced = object.with("a", &Object::of(&json!({"c": 3})));
        assert_eq!(replaced, Object::of(&json!({"a": {"c": 3}, "b": 2})));
        assert_eq!(replaced.with("a", &Object::of(&json!({"c": 3}))).0.len(), replaced.0.len());
        assert!(replaced.contains("b") && !replaced.contains("c"));
    }
}
