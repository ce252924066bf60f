//! How a `DatabaseCluster` is. In: the observed resources of a generation, and the `PerconaServerMongoDB` that Everest makes of
//! it: Everest's own status has neither the release that runs nor whether the other operator has seen the plan. Out: its
//! health, held against the plan. States are Everest's 1.10 (`databasecluster_types.go`).

use super::{key, wrapped};
use crate::api::plan::Plan;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::{Health, State, Storage};
use crate::operators::{account_job, password};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;

/// The types of conditions that say why volumes stay as they are.
const RESIZING: [&str; 2] = ["CannotResizeVolume", "VolumeResizeFailed"];

pub fn question(generation: &Generation) -> Question {
    let (api_version, kind) = wrapped::CLUSTER;
    Question::by_name(api_version, kind, &generation.database().namespace, &generation.name())
}

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let Plan { terms, .. } = &generation.plan;
    let cluster: Option<Cluster> = observed.get(&generation.key(key::CLUSTER))?;
    let question = question(generation);
    let made: Vec<wrapped::Cluster> = match observed.answer(&question)? {
        Answer::Found(made) => made,
        Answer::NotAsked | Answer::Nothing => vec![],
    };
    let made = made.first();
    let mut state = cluster.as_ref().map_or(State::Absent, |cluster| state(&generation.plan, cluster, made));
    let storage = wrapped::storage(generation, observed)?;
    let backup = wrapped::backup_health(generation, &state, observed)?;
    let whole = matches!(state, State::Ready | State::Hibernated) && !matches!(storage, Storage::NotYet(_));
    let stored = Key(generation.key(key::STORAGE));
    let there = observed.composed.contains_key(&stored);
    let mut resources = map([(Key(generation.key(key::CLUSTER)), whole)]);
    resources.extend(terms.backup.as_ref().map(|_| (stored, there)));
    let account = account_job::state(generation, account_job::KEY, observed)?;
    resources.insert(account_job::key(generation), account == State::Ready);
    resources.extend(password::readiness(generation, observed)?);
    // Nobody could connect.
    if state == State::Ready {
        state = password::missing(generation, observed)?.map_or(account, State::Progressing);
    }
    Ok(Health {
        ready_replicas: made.map_or(0, |made| made.members(terms)),
        version: made.and_then(wrapped::Cluster::release).map(String::from),
        state,
        resources,
        storage,
        backup,
    })
}

/// What Everest does to it comes first, and then how the other operator has it.
fn state(plan: &Plan, Cluster { metadata, spec, status }: &Cluster, made: Option<&wrapped::Cluster>) -> State {
    let said = status.message.filter(|message| !message.is_empty()).unwrap_or("Everest says no more");
    if spec.engine.version != Some(plan.notes.release.as_str()) {
        return State::Progressing(match status.recommended_cr_version {
            Some(version) => format!("Everest takes no other release before its resource is of version {version}"),
            None => "Everest has not been told of the plan yet".into(),
        });
    }
    match status.status {
        None | Some("") => return State::Progressing("Everest has not seen it yet".into()),
        _ if status.observed_generation != metadata.generation => {
            return State::Progressing("Everest has not seen the plan yet".into());
        }
        Some(_) => {}
    }
    let Some(made) = made else {
        return State::Progressing(format!("nobody has seen its PerconaServerMongoDB yet: {said}"));
    };
    let state = wrapped::state(plan, made, None);
    // It keeps the old size, and goes on serving.
    let stuck = status.conditions.iter().find(|it| RESIZING.contains(&it.kind) && it.status == "True");
    if let (Some(Condition { reason, .. }), State::Progressing(_)) = (stuck, &state)
        && made.members(&plan.terms) * 2 > plan.terms.replicas
    {
        return State::Degraded(format!("Everest cannot enlarge the volumes: {reason}"));
    }
    match status.status {
        Some("error") if state == State::Ready => State::Degraded(said.into()),
        Some("ready" | "paused") | None => state,
        Some(phase) if state == State::Ready => State::Progressing(format!("it is {phase}: {said}")),
        Some(_) => state,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cluster<'a> {
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
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow)]
    engine: Engine<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Engine<'a> {
    version: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    status: Option<&'a str>,
    message: Option<&'a str>,
    observed_generation: Option<i64>,
    #[serde(rename = "recommendedCRVersion")]
    recommended_cr_version: Option<&'a str>,
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    reason: &'a str,
}
