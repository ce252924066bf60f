//! From an operator's resource to the claim that it could have come from. In: resources as the cluster has them, the platform's
//! tables. Out: the claim whose composed resources differ least, and every difference that is left.
//!
//! What a claim may say is finite but for what stands in the resources as it is: so each is tried, composed, and compared.
//! Nothing is read backwards, and no operator needs to say how: what fits is what composes to it. Must not call anything
//! fitting that was not composed, nor repeat a secret value.

mod candidates;
mod comparison;

use crate::api::claim::{Claim, Engine, Environment};
use crate::api::input::tier_defaults::{EnginePolicy, ObjectDelivery, Tier};
use crate::api::input::{Engines, TierDefaults};
use crate::api::record::Generation;
use crate::api::{self, claim};
use crate::map::sort;
use crate::observed::Observed;
use crate::operators::{self, Holds, LINEAGE, Resource, name_of};
use crate::plan;
use crate::preview::resources::masked;
use crate::render::UID;
use crate::schema::Schema;
use crate::wire::Object;
use candidates::Edit;
use comparison::Comparison;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub use comparison::Difference;

type Labels = BTreeMap<String, String>;

/// The best claim there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Adoption {
    pub claim: Value,
    /// What composing it would change in what is there; none: it fits.
    pub differences: Vec<Difference>,
    /// Paths of what is there and not composed, which stays as it is.
    pub stays: Vec<String>,
    /// Kind and name of what would be made beside it.
    pub made: Vec<String>,
    /// Fields of the claim that nothing in what is there speaks of.
    pub guessed: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error(
        "none of these resources holds the data of a database as this environment has them; give the one that does"
    )]
    NoData,
    #[error(
        "databases of this environment stand in namespaces by the labels of their claims, where they have names of their own; what \
         runs already has another name; give deliveries of the environment a row without namespace for it"
    )]
    Placed,
}

/// `environment` is nothing that a resource says: it decides who must agree, and what is backed up. `schema`: of claims.
pub fn adopt(
    given: &[Value],
    environment: Environment,
    (tiers, engines): (&TierDefaults, &Engines),
    schema: &Schema,
) -> Result<Adoption, Unknown> {
    let given: Vec<Value> = given.iter().cloned().map(masked).collect();
    // What ran under a claim before says whose data it is; anything else becomes the next claim's.
    let lineage = given.iter().find_map(|value| value["metadata"]["annotations"][LINEAGE].as_str()).unwrap_or(UID);
    let search = Search { given: &given, lineage, environment, tiers, engines, schema };
    let named = given.iter().filter(|value| value["metadata"]["name"].is_string());
    let starts = named.flat_map(|main| tiers.engines.iter().map(move |engine| (main, engine)));
    let tier = tiers.environments.get(&environment).ok_or(Unknown::NoData)?;
    // By labels a database can stand where it keeps its name.
    let rows: Vec<&Labels> = tier.deliveries.iter().map(|row| &row.match_labels).collect();
    let none = Labels::new();
    let starts = starts.flat_map(|start| std::iter::once(&none).chain(rows.clone()).map(move |labels| (start, labels)));
    let found = starts.filter_map(|((main, (name, engine)), labels)| search.best(main, (*name, engine), tier, labels));
    let best = found.min_by_key(|found| found.comparison.score()).ok_or_else(|| unknown(tier))?;
    let guessed = search.guessed(&best);
    let Found { claim, comparison: Comparison { differences, mut stays, made, .. } } = best;
    sort(&mut stays, Ord::cmp);
    Ok(Adoption { claim, differences, stays, made, guessed })
}

/// Why nothing was found.
fn unknown(tier: &Tier) -> Unknown {
    let places = |there: &Option<ObjectDelivery>| there.as_ref().is_some_and(|there| there.namespace.is_some());
    let placed = places(&tier.object_delivery) && tier.deliveries.iter().all(|row| places(&row.object_delivery));
    if placed { Unknown::Placed } else { Unknown::NoData }
}

/// A claim, and how far what it composes is from what is there.
#[derive(Clone)]
struct Found {
    claim: Value,
    comparison: Comparison,
}

