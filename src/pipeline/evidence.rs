//! What step `production-approval` knows. In: the request, and what Crossplane found of what was asked for before. Out: the
//! situation that the gate's table decides. Gathers evidence, and asks for what is missing; must not decide.

use super::documents::Document;
use super::others::{self, Room};
use super::restore;
use super::stop::Stop;
use super::{ask, health, observe};
use crate::api::approval::{self, DIGEST_LABEL, KIND, REQUESTED_BY};
use crate::api::claim::{Composite, Environment, Restore};
use crate::api::input::{ApprovalGate, Step};
use crate::api::plan::Plan;
use crate::api::problem::{Problem, Problems};
use crate::api::quantity::Bytes;
use crate::api::record::{self, Beside, DatabaseRecord, ENVIRONMENT, Fate, Generation, Record};
use crate::api::status::{Class, Pending, Waiting};
use crate::delivery;
use crate::gate::approvals::{Finding, Need, Permission, permission};
use crate::gate::digest::Operation;
use crate::gate::promotion::Ends;
use crate::gate::sleep::Sleep;
use crate::gate::waiting::{self, Timed};
use crate::gate::{self, Course, Data, Origin, Situation, changes};
use crate::observed::{Answer, Observed, Question};
use crate::operators::{self, GENERATION, LINEAGE, PLACE, STATEFUL, VERSION};
use crate::plan::quota::Quota;
use crate::plan::{self, Found, promotion};
use crate::wire::{Key, Object, Request, Response};
use jiff::Timestamp;
use serde::Deserialize;

/// The record as far as it is known.
pub(super) enum Recorded {
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
    pub pending: Option<Pending>,
    /// What waits for the maintenance window.
    pub waiting: Option<Waiting>,
    pub course: Course,
    /// Where the data of a restore comes from.
    pub restored: Option<gate::restore::Origin>,
    /// Nothing is left of what served.
    pub lost: bool,
    /// Of the applied plan.
    pub sleep: Sleep,
    pub quota: Quota,
}

impl<'request> Evidence<'request> {
    pub fn new(request: &'request Request, policy: &'request ApprovalGate, now: Timestamp) -> Result<Self, Stop> {
        Ok(Evidence {
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
        })
    }

