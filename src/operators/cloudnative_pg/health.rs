//! How the operator says that a database is. In: the observed resources of a generation. Out: its health, held against
//! the plan. A status that is missing was not written yet, and is never ready.

use super::status::{
    Cluster, ClusterStatus, Condition, Database, ObjectStore, Pooler, PoolerStatus, RecoveryWindow, ScheduledBackup,
};
use super::{cluster, key, server_name, volumes};
use crate::api::plan::{Delivery, Plan, Pooling};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::volumes;
use crate::wire::{Key, Undecodable};

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let cluster: Option<Cluster> = observed.get(&generation.key(key::CLUSTER))?;
    let store: Option<ObjectStore> = observed.get(&generation.key(key::OBJECT_STORE))?;
    let schedule: Option<ScheduledBackup> = observed.get(&generation.key(key::SCHEDULED_BACKUP))?;
    let terms = &generation.plan.terms;
    let status = cluster.as_ref().map(|cluster| &cluster.status);

    let storage = storage(generation, status, observed)?;
    let members = cluster.as_ref().map_or(State::Absent, |cluster| members(generation, cluster));
    let whole = matches!(members, State::Ready | State::Hibernated) && !matches!(storage, Storage::NotYet(_));
    let mut ready = map([(key::CLUSTER, whole)]);
    let mut state = members;
    if let Some(pooling) = &terms.pooling {
        let pooler = pooler(observed.get(&generation.key(key::POOLER))?.as_ref(), pooling);
        ready.insert(key::POOLER, pooler == State::Ready);
        state = first(state, pooler);
    }
    if !terms.extensions.is_empty() {
        let database = database(observed.get(&generation.key(key::DATABASE))?.as_ref());
        ready.insert(key::DATABASE, database == State::Ready);
        state = first(state, database);
    }
    let mut backup = BackupHealth::of(BackupState::AsPlanned);
    if terms.backup.is_some() {
        let schedule = schedule_state(schedule.as_ref());
        // It has no status until the first backup.
        ready.insert(key::OBJECT_STORE, store.is_some());
        ready.insert(key::SCHEDULED_BACKUP, schedule == BackupState::AsPlanned);
        let archive = archive_state(status);
        backup = backup_health([schedule, archive.clone()], window(generation, store.as_ref()));
        backup.archive = archive;
    }
    if state == State::Hibernated {
        ready.values_mut().for_each(|ready| *ready = true);
        backup.state = BackupState::AsPlanned;
    }
    Ok(Health {
        state,
        ready_replicas: status.map_or(0, |status| status.ready_instances),
        version: status.and_then(running),
        resources: map(ready.into_iter().map(|(role, ready)| (Key(generation.key(role)), ready))),
        storage,
        backup,
    })
}

/// What stands before the members counts once they are ready: clients go through it.
fn first(members: State, other: State) -> State {
    if members == State::Ready { other } else { members }
}

const HEALTHY: &str = "Cluster in healthy state";
const UNRECOVERABLE: &str = "Cluster is unrecoverable and needs manual intervention";
/// Phases in which the operator has given up until somebody does something; members that run go on running.
const STUCK: [&str; 8] = [
    "Cluster cannot execute instance online upgrade due to missing architecture binary",
    "Cluster cannot proceed to reconciliation due to an error while interacting with plugins",
    "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
    "Cluster has incomplete or invalid image catalog",
    "Invalid cluster definition",
    "Not enough disk space",
    "Unable to create required cluster objects",
    "Waiting for user action",
];
/// Phases that nobody asked for: a member is lost, or the primary is.
const INTERRUPTED: [&str; 2] = ["Failing over", "Waiting for the instances to become active"];

