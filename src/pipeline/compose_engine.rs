//! Step `compose-engine`. In: the record's generation, operator settings. Out: the operator's resources, and the document
//! `facts`. Must not look at the claim: what runs is the applied plan.

use super::documents::{Document, Ruling, Serving};
use super::stop::Stop;
use super::{LAST_BACKUP, ask, deliver, observe};
use crate::api::input::{Engines, Step};
use crate::api::plan::Delivery;
use crate::gate::Standing;
use crate::operators::{self, Holds};
use crate::wire::{Request, Response};

pub fn run(request: &Request, settings: &Engines) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling: Ruling = Ruling::take(&request.context, Step::Engines)?;
    let mut facts = None;
    if let Some(record) = &ruling.record {
        let generation = &record.serving;
        let operator = operators::of(generation.plan.terms.operator);
        // In another cluster Crossplane cannot look.
        if generation.plan.terms.delivery == Delivery::Direct {
            operator.ingredients(generation).iter().for_each(|question| ask(&mut response, question));
        }
        let mut engine = operator.compose(generation, settings, &observe(request)?);
        if ruling.standing == Standing::Lost {
            engine.resources.retain(|resource| !matches!(resource.holds, Holds::Data(_)));
        }
        let last_backup = ruling.deletion.last_backup;
        let last_backup = last_backup.and_then(|name| operator.backup(generation, settings, LAST_BACKUP, name));
        engine.resources.extend(last_backup);
        deliver(request, &mut response, generation, engine.resources);
        facts = Some(engine.facts);
    }
    Serving { facts }.hand_on(&mut response);
    Ok(response)
}