    /// The observed record, else the one that Crossplane finds by name: users can empty the references.
    pub fn recorded(&mut self) -> Recorded {
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

    pub fn situation<'a>(
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
    pub fn timed(&mut self, recorded: &Recorded, plan: Plan) -> Plan {
        let Recorded::Is(record) = recorded else { return plan };
        let Timed { plan, whole, waiting } = waiting::timed(record, plan, self.sleep.asleep, self.now);
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
            if let Some(problem) = gate::overwrite::problem(None, false, false).filter(|_| asked.in_place) {
                return Ok(Situation::Unrecorded { data, claim: Err(Problems(vec![problem])) });
            }
            match restore::origin(self, None, plan, asked) {
                Err(problems) => return Ok(Situation::Unrecorded { data, claim: Err(problems) }),
                Ok(None) => return Ok(Situation::Unrecorded { data, claim: Ok((plan, Permission::NotAsked)) }),
                Ok(Some(origin)) => {
                    changes.insert(0, gate::restore::words(asked, &plan.terms.database, origin.kept(), false, None));
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

    /// A restore or a promotion is the only way out, beside deleting the database.
    fn lost<'a>(&mut self, record: &Record, wanted: &'a Result<Plan, Problems>) -> Situation<'a> {
        let comes_back = |plan: &Plan| {
            gate::restore::asked(Some(record), plan).is_some() || promotion::of(&record.serving.plan, plan).is_some()
        };
        if !wanted.as_ref().is_ok_and(comes_back) && record.next().is_none() {
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
        // What is lost can only come back beside it.
        if gate::overwrite::is_under_way(serving) && !self.lost {
            self.course = Course::UnderWay;
            return Ok((plan, Permission::NotNeeded));
        }
        if let Some(next) = record.next() {
            return self.under_way(record, plan, next);
        }
        if let Some(restore) = gate::restore::asked(Some(record), plan) {
            return self.restore(record, plan, restore);
        }
        let class = plan::transition(&serving.plan, plan)?;
        if let Some(standby) = promotion::of(&serving.plan, plan) {
            (self.course, self.waiting) = (Course::Promotion, None);
            let ends = self.ends(record);
            if let Some(problem) = gate::promotion::problem(standby, plan.requests.failover, ends.as_ref()) {
                return Err(Problems(vec![problem]));
            }
        }
        self.change(record, plan, class)
    }

    fn change<'a>(
        &mut self,
        record: &Record,
        plan: &'a Plan,
        class: Class,
    ) -> Result<(&'a Plan, Permission), Problems> {
        let runs = &record.serving.plan;
        let room = self.room(Some(runs), plan)?;
        let (from, to) = (&runs.terms, &plan.terms);
        if from == to {
            return Ok((plan, within(room, Permission::NotNeeded)));
        }
        let operation = Operation::Change { from, to, promotion: gate::promotion::of(record, plan) };
        let permission;
        (permission, self.pending) = self.permission(to.environment, operation, class, changes::of_edit(runs, plan));
        Ok((plan, within(room, permission)))
    }

    /// What serves next is being made ready. A promotion that hangs may still become a failover.
    fn under_way<'a>(
        &mut self,
        record: &Record,
        plan: &'a Plan,
        Beside { generation, fate }: &Beside,
    ) -> Result<(&'a Plan, Permission), Problems> {
        self.course = Course::UnderWay;
        let same = generation.plan.terms == plan.terms;
        let (what, back) = match fate {
            Fate::Promoted { failover, decided: false, .. } if same && *failover != plan.requests.failover => {
                self.course = Course::Promotion;
                let runs = &record.serving.plan;
                return self.change(record, plan, plan::transition(runs, plan)?);
            }
            Fate::Promoted { .. } => ("promotion", "spec.disasterRecovery.primary back, which stops it"),
            Fate::Next { .. } | Fate::Standby | Fate::Kept { .. } | Fate::Released => {
                ("restore", "spec.restore back, which abandons it")
            }
        };
        if same {
            let lost = self.lost && matches!(fate, Fate::Promoted { failover: false, decided: false, .. });
            return match lost {
                true => Err(Problems(vec![gate::promotion::nothing_left()])),
                false => Ok((plan, Permission::NotNeeded)),
            };
        }
        let wrong = format!("a {what} is under way, and what it brings would not be this");
        let right = format!("take the edit back until it has finished, or take {back}");
        Err(Problems(vec![Problem::new("spec", wrong, right)]))
    }

    /// None: there is no standby.
    fn ends(&mut self, record: &Record) -> Option<Ends> {
        let Evidence { response, observed, lost, .. } = self;
        let standby = health(response, record.standby()?, observed).state;
        let archive = health(response, &record.serving, observed).backup.archive;
        Some(Ends { standby, lost: *lost, archive })
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
        let problem = if asked.in_place {
            gate::overwrite::problem(Some(record), self.lost, self.sleep.asleep)
        } else {
            plan::transition(runs, plan)?;
            gate::restore::unfenced(runs).filter(|_| record.was_ready && !self.lost)
        };
        if let Some(problem) = problem {
            return Err(Problems(vec![problem]));
        }
        // Over what runs it changes nothing but the data; what else is edited comes after it.
        let result = if asked.in_place { runs } else { plan };
        let Some(origin) = restore::origin(self, Some(record), result, asked)? else {
            return Ok((plan, Permission::NotAsked));
        };
        let room = if asked.in_place { Room::Enough } else { restore::room(self, runs, plan)? };
        let whole = restore::completed(&record.serving, &origin, &self.observed);
        let mut words = vec![gate::restore::words(asked, &plan.terms.database, origin.kept(), true, whole.as_deref())];
        words.extend(changes::words(Some(&runs.terms), &result.terms));
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
    pub fn permission(
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
            command: approval::command(namespace, name, kind, &digest.to_string()) + " --apply",
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
pub(super) fn origin(composite: &Composite, observed: &Observed) -> Origin {
    let stateful = observed.composed.values().find(|object| mark(object, STATEFUL).is_some());
    let mark = |name| stateful.and_then(|object| mark(object, name));
    Origin {
        restored: None,
        number: mark(GENERATION).and_then(|number| number.parse().ok()).unwrap_or(1),
        place: mark(PLACE).and_then(|number| number.parse().ok()).unwrap_or(1),
        lineage: mark(LINEAGE).unwrap_or(&composite.metadata.uid).into(),
        found: stateful.is_some(),
    }
}

pub(super) fn mark<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.text("resource", &["metadata", "annotations", name]).ok().flatten()
}

#[derive(Deserialize)]
struct Schema {
    spec: SchemaSpec,
}

#[derive(Deserialize)]
struct SchemaSpec {
    schema: u32,
}
