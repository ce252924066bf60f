//! How the operator says that a database is. In: the observed `Elasticsearch`, its volumes, the jobs that make snapshots.
//! Out: its health, held against the plan. A status that is missing was not written yet, and is never ready.

use super::KEY;
use crate::api::plan::{Delivery, Plan};
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::pod_template::Resources;
use crate::operators::{backup_job, restore_job, volumes};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let terms = &generation.plan.terms;
    let elasticsearch: Option<Elasticsearch> = observed.get(&generation.key(KEY))?;
    let status = elasticsearch.as_ref().map(|elasticsearch| &elasticsearch.status);
    let state = elasticsearch.as_ref().map_or(State::Absent, |elasticsearch| state(&generation.plan, elasticsearch));
    let storage = match terms.delivery {
        Delivery::Direct => volumes::storage(&super::volumes(generation), terms.storage, terms.replicas, observed)?,
        Delivery::Object(_) => Storage::Unknown("the volumes are in another cluster".into()),
    };
    let mut resources = map([]);
    let state = restore_job::state(generation, state, observed, &mut resources)?;
    let whole = state == State::Ready && !matches!(storage, Storage::NotYet(_));
    resources.insert(Key(generation.key(KEY)), whole);
    let mut backup = BackupHealth::of(BackupState::AsPlanned);
    if terms.backup.is_some() {
        backup = backup_job::health(generation, observed)?;
        let key = Key(generation.key(backup_job::KEY));
        let scheduled = observed.composed.contains_key(&key);
        resources.insert(key, scheduled);
    }
    Ok(Health {
        state,
        ready_replicas: status.map_or(0, |status| status.available_nodes),
        version: status.and_then(|status| status.version).map(String::from),
        resources,
        storage,
        backup,
    })
}

/// Whether a restore may begin.
pub fn is_up(generation: &Generation, observed: &Observed) -> Result<bool, Undecodable> {
    let elasticsearch: Option<Elasticsearch> = observed.get(&generation.key(KEY))?;
    Ok(elasticsearch.is_some_and(|elasticsearch| self::state(&generation.plan, &elasticsearch) == State::Ready))
}

/// The phases and colours of ECK 3.5, `pkg/apis/elasticsearch/v1/status.go`.
fn state(plan: &Plan, elasticsearch: &Elasticsearch) -> State {
    let Elasticsearch { metadata, status, .. } = elasticsearch;
    let (Some(phase), Some(health)) = (status.phase, status.health) else {
        return State::Progressing("the operator has not seen it yet".into());
    };
    let count = format!("{} of {} members are ready", status.available_nodes, plan.terms.replicas);
    if let Some(difference) = unlike(plan, elasticsearch) {
        return State::Progressing(difference);
    }
    if status.observed_generation.is_none() || status.observed_generation != metadata.generation {
        return State::Progressing("the operator has not seen the change yet".into());
    }
    match (phase, health) {
        ("Invalid", _) => State::Failed(format!("the operator calls it invalid{}", status.why())),
        ("Stalled", _) => State::Degraded(format!("a member cannot leave{}; {count}", status.why())),
        ("MigratingData", _) => State::Progressing(format!("data moves to other members; {count}")),
        ("Ready", "red") => State::Failed(format!("some data cannot be read: its health is red; {count}")),
        ("Ready", "yellow") => {
            State::Degraded(format!("some data has fewer copies than it should: its health is yellow; {count}"))
        }
        ("Ready", "green") if status.available_nodes < plan.terms.replicas => State::Degraded(count),
        ("Ready", "green") => match status.version {
            Some(version) if version == plan.notes.release => State::Ready,
            version => {
                let runs = version.unwrap_or("no version");
                State::Progressing(format!("it runs {runs} instead of {}", plan.notes.release))
            }
        },
        ("Ready", health) => State::Progressing(format!("its health is {health}; {count}")),
        (phase, health) => State::Progressing(format!("{phase}{}; its health is {health}; {count}", status.why())),
    }
}

/// Where the observed spec is not the planned one: the plan has only just changed.
fn unlike(plan: &Plan, Elasticsearch { spec, .. }: &Elasticsearch) -> Option<String> {
    let Plan { terms, notes, .. } = plan;
    let told = match spec.node_sets.as_slice() {
        [NodeSet { count, resources, volume_claim_templates }] => {
            let volumes = volume_claim_templates.iter().map(|claim| claim.spec.resources.requests.storage);
            spec.version == Some(notes.release.as_str())
                && *count == Some(terms.replicas)
                && resources.are(terms.cpu, terms.memory)
                && volumes.eq([Some(terms.storage)])
        }
        _ => false,
    };
    (!told).then(|| "the operator has not been told of the plan yet".into())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Elasticsearch<'a> {
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
    version: Option<&'a str>,
    node_sets: Vec<NodeSet>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeSet {
    count: Option<u32>,
    resources: Resources,
    volume_claim_templates: Vec<VolumeClaim>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeClaim {
    spec: VolumeClaimSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeClaimSpec {
    resources: VolumeResources,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeResources {
    requests: Requests,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Requests {
    storage: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    phase: Option<&'a str>,
    health: Option<&'a str>,
    version: Option<&'a str>,
    available_nodes: u32,
    observed_generation: Option<i64>,
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    #[serde(default)]
    message: Option<&'a str>,
}

impl Status<'_> {
    /// What holds the operator up, to be added to a sentence; it writes the first reason there is.
    fn why(&self) -> String {
        let held_up =
            |condition: &&Condition| condition.kind == "ReconciliationComplete" && condition.status == "False";
        let message = self.conditions.iter().find(held_up).and_then(|condition| condition.message);
        message.filter(|message| !message.is_empty()).map_or(String::new(), |message| format!(": {message}"))
    }
}

#[cfg(test)]
mod tests;
