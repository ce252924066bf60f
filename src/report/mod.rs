//! What the database says of itself. In: what the gate ruled, the engine's facts and health, what is observed. Out: status,
//! conditions and events. Must not decide what runs, and says nothing that changes on every run.

pub mod guard;
pub mod conditions;
pub mod backups;
pub mod standby;

use crate::api::claim::{Composite, CredentialSource, DeletionPolicy};
use crate::api::plan::Plan;
use crate::api::record::{Beside, Fate, Generation, Record};
use crate::api::status::{
    Binding, Phase, Resolved, RestoreState, RestoreStatus, RoleStatus, RotationStatus, Stage, Status, Waiting,
};
use crate::gate::{self, Standing, overwrite};
use crate::integrations::Access;
use crate::observed::Observed;
use crate::operators::health::Storage;
use crate::operators::roles::{self, May};
use crate::operators::rotation;
use crate::operators::{Health, Made, State, name_of};
use crate::pipeline::documents::Ruling;
use crate::wire::{DesiredResource, Key};
use std::collections::BTreeMap;

pub use conditions::{circuit_is_open, conditions, events, observed};

/// All that a report is made of.
pub struct View<'a> {
    pub composite: &'a Composite,
    pub ruling: &'a Ruling,
    /// None: nothing runs.
    pub access: Option<&'a Access>,
    pub health: Option<&'a Health>,
    /// Of the generation that a restore makes ready.
    pub next: Option<&'a Health>,
    /// Of what follows it in another region.
    pub standby: Option<&'a Health>,
    /// Of the throw-away instance of a restore drill.
    pub drill: Option<&'a Health>,
    /// The backups of the one that serves.
    pub made: &'a [Made],
    /// The last of them is older than it should be.
    pub stale: bool,
    pub desired: &'a BTreeMap<Key, DesiredResource>,
    pub observed: &'a Observed,
}

impl View<'_> {
    fn record(&self) -> Option<&Record> {
        self.ruling.record.as_ref()
    }

    /// Why there are none for applications yet.
    fn no_credentials(&self) -> Option<&str> {
        self.access.and_then(|access| access.credentials.as_deref())
    }

    fn serving(&self) -> Option<&Generation> {
        self.record().map(|record| &record.serving)
    }
}

/// Whole, every time: what a successful response leaves out vanishes.
pub fn status(view: &View) -> Status {
    let approval = Some(view.ruling.approval.clone()).filter(|approval| *approval != Default::default());
    // Crossplane copies the status to a claim, where the generation of the composite behind it would be a wrong answer, for
    // which those who wait for the claim would wait for ever.
    let of_claim = view.composite.spec.claim_ref.is_some();
    let observed_generation = view.composite.metadata.generation.filter(|_| !of_claim);
    let mut status =
        Status { phase: phase(view), stage: stage(view), observed_generation, approval, ..Status::default() };
    status.waiting = view.ruling.waiting.clone();
    status.restores = restores(view);
    status.disaster_recovery = standby::status(view);
    status.message = message(view);
    if let Some(serving) = view.serving() {
        let Plan { terms, notes, .. } = &serving.plan;
        status.resolved = Some(resolved(&serving.plan));
        status.estimated_monthly_cost = notes.monthly_cost.clone();
        status.version_outdated = notes.retired;
        let users = roles::users(serving).into_iter().filter(|user| matches!(user.may, May::Be(_)));
        status.roles =
            users.map(|user| RoleStatus { secret: roles::secret(serving, &user), name: user.name }).collect();
        status.rotation = serving.rotation.as_ref().map(|rotation| RotationStatus {
            turn: rotation.turn,
            stage: rotation.stage,
            user: rotation::user(rotation.published()).map(String::from),
            since: rotation.since.clone(),
            next: gate::rotation::due(serving).map(|due| due.to_string()),
        });
        if let Some(access) = view.access {
            status.endpoint = access.primary.clone();
            status.reader_endpoint = access.replica.clone();
            status.pooler_endpoint = access.pooler.clone();
            status.vault_path = access.vault_path.clone();
            status.console = access.console.clone();
            status.binding = Some(Binding { name: access.binding.clone() });
        }
        if let Some(health) = view.health {
            status.ready_replicas = health.ready_replicas;
            status.current_version = health.version.clone();
            status.last_backup = health.backup.last_success.clone();
            status.backup = terms.backup.as_ref().map(|backup| backups::status(view, backup, &health.backup));
        }
    }
    status
}

