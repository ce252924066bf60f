//! The `PerconaServerMongoDB`: replica sets, config servers, routers and the backups' schedule. In: a generation. Out: one
//! resource, which holds the data. The structs read like the operator's manual, in its order.

use super::{CONFIG, Settings, backup, is_sharded, key, kind, label, replica_sets, users_secret};
use crate::api::claim::DeletionPolicy;
use crate::api::plan::{Plan, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::backup_job::from_secret;
use crate::operators::facts::{Labels, labels};
use crate::operators::{Holds, Resource, mongodb, pods, resource, rotation};
use crate::wire::Object;
use k8s_openapi::api::core::v1::{
    Affinity, Container, PersistentVolumeClaimSpec, ResourceRequirements, SecurityContext, TopologySpreadConstraint,
};
use serde::Serialize;
use serde_json::{Map, json};

/// What this file is written for; the operator serves resources of its own version and two before it.
const VERSION: &str = "1.22.0";

/// Each config server.
pub const CONFIG_SERVER: Amounts =
    Amounts { cpu: Millicores(500), memory: Bytes(Bytes::GI), storage: Bytes(10 * Bytes::GI) };
const MOST_CONFIG_SERVERS: u32 = 3;

/// Each router: a share of a member, and not less than this.
const ROUTER: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(Bytes::GI), storage: Bytes(0) };
const ROUTER_PERCENT: u64 = 25;
const MOST_ROUTERS: u32 = 2;

/// The operator lets the pods go one after the other, and then the volumes, which nobody else would ever remove. Without the
/// second the data would be there again for the next database of that name.
const FINALIZERS: [&str; 2] = ["percona.com/delete-psmdb-pods-in-order", "percona.com/delete-psmdb-pvc"];

pub fn compose(generation: &Generation, settings: &Settings) -> Resource {
    let terms = &generation.plan.terms;
    let alone = terms.replicas == 1;
    let spec = Spec {
        cr_version: VERSION,
        image: &generation.plan.notes.release,
        image_pull_policy: "IfNotPresent",
        image_pull_secrets: settings.image_pull_secrets.iter().map(|name| Name { name }).collect(),
        init_container_security_context: pods::confined_by_itself(),
        pause: terms.lifecycle.hibernated,
        unsafe_flags: alone.then_some(UnsafeFlags { replset_size: true }),
        update_strategy: "SmartUpdate",
        // The plan says which release runs, and nothing goes back.
        upgrade_options: UpgradeOptions { apply: "disabled", set_fcv: true },
        enable_volume_expansion: true,
        tls: Tls { mode: if terms.tls { "requireTLS" } else { "preferTLS" } },
        secrets: Secrets { users: users_secret(generation) },
        users: application(generation),
        replsets: replica_sets(terms).map(|name| members(generation, settings, name)).collect(),
        sharding: is_sharded(terms).then(|| Sharding {
            enabled: true,
            configsvr_repl_set: config_servers(generation, settings),
            mongos: routers(generation, settings),
        }),
        backup: backup::section(generation, settings),
        // It would write the log to the volumes.
        logcollector: LogCollector { enabled: false },
    };
    let mut cluster =
        resource(generation, key::CLUSTER, kind::CLUSTER, generation.name(), Holds::Data(terms.storage), spec);
    if terms.lifecycle.deletion_policy != DeletionPolicy::Retain {
        cluster.object = cluster.object.merge(&Object::of(&json!({"metadata": {"finalizers": FINALIZERS}})));
    }
    cluster
}

/// The application's own user; the operator would make it anew after a rotation has replaced it.
fn application(generation: &Generation) -> Vec<User<'_>> {
    let db = &generation.database().inside;
    let user = User { name: mongodb::USER, db, roles: mongodb::ROLES.map(|name| Role { name, db }) };
    if rotation::replaced(generation) { vec![] } else { vec![user] }
}