fn members(generation: &Generation, cluster: &Cluster) -> State {
    let plan = &generation.plan;
    let status = &cluster.status;
    let Some(phase) = status.phase else {
        return State::Progressing("the operator has not seen it yet".into());
    };
    let said = match status.phase_reason {
        None | Some("") => phase.to_string(),
        Some(reason) => format!("{phase}: {}", reason.trim_end_matches('.')),
    };
    let count = format!("{} of {} members are ready", status.ready_instances, plan.terms.replicas);
    if plan.terms.lifecycle.hibernated {
        // The operator takes the condition back only after it has seen that it is to wake up.
        return match cluster.metadata.is_to_sleep() && status.is(cluster::HIBERNATION) {
            true => State::Hibernated,
            false => State::Progressing(format!("it is being hibernated: {count}")),
        };
    }
    if phase == HEALTHY {
        return match unlike(generation, cluster) {
            Some(difference) => State::Progressing(difference),
            None if status.ready_instances < plan.terms.replicas => State::Degraded(count),
            None if !status.is("Ready") => State::Progressing("the operator has not called it ready yet".into()),
            None => State::Ready,
        };
    }
    if phase == UNRECOVERABLE {
        State::Failed(said)
    } else if STUCK.contains(&phase) {
        if status.serves() { State::Degraded(said) } else { State::Failed(said) }
    } else if INTERRUPTED.contains(&phase) && status.serves() {
        State::Degraded(format!("{said}; {count}"))
    } else {
        State::Progressing(format!("{said}; {count}"))
    }
}

/// Where a Cluster that calls itself healthy is not the planned one: its spec, because the plan has only just changed;
/// else what the operator saw of it last.
fn unlike(generation: &Generation, Cluster { spec, status, .. }: &Cluster) -> Option<String> {
    let Plan { terms, notes, .. } = &generation.plan;
    let primary = spec.replica.as_ref().and_then(|replica| replica.primary);
    let as_planned = [
        spec.instances == Some(terms.replicas),
        spec.image_name == Some(notes.release.as_str()),
        spec.storage.as_ref().and_then(|storage| storage.size) == Some(terms.storage),
        spec.resources.as_ref().is_some_and(|resources| resources.are(terms.cpu, terms.memory)),
        !generation.is_promoted() || primary.is_none_or(|primary| primary == generation.name()),
    ];
    if as_planned.contains(&false) {
        return Some("the operator has not been told of the plan yet".into());
    }
    if status.instances != terms.replicas {
        return Some(format!("there are {} members instead of {}", status.instances, terms.replicas));
    }
    if status.image != Some(notes.release.as_str()) {
        return Some(format!("it runs {} instead of {}", status.image.unwrap_or("no image"), notes.release));
    }
    let data = status.pg_data_image_info.as_ref().map(|data| data.major_version.to_string());
    let other = data.filter(|release| *release != terms.version)?;
    Some(format!("its data is of release {other} instead of {}", terms.version))
}

fn pooler(pooler: Option<&Pooler>, Pooling { instances: wanted, .. }: &Pooling) -> State {
    let Some(Pooler { status }) = pooler else { return State::Progressing("the Pooler does not exist yet".into()) };
    let PoolerStatus { phase, phase_reason, instances } = status;
    match phase {
        Some("active") => {}
        Some(phase) => {
            let reason = phase_reason.unwrap_or("no reason given");
            return State::Degraded(format!("the Pooler is {phase}: {reason}"));
        }
        // Releases before 1.30 have no phase.
        None => {}
    }
    if instances < wanted {
        return State::Progressing(format!("{instances} of {wanted} instances of the Pooler exist"));
    }
    State::Ready
}

fn database(database: Option<&Database>) -> State {
    let Some(Database { metadata, status }) = database else {
        return State::Progressing("the extensions are not asked for yet".into());
    };
    let seen = status.observed_generation.is_some() && status.observed_generation == metadata.generation;
    match status.applied {
        Some(true) if seen => State::Ready,
        Some(false) if seen => {
            let why = status.message.unwrap_or("no reason given");
            State::Degraded(format!("the extensions are not there: {why}"))
        }
        _ => State::Progressing("the extensions are not there yet".into()),
    }
}

