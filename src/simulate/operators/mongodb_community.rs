//! MongoDB's own operator 1.10, for `MongoDBCommunity`. In: that. Out: a StatefulSet with the containers laid over the
//! operator's own, whose volumes never grow and stay, and the status (its `mongodbcommunity_types.go`: phases, version once
//! all members run it). Not played: arbiters, secrets with connection strings, which nobody here reads.

use super::Turn;
use super::objects::{Rollout, stateful_set};
use crate::render::object;
use crate::simulate::store::{Id, text};
use serde_json::{Value, json};

pub fn replica_set(turn: &mut Turn, id: &Id) {
    let set = turn.get(id);
    let spec = &set["spec"];
    let mut status = set["status"].clone();
    let users = spec["users"].as_array().into_iter().flatten().map(|user| text(&user["passwordSecretRef"]["name"]));
    let certificate = spec["security"]["tls"]["certificateKeySecretRef"]["name"].as_str();
    let mut needed = users.map(|name| ("Failed", name)).chain(certificate.map(|name| ("Pending", name)));
    if let Some((phase, missing)) = needed.find(|(_, name)| turn.beside(id, "v1", "Secret", name).is_null()) {
        object(&mut status).insert("phase".into(), phase.into());
        object(&mut status).insert("message".into(), format!("the secret {missing} cannot be read").into());
        return turn.set_status(id, status);
    }
    let members = spec["members"].as_u64().unwrap_or(0);
    let version = text(&spec["version"]);
    let laid_over = &spec["statefulSet"]["spec"];
    let mut pod = laid_over["template"]["spec"].clone();
    let containers = pod["containers"].as_array().cloned().unwrap_or_default();
    let with_image = |mut container: Value| {
        let image = match text(&container["name"]) {
            "mongod" => format!("quay.io/mongodb/mongodb-community-server:{version}-ubi8"),
            "mongodb-agent" => "quay.io/mongodb/mongodb-agent:108.0.25.9029-1".into(),
            _ => return container,
        };
        object(&mut container).insert("image".into(), image.into());
        container
    };
    object(&mut pod).insert("containers".into(), containers.into_iter().map(with_image).collect());
    let mut made = stateful_set(&set, &id.name, &json!({"app": format!("{}-svc", id.name)}), members, pod);
    object(&mut made["spec"]).insert("volumeClaimTemplates".into(), laid_over["volumeClaimTemplates"].clone());
    turn.apply(made);
    let rollout = Rollout::of(&turn.beside(id, "apps/v1", "StatefulSet", &id.name));
    let fields = object(&mut status);
    let (phase, message) = match rollout.is_ready() {
        true => ("Running", ""),
        false => ("Pending", "ReplicaSet is not yet ready, retrying in 10 seconds"),
    };
    fields.insert("phase".into(), phase.into());
    fields.insert("message".into(), message.into());
    if rollout.is_ready() {
        let hosts = (0..members)
            .map(|number| format!("{0}-{number}.{0}-svc.{1}.svc.cluster.local:27017", id.name, id.namespace));
        let uri = format!("mongodb://{}/?replicaSet={}", hosts.collect::<Vec<_>>().join(","), id.name);
        fields.extend([
            ("version".into(), version.into()),
            ("mongoUri".into(), uri.into()),
            ("currentMongoDBMembers".into(), members.into()),
            ("currentStatefulSetReplicas".into(), members.into()),
        ]);
    }
    turn.set_status(id, status);
}