/// What runs beside the members of all shards.
pub fn helpers(terms: &Terms) -> Amounts {
    let exporter = if terms.monitoring.off { Amounts::default() } else { mongodb::EXPORTER };
    let agent = if terms.backup.is_some() { backup::AGENT } else { Amounts::default() };
    let beside = exporter.plus(agent);
    let members = u64::from(terms.replicas).saturating_mul(terms.shards.into());
    let mut helpers = beside.times(members);
    if is_sharded(terms) {
        helpers = helpers
            .plus(CONFIG_SERVER.plus(beside).times(number_of_config_servers(terms).into()))
            .plus(router(terms).times(number_of_routers(terms).into()));
    }
    helpers
}

/// Odd, as the members are.
pub fn number_of_config_servers(terms: &Terms) -> u32 {
    terms.replicas.min(MOST_CONFIG_SERVERS)
}

pub fn number_of_routers(terms: &Terms) -> u32 {
    terms.pooling.as_ref().map_or(terms.replicas.min(MOST_ROUTERS), |pooling| pooling.instances)
}

fn router(terms: &Terms) -> Amounts {
    Amounts {
        cpu: terms.cpu.percent(ROUTER_PERCENT).max(ROUTER.cpu),
        memory: terms.memory.percent(ROUTER_PERCENT).max(ROUTER.memory),
        storage: ROUTER.storage,
    }
}

fn members<'a>(generation: &Generation, settings: &'a Settings, name: String) -> ReplicaSet<'a> {
    let terms = &generation.plan.terms;
    let apart = of_replica_set(generation, &name);
    ReplicaSet {
        name: Some(name),
        size: terms.replicas,
        configuration: configuration(&generation.plan),
        resources: pods::member(terms),
        volume_spec: volume(terms, terms.storage),
        pods: of_pods(terms, settings, apart),
        sidecars: exporter(generation, settings).into_iter().collect(),
    }
}

fn config_servers<'a>(generation: &Generation, settings: &'a Settings) -> ReplicaSet<'a> {
    let terms = &generation.plan.terms;
    let mut configuration = Map::new();
    secure(&mut configuration, terms);
    ReplicaSet {
        // The operator names it.
        name: None,
        size: number_of_config_servers(terms),
        configuration: mongodb::yaml(&configuration),
        resources: pods::beside(terms, CONFIG_SERVER),
        volume_spec: volume(terms, CONFIG_SERVER.storage),
        pods: of_pods(terms, settings, of_replica_set(generation, CONFIG)),
        sidecars: exporter(generation, settings).into_iter().collect(),
    }
}

fn routers<'a>(generation: &Generation, settings: &'a Settings) -> Routers<'a> {
    let terms = &generation.plan.terms;
    let mut configuration = Map::new();
    secure(&mut configuration, terms);
    Routers {
        size: number_of_routers(terms),
        configuration: mongodb::yaml(&configuration),
        resources: pods::beside(terms, router(terms)),
        pods: of_pods(terms, settings, of_routers(&generation.name())),
    }
}

/// The file of members that hold data.
pub fn configuration(plan: &Plan) -> String {
    let mut configuration = mongodb::configuration(plan, false);
    secure(&mut configuration, &plan.terms);
    mongodb::yaml(&configuration)
}

/// Applications sign in with passwords: without the first setting an encrypted connection would need a certificate of the
/// client's (MongoDB 8.0, "net.tls.allowConnectionsWithoutCertificates"). With audit, who changed what stands in the log of
/// the pods (Percona Server for MongoDB 8.0, "Auditing").
fn secure(configuration: &mut Map<String, serde_json::Value>, terms: &Terms) {
    mongodb::insert(configuration, "net.tls.allowConnectionsWithoutCertificates", true.into());
    if terms.monitoring.audit {
        mongodb::insert(configuration, "auditLog.destination", "console".into());
        mongodb::insert(configuration, "auditLog.format", "JSON".into());
    }
}

