//! Reads YAML streams. In: a folder or file. Out: paths, or JSON values; what cannot be read fails the test.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every `*.yaml` under the folder, however deep, sorted; none if there is no such folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flat_map(|entry| {
            let path = entry.expect("a readable folder").path();
            match path.is_dir() {
                true => files(&path),
                false => Vec::from_iter(path.extension().is_some_and(|end| end == "yaml").then_some(path)),
            }
        })
        .collect();
    found.sort();
    found
}

/// The documents of a YAML stream, without the empty ones.
pub fn parse(text: &str, source: &Path) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The documents of a file.
pub fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&text, path)
}

/// Prints a line even where the test passes; what `println` prints is shown for failing tests only.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("a writable stderr");
}