/// Of what runs: a pending edit shows in conditions and in `approval`, and never changes the phase.
fn phase(view: &View) -> Phase {
    let (Some(record), Some(health)) = (view.record(), view.health) else {
        return match view.ruling.standing {
            Standing::Invalid => Phase::Invalid,
            Standing::AwaitingApproval => Phase::AwaitingApproval,
            Standing::Asking | Standing::Applied | Standing::Waiting | Standing::Restoring | Standing::Lost => {
                Phase::Provisioning
            }
        };
    };
    if view.ruling.deletion.approved {
        return Phase::Deleting;
    }
    if view.next.is_some() {
        return Phase::Restoring;
    }
    if standby::promotion(view).is_some() {
        return Phase::Updating;
    }
    if view.ruling.lost {
        return Phase::Lost;
    }
    if overwrite::is_under_way(&record.serving) {
        return Phase::Restoring;
    }
    match &health.state {
        State::Ready => match health.storage {
            Storage::NotYet(_) => Phase::Scaling,
            Storage::AsPlanned | Storage::Unknown(_) => Phase::Ready,
        },
        State::Failed(_) => Phase::Failed,
        // While members join for the first time, some are missing without anything being wrong.
        State::Degraded(_) if record.was_ready => Phase::Degraded,
        State::Degraded(_) => Phase::Provisioning,
        State::Hibernated => Phase::Hibernated,
        State::Progressing(_) if record.was_ready && is_upgraded(&record.serving, health) => Phase::Upgrading,
        State::Absent | State::Progressing(_) if record.was_ready => Phase::Updating,
        State::Absent | State::Progressing(_) => Phase::Provisioning,
    }
}

/// What runs is of another release line than the plan. Tags of images that are no numbers say nothing of lines.
fn is_upgraded(serving: &Generation, health: &Health) -> bool {
    let line = serving.plan.terms.version.as_str();
    let digit = |letter: char| letter.is_ascii_digit();
    health.version.as_deref().is_some_and(|runs| {
        let is_of_line = runs.strip_prefix(line).is_some_and(|rest| !rest.starts_with(digit));
        runs.starts_with(digit) && !is_of_line
    })
}

/// The first thing that is still missing.
fn stage(view: &View) -> Stage {
    let (Some(serving), Some(health)) = (view.serving(), view.health) else { return Stage::Validating };
    let is_awaited = |key: &Key| view.desired.contains_key(key) && !view.observed.composed.contains_key(key);
    let monitored = !["pod-monitor", "prometheus-rule"].iter().any(|role| is_awaited(&Key(serving.key(role))));
    match &health.state {
        State::Absent if is_awaited(&Key(serving.shared_key("namespace"))) => Stage::Namespace,
        State::Absent => Stage::Deploying,
        State::Progressing(_) | State::Degraded(_) | State::Failed(_) => Stage::WaitingForReady,
        State::Ready | State::Hibernated if view.no_credentials().is_some() => Stage::Credentials,
        State::Ready | State::Hibernated if health.backup.state.is_awaited() => Stage::Backup,
        State::Ready | State::Hibernated if !monitored => Stage::Metrics,
        State::Ready | State::Hibernated => Stage::Completed,
    }
}

/// One sentence, with the resource that is at fault.
fn message(view: &View) -> Option<String> {
    let name = view.serving().map(Generation::name);
    if let Some(restore) = beside(view).find(|restore| restore.state == RestoreState::Restoring) {
        let RestoreStatus { generation, id, message, .. } = restore;
        let why = message.map(|message| format!(": {message}")).unwrap_or_default();
        return Some(format!(
            "{generation}: it is made by the restore {}, and serves when it is ready{why}",
            id.unwrap_or_default()
        ));
    }
    if let Some((next, why)) = standby::promotion(view) {
        return Some(format!("{}: it is promoted: {why}", next.name()));
    }
    if view.ruling.lost {
        let name = name.unwrap_or_default();
        return Some(format!(
            "the data of {name} is gone, and no empty database is made in its place; restore a backup with spec.restore, \
             or delete this one"
        ));
    }
    if let (Some(name), Some(message)) = (&name, &view.ruling.deletion.message) {
        return Some(format!("{name}: {message}"));
    }
    let Some(health) = view.health else { return waiting(view, "it") };
    let why = match &health.state {
        State::Ready => match &health.storage {
            Storage::NotYet(why) => Some(why.as_str()),
            Storage::AsPlanned | Storage::Unknown(_) => None,
        },
        State::Hibernated => view.ruling.sleep.as_deref().or(health.state.why()),
        other => other.why(),
    };
    why.or(view.no_credentials())
        .or(view.ruling.sleep.as_deref())
        .zip(name)
        .map(|(why, name)| format!("{name}: {why}"))
        .or_else(|| waiting(view, "a change"))
}

