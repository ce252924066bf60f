//! The `ClickHouseInstallation`: the servers and everything that decides about them. In: a generation. Out: one resource,
//! which holds the data. The structs read like the operator's manual, in its order.
//!
//! The operator hands the labels and annotations of this resource on to everything it makes, pods and volumes too.

use super::configuration::{self, CERTIFICATE, METRICS, Section};
use super::status::Installation;
use super::{
    CLUSTER, IMAGE_USER, Settings, all_members, backup, keeper, key, kind, label, ports, reclaim_policy, volume,
};
use crate::api::plan::{Placement, Terms};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::facts::labels;
use crate::operators::{Holds, Resource, certificate, pods, resource};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, LocalObjectReference, PersistentVolumeClaimSpec, PodSpec, SecretVolumeSource,
    ServicePort, ServiceSpec, Volume, VolumeMount,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// The name of the servers' container, by which the operator knows it.
pub const CONTAINER: &str = "clickhouse";
/// The name of the container port that serves metrics.
pub const METRICS_PORT: &str = "metrics";
/// Names of templates, within the resource.
const POD: &str = "member";
const SERVICE: &str = "entry";

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let terms = &generation.plan.terms;
    let spec = InstallationSpec {
        stop: terms.lifecycle.hibernated.then_some("yes"),
        defaults: Defaults {
            // It grows volumes in place, where a StatefulSet would have to be made anew.
            storage_management: StorageManagement { provisioner: "Operator", reclaim_policy: reclaim_policy(terms) },
            templates: DefaultTemplates {
                pod_template: POD,
                data_volume_claim_template: volume(generation),
                service_template: SERVICE,
            },
        },
        configuration: Configuration {
            zookeeper: (keeper::instances(terms) > 0)
                .then(|| Zookeeper { nodes: [Node { host: keeper::service(generation), port: keeper::CLIENTS }] }),
            users: configuration::users(generation),
            profiles: configuration::profiles(&generation.plan),
            settings: configuration::settings(generation),
            files: configuration::files(terms),
            clusters: [Cluster {
                name: CLUSTER,
                secure: terms.tls.then_some("yes"),
                insecure: terms.tls.then_some("no"),
                secret: ClusterSecret { auto: "yes" },
                pdb_max_unavailable: 1,
                layout: Layout { shards_count: terms.shards, replicas_count: terms.replicas },
            }],
        },
        templates: Templates {
            pod_templates: [PodTemplate {
                name: POD,
                pod_distribution: distribution(terms),
                spec: pod(generation, settings, image(generation, settings, observed)),
            }],
            volume_claim_templates: [VolumeClaimTemplate {
                name: volume(generation),
                reclaim_policy: reclaim_policy(terms),
                spec: pods::volume_claim(terms, terms.storage),
            }],
            service_templates: [ServiceTemplate {
                name: SERVICE,
                generate_name: service(generation),
                spec: entry(terms),
            }],
        },
    };
    resource(generation, key::INSTALLATION, kind::INSTALLATION, generation.name(), Holds::Data(terms.storage), spec)
}

/// The entry for clients inside, with both ports; the Service that they are told of is ours and has one.
fn service(generation: &Generation) -> String {
    format!("clickhouse-{}", generation.name())
}

/// Under which names members and the job of backups know each other, as remote servers and as hosts of Services.
pub fn server_names(generation: &Generation) -> Vec<String> {
    let namespace = &generation.database().namespace;
    let hosts = all_members(generation).into_iter();
    let hosts = hosts.flat_map(|host| [host.clone(), format!("{host}.{namespace}.svc.cluster.local")]);
    hosts.chain(certificate::in_namespace(&service(generation), namespace)).collect()
}

/// The planned release, once the Keepers run it: a Keeper may be newer than its servers, not older.
fn image(generation: &Generation, settings: &Settings, observed: &Observed) -> String {
    let planned = format!("{}:{}", settings.server_image, generation.plan.notes.release);
    if keeper::is_at(generation, settings, observed) {
        return planned;
    }
    let runs: Option<Installation> = observed.get(&generation.key(key::INSTALLATION)).ok().flatten();
    runs.and_then(|runs| runs.spec.image(CONTAINER).map(String::from)).unwrap_or(planned)
}

/// Members of one shard have the same data, so those must not share a node; the shards may.
fn distribution(terms: &Terms) -> Vec<PodDistribution> {
    match terms.placement {
        Placement::Preferred => vec![],
        Placement::Required => vec![PodDistribution {
            r#type: "ShardAntiAffinity",
            scope: "ClickHouseInstallation",
            topology_key: "kubernetes.io/hostname",
        }],
    }
}

