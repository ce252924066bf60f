//! The user's files. In: paths, or `-` for standard input. Out: documents that know where each of their fields stands, and
//! one line for each that cannot be read. Must not know a kind.
//!
//! YAML is read by the core schema of 1.2, in which only `true` and `false` are booleans. The API server gets what kubectl
//! reads, which still follows 1.1: what the two read differently is noted with the document, for nobody to be surprised.

mod node;

use super::cores::on_every_core;
use anyhow::Context;
use function_database::map::sort;
use function_database::schema::path;
use node::{Node, Places, Plain};
use serde_json::Value;
use serde_saphyr::{Options, SnippetMode, UserMessageFormatter};
use std::fs::FileType;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Bytes: far above any manifest.
const LARGEST_FILE: u64 = 16 << 20;
/// Levels of lists and maps: far above any manifest, far below what the stack holds.
const DEEPEST: usize = 64;
/// What aliases may add to a document, in nodes: far above any manifest, far below a bomb.
const REPLAYED: usize = 100_000;

/// One document of a YAML or JSON file.
pub struct Document {
    /// As the user wrote it; `-` is standard input.
    pub file: String,
    pub value: Value,
    piece: Arc<Piece>,
    /// Which one of the piece it is.
    index: usize,
    /// The path of an item of a `List`; empty for a document of its own.
    item: String,
}

/// A piece of a file that is parsed at once, and nearly always a single document.
struct Piece {
    text: String,
    lines_before: u64,
    places: OnceLock<Vec<Places>>,
}

impl Piece {
    fn places(&self, index: usize) -> Option<&Places> {
        let read = || -> Vec<Places> {
            let nodes: Vec<Node> = serde_saphyr::from_multiple_with_options(&self.text, options()).unwrap_or_default();
            nodes.into_iter().map(|node| Places::of(node, &self.text)).collect()
        };
        self.places.get_or_init(read).get(index)
    }
}

impl Document {
    /// Line and column, from 1, of a field such as `spec.backup.schedule`, or of the nearest one around it.
    pub fn at(&self, path: &str) -> (u64, u64) {
        let mut path = match (self.item.as_str(), path) {
            ("", path) => path.to_owned(),
            (item, path) if path.is_empty() || path.starts_with('[') => [item, path].concat(),
            (item, path) => [item, ".", path].concat(),
        };
        let Some(places) = self.piece.places(self.index) else { return (1, 1) };
        loop {
            if let Some((line, column)) = places.at.get(&path) {
                return (line + self.piece.lines_before, *column);
            }
            if path.is_empty() {
                return (1, 1);
            }
            path.truncate(path.rfind(['.', '[']).unwrap_or(0));
        }
    }

    /// By path: what kubectl reads differently, and what to write instead.
    pub fn ambiguous(&self) -> Vec<(String, String)> {
        if !node::may_be_ambiguous(&self.piece.text) {
            return vec![];
        }
        let all = self.piece.places(self.index).into_iter().flat_map(|places| &places.ambiguous);
        let of_this = all.filter(|(path, _)| path::is_within(path, &self.item));
        let own = of_this.map(|(path, what)| (path.strip_prefix(&self.item).unwrap_or(path), what));
        own.map(|(path, what)| (path.trim_start_matches('.').into(), what.clone())).collect()
    }
}

/// The documents of all files, and a line for each file or document that could not be read.
#[derive(Default)]
pub struct Files {
    pub documents: Vec<Document>,
    pub unreadable: Vec<String>,
}

/// Where text comes from.
enum Source {
    StandardInput,
    File(PathBuf),
    /// A folder that cannot be read, and why.
    Unreadable(String),
}

/// What stands in a file, by the name that the user gave it; or a line that says why it cannot be read.
type Text = Result<(String, String), String>;

/// What was read elsewhere, by the names that messages shall have.
pub fn of_texts(texts: Vec<(String, Vec<u8>)>) -> Files {
    let named = |(file, bytes): &(String, Vec<u8>)| match text(bytes.as_slice()) {
        Ok(text) => Ok((file.clone(), text)),
        Err(error) => Err(format!("{file}: {error:#}")),
    };
    Files::of(on_every_core(&texts, named))
}

/// Whether a folder's file is one to read.
pub fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|it| ending == *it))
}

/// Folders are read with all that is in them, in the order of names.
pub fn read(paths: &[PathBuf]) -> Files {
    let mut sources = vec![];
    for path in paths {
        match path.as_os_str() == "-" {
            true => sources.push(Source::StandardInput),
            false if path.is_dir() => walk(path, &mut sources),
            false => sources.push(Source::File(path.clone())),
        }
    }
    Files::of(on_every_core(&sources, Source::text))
}

