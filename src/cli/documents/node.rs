//! YAML as it stands in a file. In: what the parser reports. Out: plain values; and for the files of which something is to be
//! said, the place of each field and the plain scalars that kubectl reads differently. Must not decode what that means for
//! a kind.
//!
//! Places cost as much as all the rest, and most files are fine: these are read without, and the others a second time.

use function_database::map::entries;
use function_database::schema::path;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A value of any shape.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Plain(Shape<Plain, String>);

impl From<Plain> for Value {
    fn from(Plain(shape): Plain) -> Value {
        match shape {
            Shape::Scalar(value) => value,
            Shape::List(items) => items.into_iter().map(Value::from).collect(),
            Shape::Map(fields) => entries(fields.into_iter().map(|(key, node)| (key, node.into()))).into(),
        }
    }
}

/// The same, knowing where it stands.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Node(Spanned<Shape<Node, Spanned<String>>>);

enum Shape<Node, Key> {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// What is known of where a document stands.
#[derive(Default)]
pub struct Places {
    /// Line and column, from 1, of each path.
    pub at: BTreeMap<String, (u64, u64)>,
    /// By path: what kubectl reads differently, and what to write instead.
    pub ambiguous: Vec<(String, String)>,
}

impl Places {
    /// Of a whole document; `text` is what it was read from.
    pub fn of(node: Node, text: &str) -> Places {
        let mut places = Places::default();
        let at = node.0.referenced;
        places.add(node, String::new(), at, text);
        places
    }

    /// A field stands where its key does, an item where it begins.
    fn add(&mut self, Node(node): Node, path: String, at: Location, text: &str) {
        match node.value {
            Shape::Scalar(value) => {
                if let Some(what) = source(text, &node.defined).and_then(|source| ambiguity(source, value.is_number()))
                {
                    self.ambiguous.push((path.clone(), what));
                }
            }
            Shape::List(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    let at = item.0.referenced;
                    self.add(item, path::index(&path, index), at, text);
                }
            }
            Shape::Map(fields) => {
                for (key, node) in fields {
                    self.add(node, path::key(&path, &key.value), key.referenced, text);
                }
            }
        }
        self.at.insert(path, (at.line(), at.column()));
    }
}

fn source<'a>(text: &'a str, at: &Location) -> Option<&'a str> {
    let (from, length) = (at.span().byte_offset()?, at.span().byte_len()?);
    text.get(usize::try_from(from).ok()?..usize::try_from(from.checked_add(length)?).ok()?)
}

/// Whether some scalar could be read differently by kubectl. True of some texts in which none is.
pub fn may_be_ambiguous(text: &str) -> bool {
    let ends = |letter: char| letter.is_whitespace() || ",[]{}:".contains(letter);
    let may_be_number = |word: &str| word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    text.split(ends).any(|word| ambiguity(word, may_be_number(word)).is_some())
}

/// What kubectl reads otherwise than YAML 1.2 says: `source` is how the scalar is written, with its quotes.
fn ambiguity(source: &str, is_number: bool) -> Option<String> {
    let boolean = match source {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    };
    if let Some(boolean) = boolean {
        return Some(format!(
            "{source} is {boolean} for kubectl and a text for others; write {boolean} or \"{source}\""
        ));
    }
    let digits = source.trim_start_matches(['-', '+']);
    let octal = digits
        .strip_prefix('0')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit() || "oO_".contains(first)));
    let number = is_number && (octal || digits.contains('_'));
    number.then(|| {
        format!("{source} is not the same number for kubectl and for others; write it in plain digits, or \"{source}\"")
    })
}

impl<'de, Node: Deserialize<'de>, Key: Deserialize<'de>> Deserialize<'de> for Shape<Node, Key> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes(PhantomData))
    }
}

struct Shapes<Node, Key>(PhantomData<(Node, Key)>);

impl<'de, Node: Deserialize<'de>, Key: Deserialize<'de>> Visitor<'de> for Shapes<Node, Key> {
    type Value = Shape<Node, Key>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(value.into()))
    }

    /// JSON, which is all that a cluster keeps, has neither infinity nor NaN.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("non-finite number; write a finite one"))?;
        Ok(Shape::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = vec![];
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = vec![];
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Shape::Map(fields))
    }
}
