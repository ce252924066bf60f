//! What is composed, whole for a production database, and what changes with single wishes.

use super::*;
use crate::operators::Holds;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn compose(generation: &Generation, settings: &Settings) -> BTreeMap<String, Value> {
    let settings = Engines { cloudnative_pg: settings.clone(), ..Engines::default() };
    let engine = CloudNativePg.compose(generation, &settings, &Observed::default());
    engine.resources.into_iter().map(|it| (it.key.0, serde_json::to_value(&it.object).unwrap())).collect()
}

fn composed(environment: &str, changes: Value) -> BTreeMap<String, Value> {
    compose(&example::generation(environment, changes), &Settings::default())
}

/// The spec and the metadata that all resources have.
fn manifest(kind: (&str, &str), name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": kind.0,
        "kind": kind.1,
        "metadata": {
            "name": name,
            "namespace": "checkout",
            "labels": {
                "app.kubernetes.io/name": "postgresql",
                "app.kubernetes.io/instance": "orders",
                "app.kubernetes.io/managed-by": "function-database",
                "db.platform.io/database": "orders",
                "db.platform.io/environment": "prod",
            },
        },
        "spec": spec,
    })
}

#[test]
fn a_production_database() {
    let changes = json!({
        "storage": "100Gi", "storageClass": "fast-ssd", "pooling": {"enabled": true, "instances": 2},
        "extensions": ["pgvector", "pg_trgm"],
    });
    let found = composed("prod", changes);
    let mut cluster = manifest(
        kind::CLUSTER,
        "orders",
        json!({
            "instances": 3,
            "imageName": "ghcr.io/cloudnative-pg/postgresql:17.7-standard-bookworm",
            "primaryUpdateMethod": "restart",
            "primaryUpdateStrategy": "unsupervised",
            "inheritedMetadata": {"labels": {"db.platform.io/database": "orders", "db.platform.io/workload": "members"}},
            "bootstrap": {"initdb": {"database": "orders", "owner": "orders", "encoding": "UTF8", "dataChecksums": true}},
            "enableSuperuserAccess": false,
            "postgresql": {
                "parameters": {
                    "autovacuum_work_mem": "256MB",
                    "effective_cache_size": "5324MB",
                    "huge_pages": "off",
                    "log_min_messages": "info",
                    "maintenance_work_mem": "512MB",
                    "max_connections": "200",
                    "max_slot_wal_keep_size": "15GB",
                    "max_wal_size": "8GB",
                    "pg_stat_statements.track": "top",
                    "shared_buffers": "2GB",
                    "wal_keep_size": "512MB",
                    "work_mem": "10MB",
                },
                "pg_hba": ["hostnossl all all all reject"],
                "synchronous": {"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": true},
            },
            "storage": {"size": "100Gi", "storageClass": "fast-ssd"},
            "resources": {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}},
            "affinity": {
                "enablePodAntiAffinity": true, "podAntiAffinityType": "required", "topologyKey": "kubernetes.io/hostname",
            },
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"cnpg.io/cluster": "orders", "cnpg.io/podRole": "instance"}},
            }],
            "enablePDB": true,
            "certificates": {"serverAltDNSNames": [
                "orders-primary", "orders-primary.checkout", "orders-primary.checkout.svc",
                "orders-primary.checkout.svc.cluster.local",
                "orders-replica", "orders-replica.checkout", "orders-replica.checkout.svc",
                "orders-replica.checkout.svc.cluster.local",
                "orders-pooler", "orders-pooler.checkout", "orders-pooler.checkout.svc",
                "orders-pooler.checkout.svc.cluster.local",
            ]},
            "plugins": [{
                "name": "barman-cloud.cloudnative-pg.io",
                "isWALArchiver": true,
                "parameters": {"barmanObjectName": "orders", "serverName": "orders-17"},
            }],
        }),
    );
    cluster["metadata"]["annotations"] = json!({
        "db.platform.io/stateful": "107374182400", "db.platform.io/lineage": "u-1", "db.platform.io/generation": "1",
        "db.platform.io/version": "17",
    });
    let store = json!({
        "configuration": {
            "destinationPath": "s3://company-database-backups/databases/checkout/orders/u-1",
            "s3Credentials": {
                "accessKeyId": {"name": "database-backup", "key": "ACCESS_KEY_ID"},
                "secretAccessKey": {"name": "database-backup", "key": "SECRET_ACCESS_KEY"},
            },
            "wal": {"compression": "gzip", "maxParallel": 4},
            "data": {"compression": "gzip", "jobs": 2},
        },
        "retentionPolicy": "30d",
        "instanceSidecarConfiguration": {"resources": {
            "requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"},
        }},
    });
    let schedule = json!({
        "schedule": "0 0 2 * * *",
        "cluster": {"name": "orders"},
        "method": "plugin",
        "pluginConfiguration": {"name": "barman-cloud.cloudnative-pg.io"},
        "backupOwnerReference": "cluster",
        "immediate": true,
    });
    let size = json!({"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}});
    let pooler = json!({
        "cluster": {"name": "orders"},
        "instances": 2,
        "type": "rw",
        "pgbouncer": {"poolMode": "transaction", "parameters": {
            "client_tls_sslmode": "require",
            "default_pool_size": "80",
            "max_client_conn": "1000",
            "max_db_connections": "80",
            "max_prepared_statements": "200",
        }},
        "template": {
            "metadata": {"labels": {"db.platform.io/database": "orders", "db.platform.io/workload": "pooler"}},
            "spec": {
                "containers": [{"name": "pgbouncer", "resources": size}],
                "initContainers": [{"name": "bootstrap-controller", "resources": size}],
                "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                    "weight": 100,
                    "podAffinityTerm": {
                        "labelSelector": {"matchLabels": {"cnpg.io/poolerName": "orders-pgbouncer"}},
                        "topologyKey": "kubernetes.io/hostname",
                    },
                }]}},
            },
        },
    });
    let database = json!({
        "cluster": {"name": "orders"},
        "name": "orders",
        "owner": "orders",
        "databaseReclaimPolicy": "retain",
        "extensions": [{"name": "pg_trgm"}, {"name": "vector"}],
    });
    let expected = [
        ("cluster", cluster),
        ("object-store", manifest(kind::OBJECT_STORE, "orders", store)),
        ("scheduled-backup", manifest(kind::SCHEDULED_BACKUP, "orders", schedule)),
        ("pooler", manifest(kind::POOLER, "orders-pgbouncer", pooler)),
        ("database", manifest(kind::DATABASE, "orders", database)),
    ];
    assert_eq!(found, expected.map(|(key, manifest)| (key.to_string(), manifest)).into());
}

