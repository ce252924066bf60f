//! Percona Everest 1.10, for MongoDB. In: `DatabaseCluster`, `DatabaseClusterBackup`. Out: the resources of Percona's operator
//! for MongoDB, which that one looks after, and statuses (its `databasecluster_types.go`: AppState;
//! `databaseclusterbackup_types.go`: BackupState).

use super::Turn;
use super::objects::owned;
use super::percona_server_mongodb::of_everest;
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

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
}

pub fn backup(turn: &mut Turn, id: &Id) {
    let backup = turn.get(id);
    let spec = &backup["spec"];
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
