//! A stand-in for CloudNativePG 1.30 and its barman-cloud plugin 0.14. In: their resources. Out: volumes, secrets, backups,
//! statuses (CloudNativePG, "API Reference": ClusterStatus, BackupStatus; its `phases.go`). It makes its pods itself.

use super::objects::{MADE_UP, bytes, is, owned, secret, tag};
use super::{Members, Turn};
use crate::api::quantity::Bytes;
use crate::render::object;
use crate::simulate::store::{Id, Store, set_condition, text};
use jiff::Timestamp;
use serde_json::{Value, json};

const API_VERSION: &str = "postgresql.cnpg.io/v1";
const PLUGIN_GROUP: &str = "barmancloud.cnpg.io";
const HIBERNATION: &str = "cnpg.io/hibernation";
const HEALTHY: &str = "Cluster in healthy state";

pub fn cluster(turn: &mut Turn, id: &Id) {
    let (cluster, now) = (turn.get(id), turn.now);
    let volumes = volumes(turn.store, id);
    let uid = text(&cluster["metadata"]["uid"]);
    let mut members = turn.memory.members.remove(uid).unwrap_or_default();
    let spec = &cluster["spec"];
    let wanted = spec["instances"].as_u64().unwrap_or(1);
    let size = text(&spec["storage"]["size"]);
    let pods = json!({"image": spec["imageName"], "resources": spec["resources"]});
    let count = volumes.len() as u64;
    let sleeps = cluster["metadata"]["annotations"][HIBERNATION] == "on";
    let (follows, timeline) = (follows(&cluster), cluster["status"]["timelineID"].as_u64().unwrap_or(1));
    let promoted = !follows && cluster["spec"]["replica"].is_object() && timeline == 1;
    let mut resizing = vec![];
    let small: Vec<&Id> = volumes.iter().filter(|volume| capacity(turn.store, volume) < bytes(size)).collect();
    let phase = if volumes.is_empty() && !recoverable(turn, &cluster) {
        "Setting up primary"
    } else if volumes.is_empty() {
        members = Members { ready: 0, rolled_out: pods };
        secrets(turn, &cluster);
        turn.store.put(volume(&cluster, 1, size), now);
        "Setting up primary"
    } else if follows && timeline > 1 {
        // Two histories: what took writes of its own can never follow again.
        "Cluster is unrecoverable and needs manual intervention"
    } else if sleeps {
        members.ready = 0;
        HEALTHY
    } else if turn.outage.members {
        members.ready = members.ready.min(count - 1);
        "Waiting for the instances to become active"
    } else if members.ready < count {
        members.ready += 1;
        if members.ready == 1 { "Setting up primary" } else { "Creating a new replica" }
    } else if members.rolled_out != pods {
        members = Members { ready: count - 1, rolled_out: pods };
        "Upgrading cluster"
    } else if !small.is_empty() {
        for volume in small {
            resizing.push(volume.name.clone());
            turn.set_status(volume, bound(size));
        }
        "Updating PVC size"
    } else if count < wanted {
        turn.store.put(volume(&cluster, count + 1, size), now);
        "Creating a new replica"
    } else if count > wanted {
        members.ready = members.ready.min(count - 1);
        turn.gone.extend(volumes.last().cloned());
        "Deleting a replica"
    } else if promoted {
        secrets(turn, &cluster);
        "Promoting to primary cluster"
    } else {
        HEALTHY
    };
    let names: Vec<String> = (1..=members.ready).map(|number| format!("{}-{number}", id.name)).collect();
    let image = text(&members.rolled_out["image"]).to_owned();
    let there = self::volumes(turn.store, id);
    let mut status = json!({
        "phase": phase,
        "instances": there.len(),
        "readyInstances": members.ready,
        "image": image,
        "pgDataImageInfo": {"image": image, "majorVersion": release(&image)},
        "currentPrimary": format!("{}-1", id.name),
        "targetPrimary": format!("{}-1", id.name),
        "instancesStatus": {"healthy": names},
        "healthyPVC": there.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(),
        "resizingPVC": resizing,
        "timelineID": timeline + u64::from(phase == "Promoting to primary cluster"),
        "conditions": cluster["status"]["conditions"],
    });
    let ready = json!({"type": "Ready", "status": is(phase == HEALTHY), "reason": "ClusterIsReady", "message": phase});
    set_condition(&mut status, ready, now);
    if spec["plugins"].as_array().is_some_and(|plugins| !plugins.is_empty()) && members.ready > 0 {
        let archive = json!({"type": "ContinuousArchiving", "status": is(!turn.outage.backups),
            "reason": "ContinuousArchiving", "message": if turn.outage.backups { "the store does not answer" } else { "it works" }});
        set_condition(&mut status, archive, now);
    }
    let hibernation = json!({"type": HIBERNATION, "status": is(sleeps), "reason": "Hibernation", "message": ""});
    set_condition(&mut status, hibernation, now);
    turn.memory.members.insert(uid.into(), members);
    turn.set_status(id, status);
}

