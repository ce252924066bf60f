//! How Azure says that a server is. In: the observed resources of a generation. Out: its health, held against the plan. The
//! operator's condition says whether Azure was told everything, and the state whether the server runs.

use super::server::Member;
use super::{access, key, server, sku};
use crate::api::plan::Plan;
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::{map, set};
use crate::observed::Observed;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::password;
use crate::wire::{Key, Undecodable};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::iter;

/// States of a server in which clients can connect.
const SERVING: [&str; 2] = ["Ready", "Updating"];

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let plan = &generation.plan;
    let Some(primary) = observed.get::<Server>(&generation.key(key::SERVER))? else { return Ok(Health::absent()) };
    let mut storage = storage(plan, "the server", &primary.status);
    let mut state = primary_state(plan, &primary);
    let whole = state == State::Ready && !matches!(storage, Storage::NotYet(_));
    let mut resources = map([(Key(generation.key(key::SERVER)), whole)]);
    let mut members = u32::from(primary.status.serves());
    if plan.terms.replicas > 1 {
        members += u32::from(primary.status.high_availability.state == Some("Healthy"));
    }
    for member in server::replicas(&plan.terms) {
        let key = generation.key(&member.key());
        let name = member.key();
        let replica: Option<Server> = observed.get(&key)?;
        let (replica_state, size) = match &replica {
            Some(replica) => (replica_state(plan, &name, replica), self::storage(plan, &name, &replica.status)),
            None => {
                let why = format!("{name} is not there yet");
                (State::Progressing(why.clone()), Storage::NotYet(why))
            }
        };
        members += u32::from(replica_state == State::Ready);
        resources.insert(Key(key), replica_state == State::Ready && size == Storage::AsPlanned);
        state = first(state, replica_state);
        storage = if storage == Storage::AsPlanned { size } else { storage };
    }
    for key in beside(generation, observed) {
        let found: Option<Server> = observed.get(&key.0)?;
        let said = match &found {
            Some(found) => found.state(&key.0),
            None => State::Progressing(format!("{} does not exist yet", key.0)),
        };
        resources.insert(key, said == State::Ready);
        state = first(state, said);
    }
    resources.extend(password::readiness(generation, observed)?);
    if let State::Progressing(_) = state {
        state = password::missing(generation, observed)?.map_or(state, State::Progressing);
    }
    Ok(Health {
        state,
        ready_replicas: members,
        version: primary.status.running(),
        resources,
        storage,
        backup: backup(plan, &primary.status),
    })
}

/// Of two, the first that is not ready.
fn first(state: State, next: State) -> State {
    if state == State::Ready { next } else { state }
}

/// Whether Azure can copy it.
pub fn is_ready(generation: &Generation, observed: &Observed) -> bool {
    let found: Option<Server> = observed.get(&generation.key(key::SERVER)).ok().flatten();
    found.is_some_and(|server| server.said() == Said::Done && server.status.state == Some("Ready"))
}

/// What stands beside the servers, and answers in the same way. Database and settings must be there; addresses and
/// identities are the platform's settings, and here they are what is observed.
fn beside(generation: &Generation, observed: &Observed) -> BTreeSet<Key> {
    let Plan { terms, .. } = &generation.plan;
    let exists = |member: &Member| observed.composed.contains_key(&Key(generation.key(&member.key())));
    let members: Vec<Member> = iter::once(Member::Primary).chain(server::replicas(terms).filter(exists)).collect();
    let settings = members.iter().flat_map(|member| access::roles(&generation.plan, *member));
    let expected = settings.chain([key::DATABASE.into()]).map(|role: String| Key(generation.key(&role)));
    let rules: Vec<String> = members.iter().map(|member| member.key_of(key::FIREWALL)).collect();
    let identity = [key::IDENTITY.into(), key::CREDENTIAL.into(), generation.key(key::ADMINISTRATOR)];
    let there = observed.composed.keys().filter(|Key(key)| {
        let rule = key.ends_with(&generation.key("")) && rules.iter().any(|rule| key.starts_with(rule));
        rule || identity.contains(key)
    });
    set(expected.chain(there.cloned()))
}

/// Whether it is the planned one, and serves.
fn replica_state(plan: &Plan, name: &str, replica: &Server) -> State {
    match replica.state(name) {
        State::Ready => {}
        other => return other,
    }
    if let Some(difference) = unlike(plan, &replica.status) {
        return State::Progressing(format!("{name}: {difference}"));
    }
    match replica.status.state {
        Some("Ready") => State::Ready,
        Some(other) => State::Degraded(format!("{name} is {other}")),
        None => State::Progressing(format!("Azure has not said yet how {name} is")),
    }
}

