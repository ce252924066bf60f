//! What waits for the maintenance window. In: the applied plan, the wanted one, the time. Out: what of it can come now, and
//! until when the rest waits. Must not ask who agreed: what waits needs an approval all the same.
//!
//! The applied plan's window counts, or an edit would open its own. What nobody uses waits for nothing: a database that was
//! never ready, or that sleeps.

use super::changes;
use crate::api::plan::{Notes, Plan};
use crate::api::record::Record;
use crate::api::status::{Class, Waiting};
use crate::operators;
use crate::plan::calendar::{self, Opening};
use jiff::Timestamp;

/// What becomes of a wanted plan at this time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// What may come now, if it may come at all.
    pub plan: Plan,
    /// The plan itself comes later.
    pub whole: bool,
    pub waiting: Option<Waiting>,
}

/// What of a wanted plan waits while the window is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub class: Class,
    /// In words.
    pub changes: Vec<String>,
    /// What may come meanwhile; none: the plan comes as a whole.
    pub quiet: Option<Plan>,
}

pub fn timed(record: &Record, plan: Plan, asleep: bool, now: Timestamp) -> Timed {
    let from = &record.serving.plan;
    let plan = kept(from, plan);
    let waits = record.was_ready && !asleep && !plan.requests.urgent;
    let opens = match calendar::opening(&from.terms.maintenance, now) {
        Opening::At(opens) if waits => opens,
        Opening::At(_) | Opening::Open => return Timed { plan, whole: false, waiting: None },
    };
    let Some(Held { class, changes, quiet }) = held(from, &plan) else {
        return Timed { plan, whole: false, waiting: None };
    };
    let waiting = Some(Waiting { changes, class, until: opens.to_string() });
    Timed { whole: quiet.is_none(), plan: quiet.unwrap_or(plan), waiting }
}

/// The wanted plan, which keeps the patch release that runs if it is pinned.
pub fn kept(from: &Plan, mut wanted: Plan) -> Plan {
    if wanted.terms.maintenance.pinned {
        keep_release(from, &mut wanted);
    }
    wanted
}

/// None: it disturbs nobody.
pub fn held(from: &Plan, plan: &Plan) -> Option<Held> {
    let disturbs = |class: Class| (Class::Restart..Class::Refused).contains(&class);
    let class = operators::class(from, plan);
    if !disturbs(class) {
        return None;
    }
    let mut quiet = plan.clone();
    keep_release(from, &mut quiet);
    keep_tuned(from, &mut quiet);
    let whole = disturbs(operators::class(from, &quiet));
    let mut words = changes::notes(&from.notes, &plan.notes);
    if whole {
        // What is tuned follows from the size, which is said.
        let notes = Notes { tuned: from.notes.tuned.clone(), ..plan.notes.clone() };
        words = changes::words(Some(&from.terms), &plan.terms);
        words.extend(changes::notes(&from.notes, &notes));
    }
    Some(Held { class, changes: words, quiet: (!whole).then_some(quiet) })
}

/// The patch release that runs, as long as it is one of the wanted line.
fn keep_release(from: &Plan, to: &mut Plan) {
    if from.terms.version == to.terms.version {
        to.notes.release = from.notes.release.clone();
    }
}

/// The settings that run, as long as they would be the same but for a new release of this program.
fn keep_tuned(from: &Plan, to: &mut Plan) {
    let source = |plan: &Plan| {
        let terms = &plan.terms;
        (terms.cpu, terms.memory, terms.storage, terms.parameters.clone())
    };
    if source(from) == source(to) {
        to.notes.tuned = from.notes.tuned.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::record::Generation;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    /// In prod the window is on Sunday from 02:00 to 06:00 UTC.
    const SATURDAY: &str = "2026-11-21T12:00:00Z";
    const SUNDAY: &str = "2026-11-22T03:00:00Z";
    const OPENS: &str = "2026-11-22T02:00:00Z";

    fn runs(plan: &Plan, was_ready: bool) -> Record {
        Record { was_ready, ..Record::of(Generation::first("u-1", plan.clone())) }
    }

    fn prod(changes: Value) -> Plan {
        example::plan("prod", changes)
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn what_restarts_waits_and_the_rest_does_not() {
        let from = prod(json!({}));
        let larger = prod(json!({"size": "large"}));
        let cases = [
            ("a restart outside of the window", true, &from, &larger, SATURDAY, true),
            ("within it", true, &from, &larger, SUNDAY, false),
            ("nothing has served yet", false, &from, &larger, SATURDAY, false),
            ("online", true, &from, &prod(json!({"access": {"allowedNamespaces": ["web"]}})), SATURDAY, false),
            ("urgent", true, &from, &prod(json!({"size": "large", "maintenance": {"urgent": true}})), SATURDAY, false),
            ("it sleeps", true, &prod(json!({"lifecycle": {"hibernated": true}})), &larger, SATURDAY, false),
            (
                "an edit does not open its own window",
                true,
                &from,
                &prod(json!({"size": "large", "maintenance": {"windows": [
                    {"day": "Saturday", "start": "11:00", "duration": "2h"}
                ]}})),
                SATURDAY,
                true,
            ),
        ];
        for (case, was_ready, from, to, now, waits) in cases {
            let timed = timed(&runs(from, was_ready), to.clone(), from.terms.lifecycle.hibernated, at(now));
            assert_eq!((timed.whole, timed.waiting.is_some()), (waits, waits), "{case}");
            assert_eq!(&timed.plan, to, "{case}");
        }
    }

    #[test]
    fn a_patch_release_waits_alone() {
        let from = prod(json!({}));
        let mut to = prod(json!({"access": {"allowedNamespaces": ["web"]}}));
        to.notes.release = "newer".into();
        let now = timed(&runs(&from, true), to.clone(), false, at(SATURDAY));
        assert!(!now.whole);
        assert_eq!(now.plan.notes.release, from.notes.release);
        assert_eq!(now.plan.terms, to.terms, "what the developer asked for does not wait for it");
        let waiting = now.waiting.unwrap();
        assert_eq!(waiting.changes, [format!("release {} -> newer", from.notes.release)]);
        assert_eq!((waiting.class, waiting.until.as_str()), (Class::Restart, OPENS));

        let later = timed(&runs(&now.plan, true), to.clone(), false, at(SUNDAY));
        assert_eq!((later.plan, later.waiting), (to, None));
    }

    #[test]
    fn a_pinned_database_keeps_its_patch_release() {
        let from = prod(json!({}));
        let pinned = |changes: Value| {
            let mut plan = prod(changes);
            plan.terms.maintenance.pinned = true;
            plan.notes.release = "newer".into();
            plan
        };
        let same = timed(&runs(&from, true), pinned(json!({})), false, at(SUNDAY));
        assert_eq!((same.plan.notes.release, same.waiting), (from.notes.release.clone(), None));
        let upgraded = timed(&runs(&from, true), pinned(json!({"version": "18"})), false, at(SUNDAY));
        assert_eq!(upgraded.plan.notes.release, "newer");
    }
}
