//! Percona's operator for MongoDB 1.22. In: `PerconaServerMongoDB`, `PerconaServerMongoDBBackup` and `-Restore`. Out: a StatefulSet for each
//! replica set and for the routers, volumes, secrets, backups on schedule, statuses (its `psmdb_types.go`: AppState,
//! ReplsetStatus; `perconaservermongodbbackup_types.go`: BackupState; labels in `pkg/naming/labels.go`).

use super::Turn;
use super::objects::{
    MADE_UP, Rollout, all_beside, apply_and_enlarge, in_order, owned, secret, stateful_set, tag, with_volume,
};
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Map, Value, json};

const API_VERSION: &str = "psmdb.percona.com/v1";
/// On a resource whose volumes and secrets go with it.
const GOES: &str = "percona.com/delete-psmdb-pvc";
const CLUSTER: &str = "percona.com/cluster";
const SYSTEM_USERS: [&str; 5] = ["DATABASE_ADMIN", "CLUSTER_ADMIN", "USER_ADMIN", "BACKUP", "CLUSTER_MONITOR"];

pub fn cluster(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let finalizers = cluster["metadata"]["finalizers"].as_array();
    let goes = finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == GOES));
    secrets(turn, &cluster, goes);
    let pauses = spec["pause"] == true;
    let (mut ready, mut size, mut pods) = (0, 0, 0);
    let mut is_ready = true;
    let mut look = |turn: &mut Turn, set: Value| {
        let wanted = set["spec"]["replicas"].as_u64().unwrap_or(0);
        let set_id = Id::of(&set);
        apply_and_enlarge(turn, set);
        let rollout = Rollout::of(&turn.get(&set_id));
        (ready, size, pods) = (ready + rollout.ready, size + wanted, pods + rollout.pods);
        is_ready &= rollout.is_ready();
        let status = if rollout.is_ready() { "ready" } else { "initializing" };
        json!({"size": wanted, "ready": rollout.ready, "status": status, "initialized": rollout.is_ready()})
    };
    let set = |component: &str, name: &str, members: &Value| {
        let mut labels = json!({"app.kubernetes.io/name": "percona-server-mongodb", "app.kubernetes.io/instance": id.name,
            "app.kubernetes.io/component": component});
        if component == "mongod" {
            object(&mut labels).insert("app.kubernetes.io/replset".into(), name.into());
        }
        // The configuration stands for its hash, which the operator puts on the pods.
        let container = json!({"name": component, "image": spec["image"], "resources": members["resources"],
            "configuration": members["configuration"]});
        let replicas = if pauses { 0 } else { members["size"].as_u64().unwrap_or(0) };
        let name = format!("{}-{name}", id.name);
        let set = stateful_set(&cluster, &name, &labels, replicas, json!({"containers": [container]}));
        let size = &members["volumeSpec"]["persistentVolumeClaim"]["resources"]["requests"]["storage"];
        if size.is_null() { set } else { with_volume(set, "mongod-data", size, goes) }
    };
    let mut replica_sets = Map::new();
    let sharding = Some(&spec["sharding"]).filter(|sharding| sharding["enabled"] == true);
    let config = sharding.map(|sharding| ("cfg", &sharding["configsvrReplSet"]));
    let shards = spec["replsets"].as_array().into_iter().flatten().map(|shard| (text(&shard["name"]), shard));
    for (name, members) in shards.chain(config) {
        let status = look(turn, set("mongod", name, members));
        replica_sets.insert(name.into(), status);
    }
    let routers = sharding.map(|sharding| look(turn, set("mongos", "mongos", &sharding["mongos"])));
    let state = match (pauses, is_ready) {
        (true, _) if pods == 0 => "paused",
        (true, _) => "stopping",
        (false, true) => "ready",
        (false, false) => "initializing",
    };
    let before = &cluster["status"]["mongoVersion"];
    let version = if state == "ready" { tag(text(&spec["image"])).into() } else { before.clone() };
    let mut status = json!({
        "state": state, "size": size, "ready": ready, "replsets": replica_sets,
        "observedGeneration": cluster["metadata"]["generation"],
        "mongoVersion": version, "mongoImage": spec["image"],
        "host": format!("{}-rs0.{}.svc.cluster.local", id.name, id.namespace),
    });
    object(&mut status).extend(routers.map(|routers| ("mongos".into(), routers)));
    turn.set_status(id, status);
    back_up(turn, id, &cluster);
}

fn secrets(turn: &mut Turn, cluster: &Value, goes: bool) {
    let spec = &cluster["spec"];
    let name = text(&cluster["metadata"]["name"]);
    let users = spec["secrets"]["users"].as_str().map_or_else(|| format!("{name}-secrets"), String::from);
    let keys = SYSTEM_USERS.map(|user| [format!("MONGODB_{user}_USER"), format!("MONGODB_{user}_PASSWORD")]);
    let system: Vec<(&str, &str)> = keys.iter().flatten().map(|key| (key.as_str(), MADE_UP)).collect();
    let own = spec["users"].as_array().into_iter().flatten();
    let own: Vec<(&str, &str)> = own.map(|user| (text(&user["name"]), MADE_UP)).collect();
    let certificate = [("ca.crt", MADE_UP), ("tls.crt", MADE_UP), ("tls.key", MADE_UP)];
    for (name, values) in [
        (users, system.as_slice()),
        (format!("{name}-custom-user-secret"), own.as_slice()),
        (format!("{name}-ssl"), &certificate),
        (format!("{name}-ssl-internal"), &certificate),
    ] {
        let mut made = secret(cluster, &name, values);
        if !goes {
            object(&mut made["metadata"]).remove("ownerReferences");
        }
        turn.apply(made);
    }
}

