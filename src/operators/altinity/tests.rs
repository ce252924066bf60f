//! What is composed, one wish at a time; the whole of it stands in the golden cases.

use super::*;
use crate::operators::Holds;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn generation(environment: &str, changes: Json) -> Generation {
    let mut all = json!({"engine": "clickhouse"});
    if environment == "dev" {
        all["size"] = "small".into();
    }
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    example::generation(environment, all)
}

fn composed(generation: &Generation, observed: &Observed) -> BTreeMap<String, Json> {
    let engine = Altinity.compose(generation, &Engines::default(), observed);
    engine.resources.into_iter().map(|it| (it.key.0, it.object.decode("resource").unwrap())).collect()
}

#[test]
fn each_wish_has_its_field() {
    let server = "/spec/templates/podTemplates/0/spec/containers/0";
    let sidecar = "/spec/templates/podTemplates/0/spec/containers/1";
    let secured = json!({"tls": {"enabled": true}});
    #[rustfmt::skip]
    let cases = [
        ("dev", json!({}), "clickhouse", "/spec/stop".into(), Json::Null),
        ("dev", json!({"lifecycle": {"hibernated": true}}), "clickhouse", "/spec/stop".into(), json!("yes")),
        ("dev", json!({"lifecycle": {"hibernated": true}}), "backup-job", "/spec/suspend".into(), json!(true)),
        ("dev", json!({}), "clickhouse", "/spec/configuration/clusters/0/layout".into(), json!({"shardsCount": 1, "replicasCount": 1})),
        ("dev", json!({"shards": 3, "replicas": 2}), "clickhouse", "/spec/configuration/clusters/0/layout".into(), json!({"shardsCount": 3, "replicasCount": 2})),
        ("dev", json!({}), "keeper", "/spec/configuration/clusters/0/layout".into(), json!({"replicasCount": 1})),
        ("staging", json!({}), "keeper", "/spec/configuration/clusters/0/layout".into(), json!({"replicasCount": 3})),
        ("dev", json!({}), "clickhouse", "/spec/defaults/storageManagement".into(), json!({"provisioner": "Operator", "reclaimPolicy": "Delete"})),
        ("dev", json!({"lifecycle": {"deletionPolicy": "Retain"}}), "clickhouse", "/spec/defaults/storageManagement/reclaimPolicy".into(), json!("Retain")),
        ("dev", json!({"lifecycle": {"deletionPolicy": "Snapshot"}}), "keeper", "/spec/templates/volumeClaimTemplates/0/reclaimPolicy".into(), json!("Retain")),
        ("dev", json!({}), "clickhouse", "/spec/templates/volumeClaimTemplates/0/name".into(), json!("data-u-1")),
        ("dev", json!({"storageClass": "fast-ssd"}), "keeper", "/spec/templates/volumeClaimTemplates/0/spec/storageClassName".into(), json!("fast-ssd")),
        ("dev", json!({}), "clickhouse", "/spec/configuration/profiles/default~1max_memory_usage".into(), json!("858783744")),
        ("dev", json!({"parameters": {"max_memory_usage": "1GB"}}), "clickhouse", "/spec/configuration/profiles/default~1max_memory_usage".into(), json!("1073741824")),
        ("dev", json!({"parameters": {"join_algorithm": "hash"}}), "clickhouse", "/spec/configuration/profiles/default~1join_algorithm".into(), json!("hash")),
        ("dev", json!({"parameters": {"max_concurrent_queries": "50"}}), "clickhouse", "/spec/configuration/settings/max_concurrent_queries".into(), json!("50")),
        ("dev", json!({"parameters": {"max_concurrent_queries": "50"}}), "clickhouse", "/spec/configuration/profiles/default~1max_concurrent_queries".into(), Json::Null),
        ("dev", json!({"monitoring": {"logLevel": "warning"}}), "clickhouse", "/spec/configuration/settings/logger~1level".into(), json!("warning")),
        ("dev", json!({}), "clickhouse", "/spec/configuration/settings/session_log~1table".into(), Json::Null),
        ("dev", json!({"monitoring": {"audit": true}}), "clickhouse", "/spec/configuration/settings/session_log~1table".into(), json!("session_log")),
        ("dev", json!({"name": "sales"}), "clickhouse", "/spec/configuration/settings/startup_scripts~1scripts~1query".into(),
            json!("CREATE DATABASE IF NOT EXISTS `sales` ENGINE = Replicated('/clickhouse/databases/sales', '{shard}', '{replica}')")),
        ("dev", json!({"topology": "Standalone"}), "clickhouse", "/spec/configuration/settings/startup_scripts~1scripts~1query".into(),
            json!("CREATE DATABASE IF NOT EXISTS `orders` ENGINE = Atomic")),
        ("dev", json!({"topology": "Standalone"}), "clickhouse", "/spec/configuration/zookeeper".into(), Json::Null),
        ("dev", json!({"topology": "Standalone"}), "clickhouse", "/spec/configuration/profiles/default~1default_table_engine".into(), Json::Null),
        ("dev", json!({}), "clickhouse", "/spec/configuration/zookeeper/nodes".into(), json!([{"host": "keeper-orders", "port": 2181}])),
        ("dev", json!({}), "clickhouse", "/spec/configuration/clusters/0/secure".into(), Json::Null),
        ("dev", json!({}), "clickhouse", "/spec/configuration/settings/tcp_port".into(), Json::Null),
        ("dev", json!({}), "clickhouse", "/spec/templates/podTemplates/0/podDistribution".into(), Json::Null),
        ("dev", json!({"backup": {"enabled": false}}), "clickhouse", sidecar.into(), Json::Null),
        ("dev", json!({"backup": {"enabled": false}}), "clickhouse", "/spec/configuration/users/backup~1password".into(), Json::Null),
        ("dev", json!({}), "clickhouse", format!("{server}/image"), json!("clickhouse/clickhouse-server:26.3.35.3")),
        ("dev", json!({}), "clickhouse", format!("{server}/resources/requests"), json!({"cpu": "250m", "memory": "2Gi"})),
        ("dev", json!({}), "clickhouse", format!("{sidecar}/resources/requests"), json!({"cpu": "125m", "memory": "512Mi"})),
        ("dev", json!({"backup": {"schedule": "30 4 * * 0"}}), "backup-job", "/spec/schedule".into(), json!("30 4 * * 0")),
    ];
    for (environment, changes, key, path, expected) in cases {
        let found = composed(&generation(environment, changes.clone()), &Observed::default());
        assert_eq!(found[key].pointer(&path).cloned().unwrap_or_default(), expected, "{environment} {changes} {path}");
    }
    let mut issued = example::policy();
    let issuer = json!({"name": "company", "kind": "ClusterIssuer"});
    issued.environments.values_mut().for_each(|tier| {
        tier.certificate_issuer = Some(serde_json::from_value(issuer.clone()).unwrap());
    });
    let claim = example::claim("dev", json!({"engine": "clickhouse", "tls": secured["tls"]}));
    let plan = crate::plan::resolve(&claim, &issued).unwrap();
    let found = composed(&Generation::first("u-1", plan), &Observed::default());
    let settings = &found["clickhouse"]["spec"]["configuration"]["settings"];
    for closed in ["tcp_port", "http_port", "interserver_http_port", "mysql_port", "postgresql_port"] {
        assert_eq!(settings[closed], "_removed_", "{closed}");
    }
    assert_eq!(settings["tcp_port_secure"], "9440");
    assert_eq!(found["clickhouse"]["spec"]["configuration"]["clusters"][0]["insecure"], "no");
    assert_eq!(found["certificate"]["spec"]["secretName"], "orders-tls");
}

