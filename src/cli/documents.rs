//! The user's files. In: paths, or `-` for standard input. Out: documents that know where each of their fields stands, and
//! one line for each file that cannot be read. Must not know a kind.

use anyhow::Context;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Options, Spanned};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Far above any claim; a larger file is no manifest.
const LARGEST_FILE: u64 = 16 << 20;

/// One document of a YAML or JSON file.
pub struct Document {
    /// As the user wrote it; `-` is standard input.
    pub file: String,
    pub value: Value,
    places: BTreeMap<String, (u64, u64)>,
}

impl Document {
    pub fn is(&self, kind: &str) -> bool {
        let ours = self.value["apiVersion"].as_str().is_some_and(|version| version.starts_with("db.platform.io/"));
        ours && self.value["kind"] == kind
    }

    /// `file:line:column` of a field such as `spec.backup.schedule`, or of the nearest one around it.
    pub fn place(&self, path: &str) -> String {
        let (line, column) = self.at(path);
        format!("{}:{line}:{column}", self.file)
    }

    pub fn line(&self, path: &str) -> u64 {
        self.at(path).0
    }

    fn at(&self, mut path: &str) -> (u64, u64) {
        loop {
            if let Some(at) = self.places.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None if path.is_empty() => return (1, 1),
                None => path = "",
            }
        }
    }
}

/// The documents of all files, and a line for each file that could not be read.
#[derive(Default)]
pub struct Files {
    pub documents: Vec<Document>,
    pub unreadable: Vec<String>,
}

/// Folders are read with all that is in them, in the order of names.
pub fn read(paths: &[PathBuf]) -> Files {
    let mut files = Files::default();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            match std::io::stdin().take(LARGEST_FILE).read_to_string(&mut text) {
                Ok(_) => files.add("-", &text),
                Err(error) => files.unreadable.push(format!("-: {error}")),
            }
        } else {
            files.walk(path, true);
        }
    }
    files
}

/// One file with at least one document.
pub fn read_one(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    parse(&path.display().to_string(), &text)
        .map(|documents| documents.into_iter().map(|document| document.value).collect())
        .map_err(|line| anyhow::Error::new(super::Unreadable(line)))
}

impl Files {
    fn walk(&mut self, path: &Path, named: bool) {
        let shown = path.display().to_string();
        if path.is_dir() {
            let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            match entries {
                Ok(entries) => {
                    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
                    paths.sort();
                    paths.iter().for_each(|path| self.walk(path, false));
                }
                Err(error) => self.unreadable.push(format!("{shown}: {error}")),
            }
            return;
        }
        let manifest =
            path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known));
        if !manifest && !named {
            return;
        }
        match text(path) {
            Ok(text) => self.add(&shown, &text),
            Err(error) => self.unreadable.push(format!("{shown}: {error}")),
        }
    }

    fn add(&mut self, file: &str, text: &str) {
        match parse(file, text) {
            Ok(documents) => self.documents.extend(documents),
            Err(line) => self.unreadable.push(line),
        }
    }
}

fn text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST_FILE {
        return Err(format!("it has {size} bytes, more than any manifest"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".into())
}

fn parse(file: &str, text: &str) -> Result<Vec<Document>, String> {
    let nodes: Vec<Node> = serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| {
        let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
        let message = error.without_snippet().to_string();
        format!("{file}{place}: {}", message.lines().next().unwrap_or_default())
    })?;
    let documents = nodes.into_iter().map(|node| {
        let mut places = BTreeMap::new();
        let value = node.flatten(String::new(), &mut places);
        Document { file: file.into(), value, places }
    });
    Ok(documents.filter(|document| !document.value.is_null()).collect())
}

/// The core schema of YAML 1.2: only `true` and `false` are booleans, and `0777` is no octal number.
fn options() -> Options {
    serde_saphyr::options! { strict_booleans: true, legacy_octal_numbers: false }
}

/// A value of any shape that knows where it stands.
#[derive(Deserialize)]
#[serde(transparent)]
struct Node(Spanned<Shape>);

enum Shape {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Its plain value; every place is noted under its path.
    fn flatten(self, path: String, places: &mut BTreeMap<String, (u64, u64)>) -> Value {
        let at: Location = self.0.referenced;
        places.insert(path.clone(), (at.line(), at.column()));
        match self.0.value {
            Shape::Scalar(value) => value,
            Shape::List(items) => {
                let place = |(index, item): (usize, Node)| item.flatten(format!("{path}[{index}]"), places);
                items.into_iter().enumerate().map(place).collect()
            }
            Shape::Map(entries) => {
                let mut map = Map::new();
                for (key, node) in entries {
                    let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    map.insert(key, node.flatten(below, places));
                }
                Value::Object(map)
            }
        }
    }
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
    fn visit_f64<E>(self, value: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
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
        let mut entries = vec![];
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Shape::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_knows_its_place() {
        let text = "a: 1\nb:\n  c: [x, {d: y}]\n---\ne: f\n";
        let documents = parse("claims.yaml", text).unwrap();
        assert_eq!(documents.len(), 2);
        let places = [
            ("a", "claims.yaml:1:4"),
            ("b.c", "claims.yaml:3:6"),
            ("b.c[1].d", "claims.yaml:3:14"),
            ("b.c[1].missing", "claims.yaml:3:10"),
            ("b.missing.deep", "claims.yaml:3:3"),
            ("missing", "claims.yaml:1:1"),
        ];
        for (path, expected) in places {
            assert_eq!(documents[0].place(path), expected, "{path}");
        }
        assert_eq!(documents[1].place("e"), "claims.yaml:5:4");
    }

    #[test]
    fn texts_are_read_by_the_core_schema() {
        let cases = [
            ("a: yes", json!({"a": "yes"})),
            ("a: on", json!({"a": "on"})),
            ("a: true", json!({"a": true})),
            ("a: 12:30", json!({"a": "12:30"})),
            ("a: \"17\"", json!({"a": "17"})),
            ("a: 17", json!({"a": 17})),
            ("a: 0777", json!({"a": 777})),
            ("a: ~", json!({"a": null})),
            ("a: &x [1]\nb: *x", json!({"a": [1], "b": [1]})),
        ];
        for (text, expected) in cases {
            assert_eq!(parse("f", text).unwrap()[0].value, expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_one_line_with_its_place() {
        for text in ["a: [1", "a: 1\na: 2", "a: *missing", "\t- a"] {
            let line = parse("f.yaml", text).err().unwrap();
            assert!(line.starts_with("f.yaml:"), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
        let bomb = (1..40).fold(String::from("a0: &a0 [x, x]\n"), |text, level| {
            text + &format!("a{level}: &a{level} [*a{}, *a{}]\n", level - 1, level - 1)
        });
        assert!(parse("bomb.yaml", &bomb).is_err());
    }

    #[test]
    fn an_empty_document_is_none() {
        assert_eq!(parse("f", "---\n---\na: 1\n---\n").unwrap().len(), 1);
    }
}