fn pod(generation: &Generation, settings: &Settings, image: String) -> PodSpec {
    let terms = &generation.plan.terms;
    let own = labels([(label::INSTALLATION, &generation.name())]);
    let certificate = terms.tls.then(|| certificate_volume(generation));
    let server = Container {
        name: CONTAINER.into(),
        image: Some(image),
        // The operator adds the ports of clients and of members, probes, configuration and the data.
        ports: Some(vec![ContainerPort {
            name: Some(METRICS_PORT.into()),
            container_port: METRICS.into(),
            ..Default::default()
        }]),
        resources: Some(pods::member(terms)),
        security_context: Some(pods::confined()),
        volume_mounts: terms.tls.then(|| vec![certificate_mount()]),
        ..Default::default()
    };
    let sidecar = terms.backup.as_ref().map(|backup| backup::sidecar(generation, backup, settings));
    PodSpec {
        containers: [server].into_iter().chain(sidecar).collect(),
        volumes: certificate.map(|volume| vec![volume]),
        affinity: (terms.placement == Placement::Preferred).then(|| pods::apart(Placement::Preferred, own.clone())),
        topology_spread_constraints: Some(pods::spread(terms.placement, own)).filter(|spread| !spread.is_empty()),
        ..surroundings(settings)
    }
}

/// What pods of servers and of Keepers have in common.
pub fn surroundings(settings: &Settings) -> PodSpec {
    let mut security = pods::confined_pod(Some(IMAGE_USER));
    security.run_as_user = Some(IMAGE_USER);
    security.run_as_group = Some(IMAGE_USER);
    let secrets = settings.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    PodSpec {
        automount_service_account_token: Some(false),
        // A Service called `clickhouse` would otherwise become variables that both images read as configuration.
        enable_service_links: Some(false),
        image_pull_secrets: Some(secrets.collect::<Vec<_>>()).filter(|secrets| !secrets.is_empty()),
        priority_class_name: settings.priority_class.clone(),
        security_context: Some(security),
        ..Default::default()
    }
}

const CERTIFICATE_VOLUME: &str = "certificate";

fn certificate_volume(generation: &Generation) -> Volume {
    Volume {
        name: CERTIFICATE_VOLUME.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(certificate::secret(generation)),
            default_mode: Some(0o440),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub fn certificate_mount() -> VolumeMount {
    VolumeMount {
        name: CERTIFICATE_VOLUME.into(),
        mount_path: CERTIFICATE.into(),
        read_only: Some(true),
        ..Default::default()
    }
}

fn entry(terms: &Terms) -> ServiceSpec {
    let ports = ports(terms);
    let port = |name: &str, port: u16| ServicePort { name: Some(name.into()), port: port.into(), ..Default::default() };
    ServiceSpec {
        type_: Some("ClusterIP".into()),
        ports: Some(vec![port("native", ports.native), port("http", ports.http)]),
        ..Default::default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InstallationSpec {
    /// `yes`: no pods, and the volumes stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'static str>,
    defaults: Defaults,
    configuration: Configuration,
    templates: Templates,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Defaults {
    storage_management: StorageManagement,
    templates: DefaultTemplates,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageManagement {
    pub provisioner: &'static str,
    pub reclaim_policy: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DefaultTemplates {
    pod_template: &'static str,
    data_volume_claim_template: String,
    service_template: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    #[serde(skip_serializing_if = "Option::is_none")]
    zookeeper: Option<Zookeeper>,
    users: Section,
    profiles: Section,
    settings: Section,
    files: BTreeMap<&'static str, String>,
    clusters: [Cluster; 1],
}

#[derive(Serialize)]
struct Zookeeper {
    nodes: [Node; 1],
}

#[derive(Serialize)]
struct Node {
    host: String,
    port: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secure: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure: Option<&'static str>,
    secret: ClusterSecret,
    pdb_max_unavailable: u32,
    layout: Layout,
}

/// With which members run parts of each other's queries.
#[derive(Serialize)]
struct ClusterSecret {
    auto: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    shards_count: u32,
    replicas_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Templates {
    pod_templates: [PodTemplate; 1],
    volume_claim_templates: [VolumeClaimTemplate; 1],
    service_templates: [ServiceTemplate; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    pub name: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pod_distribution: Vec<PodDistribution>,
    pub spec: PodSpec,
}

/// A rule of the operator's own, because only it can name a pod's shard.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodDistribution {
    r#type: &'static str,
    scope: &'static str,
    topology_key: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeClaimTemplate {
    pub name: String,
    pub reclaim_policy: &'static str,
    pub spec: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceTemplate {
    name: &'static str,
    generate_name: String,
    spec: ServiceSpec,
}
