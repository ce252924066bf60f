//! A stand-in for CloudNativePG 1.30 and its barman-cloud plugin 0.14. In: their resources in one namespace. Out: volumes,
//! secrets and the statuses that a database in order has. It has no memory, and does nothing where all is as it should be.

use crate::cluster::Cluster;
use crate::life::{Life, Seen};
use serde_json::{Value, json};

/// When everything that a status tells of happened.
const THEN: &str = "2026-01-05T02:00:29Z";

/// Of the volumes that are bound in advance, so that whoever else binds volumes in the cluster does the same; also the label
/// by which a namespace's are found.
pub const CLASS: &str = "e2e";

/// One round. What is being deleted is left alone.
pub fn work(life: &Life, seen: &Seen) {
    let lives = |value: &&Value| value["metadata"]["deletionTimestamp"].is_null();
    for cluster in seen.of_kind("Cluster").filter(lives) {
        volumes_and_secrets(life.cluster, cluster, seen);
        report(life, cluster, running(cluster));
    }
    for backup in seen.of_kind("Backup").filter(lives) {
        report(
            life,
            backup,
            json!({"phase": "completed", "startedAt": THEN, "stoppedAt": THEN, "backupId": "20260105T020000"}),
        );
    }
    for schedule in seen.of_kind("ScheduledBackup").filter(lives) {
        report(life, schedule, json!({"lastCheckTime": THEN, "lastScheduleTime": THEN, "nextScheduleTime": THEN}));
    }
    for cluster in seen.of_kind("Cluster").filter(lives) {
        let place = &cluster["spec"]["plugins"][0]["parameters"];
        let store = seen.get("ObjectStore", text(&place["barmanObjectName"]));
        if store.is_object() {
            let window = json!({"firstRecoverabilityPoint": THEN, "lastSuccessfulBackupTime": THEN});
            report(life, store, json!({"serverRecoveryWindow": {text(&place["serverName"]): window}}));
        }
    }
    for pooler in seen.of_kind("Pooler").filter(lives) {
        report(life, pooler, json!({"instances": pooler["spec"]["instances"]}));
    }
    // Where the control plane has nobody who binds volumes.
    for volume in seen.of_kind("PersistentVolumeClaim").filter(lives) {
        let size = &volume["spec"]["resources"]["requests"]["storage"];
        report(life, volume, json!({"phase": "Bound", "capacity": {"storage": size}}));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Writes a status, unless it is there already.
fn report(life: &Life, object: &Value, status: Value) {
    let differs = status.as_object().unwrap().iter().any(|(field, value)| object["status"][field] != *value);
    if differs {
        let group = text(&object["apiVersion"]).split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
        let name = format!("{}{group}/{}", text(&object["kind"]).to_lowercase(), text(&object["metadata"]["name"]));
        life.patch(&name, json!({"status": status}), Some("status"));
    }
}

fn running(cluster: &Value) -> Value {
    let (spec, name) = (&cluster["spec"], text(&cluster["metadata"]["name"]));
    let image = text(&spec["imageName"]);
    let release = image.rsplit_once(':').and_then(|(_, tag)| tag.split(['.', '-']).next()?.parse::<u64>().ok());
    let volumes: Vec<String> = numbers(cluster).map(|number| format!("{name}-{number}")).collect();
    let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "AsItShould", "message": "", "lastTransitionTime": THEN});
    let mut conditions = vec![condition("Ready")];
    if spec["plugins"].as_array().is_some_and(|plugins| !plugins.is_empty()) {
        conditions.push(condition("ContinuousArchiving"));
    }
    json!({
        "phase": "Cluster in healthy state", "conditions": conditions,
        "instances": spec["instances"], "readyInstances": spec["instances"],
        "image": image, "pgDataImageInfo": {"image": image, "majorVersion": release},
        "currentPrimary": format!("{name}-1"), "targetPrimary": format!("{name}-1"), "healthyPVC": volumes,
    })
}

fn numbers(cluster: &Value) -> std::ops::RangeInclusive<u64> {
    1..=cluster["spec"]["instances"].as_u64().unwrap_or(1)
}

fn volumes_and_secrets(kubectl: &Cluster, cluster: &Value, seen: &Seen) {
    let (metadata, name) = (&cluster["metadata"], text(&cluster["metadata"]["name"]));
    let owner = json!({"apiVersion": cluster["apiVersion"], "kind": "Cluster", "name": name, "uid": metadata["uid"], "controller": true});
    let owned = |api_version: &str, kind: &str, name: &str| {
        json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "namespace": metadata["namespace"], "ownerReferences": [owner]},
        })
    };
    let mut wanted = vec![];
    for (suffix, data) in [
        ("app", json!({"username": "orders", "password": "made-by-a-stand-in"})),
        ("ca", json!({"ca.crt": "a certificate"})),
    ] {
        let mut secret = owned("v1", "Secret", &format!("{name}-{suffix}"));
        secret["stringData"] = data;
        wanted.push(secret);
    }
    for number in numbers(cluster) {
        let mut volume = owned("v1", "PersistentVolumeClaim", &format!("{name}-{number}"));
        volume["metadata"]["labels"] = json!({"cnpg.io/cluster": name, "cnpg.io/pvcRole": "PG_DATA"});
        let size = &cluster["spec"]["storage"]["size"];
        let place = format!("{}-{name}-{number}", text(&metadata["namespace"]));
        volume["spec"] = json!({
            "accessModes": ["ReadWriteOnce"], "storageClassName": CLASS, "volumeName": place,
            "resources": {"requests": {"storage": size}},
        });
        wanted.push(json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": place, "labels": {CLASS: metadata["namespace"]}},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": CLASS, "capacity": {"storage": size},
                "hostPath": {"path": "/nowhere"}, "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": metadata["namespace"], "name": format!("{name}-{number}")},
            },
        }));
        wanted.push(volume);
    }
    let is_missing = |value: &&Value| {
        value["kind"] != "PersistentVolume" && !seen.has(text(&value["kind"]), text(&value["metadata"]["name"]))
    };
    if wanted.iter().any(|value| is_missing(&value)) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": wanted});
        kubectl.kubectl(&["apply", "-f", "-", "--server-side", "--field-manager=e2e-operator"], Some(&list));
    }
    let surplus = seen.of_kind("PersistentVolumeClaim").filter(|volume| {
        let number =
            text(&volume["metadata"]["name"]).strip_prefix(&format!("{name}-")).and_then(|number| number.parse().ok());
        number.is_some_and(|number| !numbers(cluster).contains(&number))
            && volume["metadata"]["deletionTimestamp"].is_null()
    });
    for volume in surplus {
        let (name, namespace) = (text(&volume["metadata"]["name"]), text(&metadata["namespace"]));
        kubectl.kubectl(&["delete", "pvc", name, "-n", namespace, "--wait=false"], None);
    }
}
