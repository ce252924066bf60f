//! What `plan` says of an edit is what the pipeline says of it: digests, words, classes, refusals and resources.
//!
//! `PROPTEST_CASES=10000 cargo test --test preview` looks longer.
#![cfg(test)]

mod support {
    pub mod cases;
}

use function_database::api::approval::OperationKind;
use function_database::api::claim::Claim;
use function_database::api::input::{ApprovalGate, Step, TierDefaults};
use function_database::api::record::{self, DatabaseRecord, Generation, Record};
use function_database::api::status::Class;
use function_database::operators::name_of;
use function_database::plan::{self, Plan, resolve, transition};
use function_database::preview::composer::Composer;
use function_database::preview::resources::{ResourceChange, compare};
use function_database::preview::{self, Change, Planned};
use function_database::render::{Composition, KEY, Rendered, UID, render};
use function_database::wire::{Key, Object};
use jiff::Timestamp;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::LazyLock;
use support::cases::cases;

static PLATFORM: LazyLock<Platform> = LazyLock::new(|| {
    let shipped = serde_saphyr::from_str(include_str!("../compositions/database.yaml")).unwrap();
    let composition = Composition::read(&shipped).unwrap();
    let tiers = composition.input(Step::TierDefaults, None).unwrap();
    let gate = composition.input(Step::ApprovalGate, None).unwrap();
    let composer = Composer::new(&composition, None).unwrap();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    // That deletions need an approval decides what is composed.
    let only_deletions = Object::of(&json!({"spec": {"operations": ["Delete"]}}));
    let mut ungated = composition.clone();
    let gates = ungated.steps.iter_mut().filter(|it| it.name == Step::ApprovalGate.name());
    gates.for_each(|step| step.input = step.input.merge(&only_deletions));
    Platform { composition, ungated, composer, tiers, gate, now }
});

struct Platform {
    composition: Composition,
    /// The same where nobody needs to be asked but for a deletion.
    ungated: Composition,
    composer: Composer,
    tiers: TierDefaults,
    gate: ApprovalGate,
    now: Timestamp,
}

impl Platform {
    fn plan(&self, claim: &Value) -> Option<Plan> {
        let claim: Claim = Object::of(claim).decode("").unwrap();
        resolve(&claim, &self.tiers).ok()
    }

    fn planned<'a>(&'a self, plan: &'a Plan) -> Planned<'a> {
        Planned { plan, tiers: &self.tiers }
    }

    /// With whatever the claim wants to restore in the cluster.
    fn run(&self, claim: &Value, observed: &[Value]) -> Rendered {
        render(&self.composition, claim, observed, &self.sources(claim), self.now)
    }

