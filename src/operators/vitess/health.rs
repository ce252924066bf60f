//! How the operator says that a database is: it counts, and has no word for how that is. In: the observed resources of a
//! generation. Out: its health, held against the plan. A number that is missing is none.

use super::status::{Cluster, Keyspace};
use super::{CELL, backup, key, tablets, volumes};
use crate::api::plan::{Delivery, Plan};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed};
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::{self, aws_files, backup_job, certificate, password};
use crate::wire::{Key, Undecodable};

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let plan = &generation.plan;
    let cluster: Option<Cluster> = observed.get(&generation.key(key::CLUSTER))?;
    let keyspace = cluster.as_ref().and_then(|it| it.status.keyspaces.get(plan.terms.database.inside.as_str()));
    let ready = keyspace.map_or(0, |keyspace| keyspace.ready_tablets);
    let storage = storage(generation, ready, observed)?;
    let mut state = cluster.as_ref().map_or(State::Absent, |cluster| members(plan, cluster, keyspace));
    let whole = state == State::Ready && !matches!(storage, Storage::NotYet(_));

    let there = |role: &str| {
        let key = Key(generation.key(role));
        let there = observed.composed.contains_key(&key);
        (key, there)
    };
    let mut resources = map([(Key(generation.key(key::CLUSTER)), whole), there(key::INIT_SCRIPT)]);
    resources.extend(password::readiness(generation, observed)?);
    resources.extend(certificate::readiness(generation, observed)?);
    let mut awaited = vec![password::missing(generation, observed)?, certificate::missing(generation, observed)?];
    let mut backup = BackupHealth::of(BackupState::AsPlanned);
    if let Some(terms) = &plan.terms.backup {
        let missing = aws_files::missing(generation, &terms.destination, observed);
        resources.extend([there(key::SCHEDULE), there(backup_job::PRUNE_KEY)]);
        if aws_files::question(generation, &terms.destination).is_some() {
            resources.insert(Key(generation.key(aws_files::KEY)), missing.is_none());
        }
        awaited.push(missing.clone());
        if ready == 0 && observed.objects(&backup::made(generation)) == Answer::Nothing {
            awaited.push(Some("members are made of a first backup, and there is none yet".into()));
        }
        backup = backup::health(generation, observed, missing)?;
    }
    // Pods wait for all of it without a word.
    if let (State::Progressing(_), Some(missing)) = (&state, awaited.into_iter().flatten().next()) {
        state = State::Progressing(missing);
    }
    let tag = cluster.as_ref().and_then(|cluster| cluster.spec.images.vttablet?.rsplit_once(':'));
    let up_to_date = keyspace.is_some_and(|keyspace| keyspace.updated_tablets == tablets(&plan.terms));
    Ok(Health {
        state,
        ready_replicas: ready,
        version: tag.filter(|_| up_to_date).map(|(_, tag)| tag.into()),
        resources,
        storage,
        backup,
    })
}

fn members(plan: &Plan, cluster: &Cluster, keyspace: Option<&Keyspace>) -> State {
    let Cluster { metadata, spec, status } = cluster;
    let terms = &plan.terms;
    let all = tablets(terms);
    let Some(keyspace) = keyspace else { return State::Progressing("the operator has not seen it yet".into()) };
    if status.observed_generation.is_none() || status.observed_generation != metadata.generation {
        return State::Progressing("the operator has not seen the last change yet".into());
    }
    let planned = (keyspace.desired_shards, keyspace.desired_tablets) == (terms.shards, all);
    if !planned || spec.images.vttablet != Some(plan.notes.release.as_str()) {
        return State::Progressing("the operator has not been told of the plan yet".into());
    }
    let count = format!("{} of {all} members are ready", keyspace.ready_tablets);
    // So few that a shard may be without any.
    if all.saturating_sub(keyspace.ready_tablets) >= terms.replicas {
        return State::Progressing(count);
    }
    match status.cells.get(CELL).and_then(|cell| cell.gateway_available) {
        Some("True") => {}
        _ => return State::Progressing("vtgate is not available, so nobody can connect".into()),
    }
    if keyspace.ready_tablets < all {
        return State::Degraded(count);
    }
    match keyspace.pending_changes {
        None | Some("") => {}
        Some(changes) => return State::Progressing(format!("changes are under way: {changes}")),
    }
    if keyspace.updated_tablets < all {
        return State::Progressing(format!("{} of {all} members are up to date", keyspace.updated_tablets));
    }
    if keyspace.tablets > all {
        return State::Progressing(format!("{} members are there instead of {all}", keyspace.tablets));
    }
    State::Ready
}

fn storage(generation: &Generation, ready: u32, observed: &Observed) -> Result<Storage, Undecodable> {
    let terms = &generation.plan.terms;
    Ok(match terms.delivery {
        Delivery::Direct => operators::volumes::storage(&volumes(generation), terms.storage, tablets(terms), observed)?,
        Delivery::Object(_) if ready > 0 => {
            Storage::Unknown("the volumes are in another cluster, and the operator says nothing of them".into())
        }
        Delivery::Object(_) => Storage::NotYet("there are no volumes yet".into()),
    })
}
