//! Backups, as a status shows them. In: a view, what the operator lists. Out: how they stand, the latest by name, and when the
//! last that succeeded is too old. Must not list them all: a status is small.

use super::View;
use crate::api::plan::{Backup, Maintenance};
use crate::api::record::{Drill, DrillFailure, Drills};
use crate::api::status::{
    BackupStatus, OnDemandBackup, OnDemandState, ScheduledBackup, Verification, VerificationState,
};
use crate::map::sort;
use crate::operators::health::BackupHealth;
use crate::operators::{self, BackupRun, Made};
use crate::pipeline::requested_backup;
use crate::plan::calendar::{self, Side};
use crate::wire::Key;
use jiff::Timestamp;

/// So many are shown, the latest.
const SHOWN: usize = 5;
/// So many letters of an operator's message are.
const LONGEST_MESSAGE: usize = 256;

pub fn status(view: &View, backup: &Backup, health: &BackupHealth) -> BackupStatus {
    let mut made: Vec<&Made> = view.made.iter().collect();
    // All of one operator are in one form, so that their texts compare like the times; names tell those of one second apart.
    sort(&mut made, |one, other| (&other.begun, &other.name).cmp(&(&one.begun, &one.name)));
    let failure = made.iter().find_map(|made| message(&made.run));
    let drills = view.record().map(|record| &record.drills);
    BackupStatus {
        last_verified: drills.and_then(|drills| drills.verified.clone()),
        last_verification: drills.and_then(|drills| verification(view, drills)),
        schedule: backup.schedule.clone(),
        retention: backup.retention.clone(),
        last_success: health.last_success.clone(),
        last_failure: health.last_failure.clone(),
        last_failure_message: failure.filter(|_| health.last_failure.is_some()),
        first_recoverable: health.first_recoverable.clone(),
        last_recoverable: health.last_success.clone().filter(|_| !backup.continuous),
        latest: made.into_iter().take(SHOWN).map(shown).collect(),
        on_demand: on_demand(view),
    }
}

/// When a success of this time is too old: once two more were due. None: that is never.
pub fn stale_at(backup: &Backup, last_success: &str) -> Option<Timestamp> {
    let due = |after| calendar::fires(&backup.schedule, &Maintenance::default(), after, Side::After);
    due(due(last_success.parse().ok()?)?)
}

fn verification(view: &View, drills: &Drills) -> Option<Verification> {
    let (state, time, message) = if let Some(Drill { since, .. }) = &drills.running {
        (VerificationState::Running, Some(since), view.drill.and_then(|health| health.state.why()))
    } else if let Some(why) = &view.ruling.drill {
        (VerificationState::Waiting, None, Some(why.as_str()))
    } else {
        let DrillFailure { at, why } = drills.failure.as_ref()?;
        (VerificationState::Failed, Some(at), Some(why.as_str()))
    };
    Some(Verification { state, time: time.cloned(), message: message.map(shortened) })
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_MESSAGE).collect()
}

fn shown(made: &Made) -> ScheduledBackup {
    ScheduledBackup {
        name: made.name.clone(),
        state: state(&made.run),
        completed: made.completed.clone(),
        size: made.size.clone(),
        message: message(&made.run),
    }
}

fn state(run: &BackupRun) -> OnDemandState {
    match run {
        BackupRun::Running => OnDemandState::Running,
        BackupRun::Completed => OnDemandState::Completed,
        BackupRun::Failed(_) => OnDemandState::Failed,
    }
}

fn message(run: &BackupRun) -> Option<String> {
    match run {
        BackupRun::Failed(why) => Some(shortened(why)),
        BackupRun::Running | BackupRun::Completed => None,
    }
}

fn on_demand(view: &View) -> Vec<OnDemandBackup> {
    let Some(record) = view.record() else { return vec![] };
    let asked = record.asked.iter().filter_map(|asked| {
        let generation = record.generations().find(|generation| generation.number == asked.generation)?;
        let (role, name) = requested_backup(generation, &asked.token);
        let operator = operators::of(generation.plan.terms.operator);
        let run = match view.observed.composed.get(&Key(generation.key(&role))) {
            None => BackupRun::Running,
            Some(backup) => operator.backed_up(backup).unwrap_or_else(|why| BackupRun::Failed(why.to_string())),
        };
        let (request, until) = (asked.token.clone(), asked.until.clone()?);
        Some(OnDemandBackup { request, name, state: state(&run), until, message: message(&run) })
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_backup_is_too_old_once_two_more_were_due() {
        let cases = [
            ("0 2 * * *", "2026-11-21T02:05:00Z", Some("2026-11-23T02:00:00Z")),
            ("0 */6 * * *", "2026-11-21T02:05:00Z", Some("2026-11-21T12:00:00Z")),
            ("0 2 * * 0", "2026-11-22T02:05:00Z", Some("2026-12-06T02:00:00Z")),
            ("0 2 * * *", "yesterday", None),
        ];
        for (schedule, success, expected) in cases {
            let plan = example::plan("prod", json!({"backup": {"schedule": schedule}}));
            let found = stale_at(plan.terms.backup.as_ref().unwrap(), success);
            assert_eq!(found.map(|at| at.to_string()).as_deref(), expected, "{schedule} {success}");
        }
    }
}
