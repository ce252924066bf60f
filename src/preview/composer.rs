//! What is composed for a plan. In: a claim and what it means, the settings of a Composition. Out: the resources by key, as the
//! pipeline has them for a database that was never there and that everybody agreed to: where a plan leads to. The record is
//! left out, because it only repeats the plan.
//!
//! What the steps say to each other is no part of it: with the plan made there is nothing to read, to ask or to judge. The
//! tests hold it to the pipeline. Must not look at what exists.

use crate::api::approval::OperationKind;
use crate::api::claim::Composite;
use crate::api::input::{ApprovalGate, Engines, Integrations, Step};
use crate::api::plan::{Delivery, Plan};
use crate::api::record::{Generation, Record};
use crate::delivery;
use crate::gate::protection;
use crate::integrations::{self, catalog};
use crate::map::map;
use crate::observed::{Observed, Question};
use crate::operators::{self, Resource};
use crate::pipeline::stop::Stop;
use crate::render::{Composition, composite};
use crate::wire::{Key, Object, Undecodable};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a Composition, with the platform's own values over it, says about composing.
#[derive(Clone, Debug, PartialEq)]
pub struct Composer {
    /// The composite's.
    kind: String,
    gate: ApprovalGate,
    engines: Engines,
    integrations: Integrations,
}

impl Composer {
    /// `overlay` is the EnvironmentConfig with the platform's own values.
    pub fn new(composition: &Composition, overlay: Option<&Object>) -> Result<Composer, Stop> {
        Ok(Composer {
            kind: composition.kind.clone(),
            gate: composition.input(Step::ApprovalGate, overlay)?,
            engines: composition.input(Step::Engines, overlay)?,
            integrations: composition.input(Step::Integrations, overlay)?,
        })
    }

    /// By key, as if a restore began empty: its source is in the cluster.
    pub fn compose(&self, claim: &Value, plan: &Plan) -> Result<BTreeMap<Key, Object>, Undecodable> {
        let composite = Object::try_of(&composite(&self.kind, claim))?;
        let identity: Composite = composite.decode("composite")?;
        let generation = Generation::first(identity.metadata.uid.clone(), plan.clone());
        let operator = operators::of(plan.terms.operator);
        let mut observed = Observed::default();
        if plan.terms.delivery == Delivery::Direct {
            nothing(&mut observed, operator.ingredients(&generation));
        }
        let engine = operator.compose(&generation, &self.engines, &observed);
        let secrets = integrations::secrets(&generation, &engine.facts, &self.integrations);
        let readings = delivery::readings(&generation, secrets);
        nothing(&mut observed, readings.iter().map(|reading| reading.question.clone()).collect());
        let around = integrations::compose(&generation, &engine.facts, &self.integrations, &observed);
        let placed = delivery::namespace::compose(&generation);
        let delivered =
            engine.resources.into_iter().chain(around).chain(placed).map(|resource| delivered(plan, resource));
        let mut composed = map(delivered);
        composed.extend(readings.into_iter().filter_map(|reading| reading.reader));
        composed.extend(self.protection(generation.clone(), (&identity, &composite), claim)?);
        if let Some(catalog) = &self.integrations.catalog {
            let marks = catalog::marks(&generation, catalog);
            for (Key(key), object) in &mut composed {
                *object = delivery::marked(key, object, &marks)?;
            }
        }
        Ok(composed)
    }

    /// What refuses a deletion.
    fn protection(
        &self,
        generation: Generation,
        composite: (&Composite, &Object),
        claim: &Value,
    ) -> Result<Vec<(Key, Object)>, Undecodable> {
        let terms = &generation.plan.terms;
        let by_approval = self.gate.gates(terms.environment, OperationKind::Delete);
        if !by_approval && !terms.lifecycle.deletion_protection {
            return Ok(vec![]);
        }
        let claim = Object::try_of(claim)?;
        let record = Record::of(generation);
        protection::usages(composite, Some(&claim), &record, &Observed::default(), by_approval, false)
    }
}

/// Everything was asked for, and there is nothing.
fn nothing(observed: &mut Observed, questions: Vec<Question>) {
    observed.found.extend(questions.iter().map(|question| (question.name(), vec![])));
}

/// Where it goes, and whether it stays there.
fn delivered(plan: &Plan, Resource { key, holds, object }: Resource) -> (Key, Object) {
    let terms = &plan.terms;
    let object = delivery::wrap(delivery::of(&terms.delivery, holds), &terms.database, &key, object);
    match holds.stays(terms.lifecycle.deletion_policy) {
        true => (key, object.merge(&delivery::retention(&terms.delivery, &terms.database, None))),
        false => (key, object),
    }
}
