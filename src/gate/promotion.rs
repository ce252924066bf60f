//! The promotion of a standby. In: the record, what is wanted, how both ends are. Out: why it cannot begin, or the record from
//! now on; `gate::restore` takes it from there, as a restore.
//!
//! By default the one that serves is put to sleep first: it archives the rest of its log before it stops, and the standby
//! reads all of that before it takes writes, so nothing is lost. A failover waits for nobody. Must not ask whether it may
//! happen: the table does.

use super::digest;
use crate::api::plan::{Plan, Standby};
use crate::api::problem::Problem;
use crate::api::record::{Beside, Fate, Generation, Record};
use crate::operators::State;
use crate::operators::health::BackupState;
use crate::plan::promotion;

const PATH: &str = "spec.disasterRecovery.primary";
const MODE: &str = "spec.disasterRecovery.promotion";

/// How both ends are.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends {
    pub standby: State,
    /// Nothing is left of what serves.
    pub lost: bool,
    /// Whether its log is archived.
    pub archive: BackupState,
}

/// Whether that state is enough: with members missing it can serve, but nobody needs to be in a hurry.
pub fn can_serve(state: &State, failover: bool) -> bool {
    match state {
        State::Ready => true,
        State::Degraded(_) => failover,
        State::Absent | State::Progressing(_) | State::Hibernated | State::Failed(_) => false,
    }
}

/// Why it cannot begin. None of `ends`: there is no standby there yet.
pub fn problem(standby: &Standby, failover: bool, ends: Option<&Ends>) -> Option<Problem> {
    let Standby { region, .. } = standby;
    let wait = "wait for the condition StandbyReady, or take the edit back";
    let Some(Ends { standby, lost, archive }) = ends else {
        return Some(Problem::new(PATH, format!("the standby in {region} has not begun"), wait));
    };
    if !can_serve(standby, failover) {
        let why = standby.why().map(|why| format!(": {why}")).unwrap_or_default();
        return Some(Problem::new(PATH, format!("the standby in {region} cannot serve yet{why}"), wait));
    }
    if failover {
        return None;
    }
    if *lost {
        return Some(nothing_left());
    }
    let wrong = format!("the end of the log would be lost: {}", archive.why()?);
    Some(Problem::new(MODE, wrong, "wait until it is archived, for which the database is awake, or write Failover"))
}

/// What is agreed to where the plan stands in the standby's place.
pub fn of(record: &Record, plan: &Plan) -> Option<digest::Promotion> {
    promotion::of(&record.serving.plan, plan)?;
    let Generation { number, .. } = record.standby()?;
    Some(digest::Promotion { generation: *number, failover: plan.requests.failover })
}

/// Nobody can be put to sleep any more.
pub fn nothing_left() -> Problem {
    Problem::new(MODE, "nothing is left of what serves, so what it had not archived is lost", "write Failover")
}