/// A link to a folder is not followed: it could lead in a circle.
fn walk(folder: &Path, sources: &mut Vec<Source>) {
    let entries = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))).collect()
    });
    let mut entries: Vec<(PathBuf, FileType)> = match entries {
        Ok(entries) => entries,
        Err(error) => return sources.push(Source::Unreadable(format!("{}: {error}", folder.display()))),
    };
    sort(&mut entries, |(one, _), (other, _)| one.cmp(other));
    for (path, kind) in entries {
        match kind.is_dir() {
            true => walk(&path, sources),
            false if kind.is_symlink() && path.is_dir() => {}
            false if is_manifest(&path) => sources.push(Source::File(path)),
            false => {}
        }
    }
}

impl Source {
    fn text(&self) -> Text {
        let (file, text) = match self {
            Source::StandardInput => ("-".into(), text(std::io::stdin().lock())),
            Source::File(path) => {
                (path.display().to_string(), std::fs::File::open(path).map_err(Into::into).and_then(text))
            }
            Source::Unreadable(why) => return Err(why.clone()),
        };
        text.map_err(|error| format!("{file}: {error:#}")).map(|text| (file, text))
    }
}

/// One document of a stream, or why there is none.
type Part<'a> = Result<(&'a str, u64, &'a str), &'a String>;

impl Files {
    fn of(texts: Vec<Text>) -> Files {
        let parts = texts.iter().flat_map(|text| match text {
            Ok((file, text)) => split(text).into_iter().map(|(lines, part)| Ok((file.as_str(), lines, part))).collect(),
            Err(why) => vec![Err(why)],
        });
        let mut files = Files::default();
        for part in on_every_core(&parts.collect::<Vec<Part>>(), Files::of_part) {
            files.documents.extend(part.documents);
            files.unreadable.extend(part.unreadable);
        }
        files
    }

    fn of_part(part: &Part) -> Files {
        let mut files = Files::default();
        match part {
            Ok((file, lines_before, text)) => files.parse(file, *lines_before, text),
            Err(why) => files.unreadable.push(why.to_string()),
        }
        files
    }

    fn parse(&mut self, file: &str, lines_before: u64, text: &str) {
        let values: Vec<Plain> = match serde_saphyr::from_multiple_with_options(text, options()) {
            Ok(values) => values,
            Err(error) => return self.unreadable.push(unreadable(file, lines_before, &error)),
        };
        let piece = Arc::new(Piece { text: text.into(), lines_before, places: OnceLock::new() });
        for (index, value) in values.into_iter().map(Value::from).enumerate().filter(|(_, value)| !value.is_null()) {
            let document = |value, item| Document { file: file.into(), value, piece: Arc::clone(&piece), index, item };
            self.documents.extend(items(value).into_iter().map(|(value, item)| document(value, item)));
        }
    }
}

/// The items of a `List`, as kubectl prints several objects, are documents of their own, with their paths.
fn items(mut value: Value) -> Vec<(Value, String)> {
    if value["kind"] != "List" {
        return vec![(value, String::new())];
    }
    match value.get_mut("items") {
        Some(Value::Array(items)) => {
            (0..).zip(std::mem::take(items)).map(|(index, value)| (value, path::index("items", index))).collect()
        }
        _ => vec![(value, String::new())],
    }
}

fn text(from: impl Read) -> anyhow::Result<String> {
    let mut bytes = vec![];
    from.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(
        bytes.len() as u64 <= LARGEST_FILE,
        "has more than {} MiB, so it is no manifest",
        LARGEST_FILE >> 20
    );
    String::from_utf8(bytes).context("is no text in UTF-8")
}

/// The documents of a stream, each with the number of lines before it, so that one that is broken leaves the others
/// readable. A line that begins with `---` begins a document wherever it stands (YAML 1.2.2, 9.1.2), unless there were
/// only comments and directives before it.
fn split(text: &str) -> Vec<(u64, &str)> {
    let begins = |line: &str| {
        line.strip_prefix("---").is_some_and(|rest| rest.trim_start().len() < rest.len() || rest.is_empty())
    };
    let (mut parts, mut from, mut from_line, mut offset, mut content) = (vec![], 0, 0, 0, false);
    for (line_number, line) in (0..).zip(text.split_inclusive('\n')) {
        if begins(line) && content {
            parts.push((from_line, text.get(from..offset).unwrap_or_default()));
            (from, from_line) = (offset, line_number);
        }
        content |= !matches!(line.trim_start().chars().next(), None | Some('#' | '%' | '\u{feff}'));
        offset += line.len();
    }
    parts.push((from_line, text.get(from..).unwrap_or_default()));
    parts
}

fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: false,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED },
    }
}

fn unreadable(file: &str, lines_before: u64, error: &serde_saphyr::Error) -> String {
    let options = serde_saphyr::render_options! { formatter: &UserMessageFormatter, snippets: SnippetMode::Off };
    let message = error.render_with_options(options);
    let Some(at) = error.location() else { return format!("{file}: {message}") };
    // The place stands in front, where editors look for it.
    let message = message.replace(&format!(" at line {}, column {}", at.line(), at.column()), "");
    format!("{file}:{}:{}: {}", at.line() + lines_before, at.column(), message.lines().next().unwrap_or_default())
}

#[cfg(any(test, fuzzing))]
pub mod any_text;
#[cfg(test)]
mod tests;
