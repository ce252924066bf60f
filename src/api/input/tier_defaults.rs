//! `TierDefaults`: what each environment allows and what it means if a claim says nothing. In: the first step's input.
//! Out: tables. Must not know a claim; `plan` reads one against the other.

use super::quotas::Quotas;
use crate::api::claim::{CredentialSource, DeletionPolicy, Engine, Environment, Window};
use crate::api::destination::Destination;
use crate::api::plan::{self, Delivery, Issuer, NewNamespace, ObjectScope, Operator, Placement};
use crate::api::quantity::{Bytes, Millicores};
use crate::api::schema::by_name;
use crate::map::sort;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierDefaults {
    /// One tier per environment; an environment without one is not offered.
    #[schemars(schema_with = "by_name::<Environment, Tier>")]
    pub environments: BTreeMap<Environment, Tier>,
    /// What a size means, per member.
    pub sizes: BTreeMap<String, Size>,
    /// The engines on offer.
    #[schemars(schema_with = "by_name::<Engine, EnginePolicy>")]
    pub engines: BTreeMap<Engine, EnginePolicy>,
    /// Where backups can go.
    #[serde(default)]
    pub destinations: BTreeMap<String, Destination>,
    /// Where a second database can stand that follows the first one.
    #[serde(default)]
    pub regions: BTreeMap<String, Region>,
    /// The storage classes that claims may name.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub storage_classes: Vec<String>,
    /// Prices for an estimate of each database's cost.
    #[serde(default)]
    pub prices: Option<Prices>,
    /// What the databases of a namespace, and of an owner in it, may use together.
    #[serde(default)]
    pub quotas: Quotas,
}

impl TierDefaults {
    /// The sizes and their names.
    pub fn from_small_to_large(&self) -> Vec<(&String, &Size)> {
        let mut sizes: Vec<_> = self.sizes.iter().collect();
        sort(&mut sizes, |(name, one), (other_name, other)| {
            (one.memory, one.cpu, name).cmp(&(other.memory, other.cpu, other_name))
        });
        sizes
    }
}

/// What one environment allows, and its defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// The sizes on offer here.
    pub sizes: Vec<String>,
    /// Members of a database; an engine's own range goes before it.
    pub replicas: Range,
    /// Volume of each member.
    pub storage: StorageRange,
    /// How much of its CPU limit each member is sure to get, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub cpu_request: u32,
    /// When backups are made here, where they go, and how long they are kept.
    pub backup: TierBackup,
    /// When what disturbs a running database may happen.
    #[serde(default)]
    pub maintenance: TierMaintenance,
    /// Connections that are not encrypted are refused, whatever the claim says.
    #[serde(default)]
    pub tls_required: bool,
    /// Who issues certificates for operators that make none themselves; without it they serve no encrypted connections.
    #[serde(default)]
    pub certificate_issuer: Option<Issuer>,
    /// Whether members must stand on different nodes.
    #[serde(default)]
    pub placement: Placement,
    /// Replicas that have a commit before the client hears of it, where there are enough.
    #[serde(default)]
    #[schemars(range(max = 2))]
    pub synchronous_replicas: u32,
    /// What deleting a claim does, unless it says otherwise. Snapshot switches the protection on as well.
    pub deletion_policy: DeletionPolicy,
    /// The storage class of claims that name none; the cluster's default if left out.
    #[serde(default)]
    pub storage_class: Option<String>,
    /// Where credentials come from, unless the claim says otherwise.
    pub credentials: CredentialSource,
    /// What claims may ask for, because step integrate has it set up.
    #[serde(default)]
    #[schemars(length(max = 8))]
    pub offers: Vec<Offer>,
    /// Sends everything to another cluster, each resource inside an `Object` of provider-kubernetes.
    #[serde(default)]
    pub object_delivery: Option<ObjectDelivery>,
    /// What goes before it by the labels of a claim; the first row that fits.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub deliveries: Vec<LabelledDelivery>,
    /// Lets claims ask for a standby in another region.
    #[serde(default)]
    pub disaster_recovery: Option<TierDisasterRecovery>,
    /// What differs for one engine.
    #[serde(default)]
    #[schemars(schema_with = "by_name::<Engine, TierEngine>")]
    pub engines: BTreeMap<Engine, TierEngine>,
}

