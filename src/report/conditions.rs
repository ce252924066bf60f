//! Conditions and events. In: a view of everything. Out: the conditions that are `report`'s to say, and one event where a
//! condition changed. Must not repeat an event: Crossplane drops many of one object, and would run in a circle.

use super::{View, own_secret};
use crate::api::status::ConditionType;
use crate::gate::Standing;
use crate::operators::health::{BackupState, Storage};
use crate::operators::{State, name_of};
use crate::pipeline::condition;
use crate::wire::{Condition, Event, Key, Object, Severity, Truth};
use serde::Deserialize;

/// `Validated` and `Approved` were said by earlier steps.
pub fn conditions(view: &View) -> Vec<Condition> {
    let (Some(serving), Some(health)) = (view.serving(), view.health) else {
        return vec![condition(ConditionType::Provisioned, Truth::False, "NothingRuns", nothing_runs(view))];
    };
    let name = serving.name();
    let lost = view.ruling.lost;
    let provisioned = match &health.state {
        _ if lost => (Truth::False, "Lost", format!("{name}: its data is gone")),
        State::Ready => (Truth::True, "Ready", String::new()),
        State::Hibernated => (Truth::True, "Hibernated", String::new()),
        State::Degraded(why) => (Truth::True, "Degraded", format!("{name}: {why}")),
        State::Absent => (Truth::False, "Deploying", format!("{name}: it does not exist yet")),
        State::Progressing(why) => (Truth::False, "Progressing", format!("{name}: {why}")),
        State::Failed(why) => (Truth::False, "Failed", format!("{name}: {why}")),
    };
    let storage = match &health.storage {
        Storage::AsPlanned => (Truth::True, "AsPlanned", String::new()),
        Storage::NotYet(why) => (Truth::False, "NotYet", format!("{name}: {why}")),
        Storage::Unknown(why) => (Truth::Unknown, "Unknown", format!("{name}: {why}")),
    };
    let last_backup = Some(&view.ruling.deletion).filter(|deletion| deletion.backup_failed);
    let failed = view.record().and_then(|record| record.drills.failure.as_ref());
    let backup = match (&serving.plan.terms.backup, &health.backup.state) {
        _ if last_backup.is_some() => {
            let why = last_backup.and_then(|deletion| deletion.message.clone()).unwrap_or_default();
            (Truth::False, "LastBackupFailed", format!("{name}: {why}"))
        }
        (None, _) => (Truth::False, "Off", "the claim switches backups off".into()),
        (Some(_), BackupState::AsPlanned) if view.stale => {
            let last = health.backup.last_success.as_deref().unwrap_or_default();
            (Truth::False, "TooOld", format!("{name}: the last backup is of {last}, and two more were due since"))
        }
        (Some(_), BackupState::AsPlanned | BackupState::Unknown(_)) if failed.is_some() => {
            let why = failed.map(|failure| format!("of {} failed: {}", failure.at, failure.why)).unwrap_or_default();
            (Truth::False, "DrillFailed", format!("{name}: the restore drill {why}"))
        }
        (Some(_), BackupState::AsPlanned) => (Truth::True, "Configured", String::new()),
        (Some(_), BackupState::NotYet(why)) => (Truth::False, "NotYet", format!("{name}: {why}")),
        (Some(_), BackupState::Trouble(why)) => (Truth::False, "Trouble", format!("{name}: {why}")),
        (Some(_), BackupState::Unknown(why)) => (Truth::Unknown, "Unknown", format!("{name}: {why}")),
    };
    let credentials = match view.no_credentials() {
        Some(why) => (Truth::False, "Waiting", why.to_string()),
        None if own_secret(serving) => (Truth::True, "Published", String::new()),
        None => (Truth::True, "OperatorSecret", String::new()),
    };
    let monitored = monitored(view, &serving.key("pod-monitor"), &serving.key("prometheus-rule"));
    [
        (ConditionType::Provisioned, provisioned),
        (ConditionType::StorageReady, storage),
        (ConditionType::BackupConfigured, backup),
        (ConditionType::CredentialsReady, credentials),
        (ConditionType::Monitored, monitored),
    ]
    .into_iter()
    .map(|(kind, (status, reason, message))| condition(kind, status, reason, message))
    .collect()
}

fn nothing_runs(view: &View) -> &'static str {
    match view.ruling.standing {
        Standing::Invalid => "the claim has mistakes, and nothing ran before",
        Standing::AwaitingApproval => "it waits for an approval",
        Standing::Asking | Standing::Applied | Standing::Waiting | Standing::Restoring | Standing::Lost => {
            "Crossplane was asked what there is, and did not answer; one before 2.0 never does: upgrade it"
        }
    }
}

fn monitored(view: &View, metrics: &str, alerts: &str) -> (Truth, &'static str, String) {
    let key = |name: &str| Key(name.into());
    let desired: Vec<Key> =
        [key(metrics), key(alerts)].into_iter().filter(|key| view.desired.contains_key(key)).collect();
    let missing = desired.iter().find(|key| !view.observed.composed.contains_key(key));
    match (desired.contains(&key(metrics)), missing) {
        (false, _) if view.serving().is_some_and(|serving| serving.plan.terms.monitoring.off) => {
            (Truth::False, "Off", "the claim switches monitoring off".into())
        }
        (false, _) => (Truth::False, "Off", "the platform has not set it up, or the operator has no metrics".into()),
        (true, None) => (Truth::True, "Configured", String::new()),
        (true, Some(key)) => (Truth::False, "Deploying", format!("{} does not exist yet", key.0)),
    }
}

/// What deserves a warning when it begins, by the reason of the condition.
const WARNINGS: [&str; 8] =
    ["Invalid", "AwaitingApproval", "Lost", "Failed", "Trouble", "TooOld", "DrillFailed", "LastBackupFailed"];

/// What the composite says now. It may be forged, which then costs its author an event or a run more, and nobody a database: a
/// status that cannot be read has said nothing.
pub fn observed(composite: &Object) -> Vec<ObservedCondition> {
    let Observed { status } = composite.decode("composite").unwrap_or_default();
    status.conditions
}

/// Whether Crossplane's circuit breaker is open: too much changed at once, and it drops what it hears of, edits too, until
/// somebody asks it to look.
pub fn circuit_is_open(observed: &[ObservedCondition]) -> bool {
    observed.iter().any(|condition| condition.kind == "Responsive" && condition.status == "False")
}

/// One warning for each condition that begins to say something bad.
pub fn events(observed: &[ObservedCondition], conditions: &[Condition]) -> Vec<Event> {
    let said = |condition: &Condition| {
        observed.iter().any(|before| {
            before.kind == condition.kind
                && before.reason == condition.reason
                && before.message.as_deref().unwrap_or_default() == condition.message.as_deref().unwrap_or_default()
        })
    };
    let new = conditions.iter().filter(|condition| WARNINGS.contains(&condition.reason.as_str()) && !said(condition));
    let warning = |condition: &Condition| Event {
        severity: Severity::Warning,
        reason: condition.reason.clone(),
        message: condition.message.clone().unwrap_or_default(),
    };
    new.map(warning).collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Observed {
    status: ObservedStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ObservedStatus {
    conditions: Vec<ObservedCondition>,
}

impl ObservedCondition {
    pub fn is(&self, kind: ConditionType) -> bool {
        self.kind == name_of(&kind)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ObservedCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: Option<String>,
}
