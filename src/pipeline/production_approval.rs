//! Step `production-approval`. In: the plan, the record, approvals, what exists. Out: the document `gate`, the record, what
//! refuses a deletion. Gathers the evidence that the gate's table wants; must not decide.

use super::deletion;
use super::documents::{Deletion, Document, Ruling, Wanted};
use super::others::{self, Room};
use super::restore;
use super::stop::Stop;
use super::{AWAIT, ask, condition, desire, health, namespace, observe, say};
use crate::api::approval::{DIGEST_LABEL, KIND, OperationKind, REQUESTED_BY};
use crate::api::claim::{Composite, DeletionPolicy, Environment, Restore};
use crate::api::input::{ApprovalGate, Step};
use crate::api::plan::{Delivery, Plan};
use crate::api::problem::{Problem, Problems};
use crate::api::quantity::Bytes;
use crate::api::record::{self, DatabaseRecord, ENVIRONMENT, Fate, Generation, Record};
use crate::api::status::{ApprovalStatus, Class, ConditionType, Pending, Waiting};
use crate::delivery;
use crate::gate::approvals::{Finding, Need, Permission, permission};
use crate::gate::digest::Operation;
use crate::gate::restore::Seen;
use crate::gate::sleep::{self, Sleep};
use crate::gate::waiting::{self, Timed};
use crate::gate::{self, Because, Course, Data, Origin, Outcome, Refusal, Situation, Standing, changes};
use crate::observed::{Answer, Observed, Question};
use crate::operators::{self, GENERATION, LINEAGE, STATEFUL, VERSION};
use crate::plan::quota::Quota;
use crate::plan::{self, Found};
use crate::wire::{Key, Object, Request, Response, Truth};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