#[test]
fn each_wish_has_its_field() {
    let pooled = |connections: &str| json!({"pooling": {"enabled": true, "instances": 3}, "parameters": {"max_connections": connections}});
    let off = json!({"backup": {"enabled": false}});
    #[rustfmt::skip]
    let cases = [
        ("dev", json!({}), "cluster", "/spec/enablePDB", json!(false)),
        ("dev", json!({}), "cluster", "/spec/postgresql/synchronous", Value::Null),
        ("dev", json!({}), "cluster", "/spec/postgresql/pg_hba", Value::Null),
        ("dev", json!({}), "cluster", "/spec/topologySpreadConstraints", Value::Null),
        ("dev", json!({}), "cluster", "/spec/affinity/podAntiAffinityType", json!("preferred")),
        ("dev", json!({}), "cluster", "/spec/storage/storageClass", Value::Null),
        ("dev", json!({}), "cluster", "/spec/monitoring", Value::Null),
        ("dev", json!({}), "cluster", "/spec/resources/requests", json!({"cpu": "250m", "memory": "2Gi"})),
        ("dev", json!({}), "object-store", "/spec/instanceSidecarConfiguration/resources/requests", json!({"cpu": "125m", "memory": "512Mi"})),
        ("dev", off.clone(), "cluster", "/spec/plugins", Value::Null),
        ("dev", json!({"tls": {"enabled": true}}), "cluster", "/spec/postgresql/pg_hba", json!(["hostnossl all all all reject"])),
        ("dev", json!({"name": "pg_sales"}), "cluster", "/spec/bootstrap/initdb/database", json!("pg_sales")),
        ("dev", json!({"name": "pg_sales"}), "cluster", "/spec/bootstrap/initdb/owner", json!("app_pg_sales")),
        ("dev", json!({"monitoring": {"queries": "mine"}}), "cluster", "/spec/monitoring", json!({"customQueriesConfigMap": [{"name": "mine", "key": "queries"}]})),
        ("dev", json!({"monitoring": {"logLevel": "debug"}}), "cluster", "/spec/postgresql/parameters/log_min_messages", json!("debug1")),
        ("dev", json!({"parameters": {"work_mem": "8MB"}}), "cluster", "/spec/postgresql/parameters/work_mem", json!("8MB")),
        ("dev", json!({"version": "18"}), "cluster", "/spec/plugins/0/parameters/serverName", json!("orders-18")),
        ("dev", json!({"backup": {"schedule": "30 4 * * 0"}}), "scheduled-backup", "/spec/schedule", json!("0 30 4 * * 0")),
        ("dev", pooled("90"), "pooler", "/spec/pgbouncer/parameters/max_db_connections", json!("24")),
        ("dev", pooled("90"), "pooler", "/spec/pgbouncer/parameters/client_tls_sslmode", Value::Null),
        ("prod", json!({"size": "xlarge"}), "object-store", "/spec/instanceSidecarConfiguration/resources/limits/cpu", json!("2")),
        ("prod", json!({"pooling": {"enabled": true, "mode": "session"}}), "pooler", "/spec/pgbouncer/poolMode", json!("session")),
    ];
    for (environment, changes, key, path, expected) in cases {
        let found = composed(environment, changes.clone());
        assert_eq!(found[key].pointer(path).cloned().unwrap_or_default(), expected, "{environment} {changes} {path}");
    }
    assert_eq!(composed("dev", off).into_keys().collect::<Vec<_>>(), ["cluster"]);
}

