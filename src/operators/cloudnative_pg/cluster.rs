//! The `Cluster`: the members and everything that decides about them. In: a generation. Out: one resource, the only one
//! here that holds data. The structs read like the operator's manual, in its order.

use super::status::Cluster;
use super::{Name, Settings, backup, key, kind, label, server_name, source_name, workload};
use crate::api::plan::{Placement, Plan, Terms};
use crate::api::quantity::Bytes;
use crate::api::record::{self, Generation};
use crate::map::map;
use crate::observed::Observed;
use crate::operators::facts::{Labels, labels};
use crate::operators::{DATABASE, Holds, Resource, certificate, pods, postgresql, resource};
use crate::wire::Object;
use k8s_openapi::api::core::v1::{ResourceRequirements, TopologySpreadConstraint};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Also the type of the condition that answers it (CloudNativePG 1.30, "Declarative hibernation").
pub const HIBERNATION: &str = "cnpg.io/hibernation";

/// The key in the ConfigMap of custom metric queries, as in the operator's own.
const QUERIES: &str = "queries";

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let spec = ClusterSpec {
        instances: terms.replicas,
        image_name: &notes.release,
        image_pull_secrets: settings.image_pull_secrets.iter().map(|name| Name { name: name.clone() }).collect(),
        // The other method, switchover, refuses a new image together with new parameters, and an approved plan may hold
        // both.
        primary_update_method: "restart",
        primary_update_strategy: "unsupervised",
        inherited_metadata: Inherited {
            labels: map([(DATABASE, terms.database.name.clone()), (label::WORKLOAD, workload::MEMBERS.into())]),
        },
        bootstrap: bootstrap(generation),
        external_clusters: external_clusters(generation),
        replica: followed(generation).map(|source| Replica {
            primary: if is_followed(generation, observed) { source.generation() } else { generation.name() },
            source: source.generation(),
        }),
        enable_superuser_access: false,
        postgresql: PostgreSql {
            parameters: parameters(&generation.plan),
            pg_hba: rules(terms),
            synchronous: synchronous(terms),
        },
        storage: Storage { size: terms.storage, storage_class: terms.storage_class.as_deref() },
        resources: pods::member(terms),
        affinity: affinity(terms.placement),
        topology_spread_constraints: pods::spread(terms.placement, instances(&generation.name())),
        priority_class_name: settings.priority_class.as_deref(),
        // With one member there is nothing to spare: a budget would make every drain of its node hang.
        enable_pdb: terms.replicas > 1,
        certificates: Certificates { server_alt_dns_names: certificate::host_names(&terms.database) },
        monitoring: terms
            .monitoring
            .queries
            .as_deref()
            .map(|name| Monitoring { custom_queries_config_map: [ConfigMapKey { name, key: QUERIES }] }),
        plugins: terms.backup.iter().map(|_| archiver(generation)).collect(),
    };
    let mut cluster =
        resource(generation, key::CLUSTER, kind::CLUSTER, generation.name(), Holds::Data(terms.storage), spec);
    if terms.lifecycle.hibernated {
        let asleep = json!({"metadata": {"annotations": {HIBERNATION: "on"}}});
        cluster.object = cluster.object.merge(&Object::of(&asleep));
    }
    cluster
}

/// The plan's settings; what is logged goes below them.
pub fn parameters(plan: &Plan) -> BTreeMap<&str, &str> {
    let mut parameters = postgresql::log_settings(&plan.terms.monitoring);
    parameters.extend(plan.parameters());
    parameters
}

/// They stand after the operator's own rules, which let replicas and poolers in by certificate, and local sockets; and
/// before its last one, which lets everybody else in by password (CloudNativePG 1.30, "The pg_hba section").
fn rules(terms: &Terms) -> Vec<&'static str> {
    if terms.tls { vec!["hostnossl all all all reject"] } else { vec![] }
}

/// With a replica to spare, a commit waits for its copies whatever happens, and only a replica that is sure to have
/// them all is promoted. Without, the loss of one replica would stop all writes, so they go on without a copy.
fn synchronous(terms: &Terms) -> Option<Synchronous> {
    let number = terms.synchronous_replicas;
    let spare = number + 1 < terms.replicas;
    let data_durability = if spare { "required" } else { "preferred" };
    (number > 0).then_some(Synchronous { method: "any", number, data_durability, failover_quorum: spare })
}

fn affinity(placement: Placement) -> Affinity {
    let pod_anti_affinity_type = match placement {
        Placement::Preferred => "preferred",
        Placement::Required => "required",
    };
    Affinity { enable_pod_anti_affinity: true, pod_anti_affinity_type, topology_key: "kubernetes.io/hostname" }
}

/// The pods of members, without those of their jobs.
fn instances(name: &str) -> Labels {
    labels([(label::CLUSTER, name), (label::POD_ROLE, "instance")])
}

/// The name of what it was restored from, among the Cluster's external ones.
const SOURCE: &str = "source";

/// What it follows, or followed until it was promoted: what it was made of stays written, as it cannot be made anew.
fn followed(generation: &Generation) -> Option<&record::Source> {
    generation.source.as_ref().filter(|_| generation.standby || generation.is_promoted())
}

/// Whether it still follows. What takes writes of its own can never do so again: it is not set back, not even by a record from
/// before its promotion.
fn is_followed(generation: &Generation, observed: &Observed) -> bool {
    generation.standby && !leads(generation, observed)
}

