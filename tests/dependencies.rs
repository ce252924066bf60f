//! What the program is made of. In: what cargo resolves for it, without what only builds and tests it. Out: crates, or features of
//! them, that are not in `tests/dependencies.txt`, so that nothing is compiled in unseen.
//!
//! `UPDATE=1 cargo test --test dependencies` writes the file. Licences, sources and versions beside each other are for `cargo deny`.
#![cfg(test)]

use pretty_assertions::assert_eq;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn every_crate_and_feature_that_is_compiled_in_is_listed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dependencies.txt");
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}={f}"]);
    tree.arg("--target=x86_64-unknown-linux-musl").current_dir(env!("CARGO_MANIFEST_DIR"));
    let tree = tree.output().unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines: BTreeSet<String> = String::from_utf8(tree.stdout).unwrap().lines().filter_map(line).collect();
    assert!(lines.len() > 50, "{lines:?}");
    let names: BTreeSet<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names.len(), lines.len(), "a crate is compiled in twice");
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), text, "UPDATE=1 cargo test --test dependencies");
}

/// `tokio v1.54.1=net,rt` without what changes with each release: `tokio 1: net rt`.
fn line(found: &str) -> Option<String> {
    let (package, features) = found.trim_end_matches(" (*)").split_once('=')?;
    let (name, version) = package.split_once(" v")?;
    let numbers: Vec<&str> = version.split(['.', ' ']).collect();
    // Releases of the same major version, or of 0 with the same minor one, replace each other.
    let version = if numbers[0] == "0" { format!("0.{}", numbers[1]) } else { numbers[0].into() };
    if name == env!("CARGO_PKG_NAME") {
        return None;
    }
    Some(format!("{name} {version}: {}", features.replace(',', " ")).trim_end_matches([' ', ':']).into())
}

#[test]
fn a_line_says_what_and_not_which_release() {
    assert_eq!(line("tokio v1.54.1=net,rt (*)").as_deref(), Some("tokio 1: net rt"));
    assert_eq!(line("base16ct v0.2.0=").as_deref(), Some("base16ct 0.2"));
    assert_eq!(line("function-database v0.1.0 (/here)="), None);
}
