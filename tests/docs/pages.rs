//! The pages of the documentation. In: the repository. Out: their text, their blocks and their headings' anchors.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub struct Page {
    /// From the repository's root.
    pub path: String,
    pub text: String,
}

/// A fenced block.
pub struct Block {
    /// The line of the page on which its text begins.
    pub line: usize,
    pub language: String,
    pub text: String,
    /// Of its lines in the page, indented as the fence is.
    pub range: Range<usize>,
    pub indent: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Everything that people read: what lies at the root, in `docs`, and beside the examples.
pub fn all() -> Vec<Page> {
    let mut paths = vec![];
    let at_root = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(at_root.filter(|path| is_markdown(path)));
    for folder in ["docs", "examples"] {
        walk(&root().join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        Page { path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_string(), text }
    };
    paths.into_iter().map(read).collect()
}

pub fn read(path: &str) -> Page {
    Page { path: path.into(), text: std::fs::read_to_string(root().join(path)).unwrap() }
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "md")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if is_markdown(&path) {
            found.push(path);
        }
    }
}

impl Page {
    pub fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES).into_offset_iter()
    }

    pub fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = vec![];
        let mut inside = false;
        for (event, range) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let fence = self.text[..range.start].rfind('\n').map_or(0, |end| end + 1);
                    let start = self.text[range.start..].find('\n').map_or(range.end, |end| range.start + end + 1);
                    let end = self.text[..range.end].trim_end().rfind('\n').map_or(range.end, |end| end + 1);
                    blocks.push(Block {
                        line: self.line(start),
                        language: info.to_string(),
                        text: String::new(),
                        range: start..end.max(start),
                        indent: self.text[fence..range.start].to_string(),
                    });
                    inside = true;
                }
                Event::Text(text) if inside => blocks.iter_mut().last().unwrap().text.push_str(&text),
                Event::End(TagEnd::CodeBlock) => inside = false,
                _ => {}
            }
        }
        blocks
    }

    /// As GitHub and mdBook make them of headings.
    pub fn anchors(&self) -> Vec<String> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut anchors = vec![];
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    heading.iter_mut().for_each(|heading| heading.push_str(&text));
                }
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap());
                    let count = counts.entry(anchor.clone()).or_default();
                    anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
                    *count += 1;
                }
                _ => {}
            }
        }
        anchors
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
