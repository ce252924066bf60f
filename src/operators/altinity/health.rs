//! How the operator says that a database is, and what it made says. In: the observed resources of a generation. Out: its
//! health, held against the plan. `Completed` only means that everything was applied, also where pods never came up
//! (Altinity operator 0.25.6, `reconcile.statefulSet.create.onFailure: ignore`), so each member's StatefulSet is asked.

use super::status::{Installation, InstallationStatus, StatefulSet};
use super::{all_members, installation, keeper, key, members, volume, volumes};
use crate::api::plan::{Delivery, Plan};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::volumes::Volume;
use crate::operators::{backup_job, certificate, password};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let terms = &generation.plan.terms;
    let installation: Option<Installation> = observed.get(&generation.key(key::INSTALLATION))?;
    let pods: Vec<StatefulSet> = found(&members(generation), observed)?;
    let servers: Vec<&StatefulSet> =
        all_members(generation).iter().filter_map(|name| pods.iter().find(|pod| pod.metadata.name == *name)).collect();

    let storage = storage(generation, installation.as_ref(), observed)?;
    let members = match &installation {
        None => State::Absent,
        Some(Installation { status, .. }) => self::state(generation, status, &servers),
    };
    let whole = matches!(members, State::Ready | State::Hibernated) && !matches!(storage, Storage::NotYet(_));
    let mut ready = map([(key::INSTALLATION, whole)]);
    let mut state = members;
    if keeper::instances(terms) > 0 {
        let keepers = keepers(generation, observed)?;
        ready.insert(key::KEEPER, keepers == State::Ready);
        if state == State::Ready {
            state = keepers;
        }
    }
    let mut resources = map(password::readiness(generation, observed)?);
    // Pods wait for both secrets, and only these know why there is none.
    let waits = [password::missing(generation, observed)?, certificate::missing(generation, observed)?];
    if let (State::Progressing(_) | State::Failed(_), Some(why)) = (&state, waits.into_iter().flatten().next()) {
        state = State::Progressing(why);
    }
    resources.extend(certificate::readiness(generation, observed)?);
    let mut backup = BackupHealth::of(BackupState::AsPlanned);
    if terms.backup.is_some() {
        backup = backup_job::health(generation, observed)?;
        // The first backup comes with time, and the schedule is all there is to make.
        ready.insert(backup_job::KEY, observed.composed.contains_key(&Key(generation.key(backup_job::KEY))));
    }
    if state == State::Hibernated {
        ready.values_mut().for_each(|ready| *ready = true);
        backup.state = BackupState::AsPlanned;
    }
    resources.extend(ready.into_iter().map(|(role, ready)| (Key(generation.key(role)), ready)));
    Ok(Health {
        state,
        ready_replicas: ready_members(generation, installation.as_ref(), &servers),
        version: servers.iter().find_map(|server| release(server, installation::CONTAINER)).map(String::from),
        resources,
        storage,
        backup,
    })
}

fn found<'a, T: Deserialize<'a>>(question: &Question, observed: &'a Observed) -> Result<Vec<T>, Undecodable> {
    Ok(match observed.answer(question)? {
        Answer::Found(found) => found,
        Answer::NotAsked | Answer::Nothing => vec![],
    })
}

