//! The `SGCluster`: the members, and what they refer to. In: a generation. Out: one resource, the only one here that holds
//! data. The structs read like the operator's manual, in its order.

use super::{Settings, account, backup, key, kind, name};
use crate::api::plan::{Plan, Terms};
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::operators::facts::{Labels, labels};
use crate::operators::{Holds, Resource, pods, resource};
use k8s_openapi::api::core::v1::{PodAntiAffinity, TopologySpreadConstraint};
use serde::Serialize;

pub fn compose(generation: &Generation, settings: &Settings) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let spec = SgClusterSpec {
        profile: "production",
        postgres: Postgres { version: &notes.release, ssl: Ssl { enabled: true } },
        instances: if terms.lifecycle.hibernated { 0 } else { terms.replicas },
        replication: replication(terms),
        sg_instance_profile: name(generation),
        pods: pods(generation, settings),
        configurations: Configurations {
            sg_postgres_config: name(generation),
            sg_pooling_config: terms.pooling.as_ref().map(|_| name(generation)),
            observability: Observability { disable_metrics: terms.monitoring.off },
            backups: terms.backup.iter().map(|backup| backup::section(generation, backup)).collect(),
            patroni: Patroni { dynamic_config: DynamicConfig { postgresql: Rules { pg_hba: rules(terms) } } },
        },
        initial_data: generation.source.as_ref().map(backup::initial),
        managed_sql: account::managed(generation),
        // It keeps all members of a namespace apart, also those of other databases; ours only keeps this one's apart.
        non_production_options: NonProductionOptions { disable_cluster_pod_anti_affinity: true },
    };
    resource(generation, key::CLUSTER, kind::CLUSTER, name(generation), Holds::Data(terms.storage), spec)
}

fn pods<'a>(generation: &'a Generation, settings: &'a Settings) -> Pods<'a> {
    let terms = &generation.plan.terms;
    let name = name(generation);
    let own = || -> Labels { labels(super::own(&name)) };
    Pods {
        persistent_volume: PersistentVolume { size: terms.storage, storage_class: terms.storage_class.as_deref() },
        disable_connection_pooling: terms.pooling.is_none(),
        // A shell for people, which nothing needs.
        disable_postgres_util: true,
        disable_envoy: true,
        resources: Resources {
            enable_cluster_limits_requirements: true,
            // Or what the sidecars reserve would be taken from the member.
            disable_resources_requests_split_from_total: true,
        },
        scheduling: Scheduling {
            priority_class_name: settings.priority_class.as_deref(),
            pod_anti_affinity: pods::apart(terms.placement, own()).pod_anti_affinity,
            topology_spread_constraints: pods::spread(terms.placement, own()),
        },
        // Windows are ours: whatever is written here may happen now.
        update_strategy: UpdateStrategy { r#type: "Always" },
    }
}

/// With a replica to spare, a commit waits for its copies whatever happens. Without, the loss of one replica would stop all
/// writes, so they go on without a copy.
fn replication(terms: &Terms) -> Replication {
    let number = terms.synchronous_replicas;
    let mode = match number {
        0 => "async",
        _ if number + 1 < terms.replicas => "strict-sync",
        _ => "sync",
    };
    Replication { mode, sync_instances: (number > 0).then_some(number) }
}

/// They stand before the operator's own rules, which let everybody in by password (`PatroniConfigEndpoints.java`). Within a
/// pod nothing needs encryption.
pub fn rules(terms: &Terms) -> Vec<&'static str> {
    let rules = ["host all all 127.0.0.1/32 md5", "host all all ::1/128 md5", "hostnossl all all all reject"];
    if terms.tls { rules.into() } else { vec![] }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SgClusterSpec<'a> {
    profile: &'static str,
    postgres: Postgres<'a>,
    instances: u32,
    replication: Replication,
    sg_instance_profile: String,
    pods: Pods<'a>,
    configurations: Configurations<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_data: Option<backup::InitialData<'a>>,
    managed_sql: account::ManagedSql,
    non_production_options: NonProductionOptions,
}

#[derive(Serialize)]
struct Postgres<'a> {
    version: &'a str,
    ssl: Ssl,
}

#[derive(Serialize)]
struct Ssl {
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replication {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_instances: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pods<'a> {
    persistent_volume: PersistentVolume<'a>,
    disable_connection_pooling: bool,
    disable_postgres_util: bool,
    disable_envoy: bool,
    resources: Resources,
    scheduling: Scheduling<'a>,
    update_strategy: UpdateStrategy,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PersistentVolume<'a> {
    size: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resources {
    enable_cluster_limits_requirements: bool,
    disable_resources_requests_split_from_total: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scheduling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_anti_affinity: Option<PodAntiAffinity>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
}

#[derive(Serialize)]
struct UpdateStrategy {
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configurations<'a> {
    sg_postgres_config: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sg_pooling_config: Option<String>,
    observability: Observability,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backups: Vec<backup::Section<'a>>,
    patroni: Patroni,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Observability {
    disable_metrics: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Patroni {
    dynamic_config: DynamicConfig,
}

#[derive(Serialize)]
struct DynamicConfig {
    postgresql: Rules,
}

#[derive(Serialize)]
struct Rules {
    pg_hba: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NonProductionOptions {
    disable_cluster_pod_anti_affinity: bool,
}
