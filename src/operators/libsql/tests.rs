//! What changes with single wishes; whole manifests are in the golden cases.

use super::*;
use crate::plan::{self, example};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn composed(generation: &Generation) -> BTreeMap<String, Value> {
    let engine = LibSql.compose(generation, &Engines::default(), &Observed::default());
    engine.resources.into_iter().map(|it| (it.key.0, serde_json::to_value(&it.object).unwrap())).collect()
}

/// The variables of the server of a generation: each with its value, or the secret and key that it comes from.
fn variables(generation: &Generation) -> BTreeMap<String, String> {
    let server = composed(generation).remove(&generation.key("server")).unwrap();
    let container = &server["spec"]["template"]["spec"]["containers"][0];
    let value = |variable: &Value| match variable["value"].as_str() {
        Some(value) => value.into(),
        None => {
            let from = &variable["valueFrom"]["secretKeyRef"];
            format!("{}/{}", from["name"].as_str().unwrap(), from["key"].as_str().unwrap())
        }
    };
    let variables = container["env"].as_array().unwrap().iter();
    variables.map(|variable| (variable["name"].as_str().unwrap().into(), value(variable))).collect()
}

#[test]
fn the_server_replicates_only_where_the_plan_promises_it() {
    let name = "SQLD_ENABLE_BOTTOMLESS_REPLICATION";
    let cases = [("dev", json!({}), false), ("dev", json!({"continuous": true}), true), ("staging", json!({}), true)];
    for (environment, backup, expected) in cases {
        let generation = example::generation(environment, json!({"engine": "sqlite", "backup": backup}));
        assert_eq!(variables(&generation).contains_key(name), expected, "{environment}");
    }
}

#[test]
fn each_generation_replicates_under_an_id_of_its_own() {
    let mut generation = example::generation("staging", json!({"engine": "sqlite"}));
    let first = variables(&generation);
    generation.number = 2;
    let second = variables(&generation);
    assert_eq!(first["LIBSQL_BOTTOMLESS_DATABASE_ID"], "checkout.orders.u-1");
    assert_eq!(second["LIBSQL_BOTTOMLESS_DATABASE_ID"], "checkout.orders-g2.u-1");
    assert_eq!(first["LIBSQL_BOTTOMLESS_BUCKET"], "company-database-backups");
    assert_eq!(first["LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID"], "database-backup/ACCESS_KEY_ID");
    assert_eq!(first["TOKEN"], second["TOKEN"], "restored data has the old password");
}

#[test]
fn a_server_without_keys_cannot_replicate() {
    let mut policy = example::policy();
    for destination in policy.destinations.values_mut() {
        destination.access = DestinationAccess::WorkloadIdentity {};
    }
    let problems = |backup: Value| {
        let claim = example::claim("dev", json!({"engine": "sqlite", "backup": backup}));
        plan::resolve(&claim, &policy).err().map_or(vec![], |found| found.0.iter().map(ToString::to_string).collect())
    };
    assert_eq!(problems(json!({})), [""; 0]);
    let expected = "spec.backup.continuous: libsql-server signs in to the object store with keys, and the destination has \
                    none; write false, or let the platform name a secret with keys";
    assert_eq!(problems(json!({"continuous": true})), [expected]);
}

#[test]
fn a_sleeping_database_keeps_its_volume() {
    let generation = example::generation("dev", json!({"engine": "sqlite", "lifecycle": {"hibernated": true}}));
    let resources = composed(&generation);
    assert_eq!(resources["server"]["spec"]["replicas"], 0);
    assert_eq!(resources["backup-job"]["spec"]["suspend"], true);
    assert_eq!(resources["volume"]["spec"]["resources"]["requests"]["storage"], "20Gi");
}

#[test]
fn the_volume_holds_the_data_and_nothing_else_does() {
    let generation = example::generation("dev", json!({"engine": "sqlite"}));
    let engine = LibSql.compose(&generation, &Engines::default(), &Observed::default());
    let data: Vec<&str> =
        engine.resources.iter().filter(|it| matches!(it.holds, Holds::Data(_))).map(|it| it.key.0.as_str()).collect();
    assert_eq!(data, ["volume"]);
    assert_eq!(LibSql.data(&generation)[0].key.0, "volume");
}
