//! A restore drill, within step `production-approval`. In: the record, what is observed, what Crossplane finds. Out: the
//! record a step further, or why a drill that is due has not begun. Gathers the evidence for `gate::drill`; must not decide.

use super::evidence::Evidence;
use super::others::{self, Room};
use super::{AWAIT, ask, health, restore};
use crate::api::claim::Restore;
use crate::api::record::{Record, Source};
use crate::gate::drill;
use crate::observed::Answer;
use crate::operators::{self, Restores, State};

/// `asleep`: nobody serves, so nothing is tried.
pub fn advanced(evidence: &mut Evidence, mut record: Record, asleep: bool) -> (Record, Option<String>) {
    let due = drill::due(&record).filter(|_| !asleep && !evidence.lost && record.next().is_none());
    let Some(due) = due else {
        record.drills.running = None;
        return (record, None);
    };
    if let Some(running) = &record.drills.running {
        let state = health(&mut evidence.response, &running.generation, &evidence.observed).state;
        record.drills = drill::judged(record.drills, &state, evidence.now);
        evidence.response.ttl = Some(AWAIT);
    } else if due <= evidence.now {
        match source(evidence, &record) {
            Ok(Some(source)) => return (drill::begun(record, source, evidence.now), None),
            Ok(None) => {}
            Err(why) => return (record, Some(why)),
        }
    }
    (record, None)
}

/// The backup that is tried; `None`: not now, or Crossplane has not answered yet.
fn source(evidence: &mut Evidence, record: &Record) -> Result<Option<Source>, String> {
    let serving = &record.serving;
    let operator = operators::of(serving.plan.terms.operator);
    let health = health(&mut evidence.response, serving, &evidence.observed);
    if health.state != State::Ready || !health.is_settled() {
        return Ok(None);
    }
    let instance = drill::instance(serving, None);
    // Where a promotion has come between, the same key would be another object.
    let ending = instance.key("");
    if evidence.observed.composed.keys().any(|key| key.0.ends_with(&ending)) {
        return Ok(None);
    }
    // Whatever is in a volume of the drill before would be taken for what was restored.
    for volumes in operator.requirements(&instance) {
        if volumes.selector.kind != "PersistentVolumeClaim" {
            continue;
        }
        ask(&mut evidence.response, &volumes);
        match evidence.observed.objects(&volumes) {
            Answer::NotAsked => return Ok(None),
            Answer::Nothing => {}
            Answer::Found(left) => {
                let name = left.first().and_then(|left| left.text("volume", &["metadata", "name"]).ok().flatten());
                return Err(format!("the volume {} of the drill before is still there", name.unwrap_or_default()));
            }
        }
    }
    let Some(mut source) = Source::of(serving, None, None) else { return Ok(None) };
    if operator.features().restore == Restores::Backup {
        let Ok(Some(newest)) = restore::newest(evidence, serving, &Restore::default()) else { return Ok(None) };
        source.backup = Some(newest);
    }
    // It is no database, and gone before it is paid for.
    let mut quota = evidence.quota.clone();
    for limits in [&mut quota.namespace, &mut quota.owner] {
        (limits.databases, limits.monthly_cost) = (None, None);
    }
    let room = others::room_beside(&mut evidence.response, &evidence.observed, &quota, &serving.plan, &instance.plan);
    match room {
        Ok(Room::Enough) => Ok(Some(source)),
        Ok(Room::NotAsked) => Ok(None),
        Err(problems) => Err(problems.0.into_iter().next().map(|problem| problem.wrong).unwrap_or_default()),
    }
}
