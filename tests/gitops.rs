//! What an organisation copies out of `examples/gitops` for others than ArgoCD, and our own release, held to those who read it:
//! manifests to the types of Flux's controllers, workflows to GitHub's own parser. Without Go, or without Node and its packages,
//! the tests are skipped, except where `CI` is `true`.
#![cfg(test)]

use kube_cel::cel::{Context, Program, Value as Cel};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What it said; nothing, with a line that says so, where the program or what it needs is missing.
fn run(what: &str, needs: &Path, command: &mut Command) -> Option<Output> {
    let output = if needs.exists() { command.current_dir(root()).output().ok() } else { None };
    if output.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{command:?} has to run where CI is true");
        // Also where the test passes.
        writeln!(std::io::stderr(), "skipped: {what}, {command:?} does not run").unwrap();
    }
    output
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// A copy of the file with one word changed to a wrong one.
fn broken(file: &str, word: &str, wrong: &str) -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    assert!(text.contains(word), "{file} has no {word}");
    let copy = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(copy.path(), text.replace(word, wrong)).unwrap();
    copy
}

#[test]
fn flux_takes_its_manifests() {
    let manifests = "examples/gitops/flux/databases.yaml";
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flux-checker");
    let mut build = Command::new("go");
    build.args(["build", "-C", "tests/flux-checker", "-o"]).arg(&program).arg(".");
    let Some(built) = run("Flux does not read its manifests", root(), &mut build) else { return };
    assert!(built.status.success(), "{}", said(&built));

    let good = Command::new(&program).arg(root().join(manifests)).output().unwrap();
    assert!(good.status.success(), "{}", said(&good));
    let bad = Command::new(&program).arg(broken(manifests, "prune:", "prun:").path()).output().unwrap();
    assert!(said(&bad).contains(r#"unknown field "spec.prun""#), "{}", said(&bad));
}

/// As Flux judges: the fields of the object are the variables, and of three expressions one is true.
#[test]
fn flux_knows_every_phase() {
    let read = |file: &str| -> Vec<Value> {
        serde_saphyr::from_multiple(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap()
    };
    let manifests = read("examples/gitops/flux/databases.yaml");
    let checks: Vec<&Value> =
        manifests.iter().filter_map(|it| it["spec"]["healthCheckExprs"].as_array()).flatten().collect();
    assert_eq!(checks.len(), 2, "of each environment's databases");
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/phase/enum";
    let definition = read("apis/database.yaml").remove(0);
    let phases = definition.pointer(path).unwrap().as_array().unwrap().iter().map(|phase| json!({"phase": phase}));
    for status in phases.chain([json!({})]) {
        for check in &checks {
            let judged = ["inProgress", "failed", "current"].map(|name| {
                let mut context = Context::default();
                context.add_variable("status", &status).unwrap();
                Program::compile(check[name].as_str().unwrap()).unwrap().execute(&context).unwrap()
            });
            let said = judged.iter().filter(|it| **it == Cel::Bool(true)).count();
            assert_eq!(said, 1, "{status} is {judged:?} of inProgress, failed and current");
        }
    }
}

#[test]
fn github_takes_the_workflows() {
    let pipeline = "examples/gitops/.github/workflows/databases.yaml";
    let packages = root().join("tests/portal/node_modules/@actions/workflow-parser");
    let check = |files: &[&Path]| {
        let mut node = Command::new("node");
        node.arg("tests/portal/workflows.mjs").arg(env!("CARGO_TARGET_TMPDIR")).args(files);
        run("GitHub does not read the workflows", &packages, &mut node)
    };
    let Some(good) = check(&[Path::new(pipeline), Path::new(".github/workflows/release.yaml")]) else { return };
    assert!(good.status.success(), "{}", said(&good));
    let wrong = broken(pipeline, "github.base_ref", "githb.base_ref");
    let bad = check(&[wrong.path()]).map(|output| said(&output)).unwrap_or_default();
    assert!(bad.contains("githb"), "{bad}");
}