pub fn run(request: &Request, policy: &ApprovalGate, now: Timestamp) -> Result<Response, Stop> {
    let claimed = Wanted::take(&request.context, Step::ApprovalGate)?;
    let mut evidence = Evidence {
        request,
        policy,
        now,
        composite: request.composite.decode("composite")?,
        observed: observe(request)?,
        response: Response::to(request),
        pending: None,
        waiting: None,
        course: Course::Change,
        restored: None,
        lost: false,
        sleep: Sleep::default(),
        quota: Quota::take(&request.context, Step::ApprovalGate)?,
    };
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
        Recorded::Is(record) => Recorded::Is(Box::new(gate::restore::abandoned(*record, wanted.as_ref().ok()))),
        other => other,
    };
    let wanted = wanted.map(|plan| evidence.timed(&recorded, plan));
    let situation = evidence.situation(&recorded, &wanted)?;
    let outcome = gate::decide(&situation);
    let record = match &recorded {
        Recorded::Is(record) => Some(&**record),
        Recorded::NotAsked | Recorded::Nothing | Recorded::Unreadable(_) => None,
    };
    let Evidence { response, composite, observed, restored, .. } = &mut evidence;
    let ready = record.is_some_and(|record| health(response, &record.serving, observed).has_served());
    let origin = Origin { restored: restored.take(), ..origin(composite, observed) };
    let record = gate::settle(&outcome, record, &origin, ready);
    let (record, fenced) = match record {
        None => (None, false),
        Some(record) => {
            let all: Vec<Generation> = record.generations().cloned().collect();
            let seen: BTreeMap<u32, Seen> = match record.beside.is_empty() {
                true => BTreeMap::new(),
                false => all.iter().map(|it| (it.number, restore::seen(&mut evidence, it))).collect(),
            };
            let seen = |generation: &Generation| seen.get(&generation.number).copied().unwrap_or_default();
            let served = record.serving.number;
            let (record, fenced) = gate::restore::advanced(record, seen, evidence.lost, now);
            evidence.lost &= record.serving.number == served;
            let token = wanted.as_ref().ok().and_then(|plan| plan.requests.backup.as_deref());
            let record = gate::on_demand::asked(record, token, ready && !fenced && !evidence.sleep.asleep, now);
            (Some(record), fenced)
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
    let mut sleeps = None;
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
        let asleep = (sleep.asleep && deletion.last_backup.is_none()) || fenced;
        edges.extend(sleep.edge);
        edges.extend(ends(record));
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
    if pending.is_some() || outcome == Outcome::Hold {
        response.ttl = Some(AWAIT);
    }
    edges.extend(waiting.as_ref().and_then(|waiting| waiting.until.parse::<Timestamp>().ok()));
    let edges = edges.into_iter().filter_map(|edge: Timestamp| edge.duration_since(now).try_into().ok());
    response.ttl = response.ttl.into_iter().chain(edges).min();
    let approval = ApprovalStatus { approved_by, pending, deletion: pending_deletion };
    Ruling { record: written, lost, sleep: sleeps, standing, approval, waiting, deletion }.hand_on(&mut response);
    Ok(response)
}

/// The times at which something of the record comes to its end.
fn ends(record: &Record) -> impl Iterator<Item = Timestamp> {
    let kept = record.beside.iter().filter_map(|beside| match &beside.fate {
        Fate::Kept { until } => Some(until),
        Fate::Next { .. } | Fate::Released => None,
    });
    let asked = record.asked.iter().filter_map(|asked| asked.until.as_ref());
    kept.chain(asked).filter_map(|until| until.parse().ok())
}

/// The record as it is to be composed now.
fn running(record: &Record, asleep: bool) -> Record {
    let mut running = record.clone();
    running.serving.plan.terms.lifecycle.hibernated = asleep;
    for beside in &mut running.beside {
        beside.generation = gate::restore::composed(beside);
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
        object = delivery::retained(&Delivery::Direct, &terms.database, object, namespace.as_deref());
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

/// The record as far as it is known.
enum Recorded {
    NotAsked,
    Nothing,
    Unreadable(String),
    Is(Box<Record>),
}

/// What is gathered on the way to a situation; questions go straight into the response.
pub(super) struct Evidence<'a> {
    pub request: &'a Request,
    pub policy: &'a ApprovalGate,
    pub now: Timestamp,
    pub composite: Composite,
    pub observed: Observed,
    pub response: Response,
    pending: Option<Pending>,
    /// What waits for the maintenance window.
    waiting: Option<Waiting>,
    course: Course,
    /// Where the data of a restore comes from.
    restored: Option<gate::restore::Origin>,
    /// Nothing is left of what served.
    lost: bool,
    /// Of the applied plan.
    sleep: Sleep,
    pub quota: Quota,
}

impl Evidence<'_> {
    /// The observed record, else the one that Crossplane finds by name: users can empty the references.
    fn recorded(&mut self) -> Recorded {
        if let Some(object) = self.request.observed.get(&Key(record::KEY.into())) {
            return self.read(object);
        }
        let (namespace, name) = self.composite.identity();
        let question = Question::by_name(crate::api::API_VERSION, record::KIND, namespace, name);
        ask(&mut self.response, &question);
        match self.observed.objects(&question) {
            Answer::NotAsked => Recorded::NotAsked,
            Answer::Nothing => Recorded::Nothing,
            Answer::Found(objects) => objects.first().map_or(Recorded::Nothing, |object| self.read(object)),
        }
    }

    fn read(&self, object: &Object) -> Recorded {
        match read_record(object) {
            Ok(record) if record.is_of(&self.composite) => Recorded::Is(Box::new(record.spec)),
            Ok(_) => Recorded::Unreadable("it is the record of another database".into()),
            Err(why) => Recorded::Unreadable(why),
        }
    }

    fn situation<'a>(
        &mut self,
        recorded: &Recorded,
        wanted: &'a Result<Plan, Problems>,
    ) -> Result<Situation<'a>, Stop> {
        let capabilities = self.request.capabilities;
        if capabilities.advertised && !capabilities.required_resources {
            return Ok(Situation::CoreTooOld);
        }
        Ok(match recorded {
            Recorded::NotAsked => {
                self.ask_for_data(wanted);
                Situation::RecordNotAsked
            }
            Recorded::Unreadable(why) => Situation::RecordUnreadable(why.clone()),
            Recorded::Nothing => self.unrecorded(wanted)?,
            Recorded::Is(record) => match (record.was_ready, self.data(&record.serving)?) {
                (true, Data::NotAsked) => Situation::DataNotAsked,
                (true, Data::Absent) => {
                    self.lost = true;
                    self.lost(record, wanted)
                }
                (true, Data::Present) | (false, _) => {
                    let claim = self.edit(record, wanted);
                    Situation::Recorded { claim, course: self.course }
                }
            },
        })
    }

    /// What of the plan can come now, beside what waits for the maintenance window.
    fn timed(&mut self, recorded: &Recorded, plan: Plan) -> Plan {
        let Recorded::Is(record) = recorded else { return plan };
        let Timed { plan, whole, waiting } = waiting::timed(record, &plan, self.sleep.asleep, self.now);
        self.waiting = waiting;
        if whole {
            self.course = Course::Window;
        }
        plan
    }

    /// In the same round as the record, since both are needed.
    fn ask_for_data(&mut self, wanted: &Result<Plan, Problems>) {
        if let Ok(plan) = wanted {
            let first = first(&self.composite, plan);
            for reference in operators::of(plan.terms.operator).data(&first) {
                let question = delivery::question(&plan.terms.delivery, first.database(), &reference);
                ask(&mut self.response, &question);
            }
        }
    }

    fn unrecorded<'a>(&mut self, wanted: &'a Result<Plan, Problems>) -> Result<Situation<'a>, Stop> {
        let stateful = self.observed.composed.values().any(|object| mark(object, STATEFUL).is_some());
        let plan = match wanted {
            Ok(plan) => plan,
            Err(problems) => {
                let data = if stateful { Data::Present } else { Data::Absent };
                return Ok(Situation::Unrecorded { data, claim: Err(problems.clone()) });
            }
        };
        let data = if stateful { Data::Present } else { self.data(&first(&self.composite, plan))? };
        let room = match data {
            Data::Absent => plan::creation(plan).and_then(|()| self.room(None, plan)),
            Data::Present => plan::adoption(&self.found(), plan).map(|()| Room::Enough),
            Data::NotAsked => Ok(Room::Enough),
        };
        let room = match room {
            Ok(room) => room,
            Err(problems) => return Ok(Situation::Unrecorded { data, claim: Err(problems) }),
        };
        let mut operation = Operation::Create { plan: &plan.terms };
        let mut changes = changes::words(None, &plan.terms);
        // Where data is there already it stays: what nobody remembers is not overwritten.
        if let Some(asked) = plan.requests.restore.as_ref().filter(|_| data == Data::Absent) {
            match restore::origin(self, None, plan, asked) {
                Err(problems) => return Ok(Situation::Unrecorded { data, claim: Err(problems) }),
                Ok(None) => return Ok(Situation::Unrecorded { data, claim: Ok((plan, Permission::NotAsked)) }),
                Ok(Some(origin)) => {
                    changes.insert(0, gate::restore::words(asked, &plan.terms.database, origin.kept(), false));
                    operation = Operation::Restore { from: None, to: &plan.terms, restore: asked };
                    self.restored = Some(origin);
                }
            }
        }
        let permission;
        (permission, self.pending) = self.permission(plan.terms.environment, operation, Class::None, changes);
        Ok(Situation::Unrecorded { data, claim: Ok((plan, within(room, permission))) })
    }

    /// What the data that is there says of itself.
    fn found(&self) -> Found {
        let mut stateful = self.observed.composed.values().filter(|object| mark(object, STATEFUL).is_some());
        let Some(object) = stateful.next() else { return Found::default() };
        let label = object.text("resource", &["metadata", "labels", ENVIRONMENT]).ok().flatten();
        Found {
            environment: label.map(String::from),
            version: mark(object, VERSION).map(String::from),
            storage: mark(object, STATEFUL).and_then(|bytes| bytes.parse().ok()).map(Bytes),
        }
    }

    /// A restore is the only way out, beside deleting the database.
    fn lost<'a>(&mut self, record: &Record, wanted: &'a Result<Plan, Problems>) -> Situation<'a> {
        let restores = wanted.as_ref().is_ok_and(|plan| gate::restore::asked(Some(record), plan).is_some());
        if !restores && record.next().is_none() {
            return Situation::DataLost;
        }
        let claim = self.edit(record, wanted);
        Situation::Recorded { claim, course: self.course }
    }

    /// The claim against the applied plan. Where no term differs, nobody needs to be asked.
    fn edit<'a>(
        &mut self,
        record: &Record,
        wanted: &'a Result<Plan, Problems>,
    ) -> Result<(&'a Plan, Permission), Problems> {
        let plan = wanted.as_ref().map_err(Clone::clone)?;
        let serving = &record.serving;
        if let Some(next) = record.next() {
            self.course = Course::UnderWay;
            let path = "spec";
            return match next.generation.plan.terms == plan.terms {
                true => Ok((plan, Permission::NotNeeded)),
                false => Err(Problems(vec![Problem::new(
                    path,
                    "a restore is under way, and what it brings would not be this",
                    "take the edit back until it has finished, or take spec.restore back, which abandons it",
                )])),
            };
        }
        if let Some(restore) = gate::restore::asked(Some(record), plan) {
            return self.restore(record, plan, restore);
        }
        let class = plan::transition(&serving.plan, plan)?;
        let room = self.room(Some(&serving.plan), plan)?;
        let (from, to) = (&serving.plan.terms, &plan.terms);
        if from == to {
            return Ok((plan, within(room, Permission::NotNeeded)));
        }
        let (operation, words) = (Operation::Change { from, to }, changes::words(Some(from), to));
        let permission;
        (permission, self.pending) = self.permission(to.environment, operation, class, words);
        Ok((plan, within(room, permission)))
    }

    /// What a restore would bring, beside what runs.
    fn restore<'a>(
        &mut self,
        record: &Record,
        plan: &'a Plan,
        asked: &Restore,
    ) -> Result<(&'a Plan, Permission), Problems> {
        (self.course, self.waiting) = (Course::Restore, None);
        let runs = &record.serving.plan;
        plan::transition(runs, plan)?;
        let Some(origin) = restore::origin(self, Some(record), plan, asked)? else {
            return Ok((plan, Permission::NotAsked));
        };
        let room = restore::room(self, runs, plan)?;
        let mut words = vec![gate::restore::words(asked, &plan.terms.database, origin.kept(), true)];
        words.extend(changes::words(Some(&runs.terms), &plan.terms));
        self.restored = Some(origin);
        let operation = Operation::Restore { from: Some(&runs.terms), to: &plan.terms, restore: asked };
        let permission;
        (permission, self.pending) = self.permission(plan.terms.environment, operation, Class::DataLoss, words);
        Ok((plan, within(room, permission)))
    }

    fn room(&mut self, from: Option<&Plan>, to: &Plan) -> Result<Room, Problems> {
        others::room(&mut self.response, &self.observed, &self.quota, from, to)
    }

    /// Whether it may happen, and what to show of it while it may not.
    pub(super) fn permission(
        &mut self,
        environment: Environment,
        operation: Operation,
        class: Class,
        changes: Vec<String>,
    ) -> (Permission, Option<Pending>) {
        let kind = operation.kind();
        let approvers = self.policy.approvers_needed(environment, kind, class);
        if approvers == 0 {
            return (Permission::NotNeeded, None);
        }
        let digest = operation.digest();
        let (namespace, name) = self.composite.identity();
        let label = [(DIGEST_LABEL, digest.label())];
        let question = Question::by_labels(crate::api::API_VERSION, KIND, namespace, &label);
        ask(&mut self.response, &question);
        let requester = self.composite.metadata.annotations.get(REQUESTED_BY).map(String::as_str);
        let ApprovalGate { valid_days, signatures, signers, .. } = self.policy;
        let need = Need { approvers, requester, valid_days: *valid_days, signatures: *signatures, signers };
        let permission = permission(&operation, &need, self.observed.objects(&question), self.now);
        let Permission::Missing(findings) = &permission else { return (permission, None) };
        let pending = Pending {
            operation: kind,
            digest: digest.to_string(),
            changes,
            class,
            approvers_needed: approvers,
            found: findings.iter().map(Finding::sentence).collect(),
            command: command(namespace, name, kind, &digest.to_string()),
        };
        (permission, Some(pending))
    }

    /// Whether what holds a generation's data exists: observed, else asked for by name.
    fn data(&mut self, generation: &Generation) -> Result<Data, Stop> {
        let mut data = Data::Absent;
        let terms = &generation.plan.terms;
        for reference in operators::of(terms.operator).data(generation) {
            // A wrapper that reports nothing for a while is no proof that the data is gone.
            if self.request.observed.contains_key(&reference.key) {
                return Ok(Data::Present);
            }
            let question = delivery::question(&terms.delivery, generation.database(), &reference);
            ask(&mut self.response, &question);
            let found = match self.observed.objects(&question) {
                Answer::NotAsked => {
                    data = Data::NotAsked;
                    continue;
                }
                Answer::Nothing => continue,
                Answer::Found(objects) => objects.to_vec(),
            };
            for object in &found {
                let carried = delivery::unwrap_one(&reference.key.0, object)?;
                self.observed.composed.extend(carried.map(|object| (reference.key.clone(), object)));
            }
            return Ok(Data::Present);
        }
        Ok(data)
    }
}

