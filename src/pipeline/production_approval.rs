//! Step `production-approval`. In: the plan, the record, approvals, what exists. Out: the document `gate`, the record, what
//! refuses a deletion. Does what the gate says; must not decide.

use super::deletion;
use super::documents::{Deletion, Document, Ruling, Wanted};
use super::drill;
use super::evidence::{Evidence, Recorded, origin};
use super::restore;
use super::stop::Stop;
use super::{AWAIT, condition, desire, health, namespace, say};
use crate::api::claim::DeletionPolicy;
use crate::api::input::{ApprovalGate, Step};
use crate::api::plan::Delivery;
use crate::api::problem::Problems;
use crate::api::record::{self, DatabaseRecord, Fate, Generation, Record};
use crate::api::status::{ApprovalStatus, ConditionType, Pending, RotationStage};
use crate::delivery;
use crate::gate::sleep::{self, Sleep};
use crate::gate::{self, Because, Origin, Outcome, Refusal, Standing};
use crate::integrations;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::{self, State, rotation};
use crate::wire::{Key, Object, Request, Response, Truth};
use jiff::Timestamp;

pub fn run(request: &Request, policy: &ApprovalGate, now: Timestamp) -> Result<Response, Stop> {
    let claimed = Wanted::take(&request.context, Step::ApprovalGate)?;
    let mut evidence = Evidence::new(request, policy, now)?;
    let wanted = match claimed {
        Wanted::Plan(plan) => match deletion::switched_off(&evidence, plan.terms.environment) {
            Some(problem) => Err(Problems(vec![problem])),
            None => Ok(*plan),
        },
        Wanted::Problems(problems) => Err(problems),
    };
    let recorded = evidence.recorded();
    if let Recorded::Is(record) = &recorded {
        evidence.sleep = sleep::sleep(&record.serving.plan.terms, now);
    }
    let recorded = match recorded {
        Recorded::Is(record) => {
            let record = gate::restore::abandoned(*record, wanted.as_ref().ok());
            Recorded::Is(Box::new(restore::overwritten(&evidence, record, wanted.as_ref().ok())))
        }
        other => other,
    };
    let wanted = wanted.map(|plan| evidence.timed(&recorded, plan));
    let situation = evidence.situation(&recorded, &wanted)?;
    let outcome = gate::decide(&situation);
    let record = match recorded {
        Recorded::Is(record) => Some(*record),
        Recorded::NotAsked | Recorded::Nothing | Recorded::Unreadable(_) => None,
    };
    let token = wanted.as_ref().ok().and_then(|plan| plan.requests.backup.as_deref());
    let Evidence { response, composite, observed, restored, .. } = &mut evidence;
    // Looked at only where it matters: most of the time the record has seen it ready, and nobody asks for a backup.
    let ready = record.as_ref().is_some_and(|record| {
        (!record.was_ready || token.is_some()) && health(response, &record.serving, observed).has_served()
    });
    let origin = Origin { restored: restored.take(), ..origin(composite, observed) };
    let record = gate::settle(&outcome, record, &origin, ready);
    let mut drill = None;
    let (record, fenced) = match record {
        None => (None, false),
        Some(record) => {
            let (record, fenced) = progressed(&mut evidence, record);
            let overwritten = gate::overwrite::is_under_way(&record.serving);
            let awake = !fenced && !overwritten && !evidence.sleep.asleep;
            let record = gate::on_demand::asked(record, token, ready && awake, now);
            let (record, why) = drill::advanced(&mut evidence, record, !awake);
            drill = why;
            let record = standby(&mut evidence, record, awake);
            let record = found(record, &evidence.observed, now);
            let (seen, rests) = (seen(&record.serving, &evidence.observed), !awake || record.next().is_some());
            (Some(gate::rotation::advanced(record, seen, rests, now)), fenced)
        }
    };
    match &outcome {
        Outcome::Fatal(refusal) => {
            let validated = matches!(refusal, Refusal::RunsUnapproved(_));
            let command = evidence.pending.map(|pending| format!("; {}", pending.command)).unwrap_or_default();
            return Err(Stop::Refused { message: refusal.message() + &command, validated });
        }
        Outcome::Hold => hold(request, &mut evidence.response),
        _ => {}
    }
    let (mut deletion, mut pending_deletion) = (Deletion::default(), None);
    let (mut sleeps, mut replaces) = (None, false);
    let (mut written, mut approved_by, mut edges) = (None, vec![], vec![]);
    if let Some(record) = record {
        let mut document = DatabaseRecord::new(record);
        let stored = remember(&mut evidence, &document);
        let record = &mut document.spec;
        let lost = evidence.lost;
        (deletion, pending_deletion) = deletion::run(&mut evidence, record, lost)?;
        // Who sleeps makes no backup, and what was never up cannot fall asleep.
        let mut sleep = Sleep::default();
        if record.serving.plan.terms.lifecycle.hibernated || record.was_ready {
            sleep = sleep::sleep(&record.serving.plan.terms, now);
        }
        let busy = deletion.last_backup.is_some() || gate::overwrite::is_under_way(&record.serving);
        let asleep = (sleep.asleep && !busy) || fenced;
        edges.extend(sleep.edge);
        edges.extend(ends(record));
        edges.extend(gate::rotation::due(&record.serving));
        let rotation = record.serving.rotation.as_ref().map(|rotation| rotation.stage);
        replaces = matches!(rotation, Some(RotationStage::Making | RotationStage::Publishing));
        sleeps = sleep.words;
        // Written anew only where what runs now is not what is remembered.
        let same = record.beside.is_empty() && record.serving.plan.terms.lifecycle.hibernated == asleep;
        written = Some(if same { stored } else { Object::of(&running(record, asleep)) });
        approved_by = document.spec.approved_by;
    }
    let Evidence { mut response, pending, waiting, lost, .. } = evidence;
    say(&mut response, approved(pending.as_ref(), &approved_by))?;
    // What the claim alone does not show: that what runs cannot become it.
    if let Outcome::Keep(Because::Invalid(problems)) | Outcome::Nothing(Because::Invalid(problems)) = &outcome {
        say(&mut response, condition(ConditionType::Validated, Truth::False, "Invalid", problems.to_string()))?;
    }
    let standing = outcome.standing();
    // What has mistakes or lacks an approval waits for those.
    let waiting = waiting.filter(|_| matches!(standing, Standing::Applied | Standing::Waiting));
    if pending.is_some() || replaces || outcome == Outcome::Hold {
        response.ttl = Some(AWAIT);
    }
    edges.extend(waiting.as_ref().and_then(|waiting| waiting.until.parse::<Timestamp>().ok()));
    let edges = edges.into_iter().filter_map(|edge: Timestamp| edge.duration_since(now).try_into().ok());
    response.ttl = response.ttl.into_iter().chain(edges).min();
    let approval = ApprovalStatus { approved_by, pending, deletion: pending_deletion };
    Ruling { record: written, lost, sleep: sleeps, standing, approval, waiting, drill, deletion }
        .hand_on(&mut response);
    Ok(response)
}

