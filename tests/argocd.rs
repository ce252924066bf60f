//! The health that ArgoCD shows, judged by its own Lua interpreter over what the golden cases recorded. Without Go these tests are
//! skipped, except where `CI` is `true`.
#![cfg(test)]

mod support {
    pub mod documents;
}

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use support::documents;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program, built once; `None`, with a line that says so, if there is no Go.
fn checker() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if let Err(error) = Command::new("go").arg("version").output() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "Go is needed where CI is true: {error}");
            documents::say(&format!("skipped: health is not judged by ArgoCD's interpreter, go does not run: {error}"));
            return None;
        }
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("argocd-checker");
        let folder = root().join("tests/argocd-checker");
        let build =
            Command::new("go").current_dir(folder).args(["build", "-o"]).arg(&program).arg(".").output().unwrap();
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        Some(program)
    });
    built.as_deref()
}

/// Status and message of each object.
fn judged(script: &str, objects: &[Value]) -> Option<Vec<(String, String)>> {
    let mut child = Command::new(checker()?)
        .arg(root().join("deploy/argocd").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let health = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_string();
    Some(health.map(|health| (text(&health["status"]), text(&health["message"]))).collect())
}

/// Every composite of the golden cases, with the case that it stands in.
fn recorded() -> Vec<(PathBuf, Value)> {
    let files = documents::files(&root().join("tests/golden")).into_iter();
    let expected = files.filter(|path| path.ends_with("expected.yaml"));
    let composites = expected.flat_map(|path| documents::read(&path).into_iter().map(move |it| (path.clone(), it)));
    composites.filter(|(_, it)| it["kind"] == "Database" && !it["status"].is_null()).collect()
}

/// What somebody who looks at ArgoCD should see of it.
fn wanted(database: &Value) -> &'static str {
    let status = &database["status"];
    let conditions = status["conditions"].as_array().unwrap().iter();
    let is_false = |name| conditions.clone().any(|it| it["type"] == name && it["status"] == "False");
    if is_false("Validated") {
        return "Degraded";
    }
    if is_false("Approved") {
        return "Suspended";
    }
    match status["phase"].as_str().unwrap() {
        "Ready" => "Healthy",
        "AwaitingApproval" | "Hibernated" => "Suspended",
        "Provisioning" | "Updating" | "Scaling" | "Upgrading" | "Restoring" | "Deleting" => "Progressing",
        "Invalid" | "Degraded" | "Lost" | "Failed" => "Degraded",
        other => panic!("nobody knows {other}"),
    }
}

#[test]
fn recorded_databases_have_the_health_of_their_phase() {
    let recorded = recorded();
    let objects: Vec<Value> = recorded.iter().map(|(_, object)| object.clone()).collect();
    let Some(judged) = judged("database.lua", &objects) else { return };
    assert_eq!(judged.len(), recorded.len());
    let wrong = recorded.iter().zip(&judged).filter(|((_, object), (status, _))| wanted(object) != status);
    let wrong: Vec<String> = wrong
        .map(|((path, object), (status, _))| {
            format!("{}: {} is {status}, not {}", path.display(), object["status"]["phase"], wanted(object))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let phases: BTreeSet<&str> = objects.iter().filter_map(|object| object["status"]["phase"].as_str()).collect();
    assert!(phases.len() >= 11, "only {phases:?} are recorded");
}

/// Each phase of the schema is one that the script knows, also those that no golden case comes to.
#[test]
fn every_phase_of_the_schema_has_a_health() {
    let definition = documents::read(&root().join("apis/database.yaml")).remove(0);
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/phase/enum";
    let phases = definition.pointer(path).unwrap().as_array().unwrap();
    let objects: Vec<Value> = phases.iter().map(|phase| json!({"metadata": {}, "status": {"phase": phase}})).collect();
    let Some(judged) = judged("database.lua", &objects) else { return };
    for (phase, (status, _)) in phases.iter().zip(judged) {
        assert_ne!(status, "Unknown", "{phase}");
    }
}

#[test]
fn what_is_not_known_yet_is_progressing_and_what_stops_is_degraded() {
    let with = |conditions: Value| {
        json!({
            "metadata": {"generation": 2},
            "status": {"phase": "Ready", "observedGeneration": 2, "conditions": conditions, "message": "it runs"},
        })
    };
    let condition =
        |name: &str, reason: &str| json!([{"type": name, "status": "False", "reason": reason, "message": "why"}]);
    let cases = [
        (json!({"metadata": {"generation": 1}}), "Progressing", "nobody has looked at it yet"),
        (json!({"metadata": {"generation": 1}, "status": {}}), "Progressing", "nobody has looked at it yet"),
        (
            json!({"metadata": {"generation": 2}, "status": {"phase": "Ready", "observedGeneration": 1}}),
            "Progressing",
            "the last edit has not been looked at yet",
        ),
        (with(json!([])), "Healthy", "it runs"),
        (with(condition("Validated", "Invalid")), "Degraded", "why"),
        (with(condition("Approved", "Pending")), "Suspended", "why"),
        (with(condition("Synced", "ReconcileError")), "Degraded", "why"),
        (with(condition("Synced", "ReconcilePaused")), "Suspended", "somebody paused it"),
    ];
    let objects: Vec<Value> = cases.iter().map(|(object, ..)| object.clone()).collect();
    let Some(judged) = judged("database.lua", &objects) else { return };
    for ((object, status, message), judged) in cases.iter().zip(judged) {
        assert_eq!(judged, (status.to_string(), message.to_string()), "{object}");
    }
}

#[test]
fn an_approval_counts_as_soon_as_it_is_there() {
    let approvals = documents::read(&root().join("examples/postgresql/prod.yaml")).into_iter();
    let mut objects: Vec<Value> = approvals.filter(|it| it["kind"] == "DatabaseApproval").collect();
    objects.push(json!({"metadata": {"name": "empty"}}));
    let Some(judged) = judged("databaseapproval.lua", &objects) else { return };
    let expected = [("Healthy", "Approved by anna"), ("Degraded", "it decides nothing")];
    assert_eq!(judged, expected.map(|(status, message)| (status.to_string(), message.to_string())));
}

/// The keys under which ArgoCD looks, and the files that stand there.
#[test]
fn the_scripts_are_where_argocd_looks() {
    let component = documents::read(&root().join("deploy/argocd/kustomization.yaml")).remove(0);
    let files = component["configMapGenerator"][0]["files"].as_array().unwrap();
    for (file, kind) in files.iter().zip(["Database", "DatabaseApproval"]) {
        let (key, script) = file.as_str().unwrap().split_once('=').unwrap();
        assert_eq!(key, format!("resource.customizations.health.db.platform.io_{kind}"));
        assert!(root().join("deploy/argocd").join(script).exists());
    }
}