/// The record once it is begun, or goes on in another way. Nothing comes with it that nobody asked for, not even a newer patch
/// release.
pub fn begun(mut record: Record, plan: &Plan, people: &[String]) -> Record {
    let notes = &record.serving.plan.notes;
    let (release, tuned) = (notes.release.clone(), notes.tuned.clone());
    for Beside { generation, fate } in record.beside.iter_mut().filter(|beside| beside.follows()) {
        generation.plan = plan.clone();
        (generation.plan.notes.release, generation.plan.notes.tuned) = (release.clone(), tuned.clone());
        let approved_by = people.to_vec();
        *fate = Fate::Promoted { failover: plan.requests.failover, decided: false, approved_by };
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::restore::{Seen, abandoned, advanced, composed};
    use crate::gate::standby;
    use crate::plan::{example, resolve};
    use jiff::Timestamp;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn plan(recovery: Value) -> Plan {
        let mut policy = example::policy();
        example::with_regions(&mut policy);
        let changes = json!({"disasterRecovery": recovery, "pooling": {"enabled": true}, "extensions": ["pgvector"]});
        resolve(&example::claim("prod", changes), &policy).unwrap()
    }

    /// A database with a standby in west.
    fn followed() -> Record {
        let serving = Generation::first("u-1", plan(json!({"region": "west"})));
        standby::advanced(Record { was_ready: true, ..Record::of(serving) }, true)
    }

    fn wanted(mode: &str) -> Plan {
        plan(json!({"primary": "west", "promotion": mode}))
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    /// A step further: whether the standby is ready, and the one that serves asleep.
    fn step(record: Record, ready: bool, asleep: bool) -> (Record, bool) {
        stepped(record, ready, asleep, true)
    }

    fn stepped(record: Record, ready: bool, asleep: bool, archives: bool) -> (Record, bool) {
        let seen = move |it: &Generation| match it.standby {
            true => Seen { ready, stands: ready, archives: true, asleep: false, holds_data: true },
            false => Seen { asleep, archives, holds_data: true, ..Seen::default() },
        };
        advanced(record, seen, false, now())
    }

    fn serving(record: &Record) -> (u32, u32, bool) {
        let Generation { number, place, standby, .. } = record.serving;
        (number, place, standby)
    }

    #[test]
    fn nobody_takes_writes_before_the_other_one_sleeps() {
        let record = begun(followed(), &wanted("Switchover"), &["anna".into()]);
        let (record, sleeps) = step(record, false, false);
        assert_eq!((serving(&record), sleeps), ((1, 1, false), false), "what cannot serve stops nobody");
        let (record, sleeps) = stepped(record, true, false, false);
        assert_eq!((serving(&record), sleeps), ((1, 1, false), false), "nor does an archive that does not work");
        let (record, sleeps) = stepped(record, true, true, false);
        assert_eq!((serving(&record), sleeps), ((1, 1, false), false), "and who sleeps on the end of it wakes up");
        let (record, sleeps) = step(record, true, false);
        assert_eq!((serving(&record), sleeps), ((1, 1, false), true), "the one that serves is put to sleep");
        let (record, sleeps) = step(record, true, true);
        assert_eq!((serving(&record), sleeps), ((1, 1, false), true), "it is remembered before it is done");
        for (ready, asleep) in [(true, true), (false, false)] {
            let (switched, sleeps) = step(record.clone(), ready, asleep);
            assert_eq!((serving(&switched), sleeps), ((2, 2, false), false), "whatever is seen then, it is done");
            assert_eq!(
                (switched.approved_by.as_slice(), switched.serving.is_promoted()),
                (&["anna".to_string()][..], true)
            );
            assert_eq!(switched.serving.plan.terms, wanted("Switchover").terms);
            let [Beside { generation, fate: Fate::Kept { .. } }] = switched.beside.as_slice() else {
                panic!("{:?}", switched.beside)
            };
            let kept = composed(&switched.beside[0], &switched.serving);
            assert_eq!((generation.number, kept.plan.terms.lifecycle.hibernated), (1, true));
        }
        assert_eq!(abandoned(record.clone(), Some(&followed().serving.plan)), record, "there is no way back then");
    }

    #[test]
    fn a_failover_waits_for_nobody_but_is_remembered_first() {
        let record = begun(followed(), &wanted("Failover"), &[]);
        let (record, sleeps) = step(record, true, false);
        assert_eq!((serving(&record), sleeps), ((1, 1, false), true));
        let (record, _) = step(record, true, false);
        assert_eq!(serving(&record), (2, 2, false));
    }

    #[test]
    fn until_then_it_is_composed_as_what_follows() {
        let record = followed();
        let promoted = begun(record.clone(), &wanted("Switchover"), &[]);
        assert_ne!(promoted.beside[0].generation.plan, record.beside[0].generation.plan);
        let terms = |record: &Record| composed(&record.beside[0], &record.serving).plan.terms;
        assert_eq!(terms(&promoted), terms(&record));
        assert_eq!(abandoned(promoted.clone(), None), promoted, "a claim with mistakes takes nothing back");
        let back = standby::advanced(abandoned(promoted, Some(&record.serving.plan)), false);
        assert_eq!(back, record);
    }

    #[test]
    fn nothing_newer_comes_with_it() {
        let mut plan = wanted("Switchover");
        plan.notes.release = "newer".into();
        let record = begun(followed(), &plan, &[]);
        assert_eq!(record.beside[0].generation.plan.notes.release, record.serving.plan.notes.release);
    }

    #[test]
    fn each_reason_has_its_sentence() {
        let record = followed();
        let standby = record.serving.plan.terms.standby.as_ref().unwrap();
        let ready = Ends { standby: State::Ready, lost: false, archive: BackupState::AsPlanned };
        let lost = Ends { lost: true, ..ready.clone() };
        let cut = Ends { archive: BackupState::Trouble("the store does not answer".into()), ..ready.clone() };
        let few = Ends { standby: State::Degraded("2 of 3 members are ready".into()), ..ready.clone() };
        let said = |failover, ends: Option<&Ends>| problem(standby, failover, ends).map(|it| it.to_string());
        let wait = "wait for the condition StandbyReady, or take the edit back";
        assert_eq!(said(false, Some(&ready)), None);
        assert_eq!([said(true, Some(&lost)), said(true, Some(&cut)), said(true, Some(&few))], [None, None, None]);
        assert_eq!(
            [said(true, None), said(false, Some(&few)), said(false, Some(&lost)), said(false, Some(&cut))]
                .map(Option::unwrap),
            [
                format!("{PATH}: the standby in west has not begun; {wait}"),
                format!("{PATH}: the standby in west cannot serve yet: 2 of 3 members are ready; {wait}"),
                format!("{MODE}: nothing is left of what serves, so what it had not archived is lost; write Failover"),
                format!(
                    "{MODE}: the end of the log would be lost: the store does not answer; wait until it is archived, for which the \
                     database is awake, or write Failover"
                ),
            ]
        );
    }
}