    /// Another database that would be the same but for its name, and backups of it.
    fn sources(&self, claim: &Value) -> Vec<Value> {
        let mut other = claim.clone();
        other["metadata"]["name"] = "bills".into();
        other["spec"].as_object_mut().unwrap().remove("restore");
        let record = self.plan(&other).map(|plan| record(&plan));
        let backup = json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Backup",
            "metadata": {"name": "nightly", "namespace": "checkout"},
            "status": {"phase": "completed", "backupId": "20261119T020000"},
        });
        let dump = json!({
            "apiVersion": "mysql.oracle.com/v2", "kind": "MySQLBackup",
            "metadata": {
                "name": "nightly", "namespace": "checkout", "creationTimestamp": "2026-11-19T02:00:00Z",
                "labels": {"tier": "mysql", "mysql.oracle.com/cluster": "bills"},
            },
            "spec": {"clusterName": "bills", "backupProfileName": "full"},
            "status": {
                "status": "Completed", "startTime": "2026-11-19T02:00:00Z", "completionTime": "2026-11-19T02:04:00Z",
                "output": "nightly",
            },
        });
        let logical = json!({
            "apiVersion": "psmdb.percona.com/v1", "kind": "PerconaServerMongoDBBackup",
            "metadata": {
                "name": "nightly", "namespace": "checkout", "creationTimestamp": "2026-11-19T02:00:00Z",
                "labels": {"percona.com/cluster": "bills", "percona.com/backup-type": "cron"},
            },
            "spec": {"clusterName": "bills"},
            "status": {
                "state": "ready", "start": "2026-11-19T02:00:00Z", "completed": "2026-11-19T02:04:00Z",
                "type": "logical", "destination": "s3://company-database-backups/nightly",
            },
        });
        record.into_iter().chain([backup, dump, logical]).collect()
    }

    fn composed(&self, claim: &Value, plan: &Plan) -> BTreeMap<Key, Object> {
        self.composer.compose(claim, plan).unwrap()
    }

    /// The resources that Crossplane would make of a claim that everybody agreed to, without what Crossplane adds and without the record.
    fn rendered(&self, claim: &Value) -> BTreeMap<Key, Value> {
        let mut claim = claim.clone();
        claim["spec"].as_object_mut().unwrap().remove("restore");
        let rendered = render(&self.ungated, &claim, &[], &[], self.now);
        let resources = rendered.resources.into_iter().map(|mut value| {
            let metadata = &mut value["metadata"];
            let key = metadata["annotations"].as_object_mut().unwrap().remove(KEY).unwrap();
            metadata["labels"].as_object_mut().unwrap().remove("crossplane.io/composite");
            metadata["ownerReferences"].as_array_mut().unwrap().pop();
            metadata.as_object_mut().unwrap().retain(|_, field| !is_empty(field));
            (Key(key.as_str().unwrap().into()), value)
        });
        resources.filter(|(key, _)| key.0 != record::KEY).collect()
    }
}

fn is_empty(value: &Value) -> bool {
    *value == json!([]) || *value == json!({})
}

/// With the keys that Crossplane puts on them.
fn observed(composed: BTreeMap<Key, Object>) -> Vec<Value> {
    let annotated =
        |(key, object): (Key, Object)| object.merge(&Object::of(&json!({"metadata": {"annotations": {KEY: key}}})));
    composed.into_iter().map(annotated).map(|object| serde_json::to_value(object).unwrap()).collect()
}

/// What the function remembers of a database that runs by this plan.
fn record(plan: &Plan) -> Value {
    let restores = plan.requests.restore.iter().map(|restore| restore.id.clone()).collect();
    let record = Record { restores, ..Record::of(Generation::first(UID, plan.clone())) };
    let mut record = serde_json::to_value(DatabaseRecord::new(record)).unwrap();
    record["metadata"]["annotations"] = json!({KEY: "record"});
    record
}

/// Claims of which most are right.
fn claim() -> impl Strategy<Value = Value> {
    let engine = prop_oneof![4 => Just("postgresql"), 1 => select(vec!["mysql", "mongodb", "redis", "clickhouse", "elasticsearch"])];
    let sizes = select(vec!["small", "medium", "large"]);
    let storage = select(vec!["20Gi", "30Gi", "50Gi", "100Gi"]);
    let replicas = prop_oneof![Just(None), (1..6_u32).prop_map(Some)];
    let version = prop_oneof![3 => Just(None), 1 => select(vec!["15", "16", "18"]).prop_map(Some)];
    let extras = select(vec![
        json!({}),
        json!({"owner": "group:default/shop"}),
        json!({"parameters": {"max_connections": "150"}}),
        json!({"pooling": {"enabled": true}}),
        json!({"backup": {"retention": "14d"}}),
        json!({"lifecycle": {"deletionPolicy": "Retain"}}),
        json!({"lifecycle": {"hibernated": true}}),
        json!({"maintenance": {"urgent": true}}),
        json!({"maintenance": {"windows": [{"day": "Monday", "start": "03:30", "duration": "90m"}], "timeZone": "Europe/Oslo"}}),
        json!({"access": {"allowedNamespaces": ["web"]}}),
    ]);
    let environment = select(vec!["dev", "staging", "prod"]);
    (engine, environment, sizes, storage, replicas, version, extras, prop_oneof![6 => Just(Value::Null), 1 => restores()]).prop_map(
        |(engine, environment, size, storage, replicas, version, extras, restore)| {
            let mut spec = json!({"name": "orders", "engine": engine, "environment": environment, "size": size, "storage": storage});
            let more = [("replicas", json!(replicas)), ("version", json!(version)), ("restore", restore)];
            let more = more.into_iter().filter(|(_, value)| !value.is_null());
            spec.as_object_mut().unwrap().extend(more.map(|(name, value)| (name.into(), value)));
            spec.as_object_mut().unwrap().extend(extras.as_object().unwrap().clone());
            json!({
                "apiVersion": "db.platform.io/v1", "kind": "Database",
                "metadata": {"name": "orders", "namespace": "checkout", "uid": UID}, "spec": spec,
            })
        },
    )
}

