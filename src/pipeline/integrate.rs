//! Step `integrate`. In: the facts of the engine that serves. Out: what surrounds it, and the document `integrations`. Must
//! not know the operator.

use super::documents::{Document, Integrated, Ruling, Serving};
use super::stop::Stop;
use super::{ask, deliver, desire, observe, throw_away, unawaited};
use crate::api::claim::Composite;
use crate::api::input::{Integrations, Step};
use crate::api::record::{Beside, Drill, Generation};
use crate::delivery::{self, Reading};
use crate::integrations::{self, catalog};
use crate::observed::Observed;
use crate::operators::DATABASE;
use crate::operators::facts::{Facts, Peer, SecretKey};
use crate::wire::{Key, Object, Ready, Request, Response, Undecodable};

pub fn run(request: &Request, settings: &Integrations) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling: Ruling = Ruling::take(&request.context, Step::Integrations)?;
    let Serving { facts, next, standby, drill } = Serving::take(&request.context, Step::Integrations)?;
    let (Some(record), Some(mut facts)) = (ruling.record, facts) else {
        Integrated { access: None }.hand_on(&mut response);
        return Ok(response);
    };
    let generation = &record.serving;
    // What they would write meanwhile would come among what is restored.
    if generation.overwrite.is_some() || generation.awaited().is_some() {
        shut_out(&mut facts);
    }
    let mut observed = observe(request)?;
    read(request, &mut response, generation, integrations::secrets(generation, &facts, settings), &mut observed);
    let resources = integrations::compose(generation, &facts, settings, &observed);
    deliver(request, &mut response, generation, resources);
    if let Some((Beside { generation, .. }, facts)) = record.next().zip(next) {
        let resources = integrations::beside(generation, &facts, settings);
        deliver(request, &mut response, generation, resources);
    }
    if let Some((generation, mut facts)) = record.standby().zip(standby) {
        shut_out(&mut facts);
        unawaited(request, &mut response, generation, integrations::beside(generation, &facts, settings));
    }
    if let Some((Drill { generation, .. }, mut facts)) = record.drills.running.as_ref().zip(drill) {
        shut_out(&mut facts);
        throw_away(request, &mut response, generation, integrations::beside(generation, &facts, settings));
    }
    for key in integrations::unready(generation, &observed) {
        response.desired.resources.entry(key).and_modify(|resource| resource.ready = Ready::False);
    }
    if let Some(catalog) = &settings.catalog {
        let marks = catalog::marks(generation, catalog);
        for (Key(key), resource) in &mut response.desired.resources {
            if is_part(key, &resource.object, &generation.database().name)? {
                resource.object = delivery::marked(key, &resource.object, &marks)?;
            }
        }
    }
    let composite: Composite = request.composite.decode("composite")?;
    if composite.spec.write_connection_secret_to_ref.is_some() {
        let details = integrations::connection_secret::details(generation, &facts, &observed);
        response.desired.composite.connection_details.extend(details);
    }
    let access = Some(integrations::access(generation, &facts, settings, &observed));
    Integrated { access }.hand_on(&mut response);
    Ok(response)
}

/// Whoever looks for a secret finds it by the name that it has beside the database, wherever that is.
fn read(
    request: &Request,
    response: &mut Response,
    generation: &Generation,
    secrets: Vec<SecretKey>,
    observed: &mut Observed,
) {
    for Reading { secret, reader, question } in delivery::readings(generation, secrets) {
        ask(response, &question);
        let Some((key, object)) = reader else { continue };
        desire(request, response, key, object);
        if let Some(found) = observed.found.remove(&question.name()) {
            observed.found.insert(integrations::secret(generation, &secret).name(), found);
        }
    }
}

/// Whether it is of this database, and not of another function in the pipeline.
fn is_part(key: &str, object: &Object, database: &str) -> Result<bool, Undecodable> {
    let carried = delivery::unwrap_desired(key, object)?;
    Ok(carried.text(key, &["metadata", "labels", DATABASE])? == Some(database))
}

/// Nobody comes in but those who look after it.
fn shut_out(facts: &mut Facts) {
    facts.workloads.iter_mut().for_each(|workload| workload.accepts.retain(|door| door.peer != Peer::Clients));
}
