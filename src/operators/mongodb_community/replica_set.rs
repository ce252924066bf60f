//! The `MongoDBCommunity`, and the budget of disruptions that the operator does not make. In: a generation. Out: both; the
//! first holds the data. The structs read like the operator's manual, in its order.
//!
//! The operator lays `statefulSet.spec` over what it makes itself, containers and volumes by their names
//! (`pkg/util/merge` of its release); how pods and containers are confined it decides itself, by what it was told of the
//! cluster.

use super::access::{self, MONITORING, PASSWORD, USERNAME};
use super::{MEMBERS, Settings, key, kind, own};
use crate::api::claim::LogLevel;
use crate::api::plan::{Plan, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::backup_job::from_secret;
use crate::operators::facts::{Labels, labels};
use crate::operators::pods::WORKLOAD;
use crate::operators::{Holds, Resource, certificate, metadata, mongodb, password, pods, resource};
use crate::wire::{Key, Object};
use k8s_openapi::api::core::v1::{
    Container, LocalObjectReference, PersistentVolumeClaimSpec, PodSpec, PodTemplateSpec,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The agent beside each member, with the volume of its files: what the operator gives it, rounded.
pub const AGENT: Amounts =
    Amounts { cpu: Millicores(500), memory: Bytes(512 * Bytes::MI), storage: Bytes(2 * Bytes::GI) };
/// Those that copy a program into the pod and end, before the members start.
const COPY: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// The volumes of a member, as the operator calls them.
const DATA: &str = "data-volume";
const LOGS: &str = "logs-volume";
/// What the operator gives members of its other kinds: a large cache is written out before the end.
const GRACE_SECONDS: i64 = 600;

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Vec<Resource> {
    let Plan { terms, notes, .. } = &generation.plan;
    let tls = terms.tls.then(|| certificate::secret(generation));
    let spec = Spec {
        members: terms.replicas,
        r#type: "ReplicaSet",
        version: &notes.release,
        feature_compatibility_version: compatibility(generation, observed),
        security: Security {
            authentication: Authentication { modes: ["SCRAM"] },
            tls: tls.map(|name| Tls {
                enabled: true,
                certificate_key_secret_ref: Reference { name: name.clone() },
                ca_certificate_secret_ref: Reference { name },
            }),
        },
        users: access::section(generation),
        stateful_set: StatefulSet { spec: stateful_set(generation, settings) },
        agent: Agent { log_level: log_level(terms), log_file: "/dev/stdout" },
        additional_mongod_config: mongodb::configuration(&generation.plan, true),
    };
    let holds = Holds::Data(terms.storage);
    let set = resource(generation, key::REPLICA_SET, kind::REPLICA_SET, generation.name(), holds, spec);
    [Some(set), budget(generation)].into_iter().flatten().collect()
}

/// The release line that data is written for: the one that runs, so that a new one follows its release.
fn compatibility(generation: &Generation, observed: &Observed) -> String {
    let found: Option<Running> = observed.get(&generation.key(key::REPLICA_SET)).ok().flatten();
    let runs = found.and_then(|found| found.status.version);
    let line = runs.and_then(|release| release.rsplit_once('.')).map(|(line, _)| line);
    line.unwrap_or(&generation.plan.terms.version).into()
}

fn log_level(terms: &Terms) -> &'static str {
    match terms.monitoring.log_level {
        LogLevel::Error => "ERROR",
        LogLevel::Warning => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
    }
}

fn stateful_set(generation: &Generation, settings: &Settings) -> StatefulSetSpec {
    let terms = &generation.plan.terms;
    let secrets: Vec<LocalObjectReference> =
        settings.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    let sized =
        |name: &str, resources| Container { name: name.into(), resources: Some(resources), ..Default::default() };
    let copier = |name| sized(name, pods::beside(terms, COPY));
    let containers = [
        Some(sized("mongod", pods::member(terms))),
        Some(sized("mongodb-agent", pods::beside(terms, AGENT))),
        exporter(generation, settings),
    ];
    let spread = pods::spread(terms.placement, own(generation));
    let pod = PodSpec {
        service_account_name: Some(access::account(generation)),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        affinity: Some(pods::apart(terms.placement, own(generation))),
        topology_spread_constraints: Some(spread).filter(|spread| !spread.is_empty()),
        priority_class_name: settings.priority_class.clone(),
        image_pull_secrets: Some(secrets).filter(|secrets| !secrets.is_empty()),
        init_containers: Some(vec![copier("mongod-posthook"), copier("mongodb-agent-readinessprobe")]),
        containers: containers.into_iter().flatten().collect(),
        ..Default::default()
    };
    StatefulSetSpec {
        template: PodTemplateSpec { spec: Some(pod), ..Default::default() },
        volume_claim_templates: [
            volume(terms, DATA, terms.storage, labels([(WORKLOAD, MEMBERS)])),
            volume(terms, LOGS, AGENT.storage, Labels::new()),
        ],
    }
}

/// The volumes of a drill's one member, which the StatefulSet then takes for its own: those that it makes itself stay for ever.
pub fn volumes(generation: &Generation) -> [Resource; 2] {
    let terms = &generation.plan.terms;
    let of = |role: &str, volume: &str, size, labels: &[(&str, &str)]| {
        let name = format!("{volume}-{}-0", generation.name());
        let mut volume =
            resource(generation, role, kind::VOLUME, name, Holds::Nothing, pods::volume_claim(terms, size));
        let mut own = own(generation);
        own.extend(labels.iter().map(|(label, value)| ((*label).into(), (*value).into())));
        volume.object = volume.object.merge(&Object::of(&json!({"metadata": {"labels": own}})));
        volume
    };
    [of(key::VOLUME, DATA, terms.storage, &[(WORKLOAD, MEMBERS)]), of(key::LOGS, LOGS, AGENT.storage, &[])]
}

fn volume(terms: &Terms, name: &'static str, size: Bytes, labels: Labels) -> Volume {
    Volume {
        metadata: VolumeMetadata { name, labels },
        spec: PersistentVolumeClaimSpec {
            resources: Some(pods::storage(size)),
            storage_class_name: terms.storage_class.clone(),
            ..Default::default()
        },
    }
}

fn exporter(generation: &Generation, settings: &Settings) -> Option<Container> {
    let terms = &generation.plan.terms;
    let secret = password::secret_of(generation, MONITORING.role);
    let user = [from_secret("MONGODB_USER", &secret, USERNAME), from_secret("MONGODB_PASSWORD", &secret, PASSWORD)];
    (!terms.monitoring.off).then(|| mongodb::exporter(terms, &settings.exporter_image, terms.tls, user))
}

/// One member at a time may be away; with a single one there is nothing to spare, and a budget would make drains hang.
fn budget(generation: &Generation) -> Option<Resource> {
    let budget = PodDisruptionBudget {
        metadata: metadata(generation, generation.name()).into(),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector { match_labels: Some(own(generation)), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    };
    (generation.plan.terms.replicas > 1).then(|| Resource {
        key: Key(generation.key(key::BUDGET)),
        holds: Holds::Nothing,
        object: Object::of(&budget),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    members: u32,
    r#type: &'static str,
    version: &'a str,
    feature_compatibility_version: String,
    security: Security,
    users: Vec<access::Section<'a>>,
    stateful_set: StatefulSet,
    agent: Agent,
    additional_mongod_config: Map<String, Value>,
}

#[derive(Serialize)]
struct Security {
    authentication: Authentication,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

#[derive(Serialize)]
struct Authentication {
    modes: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tls {
    enabled: bool,
    certificate_key_secret_ref: Reference,
    ca_certificate_secret_ref: Reference,
}

#[derive(Serialize)]
struct Reference {
    name: String,
}

#[derive(Serialize)]
struct StatefulSet {
    spec: StatefulSetSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatefulSetSpec {
    template: PodTemplateSpec,
    volume_claim_templates: [Volume; 2],
}

#[derive(Serialize)]
struct Volume {
    metadata: VolumeMetadata,
    spec: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
struct VolumeMetadata {
    name: &'static str,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    log_level: &'static str,
    log_file: &'static str,
}

#[derive(Deserialize)]
struct Running<'a> {
    #[serde(default, borrow)]
    status: RunningStatus<'a>,
}

#[derive(Default, Deserialize)]
struct RunningStatus<'a> {
    version: Option<&'a str>,
}
