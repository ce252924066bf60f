//! How the operator says that a database is. In: the observed resources of a generation. Out: its health, held against the
//! plan. A status that is missing was not written yet, and is never ready. States are the operator's 1.22 (`AppState`).

use super::{CONFIG, backup, cluster, google, is_sharded, key, label, replica_sets, restore, volumes};
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::observed::{Answer, Observed};
use crate::operators::aws_files;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::pod_template::Resources;
use crate::wire::{Key, Undecodable};
use serde::Deserialize;
use std::collections::BTreeMap;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let Plan { terms, notes, .. } = &generation.plan;
    let cluster: Option<Cluster> = observed.get(&generation.key(key::CLUSTER))?;
    let image = Some(notes.release.as_str());
    let mut state = cluster.as_ref().map_or(State::Absent, |cluster| state(&generation.plan, cluster, image));
    let mut resources = BTreeMap::new();
    if generation.awaited().is_some() {
        state = restore::state(generation, state, observed)?;
        resources.insert(Key(generation.key(key::RESTORE)), state == State::Ready);
    }
    if google::question(generation).is_some() {
        let there = google::missing(generation, observed).is_none();
        resources.insert(Key(generation.key(aws_files::KEY)), there);
    }
    let storage = storage(generation, observed)?;
    let backup = backup_health(generation, &state, observed)?;
    let whole = matches!(state, State::Ready | State::Hibernated) && !matches!(storage, Storage::NotYet(_));
    resources.insert(Key(generation.key(key::CLUSTER)), whole);
    Ok(Health {
        ready_replicas: cluster.as_ref().map_or(0, |cluster| cluster.members(terms)),
        version: cluster.as_ref().and_then(Cluster::release).map(String::from),
        resources,
        state,
        storage,
        backup,
    })
}

/// How backups stand; nobody awaits any while it sleeps.
pub fn backup_health(generation: &Generation, state: &State, observed: &Observed) -> Result<BackupHealth, Undecodable> {
    let mut health = match &generation.plan.terms.backup {
        Some(plan) => backup::health(generation, plan, observed)?,
        None => BackupHealth::of(BackupState::AsPlanned),
    };
    if *state == State::Hibernated {
        health.state = BackupState::AsPlanned;
    }
    Ok(health)
}

/// `image`: the planned one; None where it is somebody else's choice.
pub fn state(plan: &Plan, cluster: &Cluster, image: Option<&str>) -> State {
    let Plan { terms, .. } = plan;
    let Cluster { metadata, status, .. } = cluster;
    let ready = cluster.members(terms);
    let count = format!("{ready} of {} members are ready", terms.replicas * terms.shards);
    let said = status.message.filter(|message| !message.is_empty());
    match status.state {
        None | Some("") => State::Progressing("the operator has not seen it yet".into()),
        // It is about what the operator tried last; members that run go on running.
        Some("error") => {
            let why = said.unwrap_or("the operator says no more").to_string();
            if serves(terms, status) { State::Degraded(why) } else { State::Failed(why) }
        }
        _ if status.observed_generation != metadata.generation => {
            State::Progressing("the operator has not seen the plan yet".into())
        }
        _ if unlike(terms, cluster, image) => {
            State::Progressing("the operator has not been told of the plan yet".into())
        }
        Some("paused") if terms.lifecycle.hibernated => State::Hibernated,
        Some(_) if terms.lifecycle.hibernated => State::Progressing(format!("it is being hibernated: {count}")),
        Some("ready") => match (missing(terms, status), other_release(terms, status)) {
            (Some(missing), _) => State::Degraded(missing),
            (None, Some(other)) => State::Progressing(other),
            (None, None) => State::Ready,
        },
        Some(phase) => match missing(terms, status) {
            Some(missing) if serves(terms, status) => State::Degraded(missing),
            Some(missing) => State::Progressing(format!("it is {phase}: {missing}")),
            None => State::Progressing(format!("it is {phase}; {count}")),
        },
    }
}

/// Each replica set has a majority, and clients find a router where they need one.
fn serves(terms: &Terms, status: &Status) -> bool {
    let routed = !is_sharded(terms) || status.mongos.as_ref().is_some_and(|mongos| mongos.ready > 0);
    routed
        && wanted(terms).all(|(name, size)| status.replsets.get(name.as_str()).is_some_and(|set| set.ready * 2 > size))
}

/// Replica sets with the number of their members.
fn wanted(terms: &Terms) -> impl Iterator<Item = (String, u32)> {
    let config = is_sharded(terms).then(|| (CONFIG.to_string(), cluster::number_of_config_servers(terms)));
    replica_sets(terms).map(|name| (name, terms.replicas)).chain(config)
}