fn ready_members(generation: &Generation, installation: Option<&Installation>, servers: &[&StatefulSet]) -> u32 {
    match (&generation.plan.terms.delivery, installation) {
        // All that can be said from afar.
        (Delivery::Object(_), Some(Installation { status, .. })) if status.is_completed() => status.hosts_completed,
        _ => count(servers.iter().filter(|server| server.is_ready())),
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

fn state(generation: &Generation, status: &InstallationStatus, servers: &[&StatefulSet]) -> State {
    let Plan { terms, .. } = &generation.plan;
    let planned = terms.replicas.saturating_mul(terms.shards);
    let ready = count(servers.iter().filter(|server| server.is_ready()));
    let counted = format!("{ready} of {planned} members are ready");
    let serves = |why: String| if ready > 0 { State::Degraded(why) } else { State::Failed(why) };
    let direct = terms.delivery == Delivery::Direct;
    match status.status {
        None | Some("") => State::Progressing("the operator has not seen it yet".into()),
        Some("Aborted") => {
            let why = status.error.filter(|why| !why.is_empty()).unwrap_or("no reason given");
            serves(format!("the operator has given up: {why}; {counted}"))
        }
        Some("Completed") if terms.lifecycle.hibernated => {
            let asleep = !servers.is_empty() && servers.iter().all(|server| server.is_stopped());
            match asleep || !direct {
                true => State::Hibernated,
                false => State::Progressing(format!("it is being hibernated: {counted}")),
            }
        }
        Some("Completed") if !direct => match status.hosts == planned && status.hosts_completed >= planned {
            true => State::Ready,
            false => State::Progressing(format!("{} of {planned} members are applied", status.hosts_completed)),
        },
        Some("Completed") => match unlike(generation, servers) {
            Some(difference) => State::Progressing(difference),
            None if ready < planned => serves(counted),
            None => State::Ready,
        },
        Some(phase) => {
            let action = status.action.filter(|action| !action.is_empty()).unwrap_or(phase);
            State::Progressing(format!("{action}; {counted}"))
        }
    }
}

/// Where members that are applied are not the planned ones: the plan has only just changed.
fn unlike(generation: &Generation, servers: &[&StatefulSet]) -> Option<String> {
    let Plan { terms, notes, .. } = &generation.plan;
    let planned = terms.replicas.saturating_mul(terms.shards);
    let there = count(servers.iter());
    if there < planned {
        return Some(format!("{there} of {planned} members exist"));
    }
    servers.iter().find_map(|server| {
        let name = server.metadata.name;
        let container = server.container(installation::CONTAINER)?;
        if let Some(other) = release(server, installation::CONTAINER).filter(|other| *other != notes.release) {
            return Some(format!("{name} runs {other} instead of {}", notes.release));
        }
        let sized = container.resources.are(terms.cpu, terms.memory);
        (!sized).then(|| format!("{name} is not of the planned size yet"))
    })
}

/// One of three that is missing is survived, and said.
fn keepers(generation: &Generation, observed: &Observed) -> Result<State, Undecodable> {
    let terms = &generation.plan.terms;
    let planned = keeper::instances(terms);
    let Some(Installation { status, .. }) = observed.get(&generation.key(key::KEEPER))? else {
        return Ok(State::Progressing("the Keepers do not exist yet".into()));
    };
    let pods: Vec<StatefulSet> = found(&keeper::members(generation), observed)?;
    let ready = match terms.delivery {
        Delivery::Direct => count(pods.iter().filter(|pod| pod.is_ready())),
        Delivery::Object(_) => status.hosts_completed,
    };
    let counted = format!("{ready} of {planned} Keepers are ready");
    Ok(match status.status {
        _ if ready < planned && ready > 0 => State::Degraded(counted),
        _ if ready < planned => State::Failed(counted),
        Some("Aborted") => State::Degraded("the operator has given up on the Keepers".into()),
        Some("Completed") => State::Ready,
        _ => State::Progressing("the Keepers are being changed".into()),
    })
}

/// `26.3.35.3` of `clickhouse/clickhouse-server:26.3.35.3`, also with a digest behind it.
fn release<'a>(pod: &StatefulSet<'a>, container: &str) -> Option<&'a str> {
    let image = pod.container(container)?.image?;
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    name.rsplit_once(':').map(|(_, tag)| tag)
}

/// Every member has a volume of the planned size. Those of members that went keep theirs, and are nobody's business.
fn storage(
    generation: &Generation,
    installation: Option<&Installation>,
    observed: &Observed,
) -> Result<Storage, Undecodable> {
    let terms = &generation.plan.terms;
    if terms.delivery != Delivery::Direct {
        return Ok(match installation.is_some_and(|installation| installation.status.is_completed()) {
            true => {
                Storage::Unknown("the volumes are in another cluster, and the operator says nothing of them".into())
            }
            false => Storage::NotYet("there are no volumes yet".into()),
        });
    }
    let volumes: Vec<Volume> = match observed.answer(&volumes(generation))? {
        Answer::NotAsked => return Ok(Storage::NotYet("nobody has looked at the volumes yet".into())),
        Answer::Nothing => return Ok(Storage::NotYet("there are no volumes yet".into())),
        Answer::Found(volumes) => volumes,
    };
    let template = volume(generation);
    let members = all_members(generation);
    let mut have = 0;
    for member in &members {
        let name = format!("{template}-{member}-0");
        let Some(volume) = volumes.iter().find(|volume| volume.name() == name) else { continue };
        if volume.size() < terms.storage {
            return Ok(Storage::NotYet(format!("volume {name} has {} of {}", volume.size(), terms.storage)));
        }
        have += 1;
    }
    Ok(match have == members.len() {
        true => Storage::AsPlanned,
        false => Storage::NotYet(format!("{have} of {} members have a volume", members.len())),
    })
}

#[cfg(test)]
mod tests;
