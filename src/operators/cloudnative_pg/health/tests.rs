//! Statuses as the operator writes them, one change at a time.

use super::*;
use crate::plan::example;
use crate::wire::Object;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation() -> Generation {
    let changes = json!({"pooling": {"enabled": true}, "extensions": ["pgvector"]});
    example::generation("prod", changes)
}

/// Everything of a database that is as planned, by key.
fn everything() -> Value {
    let image = generation().plan.notes.release;
    json!({
        "cluster": {
            "spec": {
                "instances": 3, "imageName": image, "storage": {"size": "20Gi"},
                "resources": {"limits": {"cpu": "2", "memory": "8Gi"}},
            },
            "status": {
                "phase": "Cluster in healthy state",
                "instances": 3,
                "readyInstances": 3,
                "image": image,
                "pgDataImageInfo": {"image": image, "majorVersion": 17},
                "currentPrimary": "orders-1",
                "instancesStatus": {"healthy": ["orders-1", "orders-2", "orders-3"]},
                "healthyPVC": ["orders-1", "orders-2", "orders-3"],
                "conditions": [
                    {"type": "Ready", "status": "True", "message": "Cluster is Ready"},
                    {"type": "ContinuousArchiving", "status": "True", "message": "Continuous archiving is working"},
                ],
            },
        },
        "object-store": {"status": {"serverRecoveryWindow": {
            "orders-17": {
                "firstRecoverabilityPoint": "2026-11-02T02:00:09Z",
                "lastSuccessfulBackupTime": "2026-11-19T02:00:31Z",
                "lastFailedBackupTime": "2026-11-07T02:00:12Z",
            },
        }}},
        "scheduled-backup": {"status": {"lastCheckTime": "2026-11-19T02:00:00Z"}},
        "pooler": {"status": {"phase": "active", "instances": 3}},
        "database": {"metadata": {"generation": 2}, "status": {"applied": true, "observedGeneration": 2}},
        "volumes": [volume("orders-1", "20Gi"), volume("orders-2", "20Gi"), volume("orders-3", "20Gi")],
    })
}

fn volume(name: &str, size: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"phase": "Bound", "capacity": {"storage": size}}})
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

fn observe(generation: &Generation, all: &Value) -> Observed {
    let mut observed = Observed::default();
    for (role, object) in all.as_object().unwrap() {
        if role == "volumes" {
            let found = object.as_array().unwrap().iter().map(Object::of).collect();
            observed.found.insert(volumes(generation).name(), found);
        } else {
            observed.composed.insert(Key(generation.key(role)), Object::of(object));
        }
    }
    observed
}

fn judge(all: &Value) -> Health {
    let generation = generation();
    health(&generation, &observe(&generation, all)).unwrap()
}

fn keys(health: &Health, wanted: bool) -> Vec<&str> {
    health.resources.iter().filter(|(_, ready)| **ready == wanted).map(|(key, _)| key.0.as_str()).collect()
}

#[test]
fn all_as_planned() {
    let expected = Health {
        state: State::Ready,
        ready_replicas: 3,
        version: Some("17.7".into()),
        resources: ["cluster", "database", "object-store", "pooler", "scheduled-backup"]
            .map(|key| (Key(key.into()), true))
            .into(),
        storage: Storage::AsPlanned,
        backup: BackupHealth {
            state: BackupState::AsPlanned,
            archive: BackupState::AsPlanned,
            last_success: Some("2026-11-19T02:00:31Z".into()),
            last_failure: Some("2026-11-07T02:00:12Z".into()),
            first_recoverable: Some("2026-11-02T02:00:09Z".into()),
        },
    };
    assert_eq!(judge(&everything()), expected);
}

