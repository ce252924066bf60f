//! YAML as it stands in a file. In: what the parser reports. Out: a plain value, the place of each field, and the plain
//! scalars that kubectl reads differently. Must not decide what that means for a kind.

use super::Places;
use function_database::schema::path;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// A value of any shape that knows where it stands.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Node(Spanned<Shape>);

enum Shape {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// The plain value of a whole document; `text` is what it was read from.
    pub fn settle(self, text: &str, places: &mut Places, ambiguous: &mut Vec<(String, String)>) -> Value {
        let at = self.0.referenced;
        Walk { text, places, ambiguous }.node(self, String::new(), at)
    }
}

struct Walk<'a> {
    text: &'a str,
    places: &'a mut Places,
    ambiguous: &'a mut Vec<(String, String)>,
}

impl Walk<'_> {
    /// A field stands where its key does, an item where it begins.
    fn node(&mut self, Node(node): Node, path: String, at: Location) -> Value {
        let value = match node.value {
            Shape::Scalar(value) => {
                if let Some(what) = self.source(&node.defined).and_then(|source| ambiguity(source, &value)) {
                    self.ambiguous.push((path.clone(), what));
                }
                value
            }
            Shape::List(items) => {
                let items = items.into_iter().enumerate();
                items
                    .map(|(index, item)| {
                        let at = item.0.referenced;
                        self.node(item, path::index(&path, index), at)
                    })
                    .collect()
            }
            Shape::Map(fields) => {
                let mut map = Map::new();
                for (key, node) in fields {
                    let below = path::key(&path, &key.value);
                    let value = self.node(node, below, key.referenced);
                    map.insert(key.value, value);
                }
                Value::Object(map)
            }
        };
        self.places.insert(path, (at.line(), at.column()));
        value
    }

    fn source(&self, at: &Location) -> Option<&str> {
        let (from, length) = (at.span().byte_offset()?, at.span().byte_len()?);
        self.text.get(usize::try_from(from).ok()?..usize::try_from(from.checked_add(length)?).ok()?)
    }
}

/// What kubectl reads otherwise than YAML 1.2 says: `source` is how the scalar is written, with its quotes.
fn ambiguity(source: &str, value: &Value) -> Option<String> {
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
    let number = value.is_number() && (octal || digits.contains('_'));
    number.then(|| {
        format!("{source} is not the same number for kubectl and for others; write it in plain digits, or \"{source}\"")
    })
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(Shapes)
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    /// JSON, which is all that a cluster keeps, has neither infinity nor NaN.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Shape, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("non-finite number; write a finite one"))?;
        Ok(Shape::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut items = vec![];
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut fields = vec![];
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Shape::Map(fields))
    }
}
