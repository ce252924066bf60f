//! Golden cases: a folder of `tests/golden` is one situation, and what Crossplane would apply in it.
//!
//! | file | what it is |
//! |---|---|
//! | `claim.yaml` | the claim as it is now |
//! | `before.yaml` | the claim as it was applied before, if it was another one |
//! | `cluster.yaml` | whatever else exists: approvals, secrets, volumes, an EnvironmentConfig |
//! | `meanwhile.yaml` | the claim as it was once between the two |
//! | `since.yaml` | the same, but only since the claim was applied before |
//! | `observed.yaml` | composed resources that exist, instead of those that were rendered before |
//! | `statuses.yaml` | by key, what operators made of the resources rendered before |
//! | `again` | how often the function ran since the claim became what it is now |
//! | `withdrawn` | if it is there, the approvals that stood before are deleted |
//! | `gone` | keys of resources that are there no more |
//! | `hidden` | keys of resources that exist, but that nobody observes: a user emptied the references |
//! | `core` | the Crossplane that runs it now: `cannot-answer` what a function asks for, or `silent` about it |
//! | `edition` | `claims`, if it is that one |
//! | `expected.yaml` | the composite with its status, then each composed resource |
//! | `said.txt` | what is ready, when to run again, events |
//!
//! An approval's digest `@Create`, `@Change` or `@Delete` stands for the digest that is pending.
//!
//! `UPDATE=1 cargo test --test golden` rewrites the last two. Read the difference as a reviewer would.
#![cfg(test)]

use function_database::render::{Composition, Core, Rendered, render};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const NOW: &str = "2026-11-21T12:00:00Z";

#[test]
fn golden_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases = vec![];
    find(&root, &mut cases);
    assert!(cases.len() >= 30, "the golden cases are missing: {}", cases.len());
    let update = std::env::var_os("UPDATE").is_some();
    let mut different = vec![];
    for case in &cases {
        for (file, text) in play(case) {
            let path = case.join(file);
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            if expected == text {
                continue;
            }
            if update {
                std::fs::write(&path, text).unwrap();
            } else {
                let difference = pretty_assertions::StrComparison::new(&expected, &text).to_string();
                different.push(format!("{}\n{difference}", path.display()));
            }
        }
    }
    let hint = "if this is what it shall be: UPDATE=1 cargo test --test golden";
    assert!(different.is_empty(), "{}\n{hint}", different.join("\n"));
}

/// The same request gives the same bytes, and its own output, observed again, changes nothing but readiness.
#[test]
fn what_is_rendered_and_observed_again_stays() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases = vec![];
    find(&root, &mut cases);
    for case in &cases {
        let situation = Situation::read(case);
        let once = situation.run(&situation.claim, &situation.observed());
        assert_eq!(print(&once), print(&situation.run(&situation.claim, &situation.observed())), "{}", case.display());
        if once.fatal.is_some() {
            continue;
        }
        let again = situation.run(&situation.claim, &once.resources);
        let specs = |rendered: &Rendered| -> BTreeMap<String, Value> {
            let named =
                rendered.resources.iter().filter(|value| value["kind"] != "Usage" && value["kind"] != "ClusterUsage");
            named
                .map(|value| {
                    (value["metadata"]["name"].to_string() + &value["kind"].to_string(), value["spec"].clone())
                })
                .collect()
        };
        if situation.observed.is_none() && situation.before.is_none() {
            assert_eq!(again.fatal, None, "{}", case.display());
            assert_eq!(specs(&once), specs(&again), "{}", case.display());
        }
    }
}

/// The password that stands in the operator's secret is in the connection secret and nowhere else.
#[test]
fn no_secret_leaves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases = vec![];
    find(&root, &mut cases);
    let planted = ["planted-secret", "cGxhbnRlZC1zZWNyZXQ="];
    let mut seen = 0;
    for case in &cases {
        let situation = Situation::read(case);
        let rendered = situation.run(&situation.claim, &situation.observed());
        let (secrets, others): (Vec<Value>, Vec<Value>) =
            rendered.resources.iter().cloned().partition(|value| value["kind"] == "Secret");
        seen += secrets.len();
        let text = format!("{} {others:?} {} {:?}", rendered.composite, said(&rendered), rendered.conditions);
        assert!(planted.iter().all(|secret| !text.contains(secret)), "{}", case.display());
    }
    assert!(seen > 5, "the secret was planted");
}

