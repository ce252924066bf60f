//! The `Elasticsearch`: the members and everything that decides about them. In: a generation. Out: one resource, the only
//! one here that holds data. The structs read like the operator's manual, in its order.
//!
//! The operator itself confines its containers as a restricted namespace wants it, and the pods where it is not on
//! OpenShift (ECK 3.5, `set-default-security-context`), so the template must not: what it says would replace all of that,
//! the owner of the volumes included.

use super::{ELASTICSEARCH, KEY, NODE_SET, PORT, Settings, USER, VOLUME, own, password_secret, store};
use crate::api::claim::LogLevel;
use crate::api::destination::{Destination, DestinationAccess, KeySecret};
use crate::api::plan::Plan;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::backup_job::{from_secret, text};
use crate::operators::facts::labels;
use crate::operators::{DATABASE, Holds, Resource, certificate, pods, resource};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, LocalObjectReference, PersistentVolumeClaimSpec, PodSpec, PodTemplateSpec,
    ProjectedVolumeSource, ResourceRequirements, SecurityContext, ServiceAccountTokenProjection, Volume, VolumeMount,
    VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use std::collections::BTreeMap;

/// What each member's exporter may use.
pub const EXPORTER: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// The port of the exporter, and its name.
pub const METRICS: u16 = 9114;
pub const METRICS_PORT: &str = "metrics";
const NOBODY: i64 = 65534;

/// Where Elasticsearch looks for the token of a cloud identity (Elasticsearch 9, "S3 repository", "Using IAM roles for
/// Kubernetes service accounts"); a file elsewhere it does not read.
const TOKEN_FOLDER: &str = "/usr/share/elasticsearch/config/repository-s3";
const TOKEN_FILE: &str = "aws-web-identity-token-file";
const TOKEN_VOLUME: &str = "object-store-token";

pub fn compose(generation: &Generation, settings: &Settings) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let spec = Spec {
        version: &notes.release,
        http: Http {
            tls: Tls {
                self_signed_certificate: SelfSigned {
                    subject_alt_names: certificate::host_names(&terms.database)
                        .into_iter()
                        .map(|dns| AlternativeName { dns })
                        .collect(),
                },
            },
        },
        node_sets: [NodeSet {
            name: NODE_SET,
            count: terms.replicas,
            config: config(generation, settings),
            resources: pods::member(terms),
            pod_template: template(generation, settings),
            volume_claim_templates: [VolumeClaim {
                metadata: Named { name: VOLUME },
                spec: pods::volume_claim(terms, terms.storage),
            }],
        }],
        secure_settings: store(generation).and_then(keys).into_iter().collect(),
        // What deletion spares is spared with the whole resource: a volume that outlived it would come back as the data of
        // a new database of the same name.
        volume_claim_delete_policy: "DeleteOnScaledownAndClusterDeletion",
    };
    resource(generation, KEY, ELASTICSEARCH, generation.name(), Holds::Data(terms.storage), spec)
}

/// elasticsearch.yml: the plan's settings over ours, and nothing that the operator keeps for itself.
fn config(generation: &Generation, settings: &Settings) -> BTreeMap<String, String> {
    let Plan { terms, .. } = &generation.plan;
    let mut config = map([("node.store.allow_mmap".into(), settings.memory_mapping.to_string())]);
    config.extend(log_level(terms.monitoring.log_level).map(|level| ("logger.level".into(), level.into())));
    if let Some(destination) = store(generation) {
        config.extend(client(destination));
    }
    config.extend(generation.plan.parameters().into_iter().map(|(name, value)| (name.into(), value.into())));
    config
}

/// None: as Elasticsearch logs by itself.
fn log_level(level: LogLevel) -> Option<&'static str> {
    match level {
        LogLevel::Error => Some("ERROR"),
        LogLevel::Warning => Some("WARN"),
        LogLevel::Info => None,
        LogLevel::Debug => Some("DEBUG"),
    }
}

/// Compatible stores mostly have no host for each bucket (Elasticsearch 9, "S3 repository", "Client settings").
fn client(destination: &Destination) -> Vec<(String, String)> {
    let Destination { endpoint, region, .. } = destination;
    let setting = |name: &str, value: &str| (format!("s3.client.default.{name}"), value.into());
    let mut settings: Vec<(String, String)> = region.iter().map(|region| setting("region", region)).collect();
    if let Some(endpoint) = endpoint {
        settings.extend([setting("endpoint", endpoint), setting("path_style_access", "true")]);
    }
    settings
}

