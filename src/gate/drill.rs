//! A restore drill: the latest backup, restored into a throw-away instance beside the database, to prove that it can be. In:
//! the record, how that instance is, the time. Out: the record from now on.
//!
//! The instance never serves. It is no generation that could: it makes no backup, lets no client in, and nothing of it is
//! marked as data. What a drill comes to is remembered in the record and nowhere else. Must not ask whether there is room.

use crate::api::claim::{CredentialSource, DeletionPolicy};
use crate::api::plan::{Access, Lifecycle, Monitoring, Placement, Plan};
use crate::api::record::{DRILL, Drill, DrillFailure, Drills, Generation, Record, Source};
use crate::operators::State;
use jiff::{SignedDuration, Timestamp};

/// One that is not ready after this time has failed.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// After one that failed, the next comes so much later, or sooner where the tier says so.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// What a member is sure to get of its CPU, in percent: nobody waits for it.
const CPU_PERCENT: u64 = 10;

/// When the next may begin. None: there are to be none.
pub fn due(record: &Record) -> Option<Timestamp> {
    let Plan { terms, notes, .. } = &record.serving.plan;
    let every = SignedDuration::from_hours(24 * i64::from(notes.drill_days.filter(|_| terms.backup.is_some())?));
    let Drills { verified, failure, .. } = &record.drills;
    let (last, pause) = match failure {
        Some(failure) => (Some(&failure.at), every.min(AGAIN)),
        None => (verified.as_ref(), every),
    };
    Some(last.and_then(|last| later(last, pause)).unwrap_or_default())
}

/// When the one that is under way has taken too long.
pub fn end(drill: &Drill) -> Timestamp {
    later(&drill.since, LONGEST).unwrap_or_default()
}

fn later(time: &str, pause: SignedDuration) -> Option<Timestamp> {
    time.parse::<Timestamp>().ok()?.checked_add(pause).ok()
}

/// One member of each shard, as large as those that serve, since what it is tuned for must fit; and nothing around it.
pub fn instance(serving: &Generation, source: Option<Source>) -> Generation {
    let mut plan = serving.plan.clone();
    let terms = &mut plan.terms;
    terms.replicas = 1;
    terms.synchronous_replicas = 0;
    terms.cpu_request = terms.cpu_request.min(terms.cpu.percent(CPU_PERCENT));
    terms.placement = Placement::Preferred;
    terms.backup = None;
    terms.pooling = None;
    terms.extensions.clear();
    terms.credentials = CredentialSource::Operator;
    terms.rotation = None;
    terms.access = Access::default();
    terms.monitoring = Monitoring { off: true, ..Monitoring::default() };
    terms.lifecycle = Lifecycle { deletion_policy: DeletionPolicy::Delete, ..Lifecycle::default() };
    let place = serving.place;
    Generation { place, ..Generation::begun(DRILL, serving.lineage.clone(), plan, source) }
}

pub fn begun(mut record: Record, source: Source, now: Timestamp) -> Record {
    let generation = instance(&record.serving, Some(source));
    record.drills.running = Some(Drill { generation: generation.into(), since: now.to_string() });
    record
}

/// A step further. Once it has ended, the instance goes.
pub fn judged(drills: Drills, state: &State, now: Timestamp) -> Drills {
    let Some(drill) = &drills.running else { return drills };
    if *state == State::Ready {
        return Drills { verified: Some(now.to_string()), ..Drills::default() };
    }
    if end(drill) > now {
        return drills;
    }
    let why = format!("it was not ready after {} hours: {}", LONGEST.as_hours(), state.why().unwrap_or_default());
    Drills { running: None, failure: Some(DrillFailure { at: now.to_string(), why }), ..drills }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn serves() -> Record {
        let mut plan = example::plan("prod", json!({"pooling": {"enabled": true}, "extensions": ["pgvector"]}));
        plan.notes.drill_days = Some(30);
        Record::of(Generation::first("u-1", plan))
    }

    #[test]
    fn the_next_comes_after_a_time_and_sooner_after_a_failure() {
        let failure = |at: &str| Some(DrillFailure { at: at.into(), why: "no bucket".into() });
        let (verified, failed) = ("2026-11-01T12:00:00Z", "2026-11-20T12:00:00Z");
        let cases = [
            (Drills::default(), "1970-01-01T00:00:00Z"),
            (Drills { verified: Some(verified.into()), ..Drills::default() }, "2026-12-01T12:00:00Z"),
            (
                Drills { verified: Some(verified.into()), failure: failure(failed), ..Drills::default() },
                "2026-11-21T12:00:00Z",
            ),
        ];
        for (drills, expected) in cases {
            assert_eq!(due(&Record { drills, ..serves() }), Some(at(expected)));
        }
        let mut none = serves();
        none.serving.plan.terms.backup = None;
        assert_eq!(due(&none), None, "there is nothing to try");
    }

    #[test]
    fn it_ends_when_it_is_ready_or_has_taken_too_long() {
        let source = Source::of(&serves().serving, None, None).unwrap();
        let earlier = Drills { verified: Some("2026-10-21T12:00:00Z".into()), ..Drills::default() };
        let begun = begun(Record { drills: earlier, ..serves() }, source, at("2026-11-21T12:00:00Z"));
        let waits = State::Progressing("its data is being restored".into());
        let judged = |state: &State, time| judged(begun.drills.clone(), state, at(time));
        assert_eq!(judged(&waits, "2026-11-22T11:59:59Z"), begun.drills);
        let works = judged(&State::Ready, "2026-11-21T13:00:00Z");
        assert_eq!(works, Drills { verified: Some("2026-11-21T13:00:00Z".into()), ..Drills::default() });
        let failed = judged(&waits, "2026-11-22T12:00:00Z");
        let why = "it was not ready after 24 hours: its data is being restored";
        let failure = DrillFailure { at: "2026-11-22T12:00:00Z".into(), why: why.into() };
        let verified = Some("2026-10-21T12:00:00Z".into());
        assert_eq!(failed, Drills { running: None, verified, failure: Some(failure) });
    }

    #[test]
    fn the_instance_is_small_and_alone() {
        let record = serves();
        let instance = instance(&record.serving, Source::of(&record.serving, None, None));
        let (ours, theirs) = (&instance.plan.terms, &record.serving.plan.terms);
        assert_eq!((instance.name(), instance.key("cluster")), ("orders-g0".into(), "cluster-g0".into()));
        assert_eq!((ours.replicas, ours.memory, ours.storage), (1, theirs.memory, theirs.storage));
        assert!(ours.backup.is_none() && ours.pooling.is_none() && ours.extensions.is_empty() && ours.monitoring.off);
        assert!(ours.cpu_request < theirs.cpu_request);
        assert_eq!(instance.destination(), record.serving.destination());
    }
}
