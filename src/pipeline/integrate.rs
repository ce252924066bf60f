//! Step `integrate`. In: the facts of the engine that serves. Out: what surrounds it, and the document `integrations`. Must
//! not know the operator.

use super::documents::{Document, Integrated, Ruling, Serving};
use super::stop::Stop;
use super::{ask, deliver, observe};
use crate::api::input::{Integrations, Step};
use crate::integrations;
use crate::wire::{Request, Response};

pub fn run(request: &Request, settings: &Integrations) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling: Ruling = Ruling::take(&request.context, Step::Integrations)?;
    let Serving { facts } = Serving::take(&request.context, Step::Integrations)?;
    let (Some(record), Some(facts)) = (ruling.record, facts) else {
        Integrated { access: None }.hand_on(&mut response);
        return Ok(response);
    };
    let generation = &record.serving;
    let observed = observe(request)?;
    for question in integrations::requirements(generation, &facts) {
        ask(&mut response, &question);
    }
    let resources = integrations::compose(generation, &facts, settings, &observed);
    deliver(request, &mut response, generation, resources);
    let access = Some(integrations::access(generation, &facts, &observed));
    Integrated { access }.hand_on(&mut response);
    Ok(response)
}
