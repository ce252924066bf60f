//! OT-CONTAINER-KIT's redis-operator 0.26. In: `RedisReplication`, `RedisSentinel`, `RedisCluster`. Out: StatefulSets, volumes,
//! and the little that statuses say (its `redisreplication_types.go`: masterNode; `rediscluster_types.go`: states and their
//! reasons; a RedisSentinel has none). Labels and annotations of a resource are its pods' too, but for those that it names.

use super::Turn;
use super::objects::{Rollout, apply_and_enlarge, stateful_set, with_volume};
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

pub fn replication(turn: &mut Turn, id: &Id) {
    let replication = turn.get(id);
    let size = replication["spec"]["clusterSize"].as_u64().unwrap_or(0);
    let members = roll_out(turn, &replication, &id.name, "replication", size);
    if members.ready == 0 {
        return;
    }
    let host = format!("{}-master.{}.svc.cluster.local", id.name, id.namespace);
    turn.set_status(
        id,
        json!({"masterNode": format!("{}-0", id.name), "connectionInfo": {"host": host, "port": 6379}}),
    );
}

/// They begin once there is a primary to watch.
pub fn sentinel(turn: &mut Turn, id: &Id) {
    let sentinel = turn.get(id);
    let spec = &sentinel["spec"];
    let watched = text(&spec["redisSentinelConfig"]["redisReplicationName"]);
    let watched = turn.get(&Id { kind: "RedisReplication".into(), name: watched.into(), ..id.clone() });
    if watched["status"]["masterNode"].is_string() {
        let size = spec["clusterSize"].as_u64().unwrap_or(0);
        roll_out(turn, &sentinel, &format!("{}-sentinel", id.name), "sentinel", size);
    }
}

pub fn cluster(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let size = |role: &str| spec[role]["replicas"].as_u64().unwrap_or(0);
    let wanted = (size("redisLeader"), size("redisFollower"));
    let leaders = roll_out(turn, &cluster, &format!("{}-leader", id.name), "cluster", wanted.0);
    let was_there = text(&cluster["status"]["state"]) == "Ready";
    let mut followers = Rollout::default();
    if was_there || leaders.ready >= wanted.0 {
        followers = roll_out(turn, &cluster, &format!("{}-follower", id.name), "cluster", wanted.1);
    }
    let is_whole = leaders.ready >= wanted.0 && followers.ready >= wanted.1;
    let before = text(&cluster["status"]["state"]);
    let (state, reason) = match (is_whole, before) {
        (true, "Bootstrap" | "Ready") => ("Ready", "RedisCluster is ready"),
        (true, _) => ("Bootstrap", "RedisCluster is bootstrapping"),
        (false, _) if leaders.ready < wanted.0 => ("Initializing", "RedisCluster is initializing leaders"),
        (false, _) => ("Initializing", "RedisCluster is initializing followers"),
    };
    let status = json!({"state": state, "reason": reason, "readyLeaderReplicas": leaders.ready,
        "readyFollowerReplicas": followers.ready});
    turn.set_status(id, status);
}

fn roll_out(turn: &mut Turn, owner: &Value, name: &str, setup: &str, size: u64) -> Rollout {
    let (spec, metadata) = (&owner["spec"], &owner["metadata"]);
    let kubernetes = &spec["kubernetesConfig"];
    let password = json!({"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": kubernetes["redisSecret"]}});
    let server = json!({"name": name, "image": kubernetes["image"], "resources": kubernetes["resources"],
        "env": if kubernetes["redisSecret"].is_object() { json!([password]) } else { json!([]) }});
    let certificate = json!([{"name": "tls-certs", "secret": spec["TLS"]["secret"]}]);
    let pod = json!({"containers": [server], "volumes": if spec["TLS"].is_object() { certificate } else { json!([]) }});
    let mut labels = json!({"app": name, "redis_setup_type": setup, "role": setup});
    if setup == "cluster" {
        object(&mut labels).insert("cluster".into(), metadata["name"].clone());
    }
    let mut set = stateful_set(owner, name, &labels, size, pod);
    let mut annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    let ignored = kubernetes["ignoreAnnotations"].as_array().into_iter().flatten();
    ignored.filter_map(Value::as_str).for_each(|ignored| _ = annotations.remove(ignored));
    let template = object(&mut set["spec"]["template"]["metadata"]);
    template.insert("annotations".into(), annotations.into());
    let mut carried = metadata["labels"].clone();
    object(&mut carried).extend(labels.as_object().cloned().unwrap_or_default());
    template.insert("labels".into(), carried);
    let storage = &spec["storage"];
    let asked = &storage["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"];
    if !asked.is_null() {
        set = with_volume(set, name, asked, storage["keepAfterDelete"] != true);
    }
    apply_and_enlarge(turn, set);
    let namespace = text(&metadata["namespace"]);
    Rollout::of(&turn.get(&Id::new("apps/v1", "StatefulSet", namespace, name)))
}
