//! Statuses as the operator writes them, and what is said of them.

use super::*;
use crate::operators::{Operator as _, percona_server_mongodb::PerconaServerMongoDb};
use crate::plan::example;
use crate::wire::Object;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

/// What the operator says of a database in staging that is as planned, with `status` laid over it.
fn observed(generation: &Generation, status: Value) -> Observed {
    let composed = PerconaServerMongoDb.compose(generation, &Default::default(), &Observed::default());
    let set = json!({"size": 3, "ready": 3, "status": "ready"});
    let said = json!({"metadata": {"generation": 4}, "status": {
        "state": "ready", "mongoVersion": "8.0.19-7", "observedGeneration": 4,
        "replsets": {"rs0": set, "rs1": set, "cfg": set}, "mongos": {"size": 2, "ready": 2},
    }});
    let mut observed = Observed::default();
    for resource in composed.resources {
        let object = resource.object.merge(&Object::of(&said)).merge(&Object::of(&json!({"status": status})));
        observed.composed.insert(resource.key, object);
    }
    observed
}

fn sharded() -> Generation {
    example::generation("staging", json!({"engine": "mongodb", "shards": 2}))
}

#[test]
fn only_what_is_as_planned_is_ready() {
    let progressing = |why: &str| State::Progressing(why.into());
    let degraded = |why: &str| State::Degraded(why.into());
    let cases = [
        (json!({}), State::Ready),
        (json!({"state": null}), progressing("the operator has not seen it yet")),
        (json!({"state": ""}), progressing("the operator has not seen it yet")),
        (json!({"observedGeneration": 3}), progressing("the operator has not seen the plan yet")),
        (json!({"observedGeneration": null}), progressing("the operator has not seen the plan yet")),
        (json!({"state": "initializing"}), progressing("it is initializing; 6 of 6 members are ready")),
        (json!({"state": "paused"}), progressing("it is paused; 6 of 6 members are ready")),
        (json!({"mongoVersion": "7.0.30-16"}), progressing("it runs 7.0.30-16 instead of 8.0")),
        (json!({"mongoVersion": null}), progressing("the operator has not said yet which release runs")),
        (json!({"replsets": {"rs1": {"ready": 2}}}), degraded("2 of 3 members of rs1 are ready")),
        (json!({"replsets": {"cfg": null}}), degraded("0 of 3 members of cfg are ready")),
        (json!({"mongos": null}), degraded("0 of 2 routers are ready")),
        (
            json!({"state": "initializing", "replsets": {"rs0": {"ready": 1, "message": "mongod: no image; "}}}),
            progressing("it is initializing: 1 of 3 members of rs0 are ready: mongod: no image"),
        ),
        (
            json!({"state": "initializing", "replsets": {"rs0": {"ready": 2}}}),
            degraded("2 of 3 members of rs0 are ready"),
        ),
        (json!({"state": "error", "message": "Error: no"}), degraded("Error: no")),
        (
            json!({"state": "error", "replsets": {"cfg": {"ready": 1}}}),
            State::Failed("the operator says no more".into()),
        ),
        (json!({"state": "error", "mongos": null}), State::Failed("the operator says no more".into())),
    ];
    let generation = sharded();
    for (status, expected) in cases {
        let found = health(&generation, &observed(&generation, status.clone())).unwrap();
        assert_eq!(found.state, expected, "{status}");
        assert_eq!(found.resources.values().any(|ready| *ready), false, "nobody has looked at the volumes");
    }
    assert_eq!(health(&generation, &Observed::default()).unwrap().state, State::Absent);
}

#[test]
fn what_the_operator_says_of_another_plan_does_not_count() {
    let generation = sharded();
    let observed = observed(&generation, json!({}));
    for changes in
        [json!({"size": "medium"}), json!({"storage": "30Gi"}), json!({"version": "7.0"}), json!({"shards": 3})]
    {
        let mut spec = json!({"engine": "mongodb", "shards": 2});
        spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let found = health(&example::generation("staging", spec), &observed).unwrap();
        let expected = State::Progressing("the operator has not been told of the plan yet".into());
        assert_eq!(found.state, expected, "{changes}");
    }
}

#[test]
fn a_hibernated_one_sleeps_once_it_is_paused() {
    let generation = example::generation("staging", json!({"engine": "mongodb", "lifecycle": {"hibernated": true}}));
    let cases = [
        (json!({"state": "stopping"}), State::Progressing("it is being hibernated: 3 of 3 members are ready".into())),
        (json!({"state": "paused"}), State::Hibernated),
    ];
    for (status, expected) in cases {
        assert_eq!(health(&generation, &observed(&generation, status)).unwrap().state, expected);
    }
}

#[test]
fn every_member_has_a_volume_as_large_as_planned() {
    let generation = sharded();
    let claim = |set: &str, number: u32, size: &str| {
        json!({
            "metadata": {"name": format!("mongod-data-orders-{set}-{number}"), "labels": {label::REPLICA_SET: set}},
            "status": {"capacity": {"storage": size}},
        })
    };
    let all = |sizes: [(&str, &str); 3]| -> Vec<Value> {
        sizes.iter().flat_map(|(set, size)| (0..3).map(move |number| claim(set, number, size))).collect()
    };
    let whole = [("rs0", "20Gi"), ("rs1", "20Gi"), ("cfg", "10Gi")];
    let mut left_behind = all(whole);
    left_behind.push(claim("rs0", 3, "5Gi"));
    let missing = all(whole).into_iter().skip(1).collect();
    let not_yet = |why: &str| Storage::NotYet(why.into());
    let cases = [
        (all(whole), Storage::AsPlanned),
        (left_behind, Storage::AsPlanned),
        (missing, not_yet("2 of 3 members of rs0 have a volume")),
        (
            all([("rs0", "20Gi"), ("rs1", "10Gi"), ("cfg", "10Gi")]),
            not_yet("volume mongod-data-orders-rs1-0 has 10Gi of 20Gi"),
        ),
        (vec![], not_yet("there are no volumes yet")),
    ];
    for (claims, expected) in cases {
        let mut observed = observed(&generation, json!({}));
        observed.found.insert(volumes(&generation).name(), claims.iter().map(Object::of).collect());
        assert_eq!(health(&generation, &observed).unwrap().storage, expected);
    }
}
