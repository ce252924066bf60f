//! Statuses as the operator writes them, one change at a time.

use super::*;
use crate::plan::example;
use crate::wire::Object;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation() -> Generation {
    example::generation("prod", json!({"engine": "elasticsearch"}))
}

/// Everything of a database that is as planned.
fn everything() -> Value {
    let labels = json!({});
    let volume = |number: u32| {
        json!({"metadata": {"name": format!("elasticsearch-data-orders-es-members-{number}"), "labels": labels},
            "status": {"phase": "Bound", "capacity": {"storage": "20Gi"}}})
    };
    json!({
        "elasticsearch": {
            "metadata": {"generation": 2},
            "spec": {
                "version": "9.5.1",
                "nodeSets": [{
                    "count": 3,
                    "resources": {"limits": {"cpu": "2", "memory": "8Gi"}},
                    "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "20Gi"}}}}],
                }],
            },
            "status": {
                "phase": "Ready", "health": "green", "availableNodes": 3, "version": "9.5.1", "observedGeneration": 2,
                "conditions": [
                    {"type": "ReconciliationComplete", "status": "True"},
                    {"type": "ElasticsearchIsReachable", "status": "True", "message": "Service has endpoints"},
                ],
            },
        },
        "backup-job": {"status": {"lastSuccessfulTime": "2026-11-21T02:03:00Z"}},
        "volumes": [volume(0), volume(1), volume(2)],
        "jobs": [job("2026-11-20T02:00:00Z", "Complete"), job("2026-11-21T02:00:00Z", "Complete")],
    })
}

fn job(at: &str, ended: &str) -> Value {
    json!({
        "metadata": {"name": at, "creationTimestamp": at},
        "status": {"conditions": [{"type": ended, "status": "True", "message": "Job has reached the specified backoff limit"}]},
    })
}

/// `value` at `path`, or nothing there.
fn with(path: &str, value: Option<Value>) -> Health {
    let mut all = everything();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = all.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.into(), value),
        None => parent.remove(name),
    };
    of(&all)
}

fn of(all: &Value) -> Health {
    let generation = generation();
    let mut observed = Observed::default();
    for key in ["elasticsearch", "backup-job"] {
        observed.composed.extend(all.get(key).map(|value| (Key(key.into()), Object::of(value))));
    }
    let questions = [("volumes", super::super::volumes(&generation)), ("jobs", backup_job::question(&generation))];
    for (name, question) in questions {
        let found = all.get(name).and_then(Value::as_array);
        observed.found.extend(found.map(|found| (question.name(), found.iter().map(Object::of).collect())));
    }
    health(&generation, &observed).unwrap()
}

#[test]
fn all_is_as_planned() {
    let health = of(&everything());
    assert_eq!(health.state, State::Ready);
    assert_eq!(health.ready_replicas, 3);
    assert_eq!(health.version.as_deref(), Some("9.5.1"));
    assert_eq!(health.storage, Storage::AsPlanned);
    assert_eq!(health.backup.state, BackupState::AsPlanned);
    assert_eq!(health.backup.last_success.as_deref(), Some("2026-11-21T02:03:00Z"));
    assert!(health.resources.values().all(|ready| *ready), "{:?}", health.resources);
    assert!(health.is_settled());
}

