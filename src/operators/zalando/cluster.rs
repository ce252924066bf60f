//! The `postgresql`: all that the operator knows of a database. In: a generation. Out: one resource, which holds the data.
//! The structs read like the operator's manual, in its order.

use super::{EXPORTER, KEY, KIND, MOST_MEMBERS, POOLER, Settings, backup, facts, owner};
use crate::api::claim::PoolMode;
use crate::api::plan::{Plan, Terms};
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::labels;
use crate::operators::{Holds, Resource, backup_job, pods, postgresql, resource, rotation};
use k8s_openapi::api::core::v1::{ContainerPort, EnvVar, ResourceRequirements, TopologySpreadConstraint};
use serde::Serialize;
use std::collections::BTreeMap;

/// The user and group of PostgreSQL in the image; without them it starts as root (operator reference, "spiloRunAsUser").
const USER: i64 = 101;
const GROUP: i64 = 103;

/// Spilo's own libraries (Spilo, `configure_spilo.py`), which a setting of ours replaces, and the one that audits.
const AUDITED: &str = "bg_mon,pg_stat_statements,pgextwlist,pg_auth_mon,set_user,pg_cron,pg_stat_kcache,pgaudit";

pub fn compose(generation: &Generation, settings: &Settings) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let database = &terms.database.inside;
    let owner = owner(database);
    let flags = if rotation::replaced(generation) { vec!["nologin"] } else { vec![] };
    let awake = !terms.lifecycle.hibernated;
    let spec = PostgresqlSpec {
        team_id: &settings.team,
        docker_image: &notes.release,
        number_of_instances: if awake { terms.replicas } else { 0 },
        postgresql: PostgreSql { version: &terms.version, parameters: parameters(&generation.plan) },
        patroni: patroni(terms),
        resources: pods::member(terms),
        volume: Volume { size: terms.storage, storage_class: terms.storage_class.as_deref() },
        users: map([(owner.clone(), flags)]),
        databases: map([(database.as_str(), owner)]),
        prepared_databases: prepared(terms),
        env: environment(generation),
        sidecars: if terms.monitoring.off { vec![] } else { vec![exporter(terms, settings)] },
        // Nobody is there to connect to.
        enable_connection_pooler: awake && terms.pooling.is_some(),
        connection_pooler: terms.pooling.as_ref().map(|pooling| ConnectionPooler {
            number_of_instances: pooling.instances,
            mode: pooling.mode,
            max_db_connections: postgresql::pooled_connections(&generation.plan.parameters()),
            resources: pods::beside(terms, POOLER),
        }),
        enable_master_load_balancer: false,
        enable_replica_load_balancer: false,
        enable_master_pooler_load_balancer: false,
        topology_spread_constraints: spread(generation),
        pod_priority_class_name: settings.priority_class.as_deref(),
        spilo_run_as_user: USER,
        spilo_run_as_group: GROUP,
        spilo_fs_group: GROUP,
    };
    resource(generation, KEY, KIND, generation.name(), Holds::Data(terms.storage), spec)
}

fn environment(generation: &Generation) -> Vec<EnvVar> {
    let backup = generation.plan.terms.backup.as_ref();
    let mut variables = backup.map(|backup| backup::variables(generation, backup)).unwrap_or_default();
    variables.extend(generation.source.iter().flat_map(backup::clone));
    variables
}

/// The plan's settings, what is logged below them, and the library for the audit.
pub fn parameters(plan: &Plan) -> BTreeMap<&str, &str> {
    let mut parameters = postgresql::log_settings(&plan.terms.monitoring);
    if plan.terms.monitoring.audit {
        parameters.insert("shared_preload_libraries", AUDITED);
    }
    parameters.extend(plan.parameters());
    parameters
}

/// With a replica to spare, a commit waits for its copies whatever happens. Without, the loss of one replica would stop all
/// writes, so they go on without a copy.
fn patroni(terms: &Terms) -> Option<Patroni> {
    let number = terms.synchronous_replicas;
    (number > 0).then_some(Patroni {
        synchronous_mode: true,
        synchronous_mode_strict: number + 1 < terms.replicas,
        synchronous_node_count: number,
    })
}

