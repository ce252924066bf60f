//! What several stand-ins make. In: owners, names, sizes. Out: objects as Kubernetes has them. Must not know an operator.

use super::Turn;
use crate::api::quantity::Bytes;
use crate::map::{entries, sort};
use crate::render::object;
use crate::simulate::store::{Id, Store, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Every password and every key: nothing here is secret.
pub const MADE_UP: &str = "made-in-a-simulation";

pub fn name(of: &Value) -> &str {
    text(&of["metadata"]["name"])
}

/// An object that `owner` controls.
pub fn owned(owner: &Value, api_version: &str, kind: &str, name: &str) -> Value {
    let metadata = &owner["metadata"];
    let reference = json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"],
        "uid": metadata["uid"], "controller": true, "blockOwnerDeletion": true});
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": metadata["namespace"], "ownerReferences": [reference]},
    })
}

/// From the first to the last that was made; of one moment, by their UIDs, which are counted up.
pub fn in_order(objects: &mut Vec<Value>) {
    let age = |object: &Value| ["creationTimestamp", "uid"].map(|field| text(&object["metadata"][field]).to_owned());
    sort(objects, |one, other| age(one).cmp(&age(other)));
}

pub fn is_owned_by(value: &Value, owner: &Value) -> bool {
    let owners = value["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().any(|reference| reference["uid"] == owner["metadata"]["uid"])
}

pub fn secret(owner: &Value, name: &str, values: &[(&str, &str)]) -> Value {
    let mut secret = owned(owner, "v1", "Secret", name);
    object(&mut secret).insert("data".into(), encoded(values));
    secret
}

/// The data of a Secret.
pub fn encoded(values: &[(&str, &str)]) -> Value {
    entries(values.iter().map(|(key, value)| ((*key).into(), STANDARD.encode(value).into()))).into()
}

/// A StatefulSet whose pods carry `labels`; the first of its containers is the engine's.
pub fn stateful_set(owner: &Value, name: &str, labels: &Value, replicas: u64, pod: Value) -> Value {
    let mut set = owned(owner, "apps/v1", "StatefulSet", name);
    object(&mut set["metadata"]).insert("labels".into(), labels.clone());
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": labels}, "template": template});
    object(&mut set).insert("spec".into(), spec);
    set
}

/// With a volume of this name for each pod, which goes with the set where `goes`.
pub fn with_volume(mut set: Value, name: &str, size: &Value, goes: bool) -> Value {
    let claim = json!({"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}}}});
    let spec = object(&mut set["spec"]);
    spec.insert("volumeClaimTemplates".into(), json!([claim]));
    let policy = json!({"whenDeleted": if goes { "Delete" } else { "Retain" }, "whenScaled": "Retain"});
    spec.insert("persistentVolumeClaimRetentionPolicy".into(), policy);
    set
}

/// Applies the set, and asks for larger volumes where those of its pods are too small: Kubernetes itself lets the volumes of
/// a StatefulSet be. It takes no other template of them either, so operators make the set anew around its pods.
pub fn apply_and_enlarge(turn: &mut Turn, set: Value) {
    let id = Id::of(&set);
    let templates = set["spec"]["volumeClaimTemplates"].clone();
    let size = templates[0]["spec"]["resources"]["requests"]["storage"].clone();
    turn.store.edit(&id, |made| made["spec"]["volumeClaimTemplates"] = templates);
    turn.apply(set);
    let set = turn.get(&id);
    for volume in volumes_of(turn.store, &set) {
        turn.store.edit(&volume, |volume| {
            let requests = &mut volume["spec"]["resources"]["requests"];
            if bytes(text(&requests["storage"])) < bytes(text(&size)) {
                object(requests).insert("storage".into(), size.clone());
            }
        });
    }
}

/// The volumes that a StatefulSet has made, by its first template.
pub fn volumes_of(store: &Store, set: &Value) -> Vec<Id> {
    let claim = text(&set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]);
    let prefix = format!("{claim}-{}-", name(set));
    let is_ours = |id: &Id| {
        let number = id.name.strip_prefix(&prefix);
        id.namespace == text(&set["metadata"]["namespace"])
            && number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    store.of_kind("", "PersistentVolumeClaim").into_iter().filter(is_ours).collect()
}

/// Every object of a kind in the namespace, by name.
pub fn all_beside(turn: &Turn, of: &Value, group: &str, kind: &str) -> Vec<Value> {
    let namespace = &of["metadata"]["namespace"];
    let all = turn.store.of_kind(group, kind).into_iter().filter_map(|id| turn.store.get(&id));
    all.filter(|value| value["metadata"]["namespace"] == *namespace).cloned().collect()
}

/// How far a StatefulSet or a Deployment has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    pub pods: u64,
    pub ready: u64,
    /// Every pod is there and as it was asked for, ready or not.
    pub is_done: bool,
}

impl Rollout {
    pub fn of(workload: &Value) -> Rollout {
        let (spec, status) = (&workload["spec"], &workload["status"]);
        let count = |field: &str| status[field].as_u64().unwrap_or(0);
        let wanted = spec["replicas"].as_u64().unwrap_or(1);
        let seen = !status.is_null() && status["observedGeneration"] == workload["metadata"]["generation"];
        Rollout {
            pods: count("replicas"),
            ready: count("readyReplicas"),
            is_done: seen && count("replicas") == wanted && count("updatedReplicas") == wanted,
        }
    }

    /// And every pod is ready.
    pub fn is_ready(&self) -> bool {
        self.is_done && self.ready == self.pods
    }
}

pub fn bytes(text: &str) -> Bytes {
    Bytes::parse(text).unwrap_or_default()
}

pub fn is(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

/// What stands behind the last colon of an image.
pub fn tag(image: &str) -> &str {
    image.rsplit_once(':').map_or("", |(_, tag)| tag)
}
