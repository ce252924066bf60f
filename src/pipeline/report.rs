//! Step `report`. In: everything observed and desired, what the gate ruled, the facts. Out: readiness of each resource,
//! status, conditions, events; or the guard's veto. Must not desire anything: it is the last to look, and speaks for all.

use super::documents::{Conditions, Document, Integrated, Ruling};
use super::stop::Stop;
use super::{AWAIT, health, observe, put};
use crate::api::claim::Composite;
use crate::api::input::{Report, Step};
use crate::gate::Standing;
use crate::operators::Health;
use crate::report::{self, View, guard};
use crate::wire::{Object, Ready, Request, Response};

pub fn run(request: &Request, _settings: &Report) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling: Ruling = Ruling::take(&request.context, Step::Report)?;
    let Integrated { access } = Integrated::take(&request.context, Step::Report)?;
    let losses = guard::losses(&request.observed, &request.desired.resources)?;
    if !losses.is_empty() {
        return Err(Stop::Guard(losses));
    }
    let observed = observe(request)?;
    let composite: Composite = request.composite.decode("composite")?;
    let next = ruling.record.as_ref().and_then(|record| record.next());
    let next = next.map(|next| health(&mut response, &next.generation, &observed));
    let health = ruling.record.as_ref().map(|record| health(&mut response, &record.serving, &observed));
    for (key, ready) in health.iter().flat_map(|health: &Health| &health.resources) {
        if let Some(resource) = response.desired.resources.get_mut(key) {
            resource.ready = if *ready { Ready::True } else { Ready::False };
        }
    }
    let view = View {
        composite: &composite,
        ruling: &ruling,
        access: access.as_ref(),
        health: health.as_ref(),
        next: next.as_ref(),
        desired: &response.desired.resources,
        observed: &observed,
    };
    let status = report::status(&view);
    let mut conditions = Conditions::find(&request.context)?.unwrap_or_default().0;
    for condition in report::conditions(&view) {
        put(&mut conditions, condition);
    }
    response.events = report::events(&request.composite, &conditions);
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
    let awaited = waits || !health.is_some_and(|health| health.is_settled());
    response.ttl = awaited.then_some(AWAIT);
    Ok(response)
}
