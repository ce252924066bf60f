//! Step `compose-engine`. In: the record's generation, operator settings. Out: the operator's resources, and the document
//! `facts`. Must not look at the claim: what runs is the applied plan.

use super::documents::{Document, Ruling, Serving};
use super::stop::Stop;
use super::{deliver, observe};
use crate::api::input::{Engines, Step};
use crate::gate::Standing;
use crate::operators::{self, Holds};
use crate::wire::{Request, Response};

pub fn run(request: &Request, settings: &Engines) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling = Ruling::take(&request.context, Step::Engines)?;
    let mut facts = None;
    if let Some(record) = &ruling.record {
        let generation = &record.serving;
        let operator = operators::of(generation.plan.terms.operator);
        let mut engine = operator.compose(generation, settings, &observe(request)?);
        if ruling.standing == Standing::Lost {
            engine.resources.retain(|resource| resource.holds == Holds::Nothing);
        }
        deliver(request, &mut response, generation, engine.resources);
        facts = Some(engine.facts);
    }
    Serving { facts }.hand_on(&mut response);
    Ok(response)
}
