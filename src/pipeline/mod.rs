//! One step. In: a request. Out: its response. Takes the documents that earlier steps left, calls pure functions, hands on
//! the next.
//!
//! Must not know a rule: it gathers evidence for those who decide, and does what they say. It has no clock, no IO and no
//! memory: the same request and `now` give the same response.

pub mod documents;
pub mod stop;
pub mod tier_defaults;
pub mod others;
mod evidence;
pub mod production_approval;
mod deletion;
mod restore;
mod drill;
pub mod compose_engine;
pub mod integrate;
pub mod report;

use crate::api::input::{Header, Manifest, Step};
use crate::api::plan::{DatabaseName, Delivery};
use crate::api::problem::Problem;
use crate::api::record::Generation;
use crate::api::status::ConditionType;
use crate::gate::overwrite;
use crate::map::map;
use crate::observed::{Observed, Question};
use crate::operators::{self, Health, Holds, Resource};
use crate::wire::{Condition, Event, Key, Object, Ready, Request, Response, Severity, Truth, Undecodable};
use crate::{api, delivery};
use documents::{Conditions, Document};
use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;
use std::time::Duration;
use stop::Stop;

/// The name under which the Composition asks for the platform's own values, and of the EnvironmentConfig that has them.
pub const OVERLAY: &str = "database-platform";

/// The permanent key of the backup that is made before a database is deleted.
const LAST_BACKUP: &str = "last-backup";

/// Role and name of a backup that was asked for. Permanent. A dot stands in no claim's name.
pub fn requested_backup(generation: &Generation, token: &str) -> (String, String) {
    let short = crate::gate::on_demand::short(token);
    let name = format!("{}.on-demand-{short}", generation.name());
    (format!("backup-{short}"), operators::of(generation.plan.terms.operator).backup_name(name))
}

/// While anything is awaited, Crossplane runs the function again after this time; before 2.4 it does not watch what was
/// asked for.
const AWAIT: Duration = Duration::from_secs(60);

/// What the kind of the request's input says. Whatever stops a step is FATAL: nothing is applied, nothing is deleted.
pub fn run(request: &Request, now: Timestamp) -> Response {
    let response = step_of(request).and_then(|step| match step {
        Step::TierDefaults => tier_defaults::run(request),
        Step::ApprovalGate => production_approval::run(request, &input(request, step)?, now),
        Step::Engines => compose_engine::run(request, &input(request, step)?),
        Step::Integrations => integrate::run(request, &input(request, step)?),
        Step::Report => report::run(request, &input(request, step)?, now),
    });
    response.unwrap_or_else(|stop| stopped(request, &stop))
}

/// Conditions of a FATAL response are kept, and reach the claim when nothing else does; so what was said is said again.
fn stopped(request: &Request, stop: &Stop) -> Response {
    let mut response = Response::to(request);
    let said = Conditions::find(&request.context).ok().flatten().unwrap_or_default();
    response.conditions = said.0;
    for condition in stop.conditions() {
        put(&mut response.conditions, condition);
    }
    response.events =
        vec![Event { severity: Severity::Fatal, reason: stop.reason().into(), message: stop.to_string() }];
    response
}

fn step_of(request: &Request) -> Result<Step, Stop> {
    let Some(input) = &request.input else { return Err(Stop::NoInput) };
    let header: Header = input.decode("input")?;
    if header.api_version != api::INPUT_API_VERSION {
        return Err(Stop::UnknownInput(format!("{} {}", header.api_version, header.kind)));
    }
    let known = Step::ALL.into_iter().find(|step| step.kind() == header.kind);
    known.ok_or_else(|| Stop::UnknownInput(format!("{} {}", header.api_version, header.kind)))
}

/// The step's settings, with the platform's own values over those of the Composition.
pub fn input<Spec: DeserializeOwned>(request: &Request, step: Step) -> Result<Spec, Stop> {
    read(step, &merged(request, step)?)
}

/// The same, unread.
fn merged(request: &Request, step: Step) -> Result<Object, Stop> {
    let input = request.input.as_ref().ok_or(Stop::NoInput)?;
    let section = overlay(request)?.and_then(|overlay| overlay.field(step.kind()));
    Ok(section.map_or_else(|| input.clone(), |section| input.merge(&Object::default().with("spec", &section))))
}

fn read<Spec: DeserializeOwned>(step: Step, input: &Object) -> Result<Spec, Stop> {
    let manifest: Manifest<Spec> = input.decode(step.kind()).map_err(|source| Stop::Input { step, source })?;
    Ok(manifest.spec)
}

/// Whether an input can be read, the platform's own values over it, as far as that can be said without a claim.
pub fn check_input(input: &Object, overlay: Option<&Object>) -> Result<(), Stop> {
    let request = Request { input: Some(input.clone()), required: required(overlay), ..Request::default() };
    match step_of(&request)? {
        Step::TierDefaults => self::input::<api::input::TierDefaults>(&request, Step::TierDefaults).map(drop),
        Step::ApprovalGate => self::input::<api::input::ApprovalGate>(&request, Step::ApprovalGate).map(drop),
        Step::Engines => self::input::<api::input::Engines>(&request, Step::Engines).map(drop),
        Step::Integrations => self::input::<api::input::Integrations>(&request, Step::Integrations).map(drop),
        Step::Report => self::input::<api::input::Report>(&request, Step::Report).map(drop),
    }
}