/// The record a step further, where generations stand beside each other; and whether the serving one must sleep now.
fn progressed(evidence: &mut Evidence, record: Record) -> (Record, bool) {
    if record.beside.is_empty() {
        return (record, false);
    }
    let beside = record.beside.iter().map(|beside| gate::restore::composed(beside, &record.serving));
    let generations = std::iter::once(record.serving.clone()).chain(beside);
    let seen = map(generations.map(|generation| (generation.number, restore::seen(evidence, &generation))));
    let seen = |generation: &Generation| seen.get(&generation.number).copied().unwrap_or_default();
    let served = record.serving.number;
    let (record, sleeps) = gate::restore::advanced(record, seen, evidence.lost, evidence.now);
    evidence.lost &= record.serving.number == served;
    // By a record from before its promotion: whoever slept since must not wake up beside it.
    let leads = |it: &Generation| operators::of(it.plan.terms.operator).leads(it, &evidence.observed);
    let stays_asleep = record.standby().is_some_and(leads) && seen(&record.serving).asleep;
    (record, sleeps || stays_asleep)
}

/// With what follows it in another region, which begins with the first backup. `awake`: it serves.
fn standby(evidence: &mut Evidence, record: Record, awake: bool) -> Record {
    let Evidence { response, observed, .. } = evidence;
    let backed_up = awake && gate::standby::is_missing(&record) && {
        let health = health(response, &record.serving, observed);
        health.state == State::Ready && health.backup.last_success.is_some()
    };
    gate::standby::advanced(record, backed_up)
}

