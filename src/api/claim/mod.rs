//! What a developer asks for: `Database`. In: the observed composite. Out: its fields as written, nothing resolved.
//!
//! Doc comments become the descriptions of the schema. Must not hold a default that policy could decide.

pub mod name;
mod sections;

pub use sections::*;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The claim's kind, which in both editions is what users write and delete.
pub const KIND: &str = "Database";

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
    /// Where Crossplane writes connection details, in the claims edition.
    pub write_connection_secret_to_ref: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    /// Grows with every change of the spec.
    pub generation: Option<i64>,
    pub labels: BTreeMap<String, String>,
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
    /// A second database in another region, which follows this one.
    #[serde(default)]
    pub disaster_recovery: Option<DisasterRecovery>,
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

impl Engine {
    pub const ALL: [Engine; 7] = [
        Engine::Postgresql,
        Engine::Mysql,
        Engine::Mongodb,
        Engine::Clickhouse,
        Engine::Redis,
        Engine::Elasticsearch,
        Engine::Sqlite,
    ];

    /// The databases that it brings along, so that nobody can have one of that name.
    pub fn own_databases(self) -> &'static [&'static str] {
        match self {
            Engine::Postgresql => &["postgres", "template0", "template1"],
            Engine::Mysql => {
                &["information_schema", "mysql", "mysql_innodb_cluster_metadata", "performance_schema", "sys"]
            }
            Engine::Mongodb => &["admin", "config", "local"],
            Engine::Clickhouse => &["default", "information_schema", "system"],
            Engine::Redis | Engine::Elasticsearch | Engine::Sqlite => &[],
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Topology {
    /// One member, for ever.
    Standalone,
    /// A primary and its replicas; also with one member, so that it can grow.
    #[default]
    Replicated,
    /// Members that share the data among them.
    Cluster,
    /// Several replicated shards behind a router.
    Sharded,
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
