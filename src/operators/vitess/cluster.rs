//! The `VitessCluster`: members, the way in, and what keeps them together. In: a generation. Out: one resource, the only one
//! here that holds data. The structs read like the operator's manual, in its order.

use super::secrets::{INIT_SCRIPT, USERS, init_script};
use super::shards::{KeyRange, key_ranges};
use super::{CELL, MOST_REPLICAS, Settings, backup, key, kind, label, of_component, tablets};
use crate::api::plan::{Backup, Placement, Plan, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::{Holds, Resource, certificate, mysql, password, pods, resource};
use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, PersistentVolumeClaimSpec, ResourceRequirements, TopologySpreadConstraint,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What runs beside each member. The exporter is there also where nobody collects: the operator puts in an image of its own
/// where none is named.
const TABLET: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(512 * Bytes::MI), storage: Bytes(0) };
const EXPORTER: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// The way in.
const GATEWAY: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(Bytes::GI), storage: Bytes(0) };
/// Promotes a replica when the primary is lost; one for each shard.
const ORCHESTRATOR: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };
const DASHBOARD: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };
/// Who the members are; always three.
const ETCD: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(256 * Bytes::MI), storage: Bytes(Bytes::GI) };
const ETCD_MEMBERS: u64 = 3;

pub fn helpers(terms: &Terms) -> Amounts {
    let members = TABLET.plus(EXPORTER).times(tablets(terms).into());
    let shards = ORCHESTRATOR.times(terms.shards.into());
    let ways_in = GATEWAY.times(gateways(terms).into());
    members.plus(shards).plus(ways_in).plus(DASHBOARD).plus(ETCD.times(ETCD_MEMBERS))
}

/// The way in must not be the one thing that is there once.
pub fn gateways(terms: &Terms) -> u32 {
    terms.pooling.as_ref().map_or(terms.replicas.min(2), |pooling| pooling.instances)
}

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let image = notes.release.as_str();
    let keyspace = terms.database.inside.as_str();
    let member = member(&generation.plan);
    let pull_secrets =
        || settings.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    let spec = VitessClusterSpec {
        images: Images {
            vtctld: image,
            vtgate: image,
            vttablet: image,
            vtorc: image,
            vtbackup: image,
            mysqld: MysqldImage { mysql80_compatible: image },
            mysqld_exporter: &settings.exporter_image,
        },
        image_pull_secrets: pull_secrets(),
        backup: terms.backup.as_ref().map(|backup| backups(generation, backup)),
        global_lockserver: Lockserver {
            etcd: Etcd {
                // It is not given those of the cluster.
                image_pull_secrets: pull_secrets(),
                resources: pods::beside(terms, ETCD),
                data_volume_claim_template: pods::volume_claim(terms, ETCD.storage),
            },
        },
        vitess_dashboard: Dashboard { cells: [CELL], replicas: 1, resources: pods::beside(terms, DASHBOARD) },
        cells: [Cell { name: CELL, gateway: gateway(generation, observed) }],
        keyspaces: [Keyspace {
            name: keyspace,
            database_name: keyspace,
            // A commit waits for a replica, or for none.
            durability_policy: if terms.synchronous_replicas > 0 { "semi_sync" } else { "none" },
            turndown_policy: "RequireIdle",
            vitess_orchestrator: Orchestrator { resources: pods::beside(terms, ORCHESTRATOR) },
            partitionings: [Partitioning {
                custom: Custom {
                    shards: key_ranges(terms.shards).into_iter().map(|keys| shard(generation, keys, &member)).collect(),
                },
            }],
        }],
        // What changes was approved already.
        update_strategy: UpdateStrategy { r#type: "Immediate" },
    };
    resource(generation, key::CLUSTER, kind::CLUSTER, generation.name(), Holds::Data(terms.storage), spec)
}

fn backups(generation: &Generation, plan: &Backup) -> Backups {
    Backups { engine: "builtin", locations: [backup::location(generation, plan)] }
}

