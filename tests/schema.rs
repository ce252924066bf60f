//! Holds this repository's XRDs and CRDs to the code that a cluster runs, and our own check to the API server's verdict.
//!
//! Crossplane's conversion and the API server's validation run in `tests/schema-checker`, a Go program. Without Go these
//! tests are skipped, except where `CI` is `true`.

#![cfg(test)]

mod support {
    pub mod cases;
    pub mod cel;
    pub mod documents;
}
mod rules {
    mod evaluator;
    mod inputs;
    mod languages;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use pretty_assertions::assert_eq;
use serde::Deserialize;
use serde_json::Value;
use support::cel::Schema;
use support::documents;

/// Where this repository keeps XRDs and CRDs.
const DEFINITIONS: [&str; 4] = ["apis", "editions/claims", "deploy/crds", "package/input"];
const CASES: &str = "tests/schema-cases";
const CHECKER: &str = "tests/schema-checker";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// This repository's files that define kinds.
fn own_definitions() -> Vec<PathBuf> {
    let is_definition = |path: &PathBuf| {
        documents::read(path).iter().any(|document| {
            document["kind"] == "CompositeResourceDefinition" || document["kind"] == "CustomResourceDefinition"
        })
    };
    DEFINITIONS.iter().flat_map(|folder| documents::files(&root().join(folder))).filter(is_definition).collect()
}

/// The program, built once; `None`, with a line that says so, if there is no Go.
fn checker() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Err(error) = Command::new("go").arg("version").output() {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "Go is needed where CI is true: {error}");
                documents::say(&format!(
                    "skipped: schemas are not held to the API server's code, go does not run: {error}"
                ));
                return None;
            }
            let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema-checker");
            run(Command::new("go").current_dir(root().join(CHECKER)).args(["build", "-o"]).arg(&program).arg("."));
            Some(program)
        })
        .as_deref()
}

/// What the command prints; a failing one fails the test with all that it said.
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

#[test]
fn the_checker_passes_its_own_tests() {
    if checker().is_some() {
        run(Command::new("go").current_dir(root().join(CHECKER)).args(["test", "."]));
    }
}

#[test]
fn a_cluster_takes_our_definitions() {
    if let Some(checker) = checker() {
        run(Command::new(checker).arg("check").args(own_definitions()));
    }
}

#[test]
fn the_api_server_rules_on_our_objects_as_expected() {
    if let Some(checker) = checker() {
        run(Command::new(checker).arg("cases").arg("--cases").arg(root().join(CASES)).args(own_definitions()));
    }
}

#[test]
fn our_check_agrees_with_the_api_server_on_our_objects() {
    agree(&own_definitions(), &root().join(CASES), 150);
}

#[test]
fn each_rule_refuses_something() {
    let cases = cases(&root().join(CASES));
    let mut rules = 0;
    for definition in own_definitions().iter().flat_map(|path| documents::read(path)) {
        for message in messages(&definition) {
            rules += 1;
            // A list that grows is given by how it begins.
            let says = |text: &str| message.starts_with(text);
            let refused = cases.iter().any(|case| !case.valid && case.message.as_deref().is_some_and(says));
            assert!(refused, "no case in {CASES} is refused because {message:?}");
        }
    }
    assert!(rules > 30, "{rules} rules");
}

/// Of every rule in the definition.
fn messages(definition: &Value) -> Vec<String> {
    let below: Vec<&Value> = match definition {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => vec![],
    };
    let rules = definition["x-kubernetes-validations"].as_array().into_iter().flatten();
    let own = rules.map(|rule| rule["message"].as_str().expect("each rule says what is wrong").to_owned());
    own.chain(below.into_iter().flat_map(messages)).collect()
}

#[test]
fn our_check_agrees_with_the_api_server_on_every_kind_of_check() {
    let data = root().join(CHECKER).join("testdata");
    agree(&documents::files(&data.join("good")), &data.join("cases"), 80);
}

/// A case of `tests/schema-checker/cases.go`, which holds the API server to the same expectations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "xr")]
    crd: String,
    old: Option<Value>,
    object: Value,
    valid: bool,
    message: Option<String>,
}

fn xr() -> String {
    "xr".into()
}

/// A CRD as `schema-checker convert` prints it.
#[derive(Deserialize)]
struct Converted {
    role: String,
    crd: Value,
}

/// Every case in the folder, at least `count`, comes out as it says.
fn agree(definitions: &[PathBuf], cases: &Path, count: usize) {
    let Some(checker) = checker() else { return };
    let schemas = schemas(&run(Command::new(checker).arg("convert").args(definitions)));
    let cases = self::cases(cases);
    assert!(cases.len() >= count, "{} cases", cases.len());
    let problems: Vec<String> = cases.iter().filter_map(|case| disagreement(case, &schemas)).collect();
    assert_eq!(problems, Vec::<String>::new());
}

fn cases(folder: &Path) -> Vec<Case> {
    let read = |case: Value| serde_json::from_value(case.clone()).unwrap_or_else(|error| panic!("{case}: {error}"));
    documents::files(folder).iter().flat_map(|path| documents::read(path)).map(read).collect()
}

/// Role, apiVersion and kind.
type Kind = (String, String, String);

fn schemas(converted: &str) -> BTreeMap<Kind, Schema> {
    let mut schemas = BTreeMap::new();
    for line in converted.lines() {
        let Converted { role, crd } = serde_json::from_str(line).expect("a CRD");
        let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
        for version in crd["spec"]["versions"].as_array().expect("versions") {
            let api_version = format!("{}/{}", text("/spec/group"), version["name"].as_str().expect("a version"));
            let schema = Schema::build(&version["schema"]["openAPIV3Schema"]).expect("a schema");
            assert_eq!(schema.uncompiled(), [], "{api_version} {}", text("/spec/names/kind"));
            schemas.insert((role.clone(), api_version, text("/spec/names/kind")), schema);
        }
    }
    schemas
}

fn disagreement(case: &Case, schemas: &BTreeMap<Kind, Schema>) -> Option<String> {
    let text = |name: &str| case.object[name].as_str().unwrap_or_default().to_owned();
    let kind = (case.crd.clone(), text("apiVersion"), text("kind"));
    let Some(schema) = schemas.get(&kind) else { return Some(format!("{}: no schema for {kind:?}", case.name)) };
    let found = schema.check(case.old.as_ref(), &case.object);
    // The words of a rule are the schema's own, so that both validators must say them; others are free.
    let of_a_rule = |message: &&String| schema.source.to_string().contains(&format!("\"message\":{message:?}"));
    let unsaid = case.message.as_ref().filter(of_a_rule).filter(|message| found.iter().all(|v| v.message != **message));
    match (case.valid == found.is_empty(), unsaid) {
        (true, None) => None,
        _ => Some(format!("{}: must be {}, but: {found:?}", case.name, if case.valid { "valid" } else { "refused" })),
    }
}
