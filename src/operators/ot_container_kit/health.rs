//! How a Redis database is. In: the observed resources of a generation, and the StatefulSets behind them, since only a
//! `RedisCluster` says itself whether its members are ready. Out: its health, held against the plan.

use super::{cluster, key, sentinel, sharded, volumes};
use crate::api::plan::{Delivery, Plan};
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::stateful_set::{self, Rollout, Wanted, rollout};
use crate::operators::volumes::storage;
use crate::operators::{backup_job, certificate, password, restore_job};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let Plan { terms, notes, .. } = &generation.plan;
    let direct = terms.delivery == Delivery::Direct;
    let all = terms.replicas.saturating_mul(terms.shards);
    let storage = match direct {
        true => storage(&volumes(generation), terms.storage, all, observed)?,
        false => Storage::Unknown("the volumes are in another cluster".into()),
    };
    let (role, members) = match sharded(terms) {
        true => (key::CLUSTER, shards(generation, observed)?),
        false => (key::REPLICATION, replication(generation, observed)?),
    };
    let mut resources = map([]);
    let mut state = members.state.clone();
    if sentinel::stand_by(terms) {
        let sentinels = sentinels(generation, observed)?;
        resources.insert(Key(generation.key(key::SENTINEL)), sentinels == State::Ready);
        if state == State::Ready {
            state = sentinels;
        }
    }
    state = restore_job::state(generation, state, observed, &mut resources)?;
    let filled = generation.awaited().is_none() || state == State::Ready;
    let whole = members.state == State::Ready && !matches!(storage, Storage::NotYet(_)) && filled;
    resources.insert(Key(generation.key(role)), whole);
    resources.extend(password::readiness(generation, observed)?);
    resources.extend(certificate::readiness(generation, observed)?);
    // Pods wait for both without a word.
    if let State::Progressing(_) = state {
        let missing = password::missing(generation, observed)?.or(certificate::missing(generation, observed)?);
        state = missing.map_or(state, State::Progressing);
    }
    let backup = match terms.backup {
        Some(_) => backup_job::health(generation, observed)?,
        None => BackupHealth::of(BackupState::AsPlanned),
    };
    // Only what runs has a version, and it is the planned one as soon as all have restarted.
    let rolled_out = members.rolled_out.then(|| stateful_set::version(&notes.release)).flatten();
    Ok(Health {
        state,
        ready_replicas: members.ready,
        version: rolled_out.map(String::from),
        resources,
        storage,
        backup,
    })
}

/// Whether what it is filled with would stay: the operator has made replicas of the members that are none yet, and sentinels
/// look after them.
pub fn is_up(generation: &Generation, observed: &Observed) -> Result<bool, Undecodable> {
    let members = replication(generation, observed)?.state;
    let looked_after = !sentinel::stand_by(&generation.plan.terms) || sentinels(generation, observed)? == State::Ready;
    Ok(members == State::Ready && looked_after)
}

/// Those that hold data.
struct Members {
    state: State,
    ready: u32,
    rolled_out: bool,
}

impl Members {
    fn absent() -> Members {
        Members { state: State::Absent, ready: 0, rolled_out: false }
    }
}

fn wanted(plan: &Plan, replicas: u32) -> Wanted<'_> {
    let Plan { terms, notes, .. } = plan;
    Wanted { replicas, image: Some(&notes.release), cpu: terms.cpu, memory: terms.memory }
}

