//! What a database says of itself is explained. In: the types and the source. Out: what docs/states.md has too few or too many of.

use crate::pages;
use function_database::api::status::{Class, ConditionType, OnDemandState, Phase, RestoreState, Stage, StandbyPhase};
use schemars::schema_for;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_state_is_explained() {
    let page = pages::read("docs/states.md");
    for (heading, names) in [
        ("## Phases", names(&schema_for!(Phase).to_value())),
        ("## Stages", names(&schema_for!(Stage).to_value())),
        ("## Restores", names(&schema_for!(RestoreState).to_value())),
        ("## Standby", names(&schema_for!(StandbyPhase).to_value())),
        ("## Backups", names(&schema_for!(OnDemandState).to_value())),
        ("## Classes of change", names(&schema_for!(Class).to_value())),
    ] {
        assert_eq!(first_cells(section(&page.text, heading)), names, "{heading}");
    }
}

/// The reasons of each condition, where the source has them beside its truth.
#[test]
fn every_condition_and_reason_is_explained() {
    let page = pages::read("docs/states.md");
    let conditions = section(&page.text, "## Conditions");
    let mut explained = BTreeSet::new();
    for part in conditions.split("\n### ").skip(1) {
        let kind = part.lines().next().unwrap().trim_matches('`');
        let _: ConditionType =
            serde_json::from_value(kind.into()).unwrap_or_else(|_| panic!("no condition is called {kind}"));
        explained.extend(first_cells(part));
    }
    let kinds = conditions.matches("\n### ").count();
    assert_eq!(kinds, ConditionType::StandbyReady as usize + 1, "a condition has no section");
    assert_eq!(explained, reasons());
}

/// In the generated references, a field without a description in its type has an empty cell.
#[test]
fn every_field_says_what_it_means() {
    for path in ["docs/claim.md", "docs/inputs.md"] {
        let page = pages::read(path);
        let rows: Vec<&str> = page.text.lines().filter(|line| line.starts_with("| `")).collect();
        assert!(rows.len() > 40, "{path} has {} fields", rows.len());
        let silent: Vec<&&str> = rows.iter().filter(|row| row.ends_with("|  |")).collect();
        assert!(silent.is_empty(), "{path}: {silent:#?}");
    }
}

fn names(schema: &Value) -> BTreeSet<String> {
    let plain = schema["enum"].as_array().into_iter().flatten();
    let described = schema["oneOf"].as_array().into_iter().flatten();
    let described = described.flat_map(|one| one["enum"].as_array().into_iter().flatten().chain(one.get("const")));
    plain.chain(described).map(|name| name.as_str().unwrap().to_string()).collect()
}

/// Up to the next heading of its level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) =
        text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("docs/states.md has no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The code in the first cell of each row.
fn first_cells(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(name, _)| name.to_string()).collect()
}

fn reasons() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in
        ["report/conditions.rs", "report/standby.rs", "pipeline/tier_defaults.rs", "pipeline/production_approval.rs"]
    {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
        for after in text.split("Truth::").skip(1) {
            let literal = after.split_once(", \"").filter(|(truth, _)| truth.chars().all(char::is_alphabetic));
            found.extend(literal.and_then(|(_, rest)| rest.split_once('"')).map(|(reason, _)| reason.to_string()));
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}
