//! What a developer asks for: `Database`. In: the observed composite. Out: its fields as written, nothing resolved.
//!
//! Doc comments become the descriptions of the schema. Must not hold a default that policy could decide.

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The claim, or the `XDatabase` that the claims edition makes of it. Status is left unread: users can write it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub metadata: Metadata,
    pub spec: DatabaseSpec,
}

/// The same without what the developer asks for, so that it can be read whatever mistakes stand there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Composite {
    pub metadata: Metadata,
    pub spec: CompositeSpec,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CompositeSpec {
    pub claim_ref: Option<ClaimReference>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    /// Grows with every change of the spec.
    pub generation: Option<i64>,
    pub annotations: BTreeMap<String, String>,
}

/// A database for one application, run by the platform.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseSpec {
    /// The database inside the engine; for redis the key prefix, for elasticsearch the index prefix, for sqlite the
    /// namespace. Fixed at creation.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,62}$"), length(max = 63))]
    pub name: String,
    /// The tier that decides limits, backup and approval. Fixed at creation.
    pub environment: Environment,
    /// CPU and memory of each member: a name in the platform's table of sizes.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"), length(max = 63))]
    pub size: String,
    /// Volume of each member. It only grows.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]{1,9})?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$"), length(max = 20))]
    pub storage: String,
    /// The database engine. Fixed at creation; postgresql if left out.
    #[serde(default)]
    pub engine: Option<Engine>,
    /// Members including the primary, per shard; the tier's default if left out. Outside of the tier's range is an error.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: Option<u32>,
    /// What is backed up, when and for how long; the tier's default for what is left out.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// A release line of the engine, such as 17 or 8.4; the platform's default if left out. Never goes down.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,5}(\.[0-9]{1,5}){0,2}$"), length(max = 16))]
    pub version: Option<String>,
    /// How the members stand together; derived if left out. Fixed at creation.
    #[serde(default)]
    pub topology: Option<Topology>,
    /// Number of shards, where the engine shards (clickhouse, redis, mongodb, mysql).
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub shards: Option<u32>,
    /// A connection pool, multiplexer or router in front, where the engine has one.
    #[serde(default)]
    pub pooling: Option<Pooling>,
    /// Brings back data from a backup, once for each new id.
    #[serde(default)]
    pub restore: Option<Restore>,
    /// Engine settings, from the platform's allow-list.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64), inner(length(max = 256)))]
    pub parameters: BTreeMap<String, String>,
    /// Engine extensions, from the platform's list.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub extensions: Vec<String>,
    /// The storage class of the volumes; the platform's if left out. Fixed at creation.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), length(max = 253))]
    pub storage_class: Option<String>,
    /// How applications get their credentials.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// Who may reach the database.
    #[serde(default)]
    pub access: Option<Access>,
    /// Encryption of connections.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Metrics, alerts and logs.
    #[serde(default)]
    pub monitoring: Option<Monitoring>,
    /// When changes that restart the database may happen.
    #[serde(default)]
    pub maintenance: Option<Maintenance>,
    /// Hibernation, expiry and what deletion does.
    #[serde(default)]
    pub lifecycle: Option<Lifecycle>,
    /// Who answers for the database: an entity reference such as group:default/checkout.
    #[serde(default)]
    #[schemars(length(min = 1, max = 253))]
    pub owner: Option<String>,
    /// The system that the database belongs to in the catalog.
    #[serde(default)]
    #[schemars(length(min = 1, max = 253))]
    pub system: Option<String>,
    /// What the database is for.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,

    /// The claim behind an `XDatabase`.
    #[serde(default)]
    #[schemars(skip)]
    pub claim_ref: Option<ClaimReference>,

    // Crossplane's machinery: it stands in `spec.crossplane`, in the claims edition in `spec` itself. Read past.
    #[serde(default)]
    #[schemars(skip)]
    pub crossplane: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub composition_ref: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub composition_selector: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub composition_revision_ref: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub composition_revision_selector: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub composition_update_policy: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub composite_delete_policy: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub resource_ref: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub resource_refs: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub write_connection_secret_to_ref: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub publish_connection_details_to: Option<IgnoredAny>,
}

