//! How the operator says that a database is. In: the observed resources of a generation, and the workloads that the operator
//! makes. Out: its health, held against the plan: the operator's word alone is neither about how many members are ready nor
//! about what they are made of. A status that is missing was not written yet, and is never ready.

use super::status::{Backup, Cluster, Workload};
use super::{ADMINISTRATOR, cluster, key, question};
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::record::Generation;
use crate::map::{map, sort};
use crate::observed::{Answer, Observed};
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::pod_template::Container;
use crate::operators::{account_job, aws_files, backup_job, password, volumes};
use crate::wire::{Key, Undecodable};
use std::collections::BTreeMap;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let plan = &generation.plan;
    let found: Option<Cluster> = observed.get(&generation.key(key::CLUSTER))?;
    let looks = plan.terms.delivery == Delivery::Direct;
    let members = one(observed.answer::<Workload>(&question::members(generation))?).filter(|_| looks);
    let routers = one(observed.answer::<Workload>(&question::router(generation))?).filter(|_| looks);

    let storage = storage(generation, found.as_ref(), observed)?;
    let group = match &found {
        None => State::Absent,
        Some(found) => group(plan, found, looks.then_some(members.as_ref())),
    };
    let whole = group == State::Ready && !matches!(storage, Storage::NotYet(_));
    let mut resources = map([(Key(generation.key(key::CLUSTER)), whole)]);
    let way_in = if looks { way_in(&plan.terms, routers.as_ref()) } else { State::Ready };
    let account = account_job::state(generation, account_job::KEY, observed)?;
    resources.insert(account_job::key(generation), account == State::Ready);
    resources.extend(password::readiness_of(generation, ADMINISTRATOR, observed)?);
    resources.extend(password::readiness(generation, observed)?);

    let secrets =
        [password::missing_of(generation, ADMINISTRATOR, observed)?, password::missing(generation, observed)?];
    let mut state = first(first(group, way_in), account);
    // Members wait for the administrator's secret without a word.
    if let (State::Progressing(_), Some(missing)) = (&state, secrets.into_iter().flatten().next()) {
        state = State::Progressing(missing);
    }
    if let (State::Progressing(_), Some(old)) = (&state, left_over(generation, found.as_ref(), observed)?) {
        state = State::Failed(old);
    }
    let backup = backups(generation, observed, &mut resources)?;
    let online = found.as_ref().map_or(0, |found| found.status.cluster.online_instances);
    Ok(Health {
        state,
        ready_replicas: members.as_ref().map_or(online, |members| members.status.ready_replicas.min(online)),
        version: members.as_ref().and_then(release).map(String::from),
        resources,
        storage,
        backup,
    })
}

/// Nothing and not having asked are the same here: both say nothing.
fn one<T>(answer: Answer<Vec<T>>) -> Option<T> {
    match answer {
        Answer::Found(found) => found.into_iter().next(),
        Answer::NotAsked | Answer::Nothing => None,
    }
}

/// What comes next counts once what is before it is ready.
fn first(before: State, next: State) -> State {
    if before == State::Ready { next } else { before }
}

/// Members that form a majority serve, whatever the rest does (`diagnose.py` of the operator's release).
const SERVING: [&str; 2] = ["ONLINE_PARTIAL", "ONLINE_UNCERTAIN"];
/// Not made yet, or going.
const UNDER_WAY: [&str; 3] = ["PENDING", "INITIALIZING", "FINALIZING"];

/// `members`: None where nobody can look at them.
fn group(plan: &Plan, found: &Cluster, members: Option<Option<&Workload>>) -> State {
    let Cluster { spec, status, .. } = found;
    let replicas = plan.terms.replicas;
    let online = format!("{} of {replicas} members are online", status.cluster.online_instances);
    match status.cluster.status {
        None | Some("") => return State::Progressing("the operator has not seen it yet".into()),
        Some("ONLINE") => {}
        Some(state) if SERVING.contains(&state) => return State::Degraded(format!("the group is {state}; {online}")),
        Some(state) if UNDER_WAY.contains(&state) => {
            return State::Progressing(format!("the group is {state}; {online}"));
        }
        Some(state) => return State::Failed(format!("the group is {state}; {online}")),
    }
    let told = [
        spec.instances == Some(replicas),
        spec.version == Some(plan.notes.release.as_str()),
        spec.router.instances == Some(cluster::routers(&plan.terms)),
    ];
    if told.contains(&false) {
        return State::Progressing("the operator has not been told of the plan yet".into());
    }
    if status.cluster.online_instances < replicas {
        return State::Degraded(online);
    }
    match members {
        None => State::Ready,
        Some(None) => State::Progressing("nobody has seen the members' StatefulSet yet".into()),
        Some(Some(members)) => unlike(plan, members),
    }
}