/// The schema first: a newer one may have any shape.
pub fn read_record(object: &Object) -> Result<DatabaseRecord, String> {
    let Schema { spec } = object.decode("DatabaseRecord").map_err(|error| error.to_string())?;
    if spec.schema > record::SCHEMA {
        return Err("it was written by a newer release; upgrade the function".into());
    }
    object.decode("DatabaseRecord").map_err(|error| error.to_string())
}

/// What an approver runs.
fn command(namespace: &str, name: &str, operation: OperationKind, digest: &str) -> String {
    let operation = operators::name_of(&operation);
    format!(
        "function-database approve {namespace}/{name} --operation {operation} --digest {digest} | kubectl create -f -"
    )
}

/// Nobody's leave counts before it is known that there is room.
fn within(room: Room, permission: Permission) -> Permission {
    match room {
        Room::Enough => permission,
        Room::NotAsked => Permission::NotAsked,
    }
}

/// What a new database would be.
fn first(composite: &Composite, plan: &Plan) -> Generation {
    Generation::first(composite.metadata.uid.clone(), plan.clone())
}

/// Where the data began: as it says itself, else with this composite.
fn origin(composite: &Composite, observed: &Observed) -> Origin {
    let stateful = observed.composed.values().find(|object| mark(object, STATEFUL).is_some());
    let mark = |name| stateful.and_then(|object| mark(object, name));
    Origin {
        restored: None,
        number: mark(GENERATION).and_then(|number| number.parse().ok()).unwrap_or(1),
        lineage: mark(LINEAGE).unwrap_or(&composite.metadata.uid).into(),
        found: stateful.is_some(),
    }
}

pub(super) fn mark<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.text("resource", &["metadata", "annotations", name]).ok().flatten()
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

#[derive(Deserialize)]
struct Schema {
    spec: SchemaSpec,
}

#[derive(Deserialize)]
struct SchemaSpec {
    schema: u32,
}
