//! What the golden cases do not reach: the class of each change, what is refused, and the operator's words.

use super::*;
use crate::api::input::tier_defaults::TierEngine;
use crate::api::plan::Operator as OperatorName;
use crate::api::plan::Placement;
use crate::operators::State;
use crate::operators::health::{BackupState, Storage};
use crate::plan::{example, resolve};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A plan of staging, where the platform chose Vitess.
pub fn plan(changes: Value) -> Plan {
    let mut policy = example::policy();
    for tier in policy.environments.values_mut() {
        let row: &mut TierEngine = tier.engines.entry(EngineName::Mysql).or_default();
        row.operator = Some(OperatorName::Vitess);
    }
    for destination in policy.destinations.values_mut() {
        destination.region = Some("eu-north-1".into());
    }
    let changes = Object::of(&json!({"engine": "mysql"})).merge(&Object::of(&changes));
    let claim = example::claim("staging", serde_json::to_value(&changes).unwrap());
    resolve(&claim, &policy).unwrap()
}

fn generation() -> Generation {
    Generation::first("u-1", plan(json!({"shards": 2})))
}

fn cluster() -> Value {
    json!({
        "metadata": {"generation": 3},
        "spec": {"images": {"vttablet": "vitess/lite:v24.0.0-mysql84"}},
        "status": {
            "observedGeneration": 3,
            "cells": {"main": {"gatewayAvailable": "True"}},
            "keyspaces": {"orders": {"desiredShards": 2, "readyShards": 2, "shards": 2, "desiredTablets": 6,
                "readyTablets": 6, "updatedTablets": 6, "tablets": 6}},
        },
    })
}

fn volume(size: &str) -> Value {
    json!({"metadata": {"name": "v"}, "status": {"capacity": {"storage": size}}})
}

fn made(shard: &str, time: &str) -> Value {
    json!({
        "metadata": {"labels": {"planetscale.com/shard": shard}},
        "status": {"complete": true, "startTime": "2026-11-20T02:00:00Z", "finishedTime": time},
    })
}

fn job(shard: &str, time: &str, condition: &str) -> Value {
    json!({
        "metadata": {"creationTimestamp": time, "labels": {"planetscale.com/shard": shard}},
        "status": {"conditions": [{"type": condition, "status": "True", "message": "it was too slow"}]},
    })
}

/// What stands around a cluster where all is well, and can be made worse.
struct World {
    cluster: Value,
    volumes: Vec<Value>,
    backups: Vec<Value>,
    jobs: Vec<Value>,
}

impl World {
    fn new() -> World {
        let backups = vec![
            made("x-80", "2026-11-20T02:10:00Z"),
            made("x-80", "2026-11-21T02:10:00Z"),
            made("80-x", "2026-11-21T02:20:00Z"),
            json!({"metadata": {"labels": {"planetscale.com/shard": "80-x"}}, "status": {"startTime": "2026-11-22T02:00:00Z"}}),
        ];
        World { cluster: cluster(), volumes: vec![volume("20Gi"); 6], backups, jobs: vec![] }
    }

