//! The `RedisReplication`: a primary and its replicas, or a primary alone that can grow. In: a generation. Out: one resource,
//! which holds the data.

use super::pod::{self, Budget, Exporter, InitContainer, KubernetesConfig, RedisConfig, Storage, Tls};
use super::{Settings, configuration, key, kind, label};
use crate::api::plan::Plan;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::facts::{Labels, labels};
use crate::operators::{Holds, Resource, pods, resource};
use k8s_openapi::api::core::v1::{Affinity, PodSecurityContext, Probe, SecurityContext, TopologySpreadConstraint};
use serde::Serialize;

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let name = generation.name();
    let several = terms.replicas > 1;
    let spec = Spec {
        cluster_size: terms.replicas,
        kubernetes_config: pod::kubernetes(generation, settings, &notes.release, pods::member(terms), several),
        redis_exporter: pod::exporter(terms, settings),
        redis_config: RedisConfig { additional_redis_config: configuration::name(generation) },
        storage: pod::storage(terms),
        tls: pod::tls(generation),
        pdb: Budget::of(terms.replicas),
        affinity: pods::apart(terms.placement, pods_of(&name)),
        topology_spread_constraints: pods::spread(terms.placement, pods_of(&name)),
        priority_class_name: settings.priority_class.as_deref(),
        liveness_probe: pod::liveness(),
        readiness_probe: pod::readiness(),
        pod_security_context: pod::security(settings),
        security_context: pods::confined(),
        init_container: pod::init_container(&notes.release),
    };
    let composed = resource(generation, key::REPLICATION, kind::REPLICATION, name, Holds::Data(terms.storage), spec);
    pod::annotated(composed, generation, &configuration::text(&generation.plan), observed)
}

/// Exactly the members.
pub fn pods_of(name: &str) -> Labels {
    labels([(label::APP, name), (label::SETUP, "replication")])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    cluster_size: u32,
    kubernetes_config: KubernetesConfig<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis_exporter: Option<Exporter<'a>>,
    redis_config: RedisConfig,
    storage: Storage,
    #[serde(rename = "TLS", skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdb: Option<Budget>,
    affinity: Affinity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    liveness_probe: Probe,
    readiness_probe: Probe,
    pod_security_context: PodSecurityContext,
    security_context: SecurityContext,
    init_container: InitContainer<'a>,
}