/// What is fewer than planned, in the operator's words for it where there are some.
fn missing(terms: &Terms, status: &Status) -> Option<String> {
    for (name, size) in wanted(terms) {
        let set = status.replsets.get(name.as_str());
        let ready = set.map_or(0, |set| set.ready);
        if ready < size {
            let why = set.and_then(|set| set.message).filter(|message| !message.is_empty());
            let why = why.map(|why| format!(": {}", why.trim_end_matches("; "))).unwrap_or_default();
            return Some(format!("{ready} of {size} members of {name} are ready{why}"));
        }
    }
    let routers = cluster::number_of_routers(terms);
    let ready = status.mongos.as_ref().map_or(0, |mongos| mongos.ready);
    (is_sharded(terms) && ready < routers).then(|| format!("{ready} of {routers} routers are ready"))
}

fn other_release(terms: &Terms, status: &Status) -> Option<String> {
    let line = format!("{}.", terms.version);
    match status.mongo_version {
        Some(version) if version.starts_with(&line) => None,
        Some(version) => Some(format!("it runs {version} instead of {}", terms.version)),
        None => Some("the operator has not said yet which release runs".into()),
    }
}

/// Whether the observed resource is not the planned one, because the plan has only just changed.
fn unlike(terms: &Terms, Cluster { spec, .. }: &Cluster, image: Option<&str>) -> bool {
    let as_planned = |set: &ReplicaSet| {
        set.size == terms.replicas
            && set.volume_spec.persistent_volume_claim.resources.requests.storage == Some(terms.storage)
            && set.resources.are(terms.cpu, terms.memory)
    };
    (image.is_some() && spec.image != image)
        || spec.pause != terms.lifecycle.hibernated
        || spec.replsets.len() as u64 != u64::from(terms.shards)
        || !spec.replsets.iter().all(as_planned)
}

/// Every member has a volume, as large as planned. Those of members that are gone stay, and nobody enlarges them.
pub fn storage(generation: &Generation, observed: &Observed) -> Result<Storage, Undecodable> {
    let terms = &generation.plan.terms;
    if terms.delivery != Delivery::Direct {
        return Ok(Storage::Unknown("the volumes are in another cluster".into()));
    }
    let found: Vec<Claim> = match observed.answer(&volumes(generation))? {
        Answer::NotAsked => return Ok(Storage::NotYet("nobody has looked at the volumes yet".into())),
        Answer::Nothing => return Ok(Storage::NotYet("there are no volumes yet".into())),
        Answer::Found(found) => found,
    };
    for (set, size) in wanted(terms) {
        let planned = if set == CONFIG { cluster::CONFIG_SERVER.storage } else { terms.storage };
        let own = found.iter().filter(|claim| claim.metadata.labels.get(label::REPLICA_SET) == Some(&set.as_str()));
        let own: Vec<&Claim> = own.filter(|claim| claim.number().is_some_and(|number| number < size)).collect();
        if (own.len() as u64) < u64::from(size) {
            return Ok(Storage::NotYet(format!("{} of {size} members of {set} have a volume", own.len())));
        }
        if let Some(small) = own.iter().find(|claim| claim.size() < planned) {
            let why = format!("volume {} has {} of {planned}", small.metadata.name, small.size());
            return Ok(Storage::NotYet(why));
        }
    }
    Ok(Storage::AsPlanned)
}

/// A `PerconaServerMongoDB`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Cluster<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Status<'a>,
}

impl<'a> Cluster<'a> {
    /// Ready members of all shards.
    pub fn members(&self, terms: &Terms) -> u32 {
        replica_sets(terms).filter_map(|name| self.status.replsets.get(name.as_str())).map(|set| set.ready).sum()
    }

    /// That runs.
    pub fn release(&self) -> Option<&'a str> {
        self.status.mongo_version
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
    image: Option<&'a str>,
    pause: bool,
    replsets: Vec<ReplicaSet>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSet {
    size: u32,
    resources: Resources,
    volume_spec: VolumeSpec,
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
struct VolumeSpec {
    persistent_volume_claim: VolumeClaim,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeClaim {
    resources: VolumeResources,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    state: Option<&'a str>,
    message: Option<&'a str>,
    mongo_version: Option<&'a str>,
    observed_generation: Option<i64>,
    #[serde(borrow)]
    replsets: BTreeMap<&'a str, Ready<'a>>,
    #[serde(borrow)]
    mongos: Option<Ready<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ready<'a> {
    ready: u32,
    message: Option<&'a str>,
}

#[derive(Deserialize)]
struct Claim<'a> {
    #[serde(borrow)]
    metadata: ClaimMetadata<'a>,
    #[serde(default)]
    status: ClaimStatus,
}

impl Claim<'_> {
    /// Of the member that it belongs to.
    fn number(&self) -> Option<u32> {
        self.metadata.name.rsplit_once('-')?.1.parse().ok()
    }

    fn size(&self) -> Bytes {
        self.status.capacity.storage.unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct ClaimMetadata<'a> {
    name: &'a str,
    #[serde(borrow, default)]
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimStatus {
    capacity: Requests,
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
