//! Holds every alert of the golden cases, and of the function itself, to Prometheus' own `promtool`, and plays what makes each
//! of them fire, and what does not, in `tests/alerts/*.yaml`. `FUNCTION_DATABASE_PROMTOOL` names the program; without it these
//! checks say that they were skipped.
#![cfg(test)]

mod support {
    pub mod documents;
}

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::documents;

const VARIABLE: &str = "FUNCTION_DATABASE_PROMTOOL";

fn promtool() -> Option<PathBuf> {
    let program = std::env::var_os(VARIABLE).map(PathBuf::from);
    if program.is_none() {
        documents::say(&format!("skipped: alerts are not checked, {VARIABLE} names no promtool"));
    }
    program
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rules among the objects of a file, as Prometheus reads them.
fn rules(file: &Path) -> Option<Value> {
    let composed = documents::read(file).into_iter().find(|document| document["kind"] == "PrometheusRule")?;
    Some(json!({"groups": composed["spec"]["groups"]}))
}

/// Whose golden case a file belongs to: `ENGINE/OPERATOR/CASE/FILE`.
fn operator(file: &Path) -> OsString {
    file.ancestors().nth(2).and_then(Path::file_name).unwrap().into()
}

fn run(promtool: &Path, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let output = Command::new(promtool).args(arguments).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn every_rule_is_what_prometheus_reads() {
    let Some(promtool) = promtool() else { return };
    let folder = root().join("target/rules");
    std::fs::create_dir_all(&folder).unwrap();
    let mut seen = BTreeSet::new();
    let mut wrong = vec![];
    for case in
        documents::files(&root().join("tests/golden")).into_iter().filter(|path| path.ends_with("expected.yaml"))
    {
        let Some(rules) = rules(&case) else { continue };
        let text = serde_saphyr::to_string(&rules).unwrap();
        if seen.insert(text.clone()) {
            std::fs::write(folder.join("checked.yaml"), text).unwrap();
            let checked = run(&promtool, &["check", "rules", "checked.yaml"], &folder);
            wrong.extend(checked.err().map(|said| format!("{}: {said}", case.display())));
        }
    }
    assert!(seen.len() > 5, "only {} different sets of rules", seen.len());
    assert_eq!(wrong, Vec::<String>::new());
}

/// Each file plays one golden case, or a file that is applied, which its first line names, and has a test for each of its alerts.
#[test]
fn every_alert_fires_when_it_shall_and_not_before() {
    let Some(promtool) = promtool() else { return };
    let folder = root().join("target/rules");
    std::fs::create_dir_all(&folder).unwrap();
    let files = documents::files(&root().join("tests/alerts"));
    let cases = documents::files(&root().join("tests/golden"))
        .into_iter()
        .filter(|it| it.ends_with("everything/expected.yaml"));
    let operators: BTreeSet<_> = cases.filter(|it| rules(it).is_some()).map(|it| operator(&it)).collect();
    let unplayed: Vec<_> =
        operators.iter().filter(|it| !files.iter().any(|file| file.file_stem() == Some(it))).collect();
    assert!(operators.len() > 10 && unplayed.is_empty(), "of {operators:?} are not played: {unplayed:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let played = text.lines().next().unwrap().trim_start_matches("# ").to_string();
        let played = match played.ends_with(".yaml") {
            true => root().join(played),
            false => root().join("tests/golden").join(played).join("expected.yaml"),
        };
        let rules = rules(&played).unwrap();
        for rule in rules["groups"][0]["rules"].as_array().unwrap() {
            let alert = rule["alert"].as_str().unwrap();
            assert!(text.contains(&format!("alertname=\"{alert}\"")), "{}: {alert} is not played", file.display());
        }
        std::fs::write(folder.join("rules.yaml"), serde_saphyr::to_string(&rules).unwrap()).unwrap();
        std::fs::write(folder.join("test.yaml"), text).unwrap();
        run(&promtool, &["test", "rules", "test.yaml"], &folder)
            .unwrap_or_else(|said| panic!("{}: {said}", file.display()));
    }
}