fn gateway(generation: &Generation, observed: &Observed) -> Gateway {
    let terms = &generation.plan.terms;
    let file = |name: String, key: &'static str| SecretSource { name, key };
    let certificate = || certificate::secret(generation);
    let renewals = certificate::renewals(generation, observed);
    // Who has shards says how rows are spread over them (Vitess 24, "ALTER VSCHEMA").
    let sharded = (terms.shards > 1).then(|| ("vschema-ddl-authorized-users", mysql::user(&terms.database.inside)));
    Gateway {
        replicas: gateways(terms),
        resources: pods::beside(terms, GATEWAY),
        authentication: Authentication { r#static: Static { secret: file(password::secret(generation), USERS) } },
        secure_transport: terms.issuer.as_ref().map(|_| SecureTransport {
            required: terms.tls,
            tls: Tls { cert_secret: file(certificate(), "tls.crt"), key_secret: file(certificate(), "tls.key") },
        }),
        extra_flags: map(sharded),
        // vtgate reads its certificate at its start only.
        annotations: map(renewals.iter().map(|count| (certificate::RENEWALS, count.to_string()))),
        affinity: pods::apart(Placement::Preferred, of_component(generation, "vtgate")),
    }
}

/// The same in all shards.
fn member(plan: &Plan) -> Member {
    let terms = &plan.terms;
    Member {
        vttablet: Vttablet { resources: pods::beside(terms, TABLET), extra_flags: pools(plan) },
        mysqld: Mysqld { resources: pods::member(terms), config_overrides: overrides(plan) },
        exporter: Exporter { resources: pods::beside(terms, EXPORTER) },
        volume: pods::volume_claim(terms, terms.storage),
    }
}

fn shard<'a>(generation: &Generation, key_range: KeyRange, member: &'a Member) -> Shard<'a> {
    let terms = &generation.plan.terms;
    let own = || {
        let mut labels = of_component(generation, "vttablet");
        labels.insert(label::SHARD.into(), key_range.label());
        labels
    };
    // No affinity of ours: the spare member of the first backup would get it too, find no node without a member and wait
    // for ever, and all members for it.
    let apart = pods::one_per_node(terms.placement, MOST_REPLICAS, own());
    // The operator takes constraints of the same labels for one and the same, so these say more, of the same pods.
    let mut zoned = own();
    zoned.insert(label::CELL.into(), CELL.into());
    Shard {
        database_init_script_secret: SecretSource { name: init_script(generation), key: INIT_SCRIPT },
        tablet_pools: [TabletPool {
            cell: CELL,
            r#type: "replica",
            replicas: terms.replicas,
            vttablet: &member.vttablet,
            mysqld: &member.mysqld,
            mysqld_exporter: &member.exporter,
            data_volume_claim_template: &member.volume,
            topology_spread_constraints: [apart].into_iter().chain(pods::spread(terms.placement, zoned)).collect(),
        }],
        key_range,
    }
}

/// Settings of MySQL. Those of replication groups mean nothing here: Vitess replicates in its own way.
pub fn overrides(plan: &Plan) -> String {
    let mut settings = plan.parameters();
    settings.retain(|name, _| !name.starts_with(mysql::GROUP_SETTINGS));
    let verbosity = mysql::log_error_verbosity(plan.terms.monitoring.log_level);
    format!("[mysqld]\nlog_error_verbosity={verbosity}\n{}", mysql::option_lines(&settings))
}

/// Each member's pools together leave some of its connections to replication and to Vitess itself.
const POOLED_PERCENT: u64 = 75;

