//! What the pods of all three kinds share. In: a generation and the platform's settings. Out: parts of their specs, which
//! read like the operator's manual. Must not know a kind.

use super::{PASSWORD, Settings};
use crate::api::plan::Terms;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::{GENERATION, LINEAGE, Resource, STATEFUL, VERSION, certificate, password, pods};
use crate::wire::Object;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaimSpec, PodSecurityContext, Probe, ResourceRequirements, SecurityContext, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde_json::json;

/// Also of the connections of members of a cluster to each other, beside [`BUS`].
pub const PORT: u16 = 6379;
pub const BUS: u16 = 16379;
/// The user and the group of the operator's images.
const USER: i64 = 1000;
/// The exporter reads `INFO` of one server.
pub const EXPORTER: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(64 * Bytes::MI), storage: Bytes(0) };
/// Two rounds of the operator, so that it has made a member that came back a replica before the next one goes.
const SECONDS_ALONE: u32 = 60;

/// They change, or could: on pods a change of them would restart all.
const KEPT_OFF_PODS: [&str; 6] = [
    "crossplane.io/composition-resource-name",
    "usage.crossplane.io/deletion-attempt-with-policy",
    STATEFUL,
    LINEAGE,
    GENERATION,
    VERSION,
];
/// On pods on purpose: what they read at their start only.
const CONFIGURATION: &str = "db.platform.io/configuration";

/// What is read at a start only restarts the pods, and StatefulSets are made anew around their pods where Kubernetes does
/// not let them be changed: without that, members that come after a growth of storage get volumes of the old size.
pub fn annotated(mut resource: Resource, generation: &Generation, settings: &str, observed: &Observed) -> Resource {
    let mut annotations = json!({
        "redis.opstreelabs.in/recreate-statefulset": "true",
        "redis.opstreelabs.in/recreate-statefulset-strategy": "orphan",
    });
    if !settings.is_empty() {
        annotations[CONFIGURATION] = settings.into();
    }
    if let Some(renewals) = certificate::renewals(generation, observed) {
        annotations[certificate::RENEWALS] = renewals.to_string().into();
    }
    resource.object = resource.object.merge(&Object::of(&json!({"metadata": {"annotations": annotations}})));
    resource
}

pub fn kubernetes<'a>(
    generation: &Generation,
    settings: &'a Settings,
    image: &'a str,
    resources: ResourceRequirements,
    several: bool,
) -> KubernetesConfig<'a> {
    KubernetesConfig {
        image,
        image_pull_policy: "IfNotPresent",
        image_pull_secrets: settings.image_pull_secrets.iter().map(|name| Name { name }).collect(),
        resources,
        redis_secret: SecretKey { name: password::secret(generation), key: PASSWORD },
        ignore_annotations: KEPT_OFF_PODS,
        min_ready_seconds: several.then_some(SECONDS_ALONE),
    }
}

pub fn tls(generation: &Generation) -> Option<Tls> {
    generation.plan.terms.tls.then(|| Tls {
        ca: "ca.crt",
        cert: "tls.crt",
        key: "tls.key",
        secret: SecretVolume { secret_name: certificate::secret(generation) },
    })
}

pub fn exporter<'a>(terms: &Terms, settings: &'a Settings) -> Option<Exporter<'a>> {
    (!terms.monitoring.off).then(|| Exporter {
        enabled: true,
        image: &settings.exporter_image,
        image_pull_policy: "IfNotPresent",
        resources: pods::beside(terms, EXPORTER),
        security_context: pods::confined(),
    })
}

pub fn storage(terms: &Terms) -> Storage {
    Storage { volume_claim_template: ClaimTemplate { spec: pods::volume_claim(terms, terms.storage) } }
}

/// The operator's own process writes a configuration that the server must be able to write to, so that both are one user.
pub fn security(settings: &Settings) -> PodSecurityContext {
    let user = settings.fixed_user.then_some(USER);
    PodSecurityContext { run_as_user: user, run_as_group: user, ..pods::confined_pod(user) }
}

/// Of the operator's own process. No container is added: without `enabled` this only says how that one is confined.
pub fn init_container(image: &str) -> InitContainer<'_> {
    InitContainer { enabled: false, image, security_context: pods::confined() }
}

/// Alive is who listens: the operator's own probe asks for an answer that a member which still reads its data does not
/// give, and would kill it over and over.
pub fn liveness() -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(PORT.into()), host: None }),
        initial_delay_seconds: Some(10),
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(6),
        ..Default::default()
    }
}

/// The operator fills in its own question. A fork of a large member takes longer than its second.
pub fn readiness() -> Probe {
    Probe {
        initial_delay_seconds: Some(5),
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..Default::default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesConfig<'a> {
    image: &'a str,
    image_pull_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<Name<'a>>,
    resources: ResourceRequirements,
    redis_secret: SecretKey,
    ignore_annotations: [&'static str; 6],
    #[serde(skip_serializing_if = "Option::is_none")]
    min_ready_seconds: Option<u32>,
}

/// A reference within the namespace.
#[derive(Serialize)]
pub struct Name<'a> {
    pub name: &'a str,
}

#[derive(Serialize)]
pub struct SecretKey {
    pub name: String,
    pub key: &'static str,
}

#[derive(Serialize)]
pub struct Tls {
    ca: &'static str,
    cert: &'static str,
    key: &'static str,
    secret: SecretVolume,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume {
    secret_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exporter<'a> {
    enabled: bool,
    image: &'a str,
    image_pull_policy: &'static str,
    resources: ResourceRequirements,
    security_context: SecurityContext,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    volume_claim_template: ClaimTemplate,
}

#[derive(Serialize)]
struct ClaimTemplate {
    spec: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitContainer<'a> {
    enabled: bool,
    image: &'a str,
    security_context: SecurityContext,
}

/// One at a time may be away; with a single pod there is nothing to spare, and a budget would make drains hang.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    enabled: bool,
    max_unavailable: u32,
}

impl Budget {
    pub fn of(pods: u32) -> Option<Budget> {
        (pods > 1).then_some(Budget { enabled: true, max_unavailable: 1 })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedisConfig {
    /// The name of a ConfigMap.
    pub additional_redis_config: String,
}
