//! What changes with single wishes; whole manifests are in the golden cases.

use super::*;
use crate::plan;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn composed_of(generation: &Generation, settings: Settings) -> BTreeMap<String, Value> {
    let settings = Engines { eck: settings, ..Engines::default() };
    let engine = Eck.compose(generation, &settings, &Observed::default());
    engine.resources.into_iter().map(|it| (it.key.0, serde_json::to_value(&it.object).unwrap())).collect()
}

fn composed(environment: &str, changes: Value) -> BTreeMap<String, Value> {
    composed_of(&example::generation(environment, changes), Settings::default())
}

/// The destination of a development database changed, as a platform team would.
fn stored(destination: Value) -> BTreeMap<String, Value> {
    let mut generation = example::generation("dev", json!({"engine": "elasticsearch"}));
    let backup = generation.plan.terms.backup.as_mut().unwrap();
    backup.destination = serde_json::from_value(destination).unwrap();
    composed_of(&generation, Settings::default())
}

fn node_set(resources: &BTreeMap<String, Value>) -> &Value {
    &resources["elasticsearch"]["spec"]["nodeSets"][0]
}

#[test]
fn parameters_and_logging_stand_in_the_configuration() {
    let changes = json!({"engine": "elasticsearch", "parameters": {"search.max_buckets": "20000"},
        "monitoring": {"logLevel": "warning"}});
    let expected = json!({"node.store.allow_mmap": "false", "logger.level": "WARN", "search.max_buckets": "20000"});
    assert_eq!(node_set(&composed("dev", changes))["config"], expected);
}

#[test]
fn a_compatible_store_is_reached_by_its_own_address() {
    let resources = stored(json!({
        "path": "s3://backups", "endpoint": "https://minio.storage:9000", "region": "eu-1",
        "access": {"secret": {"name": "store", "accessKeyId": "ID", "secretAccessKey": "KEY"}},
    }));
    let config = &node_set(&resources)["config"];
    assert_eq!(config["s3.client.default.endpoint"], "https://minio.storage:9000");
    assert_eq!(config["s3.client.default.region"], "eu-1");
    assert_eq!(config["s3.client.default.path_style_access"], "true");
    let expected = json!([{"secretName": "store", "entries": [
        {"key": "ID", "path": "s3.client.default.access_key"}, {"key": "KEY", "path": "s3.client.default.secret_key"},
    ]}]);
    assert_eq!(resources["elasticsearch"]["spec"]["secureSettings"], expected);
    let repository = variable(&resources, "REPOSITORY");
    let expected = json!({"type": "s3", "settings": {"bucket": "backups", "base_path": "checkout/orders/u-1/orders"}});
    assert_eq!(serde_json::from_str::<Value>(&repository).unwrap(), expected);
}

fn variable(resources: &BTreeMap<String, Value>, name: &str) -> String {
    let pod = &resources["backup-job"]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let variables = pod["containers"][0]["env"].as_array().unwrap();
    variables.iter().find(|it| it["name"] == name).unwrap()["value"].as_str().unwrap().into()
}

#[test]
fn a_cloud_identity_takes_no_keys_and_a_token() {
    let resources = stored(json!({"path": "s3://backups/all/", "access": {"workloadIdentity": {}}}));
    assert_eq!(resources["elasticsearch"]["spec"].get("secureSettings"), None);
    let pod = &node_set(&resources)["podTemplate"]["spec"];
    assert_eq!(pod["containers"][0]["name"], "elasticsearch");
    assert_eq!(pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"], "sts.amazonaws.com");
    assert_eq!(pod["containers"][0]["volumeMounts"][0]["name"], pod["volumes"][0]["name"]);
    assert!(variable(&resources, "REPOSITORY").contains(r#""base_path":"all/checkout/orders/u-1/orders""#));
}

#[test]
fn months_are_days_to_a_policy() {
    let changes = json!({"engine": "elasticsearch", "backup": {"retention": "2m"}});
    let policy: Value = serde_json::from_str(&variable(&composed("prod", changes), "POLICY")).unwrap();
    assert_eq!(policy["retention"], json!({"expire_after": "60d", "min_count": 2}));
}

#[test]
fn without_monitoring_there_is_no_exporter() {
    let changes = json!({"engine": "elasticsearch", "monitoring": {"enabled": false}});
    let generation = example::generation("dev", changes);
    let resources = composed_of(&generation, Settings::default());
    assert_eq!(node_set(&resources)["podTemplate"]["spec"]["containers"], json!([]));
    assert_eq!(Eck.helpers(&generation.plan.terms), Amounts::default());
    let facts = facts::facts(&generation, &Settings::default());
    assert_eq!(facts.workload("members").unwrap().metrics_port, None);
}

#[test]
fn names_leave_room_for_what_the_operator_adds() {
    let mut claim = example::claim("dev", json!({"engine": "elasticsearch"}));
    claim.metadata.name = "a".repeat(LONGEST_NAME);
    assert!(plan::resolve(&claim, &example::policy()).is_ok());
    claim.metadata.name.push('a');
    let problems = plan::resolve(&claim, &example::policy()).unwrap_err();
    let expected = format!(
        "metadata.name: {:?} is too long for Elasticsearch, which adds to it; write up to 32 letters",
        claim.metadata.name
    );
    assert_eq!(problems.0.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_platform_cannot_offer_fewer_than_three_members() {
    let mut policy = example::policy();
    policy.environments.values_mut().for_each(|tier| tier.engines.clear());
    let problems = plan::resolve(&example::claim("dev", json!({"engine": "elasticsearch"})), &policy).unwrap_err();
    let expected = "spec.replicas: Elasticsearch with 1 members does not survive the loss of one; write 3 or more";
    assert_eq!(problems.0.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}