/// Running for one step, then done; the plugin writes down in the store's object how it went.
pub fn backup(turn: &mut Turn, id: &Id) {
    let (backup, now) = (turn.get(id), turn.now);
    let cluster = turn.beside(id, API_VERSION, "Cluster", text(&backup["spec"]["cluster"]["name"]));
    if cluster.is_null() {
        return;
    }
    let phase = match text(&backup["status"]["phase"]) {
        "completed" | "failed" => return,
        // It waits for a member to take it from.
        "" | "pending" if cluster["status"]["readyInstances"].as_u64().unwrap_or(0) == 0 => "pending",
        "" | "pending" => "running",
        _ if turn.outage.backups => "failed",
        _ => "completed",
    };
    let mut status = backup["status"].clone();
    object(&mut status).insert("phase".into(), phase.into());
    object(&mut status).entry("startedAt").or_insert_with(|| now.to_string().into());
    if ["completed", "failed"].contains(&phase) {
        object(&mut status).insert("stoppedAt".into(), now.to_string().into());
    }
    if phase == "completed" {
        object(&mut status).insert("backupId".into(), now.strftime("%Y%m%dT%H%M%S").to_string().into());
    }
    if phase == "failed" {
        object(&mut status).insert("error".into(), "the store does not answer".into());
    }
    turn.set_status(id, status);
    if ["completed", "failed"].contains(&phase) {
        let plugin = &cluster["spec"]["plugins"][0]["parameters"];
        let name = text(&plugin["barmanObjectName"]);
        let place = Id { group: PLUGIN_GROUP.into(), kind: "ObjectStore".into(), name: name.into(), ..id.clone() };
        let server = text(&plugin["serverName"]).to_owned();
        turn.store.edit(&place, |value| remember(value, server, phase, now));
    }
}

/// Whether there is a backup where the Cluster is to begin from; one that begins empty needs none.
fn recoverable(turn: &Turn, cluster: &Value) -> bool {
    let store = &turn.store;
    if !cluster["spec"]["bootstrap"]["recovery"].is_object() {
        return true;
    }
    if turn.outage.backups {
        return false;
    }
    let from = &cluster["spec"]["externalClusters"][0]["plugin"]["parameters"];
    let (namespace, server) = (text(&cluster["metadata"]["namespace"]), text(&from["serverName"]));
    let stores: Vec<&Value> =
        store.of_kind(PLUGIN_GROUP, "ObjectStore").iter().filter_map(|id| store.get(id)).collect();
    let named = |value: &&&Value| {
        let metadata = &value["metadata"];
        metadata["name"] == from["barmanObjectName"] && metadata["namespace"] == namespace
    };
    let Some(place) = stores.iter().find(named) else { return false };
    let place = &place["spec"]["configuration"]["destinationPath"];
    // Whoever else describes the same place knows what was put there.
    stores.iter().any(|value| {
        let window = &value["status"]["serverRecoveryWindow"][server];
        value["spec"]["configuration"]["destinationPath"] == *place && window["lastSuccessfulBackupTime"].is_string()
    })
}

fn remember(store: &mut Value, server: String, phase: &str, now: Timestamp) {
    let status = object(object(store).entry("status").or_insert(Value::Null));
    let windows = object(status.entry("serverRecoveryWindow").or_insert(Value::Null));
    let window = object(windows.entry(server).or_insert(Value::Null));
    let now: Value = now.to_string().into();
    if phase == "completed" {
        window.entry("firstRecoverabilityPoint").or_insert_with(|| now.clone());
        window.insert("lastSuccessfulBackupTime".into(), now);
    } else {
        window.insert("lastFailedBackupTime".into(), now);
    }
}

