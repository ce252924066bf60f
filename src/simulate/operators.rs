//! A stand-in for CloudNativePG 1.30 and its barman-cloud plugin 0.14. In: their resources. Out: what the operator would
//! make of them, a step at a time: volumes, secrets, backups, statuses. Must not know Crossplane, nor what is composed why.

use super::store::{Id, Store, set_condition, text};
use crate::api::quantity::Bytes;
use crate::render::object;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GROUP: &str = "postgresql.cnpg.io";
const API_VERSION: &str = "postgresql.cnpg.io/v1";
const PLUGIN_GROUP: &str = "barmancloud.cnpg.io";
const HIBERNATION: &str = "cnpg.io/hibernation";
const HEALTHY: &str = "Cluster in healthy state";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What goes wrong for as long as somebody lets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// One member of each cluster is down, and none gets ready.
    pub members: bool,
    /// Backups fail.
    pub backups: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Operators {
    pub outage: Outage,
    /// By the Cluster's UID: what only its pods would show.
    members: BTreeMap<String, Members>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Members {
    ready: u64,
    /// The image and the resources of the pods.
    rolled_out: Value,
}

impl Operators {
    /// When a backup is due next.
    pub fn wake(&self, store: &Store) -> Option<Timestamp> {
        let schedules = store.of_kind(GROUP, "ScheduledBackup").into_iter();
        schedules.filter_map(|id| next(store.get(&id)?)).min()
    }

    /// One step of everything that is not yet as it was asked for. Returns what shall be deleted.
    pub fn step(&mut self, store: &mut Store, now: Timestamp) -> Vec<Id> {
        let mut gone = vec![];
        for id in store.of_kind(GROUP, "Cluster") {
            gone.extend(self.cluster(store, &id, now));
        }
        for id in store.of_kind(GROUP, "Backup") {
            self.backup(store, &id, now);
        }
        for id in store.of_kind(GROUP, "ScheduledBackup") {
            schedule(store, &id, now);
        }
        for id in store.of_kind(GROUP, "Pooler") {
            store.edit(&id, |pooler| {
                let instances = pooler["spec"]["instances"].clone();
                set_status(pooler, json!({"phase": "active", "instances": instances}));
            });
        }
        for id in store.of_kind(GROUP, "Database") {
            store.edit(&id, |database| {
                let generation = database["metadata"]["generation"].clone();
                set_status(database, json!({"applied": true, "observedGeneration": generation}));
            });
        }
        gone
    }

    fn cluster(&mut self, store: &mut Store, id: &Id, now: Timestamp) -> Option<Id> {
        let cluster = store.get(id)?.clone();
        let volumes = volumes(store, id);
        let members = self.members.entry(text(&cluster["metadata"]["uid"]).into()).or_default();
        let spec = &cluster["spec"];
        let wanted = spec["instances"].as_u64().unwrap_or(1);
        let size = text(&spec["storage"]["size"]);
        let pods = json!({"image": spec["imageName"], "resources": spec["resources"]});
        let count = volumes.len() as u64;
        let sleeps = cluster["metadata"]["annotations"][HIBERNATION] == "on";
        let (mut surplus, mut resizing) = (None, vec![]);
        let small: Vec<&Id> = volumes.iter().filter(|volume| capacity(store, volume) < bytes(size)).collect();
        let phase = if volumes.is_empty() && !recoverable(store, &cluster) {
            "Setting up primary"
        } else if volumes.is_empty() {
            *members = Members { ready: 0, rolled_out: pods };
            secrets(store, &cluster, now);
            store.put(volume(&cluster, 1, size), now);
            "Setting up primary"
        } else if sleeps {
            members.ready = 0;
            HEALTHY
        } else if self.outage.members {
            members.ready = members.ready.min(count - 1);
            "Waiting for the instances to become active"
        } else if members.ready < count {
            members.ready += 1;
            if members.ready == 1 { "Setting up primary" } else { "Creating a new replica" }
        } else if members.rolled_out != pods {
            *members = Members { ready: count - 1, rolled_out: pods };
            "Upgrading cluster"
        } else if !small.is_empty() {
            for volume in small {
                resizing.push(volume.name.clone());
                store.edit(volume, |value| set_status(value, bound(size)));
            }
            "Updating PVC size"
        } else if count < wanted {
            store.put(volume(&cluster, count + 1, size), now);
            "Creating a new replica"
        } else if count > wanted {
            members.ready = members.ready.min(count - 1);
            surplus = volumes.last().cloned();
            "Deleting a replica"
        } else {
            HEALTHY
        };
        let names: Vec<String> = (1..=members.ready).map(|number| format!("{}-{number}", id.name)).collect();
        let image = text(&members.rolled_out["image"]);
        let mut status = json!({
            "phase": phase,
            "instances": self::volumes(store, id).len(),
            "readyInstances": members.ready,
            "image": image,
            "pgDataImageInfo": {"image": image, "majorVersion": release(image)},
            "currentPrimary": format!("{}-1", id.name),
            "targetPrimary": format!("{}-1", id.name),
            "instancesStatus": {"healthy": names},
            "healthyPVC": self::volumes(store, id).iter().map(|volume| volume.name.clone()).collect::<Vec<_>>(),
            "resizingPVC": resizing,
            "conditions": cluster["status"]["conditions"],
        });
        let is = |yes: bool| if yes { "True" } else { "False" };
        let ready =
            json!({"type": "Ready", "status": is(phase == HEALTHY), "reason": "ClusterIsReady", "message": phase});
        set_condition(&mut status, ready, now);
        if spec["plugins"].as_array().is_some_and(|plugins| !plugins.is_empty()) && members.ready > 0 {
            let archive = json!({"type": "ContinuousArchiving", "status": is(!self.outage.backups),
                "reason": "ContinuousArchiving", "message": if self.outage.backups { "the store does not answer" } else { "it works" }});
            set_condition(&mut status, archive, now);
        }
        let hibernation = json!({"type": HIBERNATION, "status": is(sleeps), "reason": "Hibernation", "message": ""});
        set_condition(&mut status, hibernation, now);
        store.edit(id, |value| set_status(value, status));
        surplus
    }

    /// Running for one step, then done; the plugin writes down in the store's object how it went.
    fn backup(&self, store: &mut Store, id: &Id, now: Timestamp) {
        let Some(backup) = store.get(id).cloned() else { return };
        let cluster_id =
            Id { kind: "Cluster".into(), name: text(&backup["spec"]["cluster"]["name"]).into(), ..id.clone() };
        let Some(cluster) = store.get(&cluster_id).cloned() else { return };
        let phase = match text(&backup["status"]["phase"]) {
            "completed" | "failed" => return,
            // It waits for a member to take it from.
            "" if cluster["status"]["readyInstances"].as_u64().unwrap_or(0) == 0 => "pending",
            "" | "pending" => "running",
            _ if self.outage.backups => "failed",
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
        store.edit(id, |value| set_status(value, status));
        if ["completed", "failed"].contains(&phase) {
            let plugin = &cluster["spec"]["plugins"][0]["parameters"];
            let name = text(&plugin["barmanObjectName"]);
            let place = Id { group: PLUGIN_GROUP.into(), kind: "ObjectStore".into(), name: name.into(), ..id.clone() };
            let server = text(&plugin["serverName"]).to_owned();
            store.edit(&place, |value| remember(value, server, phase, now));
        }
    }
}

/// Whether there is a backup where the Cluster is to begin from; one that begins empty needs none.
fn recoverable(store: &Store, cluster: &Value) -> bool {
    if !cluster["spec"]["bootstrap"]["recovery"].is_object() {
        return true;
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

fn next(schedule: &Value) -> Option<Timestamp> {
    schedule["status"]["nextScheduleTime"].as_str()?.parse().ok()
}

/// Makes the backups that are due, the first at once where it is asked for.
fn schedule(store: &mut Store, id: &Id, now: Timestamp) {
    let Some(schedule) = store.get(id).cloned() else { return };
    let cluster = Id { kind: "Cluster".into(), name: text(&schedule["spec"]["cluster"]["name"]).into(), ..id.clone() };
    let Some(cluster) = store.get(&cluster).cloned() else { return };
    let next = next(&schedule);
    let is_due = next.map_or(schedule["spec"]["immediate"] == true, |next| next <= now);
    if !is_due && next.is_some() {
        return;
    }
    if is_due {
        let name = format!("{}-{}", id.name, now.strftime("%Y%m%d%H%M%S"));
        let spec = json!({"cluster": schedule["spec"]["cluster"], "method": schedule["spec"]["method"],
            "pluginConfiguration": schedule["spec"]["pluginConfiguration"]});
        let mut backup = owned(&cluster, API_VERSION, "Backup", name);
        object(&mut backup).insert("spec".into(), spec);
        store.put(backup, now);
    }
    let following = daily(text(&schedule["spec"]["schedule"]), now);
    let status = json!({"lastCheckTime": now.to_string(), "lastScheduleTime": now.to_string(),
        "nextScheduleTime": following.to_string()});
    store.edit(id, |value| set_status(value, status));
}

/// The next time after `now`, in UTC. Only the minute and the hour are read: every schedule is taken as daily.
fn daily(schedule: &str, now: Timestamp) -> Timestamp {
    let number = |field: usize| schedule.split(' ').nth(field).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let midnight = now.as_second() - now.as_second().rem_euclid(DAY.as_secs());
    let today = Timestamp::from_second(midnight + number(2) * 3600 + number(1) * 60).unwrap_or(now);
    if today > now { today } else { today + DAY }
}

fn secrets(store: &mut Store, cluster: &Value, now: Timestamp) {
    let name = text(&cluster["metadata"]["name"]).to_owned();
    let bootstrap = &cluster["spec"]["bootstrap"];
    let initial = if bootstrap["recovery"].is_object() { &bootstrap["recovery"] } else { &bootstrap["initdb"] };
    let initial = &initial["owner"];
    let encode = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let data = json!({"username": encode(text(initial)), "password": encode("made-in-a-simulation")});
    for (suffix, data) in [("app", data), ("ca", json!({"ca.crt": encode("a certificate")}))] {
        let mut secret = owned(cluster, "v1", "Secret", format!("{name}-{suffix}"));
        object(&mut secret).insert("data".into(), data);
        store.put(secret, now);
    }
}

fn volume(cluster: &Value, number: u64, size: &str) -> Value {
    let name = text(&cluster["metadata"]["name"]);
    let mut volume = owned(cluster, "v1", "PersistentVolumeClaim", format!("{name}-{number}"));
    let labels = json!({"cnpg.io/cluster": name, "cnpg.io/pvcRole": "PG_DATA"});
    object(&mut volume["metadata"]).insert("labels".into(), labels);
    set_status(&mut volume, bound(size));
    volume
}

fn bound(size: &str) -> Value {
    json!({"phase": "Bound", "capacity": {"storage": size}})
}

fn owned(cluster: &Value, api_version: &str, kind: &str, name: String) -> Value {
    let metadata = &cluster["metadata"];
    let owner = json!({"apiVersion": API_VERSION, "kind": "Cluster", "name": metadata["name"], "uid": metadata["uid"],
        "controller": true, "blockOwnerDeletion": true});
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": metadata["namespace"], "ownerReferences": [owner]},
    })
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

fn bytes(text: &str) -> Bytes {
    Bytes::parse(text).unwrap_or_default()
}

/// `17` of `ghcr.io/cloudnative-pg/postgresql:17.7-standard-bookworm`.
fn release(image: &str) -> u64 {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    tag.split(['.', '-']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn set_status(value: &mut Value, status: Value) {
    object(value).insert("status".into(), status);
}
