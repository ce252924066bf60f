//! Step `compose-engine`. In: the record's generation, operator settings. Out: the operator's resources, and the document
//! `facts`. Must not look at the claim: what runs is the applied plan.

use super::documents::{Document, Ruling, Serving};
use super::stop::Stop;
use super::{LAST_BACKUP, ask, deliver, observe, requested_backup, throw_away, unawaited};
use crate::api::claim::DeletionPolicy;
use crate::api::input::{Engines, Step};
use crate::api::plan::Delivery;
use crate::api::record::{Asked, Beside, Drill, Fate, Generation, Record};
use crate::delivery;
use crate::observed::Observed;
use crate::operators::{self, Engine, Holds, RELEASED, Resource, STATEFUL, rotation};
use crate::wire::{Object, Request, Response};
use serde_json::{Value, json};

pub fn run(request: &Request, settings: &Engines) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let ruling: Ruling = Ruling::take(&request.context, Step::Engines)?;
    let (mut facts, mut next, mut standby, mut drill) = (None, None, None, None);
    if let Some(record) = &ruling.record {
        let observed = observe(request)?;
        for Beside { generation, fate } in &record.beside {
            let mut engine = compose(&mut response, generation, settings, &observed);
            if *fate == Fate::Released {
                let released = json!({STATEFUL: null, RELEASED: "true"});
                engine.resources.iter_mut().for_each(|resource| unmark(resource, &released));
            }
            match fate {
                Fate::Standby | Fate::Promoted { .. } => {
                    engine.resources.extend(delivery::namespace::compose(generation));
                    unawaited(request, &mut response, generation, engine.resources);
                    standby = Some(engine.facts);
                }
                Fate::Next { .. } | Fate::Kept { .. } | Fate::Released => {
                    deliver(request, &mut response, generation, engine.resources);
                    next = next.or(matches!(fate, Fate::Next { .. }).then_some(engine.facts));
                }
            }
        }
        if let Some(Drill { generation, .. }) = &record.drills.running {
            let mut engine = compose(&mut response, generation, settings, &observed);
            engine.resources.iter_mut().for_each(|resource| unmark(resource, &json!({STATEFUL: null})));
            throw_away(request, &mut response, generation, engine.resources);
            drill = Some(engine.facts);
        }
        let generation = &record.serving;
        let operator = operators::of(generation.plan.terms.operator);
        let mut engine = compose(&mut response, generation, settings, &observed);
        if ruling.lost {
            engine.resources.retain(|resource| !matches!(resource.holds, Holds::Data(_)));
        }
        for (generation, backup) in on_demand(record, settings) {
            deliver(request, &mut response, &generation, vec![as_made(backup, &observed)]);
        }
        let last_backup = ruling.deletion.last_backup;
        let last_backup = last_backup.and_then(|name| operator.backup(generation, settings, LAST_BACKUP, name));
        engine.resources.extend(last_backup.map(|backup| as_made(backup, &observed)));
        deliver(request, &mut response, generation, engine.resources);
        unawaited(request, &mut response, generation, delivery::namespace::compose(generation));
        facts = Some(engine.facts);
    }
    Serving { facts, next, standby, drill }.hand_on(&mut response);
    Ok(response)
}

/// The backups that were asked for, as long as they are kept, each with what it is of, beside which it stands. They stay with the
/// database, unless a backup is to stay.
fn on_demand(record: &Record, settings: &Engines) -> Vec<(Generation, Resource)> {
    let live = record.asked.iter().filter(|asked| asked.until.is_some());
    let backup = |asked: &Asked| {
        let generation = record.generations().find(|generation| generation.number == asked.generation)?;
        let mut generation = generation.clone();
        // One that was made stays, whatever the plan says of the next.
        generation.plan.terms.lifecycle.hibernated = false;
        let (role, name) = requested_backup(&generation, &asked.token);
        let operator = operators::of(generation.plan.terms.operator);
        let mut backup = operator.backup(&generation, settings, &role, name)?;
        if generation.plan.terms.lifecycle.deletion_policy == DeletionPolicy::Delete {
            backup.holds = Holds::Nothing;
        }
        Some((generation, backup))
    };
    live.filter_map(backup).collect()
}

fn compose(response: &mut Response, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
    let operator = operators::of(generation.plan.terms.operator);
    // In another cluster Crossplane cannot look.
    if generation.plan.terms.delivery == Delivery::Direct {
        operator.ingredients(generation).iter().for_each(|question| ask(response, question));
    }
    let mut engine = operator.compose(generation, settings, observed);
    if let Some(rotated) = rotation::credentials(generation) {
        engine.facts.credentials = rotated;
    }
    let runs_once = |it: &Resource| it.object.text(&it.key.0, &["kind"]).is_ok_and(|kind| kind == Some("Job"));
    engine.resources =
        engine.resources.into_iter().map(|it| if runs_once(&it) { as_made(it, observed) } else { it }).collect();
    engine
}

/// What runs once is of the day on which it was made: the API server takes no other pods for a job (Kubernetes, "Jobs"), and
/// CloudNativePG no other `Backup` (1.30). So what exists stays as it is, whatever plan, policy and release say of the next.
fn as_made(resource: Resource, observed: &Observed) -> Resource {
    match observed.composed.get(&resource.key).and_then(|made| made.field("spec")) {
        Some(spec) => Resource { object: resource.object.with("spec", &spec), ..resource },
        None => resource,
    }
}

/// What is not marked as data may go. The guard lets what was, once it is observed so.
fn unmark(resource: &mut Resource, annotations: &Value) {
    if let Holds::Data(_) = resource.holds {
        resource.object = resource.object.merge(&Object::of(&json!({"metadata": {"annotations": annotations}})));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::account_job;
    use crate::plan::example;
    use crate::wire::{Key, Object};
    use pretty_assertions::assert_eq;

    /// The specs of the cluster and of the job that makes the application's user.
    fn specs(observed: &Observed) -> (Option<Object>, Option<Object>) {
        let generation = example::generation("staging", json!({"engine": "mysql"}));
        let engine = compose(&mut Response::default(), &generation, &Engines::default(), observed);
        let spec =
            |key: &str| engine.resources.iter().find(|it| it.key.0 == key).and_then(|it| it.object.field("spec"));
        (spec("cluster"), spec(account_job::KEY))
    }

    #[test]
    fn a_job_that_exists_stays_as_it_was_made() {
        let (cluster, job) = specs(&Observed::default());
        let made = json!({"template": {"metadata": {"labels": {"controller-uid": "u-2"}}, "spec": {"containers": []}}});
        let mut observed = Observed::default();
        for key in ["cluster", account_job::KEY] {
            observed.composed.insert(Key(key.into()), Object::of(&json!({"spec": made, "status": {}})));
        }
        assert_ne!(job, Some(Object::of(&made)));
        assert_eq!(specs(&observed), (cluster, Some(Object::of(&made))), "and nothing else does");
    }
}
