//! Statuses as Kubernetes writes them, one change at a time.

use super::*;
use crate::plan::example;
use crate::wire::Object;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

const IMAGE: &str = "ghcr.io/tursodatabase/libsql-server:v0.24.32";

/// Everything of a database that is as planned, by key.
fn everything() -> Value {
    json!({
        "server": {
            "metadata": {"generation": 3},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [
                {"image": IMAGE, "resources": {"limits": {"cpu": "1", "memory": "2Gi"}}},
            ]}}},
            "status": {"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1},
        },
        "server-service": {"kind": "Service"},
        "volume": {"metadata": {"name": "orders"}, "status": {"phase": "Bound", "capacity": {"storage": "20Gi"}}},
        "password": {"kind": "Password"},
        "credentials": {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        "backup-job": {"status": {"lastSuccessfulTime": "2026-11-21T02:00:40Z"}},
    })
}

fn of(changes: Value, all: &Value) -> Health {
    let changes = Object::of(&json!({"engine": "sqlite"})).merge(&Object::of(&changes));
    let generation = example::generation("dev", serde_json::to_value(&changes).unwrap());
    let composed = all.as_object().unwrap().iter();
    let observed = Observed {
        composed: composed.map(|(key, value)| (Key(key.clone()), Object::of(value))).collect(),
        ..Observed::default()
    };
    health(&generation, &observed).unwrap()
}

/// `value` at `path`, or nothing there.
fn with(path: &str, value: Option<Value>) -> Value {
    let mut all = everything();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = all.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.into(), value),
        None => parent.remove(name),
    };
    all
}

#[test]
fn all_is_as_planned() {
    let health = of(json!({}), &everything());
    assert_eq!(health.state, State::Ready);
    assert_eq!(health.ready_replicas, 1);
    assert_eq!(health.version.as_deref(), Some("0.24.32"));
    assert_eq!(health.storage, Storage::AsPlanned);
    assert_eq!(health.backup.state, BackupState::AsPlanned);
    assert!(health.resources.values().all(|ready| *ready), "{:?}", health.resources);
    assert_eq!(health.resources.len(), 6);
}

#[test]
fn every_status_has_its_state() {
    let unseen = "Kubernetes has not seen the StatefulSet orders yet";
    let untold = "the StatefulSet orders is not as planned yet";
    let limits = "/server/spec/template/spec/containers";
    let cases = [
        ("/server/status", None, unseen),
        ("/server/status/observedGeneration", Some(json!(2)), unseen),
        ("/server/spec/replicas", Some(json!(0)), untold),
        (limits, Some(json!([{"image": IMAGE, "resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}])), untold),
        (limits, Some(json!([{"image": "other:v1"}])), untold),
        (limits, Some(json!([])), untold),
        ("/server/status/updatedReplicas", None, "0 of 1 pods of orders are as planned, 1 are ready"),
        ("/server/status/readyReplicas", None, "the server does not answer yet"),
    ];
    for (path, value, why) in cases {
        let health = of(json!({}), &with(path, value.clone()));
        assert_eq!(health.state, State::Progressing(why.into()), "{path}: {value:?}");
        assert!(!health.resources[&Key("server".into())], "{path}: {value:?}");
    }
    assert_eq!(of(json!({}), &with("/server", None)).state, State::Absent);
}

#[test]
fn a_server_that_waits_for_its_password_says_so() {
    let mut all = with("/server/status/readyReplicas", None);
    all["credentials"]["status"] = json!({});
    let why = "External Secrets has not made the secret orders-credentials yet";
    assert_eq!(of(json!({}), &all).state, State::Progressing(why.into()));
    let served = with("/credentials/status", None);
    assert_eq!(of(json!({}), &served).state, State::Ready, "it runs with the password that it has");
}

#[test]
fn the_volume_is_measured() {
    let cases = [
        (None, Storage::NotYet("there is no volume yet".into())),
        (Some(json!({})), Storage::NotYet("there is no volume yet".into())),
        (Some(json!({"capacity": {"storage": "10Gi"}})), Storage::NotYet("the volume has 10Gi of 20Gi".into())),
        (Some(json!({"capacity": {"storage": "32Gi"}})), Storage::AsPlanned),
    ];
    for (status, expected) in cases {
        let health = of(json!({}), &with("/volume/status", status));
        assert_eq!(health.resources[&Key("volume".into())], expected == Storage::AsPlanned);
        assert_eq!(health.storage, expected);
    }
}

#[test]
fn it_sleeps_once_the_pod_is_gone() {
    let asleep = json!({"lifecycle": {"hibernated": true}});
    assert_eq!(of(asleep.clone(), &everything()).state, State::Progressing("it is being hibernated".into()));
    let mut all = with("/server/status", Some(json!({"observedGeneration": 3, "replicas": 0})));
    all["server"]["spec"]["replicas"] = 0.into();
    let health = of(asleep, &all);
    assert_eq!(health.state, State::Hibernated);
    assert_eq!(health.version, None);
    assert!(health.resources.values().all(|ready| *ready), "{:?}", health.resources);
}