struct Search<'a> {
    given: &'a [Value],
    lineage: &'a str,
    environment: Environment,
    tiers: &'a TierDefaults,
    engines: &'a Engines,
    schema: &'a Schema,
}

impl Search<'_> {
    /// The best claim of an engine that is named after `main`; none where nothing that is there could come of one.
    fn best(
        &self,
        main: &Value,
        (name, engine): (Engine, &EnginePolicy),
        tier: &Tier,
        labels: &Labels,
    ) -> Option<Found> {
        let metadata = &main["metadata"];
        let called = metadata["name"].as_str()?;
        let begin = |size: &String, version: &String, storage: String| {
            let spec = json!({
                "name": called.replace('-', "_"), "environment": name_of(&self.environment), "engine": name_of(&name),
                "version": version, "size": size, "storage": storage,
            });
            let mut metadata = match metadata.get("namespace") {
                Some(namespace) => json!({"name": called, "namespace": namespace}),
                None => json!({"name": called}),
            };
            if !labels.is_empty() {
                metadata["labels"] = json!(labels);
            }
            self.found(json!({"apiVersion": api::API_VERSION, "kind": claim::KIND, "metadata": metadata, "spec": spec}))
                .filter(|found| self.is_valid(&found.claim))
        };
        // Anything that there can be a claim of is a beginning.
        let storages = [tier.storage.minimum, tier.storage.maximum].map(|storage| storage.to_string());
        let versions = std::iter::once(&engine.default_version).chain(engine.versions.keys());
        let mut rows = versions.flat_map(|version| tier.sizes.iter().map(move |size| (version, size)));
        let first = rows.find_map(|(version, size)| storages.iter().find_map(|it| begin(size, version, it.clone())))?;
        let dimensions = candidates::dimensions(self.given, called, self.tiers, tier, engine);
        let best = self.descend(first, &dimensions);
        best.comparison.is_of_data().then_some(best)
    }

    /// Follows whatever makes it better, until nothing does.
    fn descend(&self, mut best: Found, dimensions: &[Vec<Edit>]) -> Found {
        loop {
            let before = best.comparison.score();
            for edit in dimensions.iter().flatten() {
                let claim = edit.on(&best.claim);
                let tried = if claim == best.claim { None } else { self.found(claim) };
                let is_better = |tried: &Found| tried.comparison.score() < best.comparison.score();
                if let Some(tried) = tried.filter(|tried| is_better(tried) && self.is_valid(&tried.claim)) {
                    best = tried;
                }
            }
            if best.comparison.score() == before {
                return best;
            }
        }
    }

    /// What the API server would take.
    fn is_valid(&self, claim: &Value) -> bool {
        self.schema.check(claim).is_empty()
    }

    /// None: there can be no such claim.
    fn found(&self, claim: Value) -> Option<Found> {
        let composed = self.compose(&claim)?;
        let objects = composed.into_iter().map(|it| {
            let holds = matches!(it.holds, Holds::Data(_));
            (masked(serde_json::to_value(&it.object).unwrap_or_default()), holds)
        });
        Some(Found { comparison: Comparison::new(objects.collect(), self.given), claim })
    }

    fn compose(&self, claim: &Value) -> Option<Vec<Resource>> {
        let mut claim: Claim = Object::try_of(claim).and_then(|claim| claim.decode("claim")).ok()?;
        if claim.metadata.namespace.is_empty() {
            claim.metadata.namespace = "default".into();
        }
        let generation = Generation::first(self.lineage, plan::resolve(&claim, self.tiers).ok()?);
        let operator = operators::of(generation.plan.terms.operator);
        Some(operator.compose(&generation, self.engines, &Observed::default()).resources)
    }

    /// What could be otherwise without anybody seeing it.
    fn guessed(&self, best: &Found) -> Vec<&'static str> {
        let other = self.found(Edit::of("name", "another".into()).on(&best.claim));
        let same = other.is_some_and(|other| other.comparison == best.comparison);
        if same { vec!["spec.name"] } else { vec![] }
    }
}

#[cfg(test)]
mod tests;
