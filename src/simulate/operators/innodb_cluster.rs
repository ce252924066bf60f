//! Oracle's MySQL operator 9.1.0-2.2.2. In: `InnoDBCluster`, `MySQLBackup`. Out: a StatefulSet, of which only number and
//! release follow later changes, a Deployment of MySQL Router once all members have joined, volumes that stay, backups on
//! schedule, statuses (its `diagnose.py` and `cluster_api.py`: ClusterDiagStatus, createTime; `backup_api.py`).

use super::Turn;
use super::objects::{Rollout, all_beside, owned, stateful_set, with_volume};
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

const API_VERSION: &str = "mysql.oracle.com/v2";

pub fn cluster(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    // It waits for the administrator's without a word.
    if turn.beside(id, "v1", "Secret", text(&spec["secretName"])).is_null() {
        return say(turn, id, "PENDING", 0);
    }
    let initial = &spec["initDB"]["dump"]["storage"]["s3"]["prefix"];
    if initial.is_string() && cluster["status"]["createTime"].is_null() {
        let made = all_beside(turn, &cluster, &id.group, "MySQLBackup");
        let is_there = |made: &Value| made["status"]["output"].as_str() == text(initial).rsplit('/').next();
        if turn.outage.backups || !made.iter().any(is_there) {
            return say(turn, id, "INITIALIZING", 0);
        }
    }
    let instances = spec["instances"].as_u64().unwrap_or(1);
    let image = |what: &str| format!("{}/{what}:{}", text(&spec["imageRepository"]), text(&spec["version"]));
    let labels =
        |component: &str| json!({"component": component, "tier": "mysql", "mysql.oracle.com/cluster": id.name});
    let is_made = |name: &str, container: &Value| container["name"] == name;
    let found = turn.beside(id, "apps/v1", "StatefulSet", &id.name);
    let mut set = found.clone();
    if found.is_null() {
        let pod = json!({"containers": with_image(&spec["podSpec"], "mysql", "")});
        let size = &spec["datadirVolumeClaimTemplate"]["resources"]["requests"]["storage"];
        set = with_volume(stateful_set(&cluster, &id.name, &labels("mysqld"), 0, pod), "datadir", size, false);
    }
    object(&mut set["spec"]).insert("replicas".into(), instances.into());
    if let Some(containers) = set["spec"]["template"]["spec"]["containers"].as_array_mut() {
        for container in containers.iter_mut().filter(|container| is_made("mysql", container)) {
            object(container).insert("image".into(), image("community-server").into());
        }
    }
    object(&mut set).remove("status");
    for field in ["uid", "creationTimestamp", "generation"] {
        object(&mut set["metadata"]).remove(field);
    }
    turn.apply(set);
    let members = Rollout::of(&turn.beside(id, "apps/v1", "StatefulSet", &id.name));
    let has_begun = !cluster["status"]["createTime"].is_null();
    let state = match (members.ready, has_begun) {
        (0, false) => "INITIALIZING",
        (0, true) => "OFFLINE",
        (ready, _) if ready == instances => "ONLINE",
        (ready, true) if ready * 2 <= members.pods && members.is_done => "NO_QUORUM",
        _ => "ONLINE_PARTIAL",
    };
    // Who connects finds no router before everybody is there.
    let was_whole = !turn.beside(id, "apps/v1", "Deployment", &format!("{}-router", id.name)).is_null();
    if was_whole || state == "ONLINE" {
        let mut router = owned(&cluster, "apps/v1", "Deployment", &format!("{}-router", id.name));
        let containers = with_image(&spec["router"]["podSpec"], "router", &image("community-router"));
        let template = json!({"metadata": {"labels": labels("mysqlrouter")}, "spec": {"containers": containers}});
        let replicas = &spec["router"]["instances"];
        object(&mut router).insert("spec".into(), json!({"replicas": replicas, "template": template}));
        turn.apply(router);
    }
    say(turn, id, state, members.ready);
    back_up(turn, id, &cluster);
}

/// The containers of a pod, of which one has an image of the operator's.
fn with_image(pod: &Value, name: &str, image: &str) -> Value {
    let mut containers = pod["containers"].clone();
    for container in containers.as_array_mut().into_iter().flatten().filter(|container| container["name"] == name) {
        object(container).insert("image".into(), image.into());
    }
    containers
}

fn say(turn: &mut Turn, id: &Id, state: &str, online: u64) {
    let mut status = turn.get(id)["status"].clone();
    let now = turn.now.to_string();
    let fields = object(&mut status);
    let before = fields.get("cluster").cloned().unwrap_or_default();
    if before["status"] != state || before["onlineInstances"] != online {
        let cluster = json!({"status": state, "onlineInstances": online, "lastProbeTime": now});
        fields.insert("cluster".into(), cluster);
    }
    if online > 0 {
        fields.entry("createTime").or_insert_with(|| now.into());
    }
    turn.set_status(id, status);
}

fn back_up(turn: &mut Turn, id: &Id, cluster: &Value) {
    let schedule = &cluster["spec"]["backupSchedules"][0];
    if !turn.is_due(cluster, schedule["schedule"].as_str().filter(|_| schedule["enabled"] == true)) {
        return;
    }
    let name = format!("{}-{}{}", id.name, text(&schedule["name"]), turn.now.strftime("%y%m%d%H%M%S"));
    let backup = json!({
        "apiVersion": API_VERSION, "kind": "MySQLBackup",
        "metadata": {"name": name, "namespace": id.namespace,
            "labels": {"tier": "mysql", "mysql.oracle.com/cluster": id.name}},
        "spec": {"clusterName": id.name, "backupProfileName": schedule["backupProfileName"]},
    });
    turn.store.put(backup, turn.now);
}

/// Its job waits for the files with the keys of the store, and for somebody to dump.
pub fn backup(turn: &mut Turn, id: &Id) {
    let backup = turn.get(id);
    let cluster = turn.beside(id, API_VERSION, "InnoDBCluster", text(&backup["spec"]["clusterName"]));
    let files = &cluster["spec"]["backupProfiles"][0]["dumpInstance"]["storage"]["s3"]["config"];
    let starts = !turn.beside(id, "v1", "Secret", text(files)).is_null()
        && cluster["status"]["cluster"]["onlineInstances"].as_u64().is_some_and(|online| online > 0);
    let mut status = backup["status"].clone();
    let now = turn.now.to_string();
    let fields = object(&mut status);
    let state = match fields.get("status").map(text) {
        Some("Completed" | "Error") => return,
        None if !starts => return,
        None => "Running",
        Some(_) if turn.outage.backups => "Error",
        Some(_) => "Completed",
    };
    fields.insert("status".into(), state.into());
    let time = if state == "Running" { "startTime" } else { "completionTime" };
    fields.insert(time.into(), now.into());
    match state {
        "Error" => _ = fields.insert("message".into(), "the store does not answer".into()),
        "Completed" => _ = fields.insert("output".into(), id.name.as_str().into()),
        _ => {}
    }
    turn.set_status(id, status);
}