/// Only for its extensions: `databases` names the owner. The schema is there already, so nothing is made of it.
fn prepared(terms: &Terms) -> Option<BTreeMap<&str, PreparedDatabase<'_>>> {
    let extensions = map(terms.extensions.values().map(|name| (name.as_str(), "public")));
    let public = PreparedSchema { default_roles: false, default_users: false };
    let prepared = PreparedDatabase { default_users: false, extensions, schemas: map([("public", public)]) };
    (!terms.extensions.is_empty()).then(|| map([(terms.database.inside.as_str(), prepared)]))
}

/// The operator adds the superuser's name and password to the variables.
fn exporter(terms: &Terms, settings: &Settings) -> Sidecar {
    Sidecar {
        name: "exporter",
        image: settings.exporter_image.clone(),
        command: ["/bin/postgres_exporter", "--collector.database_wraparound"],
        env: vec![
            backup_job::text("DATA_SOURCE_URI", "127.0.0.1:5432/postgres?sslmode=disable"),
            backup_job::text("DATA_SOURCE_USER", "$(POSTGRES_USER)"),
            backup_job::text("DATA_SOURCE_PASS", "$(POSTGRES_PASSWORD)"),
        ],
        ports: [ContainerPort {
            name: Some(facts::METRICS_PORT.into()),
            container_port: facts::METRICS.into(),
            protocol: Some("TCP".into()),
            ..Default::default()
        }],
        resources: pods::beside(terms, EXPORTER),
    }
}

/// The manifest has no anti-affinity, that is a switch of the operator's for all databases.
fn spread(generation: &Generation) -> Vec<TopologySpreadConstraint> {
    let terms = &generation.plan.terms;
    let own = labels(super::own(&generation.name()));
    let mut constraints = vec![pods::one_per_node(terms.placement, MOST_MEMBERS, own.clone())];
    constraints.extend(pods::spread(terms.placement, own));
    constraints
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostgresqlSpec<'a> {
    team_id: &'a str,
    docker_image: &'a str,
    number_of_instances: u32,
    postgresql: PostgreSql<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patroni: Option<Patroni>,
    resources: ResourceRequirements,
    volume: Volume<'a>,
    /// Each with its flags; one that takes the login away keeps the operator from giving it back, and does no more.
    users: BTreeMap<String, Vec<&'static str>>,
    /// Each with its owner.
    databases: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prepared_databases: Option<BTreeMap<&'a str, PreparedDatabase<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sidecars: Vec<Sidecar>,
    enable_connection_pooler: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_pooler: Option<ConnectionPooler>,
    enable_master_load_balancer: bool,
    enable_replica_load_balancer: bool,
    enable_master_pooler_load_balancer: bool,
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_priority_class_name: Option<&'a str>,
    spilo_run_as_user: i64,
    spilo_run_as_group: i64,
    #[serde(rename = "spiloFSGroup")]
    spilo_fs_group: i64,
}

#[derive(Serialize)]
struct PostgreSql<'a> {
    version: &'a str,
    parameters: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Patroni {
    synchronous_mode: bool,
    synchronous_mode_strict: bool,
    synchronous_node_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume<'a> {
    size: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreparedDatabase<'a> {
    default_users: bool,
    /// Each with its schema.
    extensions: BTreeMap<&'a str, &'static str>,
    schemas: BTreeMap<&'static str, PreparedSchema>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreparedSchema {
    default_roles: bool,
    default_users: bool,
}

#[derive(Serialize)]
struct Sidecar {
    name: &'static str,
    image: String,
    command: [&'static str; 2],
    env: Vec<EnvVar>,
    ports: [ContainerPort; 1],
    resources: ResourceRequirements,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionPooler {
    number_of_instances: u32,
    mode: PoolMode,
    /// Of all instances together; the operator divides.
    #[serde(rename = "maxDBConnections")]
    max_db_connections: u64,
    resources: ResourceRequirements,
}
