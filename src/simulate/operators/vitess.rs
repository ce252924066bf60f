//! The Vitess operator 2.17. In: `VitessCluster`, `VitessBackupSchedule`. Out: a first backup of each shard, then its members
//! with their volumes, which the operator makes without a StatefulSet; jobs on schedule, and what they put into the object
//! store; statuses, which count (its `docs/api.md`: VitessClusterKeyspaceStatus, VitessBackupStatus; `labels.go`).

use super::kubernetes::{has, is_ended};
use super::objects::{MADE_UP, all_beside, bytes, in_order, is, is_owned_by, name, owned};
use super::{Members, Turn};
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

const API_VERSION: &str = "planetscale.com/v2";
const SCHEDULE: &str = "planetscale.com/backup-schedule";
const SHARD: &str = "planetscale.com/shard";

pub fn cluster(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let keyspace = &spec["keyspaces"][0];
    let shards = shards(&cluster);
    let pool = |shard: &Value| shard["tabletPools"][0].clone();
    let wanted: u64 = shards.iter().map(|(_, shard)| pool(shard)["replicas"].as_u64().unwrap_or(0)).sum();
    let needs = [
        &spec["cells"][0]["gateway"]["authentication"]["static"]["secret"]["name"],
        &spec["backup"]["locations"][0]["s3"]["authSecret"]["name"],
        &shards.first().map(|(_, shard)| shard["databaseInitScriptSecret"]["name"].clone()).unwrap_or_default(),
    ]
    .map(Value::clone);
    let starts = needs.iter().filter_map(Value::as_str).all(|name| !turn.beside(id, "v1", "Secret", name).is_null());
    let backups = of_cluster(turn, &cluster, "planetscale.com", "VitessBackup");
    let is_fed = starts && !turn.outage.backups;
    for (range, _) in shards.iter().filter(|_| is_fed) {
        if !backups.iter().any(|backup| backup["metadata"]["labels"][SHARD] == range.as_str()) {
            store_backup(turn, &cluster, range);
        }
    }
    let uid = text(&cluster["metadata"]["uid"]);
    let mut members = turn.memory.members.remove(uid).unwrap_or_default();
    let pods = json!([spec["images"], shards.iter().map(|(_, shard)| made_of(&pool(shard))).collect::<Vec<_>>()]);
    let volumes = volumes(turn, &cluster);
    let count = volumes.len() as u64;
    let is_backed_up = backups.len() >= shards.len();
    if turn.outage.members && count > 0 {
        members.ready = members.ready.min(count - 1);
    } else if count > wanted {
        turn.gone.extend(volumes.last().map(Id::of));
        members.ready = members.ready.min(count - 1);
    } else if members.ready < count {
        members.ready += u64::from(starts);
    } else if members.rolled_out != pods && count > 0 {
        members = Members { ready: count - 1, rolled_out: pods.clone() };
    } else if count < wanted && is_backed_up {
        for (range, shard) in &shards {
            let of_shard =
                volumes.iter().filter(|volume| volume["metadata"]["labels"][SHARD] == range.as_str()).count();
            if (of_shard as u64) < pool(shard)["replicas"].as_u64().unwrap_or(0) {
                let volume = volume(&cluster, range, &pool(shard), of_shard);
                turn.store.put(volume, turn.now);
                break;
            }
        }
        members.rolled_out = pods.clone();
    }
    for (volume, (_, shard)) in volumes.iter().flat_map(|volume| shards.iter().map(move |shard| (volume, shard))) {
        enlarge(turn, volume, &pool(shard)["dataVolumeClaimTemplate"]["resources"]["requests"]["storage"]);
    }
    let tablets = self::volumes(turn, &cluster).len() as u64;
    let is_updated = members.rolled_out == pods && members.ready == tablets;
    let updated = if is_updated { tablets } else { members.ready.min(tablets.saturating_sub(1)) };
    let ready_shards = if members.ready == wanted { shards.len() } else { 0 };
    let keyspace_status = json!({
        "cells": ["main"], "desiredShards": shards.len(), "shards": shards.len(),
        "readyShards": ready_shards, "updatedShards": if is_updated { shards.len() } else { 0 },
        "desiredTablets": wanted, "tablets": tablets, "readyTablets": members.ready, "updatedTablets": updated,
    });
    let status = json!({
        "observedGeneration": cluster["metadata"]["generation"],
        "gatewayServiceName": format!("{}-vtgate-bc6cde92", id.name),
        "cells": {"main": {"gatewayAvailable": is(starts && members.ready > 0)}},
        "keyspaces": {text(&keyspace["name"]): keyspace_status},
    });
    turn.memory.members.insert(uid.into(), members);
    turn.set_status(id, status);
}

/// Each with the name of its range, as the operator writes it in labels.
fn shards(cluster: &Value) -> Vec<(String, Value)> {
    let shards = cluster["spec"]["keyspaces"][0]["partitionings"][0]["custom"]["shards"].as_array();
    let bound = |bound: &Value| bound.as_str().filter(|bound| !bound.is_empty()).unwrap_or("x").to_owned();
    let named = |shard: &Value| {
        let range = &shard["keyRange"];
        (format!("{}-{}", bound(&range["start"]), bound(&range["end"])), shard.clone())
    };
    shards.into_iter().flatten().map(named).collect()
}

