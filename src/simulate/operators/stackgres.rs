//! StackGres 1.18. In: `SGCluster` with what it refers to, `SGBackup`. Out: a StatefulSet whose pods the operator restarts
//! itself, volumes, backups on schedule, statuses (its `SGCluster` and `SGBackup` CRDs: conditions Bootstrapped and the like,
//! podStatuses, managedSql). Not played: poolers, `SGDbOps`, changes that are refused while a backup runs.

use super::Turn;
use super::objects::{Rollout, all_beside, apply_and_enlarge, in_order, is, owned, stateful_set, with_volume};
use crate::render::object;
use crate::simulate::store::{Id, set_condition, text};
use serde_json::{Value, json};

const API_VERSION: &str = "stackgres.io/v1";

pub fn cluster(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let profile = turn.beside(id, API_VERSION, "SGInstanceProfile", text(&spec["sgInstanceProfile"]));
    if profile.is_null() {
        return;
    }
    let initial = &spec["initialData"]["restore"]["fromBackup"]["name"];
    if initial.is_string() && turn.beside(id, "apps/v1", "StatefulSet", &id.name).is_null() {
        let backup = turn.beside(id, API_VERSION, "SGBackup", text(initial));
        if backup["status"]["process"]["status"] != "Completed" || turn.outage.backups {
            return;
        }
    }
    let sizes = json!({"cpu": profile["spec"]["cpu"], "memory": profile["spec"]["memory"]});
    let patroni = json!({"name": "patroni", "resources": {"limits": sizes, "requests": sizes}});
    let labels =
        json!({"app": "StackGresCluster", "stackgres.io/cluster-name": id.name, "stackgres.io/cluster": "true"});
    let instances = spec["instances"].as_u64().unwrap_or(0);
    let mut set = stateful_set(&cluster, &id.name, &labels, instances, json!({"containers": [patroni]}));
    object(&mut set["spec"]).insert("updateStrategy".into(), json!({"type": "OnDelete"}));
    let volume = format!("{}-data", id.name);
    apply_and_enlarge(turn, with_volume(set, &volume, &spec["pods"]["persistentVolume"]["size"], true));
    let rollout = Rollout::of(&turn.beside(id, "apps/v1", "StatefulSet", &id.name));

    let default = format!("{}-default", id.name);
    let mut script = owned(&cluster, API_VERSION, "SGScript", &default);
    object(&mut script)
        .insert("spec".into(), json!({"scripts": [{"name": "prometheus-postgres-exporter", "id": 0, "version": 0}]}));
    turn.apply(script);
    let pods = (0..rollout.pods).map(|number| {
        json!({"name": format!("{}-{number}", id.name), "primary": number == 0 && rollout.ready > 0, "replicationGroup": 0})
    });
    let scripts = match rollout.ready {
        0 => cluster["status"]["managedSql"]["scripts"].clone(),
        _ => applied(turn, &cluster),
    };
    let mut status = json!({
        "conditions": cluster["status"]["conditions"],
        "postgresVersion": spec["postgres"]["version"],
        "instances": rollout.pods,
        "podStatuses": pods.collect::<Vec<_>>(),
        "managedSql": {"scripts": if scripts.is_null() { json!([]) } else { scripts }},
    });
    let was = |kind: &str| {
        let conditions = cluster["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|it| it["type"] == kind && it["status"] == "True")
    };
    for (kind, holds) in [
        ("Bootstrapped", was("Bootstrapped") || rollout.ready > 0),
        ("InitialScriptsApplied", was("InitialScriptsApplied") || rollout.ready > 0),
        ("PendingRestart", rollout.pods > 0 && !rollout.is_done && was("Bootstrapped")),
        ("Failed", false),
    ] {
        let reason = if holds { format!("Cluster{kind}") } else { format!("False{kind}") };
        set_condition(&mut status, json!({"type": kind, "status": is(holds), "reason": reason}), turn.now);
    }
    turn.set_status(id, status);
    back_up(turn, id, &cluster);
}

/// The entries of each script, but those whose text stands in a secret that is not there.
fn applied(turn: &Turn, cluster: &Value) -> Value {
    let id = Id::of(cluster);
    let scripts = cluster["spec"]["managedSql"]["scripts"].as_array().into_iter().flatten();
    let applied = scripts.map(|managed| {
        let script = turn.beside(&id, API_VERSION, "SGScript", text(&managed["sgScript"]));
        let entries = script["spec"]["scripts"].as_array().cloned().unwrap_or_default();
        let can = |entry: &&Value| {
            let secret = entry["scriptFrom"]["secretKeyRef"]["name"].as_str();
            secret.is_none_or(|secret| !turn.beside(&id, "v1", "Secret", secret).is_null())
        };
        let entries = entries.iter().filter(can).map(|entry| json!({"id": entry["id"], "version": entry["version"]}));
        json!({"id": managed["id"], "scripts": entries.collect::<Vec<_>>()})
    });
    applied.collect::<Vec<_>>().into()
}

/// The schedule's backups, of which it keeps a number.
fn back_up(turn: &mut Turn, id: &Id, cluster: &Value) {
    let section = &cluster["spec"]["configurations"]["backups"][0];
    if turn.is_due(cluster, section["cronSchedule"].as_str()) {
        let name = format!("{}-{}", id.name, turn.now.strftime("%Y-%m-%d-%H-%M-%S"));
        let backup = json!({
            "apiVersion": API_VERSION, "kind": "SGBackup",
            "metadata": {"name": name, "namespace": id.namespace, "labels": {"stackgres.io/scheduled-backup": "true"}},
            "spec": {"sgCluster": id.name, "managedLifecycle": true},
        });
        turn.store.put(backup, turn.now);
    }
    let mut kept = all_beside(turn, cluster, &id.group, "SGBackup");
    kept.retain(|backup| backup["spec"]["sgCluster"] == id.name.as_str() && backup["spec"]["managedLifecycle"] == true);
    in_order(&mut kept);
    let retention = section["retention"].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(5);
    let surplus = kept.len().saturating_sub(retention);
    kept.iter().take(surplus).for_each(|backup| turn.delete(Id::of(backup)));
}

pub fn backup(turn: &mut Turn, id: &Id) {
    let backup = turn.get(id);
    let cluster = turn.beside(id, API_VERSION, "SGCluster", text(&backup["spec"]["sgCluster"]));
    let runs = cluster["status"]["podStatuses"].as_array().is_some_and(|pods| !pods.is_empty());
    let process = &backup["status"]["process"];
    let now = turn.now.to_string();
    let process = match process["status"].as_str() {
        Some("Completed" | "Failed") => return,
        None => json!({"status": "Pending"}),
        Some(_) if !runs => return,
        Some("Pending") => json!({"status": "Running", "timing": {"start": now}}),
        Some(_) if turn.outage.backups => json!({"status": "Failed", "failure": "the store does not answer"}),
        Some(_) => {
            let start = &process["timing"]["start"];
            json!({"status": "Completed", "timing": {"start": start, "end": now, "stored": now}})
        }
    };
    turn.set_status(id, json!({"process": process}));
}
