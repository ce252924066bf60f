//! The `InnoDBCluster`: the members, MySQL Router before them, and when they are backed up. In: a generation. Out: one
//! resource, the only one here that holds data. The structs read like the operator's manual.

use super::backup::{InitDb, Profile, Schedule};
use super::{ADMINISTRATOR, Settings, backup, key, kind, members, router};
use crate::api::plan::{Placement, Plan, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::{Holds, Resource, mysql, password, pods, resource};
use crate::wire::Object;
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaimSpec, PodSpec, ResourceRequirements};
use serde::Serialize;
use serde_json::json;

/// MySQL Shell and the operator's own process, which sets members up.
pub const SIDECAR: Amounts = Amounts { cpu: Millicores(250), memory: Bytes(512 * Bytes::MI), storage: Bytes(0) };
pub const EXPORTER: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// It only hands on, but encrypts twice.
pub const ROUTER: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };

/// Tells what a member of the group is at, and with that how far it is behind: off by default (mysqld_exporter 0.18).
const APPLIER: &str = "--collect.perf_schema.replication_applier_status_by_worker";

/// How many instances of MySQL Router there are: the way in must not be the one thing that is there once.
pub fn routers(terms: &Terms) -> u32 {
    let least = terms.replicas.min(2);
    terms.pooling.as_ref().map_or(least, |pooling| pooling.instances)
}

pub fn compose(generation: &Generation, settings: &Settings) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let spec = InnoDbClusterSpec {
        secret_name: password::secret_of(generation, ADMINISTRATOR),
        // Servers and routers make certificates for themselves, so that connections are encrypted and nobody is verified.
        tls_use_self_signed: true,
        version: &notes.release,
        image_repository: &settings.image_repository,
        image_pull_policy: "IfNotPresent",
        image_pull_secrets: settings.image_pull_secrets.iter().map(|name| Name { name }).collect(),
        instances: terms.replicas,
        datadir_volume_claim_template: pods::volume_claim(terms, terms.storage),
        // It would run as root; the group of the volumes is set by Kubernetes.
        datadir_permissions: DatadirPermissions {
            set_rights_using_init_container: false,
            fs_group_change_policy: "OnRootMismatch",
        },
        init_db: generation.source.as_ref().map(|source| backup::initial(generation, source)),
        mycnf: mycnf(&generation.plan),
        pod_spec: member_pods(generation, settings),
        router: Router {
            instances: routers(terms),
            version: &notes.release,
            bootstrap_options: if terms.tls { ENCRYPTED.to_vec() } else { vec![] },
            pod_spec: router_pods(generation),
        },
        metrics: (!terms.monitoring.off).then_some(Metrics {
            enable: true,
            image: &settings.exporter_image,
            options: [APPLIER],
        }),
        backup_profiles: terms.backup.iter().map(|backup| backup::profile(generation, backup)).collect(),
        backup_schedules: terms.backup.iter().map(backup::schedule).collect(),
    };
    resource(generation, key::CLUSTER, kind::CLUSTER, generation.name(), Holds::Data(terms.storage), spec)
}

/// The volume of a drill's one member, which the StatefulSet then takes for its own: those that it makes itself stay for ever.
pub fn volume(generation: &Generation) -> Resource {
    let terms = &generation.plan.terms;
    let spec = pods::volume_claim(terms, terms.storage);
    let name = format!("datadir-{}-0", generation.name());
    let mut volume = resource(generation, key::VOLUME, kind::VOLUME, name, Holds::Nothing, spec);
    volume.object = volume.object.merge(&Object::of(&json!({"metadata": {"labels": members(generation)}})));
    volume
}

/// Of MySQL Router: clients that do not encrypt are refused, and so would be the router by the server.
const ENCRYPTED: [&str; 2] = ["--client-ssl-mode=REQUIRED", "--server-ssl-mode=REQUIRED"];

/// The plan's settings go last.
fn mycnf(plan: &Plan) -> String {
    let terms = &plan.terms;
    let secure = if terms.tls { "require_secure_transport=ON\n" } else { "" };
    let verbosity = mysql::log_error_verbosity(terms.monitoring.log_level);
    format!("[mysqld]\n{secure}log_error_verbosity={verbosity}\n{}", mysql::option_lines(&plan.parameters()))
}

/// The operator merges it into its own by the containers' names.
fn member_pods(generation: &Generation, settings: &Settings) -> PodSpec {
    let terms = &generation.plan.terms;
    let sized =
        |name: &str, resources| Container { name: name.into(), resources: Some(resources), ..Default::default() };
    let mut containers = vec![sized("mysql", pods::member(terms)), sized("sidecar", pods::beside(terms, SIDECAR))];
    if !terms.monitoring.off {
        containers.push(sized("metrics", pods::beside(terms, EXPORTER)));
    }
    PodSpec {
        containers,
        // The second starts a whole server to make the data directory.
        init_containers: Some(vec![
            sized("initconf", pods::beside(terms, SIDECAR)),
            sized("initmysql", pods::member(terms)),
        ]),
        affinity: Some(pods::apart(terms.placement, members(generation))),
        topology_spread_constraints: Some(pods::spread(terms.placement, members(generation)))
            .filter(|constraints| !constraints.is_empty()),
        priority_class_name: settings.priority_class.clone(),
        security_context: Some(pods::confined_pod(None)),
        ..Default::default()
    }
}

fn router_pods(generation: &Generation) -> PodSpec {
    let resources: ResourceRequirements = pods::beside(&generation.plan.terms, ROUTER);
    PodSpec {
        containers: vec![Container { name: "router".into(), resources: Some(resources), ..Default::default() }],
        affinity: Some(pods::apart(Placement::Preferred, router(generation))),
        security_context: Some(pods::confined_pod(None)),
        ..Default::default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InnoDbClusterSpec<'a> {
    secret_name: String,
    tls_use_self_signed: bool,
    version: &'a str,
    image_repository: &'a str,
    image_pull_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<Name<'a>>,
    instances: u32,
    datadir_volume_claim_template: PersistentVolumeClaimSpec,
    datadir_permissions: DatadirPermissions,
    #[serde(rename = "initDB", skip_serializing_if = "Option::is_none")]
    init_db: Option<InitDb>,
    mycnf: String,
    pod_spec: PodSpec,
    router: Router<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Metrics<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backup_profiles: Vec<Profile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backup_schedules: Vec<Schedule>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatadirPermissions {
    set_rights_using_init_container: bool,
    fs_group_change_policy: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Router<'a> {
    instances: u32,
    version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bootstrap_options: Vec<&'static str>,
    pod_spec: PodSpec,
}

#[derive(Serialize)]
struct Metrics<'a> {
    enable: bool,
    image: &'a str,
    options: [&'static str; 1],
}
