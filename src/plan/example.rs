//! Claims and plans for tests, made with the shipped policy.

use crate::api::claim::{Claim, Environment};
use crate::api::input::{Manifest, TierDefaults};
use crate::api::plan::{Operator, Plan};
use crate::api::record::Generation;
use crate::wire::Object;
use serde_json::{Value, json};

/// The tables of `compositions/database.yaml`.
pub fn policy() -> TierDefaults {
    let text = include_str!("../../compositions/database.yaml");
    let composition: Value = serde_saphyr::from_str(text).unwrap();
    let input = Object::of(&composition["spec"]["pipeline"][0]["input"]);
    input.decode::<Manifest<TierDefaults>>("TierDefaults").unwrap().spec
}

/// With two regions, of which staging and prod may ask for a standby.
pub fn with_regions(policy: &mut TierDefaults) {
    let regions = json!({
        "west": {"objectDelivery": {"providerConfig": "west"}, "destination": "west"},
        "east": {"objectDelivery": {"providerConfig": "east"}, "destination": "east"},
    });
    policy.regions = serde_json::from_value(regions).unwrap();
    for region in ["west", "east"] {
        let mut destination = policy.destinations["default"].clone();
        destination.path = format!("s3://company-database-backups-{region}/databases");
        policy.destinations.insert(region.into(), destination);
    }
    let offer = json!({"regions": ["west", "east"], "recoveryTimeObjective": "30m"});
    for environment in [Environment::Staging, Environment::Prod] {
        let tier = policy.environments.get_mut(&environment).unwrap();
        tier.disaster_recovery = serde_json::from_value(offer.clone()).unwrap();
    }
}

/// A claim of the smallest form in `environment`, with `changes` laid over its spec.
pub fn claim(environment: &str, changes: Value) -> Claim {
    let size = if environment == "prod" { "medium" } else { "small" };
    let small = Object::of(&json!({
        "apiVersion": "db.platform.io/v1", "kind": "Database",
        "metadata": {"name": "orders", "namespace": "checkout", "uid": "u-1"},
        "spec": {"name": "orders", "environment": environment, "size": size, "storage": "20Gi"},
    }));
    small.merge(&Object::of(&json!({"spec": changes}))).decode("claim").unwrap()
}

/// What such a claim means.
pub fn plan(environment: &str, changes: Value) -> Plan {
    super::resolve(&claim(environment, changes), &policy()).unwrap()
}

/// Its first generation.
pub fn generation(environment: &str, changes: Value) -> Generation {
    Generation::first("u-1", plan(environment, changes))
}

/// What a plan becomes with `value` at `path`, a JSON pointer.
pub fn changed(plan: &Plan, path: &str, value: Value) -> Plan {
    let mut changed = serde_json::to_value(plan).unwrap();
    let (parent, name) = path.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    serde_json::from_value(changed).unwrap()
}

/// The first generation of such a claim where the platform chose that operator for every engine.
pub fn generation_on(operator: Operator, environment: &str, changes: Value) -> Generation {
    let mut policy = policy();
    for engine in policy.engines.values_mut() {
        engine.operator = operator;
    }
    let plan = super::resolve(&claim(environment, changes), &policy).unwrap();
    Generation::first("u-1", plan)
}
