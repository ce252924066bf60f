//! An organisation of many databases. In: a policy, and how many there are. Out: claims, what becomes of each, and how often
//! each such life is lived.
//!
//! Databases that say the same live the same life under different names, so each life is played once, in a world of its own,
//! and counted as often as it occurs. The draw has a fixed seed: the same number is the same organisation, and a larger one
//! begins with the smaller. Must not know what a life costs.

pub mod changes;
pub mod life;

use crate::api::approval::OperationKind;
use crate::api::claim::{Claim, Engine, Environment};
use crate::api::input::tier_defaults::Tier;
use crate::api::input::{ApprovalGate, TierDefaults};
use crate::api::quantity::Bytes;
use crate::api::status::Class;
use crate::plan::{self, Plan};
use crate::wire::Object;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Of a hundred databases. An assumption, as are all weights here: most are for development, most on PostgreSQL.
const ENVIRONMENTS: [(Environment, u64); 3] =
    [(Environment::Dev, 50), (Environment::Staging, 20), (Environment::Prod, 30)];
const ENGINES: [(Engine, u64); 7] = [
    (Engine::Postgresql, 45),
    (Engine::Redis, 18),
    (Engine::Mysql, 12),
    (Engine::Mongodb, 10),
    (Engine::Elasticsearch, 6),
    (Engine::Sqlite, 5),
    (Engine::Clickhouse, 4),
];
/// Volumes by size, from the smallest; within what the environment allows.
const VOLUMES: [u64; 4] = [20, 50, 200, 500];
/// Of the smallest size, beside which the others are rarer.
const SMALLEST: u64 = 1 << 16;
/// Of a hundred; mistakes of a hundred edits.
const MISTAKES: u64 = 5;
const EDITED: u64 = 60;
const CREATIONS_APPROVED: u64 = 95;
const EDITS_APPROVED: u64 = 80;

/// Whose namespace and name do not matter.
const NAMESPACE: &str = "fleet";

/// Everything that the policy lets a database of this organisation be.
pub struct Organisation {
    offers: Vec<Offer>,
}

struct Offer {
    environment: Environment,
    engine: Engine,
    spec: Value,
    /// What its owner may write one day; the last one is a mistake.
    edits: Vec<Value>,
    gated: bool,
}

/// What one or more databases live through.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    pub environment: Environment,
    pub engine: Engine,
    pub claim: Value,
    /// The claim as it is written later.
    pub edited: Option<Value>,
    /// Whether people agree to what waits for them: the creation, and the edit.
    pub agreed: (bool, bool),
    /// How many databases live so.
    pub databases: u64,
}

impl Role {
    /// As its owner wrote it last.
    pub fn last(&self) -> &Value {
        self.edited.as_ref().unwrap_or(&self.claim)
    }
}

impl Organisation {
    pub fn new(tiers: &TierDefaults, gate: &ApprovalGate) -> Organisation {
        let mut offers = vec![];
        for (environment, _) in ENVIRONMENTS {
            let Some(tier) = tiers.environments.get(&environment) else { continue };
            for engine in Engine::ALL {
                for (index, size) in tier.sizes.iter().enumerate() {
                    let spec = json!({
                        "name": "orders", "environment": environment, "engine": engine, "size": size,
                        "storage": volume(tier, index), "owner": "group:default/orders",
                    });
                    let Some(plan) = planned(&spec, tiers).filter(|plan| plan::creation(plan).is_ok()) else {
                        continue;
                    };
                    let edits = edits(&spec, &plan, tier, index, tiers);
                    let gated = gate.gates(environment, OperationKind::Create);
                    offers.push(Offer { environment, engine, spec, edits, gated });
                }
            }
        }
        Organisation { offers }
    }

    /// The lives of so many databases, none if the policy offers nothing.
    pub fn draw(&self, databases: u64) -> Vec<Role> {
        let mut lives: BTreeMap<(usize, Option<usize>, bool, bool), u64> = BTreeMap::new();
        for number in 0..databases {
            let mut dice = Dice(number);
            let Some((index, offer)) = self.pick(&mut dice) else { return vec![] };
            let last = offer.edits.len().saturating_sub(1);
            let edit = (dice.below(100) < EDITED).then(|| match dice.below(100) < MISTAKES {
                true => last,
                false => weighted((0..last).map(|edit| (edit, 1)), &mut dice).unwrap_or(last),
            });
            let created = !offer.gated || dice.below(100) < CREATIONS_APPROVED;
            let agreed = !offer.gated || edit.is_none() || dice.below(100) < EDITS_APPROVED;
            *lives.entry((index, edit, created, agreed)).or_default() += 1;
        }
        let mut roles = vec![];
        for ((offer, edit, created, agreed), databases) in lives {
            let Some(Offer { environment, engine, spec, edits, .. }) = self.offers.get(offer) else { continue };
            let edited = edit.and_then(|edit| edits.get(edit)).map(claim);
            let (environment, engine, agreed) = (*environment, *engine, (created, agreed));
            roles.push(Role { environment, engine, claim: claim(spec), edited, agreed, databases });
        }
        roles
    }