#[test]
fn nothing_is_ready_because_something_is_missing() {
    let nothing = judge(&json!({}));
    assert_eq!(nothing.state, State::Absent);
    assert_eq!(keys(&nothing, true), Vec::<&str>::new());
    assert_eq!(nothing.storage, Storage::NotYet("nobody has looked at the volumes yet".into()));
    let composed = json!({"cluster": {}, "object-store": {}, "scheduled-backup": {}, "pooler": {},
        "database": {"metadata": {"generation": 1}}, "volumes": []});
    let new = judge(&composed);
    assert_eq!(new.state, State::Progressing("the operator has not seen it yet".into()));
    assert_eq!(keys(&new, true), ["object-store"], "which has no status of its own");
    assert_eq!(new.storage, Storage::NotYet("there are no volumes yet".into()));
    assert_eq!(new.backup.state, BackupState::NotYet("the operator has not seen the schedule yet".into()));
    assert_eq!(nothing.backup.state, BackupState::NotYet("no backups are scheduled yet".into()));
}

/// A status without each of its parts: never ready.
#[test]
fn every_part_of_a_status_is_needed() {
    let paths = [
        "/cluster/spec/instances",
        "/cluster/spec/imageName",
        "/cluster/spec/storage",
        "/cluster/spec/resources",
        "/cluster/status/phase",
        "/cluster/status/instances",
        "/cluster/status/readyInstances",
        "/cluster/status/image",
        "/cluster/status/conditions",
        "/pooler/status/instances",
        "/pooler",
        "/database/status/applied",
        "/database/status/observedGeneration",
        "/database",
        "/cluster",
    ];
    for path in paths {
        assert_ne!(judge(&with(path, None)).state, State::Ready, "{path}");
    }
}

#[test]
fn each_state_says_why() {
    let progressing = |why: &str| State::Progressing(why.into());
    let degraded = |why: &str| State::Degraded(why.into());
    let failed = |why: &str| State::Failed(why.into());
    let cases = [
        ("/cluster/spec/instances", json!(2), progressing("the operator has not been told of the plan yet")),
        ("/cluster/spec/imageName", json!("x:17.1"), progressing("the operator has not been told of the plan yet")),
        ("/cluster/status/instances", json!(2), progressing("there are 2 members instead of 3")),
        ("/cluster/status/instances", json!(4), progressing("there are 4 members instead of 3")),
        ("/cluster/status/readyInstances", json!(2), degraded("2 of 3 members are ready")),
        ("/cluster/status/conditions", json!([]), progressing("the operator has not called it ready yet")),
        (
            "/cluster/status/pgDataImageInfo",
            json!({"majorVersion": 16}),
            progressing("its data is of release 16 instead of 17"),
        ),
        (
            "/cluster/status/phase",
            json!("Setting up primary"),
            progressing("Setting up primary; 3 of 3 members are ready"),
        ),
        (
            "/cluster/status/phase",
            json!("A phase of tomorrow"),
            progressing("A phase of tomorrow; 3 of 3 members are ready"),
        ),
        ("/cluster/status/phase", json!("Failing over"), degraded("Failing over; 3 of 3 members are ready")),
        (
            "/cluster/status/phase",
            json!("Waiting for the instances to become active"),
            degraded("Waiting for the instances to become active; 3 of 3 members are ready"),
        ),
        ("/cluster/status/phase", json!("Waiting for user action"), degraded("Waiting for user action")),
        ("/cluster/status/phase", json!(UNRECOVERABLE), failed(UNRECOVERABLE)),
        ("/pooler/status/instances", json!(2), progressing("2 of 3 instances of the Pooler exist")),
        ("/pooler/status/phase", json!("failed"), degraded("the Pooler is failed: no reason given")),
        ("/pooler/status", json!({"instances": 3}), State::Ready),
        ("/database/metadata/generation", json!(3), progressing("the extensions are not there yet")),
        (
            "/database/status",
            json!({"applied": false, "observedGeneration": 2, "message": "no such extension"}),
            degraded("the extensions are not there: no such extension"),
        ),
    ];
    for (path, value, expected) in cases {
        assert_eq!(judge(&with(path, Some(value.clone()))).state, expected, "{path} {value}");
    }
}

