//! What follows in another region, as a status shows it. In: a view. Out: where it stands, how it is, and what it is worth on the
//! day. Must not touch the readiness of the database itself.

use super::View;
use super::conditions::ObservedCondition;
use crate::api::plan::Plan;
use crate::api::record::{Beside, Fate, Generation};
use crate::api::status::{ConditionType, DisasterRecoveryStatus, StandbyPhase};
use crate::gate::promotion;
use crate::operators::health::BackupState;
use crate::operators::{self, Health, State};
use crate::pipeline::condition;
use crate::wire::{Condition, Truth};

/// None: the plan that runs has none.
pub fn status(view: &View) -> Option<DisasterRecoveryStatus> {
    let Plan { terms, notes, .. } = &view.serving()?.plan;
    let standby = terms.standby.as_ref()?;
    let (phase, message) = phase(view);
    Some(DisasterRecoveryStatus {
        region: standby.region.clone(),
        generation: view.record().and_then(|record| record.standby()).map(Generation::name),
        phase,
        ready: phase == StandbyPhase::Following,
        message,
        recovery_point_objective: operators::of(terms.operator).features().standby.map(String::from),
        recovery_time_objective: notes.recovery_time.clone(),
        last_backup: view.standby.and_then(|health| health.backup.last_success.clone()),
    })
}

/// What is promoted, and what it waits for.
pub fn promotion<'a>(view: &'a View) -> Option<(&'a Generation, String)> {
    let Beside { generation, fate: Fate::Promoted { failover, decided, .. } } = view.record()?.next()? else {
        return None;
    };
    let serves = view.serving()?.name();
    let ready = view.standby.is_some_and(|health| promotion::can_serve(&health.state, *failover));
    let unarchived = view.health.and_then(|health| health.backup.archive.why()).filter(|_| ready && !failover);
    let why = match view.standby.and_then(|health| health.state.why()).or(unarchived) {
        _ if *decided => "it serves next".into(),
        None if ready && !failover => format!("it serves once {serves} sleeps"),
        Some(why) => format!("it serves once it can: {why}"),
        None => "it serves once it can".into(),
    };
    Some((generation, why))
}

fn phase(view: &View) -> (StandbyPhase, Option<String>) {
    if let Some((_, why)) = promotion(view) {
        return (StandbyPhase::Promoting, Some(why));
    }
    let Some(Health { state, backup, .. }) = view.standby else {
        return (StandbyPhase::Waiting, Some("it begins once the database is ready and has a backup".into()));
    };
    let phase = match state {
        State::Ready => StandbyPhase::Following,
        State::Degraded(_) => StandbyPhase::Degraded,
        State::Failed(_) => StandbyPhase::Failed,
        State::Absent | State::Progressing(_) | State::Hibernated => StandbyPhase::Provisioning,
    };
    let trouble = match &backup.state {
        BackupState::Trouble(why) => Some(why.as_str()),
        BackupState::AsPlanned | BackupState::NotYet(_) | BackupState::Unknown(_) => None,
    };
    (phase, state.why().or(trouble).map(String::from))
}

/// Where there is none any more, what was said of it is taken back: Crossplane keeps what nobody says anew.
pub fn ready(status: Option<&DisasterRecoveryStatus>, said: &[ObservedCondition]) -> Option<Condition> {
    let kind = ConditionType::StandbyReady;
    let Some(DisasterRecoveryStatus { region, generation, phase, message, .. }) = status else {
        let off = || condition(kind, Truth::False, "Off", "the claim asks for no standby");
        return said.iter().any(|condition| condition.is(kind)).then(off);
    };
    let (truth, reason) = match phase {
        StandbyPhase::Waiting => (Truth::False, "Waiting"),
        StandbyPhase::Provisioning => (Truth::False, "Progressing"),
        StandbyPhase::Following => (Truth::True, "Following"),
        StandbyPhase::Degraded => (Truth::True, "Degraded"),
        StandbyPhase::Promoting => (Truth::False, "Promoting"),
        StandbyPhase::Failed => (Truth::False, "Failed"),
    };
    let name = generation.as_deref().unwrap_or("the standby");
    let message = message.as_ref().map(|why| format!("{name} in {region}: {why}"));
    Some(condition(kind, truth, reason, message.unwrap_or_default()))
}
