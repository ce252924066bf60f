//! How a `MongoDBCommunity` is. In: the observed resources of a generation, and the StatefulSet behind it: the operator says
//! what it is at, and nothing of single members. Out: its health, held against the plan. A status that is missing was not
//! written yet, and is never ready. Phases are the operator's 1.10 (`mongodbcommunity_types.go`).

use super::{access, key};
use crate::api::plan::{Delivery, Plan};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::stateful_set::{self, Rollout, Wanted};
use crate::operators::{backup_job, certificate, restore_job, volumes};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let Plan { terms, .. } = &generation.plan;
    let set: Option<ReplicaSet> = observed.get(&generation.key(key::REPLICA_SET))?;
    let storage = match terms.delivery {
        Delivery::Direct => volumes::storage(&super::volumes(generation), terms.storage, terms.replicas, observed)?,
        Delivery::Object(_) => Storage::Unknown("the volumes are in another cluster".into()),
    };
    let members = members(generation, observed)?;
    let mut state = match &set {
        None => State::Absent,
        Some(set) => state(&generation.plan, set, members.as_ref()),
    };
    if !matches!(state, State::Ready | State::Degraded(_)) {
        // The operator waits for these, and calls it a failure.
        let missing = access::missing(generation, observed)?.or(certificate::missing(generation, observed)?);
        state = missing.filter(|_| set.is_some()).map_or(state, State::Progressing);
        if let Some(why) = left_over(generation, set.as_ref(), observed)? {
            state = State::Failed(why);
        }
    }
    let mut resources = map([]);
    let state = restore_job::state(generation, state, observed, &mut resources)?;
    let backup = match terms.backup {
        Some(_) => backup_job::health(generation, observed)?,
        None => BackupHealth::of(BackupState::AsPlanned),
    };
    let whole = state == State::Ready && !matches!(storage, Storage::NotYet(_));
    resources.insert(Key(generation.key(key::REPLICA_SET)), whole);
    resources.extend(access::readiness(generation, observed)?);
    resources.extend(certificate::readiness(generation, observed)?);
    let status = set.map(|set| set.status);
    Ok(Health {
        ready_replicas: match (&members, &status) {
            (Some(members), _) => members.ready(),
            (None, Some(status)) if state == State::Ready => status.current_mongodb_members,
            (None, _) => 0,
        },
        version: status.and_then(|status| status.version).map(String::from),
        state,
        resources,
        storage,
        backup,
    })
}

/// The operator chooses the image, and says which release it is once all members run it.
/// None where nobody can look at them.
fn members(generation: &Generation, observed: &Observed) -> Result<Option<Rollout>, Undecodable> {
    let terms = &generation.plan.terms;
    if terms.delivery != Delivery::Direct {
        return Ok(None);
    }
    let wanted = Wanted { replicas: terms.replicas, image: None, cpu: terms.cpu, memory: terms.memory };
    stateful_set::rollout(generation, &generation.name(), &wanted, observed).map(Some)
}

/// Whether a restore may begin.
pub fn is_up(generation: &Generation, observed: &Observed) -> Result<bool, Undecodable> {
    let set: Option<ReplicaSet> = observed.get(&generation.key(key::REPLICA_SET))?;
    let members = members(generation, observed)?;
    Ok(set.is_some_and(|set| self::state(&generation.plan, &set, members.as_ref()) == State::Ready))
}

/// `members`: None where nobody can look at them.
fn state(plan: &Plan, ReplicaSet { spec, status, .. }: &ReplicaSet, members: Option<&Rollout>) -> State {
    let Plan { terms, notes, .. } = plan;
    let ready = members.map_or(0, Rollout::ready);
    let serves = ready * 2 > terms.replicas;
    let count = || format!("{ready} of {} members are ready", terms.replicas);
    let said = status.message.filter(|message| !message.is_empty()).unwrap_or("the operator says no more");
    if spec.members != terms.replicas || spec.version != Some(notes.release.as_str()) {
        return State::Progressing("the operator has not been told of the plan yet".into());
    }
    match (status.phase, members) {
        (None | Some(""), _) => State::Progressing("the operator has not seen it yet".into()),
        // It is about what the operator tried last; members that run go on running.
        (Some("Failed"), _) if serves => State::Degraded(said.into()),
        (Some("Failed"), _) => State::Failed(said.into()),
        (_, Some(Rollout::Under { way, .. })) => State::Progressing(way.clone()),
        (_, Some(Rollout::Done { .. })) if ready < terms.replicas => match status.version {
            None => State::Progressing(count()),
            Some(_) if serves => State::Degraded(count()),
            Some(_) => State::Failed(count()),
        },
        (Some("Running"), _) => running(plan, spec, status),
        (Some(_), _) => State::Progressing(format!("the operator is not done: {said}")),
    }
}

fn running(plan: &Plan, spec: &Spec, status: &Status) -> State {
    let Plan { terms, notes, .. } = plan;
    match status.version {
        None => State::Progressing("the operator has not said yet which release runs".into()),
        Some(version) if version != notes.release => {
            State::Progressing(format!("it runs {version} instead of {}", notes.release))
        }
        Some(_) if status.current_mongodb_members != terms.replicas => {
            let members = status.current_mongodb_members;
            State::Progressing(format!("{members} of {} members have joined", terms.replicas))
        }
        Some(_) if spec.feature_compatibility_version != Some(terms.version.as_str()) => {
            State::Progressing(format!("data is not written for {} yet", terms.version))
        }
        Some(_) => State::Ready,
    }
}

/// Volumes of one that was deleted, where this one has not begun yet; those of a drill are ours.
fn left_over(
    generation: &Generation,
    set: Option<&ReplicaSet>,
    observed: &Observed,
) -> Result<Option<String>, Undecodable> {
    let begins = set.filter(|set| set.status.version.is_none() && !generation.is_drill());
    match begins.and_then(|set| set.metadata.creation_timestamp) {
        Some(made) => volumes::left_over(&super::volumes(generation), made, observed),
        None => Ok(None),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReplicaSet<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata<'a> {
    creation_timestamp: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    members: u32,
    version: Option<&'a str>,
    feature_compatibility_version: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    /// `Running`, `Pending` or `Failed`.
    phase: Option<&'a str>,
    /// Written once a release runs everywhere.
    version: Option<&'a str>,
    message: Option<&'a str>,
    #[serde(rename = "currentMongoDBMembers")]
    current_mongodb_members: u32,
}
