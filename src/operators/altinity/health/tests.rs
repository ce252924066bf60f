//! Statuses as the operator and Kubernetes write them, one change at a time.

use super::*;
use crate::plan::example;
use crate::wire::Object;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation() -> Generation {
    example::generation("staging", json!({"engine": "clickhouse"}))
}

fn pod(name: &str, container: &str) -> Value {
    json!({
        "metadata": {"name": name, "generation": 3},
        "spec": {"template": {"spec": {"containers": [{
            "name": container, "image": format!("clickhouse/{container}:26.3.35.3"),
            "resources": {"limits": {"cpu": "1", "memory": "2Gi"}},
        }]}}},
        "status": {"observedGeneration": 3, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1},
    })
}

fn claim(name: &str, size: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"phase": "Bound", "capacity": {"storage": size}}})
}

/// Everything of a database that is as planned, by key.
fn everything() -> Value {
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    json!({
        "clickhouse": {"status": {"status": "Completed", "hosts": 2, "hostsCompleted": 2}},
        "keeper": {"status": {"status": "Completed", "hosts": 3, "hostsCompleted": 3}},
        "password": {}, "credentials": ready,
        "backup-job": {"status": {"lastSuccessfulTime": "2026-11-20T02:03:00Z"}},
        "members": [pod("chi-orders-main-0-0", "clickhouse"), pod("chi-orders-main-0-1", "clickhouse")],
        "keepers": [
            pod("chk-orders-main-0-0", "clickhouse-keeper"), pod("chk-orders-main-0-1", "clickhouse-keeper"),
            pod("chk-orders-main-0-2", "clickhouse-keeper"),
        ],
        "volumes": [
            claim("data-u-1-chi-orders-main-0-0-0", "20Gi"), claim("data-u-1-chi-orders-main-0-1-0", "20Gi"),
            // Of a member that went.
            claim("data-u-1-chi-orders-main-0-2-0", "5Gi"),
        ],
        "jobs": [],
    })
}

/// `value` at `path`, or nothing there.
fn with(path: &str, value: Option<Value>) -> Value {
    let mut all = everything();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = all.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Array(items), None) => drop(items.remove(name.parse::<usize>().unwrap())),
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (parent, Some(value)) => parent[name] = value,
        (parent, None) => panic!("{parent} has no {name}"),
    }
    all
}

fn observe(generation: &Generation, all: &Value) -> Observed {
    let mut observed = Observed::default();
    for (role, object) in all.as_object().unwrap() {
        let question = match role.as_str() {
            "members" => members(generation),
            "keepers" => keeper::members(generation),
            "volumes" => volumes(generation),
            "jobs" => backup_job::question(generation),
            _ => {
                let key = if ["password", "credentials"].contains(&role.as_str()) {
                    role.clone()
                } else {
                    generation.key(role)
                };
                observed.composed.insert(Key(key), Object::of(object));
                continue;
            }
        };
        observed.found.insert(question.name(), object.as_array().unwrap().iter().map(Object::of).collect());
    }
    observed
}

fn seen(all: &Value) -> Health {
    let generation = generation();
    health(&generation, &observe(&generation, all)).unwrap()
}

#[test]
fn everything_as_planned_is_ready() {
    let found = seen(&everything());
    assert_eq!(found.state, State::Ready);
    assert_eq!(found.ready_replicas, 2);
    assert_eq!(found.version.as_deref(), Some("26.3.35.3"));
    assert_eq!(found.storage, Storage::AsPlanned);
    assert_eq!(found.backup.state, BackupState::AsPlanned);
    assert_eq!(found.backup.last_success.as_deref(), Some("2026-11-20T02:03:00Z"));
    assert!(found.resources.values().all(|ready| *ready), "{:?}", found.resources);
    assert!(found.is_settled());
}

