//! What Everest and the operator below it write, and what is said of it.

use super::*;
use crate::operators::account_job;
use crate::operators::health::{State, Storage};
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation(changes: Value) -> Generation {
    let mut spec = json!({"engine": "mongodb"});
    spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let mut generation = example::generation("staging", spec);
    generation.plan.terms.operator = crate::api::plan::Operator::Everest;
    generation.plan.notes.release = format!("{}.19-7", generation.plan.terms.version);
    generation
}

/// As planned, with `status` laid over Everest's own and `made` over that of the `PerconaServerMongoDB`.
fn observed(generation: &Generation, status: Value, made: Value) -> Observed {
    let mut observed = Observed::default();
    let said = json!({"metadata": {"generation": 2}, "status":
        {"status": "ready", "observedGeneration": 2, "ready": 3, "size": 3}});
    let made_it = json!({"status": {"conditions": [
        {"type": "Ready", "status": "True"}, {"type": "Complete", "status": "True"},
    ]}});
    for Resource { key, object, .. } in Everest.compose(generation, &Default::default(), &observed.clone()).resources {
        let object = match key.0.as_str() {
            key::CLUSTER => object.merge(&Object::of(&said)).merge(&Object::of(&json!({"status": status}))),
            _ => object.merge(&Object::of(&made_it)),
        };
        observed.composed.insert(key, object);
    }
    let terms = &generation.plan.terms;
    let set = json!({
        "size": terms.replicas,
        "resources": {"limits": {"cpu": terms.cpu, "memory": terms.memory}},
        "volumeSpec": {"persistentVolumeClaim": {"resources": {"requests": {"storage": terms.storage}}}},
    });
    let below = Object::of(&json!({
        "metadata": {"generation": 5},
        "spec": {"image": "percona/percona-server-mongodb:8.0.19-7", "pause": terms.lifecycle.hibernated,
            "replsets": [set]},
        "status": {"state": "ready", "mongoVersion": "8.0.19-7", "observedGeneration": 5,
            "replsets": {"rs0": {"size": 3, "ready": 3, "status": "ready"}}},
    }));
    observed
        .found
        .insert(health::question(generation).name(), vec![below.merge(&Object::of(&json!({"status": made})))]);
    observed
}

#[test]
fn both_must_have_it_as_planned() {
    let progressing = |why: &str| State::Progressing(why.into());
    let one = json!({"replsets": {"rs0": {"ready": 1}}});
    #[rustfmt::skip]
    let cases = [
        (json!({}), json!({}), State::Ready),
        (json!({"status": null}), json!({}), progressing("Everest has not seen it yet")),
        (json!({"observedGeneration": 1}), json!({}), progressing("Everest has not seen the plan yet")),
        (json!({"status": "upgrading"}), json!({}), progressing("it is upgrading: Everest says no more")),
        (json!({"status": "error", "message": "no storage"}), json!({}), State::Degraded("no storage".into())),
        (json!({}), json!({"observedGeneration": 4}), progressing("the operator has not seen the plan yet")),
        (json!({}), json!({"mongoVersion": null}), progressing("the operator has not said yet which release runs")),
        (json!({}), json!({"replsets": {"rs0": {"ready": 2}}}), State::Degraded("2 of 3 members of rs0 are ready".into())),
        (json!({"status": "error"}), json!({"state": "error", "message": "no", "replsets": {"rs0": {"ready": 1}}}), State::Failed("no".into())),
        (json!({"status": "initializing"}), json!({"state": "initializing", "replsets": one["replsets"]}),
            progressing("it is initializing: 1 of 3 members of rs0 are ready")),
    ];
    let generation = generation(json!({}));
    for (status, made, expected) in cases {
        let found = Everest.health(&generation, &observed(&generation, status.clone(), made.clone())).unwrap();
        assert_eq!(found.state, expected, "{status} {made}");
    }
    assert_eq!(Everest.health(&generation, &Observed::default()).unwrap().state, State::Absent);
}

#[test]
fn volumes_that_stay_as_they_are_are_no_progress() {
    let before = generation(json!({"storage": "10Gi"}));
    let condition =
        json!({"type": "CannotResizeVolume", "status": "True", "reason": "StorageClassDoesNotSupportExpansion"});
    let found = observed(&before, json!({"conditions": [condition]}), json!({}));
    let why = "Everest cannot enlarge the volumes: StorageClassDoesNotSupportExpansion";
    assert_eq!(Everest.health(&generation(json!({})), &found).unwrap().state, State::Degraded(why.into()));
    assert_eq!(Everest.health(&before, &found).unwrap().state, State::Ready);
}

