//! YAML. In: the pages' blocks. Out: what is wrong with each. A whole document is checked as what its kind says: by `validate`, by
//! our definitions, Kubernetes' types, or the operators' CRDs where they are at hand. A fragment begins with `metadata:` or
//! `spec:`, and is of a `Database`; or with the kind of an input, and is of the EnvironmentConfig `database-platform`; or with
//! `- step:`, and stands in front of the shipped Composition's last step.

use crate::pages;
use crate::support::{cel::Schema, crds::Crds, documents, kubernetes};
use function_database::api::input::Step;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// What `validate` reads.
const OURS: [&str; 4] = ["Database", "DatabaseApproval", "Composition", "EnvironmentConfig"];
/// What stands for no resource.
const FILES: [&str; 2] = ["kind: Kustomization", "kind: Component"];

#[test]
fn every_block_is_valid() {
    let mut wrong = vec![];
    let mut checked = 0;
    for page in pages::all() {
        for block in page.blocks().into_iter().filter(|block| block.language == "yaml") {
            checked += 1;
            wrong.extend(check(&block.text).into_iter().map(|why| format!("{}:{}: {why}", page.path, block.line)));
        }
    }
    assert!(checked > 10, "the blocks are missing: {checked}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Where a block says that it is to be written.
pub fn file(text: &str) -> Option<&str> {
    let path = text.lines().next()?.strip_prefix("# ")?;
    (path.ends_with(".yaml") && !path.contains(' ')).then_some(path)
}

fn check(text: &str) -> Vec<String> {
    let documents: Vec<Value> = match serde_saphyr::from_multiple(text) {
        Ok(documents) => documents,
        Err(error) => return vec![error.to_string()],
    };
    let documents: Result<Vec<Value>, String> = documents.into_iter().map(whole).collect();
    let documents = match documents {
        Ok(documents) => documents,
        Err(why) => return vec![why],
    };
    let (ours, others): (Vec<Value>, Vec<Value>) =
        documents.into_iter().partition(|document| OURS.iter().any(|kind| document["kind"] == *kind));
    let definitions = ours.iter().filter(|document| document["kind"] == "Composition");
    let mut wrong: Vec<String> = others.iter().chain(definitions).flat_map(resource).collect();
    if !ours.is_empty() {
        wrong.extend(validated(&ours));
    }
    wrong
}

/// The document that a fragment is of.
fn whole(fragment: Value) -> Result<Value, String> {
    if let Some(steps) = fragment.as_array().filter(|list| list.iter().all(|entry| entry.get("step").is_some())) {
        let mut composition: Value = serde_saphyr::from_str(include_str!("../../compositions/database.yaml")).unwrap();
        let pipeline = composition["spec"]["pipeline"].as_array_mut().unwrap();
        let report = pipeline.len() - 1;
        pipeline.splice(report..report, steps.iter().cloned());
        return Ok(composition);
    }
    let names: Vec<&str> = fragment.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let inputs: Vec<&str> = Step::ALL.into_iter().map(Step::kind).collect();
    let all_of = |known: &[&str]| !names.is_empty() && names.iter().all(|name| known.contains(name));
    if names.contains(&"kind") {
        return Ok(fragment);
    }
    if all_of(&["metadata", "spec"]) {
        let mut claim = json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database",
            "metadata": {"name": "orders", "namespace": "checkout"},
            "spec": {"name": "orders", "environment": "staging", "size": "medium", "storage": "100Gi"},
        });
        for part in ["metadata", "spec"] {
            for (name, value) in fragment[part].as_object().into_iter().flatten() {
                claim[part][name] = value.clone();
            }
        }
        return Ok(claim);
    }
    let data = if all_of(&["data"]) { fragment["data"].clone() } else { fragment.clone() };
    if all_of(&inputs) || all_of(&["data"]) {
        return Ok(json!({
            "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
            "metadata": {"name": "database-platform"}, "data": data,
        }));
    }
    Err(format!(
        "what is it a fragment of? its fields are {}; write a whole document, or spec: of a Database, or {inputs:?}",
        names.join(", ")
    ))
}

fn validated(documents: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = documents.iter().map(|document| serde_saphyr::to_string(document).unwrap()).collect();
    std::fs::write(folder.path().join("block.yaml"), texts.join("---\n")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_function-database"));
    let output =
        program.args(["validate", "block.yaml", "--now", "2026-11-21T12:00:00Z"]).current_dir(&folder).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut wrong: Vec<String> = said.lines().map(str::to_string).collect();
    if !output.status.success() && wrong.is_empty() {
        wrong.push(String::from_utf8(output.stderr).unwrap());
    }
    wrong
}

fn resource(document: &Value) -> Vec<String> {
    let kind = format!("kind: {}", document["kind"].as_str().unwrap_or_default());
    if FILES.contains(&kind.as_str()) {
        return vec![];
    }
    if let Some(crds) = Crds::from_environment() {
        let found = crds.check(document).into_iter();
        return found.map(|problem| format!("{problem} (by {})", crds.folder().display())).collect();
    }
    kubernetes::check(document).or_else(|| input(document)).unwrap_or_default()
}

/// By the definition in the Function package.
fn input(document: &Value) -> Option<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("package/input");
    let definition = documents::files(&folder)
        .iter()
        .flat_map(|path| documents::read(path))
        .find(|definition| definition["spec"]["names"]["kind"] == document["kind"])?;
    let schema = Schema::build(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]).unwrap();
    Some(schema.check(None, document).iter().map(ToString::to_string).collect())
}