#[test]
fn what_is_stuck_has_failed_unless_it_serves() {
    for phase in STUCK {
        let mut all = with("/cluster/status/phase", Some(json!(phase)));
        all["cluster"]["status"]["phaseReason"] = json!("because");
        assert_eq!(judge(&all).state, State::Degraded(format!("{phase}: because")));
        all["cluster"]["status"]["instancesStatus"] = json!({"failed": ["orders-1"], "healthy": ["orders-2"]});
        assert_eq!(judge(&all).state, State::Failed(format!("{phase}: because")), "the primary is lost");
    }
    let mut starting = with("/cluster/status/phase", Some(json!(INTERRUPTED[1])));
    starting["cluster"]["status"]["currentPrimary"].take();
    assert!(matches!(judge(&starting).state, State::Progressing(_)), "there was no primary yet");
}

#[test]
fn volumes_are_held_against_the_plan() {
    let not_yet = |why: &str| Storage::NotYet(why.into());
    let cases = [
        (json!([]), not_yet("there are no volumes yet")),
        (json!([volume("orders-1", "20Gi")]), not_yet("1 of 3 members have a volume")),
        (
            json!([volume("orders-1", "20Gi"), volume("orders-2", "10Gi"), volume("orders-3", "20Gi")]),
            not_yet("volume orders-2 has 10Gi of 20Gi"),
        ),
        (
            json!([{"metadata": {"name": "orders-1"}, "status": {"phase": "Pending"}}]),
            not_yet("volume orders-1 has 0 of 20Gi"),
        ),
        (
            json!([volume("orders-1", "21474836480"), volume("orders-2", "30Gi"), volume("orders-3", "20Gi")]),
            Storage::AsPlanned,
        ),
    ];
    for (found, expected) in cases {
        let health = judge(&with("/volumes", Some(found.clone())));
        assert_eq!(health.storage, expected, "{found}");
        assert_eq!(health.resources[&Key("cluster".into())], expected == Storage::AsPlanned, "{found}");
        assert_eq!(health.state, State::Ready, "volumes have a condition of their own");
    }
    let unasked = judge(&with("/volumes", None));
    assert_eq!(unasked.storage, not_yet("nobody has looked at the volumes yet"));
}

#[test]
fn in_another_cluster_only_the_operator_sees_volumes() {
    let mut generation = generation();
    let delivery = json!({"object": {"providerConfig": "other"}});
    generation.plan.terms.delivery = serde_json::from_value(delivery).unwrap();
    let unknown = "the volumes are in another cluster, and the operator does not say how large they are";
    let cases = [
        ("/cluster/status/resizingPVC", json!([]), Storage::Unknown(unknown.into())),
        (
            "/cluster/status/resizingPVC",
            json!(["orders-2"]),
            Storage::NotYet("volume orders-2 is being resized".into()),
        ),
        ("/cluster/status/healthyPVC", json!(["orders-1"]), Storage::NotYet("1 of 3 members have a volume".into())),
    ];
    for (path, value, expected) in cases {
        let found = health(&generation, &observe(&generation, &with(path, Some(value.clone())))).unwrap();
        assert_eq!(found.storage, expected, "{path} {value}");
        let whole = found.resources[&Key("cluster".into())];
        assert_eq!(whole, matches!(expected, Storage::Unknown(_)), "what nobody can know holds nothing up");
    }
}