fn of_pods<'a>(terms: &Terms, settings: &'a Settings, own: Labels) -> Pods<'a> {
    Pods {
        affinity: Anti { advanced: pods::apart(terms.placement, own.clone()) },
        topology_spread_constraints: pods::spread(terms.placement, own),
        priority_class_name: settings.priority_class.as_deref(),
        // The pod's context is the operator's: it knows whether Kubernetes or OpenShift chooses the group of volumes.
        container_security_context: pods::confined_by_itself(),
    }
}

/// All pods of `mongod`, config servers included.
pub fn of_members(name: &str) -> Labels {
    labels([label::NAME, (label::INSTANCE, name), (label::COMPONENT, "mongod")])
}

pub fn of_routers(name: &str) -> Labels {
    labels([label::NAME, (label::INSTANCE, name), (label::COMPONENT, "mongos")])
}

fn of_replica_set(generation: &Generation, name: &str) -> Labels {
    let mut own = of_members(&generation.name());
    own.insert(label::REPLICA_SET.into(), name.into());
    own
}

fn volume(terms: &Terms, size: Bytes) -> Volume {
    Volume {
        persistent_volume_claim: PersistentVolumeClaimSpec {
            resources: Some(pods::storage(size)),
            storage_class_name: terms.storage_class.clone(),
            ..Default::default()
        },
    }
}

/// It signs in as the user that the operator made for monitoring. The operator's pods take encrypted connections in any case.
fn exporter(generation: &Generation, settings: &Settings) -> Option<Container> {
    let terms = &generation.plan.terms;
    let secret = users_secret(generation);
    let user = [
        from_secret("MONGODB_USER", &secret, "MONGODB_CLUSTER_MONITOR_USER"),
        from_secret("MONGODB_PASSWORD", &secret, "MONGODB_CLUSTER_MONITOR_PASSWORD"),
    ];
    (!terms.monitoring.off).then(|| mongodb::exporter(terms, &settings.exporter_image, true, user))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    cr_version: &'static str,
    image: &'a str,
    image_pull_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<Name<'a>>,
    init_container_security_context: SecurityContext,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pause: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsafe_flags: Option<UnsafeFlags>,
    update_strategy: &'static str,
    upgrade_options: UpgradeOptions,
    enable_volume_expansion: bool,
    tls: Tls,
    secrets: Secrets,
    users: Vec<User<'a>>,
    replsets: Vec<ReplicaSet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sharding: Option<Sharding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<backup::Section<'a>>,
    logcollector: LogCollector,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnsafeFlags {
    replset_size: bool,
}

#[derive(Serialize)]
struct UpgradeOptions {
    apply: &'static str,
    #[serde(rename = "setFCV")]
    set_fcv: bool,
}

#[derive(Serialize)]
struct Tls {
    mode: &'static str,
}

#[derive(Serialize)]
struct Secrets {
    users: String,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'static str,
    db: &'a str,
    roles: [Role<'a>; 2],
}

#[derive(Serialize)]
struct Role<'a> {
    name: &'static str,
    db: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplicaSet<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    size: u32,
    configuration: String,
    resources: ResourceRequirements,
    volume_spec: Volume,
    #[serde(flatten)]
    pods: Pods<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sidecars: Vec<Container>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pods<'a> {
    affinity: Anti,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    container_security_context: SecurityContext,
}

#[derive(Serialize)]
struct Anti {
    advanced: Affinity,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    persistent_volume_claim: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sharding<'a> {
    enabled: bool,
    configsvr_repl_set: ReplicaSet<'a>,
    mongos: Routers<'a>,
}

#[derive(Serialize)]
struct Routers<'a> {
    size: u32,
    configuration: String,
    resources: ResourceRequirements,
    #[serde(flatten)]
    pods: Pods<'a>,
}

#[derive(Serialize)]
struct LogCollector {
    enabled: bool,
}