/// What a claim asks to be restored.
fn restores() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"id": "1"}),
        json!({"id": "2"}),
        json!({"id": "2", "pointInTime": "2026-11-20T10:00:00Z"}),
        json!({"id": "3", "pointInTime": "2026-11-22T10:00:00Z"}),
        json!({"id": "3", "backup": "nightly"}),
        json!({"id": "4", "database": "bills"}),
        json!({"id": "4", "database": "bills", "namespace": "checkout", "backup": "nightly"}),
        json!({"id": "5", "database": "bills", "namespace": "shop"}),
    ])
}

/// An edit of a claim that can run, with a restore.
fn restored() -> impl Strategy<Value = (Value, Value)> {
    let storage = || select(vec!["100Gi", "200Gi"]);
    let extras =
        select(vec![json!({}), json!({"backup": {"enabled": true}}), json!({"lifecycle": {"hibernated": true}})]);
    let first = prop_oneof![3 => Just(None), 1 => Just(Some(json!({"id": "1"})))];
    let newer = prop_oneof![4 => Just("17"), 1 => Just("18")];
    let claim = |environment: &str, storage: &str, version: &str, extras: &Value, restore: Option<Value>| {
        let size = if environment == "prod" { "medium" } else { "small" };
        let mut spec =
            json!({"name": "orders", "environment": environment, "size": size, "storage": storage, "version": version});
        spec.as_object_mut().unwrap().extend(extras.as_object().unwrap().clone());
        spec.as_object_mut().unwrap().extend(restore.map(|restore| ("restore".into(), restore)));
        json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database",
            "metadata": {"name": "orders", "namespace": "checkout", "uid": UID}, "spec": spec,
        })
    };
    (select(vec!["dev", "prod"]), storage(), storage(), newer, extras, first, restores()).prop_map(
        move |(environment, storage, next, newer, extras, first, restore)| {
            let from = claim(environment, storage, "17", &extras, first);
            (from, claim(environment, next, newer, &extras, Some(restore)))
        },
    )
}

/// An edit that often is one of a single field.
fn edit() -> impl Strategy<Value = (Value, Value)> {
    (
        claim(),
        claim(),
        any::<bool>(),
        select(vec!["size", "storage", "replicas", "version", "owner", "parameters", "restore", "maintenance"]),
    )
        .prop_map(|(from, other, whole, field)| {
            let mut to = from.clone();
            match whole {
                true => to["spec"] = other["spec"].clone(),
                false => to["spec"][field] = other["spec"][field].clone(),
            }
            if to["spec"][field].is_null() {
                to["spec"].as_object_mut().unwrap().remove(field);
            }
            (from, to)
        })
}