/// The keys of the object store, which Elasticsearch reads from its keystore only.
fn keys(destination: &Destination) -> Option<SecretSource<'_>> {
    let KeySecret { name, access_key_id, secret_access_key } = destination.access.s3_keys()?;
    Some(SecretSource {
        secret_name: name,
        entries: [
            Entry { key: access_key_id, path: "s3.client.default.access_key" },
            Entry { key: secret_access_key, path: "s3.client.default.secret_key" },
        ],
    })
}

fn template(generation: &Generation, settings: &Settings) -> PodTemplateSpec {
    let terms = &generation.plan.terms;
    let name = generation.name();
    let own = || labels(own(&name));
    let (main, token) = identity(generation).unzip();
    let exporter = (!terms.monitoring.off).then(|| exporter(generation, settings));
    let secrets: Vec<LocalObjectReference> =
        settings.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels([(DATABASE, &terms.database.name)])), ..Default::default() }),
        spec: Some(PodSpec {
            affinity: Some(pods::apart(terms.placement, own())),
            topology_spread_constraints: some(pods::spread(terms.placement, own())),
            priority_class_name: settings.priority_class.clone(),
            service_account_name: settings.service_account.clone(),
            image_pull_secrets: some(secrets),
            containers: main.into_iter().chain(exporter).collect(),
            volumes: token.map(|token| vec![token]),
            ..Default::default()
        }),
    }
}

/// Members that sign in to the object store with the identity of their service account: what is added to their container,
/// and the volume with the token.
fn identity(generation: &Generation) -> Option<(Container, Volume)> {
    if store(generation)?.access != (DestinationAccess::WorkloadIdentity {}) {
        return None;
    }
    let container = Container {
        name: "elasticsearch".into(),
        volume_mounts: Some(vec![VolumeMount {
            name: TOKEN_VOLUME.into(),
            mount_path: TOKEN_FOLDER.into(),
            read_only: Some(true),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let token = ServiceAccountTokenProjection {
        audience: Some("sts.amazonaws.com".into()),
        expiration_seconds: Some(86400),
        path: TOKEN_FILE.into(),
    };
    let volume = Volume {
        name: TOKEN_VOLUME.into(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(vec![VolumeProjection { service_account_token: Some(token), ..Default::default() }]),
            ..Default::default()
        }),
        ..Default::default()
    };
    Some((container, volume))
}

/// Elasticsearch serves no metrics that Prometheus reads (elasticsearch_exporter 1.11, its README).
fn exporter(generation: &Generation, settings: &Settings) -> Container {
    let arguments = [
        format!("--es.uri=https://localhost:{PORT}"),
        // It never leaves the pod.
        "--es.ssl-skip-verify".into(),
        format!("--web.listen-address=:{METRICS}"),
    ];
    Container {
        name: "exporter".into(),
        image: Some(settings.exporter_image.clone()),
        args: Some(arguments.into()),
        env: Some(vec![text("ES_USERNAME", USER), from_secret("ES_PASSWORD", &password_secret(generation), USER)]),
        ports: Some(vec![ContainerPort {
            name: Some(METRICS_PORT.into()),
            container_port: METRICS.into(),
            ..Default::default()
        }]),
        resources: Some(pods::beside(&generation.plan.terms, EXPORTER)),
        security_context: Some(SecurityContext {
            run_as_non_root: Some(true),
            // The image names its user, and only of a number can it be said that it is not root.
            run_as_user: Some(NOBODY),
            ..pods::confined()
        }),
        ..Default::default()
    }
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    version: &'a str,
    http: Http,
    node_sets: [NodeSet; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secure_settings: Vec<SecretSource<'a>>,
    volume_claim_delete_policy: &'static str,
}

#[derive(Serialize)]
struct Http {
    tls: Tls,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tls {
    self_signed_certificate: SelfSigned,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SelfSigned {
    subject_alt_names: Vec<AlternativeName>,
}

#[derive(Serialize)]
struct AlternativeName {
    dns: String,
}

/// Of the heap nothing is said: Elasticsearch takes half of the memory, and at most 31Gi.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeSet {
    name: &'static str,
    count: u32,
    config: BTreeMap<String, String>,
    resources: ResourceRequirements,
    pod_template: PodTemplateSpec,
    volume_claim_templates: [VolumeClaim; 1],
}

#[derive(Serialize)]
struct VolumeClaim {
    metadata: Named,
    spec: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretSource<'a> {
    secret_name: &'a str,
    entries: [Entry<'a>; 2],
}

#[derive(Serialize)]
struct Entry<'a> {
    key: &'a str,
    path: &'static str,
}
