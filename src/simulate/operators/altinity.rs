//! The Altinity operator 0.25.6. In: installations of ClickHouse and of its Keeper, which have one form. Out: a StatefulSet of
//! one pod for each host, volumes, and the status, whose `Completed` says that all was applied and not that pods are ready
//! (its `type_status.go`; names by `namer/patterns.go`). A Keeper cannot be stopped.

use super::Turn;
use super::objects::{
    Rollout, all_beside, apply_and_enlarge, is_owned_by, name, stateful_set, volumes_of, with_volume,
};
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

pub fn installation(turn: &mut Turn, id: &Id) {
    let stops = turn.get(id)["spec"]["stop"] == "yes";
    look_after(turn, id, "chi", "clickhouse.altinity.com", stops);
}

pub fn keeper(turn: &mut Turn, id: &Id) {
    look_after(turn, id, "chk", "clickhouse-keeper.altinity.com", false);
}

fn look_after(turn: &mut Turn, id: &Id, short: &str, group: &str, stops: bool) {
    let installation = turn.get(id);
    let spec = &installation["spec"];
    let cluster = &spec["configuration"]["clusters"][0];
    let layout = |field: &str| cluster["layout"][field].as_u64().unwrap_or(1);
    let pod = &spec["templates"]["podTemplates"][0]["spec"];
    let claim = &spec["templates"]["volumeClaimTemplates"][0];
    let size = &claim["spec"]["resources"]["requests"]["storage"];
    let goes = claim["reclaimPolicy"] != "Retain";
    let (mut hosts, mut completed) = (vec![], 0);
    for shard in 0..layout("shardsCount") {
        for replica in 0..layout("replicasCount") {
            let host = format!("{short}-{}-{}-{shard}-{replica}", id.name, text(&cluster["name"]));
            let labels = json!({format!("{group}/{short}"): id.name, format!("{group}/shard"): shard.to_string(),
                format!("{group}/replica"): replica.to_string()});
            let set = stateful_set(&installation, &host, &labels, u64::from(!stops), pod.clone());
            apply_and_enlarge(turn, with_volume(set, text(&claim["name"]), size, goes));
            let rollout = Rollout::of(&turn.beside(id, "apps/v1", "StatefulSet", &host));
            completed += u64::from(rollout.is_done);
            hosts.push(host);
        }
    }
    let sets = all_beside(turn, &installation, "apps", "StatefulSet");
    let is_surplus = |set: &&Value| is_owned_by(set, &installation) && !hosts.iter().any(|host| host == name(set));
    for set in sets.iter().filter(is_surplus) {
        turn.delete(Id::of(set));
        if goes {
            turn.gone.extend(volumes_of(turn.store, set));
        }
    }
    let all = hosts.len() as u64;
    let (status, action) = if completed == all { ("Completed", "") } else { ("InProgress", "reconcile started") };
    let status = json!({
        "chop-version": "0.25.6", "status": status, "action": action, "hosts": all, "hostsCompleted": completed,
        "endpoint": format!("clickhouse-{}.{}.svc.cluster.local", id.name, id.namespace),
    });
    turn.set_status(id, status);
}
