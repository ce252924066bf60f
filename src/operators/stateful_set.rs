//! The `StatefulSet` that an operator makes, for operators whose own status does not say how their members are
//! (Kubernetes, "StatefulSet": status). In: its name and what was planned. Out: how far it has come. Must not know an
//! operator.

use crate::api::quantity::{Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::{Answer, Observed, Question};
use crate::operators::pod_template::{Container, PodTemplate};
use crate::wire::Undecodable;
use serde::Deserialize;

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Nobody has looked, or there is nothing to see, or it is not as planned yet; and how many are ready.
    Under { way: String, ready: u32 },
    /// Every pod is as planned, and so many are ready.
    Done { ready: u32 },
}

/// What its pods are to be.
pub struct Wanted<'a> {
    pub replicas: u32,
    /// Of the container with the limits below; None: any.
    pub image: Option<&'a str>,
    pub cpu: Millicores,
    pub memory: Bytes,
}

impl Rollout {
    pub fn ready(&self) -> u32 {
        match self {
            Rollout::Under { ready, .. } | Rollout::Done { ready } => *ready,
        }
    }
}

pub fn question(generation: &Generation, name: &str) -> Question {
    Question::by_name("apps/v1", "StatefulSet", &generation.database().namespace, name)
}

/// Held against what is wanted of it.
pub fn rollout(
    generation: &Generation,
    name: &str,
    wanted: &Wanted,
    observed: &Observed,
) -> Result<Rollout, Undecodable> {
    let found: Vec<StatefulSet> = match observed.answer(&question(generation, name))? {
        Answer::NotAsked => {
            return Ok(Rollout::Under { way: format!("nobody has looked at the StatefulSet {name} yet"), ready: 0 });
        }
        Answer::Nothing => vec![],
        Answer::Found(found) => found,
    };
    Ok(match found.first() {
        Some(stateful_set) => stateful_set.rollout(name, wanted),
        None => Rollout::Under { way: format!("the StatefulSet {name} does not exist yet"), ready: 0 },
    })
}

impl<'a> StatefulSet<'a> {
    /// The same of one that is there.
    pub fn rollout(&self, name: &str, wanted: &Wanted) -> Rollout {
        let StatefulSet { metadata, spec, status } = self;
        let ready = status.ready_replicas;
        let under = |way: String| Rollout::Under { way, ready };
        if !spec.is(wanted) {
            return under(format!("the StatefulSet {name} is not as planned yet"));
        }
        // Its counts are of an older spec until it has seen this one.
        if metadata.generation.is_none() || status.observed_generation != metadata.generation {
            return under(format!("Kubernetes has not seen the StatefulSet {name} yet"));
        }
        if status.replicas > wanted.replicas {
            return under(format!("{} pods of {name} are there, {} are wanted", status.replicas, wanted.replicas));
        }
        let updated = status.updated_replicas;
        // Where the operator itself deletes the pods, Kubernetes never calls an older revision the current one.
        let behind = spec.update_strategy.kind != Some("OnDelete") && status.current_revision != status.update_revision;
        if updated < wanted.replicas || behind {
            return under(format!("{updated} of {} pods of {name} are as planned, {ready} are ready", wanted.replicas));
        }
        Rollout::Done { ready }
    }

    /// Members that answer their probes.
    pub fn ready(&self) -> u32 {
        self.status.ready_replicas
    }

    /// Of the first container.
    pub fn image(&self) -> Option<&'a str> {
        self.spec.template.containers().first().and_then(|container| container.image)
    }
}

/// `8.2.5` of `quay.io/opstree/redis:v8.2.5`, also with a digest behind it.
pub fn version(image: &str) -> Option<&str> {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    let (_, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))?;
    let number = tag.trim_start_matches('v').split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
    Some(number.trim_end_matches('.')).filter(|number| !number.is_empty())
}

/// As Kubernetes has it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StatefulSet<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    replicas: Option<u32>,
    #[serde(borrow)]
    template: PodTemplate<'a>,
    #[serde(borrow)]
    update_strategy: UpdateStrategy<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UpdateStrategy<'a> {
    #[serde(rename = "type")]
    kind: Option<&'a str>,
}

