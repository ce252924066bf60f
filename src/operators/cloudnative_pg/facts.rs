//! What the rest of the world may know of a Cluster and its Pooler. In: a generation. Out: facts. Labels, ports and
//! metrics are CloudNativePG 1.30's ("Labels and annotations", "Networking", "Instance manager", "Monitoring").

use super::{Settings, label, pooler_name, workload};
use crate::api::plan::Terms;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, SecretKey, Signal, Target, Uri, Username, Workload, doors,
    labels, scraped,
};
use crate::operators::postgresql::{self, WRAPAROUND};
use std::collections::BTreeMap;

/// The instance manager: the operator asks it for the member's status, and members each other whether they are
/// isolated.
const INSTANCE_MANAGER: u16 = 8000;
const METRICS: u16 = 9187;
const POOLER_METRICS: u16 = 9127;
/// The name of the container port that serves them, on members and on poolers.
const METRICS_PORT: &str = "metrics";
const HTTPS: u16 = 443;

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let name = generation.name();
    Facts {
        service_type: "postgresql".into(),
        provider: "cloudnative-pg".into(),
        uri: Uri {
            scheme: "postgresql".into(),
            path: terms.database.inside.clone(),
            query: postgresql::uri_query(terms.tls).into(),
        },
        endpoints: endpoints(generation),
        credentials: Credentials {
            secret: format!("{name}-app"),
            username: Username::Key("username".into()),
            password: "password".into(),
        },
        certificate_authority: Some(SecretKey { secret: format!("{name}-ca"), key: "ca.crt".into() }),
        workloads: [Some(members(generation)), terms.pooling.as_ref().map(|_| pooler(generation))]
            .into_iter()
            .flatten()
            .collect(),
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: signals(generation),
    }
}

fn endpoints(generation: &Generation) -> Vec<Endpoint> {
    let terms = &generation.plan.terms;
    let name = generation.name();
    let instances = |role: &str| labels([(label::CLUSTER, &name), (label::INSTANCE_ROLE, role)]);
    let target = |labels| Target::Pods { labels, port: postgresql::PORT };
    let endpoint = |role, pods| Endpoint { role, port: postgresql::PORT, target: target(pods) };
    let mut endpoints = vec![endpoint(EndpointRole::Primary, instances("primary"))];
    if terms.replicas > 1 {
        endpoints.push(endpoint(EndpointRole::Replica, instances("replica")));
    }
    if terms.pooling.is_some() {
        endpoints.push(endpoint(EndpointRole::Pooler, labels([(label::POOLER, &pooler_name(generation))])));
    }
    endpoints
}

/// With the pods of their jobs: one that makes a new member copies it from the primary.
fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own = || Peer::Workload(workload::MEMBERS.into());
    let mut accepts = doors([
        (Peer::Clients, postgresql::PORT),
        (own(), postgresql::PORT),
        (own(), INSTANCE_MANAGER),
        (Peer::Operator, INSTANCE_MANAGER),
        (Peer::Operator, postgresql::PORT),
    ]);
    if terms.pooling.is_some() {
        accepts.extend(doors([(Peer::Workload(workload::POOLER.into()), postgresql::PORT)]));
    }
    accepts.extend(scraped(terms, METRICS));
    let mut reaches = doors([(own(), postgresql::PORT), (own(), INSTANCE_MANAGER), (Peer::ApiServer, HTTPS)]);
    if terms.backup.is_some() || generation.source.is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    let pods = labels([(label::CLUSTER, &generation.name()), (label::WORKLOAD, workload::MEMBERS)]);
    Workload { role: workload::MEMBERS.into(), pods, accepts, reaches, metrics_port: metrics_port(terms) }
}