/// What restarts members when it changes.
fn made_of(pool: &Value) -> Value {
    json!([pool["mysqld"], pool["vttablet"], pool["mysqldExporter"]])
}

fn labels(cluster: &Value, range: &str) -> Value {
    json!({"planetscale.com/cluster": name(cluster), "planetscale.com/keyspace": cluster["spec"]["keyspaces"][0]["name"], SHARD: range})
}

fn of_cluster(turn: &Turn, cluster: &Value, group: &str, kind: &str) -> Vec<Value> {
    let mut found = all_beside(turn, cluster, group, kind);
    found.retain(|value| value["metadata"]["labels"]["planetscale.com/cluster"] == name(cluster));
    found
}

/// In the order in which they were made.
fn volumes(turn: &Turn, cluster: &Value) -> Vec<Value> {
    let mut volumes = of_cluster(turn, cluster, "", "PersistentVolumeClaim");
    volumes.retain(|volume| is_owned_by(volume, cluster));
    in_order(&mut volumes);
    volumes
}

fn volume(cluster: &Value, range: &str, pool: &Value, number: usize) -> Value {
    let volume = format!("{}-vttablet-main-{range}-{number:010}", name(cluster));
    let mut volume = owned(cluster, "v1", "PersistentVolumeClaim", &volume);
    let mut labels = labels(cluster, range);
    let of_member = [("component", "vttablet"), ("cell", "main")];
    object(&mut labels).extend(of_member.map(|(label, value)| (format!("planetscale.com/{label}"), value.into())));
    object(&mut volume["metadata"]).insert("labels".into(), labels);
    object(&mut volume).insert("spec".into(), pool["dataVolumeClaimTemplate"].clone());
    volume
}

fn enlarge(turn: &mut Turn, volume: &Value, size: &Value) {
    turn.store.edit(&Id::of(volume), |volume| {
        let requests = &mut volume["spec"]["resources"]["requests"];
        if bytes(text(&requests["storage"])) < bytes(text(size)) {
            object(requests).insert("storage".into(), size.clone());
        }
    });
}

/// The operator lists what is in the object store; it stays there when the cluster goes.
fn store_backup(turn: &mut Turn, cluster: &Value, range: &str) {
    let keyspace = text(&cluster["spec"]["keyspaces"][0]["name"]);
    let backup = format!("{}-{keyspace}-{range}-{}", name(cluster), turn.now.strftime("%Y%m%d-%H%M%S"));
    let mut backup = owned(cluster, API_VERSION, "VitessBackup", &backup);
    object(&mut backup["metadata"]).insert("labels".into(), labels(cluster, range));
    let now = turn.now.to_string();
    let status =
        json!({"startTime": now, "finishedTime": now, "complete": true, "engine": "builtin", "position": MADE_UP});
    object(&mut backup).insert("status".into(), status);
    turn.store.put(backup, turn.now);
}

/// One job for each shard and time.
pub fn schedule(turn: &mut Turn, id: &Id) {
    let schedule = turn.get(id);
    let cluster = turn.beside(id, API_VERSION, "VitessCluster", text(&schedule["spec"]["cluster"]));
    let mut jobs = all_beside(turn, &schedule, "batch", "Job");
    jobs.retain(|job| is_owned_by(job, &schedule));
    let backups = of_cluster(turn, &cluster, "planetscale.com", "VitessBackup");
    for job in jobs.iter().filter(|job| has(job, "Complete")) {
        let labels = &job["metadata"]["labels"];
        let since = &job["status"]["startTime"];
        let is_listed = |backup: &Value| {
            backup["metadata"]["labels"][SHARD] == labels[SHARD]
                && text(&backup["status"]["finishedTime"]) >= text(since)
        };
        if !backups.iter().any(is_listed) {
            store_backup(turn, &cluster, text(&labels[SHARD]));
        }
    }
    let is_due = turn.is_due(&schedule, schedule["spec"]["schedule"].as_str());
    if cluster.is_null() || !is_due || !jobs.iter().all(is_ended) {
        return;
    }
    // It keeps the last three.
    let shards = shards(&cluster);
    in_order(&mut jobs);
    let surplus = jobs.len().saturating_sub(2 * shards.len());
    jobs.iter().take(surplus).for_each(|job| turn.delete(Id::of(job)));
    for (range, _) in &shards {
        let job = format!("{}-{range}-{}", id.name, turn.now.as_second());
        let mut job = owned(&schedule, "batch/v1", "Job", &job);
        let mut labels = labels(&cluster, range);
        object(&mut labels).insert(SCHEDULE.into(), id.name.as_str().into());
        object(&mut job["metadata"]).insert("labels".into(), labels.clone());
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": []}});
        object(&mut job).insert("spec".into(), json!({"template": template}));
        turn.store.put(job, turn.now);
    }
    turn.set_status(id, json!({"lastScheduledTimes": {"every-shard": turn.now.to_string()}}));
}