/// Where the pods are not the planned ones.
fn unlike(plan: &Plan, members: &Workload) -> State {
    let Plan { terms, notes, .. } = plan;
    let replicas = terms.replicas;
    let runs = release(members).unwrap_or("no image");
    if runs != notes.release {
        return State::Progressing(format!("the members are to run {runs} instead of {}", notes.release));
    }
    let status = &members.status;
    if status.updated_replicas < replicas {
        return State::Progressing(format!("{} of {replicas} members are up to date", status.updated_replicas));
    }
    if status.ready_replicas < replicas {
        return State::Degraded(format!("{} of {replicas} members are ready", status.ready_replicas));
    }
    let limits = server(members).and_then(|server| server.resources.limits);
    match limits.map(|limits| (limits.cpu, limits.memory)) {
        Some((Some(cpu), Some(memory))) if (cpu, memory) == (terms.cpu, terms.memory) => State::Ready,
        Some((Some(cpu), Some(memory))) => State::Degraded(format!(
            "the members have {cpu} cpu and {memory} of memory instead of {} and {}, and the operator never changes it",
            terms.cpu, terms.memory
        )),
        _ => State::Degraded("the members have no limits, and the operator never changes it".into()),
    }
}

fn server<'a>(members: &'a Workload<'a>) -> Option<&'a Container<'a>> {
    members.spec.template.container("mysql")
}

/// `8.4.7` of `container-registry.oracle.com/mysql/community-server:8.4.7`.
fn release<'a>(members: &'a Workload<'a>) -> Option<&'a str> {
    let (_, tag) = server(members)?.image?.rsplit_once(':')?;
    Some(tag)
}

fn way_in(terms: &Terms, routers: Option<&Workload>) -> State {
    let wanted = cluster::routers(terms);
    match routers.map_or(0, |routers| routers.status.ready_replicas) {
        0 => State::Progressing("no instance of MySQL Router is ready, so nobody can connect".into()),
        ready if ready < wanted => State::Degraded(format!("{ready} of {wanted} instances of MySQL Router are ready")),
        _ => State::Ready,
    }
}

/// Volumes of one that was deleted, where this one has not begun yet.
fn left_over(
    generation: &Generation,
    found: Option<&Cluster>,
    observed: &Observed,
) -> Result<Option<String>, Undecodable> {
    // That of a drill is ours, and made first.
    let begins = found.filter(|found| found.status.create_time.is_none() && !generation.is_drill());
    match begins.and_then(|found| found.metadata.creation_timestamp) {
        Some(made) => volumes::left_over(&question::volumes(generation), made, observed),
        None => Ok(None),
    }
}

/// Every volume of a member is as large as planned, and every member has one. One that a member left behind is larger or
/// not: it must do for the next.
fn storage(generation: &Generation, found: Option<&Cluster>, observed: &Observed) -> Result<Storage, Undecodable> {
    let terms = &generation.plan.terms;
    if terms.delivery != Delivery::Direct {
        let made = found.is_some_and(|found| found.status.create_time.is_some());
        return Ok(match made {
            true => {
                Storage::Unknown("the volumes are in another cluster, and the operator says nothing of them".into())
            }
            false => Storage::NotYet("there are no volumes yet".into()),
        });
    }
    volumes::storage(&question::volumes(generation), terms.storage, terms.replicas, observed)
}

fn backups(
    generation: &Generation,
    observed: &Observed,
    resources: &mut BTreeMap<Key, bool>,
) -> Result<BackupHealth, Undecodable> {
    let Some(plan) = &generation.plan.terms.backup else { return Ok(BackupHealth::of(BackupState::AsPlanned)) };
    let missing = aws_files::missing(generation, &plan.destination, observed);
    let pruner = Key(generation.key(backup_job::PRUNE_KEY));
    let there = observed.composed.contains_key(&pruner);
    resources.insert(pruner, there);
    resources.insert(Key(generation.key(aws_files::KEY)), missing.is_none());
    let mut made: Vec<Backup> = match observed.answer(&question::backups(generation))? {
        Answer::Found(made) => made,
        Answer::NotAsked | Answer::Nothing => vec![],
    };
    // The operator writes all times in UTC and in one form.
    sort(&mut made, |one, other| one.status.start_time.cmp(&other.status.start_time));
    let last = |state: &str| made.iter().rev().find(|backup| backup.status.status == Some(state));
    let (success, failure) = (last("Completed"), last("Error"));
    let time = |backup: Option<&Backup>| backup.and_then(|backup| backup.status.completion_time).map(String::from);
    let failed_last =
        failure.filter(|failure| success.is_none_or(|success| success.status.start_time < failure.status.start_time));
    let state = match (missing, failed_last, success) {
        (Some(missing), _, _) => BackupState::NotYet(missing),
        (None, Some(failure), _) => BackupState::Trouble(format!(
            "the backup of {} failed: {}",
            failure.status.start_time.unwrap_or("an unknown time"),
            failure.status.message.unwrap_or("no reason given")
        )),
        (None, None, None) => BackupState::NotYet("there is no full backup yet".into()),
        (None, None, Some(_)) => BackupState::AsPlanned,
    };
    Ok(BackupHealth { last_success: time(success), last_failure: time(failure), ..BackupHealth::of(state) })
}