fn find(folder: &Path, cases: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    if folder.join("claim.yaml").exists() {
        cases.push(folder.into());
    }
    for entry in entries.into_iter().filter(|entry| entry.is_dir()) {
        find(&entry, cases);
    }
}

fn play(case: &Path) -> [(&'static str, String); 2] {
    let situation = Situation::read(case);
    let rendered = situation.run(&situation.claim, &situation.observed());
    [("expected.yaml", print(&rendered)), ("said.txt", said(&rendered))]
}

struct Situation {
    composition: Composition,
    claim: Value,
    before: Option<Value>,
    meanwhile: Option<Value>,
    core: Core,
    cluster: Vec<Value>,
    since: Vec<Value>,
    observed: Option<Vec<Value>>,
    statuses: Option<Map<String, Value>>,
    withdrawn: bool,
    again: usize,
    gone: Vec<String>,
    hidden: Vec<String>,
}

impl Situation {
    fn read(case: &Path) -> Situation {
        let text = |name: &str| std::fs::read_to_string(case.join(name)).ok();
        let documents = |name: &str| text(name).map(|text| yaml(&text));
        let one = |name: &str| documents(name).map(|documents| documents[0].clone());
        let words = |name: &str| text(name).unwrap_or_default().split_whitespace().map(String::from).collect();
        let composition = match text("edition").unwrap_or_default().trim() {
            "claims" => include_str!("../editions/claims/compositions/database.yaml"),
            _ => include_str!("../compositions/database.yaml"),
        };
        Situation {
            composition: Composition::read(&yaml(composition)[0]).unwrap(),
            claim: one("claim.yaml").unwrap(),
            before: one("before.yaml"),
            meanwhile: one("meanwhile.yaml"),
            core: match text("core").unwrap_or_default().trim() {
                "" => Core::Answers,
                "cannot-answer" => Core::CannotAnswer,
                "silent" => Core::Silent,
                other => panic!("there is no core {other:?}"),
            },
            cluster: documents("cluster.yaml").unwrap_or_default(),
            since: documents("since.yaml").unwrap_or_default(),
            observed: documents("observed.yaml"),
            statuses: one("statuses.yaml").map(|statuses| statuses.as_object().unwrap().clone()),
            withdrawn: case.join("withdrawn").exists(),
            again: text("again").map_or(0, |text| text.trim().parse().unwrap()),
            gone: words("gone"),
            hidden: words("hidden"),
        }
    }

    fn run(&self, claim: &Value, observed: &[Value]) -> Rendered {
        let now: Timestamp = NOW.parse().unwrap();
        let composition = &Composition { core: self.core, ..self.composition.clone() };
        let (hidden, observed): (Vec<Value>, Vec<Value>) = observed
            .iter()
            .cloned()
            .partition(|value| self.hidden.iter().any(|key| value["metadata"]["annotations"][KEY] == **key));
        let cluster: Vec<Value> = self.cluster.iter().chain(&self.since).chain(&hidden).cloned().collect();
        let (approvals, others): (Vec<Value>, Vec<Value>) =
            cluster.into_iter().partition(|value| value["kind"] == "DatabaseApproval");
        if approvals.is_empty() || self.withdrawn {
            return render(composition, claim, &observed, &others, now);
        }
        let without = render(composition, claim, &observed, &others, now);
        let cluster: Vec<Value> =
            others.into_iter().chain(approvals.into_iter().map(|approval| signed(approval, &without))).collect();
        render(composition, claim, &observed, &cluster, now)
    }

    /// What exists now: given, or what was rendered before with the operators' statuses.
    fn observed(&self) -> Vec<Value> {
        if let Some(observed) = &self.observed {
            return observed.clone();
        }
        let Some(statuses) = &self.statuses else { return vec![] };
        let before = Situation { since: vec![], hidden: vec![], withdrawn: false, ..Situation::copy(self) };
        let claim = self.before.as_ref().unwrap_or(&self.claim);
        let mut seen = vec![];
        // What the gate learns from the statuses stands in the record from the next run on.
        let claims = std::iter::repeat_n(claim, 3).chain(&self.meanwhile);
        for claim in claims.chain(std::iter::repeat_n(&self.claim, self.again)) {
            let rendered = before.run(claim, &seen);
            assert!(!rendered.resources.is_empty(), "nothing was rendered before: {}", said(&rendered));
            seen = rendered.resources.into_iter().map(|value| settled(value, statuses)).collect();
        }
        seen.retain(|value| !self.gone.iter().any(|key| value["metadata"]["annotations"][KEY] == **key));
        seen
    }

    fn copy(other: &Situation) -> Situation {
        Situation {
            composition: other.composition.clone(),
            claim: other.claim.clone(),
            before: other.before.clone(),
            meanwhile: other.meanwhile.clone(),
            core: Core::Answers,
            cluster: other.cluster.clone(),
            since: other.since.clone(),
            observed: other.observed.clone(),
            statuses: other.statuses.clone(),
            withdrawn: other.withdrawn,
            again: other.again,
            gone: other.gone.clone(),
            hidden: other.hidden.clone(),
        }
    }
}

/// With the digest that is pending where there is no approval, or that the refusal names.
fn signed(mut approval: Value, without: &Rendered) -> Value {
    let operation = approval["spec"]["operation"].as_str().unwrap().to_string();
    if approval["spec"]["digest"] != format!("@{operation}") {
        return approval;
    }
    let waiting = &without.composite["status"]["approval"];
    let pending = &waiting[if operation == "Delete" { "deletion" } else { "pending" }];
    let named = without.fatal.as_deref().and_then(|message| message.split("--digest ").nth(1));
    let digest = match pending["digest"].as_str() {
        Some(digest) if pending["operation"] == operation.as_str() => digest.to_string(),
        _ => named.and_then(|text| text.split(' ').next()).map_or_else(|| "0".repeat(64), String::from),
    };
    approval["metadata"]["labels"] = json!({"db.platform.io/digest": digest[..32]});
    approval["spec"]["digest"] = digest.into();
    approval
}

const KEY: &str = function_database::render::KEY;

/// With the status that somebody else gave it.
fn settled(mut value: Value, statuses: &Map<String, Value>) -> Value {
    let key = value["metadata"]["annotations"][KEY].as_str().unwrap();
    let Some(status) = statuses.get(key).cloned() else { return value };
    if value["kind"] == "Object" {
        let mut carried = value["spec"]["forProvider"]["manifest"].clone();
        carried["status"] = status;
        carried["metadata"]["generation"] = 1.into();
        value["status"] = json!({"atProvider": {"manifest": carried}});
    } else {
        value["metadata"]["generation"] = 1.into();
        value["status"] = status;
    }
    value
}

fn yaml(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

fn print(rendered: &Rendered) -> String {
    let documents = std::iter::once(&rendered.composite).chain(&rendered.resources);
    documents.map(|value| serde_saphyr::to_string(value).unwrap()).collect::<Vec<_>>().join("---\n")
}

fn said(rendered: &Rendered) -> String {
    let mut text = String::new();
    for (key, ready) in &rendered.ready {
        let name = if key.is_empty() { "the database" } else { key };
        writeln!(text, "{name}: {}", if *ready { "ready" } else { "not ready" }).unwrap();
    }
    if let Some(ttl) = rendered.ttl {
        writeln!(text, "again after {} s", ttl.as_secs()).unwrap();
    }
    for event in &rendered.events {
        writeln!(text, "{:?} {}: {}", event.severity, event.reason, event.message).unwrap();
    }
    text
}