impl Spec<'_> {
    fn is(&self, wanted: &Wanted) -> bool {
        let as_planned = |container: &Container| {
            let image = wanted.image.is_none() || container.image == wanted.image;
            image && container.resources.are(wanted.cpu, wanted.memory)
        };
        self.replicas == Some(wanted.replicas) && self.template.containers().iter().any(as_planned)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    observed_generation: Option<i64>,
    replicas: u32,
    ready_replicas: u32,
    updated_replicas: u32,
    current_revision: Option<&'a str>,
    update_revision: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use crate::wire::Object;
    use serde_json::{Value, json};

    fn seen(found: Option<Vec<Value>>) -> Rollout {
        let generation = example::generation("dev", json!({}));
        let mut observed = Observed::default();
        let objects = found.map(|found| found.iter().map(Object::of).collect());
        observed.found.extend(objects.map(|objects| (question(&generation, "orders").name(), objects)));
        let wanted =
            Wanted { replicas: 3, image: Some("redis:v8.2.5"), cpu: Millicores(1000), memory: Bytes(2 * Bytes::GI) };
        rollout(&generation, "orders", &wanted, &observed).unwrap()
    }

    fn stateful_set(changes: Value) -> Value {
        let whole = Object::of(&json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [
                {"image": "exporter:1"},
                {"image": "redis:v8.2.5", "resources": {"limits": {"cpu": "1", "memory": "2Gi"}}},
            ]}}},
            "status": {"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 3,
                "currentRevision": "a", "updateRevision": "a"},
        }));
        whole.merge(&Object::of(&changes)).decode("StatefulSet").unwrap()
    }

    #[test]
    fn only_what_was_seen_and_rolled_out_is_done() {
        let under = |way: &str, ready| Rollout::Under { way: way.into(), ready };
        let one = |changes| Some(vec![stateful_set(changes)]);
        let cases = [
            (None, under("nobody has looked at the StatefulSet orders yet", 0)),
            (Some(vec![]), under("the StatefulSet orders does not exist yet", 0)),
            (Some(vec![json!({})]), under("the StatefulSet orders is not as planned yet", 0)),
            (one(json!({})), Rollout::Done { ready: 3 }),
            (one(json!({"status": {"readyReplicas": 2}})), Rollout::Done { ready: 2 }),
            (one(json!({"spec": {"replicas": 2}})), under("the StatefulSet orders is not as planned yet", 3)),
            (
                one(json!({"status": {"observedGeneration": 1}})),
                under("Kubernetes has not seen the StatefulSet orders yet", 3),
            ),
            (
                one(json!({"status": {"updatedReplicas": 1, "readyReplicas": 2, "updateRevision": "b"}})),
                under("1 of 3 pods of orders are as planned, 2 are ready", 2),
            ),
            (
                one(json!({"status": {"updateRevision": "b"}})),
                under("3 of 3 pods of orders are as planned, 3 are ready", 3),
            ),
            (one(json!({"status": {"replicas": 4}})), under("4 pods of orders are there, 3 are wanted", 3)),
            (
                one(json!({"spec": {"updateStrategy": {"type": "OnDelete"}}, "status": {"updateRevision": "b"}})),
                Rollout::Done { ready: 3 },
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(seen(found.clone()), expected, "{found:?}");
        }
    }

    #[test]
    fn the_version_stands_in_the_tag() {
        let cases = [
            ("quay.io/opstree/redis:v8.2.5", Some("8.2.5")),
            ("registry.example:5000/redis:7.2.16-alpine@sha256:00", Some("7.2.16")),
            ("ghcr.io/tursodatabase/libsql-server:v0.24.32", Some("0.24.32")),
            ("registry.example:5000/redis", None),
            ("redis:latest", None),
        ];
        for (image, expected) in cases {
            assert_eq!(version(image), expected, "{image}");
        }
    }
}
