//! Zalando's operator 2.0, as shipped. In: a `postgresql`. Out: a StatefulSet of Spilo's, volumes, a secret for each role, and
//! the one word of its status (its `types.go`: PostgresStatus). Not played: poolers, logical backups, and what Spilo archives,
//! of which Kubernetes sees nothing.

use super::Turn;
use super::objects::{MADE_UP, Rollout, apply_and_enlarge, secret, stateful_set, with_volume};
use crate::simulate::store::Id;
use serde_json::json;

pub fn postgresql(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let roles = spec["users"].as_object().into_iter().flatten().map(|(role, _)| role.as_str());
    for role in roles.chain(["postgres", "standby"]) {
        let name = format!("{}.{}.credentials.postgresql.acid.zalan.do", role.replace('_', "-"), id.name);
        turn.apply(secret(&cluster, &name, &[("username", role), ("password", MADE_UP)]));
    }
    // Whoever begins with an archive gets no member before it can be read.
    let clones = spec["env"].as_array().into_iter().flatten().any(|variable| variable["name"] == "CLONE_METHOD");
    if clones && turn.outage.backups && turn.beside(id, "apps/v1", "StatefulSet", &id.name).is_null() {
        return turn.set_status(id, json!({"PostgresClusterStatus": "Creating"}));
    }
    // Settings stand for the restart of each member that Patroni makes of them.
    let postgres = json!({"name": "postgres", "image": spec["dockerImage"], "resources": spec["resources"],
        "env": spec["env"], "parameters": spec["postgresql"]});
    let labels = json!({"application": "spilo", "cluster-name": id.name});
    let replicas = spec["numberOfInstances"].as_u64().unwrap_or(0);
    let set = stateful_set(&cluster, &id.name, &labels, replicas, json!({"containers": [postgres]}));
    // The operator deletes volumes itself (`enable_persistent_volume_claim_deletion`).
    apply_and_enlarge(turn, with_volume(set, "pgdata", &spec["volume"]["size"], true));
    let rollout = Rollout::of(&turn.beside(id, "apps/v1", "StatefulSet", &id.name));
    let word = match cluster["status"]["PostgresClusterStatus"].as_str() {
        None | Some("" | "Creating") if !rollout.is_ready() => "Creating",
        _ if !rollout.is_done => "Updating",
        _ => "Running",
    };
    turn.set_status(id, json!({"PostgresClusterStatus": word}));
}