/// Why what is claimed is not what runs.
fn waiting(view: &View, what: &str) -> Option<String> {
    if let Some(Waiting { until, .. }) = &view.ruling.waiting {
        return Some(format!("{what} waits for the maintenance window, which opens at {until}; see status.waiting"));
    }
    match view.ruling.standing {
        Standing::Invalid => Some(format!("{what} has mistakes and is not applied; see the condition Validated")),
        Standing::AwaitingApproval => Some(format!("{what} waits for an approval; see status.approval.pending")),
        Standing::Asking | Standing::Applied | Standing::Waiting | Standing::Restoring | Standing::Lost => None,
    }
}

/// The one over what serves first.
fn restores(view: &View) -> Vec<RestoreStatus> {
    let over = view.serving().and_then(|serving| {
        let overwrite = serving.overwrite.as_ref()?;
        let under_way = overwrite::is_under_way(serving);
        Some(RestoreStatus {
            generation: serving.name(),
            state: if under_way { RestoreState::Overwriting } else { RestoreState::Failed },
            id: Some(overwrite.restore.clone()),
            until: None,
            message: overwrite::state(overwrite).why().map(String::from),
        })
    });
    over.into_iter().chain(beside(view)).collect()
}

fn beside(view: &View) -> impl Iterator<Item = RestoreStatus> {
    let beside = view.record().into_iter().flat_map(|record| &record.beside);
    beside.filter(|beside| !beside.generation.standby).map(|Beside { generation, fate }| {
        let (state, id, until, message) = match fate {
            Fate::Next { restore, .. } => {
                let message = view.next.and_then(|health| health.state.why()).map(String::from);
                (RestoreState::Restoring, Some(restore.clone()), None, message)
            }
            Fate::Kept { until } => {
                let elsewhere = view.serving().is_some_and(|serving| serving.place != generation.place);
                let why =
                    || format!("it served in {}, where nothing goes back to", generation.plan.terms.delivery.place());
                (RestoreState::Kept, None, Some(until.clone()), elsewhere.then(why))
            }
            Fate::Standby | Fate::Promoted { .. } | Fate::Released => (RestoreState::Released, None, None, None),
        };
        RestoreStatus { generation: generation.name(), state, id, until, message }
    })
}

/// The applied plan in a few words.
fn resolved(plan: &Plan) -> Resolved {
    let terms = &plan.terms;
    let backup = match &terms.backup {
        None => "none".into(),
        Some(backup) => {
            let continuous = if backup.continuous { ", continuous" } else { "" };
            format!("{}, kept {}{continuous}", backup.schedule, backup.retention)
        }
    };
    let protected = if terms.lifecycle.deletion_protection { ", protected" } else { "" };
    let policy: DeletionPolicy = terms.lifecycle.deletion_policy;
    Resolved {
        name: terms.database.inside.clone(),
        environment: name_of(&terms.environment),
        engine: name_of(&terms.engine),
        topology: name_of(&terms.topology),
        operator: name_of(&terms.operator),
        version: terms.version.clone(),
        replicas: terms.replicas,
        size: format!("{} cpu, {} memory, {} storage", terms.cpu, terms.memory, terms.storage),
        storage: terms.storage.to_string(),
        storage_class: terms.storage_class.clone(),
        backup,
        deletion: format!("{}{protected}", name_of(&policy)),
    }
}

/// Whether applications get a secret of ours, or look at the operator's.
fn own_secret(serving: &Generation) -> bool {
    serving.plan.terms.credentials != CredentialSource::Operator
}
