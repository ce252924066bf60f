//! The portal's templates, held to Backstage itself: its schemas, its scaffolder, its wizard in headless Chromium. The tests are in
//! `tests/portal`, for Node. Without Node, or before `npm ci` there, they are skipped, as without Chromium those of the wizard;
//! except where `CI` is `true`.
//!
//! `FUNCTION_DATABASE_PICTURES` names a folder for the pictures of the documentation.
#![cfg(test)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Prints a line even where the test passes.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

/// Runs a script of `tests/portal` over the example templates, with an empty folder for what comes out; a failing one fails the
/// test with all that it said.
fn run(script: &str, arguments: &[&str]) {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("portal").join(script);
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap();
    let output = Command::new("node")
        .current_dir(root())
        .arg(format!("tests/portal/{script}.mjs"))
        .arg("examples/backstage")
        .arg(&out)
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    say(said.trim_end());
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

#[test]
fn backstages_scaffolder_makes_good_claims_of_every_pair_of_choices() {
    if node() {
        run("engine", &[env!("CARGO_BIN_EXE_function-database")]);
    }
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