/// The claim behind an `XDatabase`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ClaimReference {
    pub name: String,
    pub namespace: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    #[default]
    Dev,
    Staging,
    Prod,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    #[default]
    Postgresql,
    Mysql,
    Mongodb,
    Clickhouse,
    Redis,
    Elasticsearch,
    Sqlite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Topology {
    /// One member, for ever.
    Standalone,
    /// A primary and its replicas; also with one member, so that it can grow.
    Replicated,
    /// Members that share the data among them.
    Cluster,
    /// Several replicated shards behind a router.
    Sharded,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backup {
    /// Whether there are backups at all; some tiers require them.
    pub enabled: Option<bool>,
    /// When a full backup is made, in UTC: a cron expression of five fields.
    #[schemars(regex(pattern = r"^[0-9*/,-]+( [0-9*/,-]+){4}$"), length(max = 64))]
    pub schedule: Option<String>,
    /// How long backups are kept: days, weeks or months, such as 30d.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[dwm]$"), length(max = 5))]
    pub retention: Option<String>,
    /// Archives the log continuously, so that any point in time can be restored.
    pub continuous: Option<bool>,
    /// How backups are made; the operator's best way if Auto or left out.
    pub method: Option<BackupMethod>,
    /// A new value makes one backup now.
    #[schemars(length(min = 1, max = 63))]
    pub request: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BackupMethod {
    #[default]
    Auto,
    Physical,
    Dump,
    Snapshot,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Pooling {
    /// Whether there is a pooler.
    pub enabled: bool,
    /// When a server connection goes back to the pool; transaction if left out.
    pub mode: Option<PoolMode>,
    /// Number of pooler instances; the tier's number of members, at most 3, if left out.
    #[schemars(range(min = 1, max = 20))]
    pub instances: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    Session,
    #[default]
    Transaction,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// A restore runs once for each id; a new id asks for it again.
    #[schemars(length(min = 1, max = 63))]
    pub id: String,
    /// The database whose backup is restored; this one if left out.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 40))]
    pub database: Option<String>,
    /// The namespace of that database; this one if left out.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 63))]
    pub namespace: Option<String>,
    /// The name of one backup; else the newest before the point in time.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), length(max = 253))]
    pub backup: Option<String>,
    /// Up to which moment, RFC 3339; else as late as possible.
    #[serde(default)]
    #[schemars(
        regex(
            pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
        ),
        length(max = 40)
    )]
    pub point_in_time: Option<String>,
    /// Overwrites the running data, without a way back, where the operator can.
    #[serde(default)]
    pub in_place: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Credentials {
    /// Where credentials come from; the platform's default if left out.
    pub source: Option<CredentialSource>,
    /// Automatic rotation.
    pub rotation: Option<Rotation>,
    /// Endpoint data in Consul.
    pub consul: Option<Consul>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialSource {
    /// The operator's own secret.
    Operator,
    /// A Service Binding secret, NAME-connection.
    Secret,
    /// The same secret, made by External Secrets.
    ExternalSecret,
    /// Short-lived users made by Vault.
    VaultDynamic,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Time between two rotations, such as 30d.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[hdw]$"), length(max = 5))]
    pub interval: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consul {
    /// Path in the key-value store.
    #[schemars(length(min = 1, max = 512))]
    pub path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Access {
    /// Namespaces whose pods may connect, besides the database's own.
    #[schemars(length(max = 64), inner(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_namespaces: Vec<String>,
    /// Address ranges outside of the cluster that may connect.
    #[schemars(length(max = 64), inner(length(max = 43)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(rename = "allowedCIDRs")]
    pub allowed_cidrs: Vec<String>,
    /// How the database is exposed; ClusterIP if left out.
    pub service_type: Option<ServiceType>,
    /// Further users of the database.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub roles: Vec<Role>,
    /// A web console, in dev and staging only.
    pub console: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    #[default]
    ClusterIP,
    LoadBalancer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// The user's name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,62}$"), length(max = 63))]
    pub name: String,
    /// What the user may do.
    pub privileges: Privileges,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Privileges {
    Read,
    Write,
    Admin,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tls {
    /// Refuses connections that are not encrypted; the tier's default if left out.
    pub enabled: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Monitoring {
    /// Whether metrics are collected; true if left out.
    pub enabled: Option<bool>,
    /// Whether alerts are raised; true if left out.
    pub alerts: Option<bool>,
    /// How much the engine logs.
    pub log_level: Option<LogLevel>,
    /// Logs who did what, where the engine can.
    pub audit: Option<bool>,
    /// The name of a ConfigMap with custom metric queries under the key queries, where the operator takes them.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), length(max = 253))]
    pub queries: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warning,
    #[default]
    Info,
    Debug,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Maintenance {
    /// Weekly windows; the tier's if left out.
    #[schemars(length(max = 7))]
    pub windows: Vec<Window>,
    /// The time zone of the windows, such as Europe/Oslo; UTC if left out.
    #[schemars(regex(pattern = r"^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$"), length(max = 64))]
    pub time_zone: Option<String>,
    /// Takes new patch releases in the next window.
    pub auto_upgrade: Option<bool>,
    /// Lets an approved change happen outside of the windows.
    pub urgent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    pub day: Weekday,
    /// Local time of day, such as 02:00.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), length(max = 5))]
    pub start: String,
    /// Length, such as 4h or 90m; at most 24h.
    #[schemars(regex(pattern = r"^(([1-9]|1[0-9]|2[0-4])h|[1-9][0-9]{1,2}m)$"), length(max = 4))]
    pub duration: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Lifecycle {
    /// Stops the database and keeps its data.
    pub hibernated: bool,
    /// Hibernates on a schedule.
    pub schedule: Option<HibernationSchedule>,
    /// The day on which the database hibernates for good, such as 2027-01-31.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), length(max = 10))]
    pub expires: Option<String>,
    /// What deleting the claim does to the data; the tier's default if left out.
    pub deletion_policy: Option<DeletionPolicy>,
    /// Refuses deletion; the tier's default if left out.
    pub deletion_protection: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HibernationSchedule {
    /// When it falls asleep: a cron expression of five fields in the maintenance time zone.
    #[schemars(regex(pattern = r"^[0-9*/,-]+( [0-9*/,-]+){4}$"), length(max = 64))]
    pub sleep: String,
    /// When it wakes up: a cron expression of five fields in the maintenance time zone.
    #[schemars(regex(pattern = r"^[0-9*/,-]+( [0-9*/,-]+){4}$"), length(max = 64))]
    pub wake: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The data goes with the claim.
    #[default]
    Delete,
    /// A last backup is made, then the data goes.
    Snapshot,
    /// The data stays in the cluster.
    Retain,
}

impl Claim {
    pub fn identity(&self) -> (&str, &str) {
        identity(&self.metadata, self.spec.claim_ref.as_ref())
    }
}

impl Composite {
    pub fn identity(&self) -> (&str, &str) {
        identity(&self.metadata, self.spec.claim_ref.as_ref())
    }
}

/// The claim's own namespace and name, which everything composed is named after, in both editions.
fn identity<'a>(metadata: &'a Metadata, claim: Option<&'a ClaimReference>) -> (&'a str, &'a str) {
    match claim {
        Some(claim) => (&claim.namespace, &claim.name),
        None => (&metadata.namespace, &metadata.name),
    }
}