/// The operator never connects to it; its own process in the pod reads the Pooler from Kubernetes.
fn pooler(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let mut accepts = doors([(Peer::Clients, postgresql::PORT)]);
    accepts.extend(scraped(terms, POOLER_METRICS));
    Workload {
        role: workload::POOLER.into(),
        pods: labels([(label::POOLER, &pooler_name(generation))]),
        accepts,
        reaches: doors([(Peer::Workload(workload::MEMBERS.into()), postgresql::PORT), (Peer::ApiServer, HTTPS)]),
        metrics_port: metrics_port(terms),
    }
}

fn metrics_port(terms: &Terms) -> Option<String> {
    (!terms.monitoring.off).then(|| METRICS_PORT.into())
}

/// Members are pods, and their volumes claims, named `NAME-1`, `NAME-2` and so on. Only some of the operator's metrics
/// have a label for the Cluster, so the selection is by what Prometheus adds to each: namespace and pod.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let members = format!(r#"namespace="{namespace}",pod=~"{name}-[0-9]+""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"{name}-[0-9]+""#);
    let used = format!("sum by (pod) (cnpg_backends_total{{{members}}})");
    let most = format!(r#"sum by (pod) (cnpg_pg_settings_setting{{{members},name="max_connections"}})"#);
    let mut signals = map([
        // A member that is gone has no value, and no members at all are no vector.
        (Signal::MembersUp, format!("sum(cnpg_collector_up{{{members}}}) or vector(0)")),
        (Signal::ConnectionsUsed, format!("max({used} / {most})")),
        (Signal::LongestTransaction, format!("max(cnpg_backends_max_tx_duration_seconds{{{members}}})")),
        (Signal::TransactionIdsUsed, format!("max(cnpg_pg_database_xid_age{{{members}}}) / {WRAPAROUND}")),
        (Signal::Queries, format!("cnpg_pg_stat_database_xact_commit{{{members}}}")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if terms.replicas > 1 {
        signals.insert(Signal::ReplicationLag, format!("max(cnpg_pg_replication_lag{{{members}}})"));
    }
    if terms.backup.is_some() {
        // 0 until there is one, which then is as old as time itself, as it should be.
        let last = format!("max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{members}}})");
        signals.insert(Signal::BackupAge, format!("time() - {last}"));
        // A bare counter, so that a range can follow it.
        signals.insert(Signal::ArchiveFailures, format!("cnpg_pg_stat_archiver_failed_count{{{members}}}"));
    }
    signals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn written(environment: &str, changes: Value) -> Value {
        serde_json::to_value(facts(&example::generation(environment, changes), &Settings::default())).unwrap()
    }

    #[test]
    fn everything_that_production_needs_to_know() {
        let mut found = written("prod", json!({"pooling": {"enabled": true}}));
        found["signals"].take();
        let expected = json!({
            "serviceType": "postgresql",
            "provider": "cloudnative-pg",
            "uri": {"scheme": "postgresql", "path": "orders", "query": "sslmode=require"},
            "endpoints": [
                {"role": "primary", "port": 5432, "target": {"pods": {"port": 5432,
                    "labels": {"cnpg.io/cluster": "orders", "cnpg.io/instanceRole": "primary"}}}},
                {"role": "replica", "port": 5432, "target": {"pods": {"port": 5432,
                    "labels": {"cnpg.io/cluster": "orders", "cnpg.io/instanceRole": "replica"}}}},
                {"role": "pooler", "port": 5432, "target": {"pods": {"port": 5432,
                    "labels": {"cnpg.io/poolerName": "orders-pgbouncer"}}}},
            ],
            "credentials": {"secret": "orders-app", "username": {"key": "username"}, "password": "password"},
            "certificateAuthority": {"secret": "orders-ca", "key": "ca.crt"},
            "workloads": [
                {
                    "role": "members",
                    "pods": {"cnpg.io/cluster": "orders", "db.platform.io/workload": "members"},
                    "accepts": [
                        {"peer": "Clients", "port": 5432},
                        {"peer": {"Workload": "members"}, "port": 5432},
                        {"peer": {"Workload": "members"}, "port": 8000},
                        {"peer": "Operator", "port": 8000},
                        {"peer": "Operator", "port": 5432},
                        {"peer": {"Workload": "pooler"}, "port": 5432},
                        {"peer": "Monitoring", "port": 9187},
                    ],
                    "reaches": [
                        {"peer": {"Workload": "members"}, "port": 5432},
                        {"peer": {"Workload": "members"}, "port": 8000},
                        {"peer": "ApiServer", "port": 443},
                        {"peer": "ObjectStore", "port": 443},
                    ],
                    "metricsPort": "metrics",
                },
                {
                    "role": "pooler",
                    "pods": {"cnpg.io/poolerName": "orders-pgbouncer"},
                    "accepts": [{"peer": "Clients", "port": 5432}, {"peer": "Monitoring", "port": 9127}],
                    "reaches": [
                        {"peer": {"Workload": "members"}, "port": 5432},
                        {"peer": "ApiServer", "port": 443},
                    ],
                    "metricsPort": "metrics",
                },
            ],
            "operatorNamespace": "cnpg-system",
            "signals": null,
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_there_is_no_fact() {
        let changes = json!({"replicas": 1, "backup": {"enabled": false}, "monitoring": {"enabled": false}});
        let found = written("dev", changes);
        assert_eq!(found["endpoints"].as_array().unwrap().len(), 1);
        assert_eq!(found["workloads"].as_array().unwrap().len(), 1);
        assert_eq!(found["workloads"][0]["metricsPort"], Value::Null);
        let doors = found["workloads"][0].to_string();
        for peer in ["Monitoring", "ObjectStore", "pooler"] {
            assert!(!doors.contains(peer), "{peer}: {doors}");
        }
        for signal in ["replicationLag", "backupAge", "archiveFailures"] {
            assert_eq!(found["signals"][signal], Value::Null, "{signal}");
        }
    }

    #[test]
    fn a_signal_is_about_this_database_alone() {
        let found = facts(&example::generation("prod", json!({})), &Settings::default()).signals;
        #[rustfmt::skip]
        let expected = [
            (Signal::MembersUp, r#"sum(cnpg_collector_up{namespace="checkout",pod=~"orders-[0-9]+"}) or vector(0)"#),
            (Signal::ConnectionsUsed, r#"max(sum by (pod) (cnpg_backends_total{namespace="checkout",pod=~"orders-[0-9]+"}) / sum by (pod) (cnpg_pg_settings_setting{namespace="checkout",pod=~"orders-[0-9]+",name="max_connections"}))"#),
            (Signal::LongestTransaction, r#"max(cnpg_backends_max_tx_duration_seconds{namespace="checkout",pod=~"orders-[0-9]+"})"#),
            (Signal::ReplicationLag, r#"max(cnpg_pg_replication_lag{namespace="checkout",pod=~"orders-[0-9]+"})"#),
            (Signal::BackupAge, r#"time() - max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{namespace="checkout",pod=~"orders-[0-9]+"})"#),
            (Signal::ArchiveFailures, r#"cnpg_pg_stat_archiver_failed_count{namespace="checkout",pod=~"orders-[0-9]+"}"#),
            (Signal::TransactionIdsUsed, r#"max(cnpg_pg_database_xid_age{namespace="checkout",pod=~"orders-[0-9]+"}) / 2147483648"#),
            (Signal::Queries, r#"cnpg_pg_stat_database_xact_commit{namespace="checkout",pod=~"orders-[0-9]+"}"#),
            (Signal::VolumeFree, r#"kubelet_volume_stats_available_bytes{namespace="checkout",persistentvolumeclaim=~"orders-[0-9]+"}"#),
            (Signal::VolumeSize, r#"kubelet_volume_stats_capacity_bytes{namespace="checkout",persistentvolumeclaim=~"orders-[0-9]+"}"#),
        ];
        let expected = BTreeMap::from(expected.map(|(signal, query)| (signal, query.to_string())));
        assert_eq!(found, expected);
    }
}
