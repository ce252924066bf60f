//! What may run. In: what is recorded, what is there, what is wanted, what is permitted. Out: what runs, and the record.
//!
//! Must not ask, compose or talk: whoever calls has gathered the evidence, and does what the outcome says.

pub mod digest;
pub mod changes;
pub mod waiting;
pub mod sleep;
pub mod restore;
pub mod overwrite;
pub mod drill;
pub mod standby;
pub mod promotion;
pub mod on_demand;
pub mod rotation;
pub mod signature;
pub mod approvals;
pub mod deletion;
pub mod protection;

use crate::api::plan::Plan;
use crate::api::problem::Problems;
use crate::api::record::{self, Generation, Record};
use approvals::{Finding, Permission};
use serde::{Deserialize, Serialize};

/// Everything that the table distinguishes, and nothing that it does not.
#[derive(Clone, Debug)]
pub enum Situation<'a> {
    CoreTooOld,
    RecordNotAsked,
    RecordUnreadable(String),
    /// There is no record.
    Unrecorded {
        data: Data,
        claim: Result<(&'a Plan, Permission), Problems>,
    },
    /// There is one, and its data is observed or found by name, or was never ready.
    Recorded {
        claim: Result<(&'a Plan, Permission), Problems>,
        course: Course,
    },
    /// Its data, which was ready once, is not observed and was not asked for by name.
    DataNotAsked,
    /// Its data, which was ready once, is neither observed nor found by name.
    DataLost,
}

/// How a claim's plan would come to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    Change,
    /// Once the maintenance window is open.
    Window,
    /// It is what a restore or a promotion that is under way brings.
    UnderWay,
    /// By a restore, into the next generation or over what runs.
    Restore,
    /// By the standby, which takes the place of what runs.
    Promotion,
}