fn primary_state(plan: &Plan, primary: &Server) -> State {
    let status = &primary.status;
    match primary.said() {
        Said::Done => {}
        Said::Busy(why) => return State::Progressing(why),
        Said::Stuck(why) if status.serves() => return State::Degraded(why),
        Said::Stuck(why) => return State::Failed(why),
    }
    if let Some(difference) = unlike(plan, status) {
        return State::Progressing(difference);
    }
    match status.state {
        Some("Ready") if plan.terms.replicas > 1 => match status.high_availability.state {
            Some("Healthy") => State::Ready,
            // Azure makes the standby after the server.
            Some(other) => State::Degraded(format!("the standby is {other}")),
            None => State::Progressing("there is no standby yet".into()),
        },
        Some("Ready") => State::Ready,
        Some("Disabled" | "Dropping" | "Stopped" | "Stopping") => {
            State::Failed(format!("the server is {}", status.state.unwrap_or_default()))
        }
        Some(other) => State::Progressing(format!("the server is {other}")),
        None => State::Progressing("Azure has not said yet how the server is".into()),
    }
}

/// Where a server that is as it was asked for is not the planned one: the plan has only just changed.
fn unlike(plan: &Plan, status: &Status) -> Option<String> {
    let terms = &plan.terms;
    let wanted = sku::of(terms.cpu, terms.memory).map(|sku| sku.name);
    if status.sku.name != wanted {
        return Some(format!("it is still a {}", status.sku.name.unwrap_or("server of unknown size")));
    }
    let version = status.version.filter(|version| *version == terms.version);
    if version.is_none() {
        return Some(format!("it still runs release {}", status.version.unwrap_or("unknown")));
    }
    None
}

fn storage(plan: &Plan, server: &str, status: &Status) -> Storage {
    let planned = plan.terms.storage;
    match status.storage.storage_size_gb.map(|gibibytes| Bytes(gibibytes.saturating_mul(Bytes::GI))) {
        None => Storage::NotYet(format!("Azure has not said yet how large the volume of {server} is")),
        Some(size) if size < planned => Storage::NotYet(format!("the volume of {server} has {size} of {planned}")),
        Some(_) => Storage::AsPlanned,
    }
}

/// Azure's own backups: how far back they go is all that it says.
fn backup(plan: &Plan, status: &Status) -> BackupHealth {
    let kept = status.backup.backup_retention_days;
    let state = match (plan.terms.backup.is_some(), status.backup.earliest_restore_date) {
        (false, _) => BackupState::AsPlanned,
        (true, _) if kept != Some(server::retention(&plan.terms)) => {
            BackupState::NotYet("Azure does not keep backups as planned yet".into())
        }
        (true, None) => BackupState::NotYet("there is no backup yet".into()),
        (true, Some(_)) => BackupState::AsPlanned,
    };
    let first = status.backup.earliest_restore_date.map(String::from);
    BackupHealth { first_recoverable: first, ..BackupHealth::of(state) }
}

/// What the operator's condition `Ready` comes to (Azure Service Operator, "Conditions": with severity Error it has given
/// up until somebody changes something).
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Done,
    Busy(String),
    Stuck(String),
}

/// A resource of the operator; those beside the server have fewer fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Server<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    status: Status<'a>,
}

impl Server<'_> {
    /// Of what stands beside a server that serves.
    fn state(&self, name: &str) -> State {
        match self.said() {
            Said::Done => State::Ready,
            Said::Stuck(why) => State::Degraded(format!("{name}: {why}")),
            Said::Busy(why) => State::Progressing(format!("{name}: {why}")),
        }
    }

    fn said(&self) -> Said {
        let found = self.status.conditions.iter().find(|condition| condition.kind == "Ready");
        let Some(Condition { status, severity, reason, message, observed_generation, .. }) = found else {
            return Said::Busy("the operator has not seen it yet".into());
        };
        let seen = self.metadata.generation.is_some() && *observed_generation == self.metadata.generation;
        let reason = reason.unwrap_or("no reason given");
        let why = match message {
            None | Some("") => reason.to_string(),
            Some(message) => format!("{reason}: {message}"),
        };
        match (*status, severity) {
            _ if !seen => Said::Busy("the operator has not seen the plan yet".into()),
            ("True", _) if self.status.is_config_pending_restart => {
                Said::Stuck("it waits for a restart of the server, which somebody must ask Azure for".into())
            }
            ("True", _) => Said::Done,
            (_, Some("Error")) => Said::Stuck(why),
            _ => Said::Busy(why),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
    state: Option<&'a str>,
    version: Option<&'a str>,
    minor_version: Option<&'a str>,
    #[serde(borrow)]
    sku: Sku<'a>,
    storage: StorageStatus,
    #[serde(borrow)]
    high_availability: HighAvailability<'a>,
    #[serde(borrow)]
    backup: BackupStatus<'a>,
    /// Of a setting that is only read at the start: Azure restarts no server for it, and the operator cannot.
    is_config_pending_restart: bool,
}

impl Status<'_> {
    fn serves(&self) -> bool {
        self.state.is_some_and(|state| SERVING.contains(&state))
    }

    /// `17.6`.
    fn running(&self) -> Option<String> {
        let version = self.version?;
        Some(self.minor_version.map_or_else(|| version.to_string(), |minor| format!("{version}.{minor}")))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    severity: Option<&'a str>,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    observed_generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sku<'a> {
    name: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StorageStatus {
    #[serde(rename = "storageSizeGB")]
    storage_size_gb: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HighAvailability<'a> {
    state: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BackupStatus<'a> {
    backup_retention_days: Option<u32>,
    earliest_restore_date: Option<&'a str>,
}
