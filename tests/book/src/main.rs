//! Builds the documentation as a book, with mdBook as a library. In: the repository's folder. Out: HTML in `target/book`, and
//! every link in it that leads nowhere. Links to files that are no pages lead to the repository, as they do for who reads there.

use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem};
use mdbook_driver::errors::Result;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

const REPOSITORY: &str = "https://github.com/function-database/function-database/blob/main/";
/// What mdBook makes of all pages together, or of none.
const OWN: [&str; 3] = ["print.html", "404.html", "toc.html"];

fn main() -> ExitCode {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    match build(Path::new(&root)) {
        Ok((folder, wrong)) if wrong.is_empty() => {
            println!("wrote {}", folder.join("index.html").display());
            ExitCode::SUCCESS
        }
        Ok((_, wrong)) => {
            wrong.iter().for_each(|line| eprintln!("{line}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(root: &Path) -> Result<(PathBuf, Vec<String>)> {
    let mut book = MDBook::load(root)?;
    book.with_preprocessor(OutOfTheBook);
    book.build()?;
    let folder = book.build_dir_for("html").canonicalize()?;
    let wrong = broken(&folder)?;
    Ok((folder, wrong))
}

struct OutOfTheBook;

impl Preprocessor for OutOfTheBook {
    fn name(&self) -> &str {
        "out-of-the-book"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                let depth = chapter.source_path.iter().flat_map(|path| path.components()).count();
                // mdBook makes the index of a folder out of its README.
                for (readme, index) in
                    [("](README.md", "](index.md"), ("](decisions/README.md", "](decisions/index.md")]
                {
                    chapter.content = chapter.content.replace(readme, index);
                }
                chapter.content =
                    chapter.content.replace(&format!("]({}", "../".repeat(depth)), &format!("]({REPOSITORY}"));
            }
        });
        Ok(book)
    }
}

/// `PAGE: LINK`, for each link between pages, or to an anchor, that has no end.
fn broken(folder: &Path) -> Result<Vec<String>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    let mut pages = BTreeMap::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "html")) {
        pages.insert(path.clone(), std::fs::read_to_string(path)?);
    }
    let mut wrong = vec![];
    for (path, text) in pages.iter().filter(|(path, _)| !OWN.iter().any(|own| path.ends_with(own))) {
        for link in values(text, "href").chain(values(text, "src")) {
            if link.contains(':') || link.is_empty() {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { clean(&path.with_file_name(file)) };
            let anchored =
                anchor.is_empty() || pages.get(&target).is_some_and(|page| values(page, "id").any(|id| id == anchor));
            if !files.contains(&target) || !anchored {
                wrong.push(format!("{}: {link} leads nowhere", path.strip_prefix(folder).unwrap_or(path).display()));
            }
        }
    }
    Ok(wrong)
}

fn values<'a>(text: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    let marker = [" ", attribute, "=\""].concat();
    let mut rest = text;
    std::iter::from_fn(move || {
        let (value, after) = rest.split_once(&marker)?.1.split_once('"')?;
        rest = after;
        Some(value)
    })
}

fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = clean.pop(),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}
