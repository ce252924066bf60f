//! Step `report`. In: everything observed and desired, what the gate ruled, the facts. Out: readiness of each resource,
//! status, conditions, events; or the guard's veto. Must not desire anything: it is the last to look, and speaks for all.

use super::documents::{Conditions, Document, Integrated, Ruling};
use super::stop::Stop;
use super::{AWAIT, health, observe, put};
use crate::api::claim::Composite;
use crate::api::input::{Report, Step};
use crate::api::record::Generation;
use crate::gate::Standing;
use crate::observed::Answer;
use crate::operators::{self, Health, State};
use crate::report::{self, View, guard};
use crate::wire::{Object, Ready, Request, Response};
use jiff::Timestamp;
use std::time::Duration;

pub fn run(request: &Request, _settings: &Report, now: Timestamp) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling: Ruling = Ruling::take(&request.context, Step::Report)?;
    let Integrated { access } = Integrated::take(&request.context, Step::Report)?;
    let losses = guard::losses(&request.observed, &request.desired.resources)?;
    if !losses.is_empty() {
        return Err(Stop::Guard(losses));
    }
    let observed = observe(request)?;
    let composite: Composite = request.composite.decode("composite")?;
    // What is promoted is the standby, and shown as that.
    let next = ruling.record.as_ref().and_then(|record| record.next()).filter(|next| !next.generation.standby);
    let next = next.map(|next| health(&mut response, &next.generation, &observed));
    let drill = ruling.record.as_ref().and_then(|record| record.drills.running.as_ref());
    let drill = drill.map(|drill| health(&mut response, &drill.generation, &observed));
    let standby = ruling.record.as_ref().and_then(|record| record.standby());
    let standby = standby.map(|standby| health(&mut response, standby, &observed));
    let health = ruling.record.as_ref().map(|record| health(&mut response, &record.serving, &observed));
    for (key, ready) in health.iter().flat_map(|health: &Health| &health.resources) {
        if let Some(resource) = response.desired.resources.get_mut(key) {
            resource.ready = if *ready { Ready::True } else { Ready::False };
        }
    }
    let serving = ruling.record.as_ref().map(|record| &record.serving);
    let made = match serving.map(|serving| operators::of(serving.plan.terms.operator).backups(serving, &observed)) {
        Some(Ok(Answer::Found(made))) => made,
        // What cannot be read is not shown; the health says why.
        Some(Ok(Answer::NotAsked | Answer::Nothing) | Err(_)) | None => vec![],
    };
    let stale_at = serving.zip(health.as_ref()).and_then(|(serving, health)| stale_at(serving, health));
    let view = View {
        composite: &composite,
        ruling: &ruling,
        access: access.as_ref(),
        health: health.as_ref(),
        next: next.as_ref(),
        standby: standby.as_ref(),
        drill: drill.as_ref(),
        made: &made,
        stale: stale_at.is_some_and(|at| at <= now),
        desired: &response.desired.resources,
        observed: &observed,
    };
    let status = report::status(&view);
    let mut conditions = Conditions::find(&request.context)?.unwrap_or_default().0;
    let said = report::observed(&request.composite);
    let standby = report::standby::ready(status.disaster_recovery.as_ref(), &said);
    for condition in report::conditions(&view).into_iter().chain(standby) {
        put(&mut conditions, condition);
    }
    response.events = report::events(&said, &conditions);
    response.conditions = conditions;
    let composite = &mut response.desired.composite.object;
    let status = Object::of(&status);
    let status = composite.field("status").map_or_else(|| status.clone(), |others| others.merge(&status));
    *composite = composite.with("status", &status);
    // Crossplane would call a composite without resources ready. Anything else it judges by the resources itself.
    if ruling.record.is_none() {
        response.desired.composite.ready = Ready::False;
    }
    // The gate says itself when a window opens.
    let waits = !matches!(ruling.standing, Standing::Applied | Standing::Waiting);
    let awaited = waits || !health.is_some_and(|health| health.is_settled()) || report::circuit_is_open(&said);
    let stales =
        stale_at.and_then(|at| at.duration_since(now).try_into().ok()).filter(|left: &Duration| !left.is_zero());
    response.ttl = awaited.then_some(AWAIT).or(stales);
    Ok(response)
}

/// When the last backup will be too old; nobody makes any while it sleeps.
fn stale_at(serving: &Generation, health: &Health) -> Option<Timestamp> {
    let backup = serving.plan.terms.backup.as_ref().filter(|_| health.state != State::Hibernated)?;
    report::backups::stale_at(backup, health.backup.last_success.as_deref()?)
}