fn replication(generation: &Generation, observed: &Observed) -> Result<Members, Undecodable> {
    let plan = &generation.plan;
    let Some(Replication { status }) = observed.get(&generation.key(key::REPLICATION))? else {
        return Ok(Members::absent());
    };
    let replicas = plan.terms.replicas;
    let rollout = rollout(generation, &generation.name(), &wanted(plan, replicas), observed)?;
    let served = status.master_node.is_some_and(|name| !name.is_empty());
    let state = match &rollout {
        Rollout::Under { way, .. } => State::Progressing(way.clone()),
        Rollout::Done { ready } if *ready < replicas && !served => State::Progressing(count(*ready, replicas)),
        Rollout::Done { ready: 0 } => State::Failed(count(0, replicas)),
        Rollout::Done { ready } if *ready < replicas => State::Degraded(count(*ready, replicas)),
        Rollout::Done { .. } if !served => State::Progressing("the operator has found no primary yet".into()),
        Rollout::Done { .. } => State::Ready,
    };
    Ok(Members { state, ready: rollout.ready(), rolled_out: matches!(rollout, Rollout::Done { .. }) })
}

fn count(ready: u32, members: u32) -> String {
    format!("{ready} of {members} members are ready")
}

/// Without a quorum of them nobody takes the place of a lost primary, and nothing else shows it. Their image is the
/// platform's setting, which is not known here.
fn sentinels(generation: &Generation, observed: &Observed) -> Result<State, Undecodable> {
    let Amounts { cpu, memory, .. } = sentinel::INSTANCE;
    let wanted = Wanted { replicas: sentinel::COUNT, image: None, cpu, memory };
    Ok(match rollout(generation, &sentinel::workload(&generation.name()), &wanted, observed)? {
        Rollout::Under { way, .. } => State::Progressing(way),
        Rollout::Done { ready } if ready < sentinel::COUNT => {
            State::Degraded(format!("{ready} of {} sentinels are ready", sentinel::COUNT))
        }
        Rollout::Done { .. } => State::Ready,
    })
}

/// The operator knows whether the members form a cluster, and Kubernetes whether all of them are as planned.
fn shards(generation: &Generation, observed: &Observed) -> Result<Members, Undecodable> {
    let plan = &generation.plan;
    let Some(RedisCluster { status }) = observed.get(&generation.key(key::CLUSTER))? else {
        return Ok(Members::absent());
    };
    let (leaders, followers) = (plan.terms.shards, cluster::follower_count(&plan.terms));
    let mut ready = status.ready_leader_replicas.saturating_add(status.ready_follower_replicas);
    let mut under = None;
    if plan.terms.delivery == Delivery::Direct {
        ready = 0;
        let name = generation.name();
        for (name, replicas) in [(cluster::leaders(&name), leaders), (cluster::followers(&name), followers)] {
            let rollout = rollout(generation, &name, &wanted(plan, replicas), observed)?;
            ready = ready.saturating_add(rollout.ready());
            if let Rollout::Under { way, .. } = rollout {
                under = under.or(Some(way));
            }
        }
    }
    let all = leaders.saturating_add(followers);
    let reason = status.reason.unwrap_or("the operator does not say why");
    let state = match (status.state, &under) {
        (None, _) => State::Progressing("the operator has not seen it yet".into()),
        (Some("Failed"), _) => State::Degraded(format!("{reason}; {}", count(ready, all))),
        (_, Some(way)) => State::Progressing(way.clone()),
        (Some("Ready"), None) if ready < all => State::Degraded(count(ready, all)),
        (Some("Ready"), None) => State::Ready,
        (Some(_), None) => State::Progressing(format!("{reason}; {}", count(ready, all))),
    };
    Ok(Members { state, ready, rolled_out: under.is_none() })
}

#[derive(Default, Deserialize)]
struct RedisCluster<'a> {
    #[serde(default, borrow)]
    status: ClusterStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClusterStatus<'a> {
    /// `Initializing`, `Bootstrap`, `Ready` or `Failed`.
    state: Option<&'a str>,
    reason: Option<&'a str>,
    ready_leader_replicas: u32,
    ready_follower_replicas: u32,
}

#[derive(Default, Deserialize)]
struct Replication<'a> {
    #[serde(default, borrow)]
    status: ReplicationStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicationStatus<'a> {
    /// The pod of the primary, as the operator saw it last.
    master_node: Option<&'a str>,
}