/// Resources that hold data, observed or found by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    NotAsked,
    Absent,
    Present,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// Nothing is applied, nothing is deleted.
    Fatal(Refusal<'a>),
    /// An answer is missing: everything observed stays desired as it is.
    Hold,
    /// Nothing is composed.
    Nothing(Because<'a>),
    /// What runs goes on.
    Keep(Because<'a>),
    /// The claim's plan runs, with the leave of these people.
    Apply(&'a Plan, &'a [String]),
    /// What runs goes on, and the claim's plan begins beside it.
    Restore(&'a Plan, &'a [String]),
    /// What runs goes on, until the standby takes its place with the claim's plan.
    Promote(&'a Plan, &'a [String]),
    /// Everything but the data, in whose place no empty database is ever made.
    Lost,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Because<'a> {
    Invalid(&'a Problems),
    Asking,
    Unapproved(&'a [Finding]),
    /// For the maintenance window.
    Waiting,
    /// A restore or a promotion is under way.
    Restoring,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Refusal<'a> {
    CoreTooOld,
    RecordUnreadable(&'a str),
    RunsUnrecorded(&'a Problems),
    RunsUnapproved(&'a [Finding]),
}

/// The table, row by row, with the numbers of `docs/approval.md`. Row 14 needs no line: approvals are looked at only where
/// something differs, so one that is withdrawn later changes nothing.
#[rustfmt::skip]
pub fn decide<'a>(situation: &'a Situation<'a>) -> Outcome<'a> {
    use {Because::*, Data::*, Outcome::*, Permission as May, Situation::*};
    match situation {
        /*  1 */ CoreTooOld                                       => Fatal(Refusal::CoreTooOld),
        /*  2 */ RecordNotAsked | DataNotAsked                    => Hold,
        /*  2a*/ RecordUnreadable(why)                            => Fatal(Refusal::RecordUnreadable(why)),

        Unrecorded { data, claim } => match (data, claim) {
            /*  2 */ (NotAsked, Ok(_))                            => Hold,
            /*  3 */ (NotAsked | Absent, Err(problems))           => Nothing(Invalid(problems)),
            /*  4 */ (Absent, Ok((plan, May::NotNeeded)))         => Apply(plan, &[]),
            /*  5 */ (Absent, Ok((_, May::NotAsked)))             => Nothing(Asking),
            /*  5 */ (Absent, Ok((_, May::Missing(findings))))    => Nothing(Unapproved(findings)),
            /*  5 */ (Absent, Ok((plan, May::Given(people))))     => Apply(plan, people),
            /*  6 */ (Present, Err(problems))                     => Fatal(Refusal::RunsUnrecorded(problems)),
            /*  7 */ (Present, Ok((plan, May::NotNeeded)))        => Apply(plan, &[]),
            /*  8 */ (Present, Ok((_, May::NotAsked)))            => Hold,
            /*  8 */ (Present, Ok((plan, May::Given(people))))    => Apply(plan, people),
            /*  8 */ (Present, Ok((_, May::Missing(findings))))   => Fatal(Refusal::RunsUnapproved(findings)),
        },
        Recorded { claim, course } => match (claim, course) { // 15 too: what is found by the record's names is recorded
            /*  9 */ (Err(problems), _)                           => Keep(Invalid(problems)), // 18 too: an edit meanwhile
            /* 17 */ (Ok(_), Course::UnderWay)                    => Keep(Restoring),
            /* 11 */ (Ok((_, May::NotAsked)), _)                  => Keep(Asking),
            /* 11 */ (Ok((_, May::Missing(findings))), _)         => Keep(Unapproved(findings)),
            /* 17 */ (Ok((plan, May::NotNeeded)), Course::Restore) => Restore(plan, &[]),
            /* 17 */ (Ok((plan, May::Given(people))), Course::Restore) => Restore(plan, people),
            /* 19 */ (Ok((plan, May::NotNeeded)), Course::Promotion) => Promote(plan, &[]),
            /* 19 */ (Ok((plan, May::Given(people))), Course::Promotion) => Promote(plan, people),
            /* 12 */ (Ok((_, May::NotNeeded | May::Given(_))), Course::Window) => Keep(Waiting),
            /* 10 */ (Ok((plan, May::NotNeeded)), Course::Change) => Apply(plan, &[]),
            /* 13 */ (Ok((plan, May::Given(people))), Course::Change) => Apply(plan, people),
        },
        /* 15a*/ DataLost                                         => Lost,
    }
}

/// Where data began, for a record that does not know it yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub number: u32,
    /// As [`Generation::place`].
    pub place: u32,
    pub lineage: String,
    /// The data is there already: nobody knows any more that it served, so it counts as if it had.
    pub found: bool,
    /// What a restore takes its data from.
    pub restored: Option<restore::Origin>,
}

/// The record from now on; `None` where nothing may run. `ready`: whether the data is ready at this moment.
pub fn settle(outcome: &Outcome, record: Option<Record>, origin: &Origin, ready: bool) -> Option<Record> {
    let record = record.map(|mut record| {
        record.was_ready |= ready;
        // What serves was restored before it did.
        record.serving.restored |= record.was_ready && record.serving.source.is_some();
        record
    });
    match (outcome, record) {
        (Outcome::Fatal(_) | Outcome::Hold | Outcome::Nothing(_), _) => None,
        (Outcome::Keep(_) | Outcome::Restore(..) | Outcome::Promote(..) | Outcome::Lost, None) => None,
        (Outcome::Restore(plan, people), Some(record)) => {
            match restore::asked(Some(&record), plan).zip(origin.restored.as_ref()) {
                Some((restore, restore::Origin::Backup(source))) if restore.in_place => {
                    Some(overwrite::begun(record, restore, (**source).clone()))
                }
                Some((restore, from)) => Some(restore::begun(record, plan, restore, from, people)),
                None => Some(record),
            }
        }
        (Outcome::Promote(plan, people), Some(record)) => Some(promotion::begun(record, plan, people)),
        (Outcome::Keep(_) | Outcome::Lost, Some(record)) => Some(record),
        (Outcome::Apply(plan, people), Some(mut record)) => {
            record.schema = record::SCHEMA;
            if record.serving.plan.terms != plan.terms {
                record.approved_by = people.to_vec();
            }
            record.serving.plan = (*plan).clone();
            Some(record)
        }
        (Outcome::Apply(plan, people), None) => {
            let Origin { number, place, lineage, found, restored } = origin.clone();
            let source = match restored {
                Some(restore::Origin::Backup(source)) if !found => Some(*source),
                _ => None,
            };
            let serving = Generation { place, ..Generation::begun(number, lineage, (*plan).clone(), source) };
            // Of data that is there nobody knows which restores it has seen: all that was asked for.
            let restores = plan.requests.restore.iter().map(|restore| restore.id.clone()).collect();
            let (was_ready, approved_by) = (ready || found, people.to_vec());
            Some(Record { restores, was_ready, approved_by, ..Record::of(serving) })
        }
    }
}

/// What later steps and the developer are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// An answer of Crossplane is missing.
    Asking,
    Invalid,
    AwaitingApproval,
    /// Allowed, and waits for the maintenance window.
    Waiting,
    /// A restore or a promotion is under way.
    Restoring,
    Applied,
    Lost,
}

impl Outcome<'_> {
    pub fn standing(&self) -> Standing {
        match self {
            Outcome::Fatal(_) | Outcome::Hold => Standing::Asking,
            Outcome::Nothing(because) | Outcome::Keep(because) => match because {
                Because::Invalid(_) => Standing::Invalid,
                Because::Asking => Standing::Asking,
                Because::Unapproved(_) => Standing::AwaitingApproval,
                Because::Waiting => Standing::Waiting,
                Because::Restoring => Standing::Restoring,
            },
            Outcome::Apply(..) => Standing::Applied,
            Outcome::Restore(..) | Outcome::Promote(..) => Standing::Restoring,
            Outcome::Lost => Standing::Lost,
        }
    }
}

impl Refusal<'_> {
    /// One message that says the way out; it is all that a developer sees of a FATAL.
    pub fn message(&self) -> String {
        match self {
            Refusal::CoreTooOld => "this Crossplane cannot look up resources for a function, so a record of what runs \
                                    cannot be found; upgrade Crossplane to 2.0 or newer"
                .into(),
            Refusal::RecordUnreadable(why) => {
                format!("the record of what runs cannot be used: {why}; nothing is changed until it is restored")
            }
            Refusal::RunsUnrecorded(problems) => {
                format!(
                    "a database of this name runs, but there is no record of it; correct the claim, and it is taken over as it \
                     stands there: {problems}"
                )
            }
            Refusal::RunsUnapproved(findings) => {
                let found: Vec<String> = findings.iter().map(Finding::sentence).collect();
                let found = if found.is_empty() { "no approval was found".into() } else { found.join("; ") };
                format!(
                    "a database of this name runs, but there is no record of it; approve the claim's plan as Create to \
                         take it over ({found})"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