#[test]
fn each_state_says_why() {
    let progressing = |why: &str| State::Progressing(why.into());
    let degraded = |why: &str| State::Degraded(why.into());
    let failed = |why: &str| State::Failed(why.into());
    let at = |path: &str, value: Value| with(path, Some(value));
    let aborted = json!({"status": "Aborted", "error": "no such storage class"});
    let down = json!({"observedGeneration": 3, "replicas": 1});
    let mut all_down = at("/members/0/status", down.clone());
    all_down["members"][1]["status"] = down.clone();
    let mut waits = all_down.clone();
    waits["clickhouse"]["status"] = json!({"status": "InProgress", "action": "reconcile started"});
    waits["credentials"] =
        json!({"status": {"conditions": [{"type": "Ready", "status": "False", "message": "no generator"}]}});
    let cases = [
        (with("/clickhouse", None), State::Absent),
        (with("/clickhouse/status", None), progressing("the operator has not seen it yet")),
        (
            at("/clickhouse/status", json!({"status": "InProgress", "action": "add tables"})),
            progressing("add tables; 2 of 2 members are ready"),
        ),
        (
            at("/clickhouse/status", json!({"status": "Terminating"})),
            progressing("Terminating; 2 of 2 members are ready"),
        ),
        (
            at("/clickhouse/status", aborted),
            degraded("the operator has given up: no such storage class; 2 of 2 members are ready"),
        ),
        (with("/members/1", None), progressing("1 of 2 members exist")),
        (with("/members", None), progressing("0 of 2 members exist")),
        (at("/members/0/status", down.clone()), degraded("1 of 2 members are ready")),
        (at("/members/0/metadata/generation", json!(4)), degraded("1 of 2 members are ready")),
        (with("/members/0/status/observedGeneration", None), degraded("1 of 2 members are ready")),
        (all_down, failed("0 of 2 members are ready")),
        (waits, progressing("External Secrets cannot make the secret orders-credentials: no generator")),
        (
            at(
                "/members/1/spec/template/spec/containers/0/image",
                json!("clickhouse/clickhouse-server:26.3.1.2@sha256:0"),
            ),
            progressing("chi-orders-main-0-1 runs 26.3.1.2 instead of 26.3.35.3"),
        ),
        (
            at("/members/0/spec/template/spec/containers/0/resources/limits/memory", json!("1Gi")),
            progressing("chi-orders-main-0-0 is not of the planned size yet"),
        ),
        (with("/keeper", None), progressing("the Keepers do not exist yet")),
        (with("/keepers/2", None), degraded("2 of 3 Keepers are ready")),
        (at("/keepers", json!([])), failed("0 of 3 Keepers are ready")),
        (at("/keeper/status/status", json!("InProgress")), progressing("the Keepers are being changed")),
        (at("/keeper/status/status", json!("Aborted")), degraded("the operator has given up on the Keepers")),
    ];
    for (all, expected) in cases {
        assert_eq!(seen(&all).state, expected, "{all}");
    }
}

#[test]
fn it_sleeps_once_no_pod_is_left() {
    let mut generation = generation();
    generation.plan.terms.lifecycle.hibernated = true;
    let found = health(&generation, &observe(&generation, &everything())).unwrap();
    assert_eq!(found.state, State::Progressing("it is being hibernated: 2 of 2 members are ready".into()));
    let mut all = everything();
    for member in ["0", "1"] {
        let path = format!("/members/{member}/status");
        *all.pointer_mut(&path).unwrap() = json!({"observedGeneration": 3, "replicas": 0});
    }
    all["backup-job"] = json!({});
    let found = health(&generation, &observe(&generation, &all)).unwrap();
    assert_eq!(found.state, State::Hibernated);
    assert_eq!(found.backup.state, BackupState::AsPlanned);
    all["members"] = json!([]);
    let found = health(&generation, &observe(&generation, &all)).unwrap();
    assert_ne!(found.state, State::Hibernated, "nobody knows");
}

#[test]
fn storage_and_backups_are_held_against_the_plan() {
    let not_yet = |why: &str| Storage::NotYet(why.into());
    let cases = [
        (
            with("/volumes/0/status/capacity/storage", Some(json!("10Gi"))),
            not_yet("volume data-u-1-chi-orders-main-0-0-0 has 10Gi of 20Gi"),
        ),
        (with("/volumes/1", None), not_yet("1 of 2 members have a volume")),
        (with("/volumes", Some(json!([]))), not_yet("there are no volumes yet")),
        (with("/volumes", None), not_yet("nobody has looked at the volumes yet")),
    ];
    for (all, expected) in cases {
        let found = seen(&all);
        assert_eq!(found.storage, expected);
        assert!(!found.is_settled() && !found.resources[&Key("clickhouse".into())]);
    }
    let failed = json!([{
        "metadata": {"creationTimestamp": "2026-11-21T02:00:00Z"},
        "status": {"conditions": [{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}]},
    }]);
    let found = seen(&with("/jobs", Some(failed))).backup;
    assert_eq!(found.state, BackupState::Trouble("the last backup failed: BackoffLimitExceeded".into()));
    assert_eq!(found.last_failure.as_deref(), Some("2026-11-21T02:00:00Z"));
}

#[test]
fn from_afar_the_operators_word_counts() {
    let mut generation = generation();
    generation.plan.terms.delivery = serde_json::from_value(json!({"object": {"providerConfig": "other"}})).unwrap();
    let seen = |all: &Value| {
        let mut all = all.clone();
        ["members", "keepers", "volumes", "jobs"]
            .iter()
            .for_each(|role| drop(all.as_object_mut().unwrap().remove(*role)));
        health(&generation, &observe(&generation, &all)).unwrap()
    };
    let found = seen(&everything());
    assert_eq!((found.state, found.ready_replicas), (State::Ready, 2));
    assert!(matches!(found.storage, Storage::Unknown(_)));
    let found = seen(&with("/clickhouse/status/hostsCompleted", Some(json!(1))));
    assert_eq!(found.state, State::Progressing("1 of 2 members are applied".into()));
    let found = seen(&with("/clickhouse/status/hosts", None));
    assert_ne!(found.state, State::Ready, "nothing is ready because a field is missing");
}
