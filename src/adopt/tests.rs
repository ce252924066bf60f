//! `adopt`, there and back: what a claim composes is given, and the claim must come out. In: claims of each operator. Out:
//! nothing. Must not need a cluster.

use super::*;
use crate::api::plan::Operator;
use crate::api::schema;
use crate::plan::example;
use crate::wire::Object;
use pretty_assertions::assert_eq;

/// What the operator composes for a claim, and the policy by which it does.
fn composed(operator: Operator, environment: &str, changes: Value) -> (Vec<Value>, TierDefaults) {
    let mut policy = example::policy();
    policy.engines.values_mut().for_each(|engine| engine.operator = operator);
    policy.destinations.values_mut().for_each(|destination| destination.region = Some("eu-north-1".into()));
    let engine = name_of(&operators::of(operator).features().engine);
    policy.engines.retain(|name, _| name_of(name) == engine);
    let changes = Object::of(&json!({"engine": engine})).merge(&Object::of(&changes));
    let claim = example::claim(environment, serde_json::to_value(&changes).unwrap());
    let generation = Generation::first(UID, plan::resolve(&claim, &policy).unwrap());
    let resources = operators::of(operator).compose(&generation, &Engines::default(), &Observed::default()).resources;
    (resources.iter().map(|it| serde_json::to_value(&it.object).unwrap()).collect(), policy)
}

fn adopted(given: &[Value], environment: Environment, policy: &TierDefaults) -> Adoption {
    adopt(given, environment, (policy, &Engines::default()), &schema::claim().unwrap()).unwrap()
}

/// As if it had come from an operator's manual: without our labels.
fn foreign(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("labels");
    let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
    annotations.into_iter().for_each(|annotations| annotations.retain(|name, _| !name.starts_with("db.platform.io/")));
    object
}

/// Whatever an operator composes, the claim is found again.
#[test]
fn every_operators_own_resources_fit() {
    for operator in Operator::ALL {
        let changes = json!({"size": "medium", "storage": "40Gi", "maintenance": {"autoUpgrade": false}});
        let (given, policy) = composed(operator, "staging", changes);
        let main: Vec<Value> = given.iter().cloned().map(foreign).collect();
        let adoption = adopted(&main, Environment::Staging, &policy);
        assert_eq!(adoption.differences, [], "{operator:?} {}", adoption.claim);
        assert_eq!(adoption.claim["metadata"]["name"], "orders", "{operator:?}");
        assert_eq!(adoption.claim["spec"]["size"], "medium", "{operator:?}");
    }
}

/// What stands in the resources comes back, whatever the claim said.
#[test]
fn what_a_claim_says_is_found() {
    let cases = [
        ("prod", Environment::Prod, json!({"size": "large", "storage": "200Gi", "replicas": 5})),
        (
            "staging",
            Environment::Staging,
            json!({"version": "16", "parameters": {"work_mem": "4MB", "max_connections": "150"}, "tls": {"enabled": true}}),
        ),
        ("dev", Environment::Dev, json!({"lifecycle": {"hibernated": true}, "backup": {"enabled": false}})),
        (
            "staging",
            Environment::Staging,
            json!({
                "pooling": {"enabled": true, "mode": "session", "instances": 2}, "extensions": ["pgvector"],
                "backup": {"schedule": "15 3 * * *", "retention": "14d"},
            }),
        ),
        ("staging", Environment::Staging, json!({"monitoring": {"audit": true, "logLevel": "debug"}})),
        ("staging", Environment::Staging, json!({"topology": "Standalone", "name": "inside"})),
    ];
    for (tier, environment, changes) in cases {
        let (given, policy) = composed(Operator::CloudNativePG, tier, changes.clone());
        let adoption = adopted(&given, environment, &policy);
        let Adoption { claim, differences, stays, made, guessed } = adoption;
        assert_eq!((differences, stays, made, guessed), (vec![], vec![], vec![], vec![]), "{changes} {claim}");
    }
}

/// Amounts are the same however they are written, and what fits nothing is named.
#[test]
fn what_does_not_fit_is_named() {
    let (mut given, policy) = composed(Operator::CloudNativePG, "staging", json!({"storage": "40Gi"}));
    given.truncate(1);
    let cluster = &mut given[0];
    cluster["spec"]["resources"]["limits"]["memory"] = "2048Mi".into();
    cluster["spec"]["failoverDelay"] = 5.into();
    cluster["spec"]["postgresql"]["pg_hba"] = json!(["host all all all md5"]);
    let size = cluster["spec"]["resources"]["limits"]["cpu"].take();
    cluster["spec"]["resources"]["limits"]["cpu"] = "3".into();
    let adoption = adopted(&given, Environment::Staging, &policy);
    let named: Vec<&str> = adoption.differences.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(named, ["spec.resources.limits.cpu"]);
    assert_eq!(adoption.differences[0].becomes, Some(size));
    assert_eq!(adoption.stays, ["Cluster orders spec.failoverDelay", "Cluster orders spec.postgresql.pg_hba"]);
    let other = [json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders"}})];
    let schema = schema::claim().unwrap();
    assert_eq!(adopt(&other, Environment::Dev, (&policy, &Engines::default()), &schema), Err(Unknown::NoData));
}

/// What is placed has a name of its own there, which nothing has that runs already.
#[test]
fn where_databases_are_placed_labels_lead_elsewhere() {
    let (given, mut policy) = composed(Operator::CloudNativePG, "staging", json!({}));
    let tier = policy.environments.get_mut(&Environment::Staging).unwrap();
    let there = json!({"providerConfig": "west", "namespace": "tenant-{org}"});
    tier.object_delivery = serde_json::from_value(there).unwrap();
    let tried = |policy: &TierDefaults| {
        adopt(&given, Environment::Staging, (policy, &Engines::default()), &schema::claim().unwrap())
    };
    assert_eq!(tried(&policy), Err(Unknown::Placed));
    let tier = policy.environments.get_mut(&Environment::Staging).unwrap();
    let row = json!([{"matchLabels": {"place": "kept"}, "objectDelivery": {"providerConfig": "west"}}]);
    tier.deliveries = serde_json::from_value(row).unwrap();
    let Adoption { claim, differences, .. } = tried(&policy).unwrap();
    assert_eq!((&claim["metadata"]["labels"], differences), (&json!({"place": "kept"}), vec![]));
}
