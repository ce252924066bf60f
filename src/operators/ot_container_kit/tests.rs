//! The operator as a whole: what a claim becomes, and what its status means.

use super::super::Holds;
use super::*;
use crate::operators::facts::{EndpointRole, Target};
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation(environment: &str, changes: Value) -> Generation {
    let mut claim = json!({"engine": "redis", "storage": "30Gi"});
    claim.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    example::generation(environment, claim)
}

fn composed(generation: &Generation) -> Vec<Resource> {
    OtContainerKit.compose(generation, &Engines::default(), &Observed::default()).resources
}

fn value(resource: &Resource) -> Value {
    resource.object.decode("resource").unwrap()
}

#[test]
fn keys_are_permanent() {
    let keys = |changes| {
        composed(&generation("staging", changes)).into_iter().map(|resource| resource.key.0).collect::<Vec<_>>()
    };
    let several = ["password", "credentials", "configuration", "replication", "sentinel", "backup-job"];
    assert_eq!(keys(json!({})), several);
    assert_eq!(keys(json!({"shards": 3})), ["password", "credentials", "configuration", "cluster", "backup-job"]);
    let alone = json!({"replicas": 1, "backup": {"enabled": false}});
    assert_eq!(keys(alone), ["password", "credentials", "configuration", "replication"]);
}

#[test]
fn what_is_asked_for_by_name_is_what_is_composed() {
    for changes in [json!({}), json!({"replicas": 1}), json!({"topology": "Cluster"})] {
        let generation = generation("staging", changes);
        let data: Vec<Resource> =
            composed(&generation).into_iter().filter(|it| matches!(it.holds, Holds::Data(_))).collect();
        let [Reference { key, api_version, kind, name }] = OtContainerKit.data(&generation).try_into().unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(data[0].key, key);
        let found = value(&data[0]);
        assert_eq!(found["apiVersion"], api_version);
        assert_eq!(found["kind"], kind);
        assert_eq!(found["metadata"]["name"], name);
    }
}

/// Annotations stand on the pods too, unless the operator is told to leave them out.
#[test]
fn no_annotation_restarts_the_members_by_accident() {
    let generation = generation("staging", json!({}));
    let on_purpose =
        ["redis.opstreelabs.in/recreate-statefulset", "redis.opstreelabs.in/recreate-statefulset-strategy"];
    for resource in composed(&generation).iter().filter(|it| matches!(it.holds, Holds::Data(_))) {
        let found = value(resource);
        let left_out = found["spec"]["kubernetesConfig"]["ignoreAnnotations"].to_string();
        for name in found["metadata"]["annotations"].as_object().unwrap().keys() {
            let known = on_purpose.contains(&name.as_str()) || name == "db.platform.io/configuration";
            assert!(known || left_out.contains(name.as_str()), "{name}");
        }
    }
}

#[test]
fn a_renewed_certificate_restarts_the_members_and_a_first_one_does_not() {
    let mut generation = generation("staging", json!({}));
    generation.plan.terms.tls = true;
    let issuer = json!({"name": "company", "kind": "ClusterIssuer"});
    generation.plan.terms.issuer = Some(serde_json::from_value(issuer).unwrap());
    for (revision, expected) in [(None, Value::Null), (Some(1), Value::Null), (Some(3), json!("2"))] {
        let mut observed = Observed::default();
        let certificate = Object::of(&json!({"status": {"revision": revision}}));
        observed.composed.insert(Key("certificate".into()), certificate);
        let engine = OtContainerKit.compose(&generation, &Engines::default(), &observed);
        let renewals = engine.resources.iter().map(value).filter(|it| it["kind"].to_string().contains("Redis"));
        for found in renewals {
            assert_eq!(found["metadata"]["annotations"]["db.platform.io/certificate-renewals"], expected, "{found}");
        }
    }
}

#[test]
fn clients_reach_what_takes_writes() {
    let endpoints = |changes| facts::facts(&generation("staging", changes), &Settings::default()).endpoints;
    let labels_of = |changes, role| {
        let found = endpoints(changes).into_iter().find(|endpoint| endpoint.role == role)?;
        match found.target {
            Target::Pods { labels, .. } | Target::Sticky { labels, .. } => Some(serde_json::to_value(labels).unwrap()),
            Target::Host(_) => None,
        }
    };
    let with = |role: &str| json!({"app": "orders", "redis_setup_type": "replication", "redis-role": role});
    assert_eq!(labels_of(json!({}), EndpointRole::Primary), Some(with("master")));
    assert_eq!(labels_of(json!({}), EndpointRole::Replica), Some(with("slave")));
    assert_eq!(labels_of(json!({"replicas": 1}), EndpointRole::Primary), Some(with("master")));
    assert_eq!(labels_of(json!({"replicas": 1}), EndpointRole::Replica), None);
    let all = json!({"cluster": "orders", "redis_setup_type": "cluster"});
    assert_eq!(labels_of(json!({"shards": 3}), EndpointRole::Primary), Some(all));
    assert_eq!(labels_of(json!({"shards": 3}), EndpointRole::Replica), None);
}

#[test]
fn a_primary_waits_for_replicas_only_where_one_is_to_spare() {
    let text = |replicas: u32, synchronous: u32| {
        let mut plan = generation("staging", json!({})).plan;
        (plan.terms.replicas, plan.terms.synchronous_replicas) = (replicas, synchronous);
        configuration::text(&plan)
    };
    assert_eq!(
        text(3, 1),
        "loglevel notice\nmaxmemory 1331MB\nmaxmemory-policy noeviction\nmin-replicas-max-lag 10\nmin-replicas-to-write 1\n\
         repl-backlog-size 64MB\n"
    );
    for (replicas, synchronous) in [(2, 1), (3, 0), (1, 0)] {
        assert!(!text(replicas, synchronous).contains("min-replicas"), "{replicas} {synchronous}");
    }
}

#[test]
fn what_it_refuses_has_a_reason() {
    let cases = [
        (json!({}), vec![]),
        (
            json!({"/storage": "5Gi"}),
            vec![
                "spec.storage: 5Gi is less than 3 times the memory of 2Gi: the log is rewritten beside itself; write 6Gi or more, \
             or a smaller size",
            ],
        ),
        (
            json!({"/topology": "Sharded", "/shards": 2}),
            vec!["spec.shards: 2 is no number of shards for a Redis Cluster; write 3 to 100"],
        ),
        (
            json!({"/topology": "Sharded", "/shards": 3, "/access": {"serviceType": "LoadBalancer"}}),
            vec![
                "spec.access.serviceType: a Redis Cluster sends its clients on to single members, which no load balancer reaches; \
             leave it out, or write no shards",
            ],
        ),
        (
            json!({"/topology": "Standalone", "/shards": 3}),
            vec!["spec.shards: topology Standalone has one shard; write 1, or topology Sharded"],
        ),
        (
            json!({"/database/name": "orders-leader"}),
            vec![
                "metadata.name: the ending -leader is reserved for what is made for a Redis database; write a name with another \
             ending",
            ],
        ),
        (json!({"/topology": "Sharded", "/shards": 3, "/delivery": {"object": {"providerConfig": "other"}}}), vec![]),
    ];
    for (changes, expected) in cases {
        let mut terms = serde_json::to_value(generation("dev", json!({})).plan.terms).unwrap();
        for (path, value) in changes.as_object().unwrap() {
            let (parent, name) = path.rsplit_once('/').unwrap();
            terms.pointer_mut(parent).unwrap()[name] = value.clone();
        }
        let found: Vec<String> =
            problems(&serde_json::from_value(terms).unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{changes}");
    }
}