#[test]
fn a_standalone_database_has_no_keeper_for_ever() {
    let alone = generation("dev", json!({"topology": "Standalone"}));
    assert!(!composed(&alone, &Observed::default()).contains_key("keeper"));
    assert_eq!(Altinity.data(&alone).len(), 1);
    assert_eq!(Altinity.requirements(&alone).len(), 3);
    assert_eq!(Altinity.data(&generation("dev", json!({}))).len(), 2);
}

#[test]
fn an_insert_waits_for_a_copy_only_where_one_replica_can_be_spared() {
    for (replicas, synchronous, expected) in
        [(1, 0, None), (2, 1, None), (3, 0, None), (3, 1, Some("2")), (3, 2, None), (5, 2, Some("3"))]
    {
        let mut generation = generation("dev", json!({}));
        generation.plan.terms.replicas = replicas;
        generation.plan.terms.synchronous_replicas = synchronous;
        let found = composed(&generation, &Observed::default());
        let found = found["clickhouse"].pointer("/spec/configuration/profiles/default~1insert_quorum").cloned();
        assert_eq!(found, expected.map(Json::from), "{synchronous} of {replicas}");
    }
}

#[test]
fn the_keepers_take_a_release_before_the_servers() {
    let generation = generation("dev", json!({}));
    let (old, new) = ("26.3.1.1", "26.3.35.3");
    let installation = |container: &str, release: &str, status: &str| {
        let image = format!("clickhouse/{container}:{release}");
        let name = container.replace("clickhouse-server", "clickhouse");
        Object::of(&json!({
            "spec": {"templates": {"podTemplates": [{"spec": {"containers": [{"name": name, "image": image}]}}]}},
            "status": {"status": status},
        }))
    };
    let servers = |release| installation("clickhouse-server", release, "Completed");
    let keeper = |release, status| installation("clickhouse-keeper", release, status);
    let cases = [
        (vec![], new),
        (vec![("clickhouse", servers(old)), ("keeper", keeper(old, "Completed"))], old),
        (vec![("clickhouse", servers(old)), ("keeper", keeper(new, "InProgress"))], old),
        (vec![("clickhouse", servers(old)), ("keeper", keeper(new, "Completed"))], new),
        (vec![("keeper", keeper(old, "Completed"))], new),
    ];
    for (there, expected) in cases {
        let mut observed = Observed::default();
        observed.composed.extend(there.into_iter().map(|(key, object)| (Key(key.into()), object)));
        let found = composed(&generation, &observed);
        let image = &found["clickhouse"]["spec"]["templates"]["podTemplates"][0]["spec"]["containers"][0]["image"];
        assert_eq!(*image, format!("clickhouse/clickhouse-server:{expected}"));
        let image = &found["keeper"]["spec"]["templates"]["podTemplates"][0]["spec"]["containers"][0]["image"];
        assert_eq!(*image, format!("clickhouse/clickhouse-keeper:{new}"));
    }
}