#[test]
fn a_commit_waits_for_copies_only_where_one_replica_can_be_spared() {
    let both = |durability: &str, number: u32, spare: bool| json!({"method": "any", "number": number, "dataDurability": durability, "failoverQuorum": spare});
    let cases = [
        (1, 0, Value::Null),
        (3, 0, Value::Null),
        (2, 1, both("preferred", 1, false)),
        (3, 1, both("required", 1, true)),
        (3, 2, both("preferred", 2, false)),
        (5, 2, both("required", 2, true)),
    ];
    for (replicas, synchronous, expected) in cases {
        let mut generation = example::generation("dev", json!({}));
        generation.plan.terms.replicas = replicas;
        generation.plan.terms.synchronous_replicas = synchronous;
        let found = compose(&generation, &Settings::default());
        let found = found["cluster"].pointer("/spec/postgresql/synchronous").cloned().unwrap_or_default();
        assert_eq!(found, expected, "{synchronous} of {replicas}");
    }
}

#[test]
fn destinations_are_told_as_the_plugin_wants_them() {
    let mut generation = example::generation("dev", json!({}));
    let destination =
        json!({"path": "s3://bucket/", "endpoint": "http://store:9000", "access": {"workloadIdentity": {}}});
    generation.plan.terms.backup.as_mut().unwrap().destination = serde_json::from_value(destination).unwrap();
    let found = compose(&generation, &Settings::default());
    let spec = &found["object-store"]["spec"];
    assert_eq!(spec["configuration"]["destinationPath"], "s3://bucket/checkout/orders/u-1");
    assert_eq!(spec["configuration"]["endpointURL"], "http://store:9000");
    assert_eq!(spec["configuration"]["s3Credentials"], json!({"inheritFromIAMRole": true}));
    let expected = json!([
        {"name": "AWS_REQUEST_CHECKSUM_CALCULATION", "value": "when_required"},
        {"name": "AWS_RESPONSE_CHECKSUM_VALIDATION", "value": "when_required"},
    ]);
    assert_eq!(spec["instanceSidecarConfiguration"]["env"], expected);
}

