//! How the server is, by what Kubernetes says. In: the observed `StatefulSet`, its volume, the password, the jobs that dump.
//! Out: health, held against the plan. A status that is missing was not written yet, and is never ready.

use super::{SERVER_KEY, VOLUME_KEY, server};
use crate::api::plan::Plan;
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::stateful_set::{self, Rollout, StatefulSet, Wanted};
use crate::operators::volumes::Volume;
use crate::operators::{backup_job, password, restore_job};
use crate::wire::{Key, Undecodable};

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let terms = &generation.plan.terms;
    let server: Option<StatefulSet> = observed.get(&generation.key(SERVER_KEY))?;
    let volume: Option<Volume> = observed.get(&generation.key(VOLUME_KEY))?;
    let missing = password::missing(generation, observed)?;
    let state = match (&server, missing) {
        (None, _) => State::Absent,
        // The pod does not start without it.
        (Some(server), Some(why)) if server.ready() == 0 && !terms.lifecycle.hibernated => State::Progressing(why),
        (Some(server), _) => state(generation, server),
    };
    let mut resources = map([]);
    let state = restore_job::state(generation, state, observed, &mut resources)?;
    let storage = storage(volume.as_ref(), terms.storage);
    let there = |key: String| {
        let there = observed.composed.contains_key(&Key(key.clone()));
        (Key(key), there)
    };
    let whole = matches!(state, State::Ready | State::Hibernated);
    resources.extend([
        (Key(generation.key(SERVER_KEY)), whole),
        (Key(generation.key(VOLUME_KEY)), storage == Storage::AsPlanned || state == State::Hibernated),
        there(server::service_key(generation)),
    ]);
    resources.extend(password::readiness(generation, observed)?);
    let mut backup = BackupHealth::of(BackupState::AsPlanned);
    if terms.backup.is_some() {
        backup = backup_job::health(generation, observed)?;
        resources.extend([there(generation.key(backup_job::KEY))]);
    }
    if state == State::Hibernated {
        backup.state = BackupState::AsPlanned;
    }
    let runs = server.as_ref().filter(|server| server.ready() > 0);
    Ok(Health {
        state,
        ready_replicas: server.as_ref().map_or(0, StatefulSet::ready),
        version: runs.and_then(StatefulSet::image).and_then(stateful_set::version).map(String::from),
        resources,
        storage,
        backup,
    })
}

/// Whether it takes commands.
pub fn is_up(generation: &Generation, observed: &Observed) -> Result<bool, Undecodable> {
    let server: Option<StatefulSet> = observed.get(&generation.key(SERVER_KEY))?;
    Ok(server.is_some_and(|server| self::state(generation, &server) == State::Ready))
}

fn state(generation: &Generation, server: &StatefulSet) -> State {
    let Plan { terms, notes, .. } = &generation.plan;
    let hibernated = terms.lifecycle.hibernated;
    let replicas = if hibernated { 0 } else { 1 };
    let wanted = Wanted { replicas, image: Some(&notes.release), cpu: terms.cpu, memory: terms.memory };
    match server.rollout(&generation.name(), &wanted) {
        Rollout::Done { ready: 0 } if hibernated => State::Hibernated,
        _ if hibernated => State::Progressing("it is being hibernated".into()),
        Rollout::Under { way, .. } => State::Progressing(way),
        Rollout::Done { ready: 0 } => State::Progressing("the server does not answer yet".into()),
        Rollout::Done { .. } => State::Ready,
    }
}

fn storage(volume: Option<&Volume>, planned: Bytes) -> Storage {
    match volume.map(Volume::size) {
        None | Some(Bytes(0)) => Storage::NotYet("there is no volume yet".into()),
        Some(size) if size < planned => Storage::NotYet(format!("the volume has {size} of {planned}")),
        Some(_) => Storage::AsPlanned,
    }
}

#[cfg(test)]
mod tests;