#[test]
fn what_holds_data_says_how_much() {
    let generation = generation("dev", json!({}));
    let engine = Altinity.compose(&generation, &Engines::default(), &Observed::default());
    for resource in &engine.resources {
        let expected = match resource.key.0.as_str() {
            "clickhouse" => Holds::Data(generation.plan.terms.storage),
            "keeper" => Holds::Data(keeper::INSTANCE.storage),
            "password" | "credentials" => Holds::Archive,
            _ => Holds::Nothing,
        };
        assert_eq!(resource.holds, expected, "{}", resource.key.0);
    }
}

#[test]
fn helpers_are_keepers_and_a_container_beside_each_member() {
    let none = json!({"backup": {"enabled": false}});
    let sharded = json!({"shards": 2, "replicas": 2});
    let alone = json!({"topology": "Standalone", "backup": {"enabled": false}});
    for (changes, cpu, memory, storage) in [(alone, 0, 0, 0), (none, 500, 1024, 10), (sharded, 2_500, 3_072, 10)] {
        let found = Altinity.helpers(&generation("dev", changes.clone()).plan.terms);
        let expected = Amounts {
            cpu: crate::api::quantity::Millicores(cpu),
            memory: crate::api::quantity::Bytes(memory << 20),
            storage: crate::api::quantity::Bytes(storage << 30),
        };
        assert_eq!(found, expected, "{changes}");
    }
}

#[test]
fn generations_share_no_pod_no_volume_and_no_keeper() {
    let first = generation("dev", json!({"replicas": 2}));
    let second = Generation { number: 2, ..first.clone() };
    assert_eq!(member(&second, 0, 1), "chi-orders-g2-main-0-1");
    let found = composed(&second, &Observed::default());
    assert_eq!(found["clickhouse-g2"]["spec"]["configuration"]["zookeeper"]["nodes"][0]["host"], "keeper-orders-g2");
    assert_eq!(found["keeper-g2"]["metadata"]["name"], "orders-g2");
    assert_eq!(password::secret(&first), password::secret(&second), "restored data has the old passwords");
    let endpoint = |generation| facts::facts(generation, &Settings::default()).endpoints[0].target.clone();
    assert_ne!(endpoint(&first), endpoint(&second));
}

/// Otherwise each would count the other's backups as its own, and remove what it has too many of.
#[test]
fn generations_share_no_folder_of_backups() {
    let first = generation("dev", json!({}));
    let folder = |number| {
        let found = composed(&Generation { number, ..first.clone() }, &Observed::default());
        let installation = found.iter().find(|(key, _)| key.starts_with("clickhouse")).unwrap().1;
        let variables = installation.pointer("/spec/templates/podTemplates/0/spec/containers/1/env").unwrap();
        let path = variables.as_array().unwrap().iter().find(|variable| variable["name"] == "S3_PATH").unwrap();
        path["value"].as_str().unwrap().to_string()
    };
    // Permanent: there are backups in it.
    assert_eq!(folder(1), "databases/checkout/orders/u-1/shard-{shard}");
    assert_eq!(folder(2), "databases/checkout/orders/u-1-g2/shard-{shard}");
}

#[test]
fn names_and_shards_have_limits_of_the_operators() {
    let mut terms = generation("dev", json!({"shards": 20})).plan.terms;
    terms.database.name = "a".repeat(34);
    assert_eq!(Altinity.problems(&terms), []);
    terms.database.name = "a".repeat(35);
    terms.shards = 21;
    let found: Vec<String> = Altinity.problems(&terms).iter().map(ToString::to_string).collect();
    let long = format!("metadata.name: {:?} is too long for a clickhouse; write up to 34 characters", "a".repeat(35));
    assert_eq!(found, [long.as_str(), "spec.shards: 21 are too many shards; write 1 to 20"]);
}

/// As the shell reads it: no `{}` of Rust's is left, and nothing of the operator's XML would be broken.
#[test]
fn nothing_has_to_be_escaped() {
    let generation = generation("dev", json!({"name": "o-r_d3rs", "monitoring": {"audit": true}}));
    let found = composed(&generation, &Observed::default());
    for section in ["settings", "users", "profiles"] {
        let text = found["clickhouse"]["spec"]["configuration"][section].to_string();
        assert!(!text.contains(['<', '>', '&']), "{text}");
    }
}