/// The EnvironmentConfig as a request brings it.
pub fn required(overlay: Option<&Object>) -> BTreeMap<String, Vec<Object>> {
    map(overlay.map(|config| (OVERLAY.to_string(), vec![config.clone()])))
}

/// Sections of the EnvironmentConfig's `data` that no step reads.
pub fn strangers(data: &Object) -> Result<Vec<Problem>, Undecodable> {
    let sections: BTreeMap<String, IgnoredAny> = data.decode("data")?;
    let known = Step::ALL.map(Step::kind);
    let strangers = sections.into_keys().filter(|section| !known.contains(&section.as_str()));
    Ok(strangers
        .map(|section| {
            let path = format!("EnvironmentConfig {OVERLAY}.data.{section}");
            Problem::new(path, "no step reads this section", format!("write one of {}", known.join(", ")))
        })
        .collect())
}

/// `data` of the EnvironmentConfig, if there is one.
fn overlay(request: &Request) -> Result<Option<Object>, Undecodable> {
    let found = request.required.get(OVERLAY).and_then(|found| found.first());
    Ok(found.and_then(|config| config.field("data")))
}

/// Everything that exists, as if it had been delivered directly.
fn observe(request: &Request) -> Result<Observed, Undecodable> {
    Ok(Observed { composed: delivery::unwrap(&request.observed)?, found: request.required.clone() })
}

/// Asking and looking go together: Crossplane forgets a question that a run does not repeat.
fn ask(response: &mut Response, question: &Question) {
    response.requirements.insert(question.name(), question.selector.clone());
}

/// Whoever wants to know the health asks for what it rests on; what is in another cluster cannot be asked for.
fn health(response: &mut Response, generation: &Generation, observed: &Observed) -> Health {
    let operator = operators::of(generation.plan.terms.operator);
    if generation.plan.terms.delivery == Delivery::Direct {
        for question in operator.requirements(generation) {
            ask(response, &question);
        }
    }
    let mut health = operator.health(generation, observed).unwrap_or_else(|error| Health::unreadable(&error));
    if let Some(overwrite) = &generation.overwrite {
        health.state = overwrite::state(overwrite);
        health.resources.extend(operator.data(generation).into_iter().map(|data| (data.key, false)));
    }
    health
}

/// Desires resources where they are to go. They are ready once they exist, unless `report` knows better.
fn deliver(request: &Request, response: &mut Response, generation: &Generation, resources: Vec<Resource>) {
    let terms = &generation.plan.terms;
    let stays = |resource: &Resource| resource.holds.stays(terms.lifecycle.deletion_policy);
    let retention = resources.iter().any(stays).then(|| {
        let namespace = namespace(request, response, &terms.database);
        delivery::retention(&terms.delivery, &terms.database, namespace.as_deref())
    });
    for resource in resources {
        let retention = retention.as_ref().filter(|_| stays(&resource));
        let Resource { key, holds, object } = resource;
        let object = delivery::wrap(delivery::of(&terms.delivery, holds), &terms.database, &key, object);
        let object = match retention {
            Some(patch) => object.merge(patch),
            None => object,
        };
        desire(request, response, key, object);
    }
}

/// The same of what goes again soon: nothing of it stays.
fn throw_away(request: &Request, response: &mut Response, generation: &Generation, mut resources: Vec<Resource>) {
    resources.iter_mut().for_each(|resource| resource.holds = Holds::Nothing);
    unawaited(request, response, generation, resources);
}

/// The same of what nobody waits for: the database is ready without it.
fn unawaited(request: &Request, response: &mut Response, generation: &Generation, resources: Vec<Resource>) {
    let keys: Vec<Key> = resources.iter().map(|resource| resource.key.clone()).collect();
    deliver(request, response, generation, resources);
    for key in keys {
        response.desired.resources.entry(key).or_default().ready = Ready::True;
    }
}

/// The UID of the claim's namespace, once Crossplane has found it.
fn namespace(request: &Request, response: &mut Response, database: &DatabaseName) -> Option<String> {
    let question = Question::namespace(database.identity().0);
    let found = request.required.get(&question.name()).and_then(|found| found.first());
    ask(response, &question);
    found.and_then(|namespace| namespace.text("Namespace", &["metadata", "uid"]).ok().flatten()).map(String::from)
}

fn desire(request: &Request, response: &mut Response, key: Key, object: Object) {
    let ready = if request.observed.contains_key(&key) { Ready::True } else { Ready::False };
    let resource = response.desired.resources.entry(key).or_default();
    resource.object = object;
    resource.ready = ready;
}

/// Said now, emitted by `report`: two steps that return the same type would make Crossplane run in a circle.
fn say(response: &mut Response, condition: Condition) -> Result<(), Stop> {
    let mut said = Conditions::find(&response.context)?.unwrap_or_default();
    put(&mut said.0, condition);
    said.hand_on(response);
    Ok(())
}

fn put(conditions: &mut Vec<Condition>, condition: Condition) {
    conditions.retain(|earlier| earlier.kind != condition.kind);
    conditions.push(condition);
}

/// One of our conditions; a message that is empty is none.
pub fn condition(kind: ConditionType, status: Truth, reason: &str, message: impl Into<String>) -> Condition {
    let message = Some(message.into()).filter(|message: &String| !message.is_empty());
    Condition { kind: operators::name_of(&kind), status, reason: reason.into(), message }
}

#[cfg(test)]
mod tests;