#[test]
fn backups_are_as_planned_once_there_is_one() {
    let not_yet = |why: &str| BackupState::NotYet(why.into());
    let trouble = |why: &str| BackupState::Trouble(why.into());
    let window = |success: Value, failure: Value| json!({"orders-17": {"lastSuccessfulBackupTime": success, "lastFailedBackupTime": failure}});
    let store = "/object-store/status/serverRecoveryWindow";
    let conditions = "/cluster/status/conditions";
    let (early, late) = ("2026-11-18T02:00:00Z", "2026-11-19T02:00:00Z");
    let cases = [
        (store, window(json!(late), json!(early)), BackupState::AsPlanned),
        (store, window(json!(late), Value::Null), BackupState::AsPlanned),
        (store, window(json!(early), json!(late)), trouble("the backup of 2026-11-19T02:00:00Z failed")),
        (
            store,
            window(Value::Null, json!(late)),
            trouble("there is no full backup: that of 2026-11-19T02:00:00Z failed"),
        ),
        (store, json!({"orders-16": {"lastSuccessfulBackupTime": late}}), not_yet("there is no full backup yet")),
        (
            conditions,
            json!([{"type": "Ready", "status": "True"}, {"type": "ContinuousArchiving", "status": "False", "message": "no bucket"}]),
            trouble("the log is not archived: no bucket"),
        ),
        (
            conditions,
            json!([{"type": "Ready", "status": "True"}]),
            not_yet("the operator has not said yet whether the log is archived"),
        ),
        ("/scheduled-backup/status", json!({}), not_yet("the operator has not seen the schedule yet")),
        (
            "/scheduled-backup/status",
            json!({"lastCheckTime": late, "error": "no such cluster"}),
            trouble("no backups are scheduled: no such cluster"),
        ),
    ];
    for (path, value, expected) in cases {
        let health = judge(&with(path, Some(value.clone())));
        assert_eq!(health.backup.state, expected, "{path} {value}");
        assert_eq!(health.state, State::Ready, "backups have a condition of their own");
    }
}

#[test]
fn a_database_without_backups_has_no_trouble_with_them() {
    let generation = example::generation("dev", json!({"backup": {"enabled": false}}));
    let health = health(&generation, &observe(&generation, &json!({"cluster": {}}))).unwrap();
    assert_eq!(health.backup, BackupHealth::of(BackupState::AsPlanned));
    assert_eq!(keys(&health, false), ["cluster"]);
}

#[test]
fn a_status_of_another_shape_is_an_error() {
    let generation = generation();
    let odd = with("/cluster/status/readyInstances", Some(json!("three")));
    assert!(health(&generation, &observe(&generation, &odd)).is_err());
}

#[test]
fn versions_are_read_from_image_tags() {
    let cases = [
        ("ghcr.io/cloudnative-pg/postgresql:17.7-standard-bookworm", Some("17.7")),
        ("localhost:5000/postgresql:18.1", Some("18.1")),
        ("registry/postgresql:17@sha256:abc", Some("17")),
        ("postgresql:main", None),
        ("postgresql", None),
    ];
    for (image, expected) in cases {
        assert_eq!(version(image), expected, "{image}");
    }
}

/// The condition stays until the operator has seen that it is to wake up, and the archive says how it was left.
#[test]
fn who_sleeps_is_told_to_and_says_so() {
    let changes = json!({"lifecycle": {"hibernated": true}});
    let generation = example::generation("prod", changes);
    let slept = |annotation: Value, condition: &str, archive: &str| {
        let mut all = everything();
        all["cluster"]["metadata"] = json!({"annotations": {"cnpg.io/hibernation": annotation}});
        all["cluster"]["status"]["conditions"] = json!([
            {"type": "cnpg.io/hibernation", "status": condition, "message": "Cluster has been hibernated"},
            {"type": "ContinuousArchiving", "status": archive, "message": "no room"},
        ]);
        let Health { state, backup, .. } = health(&generation, &observe(&generation, &all)).unwrap();
        (state == State::Hibernated, backup.state == BackupState::AsPlanned, backup.archive)
    };
    let whole = BackupState::AsPlanned;
    assert_eq!(slept("on".into(), "True", "True"), (true, true, whole.clone()));
    assert_eq!(slept("on".into(), "False", "True"), (false, true, whole.clone()));
    assert!(!slept("off".into(), "True", "True").0 && !slept(Value::Null, "True", "True").0);
    let cut = BackupState::Trouble("the log is not archived: no room".into());
    assert_eq!(slept("on".into(), "True", "False"), (true, true, cut));
}