/// As the pipeline has it: what waits for an approval.
fn agrees(change: &Change, rendered: &Rendered) {
    let pending = &rendered.composite["status"]["approval"]["pending"];
    let Some(approval) = &change.approval else {
        assert_eq!(*pending, Value::Null);
        return;
    };
    assert_eq!(pending["operation"], name_of(&change.operation));
    assert_eq!(pending["digest"].as_str(), approval.digest.as_deref());
    assert_eq!(pending["approversNeeded"], approval.approvers);
    assert_eq!(pending["class"], name_of(&change.class));
    let words: Vec<&str> = pending["changes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // Beside what needs an approval, a plan shows what changes without one.
    assert_eq!(words, change.changes.get(..words.len()).unwrap());
}

fn is_invalid(rendered: &Rendered) -> bool {
    rendered.conditions.iter().any(|condition| condition.reason == "Invalid")
}

fn a_new_one_agrees(claim: &Value) {
    let platform = &*PLATFORM;
    let rendered = platform.run(claim, &[]);
    match platform.plan(claim) {
        None => assert_eq!(rendered.composite["status"]["phase"], "Invalid"),
        // Where the backup is of the database itself, nobody knows it: the cluster has none of that name yet.
        Some(plan) if plan.requests.restore.as_ref().is_some_and(|restore| restore.database.is_none()) => {}
        Some(plan) => {
            if let Some(restore) = preview::restore::asked(None, &plan) {
                let problems = preview::restore::problems(restore, None, &plan, platform.now);
                assert_eq!(!problems.is_empty(), is_invalid(&rendered), "{problems:?}");
                if !problems.is_empty() {
                    return;
                }
            }
            let change = preview::creation(platform.planned(&plan), &platform.gate);
            agrees(&change, &rendered);
            if change.approval.is_none() {
                let really: BTreeSet<_> =
                    rendered.resources.iter().map(named).filter(|(kind, _)| kind != "DatabaseRecord").collect();
                let composed = platform.composed(claim, &plan);
                let planned = applied(&BTreeMap::new(), &compare(&BTreeMap::new(), &composed));
                match change.restore {
                    None => assert_eq!(planned, really),
                    // What a backup is read from comes beside it.
                    Some(_) => assert!(planned.is_subset(&really), "{planned:?} {really:?}"),
                }
            }
        }
    }
}

/// That the pipeline refuses, waits for or does what a plan says.
fn edit_agrees(from: &Value, to: &Value) {
    let platform = &*PLATFORM;
    let Some(runs) = platform.plan(from) else { return };
    let rendered = platform.run(to, &[record(&runs)]);
    let invalid = is_invalid(&rendered);
    let Some(wanted) = platform.plan(to) else {
        assert!(invalid);
        return;
    };
    let class = transition(&runs, &wanted);
    let asked = preview::restore::asked(Some(&runs), &wanted);
    let problems = asked.map(|it| preview::restore::problems(it, Some(&runs), &wanted, platform.now));
    let problems = problems.unwrap_or_default();
    assert_eq!(class.is_err() || !problems.is_empty(), invalid, "{class:?} {problems:?}");
    let Ok(class) = class else { return };
    if invalid {
        return;
    }
    assert_ne!(class, Class::Refused);
    let change = preview::edit(platform.planned(&runs), platform.planned(&wanted), class, &platform.gate);
    assert_eq!(change.operation == OperationKind::Restore, asked.is_some());
    agrees(&change, &rendered);

    // Once it serves, and everybody agreed; it is Saturday, when no window is open.
    let mut serves = record(&runs);
    serves["spec"]["wasReady"] = true.into();
    let (before, after) = (platform.composed(from, &runs), platform.composed(to, &wanted));
    let observed: Vec<Value> = observed(before.clone()).into_iter().chain([serves]).collect();
    let rendered = render(&platform.ungated, to, &observed, &platform.sources(to), platform.now);
    let waiting = &rendered.composite["status"]["waiting"];
    let waits = change.maintenance.as_ref().is_some_and(|maintenance| maintenance.waits);
    assert_eq!(waits, !waiting.is_null(), "{waiting} {:?}", change.maintenance);
    if waits {
        assert_eq!(waiting["class"], name_of(&change.class));
    }

    let changes = compare(&before, &after);
    let (old, new) = (values(&before), values(&after));
    assert_eq!(applied(&before, &changes), new.values().map(named).collect());
    for (key, value) in &new {
        let listed = changes.iter().any(|change| (change.kind.clone(), change.name.clone()) == named(value));
        assert_eq!(listed, old.get(key) != Some(value), "{key:?}");
    }
}

/// What a list of changes makes of resources, by kind and name.
fn applied(before: &BTreeMap<Key, Object>, changes: &[ResourceChange]) -> BTreeSet<(String, String)> {
    let mut there: BTreeSet<_> = values(before).into_values().map(named).collect();
    for ResourceChange { kind, name, operation, .. } in changes {
        let id = (kind.clone(), name.clone());
        match operation {
            OperationKind::Create => assert!(there.insert(id.clone()), "{id:?} was there"),
            OperationKind::Delete => assert!(there.remove(&id), "{id:?} was not there"),
            _ => assert!(there.contains(&id), "{id:?} was not there"),
        }
    }
    there
}

fn named(value: impl Borrow<Value>) -> (String, String) {
    let value = value.borrow();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&value["kind"]), text(&value["metadata"]["name"]))
}

