//! The portal's templates, held to Backstage itself: its schemas, its scaffolder, its wizard in headless Chromium. The tests are in
//! `tests/portal`, for Node. Without Node, or before `npm ci` there, they are skipped, as without Chromium those of the wizard;
//! except where `CI` is `true`.
//!
//! `FUNCTION_DATABASE_PICTURES` names a folder for the pictures of the documentation, `FUNCTION_DATABASE_COMBINATIONS` a number of
//! databases that are created beyond those of each run (docs/decisions/0038).
#![cfg(test)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Prints a line even where the test passes.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

/// Runs a script of `tests/portal`, with an empty folder for what comes out.
fn play(script: &str, templates: &Path, arguments: &[&str]) -> Output {
    let of = arguments.last().filter(|last| last.ends_with('/')).unwrap_or(&"all");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("portal").join(script).join(of);
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap();
    let mut node = Command::new("node");
    node.current_dir(root()).arg(format!("tests/portal/{script}.mjs")).arg(templates).arg(&out).args(arguments);
    node.output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// Over the example templates; a failing script fails the test with all that it said.
fn run(script: &str, arguments: &[&str]) {
    let output = play(script, Path::new("examples/backstage"), arguments);
    assert!(output.status.success(), "{}", said(&output));
    say(said(&output).trim_end());
}

/// Says what is missing; where `CI` is `true`, that is a failure.
fn missing(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
    say(&format!("skipped: templates are not held to Backstage, {what}"));
}

fn node() -> bool {
    let there = Command::new("node").arg("--version").output().is_ok();
    let packages = root().join("tests/portal/node_modules").exists();
    match (there, packages) {
        (true, true) => return true,
        (false, _) => missing("node does not run"),
        (true, false) => missing("there are no packages, npm ci in tests/portal brings them"),
    }
    false
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_function-database");

#[test]
fn backstages_scaffolder_makes_good_claims_of_any_three_choices_in_dev() {
    if node() {
        run("engine", &[PROGRAM, "dev/"]);
    }
}

#[test]
fn backstages_scaffolder_makes_good_claims_of_any_three_choices_in_staging() {
    if node() {
        run("engine", &[PROGRAM, "staging/"]);
    }
}

#[test]
fn backstages_scaffolder_makes_good_claims_of_any_three_choices_in_prod() {
    if node() {
        run("engine", &[PROGRAM, "prod/"]);
    }
}

#[test]
fn what_a_form_cannot_prevent_is_refused_under_its_own_titles() {
    if node() {
        run("refusals", &[PROGRAM]);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// It is wrong for three choices together only.
#[test]
fn a_broken_template_is_reported_with_the_combination_that_failed() {
    if !node() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples"), folder.path());
    let templates = folder.path().join("backstage");
    let skeleton = templates.join("create/skeleton/database.yaml.njk");
    let text = std::fs::read_to_string(&skeleton).unwrap();
    let right = "  size: ${{ values.form.size }}\n";
    let wrong = "  size: ${{ \"enormous\" if values.form.storageClass == \"fast-ssd\" and values.form.encrypted and \
                 values.form.roles else values.form.size }}\n";
    assert!(text.contains(right));
    std::fs::write(&skeleton, text.replace(right, wrong)).unwrap();
    let output = play("engine", &templates, &[PROGRAM, "dev/mysql"]);
    assert!(!output.status.success());
    let said = said(&output);
    let combinations: Vec<serde_json::Value> = said
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("with "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!combinations.is_empty(), "{said}");
    for combination in &combinations {
        let chosen = |name: &str| &combination[name];
        let all = ["name", "namespace", "owner", "environment", "engine", "size", "storage"];
        assert!(all.iter().all(|name| !chosen(name).is_null()), "{said}");
        assert_eq!((chosen("storageClass"), chosen("encrypted")), (&"fast-ssd".into(), &true.into()), "{said}");
        assert!(chosen("roles").is_array(), "{said}");
    }
    assert!(said.contains("spec.size: there is no size in dev \"enormous\""), "{said}");
}

#[test]
fn backstages_wizard_is_filled_in_once_per_engine() {
    if !node() {
        return;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let chromium = std::env::split_paths(&folders).map(|folder| folder.join("chromium")).find(|path| path.exists());
    let Some(chromium) = chromium else { return missing("there is no chromium") };
    let pictures = std::env::var_os("FUNCTION_DATABASE_PICTURES").map(PathBuf::from);
    let mut arguments = vec![chromium.to_str().unwrap()];
    arguments.extend(pictures.as_ref().and_then(|folder| folder.to_str()));
    run("forms", &arguments);
}