/// Whether it names itself its primary.
pub fn leads(generation: &Generation, observed: &Observed) -> bool {
    let found: Option<Cluster> = observed.get(&generation.key(key::CLUSTER)).ok().flatten();
    let primary = found.as_ref().and_then(|cluster| cluster.spec.replica.as_ref()?.primary);
    primary.is_some_and(|primary| primary == generation.name())
}

/// The name of its source among the Cluster's external ones.
fn source_cluster(generation: &Generation) -> String {
    followed(generation).map_or_else(|| SOURCE.into(), record::Source::generation)
}

fn bootstrap(generation: &Generation) -> Bootstrap<'_> {
    let inside = &generation.database().inside;
    let owner = postgresql::owner(inside);
    match &generation.source {
        None => Bootstrap::InitDb(InitDb { database: inside, owner, encoding: "UTF8", data_checksums: true }),
        Some(record::Source { backup, point_in_time, .. }) => {
            let target = RecoveryTarget { backup_id: backup.as_deref(), target_time: point_in_time.as_deref() };
            let recovery_target = Some(target).filter(|it| it.backup_id.is_some() || it.target_time.is_some());
            Bootstrap::Recovery(Recovery {
                source: source_cluster(generation),
                database: inside,
                owner,
                recovery_target,
            })
        }
    }
}

/// What it began with or follows. What follows another names itself as well, so that it can be made the primary by its name.
fn external_clusters(generation: &Generation) -> Vec<ExternalCluster> {
    let external =
        |name, parameters| ExternalCluster { name, plugin: SourcePlugin { name: backup::PLUGIN, parameters } };
    let source = generation.source.iter().map(|source| {
        let server_name = format!("{}-{}", source.generation(), source.version);
        let parameters = ArchiverParameters { barman_object_name: source_name(generation), server_name };
        external(source_cluster(generation), parameters)
    });
    let own = followed(generation).map(|_| external(generation.name(), own_archive(generation)));
    source.chain(own).collect()
}

fn archiver(generation: &Generation) -> Plugin {
    Plugin { name: backup::PLUGIN, is_wal_archiver: true, parameters: own_archive(generation) }
}

fn own_archive(generation: &Generation) -> ArchiverParameters {
    ArchiverParameters { barman_object_name: generation.name(), server_name: server_name(generation) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterSpec<'a> {
    instances: u32,
    image_name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<Name>,
    primary_update_method: &'static str,
    primary_update_strategy: &'static str,
    inherited_metadata: Inherited,
    bootstrap: Bootstrap<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_clusters: Vec<ExternalCluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<Replica>,
    enable_superuser_access: bool,
    postgresql: PostgreSql<'a>,
    storage: Storage<'a>,
    resources: ResourceRequirements,
    affinity: Affinity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    #[serde(rename = "enablePDB")]
    enable_pdb: bool,
    certificates: Certificates,
    #[serde(skip_serializing_if = "Option::is_none")]
    monitoring: Option<Monitoring<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<Plugin>,
}

/// Copied to the pods of members and of their jobs, to volumes, secrets and services; not to Poolers.
#[derive(Serialize)]
struct Inherited {
    labels: BTreeMap<&'static str, String>,
}

/// Read when the first member is made, and never again (CloudNativePG 1.30, "Bootstrap").
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Bootstrap<'a> {
    InitDb(InitDb<'a>),
    Recovery(Recovery<'a>),
}

/// With its owner, the operator makes a secret for the application, and gives the owner that password.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recovery<'a> {
    source: String,
    database: &'a str,
    owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_target: Option<RecoveryTarget<'a>>,
}

/// Without a time, as late as the archive goes; without a backup, the newest before that.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecoveryTarget<'a> {
    #[serde(rename = "backupID", skip_serializing_if = "Option::is_none")]
    backup_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_time: Option<&'a str>,
}

/// While the primary is another than the Cluster itself, it follows `source`; once it is itself, it reads what is left in the
/// archive, and takes writes. Without the token of a primary that was demoted that is a failover, after which what served
/// before has to be made anew (CloudNativePG 1.30, "Replica clusters", "Distributed topology", "Promoting a Replica to a Primary
/// Cluster").
#[derive(Serialize)]
struct Replica {
    primary: String,
    source: String,
}

#[derive(Serialize)]
struct ExternalCluster {
    name: String,
    plugin: SourcePlugin,
}

#[derive(Serialize)]
struct SourcePlugin {
    name: &'static str,
    parameters: ArchiverParameters,
}

/// The locale stays the operator's `C`: no update of the image's C library can then change how indexes are sorted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitDb<'a> {
    database: &'a str,
    owner: String,
    encoding: &'static str,
    data_checksums: bool,
}

#[derive(Serialize)]
struct PostgreSql<'a> {
    parameters: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pg_hba: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    synchronous: Option<Synchronous>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Synchronous {
    method: &'static str,
    number: u32,
    data_durability: &'static str,
    failover_quorum: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Storage<'a> {
    size: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Affinity {
    enable_pod_anti_affinity: bool,
    pod_anti_affinity_type: &'static str,
    topology_key: &'static str,
}

#[derive(Serialize)]
struct Certificates {
    #[serde(rename = "serverAltDNSNames")]
    server_alt_dns_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Monitoring<'a> {
    custom_queries_config_map: [ConfigMapKey<'a>; 1],
}

#[derive(Serialize)]
struct ConfigMapKey<'a> {
    name: &'a str,
    key: &'static str,
}

#[derive(Serialize)]
struct Plugin {
    name: &'static str,
    #[serde(rename = "isWALArchiver")]
    is_wal_archiver: bool,
    parameters: ArchiverParameters,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArchiverParameters {
    barman_object_name: String,
    server_name: String,
}
