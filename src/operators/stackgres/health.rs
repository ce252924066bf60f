//! How the database is. In: the observed `SGCluster`, whose status does not say which members are ready, and the StatefulSet,
//! volumes and backups that the operator makes. Out: its health, held against the plan. A field that is missing was not
//! written yet, and is never ready.

use super::status::{Cluster, Status};
use super::{account, backup, key, name, volumes};
use crate::api::plan::Plan;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::password;
use crate::operators::stateful_set::{self, Rollout, Wanted};
use crate::wire::{Key, Undecodable};

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let terms = &generation.plan.terms;
    let cluster: Option<Cluster> = observed.get(&generation.key(key::CLUSTER))?;
    let status = cluster.as_ref().map(|cluster| &cluster.status);
    let beside = u32::from(status.is_some_and(|status| beside(status, terms.replicas)));
    let wanted = Wanted {
        replicas: if terms.lifecycle.hibernated { 0 } else { terms.replicas.saturating_sub(beside) },
        image: None,
        cpu: terms.cpu,
        memory: terms.memory,
    };
    let rollout = stateful_set::rollout(generation, &name(generation), &wanted, observed)?;
    let ready = rollout.ready() + beside;
    let mut state = match &cluster {
        Some(cluster) => state(generation, cluster, &rollout, ready),
        None => State::Absent,
    };
    if let Some(missing) = password::missing(generation, observed)?
        && state == State::Ready
    {
        state = State::Progressing(missing);
    }
    let storage = operators::volumes::storage(&volumes(generation), terms.storage, terms.replicas, observed)?;
    let asleep = state == State::Hibernated;
    let whole = asleep || (state == State::Ready && !matches!(storage, Storage::NotYet(_)));
    let backup = match &terms.backup {
        Some(backup) if !asleep => backup::health(generation, backup, observed)?,
        _ => BackupHealth::of(BackupState::AsPlanned),
    };
    // What the cluster only refers to has no status.
    let roles = [key::PROFILE, key::POSTGRES, key::POOLING, key::STORAGE, key::SCRIPT];
    let keys = roles.map(|role| Key(generation.key(role)));
    let mut resources: Vec<_> =
        keys.into_iter().filter(|key| observed.composed.contains_key(key)).map(|key| (key, true)).collect();
    resources.push((Key(generation.key(key::CLUSTER)), whole));
    resources.extend(password::readiness(generation, observed)?);
    Ok(Health {
        ready_replicas: ready,
        version: status.and_then(|status| status.postgres_version).map(String::from),
        resources: map(resources),
        storage,
        backup,
        state,
    })
}

/// When members go, the operator keeps a primary whose number is too high, and takes it out of the StatefulSet's count
/// (`ClusterStatefulSetWithPrimaryReconciliationHandler.java`).
fn beside(status: &Status, replicas: u32) -> bool {
    status.primary().and_then(|primary| primary.number()).is_some_and(|number| number >= replicas)
}

fn state(generation: &Generation, cluster: &Cluster, rollout: &Rollout, ready: u32) -> State {
    let Plan { terms, notes, .. } = &generation.plan;
    let Cluster { status, .. } = cluster;
    let count = format!("{ready} of {} members are ready", terms.replicas);
    if let Some(failed) = status.condition("Failed") {
        let why = failed.message.as_deref().unwrap_or("the operator says no more");
        let why = format!("the operator fails: {why}");
        return if ready > 0 { State::Degraded(why) } else { State::Failed(why) };
    }
    let Some(version) = status.postgres_version else {
        return State::Progressing("the operator has not seen it yet".into());
    };
    if let Some(difference) = unlike(&generation.plan, cluster) {
        return State::Progressing(difference.into());
    }
    if terms.lifecycle.hibernated {
        return match (status.instances, rollout) {
            (Some(0), Rollout::Done { ready: 0 }) => State::Hibernated,
            _ => State::Progressing(format!("it is being hibernated: {count}")),
        };
    }
    if version != notes.release {
        return State::Progressing(format!("it is for {version} instead of {}", notes.release));
    }
    if status.condition("Bootstrapped").is_none() {
        return State::Progressing(format!("the first member is not there yet; {count}"));
    }
    if let Rollout::Under { way, .. } = rollout {
        return State::Progressing(way.clone());
    }
    if status.condition("PendingRestart").is_some() {
        return State::Progressing(format!("members are to be restarted; {count}"));
    }
    if ready == 0 {
        return State::Progressing(count);
    }
    if status.primary().is_none() {
        return State::Degraded(format!("no member is the primary; {count}"));
    }
    if ready < terms.replicas {
        return State::Degraded(count);
    }
    scripts(generation, status)
}

/// Where an `SGCluster` is not the planned one: the plan has only just changed.
fn unlike(Plan { terms, notes, .. }: &Plan, Cluster { spec, .. }: &Cluster) -> Option<&'static str> {
    let replicas = if terms.lifecycle.hibernated { 0 } else { terms.replicas };
    let as_planned = [
        spec.instances == Some(replicas),
        spec.postgres.version == Some(notes.release.as_str()),
        spec.pods.persistent_volume.size == Some(terms.storage),
    ];
    as_planned.contains(&false).then_some("the operator has not been told of the plan yet")
}

/// The application's role, database and extensions.
fn scripts(generation: &Generation, status: &Status) -> State {
    let script = status.managed_sql.scripts.iter().find(|script| script.id == Some(account::SCRIPT));
    let found = |id: u32| script.and_then(|script| script.scripts.iter().find(|entry| entry.id == Some(id)));
    for id in account::entries(generation) {
        match found(id) {
            Some(entry) if entry.failure_code.is_some() => {
                let code = entry.failure_code.as_deref().unwrap_or_default();
                return State::Degraded(format!(
                    "the statement {id} of the SGScript failed with {code} and is tried again; the status of the SGCluster \
                     says more"
                ));
            }
            Some(entry) if entry.version.is_some() => {}
            _ => return State::Progressing("the application's role, database or extensions are not there yet".into()),
        }
    }
    State::Ready
}
