//! The `RedisCluster`: shards, each a primary and its replicas, which clients that know Redis Cluster find by themselves.
//! In: a generation with shards. Out: one resource, which holds the data.
//!
//! Leaders and followers are only where members started: after a failover either can be the primary of its shard.

use super::pod::{self, Budget, Exporter, InitContainer, KubernetesConfig, RedisConfig, Storage, Tls};
use super::{Settings, configuration, key, kind, label};
use crate::api::plan::{Plan, Terms};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::facts::{Labels, labels};
use crate::operators::{Holds, Resource, backup_job, pods, resource};
use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, PodSecurityContext, Probe, SecurityContext, TopologySpreadConstraint,
};
use serde::Serialize;

/// The operator compares with this one word: without it members do not announce their names. Newer releases read as it.
const CLUSTER_VERSION: &str = "v7";

pub fn leaders(name: &str) -> String {
    format!("{name}-leader")
}

pub fn followers(name: &str) -> String {
    format!("{name}-follower")
}

/// Of all shards together.
pub fn follower_count(terms: &Terms) -> u32 {
    terms.shards.saturating_mul(terms.replicas.saturating_sub(1))
}

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let name = generation.name();
    // Two members of a shard on one node would be lost together, and the operator does not say which belong together.
    let members = |replicas: u32| Members {
        replicas,
        redis_config: RedisConfig { additional_redis_config: configuration::name(generation) },
        pdb: Budget::of(replicas),
        affinity: pods::apart(terms.placement, pods_of(&name)),
        topology_spread_constraints: pods::spread(terms.placement, pods_of(&name)),
        liveness_probe: pod::liveness(),
        readiness_probe: pod::readiness(),
        security_context: pods::confined(),
    };
    let spec = Spec {
        cluster_size: terms.shards,
        cluster_version: CLUSTER_VERSION,
        persistence_enabled: true,
        kubernetes_config: pod::kubernetes(generation, settings, &notes.release, pods::member(terms), true),
        redis_exporter: pod::exporter(terms, settings),
        redis_leader: members(terms.shards),
        redis_follower: members(follower_count(terms)),
        storage: pod::storage(terms),
        tls: pod::tls(generation),
        // What a member knows of the others stays with its data; otherwise it would be gone with the pod.
        env: [backup_job::text("NODE_CONF_DIR", "/data")],
        priority_class_name: settings.priority_class.as_deref(),
        pod_security_context: pod::security(settings),
        init_container: pod::init_container(&notes.release),
    };
    let composed = resource(generation, key::CLUSTER, kind::CLUSTER, name.clone(), Holds::Data(terms.storage), spec);
    pod::annotated(composed, generation, &configuration::text(&generation.plan), observed)
}

/// Exactly the members, leaders and followers.
pub fn pods_of(name: &str) -> Labels {
    labels([(label::CLUSTER, name), (label::SETUP, "cluster")])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    cluster_size: u32,
    cluster_version: &'static str,
    persistence_enabled: bool,
    kubernetes_config: KubernetesConfig<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis_exporter: Option<Exporter<'a>>,
    redis_leader: Members,
    redis_follower: Members,
    storage: Storage,
    #[serde(rename = "TLS", skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    env: [EnvVar; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    pod_security_context: PodSecurityContext,
    init_container: InitContainer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    replicas: u32,
    redis_config: RedisConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdb: Option<Budget>,
    affinity: Affinity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
    liveness_probe: Probe,
    readiness_probe: Probe,
    security_context: SecurityContext,
}