    /// The environment, then an engine of it, then a size: how many sizes there are makes no engine more frequent.
    fn pick(&self, dice: &mut Dice) -> Option<(usize, &Offer)> {
        let is_of = |offer: &Offer, environment, engine| offer.environment == environment && offer.engine == engine;
        let offered = |environment: Environment| self.offers.iter().any(|offer| offer.environment == environment);
        let environment = weighted(ENVIRONMENTS.into_iter().filter(|(it, _)| offered(*it)), dice)?;
        let has = |engine: Engine| self.offers.iter().any(|offer| is_of(offer, environment, engine));
        let engine = weighted(ENGINES.into_iter().filter(|(it, _)| has(*it)), dice)?;
        let sizes = self.offers.iter().enumerate().filter(|(_, offer)| is_of(offer, environment, engine));
        // Each size is half as frequent as the next smaller one.
        weighted(sizes.enumerate().map(|(rank, offer)| (offer, SMALLEST >> rank)), dice)
    }
}

/// One of them, as often as it weighs among all.
fn weighted<T>(choices: impl Iterator<Item = (T, u64)>, dice: &mut Dice) -> Option<T> {
    let choices: Vec<(T, u64)> = choices.collect();
    let mut left = dice.below(choices.iter().map(|(_, weight)| weight).sum::<u64>().max(1));
    for (choice, weight) in choices {
        if left < weight {
            return Some(choice);
        }
        left -= weight;
    }
    None
}

fn claim(spec: &Value) -> Value {
    let metadata = json!({"namespace": NAMESPACE, "name": "orders"});
    json!({"apiVersion": crate::api::API_VERSION, "kind": "Database", "metadata": metadata, "spec": spec})
}

fn planned(spec: &Value, tiers: &TierDefaults) -> Option<Plan> {
    let claim: Claim = Object::of(&claim(spec)).decode("claim").ok()?;
    plan::resolve(&claim, tiers).ok()
}

fn volume(tier: &Tier, index: usize) -> Bytes {
    let gibibytes = VOLUMES.get(index).or(VOLUMES.last()).copied().unwrap_or_default();
    Bytes((gibibytes << 30).clamp(tier.storage.minimum.0, tier.storage.maximum.0))
}

/// A larger volume, more members, the next size, another owner; and a mistake. What this policy or the operator refuses is
/// left out, but for the mistake.
fn edits(spec: &Value, runs: &Plan, tier: &Tier, index: usize, tiers: &TierDefaults) -> Vec<Value> {
    let replicas = runs.terms.replicas;
    let storage = Bytes(runs.terms.storage.0 + runs.terms.storage.0 / 2);
    let candidates = [
        Some(json!({"storage": storage})),
        Some(json!({"replicas": replicas + 1})),
        Some(json!({"replicas": replicas + 2})),
        tier.sizes.get(index + 1).map(|size| json!({"size": size})),
        Some(json!({"owner": "group:default/others"})),
    ];
    let written = |patch: Value| {
        let patched = Object::of(spec).merge(&Object::of(&patch));
        serde_json::to_value(&patched).unwrap_or_default()
    };
    let can = |edit: &Value| {
        planned(edit, tiers)
            .is_some_and(|plan| plan::transition(runs, &plan).is_ok_and(|class| class != Class::Refused))
    };
    let mut edits: Vec<Value> = candidates.into_iter().flatten().map(written).filter(can).collect();
    edits.push(written(json!({"size": "enormous"})));
    edits
}

/// Numbers that look like chance and are not: SplitMix64, as its authors published it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::policy;
    use std::collections::BTreeSet;

    fn organisation() -> Organisation {
        Organisation::new(&policy(), &ApprovalGate::default())
    }

    #[test]
    fn a_large_organisation_has_few_lives_and_all_environments_and_engines() {
        let roles = organisation().draw(10_000);
        assert_eq!(roles.iter().map(|role| role.databases).sum::<u64>(), 10_000);
        assert!(roles.len() < 500, "{} lives", roles.len());
        let of = |environment| -> u64 {
            roles.iter().filter(|role| role.environment == environment).map(|role| role.databases).sum()
        };
        for (environment, percent) in ENVIRONMENTS {
            assert!(of(environment).abs_diff(percent * 100) < 200, "{environment:?}: {}", of(environment));
        }
        let engines: BTreeSet<Engine> = roles.iter().map(|role| role.engine).collect();
        assert_eq!(engines, BTreeSet::from(Engine::ALL));
    }

    #[test]
    fn the_same_number_is_the_same_organisation_and_more_begin_with_fewer() {
        let organisation = organisation();
        assert_eq!(organisation.draw(500), organisation.draw(500));
        let (fewer, more) = (organisation.draw(500), organisation.draw(501));
        let rank = |roles: &[Role]| -> u64 { roles.iter().map(|role| role.databases).sum() };
        assert_eq!((rank(&fewer), rank(&more)), (500, 501));
        let grown = more.iter().filter(|role| !fewer.contains(role)).count();
        assert_eq!(grown, 1, "one database more is one life that is lived once more");
    }

    #[test]
    fn a_policy_without_environments_has_no_databases() {
        let tiers = TierDefaults { environments: BTreeMap::new(), ..policy() };
        assert!(Organisation::new(&tiers, &ApprovalGate::default()).draw(3).is_empty());
    }
}