/// Makes the backups that are due, the first at once where it is asked for. Its schedule begins with the seconds.
pub fn scheduled_backup(turn: &mut Turn, id: &Id) {
    let (scheduled, now) = (turn.get(id), turn.now);
    let spec = &scheduled["spec"];
    let cluster = turn.beside(id, API_VERSION, "Cluster", text(&spec["cluster"]["name"]));
    if cluster.is_null() {
        return;
    }
    let schedule = text(&spec["schedule"]).split_once(' ').map(|(_, schedule)| schedule);
    let is_first = spec["immediate"] == true && scheduled["status"]["lastScheduleTime"].is_null();
    let is_due = turn.is_due(&scheduled, schedule.filter(|_| spec["suspend"] != true)) || is_first;
    if is_due {
        let name = format!("{}-{}", id.name, now.strftime("%Y%m%d%H%M%S"));
        let mut backup = owned(&cluster, API_VERSION, "Backup", &name);
        let labels = json!({"cnpg.io/cluster": spec["cluster"]["name"], "cnpg.io/scheduled-backup": id.name});
        object(&mut backup["metadata"]).insert("labels".into(), labels);
        let what = json!({"cluster": spec["cluster"], "method": spec["method"],
            "pluginConfiguration": spec["pluginConfiguration"]});
        object(&mut backup).insert("spec".into(), what);
        turn.store.put(backup, now);
    }
    let mut status = scheduled["status"].clone();
    let fields = object(&mut status);
    let next = turn.due_at(&scheduled).map(|next| next.to_string());
    fields.insert("nextScheduleTime".into(), next.into());
    if is_due || !fields.contains_key("lastCheckTime") {
        fields.insert("lastCheckTime".into(), now.to_string().into());
    }
    if is_due {
        fields.insert("lastScheduleTime".into(), now.to_string().into());
    }
    turn.set_status(id, status);
}

pub fn pooler(turn: &mut Turn, id: &Id) {
    let instances = turn.get(id)["spec"]["instances"].clone();
    turn.set_status(id, json!({"phase": "active", "instances": instances}));
}

/// By the primary alone.
pub fn database(turn: &mut Turn, id: &Id) {
    let cluster = text(&turn.get(id)["spec"]["cluster"]["name"]).to_owned();
    if follows(&turn.beside(id, API_VERSION, "Cluster", &cluster)) {
        return;
    }
    let generation = turn.get(id)["metadata"]["generation"].clone();
    turn.set_status(id, json!({"applied": true, "observedGeneration": generation}));
}

fn secrets(turn: &mut Turn, cluster: &Value) {
    let name = text(&cluster["metadata"]["name"]);
    let bootstrap = &cluster["spec"]["bootstrap"];
    let initial = if bootstrap["recovery"].is_object() { &bootstrap["recovery"] } else { &bootstrap["initdb"] };
    // What follows another has no application of its own.
    if !follows(cluster) {
        let account = [("username", text(&initial["owner"])), ("password", MADE_UP)];
        turn.store.put(secret(cluster, &format!("{name}-app"), &account), turn.now);
    }
    turn.store.put(secret(cluster, &format!("{name}-ca"), &[("ca.crt", "a certificate")]), turn.now);
}

/// Whether another one is its primary.
fn follows(cluster: &Value) -> bool {
    let replica = &cluster["spec"]["replica"];
    replica.is_object() && replica["primary"] != cluster["metadata"]["name"]
}

fn volume(cluster: &Value, number: u64, size: &str) -> Value {
    let name = text(&cluster["metadata"]["name"]);
    let mut volume = owned(cluster, "v1", "PersistentVolumeClaim", &format!("{name}-{number}"));
    let labels = json!({"cnpg.io/cluster": name, "cnpg.io/pvcRole": "PG_DATA"});
    object(&mut volume["metadata"]).insert("labels".into(), labels);
    object(&mut volume).insert("status".into(), bound(size));
    volume
}

fn bound(size: &str) -> Value {
    json!({"phase": "Bound", "capacity": {"storage": size}})
}

fn volumes(store: &Store, cluster: &Id) -> Vec<Id> {
    let of_cluster = |id: &Id| {
        let labels = store.get(id).map(|value| &value["metadata"]["labels"]);
        id.namespace == cluster.namespace
            && labels.is_some_and(|labels| labels["cnpg.io/cluster"] == cluster.name.as_str())
    };
    store.of_kind("", "PersistentVolumeClaim").into_iter().filter(of_cluster).collect()
}

fn capacity(store: &Store, volume: &Id) -> Bytes {
    store.get(volume).map_or_else(Bytes::default, |value| bytes(text(&value["status"]["capacity"]["storage"])))
}

/// `17` of `ghcr.io/cloudnative-pg/postgresql:17.7-standard-bookworm`.
fn release(image: &str) -> u64 {
    tag(image).split(['.', '-']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
