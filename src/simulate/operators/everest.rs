//! Percona Everest 1.10, for MongoDB. In: `DatabaseCluster`, `DatabaseClusterBackup` and `-Restore`. Out: the resources of
//! Percona's operator for MongoDB, which that one looks after, and statuses (its `databasecluster_types.go`: AppState;
//! `databaseclusterbackup_types.go`: BackupState; `databaseclusterrestore_types.go`: RestoreState).

use super::Turn;
use super::objects::{all_beside, owned};
use super::percona_server_mongodb::of_everest;
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

const EVEREST: &str = "everest.percona.com/v1alpha1";
const UPSTREAM: &str = "psmdb.percona.com/v1";

pub fn cluster(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let engine = &spec["engine"];
    let limits = json!({"cpu": engine["resources"]["cpu"], "memory": engine["resources"]["memory"]});
    let volume = json!({"persistentVolumeClaim": {"resources": {"requests": {"storage": engine["storage"]["size"]}}}});
    let schedules = spec["backup"]["schedules"].as_array().into_iter().flatten();
    let task = |schedule: &Value| {
        json!({"name": schedule["name"], "enabled": schedule["enabled"], "schedule": schedule["schedule"],
            "storageName": schedule["backupStorageName"], "type": "logical",
            "retention": {"type": "count", "count": schedule["retentionCopies"], "deleteFromStorage": true}})
    };
    let upstream = of_everest(
        &cluster,
        json!({
            "image": format!("percona/percona-server-mongodb:{}", text(&engine["version"])),
            "pause": spec["paused"] == true,
            "secrets": {"users": format!("everest-secrets-{}", id.name)},
            "replsets": [{"name": "rs0", "size": engine["replicas"], "configuration": engine["config"],
                "resources": {"limits": limits, "requests": limits}, "volumeSpec": volume}],
            "backup": {"enabled": spec["backup"].is_object(), "tasks": schedules.map(task).collect::<Vec<_>>()},
        }),
    );
    let upstream_id = Id::of(&upstream);
    turn.apply(upstream);
    let upstream = turn.get(&upstream_id);
    let seen = upstream["status"]["observedGeneration"] == upstream["metadata"]["generation"];
    let status = match upstream["status"]["state"].as_str().filter(|_| seen) {
        None => "creating",
        Some("stopping") => "pausing",
        Some(state) => state,
    };
    let status = json!({
        "status": status,
        "observedGeneration": cluster["metadata"]["generation"],
        "hostname": upstream["status"]["host"],
        "port": 27017,
        "size": upstream["status"]["size"],
        "ready": upstream["status"]["ready"],
    });
    turn.set_status(id, status);
    // Those of the schedule get one of its own.
    for made in all_beside(turn, &upstream, "psmdb.percona.com", "PerconaServerMongoDBBackup") {
        let name = text(&made["metadata"]["name"]);
        let is_ours = made["spec"]["clusterName"] == id.name.as_str();
        if is_ours && turn.beside(id, EVEREST, "DatabaseClusterBackup", name).is_null() {
            let mut backup = owned(&cluster, EVEREST, "DatabaseClusterBackup", name);
            let spec = &made["spec"];
            let what = json!({"dbClusterName": spec["clusterName"], "backupStorageName": spec["storageName"]});
            object(&mut backup).insert("spec".into(), what);
            turn.apply(backup);
        }
    }
}

pub fn backup(turn: &mut Turn, id: &Id) {
    let backup = turn.get(id);
    let spec = &backup["spec"];
    let there = turn.beside(id, UPSTREAM, "PerconaServerMongoDBBackup", &id.name);
    // Too many were kept.
    if there.is_null() && !backup["status"]["completed"].is_null() {
        return turn.delete(id.clone());
    }
    let mut upstream = owned(&backup, UPSTREAM, "PerconaServerMongoDBBackup", &id.name);
    let what = json!({"clusterName": spec["dbClusterName"], "storageName": spec["backupStorageName"]});
    object(&mut upstream).insert("spec".into(), what);
    turn.apply(upstream);
    let upstream = turn.beside(id, UPSTREAM, "PerconaServerMongoDBBackup", &id.name);
    let state = match text(&upstream["status"]["state"]) {
        "" | "waiting" | "requested" => "Starting",
        "ready" => "Succeeded",
        "error" => "Failed",
        _ => "Running",
    };
    turn.set_status(id, json!({"state": state, "completed": upstream["status"]["completed"]}));
}

/// It waits for a cluster that is ready, or restores already.
pub fn restore(turn: &mut Turn, id: &Id) {
    let restore = turn.get(id);
    let spec = &restore["spec"];
    let cluster = turn.beside(id, EVEREST, "DatabaseCluster", text(&spec["dbClusterName"]));
    if !matches!(text(&cluster["status"]["status"]), "ready" | "restoring") {
        return;
    }
    let mut upstream = owned(&restore, UPSTREAM, "PerconaServerMongoDBRestore", &id.name);
    let source = &spec["dataSource"];
    let what = json!({"clusterName": spec["dbClusterName"], "backupName": source["dbClusterBackupName"],
        "pitr": source["pitr"]});
    object(&mut upstream).insert("spec".into(), what);
    turn.apply(upstream);
    let upstream = turn.beside(id, UPSTREAM, "PerconaServerMongoDBRestore", &id.name);
    let state = match text(&upstream["status"]["state"]) {
        "" => "",
        "waiting" | "requested" => "Starting",
        "ready" => "Succeeded",
        "error" => "Failed",
        _ => "Restoring",
    };
    let message = upstream["status"]["error"].as_str().unwrap_or_default();
    turn.set_status(id, json!({"state": state, "completed": upstream["status"]["completed"], "message": message}));
}