#[test]
fn nobody_signs_in_before_there_is_a_user() {
    let generation = generation(json!({}));
    let mut observed = observed(&generation, json!({}), json!({}));
    let account = account_job::key(&generation);
    observed.composed.insert(account.clone(), Object::of(&json!({"status": {}})));
    let found = Everest.health(&generation, &observed).unwrap();
    let why = "the application's database and user are not made yet";
    assert_eq!(found.state, State::Progressing(why.into()));
    assert_eq!(found.resources[&account], false);
    observed.composed.remove(&Key("credentials".into()));
    let found = Everest.health(&generation, &observed).unwrap();
    let why = "External Secrets has not made the secret orders-credentials yet";
    assert_eq!(found.state, State::Progressing(why.into()));
}

#[test]
fn what_nobody_sees_is_not_ready() {
    let generation = generation(json!({}));
    let mut observed = observed(&generation, json!({}), json!({}));
    observed.found.clear();
    let found = Everest.health(&generation, &observed).unwrap();
    let why = "nobody has seen its PerconaServerMongoDB yet: Everest says no more";
    assert_eq!(found.state, State::Progressing(why.into()));
    assert_eq!(found.storage, Storage::NotYet("nobody has looked at the volumes yet".into()));
}

#[test]
fn another_release_waits_for_everest() {
    let before = generation(json!({"version": "7.0"}));
    let after = generation(json!({}));
    let untold = Everest.health(&after, &observed(&before, json!({}), json!({}))).unwrap();
    assert_eq!(untold.state, State::Progressing("Everest has not been told of the plan yet".into()));
    let waits = observed(&before, json!({"recommendedCRVersion": "1.22.0"}), json!({}));
    let why = "Everest takes no other release before its resource is of version 1.22.0";
    assert_eq!(Everest.health(&after, &waits).unwrap().state, State::Progressing(why.into()));
}

#[test]
fn a_hibernated_one_sleeps_once_it_is_paused() {
    let generation = generation(json!({"lifecycle": {"hibernated": true}}));
    let paused = observed(&generation, json!({"status": "paused"}), json!({"state": "paused"}));
    assert_eq!(Everest.health(&generation, &paused).unwrap().state, State::Hibernated);
    let stopping = observed(&generation, json!({"status": "stopping"}), json!({"state": "stopping"}));
    let why = "it is being hibernated: 3 of 3 members are ready";
    assert_eq!(Everest.health(&generation, &stopping).unwrap().state, State::Progressing(why.into()));
}

#[test]
fn each_term_has_its_class() {
    #[rustfmt::skip]
    let cases = [
        ("/terms/version",                  json!("8.0"),                         Class::Restart),
        ("/terms/version",                  json!("9.0"),                         Class::Refused),
        ("/terms/replicas",                 json!(5),                             Class::Online),
        ("/terms/shards",                   json!(2),                             Class::Refused),
        ("/terms/cpu",                      json!("2"),                           Class::Restart),
        ("/terms/storage",                  json!("40Gi"),                        Class::Online),
        ("/terms/storage",                  json!("10Gi"),                        Class::Refused),
        ("/terms/storageClass",             json!("fast-ssd"),                    Class::Refused),
        ("/terms/placement",                json!("Required"),                    Class::None),
        ("/terms/backup",                   Value::Null,                          Class::Online),
        ("/terms/parameters",               json!({"net.maxIncomingConnections": "50"}), Class::Restart),
        ("/terms/tls",                      json!(true),                          Class::Refused),
        ("/terms/monitoring",               json!({"off": true}),                 Class::Online),
        ("/terms/monitoring",               json!({"audit": true}),               Class::Restart),
        ("/terms/lifecycle",                json!({"hibernated": true}),          Class::Restart),
        ("/notes/release",                  json!("7.0.31-17"),                   Class::Restart),
    ];
    let from = generation(json!({"version": "7.0"})).plan;
    for (path, value, expected) in cases {
        let to = example::changed(&from, path, value.clone());
        assert_ne!(from, to, "{path} {value} changes nothing");
        assert_eq!(Everest.change(&from, &to), expected, "{path} {value}");
    }
}

#[test]
fn how_one_backup_stands() {
    let cases = [
        (json!({}), BackupRun::Running),
        (json!({"status": {"state": "Starting"}}), BackupRun::Running),
        (json!({"status": {"state": "Succeeded"}}), BackupRun::Completed),
        (json!({"status": {"state": "Failed"}}), BackupRun::Failed("Everest says no more".into())),
    ];
    for (backup, expected) in cases {
        assert_eq!(backup::run(&Object::of(&backup)).unwrap(), expected, "{backup}");
    }
}