#[test]
fn every_status_has_its_state() {
    let spec = "/elasticsearch/spec";
    let status = "/elasticsearch/status";
    let progressing = |why: &str| State::Progressing(why.into());
    let untold = "the operator has not been told of the plan yet";
    let unseen = "the operator has not seen it yet";
    let change = "the operator has not seen the change yet";
    let cases = [
        ("/elasticsearch".to_string(), None, State::Absent),
        (status.to_string(), None, progressing(unseen)),
        (format!("{status}/phase"), None, progressing(unseen)),
        (format!("{status}/health"), None, progressing(unseen)),
        (format!("{status}/observedGeneration"), None, progressing(change)),
        (format!("{status}/observedGeneration"), Some(json!(1)), progressing(change)),
        (format!("{spec}/version"), Some(json!("9.4.0")), progressing(untold)),
        (format!("{spec}/nodeSets"), Some(json!([])), progressing(untold)),
        (format!("{status}/phase"), Some(json!("Invalid")), State::Failed("the operator calls it invalid".into())),
        (
            format!("{status}/phase"),
            Some(json!("Stalled")),
            State::Degraded("a member cannot leave; 3 of 3 members are ready".into()),
        ),
        (
            format!("{status}/phase"),
            Some(json!("ApplyingChanges")),
            progressing("ApplyingChanges; its health is green; 3 of 3 members are ready"),
        ),
        (
            format!("{status}/phase"),
            Some(json!("MigratingData")),
            progressing("data moves to other members; 3 of 3 members are ready"),
        ),
        (
            format!("{status}/health"),
            Some(json!("red")),
            State::Failed("some data cannot be read: its health is red; 3 of 3 members are ready".into()),
        ),
        (
            format!("{status}/health"),
            Some(json!("yellow")),
            State::Degraded(
                "some data has fewer copies than it should: its health is yellow; 3 of 3 members are ready".into(),
            ),
        ),
        (
            format!("{status}/health"),
            Some(json!("unknown")),
            progressing("its health is unknown; 3 of 3 members are ready"),
        ),
        (format!("{status}/availableNodes"), Some(json!(2)), State::Degraded("2 of 3 members are ready".into())),
        (format!("{status}/availableNodes"), None, State::Degraded("0 of 3 members are ready".into())),
        (format!("{status}/version"), None, progressing("it runs no version instead of 9.5.1")),
        (format!("{status}/version"), Some(json!("9.4.0")), progressing("it runs 9.4.0 instead of 9.5.1")),
    ];
    for (path, value, expected) in cases {
        let health = with(&path, value.clone());
        assert_eq!(health.state, expected, "{path}: {value:?}");
        assert!(!health.resources[&Key("elasticsearch".into())], "{path}: {value:?}");
    }
}

#[test]
fn what_holds_the_operator_up_is_said() {
    let held_up = json!([{"type": "ReconciliationComplete", "status": "False", "message": "Elasticsearch cannot be reached yet, re-queuing"}]);
    let mut all = everything();
    all["elasticsearch"]["status"]["conditions"] = held_up;
    all["elasticsearch"]["status"]["phase"] = "ApplyingChanges".into();
    let said = "ApplyingChanges: Elasticsearch cannot be reached yet, re-queuing; its health is green; 3 of 3 members are ready";
    assert_eq!(of(&all).state, State::Progressing(said.into()));
}

#[test]
fn a_failed_snapshot_is_trouble() {
    let failed = json!([job("2026-11-20T02:00:00Z", "Complete"), job("2026-11-21T02:00:00Z", "Failed")]);
    let backup = with("/jobs", Some(failed)).backup;
    let why = "the last backup failed: Job has reached the specified backoff limit";
    assert_eq!(backup.state, BackupState::Trouble(why.into()));
    assert_eq!(backup.last_failure.as_deref(), Some("2026-11-21T02:00:00Z"));
    let first = with("/backup-job/status", None).backup;
    assert_eq!(first.state, BackupState::NotYet("there is no full backup yet".into()));
}

#[test]
fn volumes_are_counted_and_measured() {
    let small = json!([{"metadata": {"name": "elasticsearch-data-orders-es-members-0"}, "status": {"capacity": {"storage": "10Gi"}}}]);
    let cases = [
        (None, "nobody has looked at the volumes yet"),
        (Some(json!([])), "there are no volumes yet"),
        (Some(small), "volume elasticsearch-data-orders-es-members-0 has 10Gi of 20Gi"),
    ];
    for (volumes, why) in cases {
        let health = with("/volumes", volumes);
        assert_eq!(health.storage, Storage::NotYet(why.into()));
        assert!(!health.is_settled());
    }
}
