//! Elastic Cloud on Kubernetes 3.5. In: an `Elasticsearch`. Out: a StatefulSet for each group of members, volumes, secrets, and
//! the status (its `pkg/apis/elasticsearch/v1/status.go`: phases, colours, conditions). Not played: moving of data.

use super::Turn;
use super::objects::{MADE_UP, Rollout, apply_and_enlarge, is, secret, stateful_set, with_volume};
use crate::simulate::store::{Id, set_condition, text};
use serde_json::json;

pub fn elasticsearch(turn: &mut Turn, id: &Id) {
    let cluster = turn.get(id);
    let spec = &cluster["spec"];
    let certificate = [("ca.crt", MADE_UP), ("tls.crt", MADE_UP)];
    turn.apply(secret(&cluster, &format!("{}-es-elastic-user", id.name), &[("elastic", MADE_UP)]));
    turn.apply(secret(&cluster, &format!("{}-es-http-certs-public", id.name), &certificate));
    // By default volumes go with the cluster (`volumeClaimDeletePolicy`).
    let goes = spec["volumeClaimDeletePolicy"] != "DeleteOnScaledownOnly";
    let (mut wanted, mut ready, mut is_done) = (0, 0, true);
    for group in spec["nodeSets"].as_array().into_iter().flatten() {
        let name = format!("{}-es-{}", id.name, text(&group["name"]));
        let labels = json!({"common.k8s.elastic.co/type": "elasticsearch", "elasticsearch.k8s.elastic.co/cluster-name": id.name,
            "elasticsearch.k8s.elastic.co/statefulset-name": name});
        let image = format!("docker.elastic.co/elasticsearch/elasticsearch:{}", text(&spec["version"]));
        // The configuration stands for its hash, which the operator puts on the pods.
        let member = json!({"name": "elasticsearch", "image": image, "resources": group["resources"], "config": group["config"]});
        let count = group["count"].as_u64().unwrap_or(0);
        let set = stateful_set(&cluster, &name, &labels, count, json!({"containers": [member]}));
        let claim = &group["volumeClaimTemplates"][0];
        let size = &claim["spec"]["resources"]["requests"]["storage"];
        apply_and_enlarge(turn, with_volume(set, text(&claim["metadata"]["name"]), size, goes));
        let rollout = Rollout::of(&turn.beside(id, "apps/v1", "StatefulSet", &name));
        (wanted, ready, is_done) = (wanted + count, ready + rollout.ready, is_done && rollout.is_done);
    }
    let (phase, health) = match (ready, is_done && ready == wanted) {
        (_, true) => ("Ready", "green"),
        (0, false) => ("ApplyingChanges", "unknown"),
        // What is down is nothing that the operator changes.
        (_, false) => (if is_done { "Ready" } else { "ApplyingChanges" }, "yellow"),
    };
    // The oldest that runs.
    let before = &cluster["status"]["version"];
    let version = if is_done || before.is_null() { &spec["version"] } else { before };
    let mut status = json!({
        "phase": phase, "health": health, "availableNodes": ready, "version": version,
        "observedGeneration": cluster["metadata"]["generation"], "conditions": cluster["status"]["conditions"],
    });
    for (kind, holds) in [
        ("ReconciliationComplete", phase == "Ready"),
        ("RunningDesiredVersion", is_done),
        ("ElasticsearchIsReachable", ready > 0),
    ] {
        set_condition(&mut status, json!({"type": kind, "status": is(holds), "message": ""}), turn.now);
    }
    turn.set_status(id, status);
}