/// What a plan composes is what the pipeline composes, to the letter.
fn composes_the_same(claim: &Value) {
    let platform = &*PLATFORM;
    let Some(plan) = platform.plan(claim) else { return };
    // What cannot begin is not composed.
    if plan::creation(&plan).is_ok() {
        assert_eq!(values(&platform.composed(claim, &plan)), platform.rendered(claim));
    }
}

fn values(composed: &BTreeMap<Key, Object>) -> BTreeMap<Key, Value> {
    composed.iter().map(|(key, object)| (key.clone(), serde_json::to_value(object).unwrap())).collect()
}

/// What is printed is what the published schema says.
#[test]
fn the_json_is_of_its_schema() {
    let schema = serde_json::from_str(include_str!("../docs/plan.schema.json")).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let cases = [
        ["examples/postgresql/dev.yaml", "tests/cli/files/grown.yaml"],
        ["examples", "tests/cli/files/nothing"],
        ["tests/cli/files/nothing", "examples"],
        ["examples/postgresql", "tests/cli/files"],
    ];
    let planned = |before: &str, after: &str| -> Vec<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
        command.args(["plan", before, after, "--format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let printed: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let problems: Vec<String> = schema.iter_errors(&printed).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{before} {after}: {problems:?}");
        let changes = printed["changes"].as_array().unwrap().clone();
        assert!(!changes.is_empty(), "{before} {after}");
        changes
    };
    for [before, after] in cases {
        planned(before, after);
    }
    // With what only some edits have: a restore over what runs and into a new database, and a window that is waited for.
    let folder = tempfile::tempdir().unwrap();
    let prod = std::fs::read_to_string("examples/postgresql/prod-unapproved.yaml").unwrap();
    let claim = |file: &str, text: String| {
        std::fs::write(folder.path().join(file), text).unwrap();
        folder.path().join(file).display().to_string()
    };
    let runs = claim("runs.yaml", prod.clone());
    let restored = claim("restored.yaml", format!("{prod}  restore: {{id: \"2\", backup: orders}}\n"));
    let larger = claim("larger.yaml", prod.replace("medium", "large"));
    assert_eq!(planned(&runs, &restored)[0]["restore"]["replaces"], true);
    assert_eq!(planned("tests/cli/files/nothing", &restored)[0]["restore"]["replaces"], false);
    assert_eq!(planned(&runs, &larger)[0]["maintenance"]["waits"], true);
    assert!(!schema.is_valid(&json!({"changes": [{"name": 1}], "moved": [], "unchanged": 0})));
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn what_a_plan_composes_is_what_the_pipeline_composes(claim in claim()) {
        composes_the_same(&claim);
    }

    #[test]
    fn a_creation_is_what_the_pipeline_waits_for_or_does(claim in claim()) {
        a_new_one_agrees(&claim);
    }

    #[test]
    fn an_edit_is_what_the_pipeline_refuses_waits_for_or_does((from, to) in edit()) {
        edit_agrees(&from, &to);
    }

    #[test]
    fn a_restore_is_what_the_pipeline_refuses_waits_for_or_does((from, to) in restored()) {
        edit_agrees(&from, &to);
        a_new_one_agrees(&to);
    }
}
