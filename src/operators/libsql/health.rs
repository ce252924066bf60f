//! How the server is, by what Kubernetes says. In: the observed `StatefulSet`, its volume, the password, the jobs that dump.
//! Out: health, held against the plan. A status that is missing was not written yet, and is never ready.

use super::{SERVER_KEY, VOLUME_KEY, server};
use crate::api::plan::Plan;
use crate::api::quantity::{Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::volumes::Volume;
use crate::operators::{backup_job, password};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;
use std::collections::BTreeMap;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let terms = &generation.plan.terms;
    let server: Option<Server> = observed.get(&generation.key(SERVER_KEY))?;
    let volume: Option<Volume> = observed.get(&generation.key(VOLUME_KEY))?;
    let missing = password::missing(generation, observed)?;
    let state = match (&server, missing) {
        (None, _) => State::Absent,
        // The pod does not start without it.
        (Some(server), Some(why)) if server.status.ready_replicas == 0 && !terms.lifecycle.hibernated => {
            State::Progressing(why)
        }
        (Some(server), _) => state(&generation.plan, server),
    };
    let storage = storage(volume.as_ref(), terms.storage);
    let there = |key: String| {
        let there = observed.composed.contains_key(&Key(key.clone()));
        (Key(key), there)
    };
    let whole = matches!(state, State::Ready | State::Hibernated);
    let mut resources = BTreeMap::from([
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
    let runs = server.as_ref().filter(|server| server.status.ready_replicas > 0);
    Ok(Health {
        state,
        ready_replicas: server.as_ref().map_or(0, |server| server.status.ready_replicas),
        version: runs.and_then(Server::image).and_then(version).map(String::from),
        resources,
        storage,
        backup,
    })
}

fn state(plan: &Plan, server: &Server) -> State {
    let Server { metadata, spec, status } = server;
    if status.observed_generation.is_none() || status.observed_generation != metadata.generation {
        return State::Progressing("kubernetes has not seen it yet".into());
    }
    let terms = &plan.terms;
    if terms.lifecycle.hibernated {
        return match (spec.replicas, status.replicas) {
            (Some(0), 0) => State::Hibernated,
            _ => State::Progressing("it is being hibernated".into()),
        };
    }
    let limits = server.container().and_then(|container| container.resources.limits.as_ref());
    let told = spec.replicas == Some(1)
        && server.image() == Some(plan.notes.release.as_str())
        && limits.and_then(|limits| limits.cpu) == Some(terms.cpu)
        && limits.and_then(|limits| limits.memory) == Some(terms.memory);
    match (told, status.updated_replicas, status.ready_replicas) {
        (false, _, _) => State::Progressing("kubernetes has not been told of the plan yet".into()),
        (_, 0, _) => State::Progressing("the server is being replaced".into()),
        (_, _, 0) => State::Progressing("the server does not answer yet".into()),
        _ => State::Ready,
    }
}

fn storage(volume: Option<&Volume>, planned: Bytes) -> Storage {
    match volume.map(Volume::size) {
        None | Some(Bytes(0)) => Storage::NotYet("there is no volume yet".into()),
        Some(size) if size < planned => Storage::NotYet(format!("the volume has {size} of {planned}")),
        Some(_) => Storage::AsPlanned,
    }
}

/// `0.24.32` of `ghcr.io/tursodatabase/libsql-server:v0.24.32`, also with a digest behind it.
fn version(image: &str) -> Option<&str> {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    name.rsplit_once(':').map(|(_, tag)| tag.trim_start_matches('v'))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Server<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    spec: Spec<'a>,
    status: Status,
}

impl<'a> Server<'a> {
    fn container(&self) -> Option<&Container<'a>> {
        self.spec.template.spec.containers.first()
    }

    fn image(&self) -> Option<&'a str> {
        self.container().and_then(|container| container.image)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    replicas: Option<u32>,
    #[serde(borrow)]
    template: Template<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template<'a> {
    #[serde(borrow)]
    spec: PodSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec<'a> {
    #[serde(borrow)]
    containers: Vec<Container<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container<'a> {
    image: Option<&'a str>,
    resources: Resources,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resources {
    limits: Option<Limits>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limits {
    cpu: Option<Millicores>,
    memory: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    replicas: u32,
    updated_replicas: u32,
    ready_replicas: u32,
}

#[cfg(test)]
mod tests;