fn schedule_state(schedule: Option<&ScheduledBackup>) -> BackupState {
    let Some(ScheduledBackup { status }) = schedule else {
        return BackupState::NotYet("no backups are scheduled yet".into());
    };
    match (status.error, status.last_check_time) {
        (Some(error), _) if !error.is_empty() => BackupState::Trouble(format!("no backups are scheduled: {error}")),
        (_, None) => BackupState::NotYet("the operator has not seen the schedule yet".into()),
        (_, Some(_)) => BackupState::AsPlanned,
    }
}

fn storage(
    generation: &Generation,
    status: Option<&ClusterStatus>,
    observed: &Observed,
) -> Result<Storage, Undecodable> {
    let terms = &generation.plan.terms;
    if terms.delivery != Delivery::Direct {
        return Ok(reported(status, terms.replicas));
    }
    volumes::storage(&volumes(generation), terms.storage, terms.replicas, observed)
}

/// All that the operator says where the volumes cannot be looked at.
fn reported(status: Option<&ClusterStatus>, replicas: u32) -> Storage {
    let Some(status) = status else { return Storage::NotYet("there are no volumes yet".into()) };
    if let Some(volume) = status.resizing.first() {
        return Storage::NotYet(format!("volume {volume} is being resized"));
    }
    let count = status.healthy_volumes.len() as u64;
    if count < u64::from(replicas) {
        return Storage::NotYet(format!("{count} of {replicas} members have a volume"));
    }
    Storage::Unknown("the volumes are in another cluster, and the operator does not say how large they are".into())
}

/// What the plugin found in the store, in the folder that is written to now.
fn window<'a>(generation: &Generation, store: Option<&'a ObjectStore>) -> Option<&'a RecoveryWindow<'a>> {
    store.and_then(|store| store.status.server_recovery_window.get(server_name(generation).as_str()))
}

/// `before`: what must be as planned before backups are looked at.
fn backup_health(before: [BackupState; 2], window: Option<&RecoveryWindow>) -> BackupHealth {
    let (success, failure, first) = match window {
        Some(RecoveryWindow { last_successful_backup_time, last_failed_backup_time, first_recoverability_point }) => {
            (*last_successful_backup_time, *last_failed_backup_time, *first_recoverability_point)
        }
        None => (None, None, None),
    };
    let backups = match (success, failure) {
        // The plugin writes both in UTC and in one form, so that their texts compare like the times.
        (Some(success), Some(failure)) if success < failure => {
            BackupState::Trouble(format!("the backup of {failure} failed"))
        }
        (Some(_), _) => BackupState::AsPlanned,
        (None, Some(failure)) => BackupState::Trouble(format!("there is no full backup: that of {failure} failed")),
        (None, None) => BackupState::NotYet("there is no full backup yet".into()),
    };
    BackupHealth {
        last_success: success.map(String::from),
        last_failure: failure.map(String::from),
        first_recoverable: first.map(String::from),
        ..BackupHealth::of(before.into_iter().find(|state| *state != BackupState::AsPlanned).unwrap_or(backups))
    }
}

fn archive_state(cluster: Option<&ClusterStatus>) -> BackupState {
    match cluster.and_then(|status| status.condition("ContinuousArchiving")) {
        Some(Condition { status: "True", .. }) => BackupState::AsPlanned,
        Some(Condition { message, .. }) => {
            BackupState::Trouble(format!("the log is not archived: {}", message.unwrap_or("no reason given")))
        }
        None => BackupState::NotYet("the operator has not said yet whether the log is archived".into()),
    }
}

/// While the data is brought to another release line nothing runs, and the image is the new one already.
fn running(status: &ClusterStatus) -> Option<String> {
    let image = version(status.image?)?;
    let data = status.pg_data_image_info.as_ref().map(|data| data.major_version.to_string());
    let other = data.filter(|line| image.split('.').next() != Some(line));
    Some(other.unwrap_or_else(|| image.into()))
}

/// `17.7` of `ghcr.io/cloudnative-pg/postgresql:17.7-standard-bookworm`, also with a digest behind it.
fn version(image: &str) -> Option<&str> {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    let (_, tag) = name.rsplit_once(':')?;
    let number = tag.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
    Some(number.trim_end_matches('.')).filter(|number| !number.is_empty())
}

#[cfg(test)]
mod tests;