/// Another cluster, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectDelivery {
    /// The provider configuration of the other cluster.
    #[schemars(length(min = 1, max = 253))]
    pub provider_config: String,
    /// The kind of `Object` that carries resources there.
    #[serde(default)]
    pub scope: ObjectScope,
    /// The namespace there, with labels of the claim in braces, such as tenant-{org}-{example.org/project}; {namespace} is the
    /// claim's own. It is that one if left out.
    #[serde(default)]
    #[schemars(length(min = 1, max = 253))]
    pub namespace: Option<String>,
    /// Makes that namespace; somebody else does if left out. It stays when its databases go.
    #[serde(default)]
    pub create_namespace: Option<NewNamespace>,
}

impl ObjectDelivery {
    /// Left out, it is this cluster.
    pub fn delivery(written: Option<&ObjectDelivery>) -> Delivery {
        written.map_or(Delivery::Direct, |ObjectDelivery { provider_config, scope, .. }| {
            Delivery::Object(plan::ObjectDelivery { provider_config: provider_config.clone(), scope: *scope })
        })
    }
}

/// Another place for databases, with an object store of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Region {
    /// Its cluster; the one that Crossplane runs in if left out.
    #[serde(default)]
    pub object_delivery: Option<ObjectDelivery>,
    /// Where backups are made to from there: a name in the table of destinations. Its own secrets, and those of the
    /// destinations of databases that are followed from there, must exist in that cluster.
    #[schemars(length(min = 1, max = 63))]
    pub destination: String,
}

/// What claims of an environment may ask for in other regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierDisasterRecovery {
    /// Names in the table of regions.
    #[schemars(length(min = 1, max = 32))]
    pub regions: Vec<String>,
    /// How soon after a disaster people have a database to work with again, such as 30m or 4h: what the platform team promises,
    /// since people decide and act.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[mhd]$"), length(max = 5))]
    pub recovery_time_objective: Option<String>,
}

/// Where the databases go whose claims have these labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelledDelivery {
    /// Labels that a claim has, all of them.
    pub match_labels: BTreeMap<String, String>,
    /// To another cluster, as in the environment; to this one if left out.
    #[serde(default)]
    pub object_delivery: Option<ObjectDelivery>,
}

/// What a claim can ask for only where the platform has something that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Offer {
    /// Connection secrets by the External Secrets operator.
    ExternalSecret,
    /// Users that live for an hour, made by Vault.
    VaultDynamic,
    /// Endpoints in Consul's key-value store.
    Consul,
    /// Web consoles; never in production.
    Console,
}

/// What differs for one engine in one environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TierEngine {
    /// False takes the engine off this environment.
    pub offered: Option<bool>,
    /// The operator behind it here, if it is another one than elsewhere.
    pub operator: Option<Operator>,
    pub replicas: Option<Range>,
    /// The least memory that the engine works in here.
    pub minimum_memory: Option<Bytes>,
    /// Where its backups go, if elsewhere than those of other engines: a name in the table of destinations.
    #[schemars(length(min = 1, max = 63))]
    pub destination: Option<String>,
}