/// With the rotation that is under way, though the record does not tell of it: it was lost, and is written anew.
fn found(mut record: Record, observed: &Observed, now: Timestamp) -> Record {
    if record.serving.rotation.is_none() {
        record.serving.rotation = rotation::found(&record.serving, observed, now);
    }
    record
}

/// What is seen of the newest user of a rotation.
fn seen(serving: &Generation, observed: &Observed) -> gate::rotation::Seen {
    let newest = serving.rotation.as_ref().and_then(|rotation| rotation::user(rotation.turn));
    let published = rotation::credentials(serving)
        .zip(newest)
        .is_some_and(|(credentials, user)| integrations::published(serving, user, &credentials.secret, observed));
    gate::rotation::Seen { works: rotation::works(serving, observed), published }
}

/// The times at which something of the record comes to its end.
fn ends(record: &Record) -> impl Iterator<Item = Timestamp> {
    let kept = record.beside.iter().filter_map(|beside| match &beside.fate {
        Fate::Kept { until } => Some(until),
        Fate::Next { .. } | Fate::Standby | Fate::Promoted { .. } | Fate::Released => None,
    });
    let asked = record.asked.iter().filter_map(|asked| asked.until.as_ref());
    let drill = match &record.drills.running {
        Some(drill) => Some(gate::drill::end(drill)),
        None => gate::drill::due(record),
    };
    kept.chain(asked).filter_map(|until| until.parse().ok()).chain(drill)
}

/// The record as it is to be composed now.
fn running(record: &Record, asleep: bool) -> Record {
    let mut running = record.clone();
    running.serving.plan.terms.lifecycle.hibernated = asleep;
    for beside in &mut running.beside {
        beside.generation = gate::restore::composed(beside, &record.serving);
    }
    running
}

/// Desires the record, which stays where the data stays; what it holds, as it is written.
fn remember(evidence: &mut Evidence, record: &DatabaseRecord) -> Object {
    let mut object = Object::of(record);
    let spec = object.field("spec").unwrap_or_default();
    let terms = &record.spec.serving.plan.terms;
    if terms.lifecycle.deletion_policy == DeletionPolicy::Retain {
        let namespace = namespace(evidence.request, &mut evidence.response, &terms.database);
        object = object.merge(&delivery::retention(&Delivery::Direct, &terms.database, namespace.as_deref()));
    }
    desire(evidence.request, &mut evidence.response, Key(record::KEY.into()), object);
    spec
}

fn approved(pending: Option<&Pending>, approved_by: &[String]) -> crate::wire::Condition {
    let kind = ConditionType::Approved;
    match pending {
        Some(pending) => {
            let operation = operators::name_of(&pending.operation);
            let mut lines =
                vec![format!("{operation} waits for {}: {}", people(pending.approvers_needed), pending.command)];
            lines.extend(pending.found.iter().cloned());
            condition(kind, Truth::False, "AwaitingApproval", lines.join("\n"))
        }
        None if approved_by.is_empty() => condition(kind, Truth::True, "NotNeeded", ""),
        None => condition(kind, Truth::True, "Approved", format!("by {}", approved_by.join(", "))),
    }
}

fn people(number: u32) -> String {
    if number == 1 { "an approver".into() } else { format!("{number} approvers") }
}

/// On a core that ignores questions, whatever is not desired would be deleted: everything observed stays as it is.
fn hold(request: &Request, response: &mut Response) {
    for (key, object) in &request.observed {
        if !response.desired.resources.contains_key(key) {
            let managed = serde_json::json!({"status": null, "metadata": {
                "uid": null, "resourceVersion": null, "generation": null, "creationTimestamp": null,
                "managedFields": null, "ownerReferences": null, "finalizers": null, "selfLink": null,
            }});
            desire(request, response, key.clone(), object.merge(&Object::of(&managed)));
        }
    }
}
