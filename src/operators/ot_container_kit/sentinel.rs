//! The `RedisSentinel`: three that watch the members and agree on who takes the place of a lost primary. In: a generation
//! with more than one member. Out: one resource, without data.

use super::pod::{self, Budget, InitContainer, KubernetesConfig, SecretKey, Tls};
use super::{PASSWORD, Settings, key, kind, label, sharded};
use crate::api::plan::Terms;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::facts::{Labels, labels};
use crate::operators::{Holds, Resource, password, pods, resource};
use k8s_openapi::api::core::v1::{Affinity, PodSecurityContext, SecurityContext, TopologySpreadConstraint};
use serde::Serialize;

pub const PORT: u16 = 26379;
/// An odd number, or the operator's webhook refuses it.
pub const COUNT: u32 = 3;
/// How many must agree that the primary is lost.
pub const QUORUM: u32 = 2;
/// It holds a few addresses.
pub const INSTANCE: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };

/// Whether there are any: nobody takes the place of a single member, and members of a Redis Cluster watch each other.
pub fn stand_by(terms: &Terms) -> bool {
    terms.replicas > 1 && !sharded(terms)
}

/// The operator adds its own ending to the resource's name.
pub fn workload(name: &str) -> String {
    format!("{name}-sentinel")
}

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let terms = &generation.plan.terms;
    let name = generation.name();
    let image = settings.sentinel_image.as_str();
    let spec = Spec {
        cluster_size: COUNT,
        kubernetes_config: pod::kubernetes(generation, settings, image, pods::beside(terms, INSTANCE), false),
        redis_sentinel_config: SentinelConfig {
            redis_replication_name: name.clone(),
            master_group_name: "mymaster",
            quorum: QUORUM.to_string(),
            // A primary that comes back under another address is found by its name: the operator tells sentinels of an
            // address only when another member is the primary.
            resolve_hostnames: "yes",
            redis_replication_password: PasswordSource {
                secret_key_ref: SecretKey { name: password::secret(generation), key: PASSWORD },
            },
        },
        tls: pod::tls(generation),
        pdb: Budget::of(COUNT),
        affinity: pods::apart(terms.placement, pods_of(&name)),
        topology_spread_constraints: pods::spread(terms.placement, pods_of(&name)),
        priority_class_name: settings.priority_class.as_deref(),
        pod_security_context: pod::security(settings),
        security_context: pods::confined(),
        init_container: pod::init_container(image),
    };
    let composed = resource(generation, key::SENTINEL, kind::SENTINEL, name, Holds::Nothing, spec);
    pod::annotated(composed, generation, "", observed)
}

/// Exactly the sentinels of this database.
pub fn pods_of(name: &str) -> Labels {
    labels([(label::APP, &workload(name)), (label::SETUP, "sentinel")])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    cluster_size: u32,
    kubernetes_config: KubernetesConfig<'a>,
    redis_sentinel_config: SentinelConfig,
    #[serde(rename = "TLS", skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdb: Option<Budget>,
    affinity: Affinity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    pod_security_context: PodSecurityContext,
    security_context: SecurityContext,
    init_container: InitContainer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SentinelConfig {
    redis_replication_name: String,
    master_group_name: &'static str,
    quorum: String,
    resolve_hostnames: &'static str,
    redis_replication_password: PasswordSource,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PasswordSource {
    secret_key_ref: SecretKey,
}