#[test]
fn settings_are_rendered() {
    let settings = Settings {
        namespace: "operators".into(),
        image_pull_secrets: vec!["registry".into()],
        priority_class: Some("database".into()),
    };
    let generation = example::generation("dev", json!({}));
    let found = compose(&generation, &settings);
    assert_eq!(found["cluster"]["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(found["cluster"]["spec"]["priorityClassName"], "database");
    assert_eq!(facts::facts(&generation, &settings).operator_namespace, "operators");
}

/// The second generation stands beside the first: no key, name, folder or selector of the one is the other's.
#[test]
fn generations_share_nothing() {
    let changes = json!({"pooling": {"enabled": true}, "extensions": ["pgvector"]});
    let first = example::generation("prod", changes);
    let second = Generation { number: 2, ..first.clone() };
    let names = |generation: &Generation| -> Vec<(String, String)> {
        let found = compose(generation, &Settings::default());
        found.into_iter().map(|(key, manifest)| (key, manifest["metadata"]["name"].as_str().unwrap().into())).collect()
    };
    let expected = [
        ("cluster-g2", "orders-g2"),
        ("database-g2", "orders-g2"),
        ("object-store-g2", "orders-g2"),
        ("pooler-g2", "orders-g2-pgbouncer"),
        ("scheduled-backup-g2", "orders-g2"),
    ];
    assert_eq!(names(&second), expected.map(|(key, name)| (key.into(), name.into())));
    assert_eq!(server_name(&second), "orders-g2-17");
    let (old, new) = (facts::facts(&first, &Settings::default()), facts::facts(&second, &Settings::default()));
    for (old, new) in old.endpoints.iter().zip(&new.endpoints) {
        assert_ne!(old.target, new.target);
    }
    let found = compose(&second, &Settings::default());
    let names = &found["cluster-g2"]["spec"]["certificates"]["serverAltDNSNames"];
    assert_eq!(names[0], "orders-primary", "clients keep the name of their Service");
}

/// It is not made anew, nor recovered again: all that changes is who its primary is.
#[test]
fn what_is_promoted_stays_as_it_was_made() {
    let first = example::generation("prod", json!({}));
    let source = crate::api::record::Source::of(&first, None, None);
    let follows = Generation { standby: true, ..Generation::begun(2, "u-1", first.plan.clone(), source) };
    let promoted = Generation { standby: false, place: 2, restored: true, ..follows.clone() };
    let spec = |generation: &Generation| {
        let mut found = compose(generation, &Settings::default());
        found.remove("cluster-g2").unwrap()["spec"].take()
    };
    let (before, after) = (spec(&follows), spec(&promoted));
    assert_eq!((&before["replica"]["primary"], &after["replica"]["primary"]), (&json!("orders"), &json!("orders-g2")));
    for field in ["bootstrap", "externalClusters", "storage", "plugins"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(before["replica"]["source"], after["replica"]["source"]);
    let manifest = json!({"spec": {"replica": {"primary": "orders-g2"}}});
    let composed = BTreeMap::from([(Key("cluster-g2".into()), Object::of(&manifest))]);
    let observed = Observed { composed, ..Observed::default() };
    let again = cluster::compose(&follows, &Settings::default(), &observed).object.decode::<Value>("it").unwrap();
    assert_eq!(again["spec"]["replica"], after["replica"], "what takes writes is never set back");

    let restored = Generation { number: 3, ..promoted };
    let found = compose(&restored, &Settings::default());
    assert_eq!(found["cluster-g3"]["spec"]["replica"], Value::Null, "a restore over it follows nobody");
}

#[test]
fn only_the_cluster_holds_data() {
    let generation = example::generation("prod", json!({"pooling": {"enabled": true}, "extensions": ["pgvector"]}));
    let engine = CloudNativePg.compose(&generation, &Engines::default(), &Observed::default());
    for resource in &engine.resources {
        let expected = match resource.key.0.as_str() {
            "cluster" => Holds::Data(generation.plan.terms.storage),
            "object-store" => Holds::Archive,
            _ => Holds::Nothing,
        };
        assert_eq!(resource.holds, expected, "{}", resource.key.0);
    }
    let data = CloudNativePg.data(&generation);
    let cluster = Reference {
        key: Key("cluster".into()),
        api_version: "postgresql.cnpg.io/v1",
        kind: "Cluster",
        name: "orders".into(),
    };
    assert_eq!(data, [cluster]);
}

#[test]
fn volumes_and_backups_are_asked_for_where_they_can_be_seen() {
    let mut generation = example::generation("dev", json!({}));
    let names = |generation: &Generation| -> Vec<String> {
        CloudNativePg.requirements(generation).iter().map(Question::name).collect()
    };
    let volumes = "core/PersistentVolumeClaim/checkout/cnpg.io/cluster=orders,cnpg.io/pvcRole=PG_DATA";
    let backups = "postgresql.cnpg.io/Backup/checkout/cnpg.io/scheduled-backup=orders";
    assert_eq!(names(&generation), [volumes, backups]);
    generation.plan.terms.delivery = serde_json::from_value(json!({"object": {"providerConfig": "other"}})).unwrap();
    assert_eq!(names(&generation), Vec::<String>::new());
}

#[test]
fn the_same_generation_gives_the_same_bytes() {
    let generation = example::generation("prod", json!({"pooling": {"enabled": true}, "extensions": ["pgvector"]}));
    let bytes = || serde_json::to_string(&compose(&generation, &Settings::default())).unwrap();
    assert_eq!(bytes(), bytes());
}