/// A range of whole numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Range {
    /// Of claims that name none.
    #[schemars(range(min = 1, max = 100))]
    pub default: u32,
    /// The least.
    #[schemars(range(min = 1, max = 100))]
    pub minimum: u32,
    /// The most.
    #[schemars(range(min = 1, max = 100))]
    pub maximum: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorageRange {
    /// The least.
    pub minimum: Bytes,
    /// The most.
    pub maximum: Bytes,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierBackup {
    /// A claim cannot switch backups off.
    #[serde(default)]
    pub required: bool,
    /// When a full backup is made: a cron expression of five fields, UTC.
    #[schemars(length(min = 9, max = 64))]
    pub schedule: String,
    pub retention: RetentionRange,
    /// Continuous archiving, and so point-in-time recovery.
    pub continuous: Continuous,
    /// A name in the table of destinations.
    #[schemars(length(min = 1, max = 63))]
    pub destination: String,
    /// How often the latest backup is restored into a throw-away instance, such as 30d, to prove that it can be, where the
    /// operator can; never if left out.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[dwm]$"), length(max = 5))]
    pub drill_every: Option<String>,
}

/// When what restarts a member may happen, unless the claim says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TierMaintenance {
    /// Weekly windows; at any time if there are none.
    #[schemars(length(max = 7))]
    pub windows: Vec<Window>,
    /// The time zone of the windows, such as Europe/Oslo; UTC if left out.
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// Whether new patch releases of the table are taken, in the next window; true if left out.
    pub auto_upgrade: Option<bool>,
}

/// How long backups are kept, such as 30d; both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRange {
    /// Of claims that name none.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[dwm]$"), length(max = 5))]
    pub default: String,
    /// The least.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[dwm]$"), length(max = 5))]
    pub minimum: String,
    /// The most.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[dwm]$"), length(max = 5))]
    pub maximum: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Continuous {
    /// Off, unless the claim asks for it.
    Off,
    /// On where the operator can, unless the claim says otherwise.
    WhereSupported,
    /// On where the operator can, whatever the claim says.
    Required,
}

/// CPU and memory of each member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Size {
    /// Cores, or thousandths such as 500m.
    pub cpu: Millicores,
    /// Such as 8Gi.
    pub memory: Bytes,
    /// Connections that a member of this size is tuned for; if left out the engine's, for postgresql 100, from 8Gi of
    /// memory on 200, from 16Gi 300, from 32Gi 500.
    #[serde(default)]
    #[schemars(range(min = 10, max = 10000))]
    pub connections: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnginePolicy {
    /// The operator behind the engine, unless an environment names another one.
    pub operator: Operator,
    /// The release line of claims that name none.
    #[schemars(length(min = 1, max = 16))]
    pub default_version: String,
    /// Release lines, such as 17 or 8.4.
    pub versions: BTreeMap<String, Version>,
    /// The settings that claims may change.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterRule>,
    /// The extensions that claims may ask for.
    #[serde(default)]
    pub extensions: BTreeMap<String, Extension>,
    /// The least memory that the engine works in; an environment may ask for more.
    #[serde(default)]
    pub minimum_memory: Option<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Version {
    /// The patch release that is run, by operator: a container image, never of the tag `latest`, or its number where the
    /// operator knows the images itself. An operator that is not named does not offer the line.
    #[schemars(schema_with = "by_name::<Operator, String>")]
    pub releases: BTreeMap<Operator, String>,
    /// The last day with fixes, such as 2029-11-08.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), length(max = 10))]
    pub end_of_life: String,
    /// False: databases that run it stay, new ones are refused.
    #[serde(default = "yes")]
    pub offered: bool,
}

fn yes() -> bool {
    true
}

/// What a claim may set a parameter to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ParameterRule {
    /// A whole number.
    Integer(IntegerRange),
    /// An amount of memory in the engine's own units, such as 64MB.
    Memory(StorageRange),
    /// A time in the engine's own units, such as 500ms, 30s or 5min.
    Duration(DurationRange),
    /// on or off.
    Boolean {},
    /// One of these.
    OneOf(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegerRange {
    /// The least.
    pub minimum: i64,
    /// The most.
    pub maximum: i64,
}

/// Milliseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DurationRange {
    /// The shortest.
    pub minimum_milliseconds: i64,
    /// The longest.
    pub maximum_milliseconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extension {
    /// What the engine calls it: `vector` for pgvector.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Prices for a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// Such as EUR.
    #[schemars(length(min = 1, max = 8))]
    pub currency: String,
    /// Of one core.
    pub cpu: f64,
    /// Of one Gi of memory.
    pub memory: f64,
    /// Of one Gi of storage.
    pub storage: f64,
    /// Of one Gi in the backup store; a full backup is counted as large as the volume of one member.
    pub backup: f64,
}