    fn observed(&self) -> Observed {
        let generation = generation();
        let ready =
            json!({"data": {"credentials": "eA=="}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let mut composed = vec![(key::CLUSTER, self.cluster.clone())];
        let others = ["password", "credentials", key::INIT_SCRIPT, key::SCHEDULE, aws_files::KEY, "backup-prune"];
        composed.extend(others.map(|key| (key, ready.clone())));
        let found = [
            (super::volumes(&generation), &self.volumes),
            (backup::made(&generation), &self.backups),
            (backup::jobs(&generation), &self.jobs),
        ];
        Observed {
            composed: composed.into_iter().map(|(key, value)| (Key(key.into()), Object::of(&value))).collect(),
            found: found
                .into_iter()
                .map(|(question, values)| (question.name(), values.iter().map(Object::of).collect()))
                .collect(),
        }
    }

    fn health(&self) -> Health {
        Vitess.health(&generation(), &self.observed()).unwrap()
    }
}

#[test]
fn all_is_well() {
    let health = World::new().health();
    assert_eq!(health.state, State::Ready);
    assert_eq!(health.storage, Storage::AsPlanned);
    assert_eq!(health.backup.state, BackupState::AsPlanned);
    // Of both shards: what is younger of one alone is no backup of the database.
    assert_eq!(health.backup.last_success.as_deref(), Some("2026-11-21T02:10:00Z"));
    assert_eq!((health.ready_replicas, health.version.as_deref()), (6, Some("v24.0.0-mysql84")));
    assert!(health.resources.values().all(|ready| *ready), "{:?}", health.resources);
    let composed = Vitess.compose(&generation(), &Engines::default(), &World::new().observed()).resources;
    let keys: BTreeSet<Key> = composed.into_iter().map(|resource| resource.key).collect();
    assert_eq!(keys, health.resources.into_keys().collect());
}

#[test]
fn what_is_missing_or_differs_is_never_ready() {
    let progressing = |why: &str| State::Progressing(why.into());
    #[rustfmt::skip]
    let cases = [
        ("/status", json!({}), progressing("the operator has not seen it yet")),
        ("/status/observedGeneration", json!(2), progressing("the operator has not seen the last change yet")),
        ("/metadata/generation", Value::Null, progressing("the operator has not seen the last change yet")),
        ("/spec/images/vttablet", json!("other:1"), progressing("the operator has not been told of the plan yet")),
        ("/status/keyspaces/orders/desiredTablets", json!(4), progressing("the operator has not been told of the plan yet")),
        ("/status/keyspaces/orders/readyTablets", json!(0), progressing("0 of 6 members are ready")),
        // All of one shard may be missing.
        ("/status/keyspaces/orders/readyTablets", json!(3), progressing("3 of 6 members are ready")),
        ("/status/keyspaces/orders/readyTablets", json!(4), State::Degraded("4 of 6 members are ready".into())),
        ("/status/keyspaces/orders/updatedTablets", json!(5), progressing("5 of 6 members are up to date")),
        ("/status/keyspaces/orders/tablets", json!(7), progressing("7 members are there instead of 6")),
        ("/status/cells", json!({}), progressing("vtgate is not available, so nobody can connect")),
        ("/status/cells/main/gatewayAvailable", json!("Unknown"), progressing("vtgate is not available, so nobody can connect")),
    ];
    for (path, value, expected) in cases {
        let mut world = World::new();
        *world.cluster.pointer_mut(path).unwrap() = value;
        assert_eq!(world.health().state, expected, "{path}");
    }
    let mut world = World::new();
    world.cluster["status"]["keyspaces"]["orders"]["pendingChanges"] = json!("spec changed");
    assert_eq!(world.health().state, progressing("changes are under way: spec changed"));
}

#[test]
fn members_wait_for_the_first_backup() {
    let mut world = World::new();
    world.cluster["status"]["keyspaces"]["orders"]["readyTablets"] = json!(0);
    world.backups.clear();
    let why = "members are made of a first backup, and there is none yet";
    assert_eq!(world.health().state, State::Progressing(why.into()));
}

#[test]
fn volumes_are_held_against_the_plan() {
    let mut world = World::new();
    world.volumes[5] = volume("10Gi");
    assert_eq!(world.health().storage, Storage::NotYet("volume v has 10Gi of 20Gi".into()));
    world.volumes.pop();
    assert_eq!(world.health().storage, Storage::NotYet("5 of 6 members have a volume".into()));
}

#[test]
fn backups_are_those_of_all_shards() {
    let not_yet = |why: &str| BackupState::NotYet(why.into());
    let mut world = World::new();
    world.backups = vec![made("80-x", "2026-11-21T02:20:00Z")];
    let one = world.health().backup;
    assert_eq!((one.state, one.last_success), (not_yet("1 of 2 shards have a full backup"), None));
    world.backups.clear();
    assert_eq!(world.health().backup.state, not_yet("there is no full backup yet"));

    let mut world = World::new();
    world.jobs = vec![
        job("x-80", "2026-11-21T02:00:00Z", "Failed"),
        job("80-x", "2026-11-21T02:00:00Z", "Complete"),
        json!({"metadata": {"creationTimestamp": "2026-11-22T02:00:00Z", "labels": {"planetscale.com/shard": "x-80"}}}),
    ];
    let failed = world.health().backup;
    assert_eq!(failed.state, BackupState::Trouble("the last backup failed: it was too slow".into()));
    assert_eq!(failed.last_failure.as_deref(), Some("2026-11-21T02:00:00Z"));
    world.jobs.push(job("x-80", "2026-11-22T02:00:00Z", "Complete"));
    assert_eq!(world.health().backup.state, BackupState::AsPlanned);
}

/// The operator takes constraints with the same labels for one, and keeps the last.
#[test]
fn members_of_a_shard_keep_apart_by_constraints_that_differ() {
    let mut generation = generation();
    generation.plan.terms.placement = Placement::Required;
    let composed = Vitess.compose(&generation, &Engines::default(), &Observed::default()).resources;
    let cluster = composed.into_iter().find(|resource| resource.key.0 == key::CLUSTER).unwrap();
    let cluster = serde_json::to_value(&cluster.object).unwrap();
    let shards = cluster["spec"]["keyspaces"][0]["partitionings"][0]["custom"]["shards"].as_array().unwrap().clone();
    assert_eq!(shards.len(), 2);
    for (shard, name) in shards.iter().zip(["x-80", "80-x"]) {
        let pool = &shard["tabletPools"][0];
        let [node, zone] = pool["topologySpreadConstraints"].as_array().unwrap().as_slice() else { panic!("{pool}") };
        assert_eq!(node["labelSelector"]["matchLabels"]["planetscale.com/shard"], name);
        assert_eq!(
            (&node["topologyKey"], &node["whenUnsatisfiable"]),
            (&json!("kubernetes.io/hostname"), &json!("DoNotSchedule"))
        );
        assert_eq!(zone["topologyKey"], "topology.kubernetes.io/zone");
        assert_ne!(node["labelSelector"], zone["labelSelector"]);
        assert_eq!(pool.get("affinity"), None);
    }
}

#[test]
fn a_renewed_certificate_restarts_the_way_in() {
    let mut generation = generation();
    generation.plan.terms.issuer =
        Some(serde_json::from_value(json!({"name": "databases", "kind": "Issuer"})).unwrap());
    for (revision, expected) in [(1, Value::Null), (3, json!("2"))] {
        let certificate = Object::of(&json!({"status": {"revision": revision}}));
        let observed = Observed { composed: [(Key("certificate".into()), certificate)].into(), ..Observed::default() };
        let composed = Vitess.compose(&generation, &Engines::default(), &observed).resources;
        let cluster = composed.into_iter().find(|resource| resource.key.0 == key::CLUSTER).unwrap();
        let gateway = serde_json::to_value(&cluster.object).unwrap()["spec"]["cells"][0]["gateway"].clone();
        assert_eq!(gateway["annotations"][certificate::RENEWALS], expected, "{gateway}");
    }
}

#[test]
fn the_pools_fit_the_connections() {
    for connections in ["20", "150", "300"] {
        let plan = plan(json!({"parameters": {"max_connections": connections}}));
        let sum: u64 = cluster::pools(&plan).values().map(|size| size.parse::<u64>().unwrap()).sum();
        assert!((1..connections.parse().unwrap()).contains(&sum), "{connections}: {sum}");
    }
}

type Change<'a> = &'a dyn Fn(&mut Terms);

#[test]
fn each_refusal_says_where_what_and_what_instead() {
    let terms = plan(json!({})).terms;
    let refused = |change: Change| {
        let mut terms = terms.clone();
        change(&mut terms);
        Vitess.problems(&terms).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(refused(&|_| {}), Vec::<String>::new());
    let cases: [(Change, &str); 8] = [
        (&|it| it.shards = 2, "spec.shards: "),
        (&|it| it.topology = Topology::Sharded, "spec.shards: "),
        (&|it| it.database.inside = "orders_".into(), "spec.name: "),
        (
            &|it| {
                it.parameters.insert("group_replication_consistency".into(), "AFTER".into());
            },
            "spec.parameters.group_replication_consistency: ",
        ),
        (&|it| it.lifecycle.deletion_policy = DeletionPolicy::Snapshot, "spec.lifecycle.deletionPolicy: "),
        (&|it| it.synchronous_replicas = 2, "TierDefaults.environments: "),
        (&|it| it.backup = None, "spec.backup.enabled: "),
        (
            &|it| it.backup.as_mut().unwrap().destination.path = format!("s3://bucket/{}", "p".repeat(230)),
            "TierDefaults.destinations: ",
        ),
    ];
    for (change, path) in cases {
        let said = refused(change);
        let [said] = said.as_slice() else { panic!("{path}: {said:?}") };
        assert!(said.starts_with(path) && said.contains("; "), "{said}");
    }
}