/// For reads, for streams and for transactions.
pub fn pools(plan: &Plan) -> BTreeMap<&'static str, String> {
    let settings = plan.parameters();
    let connections = settings.get("max_connections").and_then(|number| number.parse::<u64>().ok()).unwrap_or(150);
    let each = (connections * POOLED_PERCENT / 100 / 3).max(1).to_string();
    let names =
        ["queryserver-config-pool-size", "queryserver-config-stream-pool-size", "queryserver-config-transaction-cap"];
    map(names.into_iter().map(|name| (name, each.clone())))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VitessClusterSpec<'a> {
    images: Images<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<LocalObjectReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<Backups>,
    global_lockserver: Lockserver,
    vitess_dashboard: Dashboard,
    cells: [Cell; 1],
    keyspaces: [Keyspace<'a>; 1],
    update_strategy: UpdateStrategy,
}

/// One image holds all of Vitess, and the MySQL that it was built for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Images<'a> {
    vtctld: &'a str,
    vtgate: &'a str,
    vttablet: &'a str,
    vtorc: &'a str,
    vtbackup: &'a str,
    mysqld: MysqldImage<'a>,
    mysqld_exporter: &'a str,
}

/// The operator's name for MySQL 8.0 and every newer one.
#[derive(Serialize)]
struct MysqldImage<'a> {
    #[serde(rename = "mysql80Compatible")]
    mysql80_compatible: &'a str,
}

#[derive(Serialize)]
struct Backups {
    engine: &'static str,
    locations: [backup::Location; 1],
}

#[derive(Serialize)]
struct Lockserver {
    etcd: Etcd,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Etcd {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_pull_secrets: Vec<LocalObjectReference>,
    resources: ResourceRequirements,
    data_volume_claim_template: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
struct Dashboard {
    cells: [&'static str; 1],
    replicas: u32,
    resources: ResourceRequirements,
}

#[derive(Serialize)]
struct Cell {
    name: &'static str,
    gateway: Gateway,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gateway {
    replicas: u32,
    resources: ResourceRequirements,
    authentication: Authentication,
    #[serde(skip_serializing_if = "Option::is_none")]
    secure_transport: Option<SecureTransport>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_flags: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
    affinity: Affinity,
}

#[derive(Serialize)]
struct Authentication {
    r#static: Static,
}

#[derive(Serialize)]
struct Static {
    secret: SecretSource,
}

#[derive(Serialize)]
pub struct SecretSource {
    pub name: String,
    pub key: &'static str,
}

#[derive(Serialize)]
struct SecureTransport {
    required: bool,
    tls: Tls,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tls {
    cert_secret: SecretSource,
    key_secret: SecretSource,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Keyspace<'a> {
    name: &'a str,
    /// In MySQL itself.
    database_name: &'a str,
    durability_policy: &'static str,
    turndown_policy: &'static str,
    vitess_orchestrator: Orchestrator,
    partitionings: [Partitioning<'a>; 1],
}

#[derive(Serialize)]
struct Orchestrator {
    resources: ResourceRequirements,
}

#[derive(Serialize)]
struct Partitioning<'a> {
    custom: Custom<'a>,
}

/// Each shard by itself, because its members keep apart by its name.
#[derive(Serialize)]
struct Custom<'a> {
    shards: Vec<Shard<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shard<'a> {
    key_range: KeyRange,
    database_init_script_secret: SecretSource,
    tablet_pools: [TabletPool<'a>; 1],
}

struct Member {
    vttablet: Vttablet,
    mysqld: Mysqld,
    exporter: Exporter,
    volume: PersistentVolumeClaimSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TabletPool<'a> {
    cell: &'static str,
    r#type: &'static str,
    replicas: u32,
    vttablet: &'a Vttablet,
    mysqld: &'a Mysqld,
    mysqld_exporter: &'a Exporter,
    data_volume_claim_template: &'a PersistentVolumeClaimSpec,
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Vttablet {
    resources: ResourceRequirements,
    extra_flags: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mysqld {
    resources: ResourceRequirements,
    config_overrides: String,
}

#[derive(Serialize)]
struct Exporter {
    resources: ResourceRequirements,
}

#[derive(Serialize)]
struct UpdateStrategy {
    r#type: &'static str,
}
