//! A release is made by files, and its version stands in one place, Cargo.toml: whatever else names it says the same.
//! `UPDATE=1 cargo test --test release` writes it there.
#![cfg(test)]

use pretty_assertions::assert_eq;
use regex_lite::Regex;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the version stands, and what stands around it.
const MENTIONS: [(&str, &str, &str); 5] = [
    ("crossplane.yaml", "database/function-database\n      version: \">=v", "-0\""),
    ("editions/claims/crossplane.yaml", "database/function-database\n      version: \">=v", "-0\""),
    ("deploy/packages/function.yaml", "database/function-database:v", "\n"),
    ("deploy/packages/configuration.yaml", "database/configuration-database:v", "\n"),
    ("editions/claims/deploy/packages/kustomization.yaml", "database/configuration-database-claims:v", "\""),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_mention_of_the_version_is_the_same() {
    for (file, before, after) in MENTIONS {
        let path = root().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let mention =
            Regex::new(&format!("{}[0-9][0-9A-Za-z.-]*?{}", regex_lite::escape(before), regex_lite::escape(after)))
                .unwrap();
        assert_eq!(mention.find_iter(&text).count(), 1, "{file}: {mention}");
        let right = format!("{before}{VERSION}{after}");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, mention.replace(&text, regex_lite::NoExpand(&right)).as_bytes()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&right), "{file} has another version: UPDATE=1 cargo test --test release");
    }
}

/// The scripts run in the repository's folder, whatever the caller's is.
fn script(name: &str, argument: &str) -> (bool, String) {
    let arguments = Some(argument).filter(|argument| !argument.is_empty());
    let output = Command::new(root().join("release").join(name)).args(arguments).current_dir("/").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_tag_of_another_version_is_refused() {
    assert_eq!(script("version", ""), (true, format!("{VERSION}\n")));
    assert_eq!(script("version", &format!("v{VERSION}")), (true, format!("{VERSION}\n")));
    let refused = format!(
        "the tag is v9.9.9, and Cargo.toml says {VERSION}; tag v{VERSION}, or change Cargo.toml and run just update\n"
    );
    assert_eq!(script("version", "v9.9.9"), (false, refused));
}

/// The notes are the changelog's section, which a version has once it is released.
#[test]
fn the_changelog_has_a_section_for_what_is_next() {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let heading = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    let (found, notes) = script("notes", "");
    if heading == "Unreleased" {
        assert!(!found && notes.starts_with(&format!("CHANGELOG.md has no section ## {VERSION}; rename ")), "{notes}");
    } else {
        assert!(heading == VERSION || heading.starts_with(&format!("{VERSION} - ")), "{heading}");
        assert!(found && notes.trim_start().starts_with("### "), "{notes}");
    }
}

/// What the pipeline runs exists, and what it takes from others is named by what it is and not by a tag that moves.
/// Each workflow, with the steps of its jobs.
fn workflows() -> Vec<(String, Value, Vec<Value>)> {
    let folder = std::fs::read_dir(root().join(".github/workflows")).unwrap();
    let mut found: Vec<_> = folder
        .map(|entry| {
            let path = entry.unwrap().path();
            let workflow: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let jobs = workflow["jobs"].as_object().unwrap();
            let steps = jobs.values().flat_map(|job| job["steps"].as_array().unwrap().clone()).collect();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), workflow, steps)
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn workflows_may_do_what_they_say_by_actions_that_do_not_move() {
    let pinned = Regex::new("^[a-z-]+/[a-z-]+@[0-9a-f]{40}$").unwrap();
    for (file, workflow, steps) in workflows() {
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{file}: nothing is permitted unless it is said");
        for action in steps.iter().filter_map(|step| step["uses"].as_str()) {
            assert!(pinned.is_match(action), "{file}: {action} is not pinned to a commit");
        }
    }
}

/// Here at every change without advisories; elsewhere they are looked up daily and before a release, by the same program.
#[test]
fn the_same_program_looks_at_dependencies_everywhere() {
    let mut texts: Vec<String> =
        workflows().into_iter().flat_map(|(_, _, steps)| steps).map(|step| step["run"].to_string()).collect();
    texts.push(std::fs::read_to_string(root().join(".ci/run")).unwrap());
    let all = texts.join("\n");
    for look in ["cargo-deny --locked check licenses bans sources", "cargo deny --locked check advisories"] {
        assert!(all.contains(look), "nobody runs {look}");
    }
    let installed = Regex::new("cargo-deny@[0-9.]+").unwrap();
    let versions: Vec<&str> = installed.find_iter(&all).map(|found| found.as_str()).collect();
    assert!(versions.len() == 3 && versions.iter().all(|version| *version == versions[0]), "{versions:?}");
}

#[test]
fn the_pipeline_runs_what_there_is() {
    let (_, _, steps) = workflows().into_iter().find(|(file, _, _)| file == "release.yaml").unwrap();
    let own = Regex::new(r"(?m)^\s*(release/[a-z]+)(?: |$)").unwrap();
    let runs: Vec<String> = steps
        .iter()
        .filter_map(|step| step["run"].as_str())
        .flat_map(|run| own.captures_iter(run).map(|found| found[1].to_string()).collect::<Vec<_>>())
        .collect();
    let expected = ["release/version", "release/build", "release/reproduce", "release/package", "release/publish"];
    assert_eq!(runs, expected);
    for path in runs {
        assert!(root().join(&path).exists(), "{path}");
        let checked = Command::new("bash").arg("-n").arg(root().join(&path)).status().unwrap();
        assert!(checked.success(), "{path} is no script");
    }
}