/// Those of the schedule, of which it keeps a number.
fn back_up(turn: &mut Turn, id: &Id, cluster: &Value) {
    let task = &cluster["spec"]["backup"]["tasks"][0];
    let schedule = task["schedule"].as_str().filter(|_| task["enabled"] == true);
    if turn.is_due(cluster, schedule) {
        let name = format!("cron-{}-{}", id.name, turn.now.strftime("%Y%m%d%H%M%S"));
        let labels =
            json!({CLUSTER: id.name, "percona.com/backup-type": "cron", "percona.com/backup-ancestor": task["name"]});
        let backup = json!({
            "apiVersion": API_VERSION, "kind": "PerconaServerMongoDBBackup",
            "metadata": {"name": name, "namespace": id.namespace, "labels": labels},
            "spec": {"clusterName": id.name, "storageName": task["storageName"], "type": task["type"]},
        });
        turn.store.put(backup, turn.now);
    }
    let Some(kept) = task["retention"]["count"].as_u64() else { return };
    let mut made = all_beside(turn, cluster, &id.group, "PerconaServerMongoDBBackup");
    made.retain(|backup| {
        backup["metadata"]["labels"][CLUSTER] == id.name.as_str() && backup["status"]["state"] == "ready"
    });
    in_order(&mut made);
    let surplus = made.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
    made.iter().take(surplus).for_each(|backup| turn.delete(Id::of(backup)));
}

/// It waits for a cluster that is ready.
pub fn backup(turn: &mut Turn, id: &Id) {
    let backup = turn.get(id);
    let cluster = turn.beside(id, API_VERSION, "PerconaServerMongoDB", text(&backup["spec"]["clusterName"]));
    let now = turn.now.to_string();
    let mut status = backup["status"].clone();
    let state = match status["state"].as_str() {
        Some("ready" | "error") => return,
        None | Some("waiting") if cluster["status"]["state"] != "ready" => "waiting",
        None | Some("waiting") => "requested",
        Some("requested") => "running",
        Some(_) if turn.outage.backups => "error",
        Some(_) => "ready",
    };
    let fields = object(&mut status);
    fields.insert("state".into(), state.into());
    match state {
        "running" => _ = fields.insert("start".into(), now.into()),
        "error" => _ = fields.insert("error".into(), "the store does not answer".into()),
        "ready" => {
            let storage = &cluster["spec"]["backup"]["storages"][text(&backup["spec"]["storageName"])];
            let place = &storage[text(&storage["type"])];
            let (scheme, bucket) = match text(&storage["type"]) {
                "azure" => ("azure", &place["container"]),
                "gcs" => ("gs", &place["bucket"]),
                _ => ("s3", &place["bucket"]),
            };
            let destination = format!("{scheme}://{}/{}/{now}", text(bucket), text(&place["prefix"]));
            fields.extend([
                ("completed".into(), now.into()),
                ("destination".into(), destination.into()),
                ("type".into(), backup["spec"]["type"].clone()),
                ("size".into(), "1.21GB".into()),
            ]);
        }
        _ => {}
    }
    turn.set_status(id, status);
}

/// It gives up at once where there is no cluster or no such backup, and never tries again.
pub fn restore(turn: &mut Turn, id: &Id) {
    let restore = turn.get(id);
    let spec = &restore["spec"];
    let cluster = turn.beside(id, API_VERSION, "PerconaServerMongoDB", text(&spec["clusterName"]));
    let made = all_beside(turn, &restore, &id.group, "PerconaServerMongoDBBackup");
    let is_there = |made: &Value| match spec["backupName"].as_str() {
        Some(name) => made["metadata"]["name"] == name,
        None => made["status"]["destination"] == spec["backupSource"]["destination"],
    };
    let status = match restore["status"]["state"].as_str() {
        Some("ready" | "error") => return,
        _ if cluster.is_null() => json!({"state": "error", "error": "get cluster: not found"}),
        _ if !made.iter().any(is_there) => json!({"state": "error", "error": "failed to validate backup"}),
        None => json!({"state": "waiting"}),
        Some("waiting") => json!({"state": "requested"}),
        Some("requested") => json!({"state": "running"}),
        Some(_) if turn.outage.backups => json!({"state": "error", "error": "the store does not answer"}),
        Some(_) => json!({"state": "ready", "completed": turn.now.to_string()}),
    };
    turn.set_status(id, status);
}

/// The resource that Everest makes for itself.
pub fn of_everest(owner: &Value, spec: Value) -> Value {
    let mut cluster = owned(owner, API_VERSION, "PerconaServerMongoDB", text(&owner["metadata"]["name"]));
    let finalizers = json!(["percona.com/delete-psmdb-pods-in-order", GOES]);
    object(&mut cluster["metadata"]).insert("finalizers".into(), finalizers);
    object(&mut cluster).insert("spec".into(), spec);
    cluster
}
