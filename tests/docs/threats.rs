//! Every row of the threat table names the test that holds it. In: docs/security.md and the sources. Out: tests that are not there.

use crate::pages;
use std::path::{Path, PathBuf};

#[test]
fn every_threat_is_held_by_a_test_that_exists() {
    let page = pages::read("docs/security.md");
    let (_, table) = page.text.split_once("\n| threat ").unwrap();
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "the table is missing: {}", rows.len());
    let sources = sources();
    let mut wrong = vec![];
    for row in rows {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            wrong.push(format!("no test is named: {row}"));
        }
        for name in named {
            let (file, test) = name.split_once("::").unwrap_or(("", name));
            let declared = format!("fn {test}(");
            let is_there = |(path, text): &&(PathBuf, String)| {
                path.ends_with(file) && text.split_once(&declared).is_some_and(|(before, _)| is_a_test(before))
            };
            if !sources.iter().any(|source| is_there(&source)) {
                wrong.push(format!("there is no test {test} in {file}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `#[test]` stands before it, with nothing but other attributes, comments and a word such as `async` between, and it is not left out.
fn is_a_test(before: &str) -> bool {
    let lines = before.lines().rev().skip(usize::from(!before.ends_with('\n')));
    let above: Vec<&str> =
        lines.map(str::trim).take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect();
    let has = |attribute: &str| above.iter().any(|line| line.starts_with(attribute));
    (has("#[test") || has("#[tokio::test")) && !has("#[ignore")
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    let mut folders = vec![PathBuf::from("src"), PathBuf::from("tests")];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root.join(&path).is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(root.join(&path)).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}
