//! What a claim means, every default resolved: the one thing that the gate approves, the record keeps and operators compose.
//!
//! In: nothing. Out: types that are persisted, so fields are only ever added, and what is unset or default is left out:
//! then a new release changes neither an old record nor a digest. Must not hold a secret.

use super::claim::name;
use super::claim::{
    BackupMethod, CredentialSource, DeletionPolicy, Engine, Environment, HibernationSchedule, LogLevel, PoolMode,
    Restore, Role, ServiceType, Topology, Window,
};
use super::destination::Destination;
use super::quantity::{Bytes, Millicores};
use crate::map::map;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Made from claim and policy alone, so that anyone can make it offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub terms: Terms,
    #[serde(default, skip_serializing_if = "is_default")]
    pub requests: Requests,
    pub notes: Notes,
}

/// What is approved: exactly what a digest covers, all of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    pub database: DatabaseName,
    pub environment: Environment,
    pub engine: Engine,
    pub operator: Operator,
    /// The release line, such as `17`; the patch release is a note.
    pub version: String,
    pub topology: Topology,
    /// Members including the primary, per shard.
    pub replicas: u32,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub shards: u32,
    /// Replicas that have a commit before the client hears of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub synchronous_replicas: u32,
    /// Limits of each member.
    pub cpu: Millicores,
    pub memory: Bytes,
    /// What each member is sure to get of `cpu`; memory is always reserved whole.
    pub cpu_request: Millicores,
    pub storage: Bytes,
    #[serde(default, skip_serializing_if = "is_default")]
    pub storage_class: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub placement: Placement,
    /// None: no backups.
    #[serde(default, skip_serializing_if = "is_default")]
    pub backup: Option<Backup>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub pooling: Option<Pooling>,
    /// As the claim asks; what is tuned is a note.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parameters: BTreeMap<String, String>,
    /// The claim's names, and how the engine calls each.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extensions: BTreeMap<String, String>,
    pub credentials: CredentialSource,
    /// Time between two rotations of them, such as `30d`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rotation: Option<String>,
    /// Where its endpoints stand in Consul's key-value store, below the namespace's own folder.
    #[serde(default, skip_serializing_if = "is_default")]
    pub consul: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub access: Access,
    /// Connections that are not encrypted are refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: bool,
    /// Who issues the certificates, where the operator makes none itself and connections are encrypted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub issuer: Option<Issuer>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub monitoring: Monitoring,
    #[serde(default, skip_serializing_if = "is_default")]
    pub maintenance: Maintenance,
    #[serde(default, skip_serializing_if = "is_default")]
    pub lifecycle: Lifecycle,
    #[serde(default, skip_serializing_if = "is_default")]
    pub delivery: Delivery,
    /// A second database elsewhere, which follows this one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub standby: Option<Standby>,
}

/// Which database: where it stands, and whose it is. Fixed at creation. What is made for it is named after where it stands;
/// what people and the record know it by is [`DatabaseName::identity`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseName {
    /// The namespace that its resources stand in.
    pub namespace: String,
    /// What it is called there.
    pub name: String,
    /// What it is called inside the engine.
    pub inside: String,
    /// Its claim, where that has another namespace, and so another name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub claim: Option<ClaimName>,
}

/// Namespace and name of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimName {
    pub namespace: String,
    pub name: String,
}

impl DatabaseName {
    /// Of a database that stands where its claim does.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, inside: impl Into<String>) -> DatabaseName {
        DatabaseName { namespace: namespace.into(), name: name.into(), inside: inside.into(), claim: None }
    }

    /// Namespace and name of its claim.
    pub fn identity(&self) -> (&str, &str) {
        match &self.claim {
            Some(ClaimName { namespace, name }) => (namespace, name),
            None => (&self.namespace, &self.name),
        }
    }

    /// The same as if it stood where its claim does.
    pub fn at_home(&self) -> DatabaseName {
        let (namespace, name) = self.identity();
        DatabaseName::new(namespace, name, self.inside.clone())
    }

    /// The same where it stands in this namespace; without one where its claim does.
    pub fn placed(&self, namespace: Option<&str>) -> DatabaseName {
        let home = self.at_home();
        let Some(namespace) = namespace.filter(|namespace| *namespace != home.namespace) else { return home };
        let name = name::placed(&home.namespace, &home.name);
        let claim = Some(ClaimName { namespace: home.namespace, name: home.name });
        DatabaseName { namespace: namespace.into(), name, inside: home.inside, claim }
    }
}

/// The operator behind an engine; the platform's choice, never the developer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Operator {
    /// PostgreSQL on CloudNativePG.
    CloudNativePG,
    /// MongoDB on Percona Server for MongoDB.
    PerconaServerMongoDB,
    /// Elasticsearch on Elastic Cloud on Kubernetes.
    ECK,
    /// MySQL on Oracle's MySQL operator.
    InnoDBCluster,
    /// SQLite behind libsql-server, without an operator.
    LibSQL,
    /// ClickHouse on the Altinity operator.
    Altinity,
    /// Redis on OT-CONTAINER-KIT's redis-operator.
    OTContainerKit,
    /// PostgreSQL on Zalando's operator.
    Zalando,
    /// PostgreSQL as a service of Azure, through Azure Service Operator.
    AzureFlexibleServer,
    /// MySQL on Vitess.
    Vitess,
    /// PostgreSQL on StackGres.
    StackGres,
    /// MongoDB on MongoDB's own operator, with its Community server.
    MongoDBCommunity,
    /// MongoDB on Percona Everest.
    Everest,
}

impl Operator {
    pub const ALL: [Operator; 13] = [
        Operator::CloudNativePG,
        Operator::PerconaServerMongoDB,
        Operator::ECK,
        Operator::InnoDBCluster,
        Operator::LibSQL,
        Operator::Altinity,
        Operator::OTContainerKit,
        Operator::Zalando,
        Operator::AzureFlexibleServer,
        Operator::Vitess,
        Operator::StackGres,
        Operator::MongoDBCommunity,
        Operator::Everest,
    ];
}

/// How strictly members are kept on different nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Placement {
    /// Different nodes where possible.
    #[default]
    Preferred,
    /// Different nodes, or the member waits; spread over zones where possible.
    Required,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Five fields, UTC.
    pub schedule: String,
    /// `30d`, `4w` or `6m`.
    pub retention: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub continuous: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub method: BackupMethod,
    pub destination: Destination,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooling {
    pub mode: PoolMode,
    pub instances: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    #[serde(skip_serializing_if = "is_default")]
    pub namespaces: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub cidrs: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub service_type: ServiceType,
    #[serde(skip_serializing_if = "is_default")]
    pub roles: Vec<Role>,
    #[serde(skip_serializing_if = "is_default")]
    pub console: bool,
}

/// Metrics and alerts are on unless the claim says otherwise, so both are kept as what is off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitoring {
    #[serde(skip_serializing_if = "is_default")]
    pub off: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub silent: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub log_level: LogLevel,
    #[serde(skip_serializing_if = "is_default")]
    pub audit: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub queries: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Maintenance {
    /// Empty: at any time.
    #[serde(skip_serializing_if = "is_default")]
    pub windows: Vec<Window>,
    /// None: UTC.
    #[serde(skip_serializing_if = "is_default")]
    pub time_zone: Option<String>,
    /// Keeps its patch release until its release line changes.
    #[serde(skip_serializing_if = "is_default")]
    pub pinned: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    #[serde(skip_serializing_if = "is_default")]
    pub hibernated: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub deletion_policy: DeletionPolicy,
    #[serde(skip_serializing_if = "is_default")]
    pub deletion_protection: bool,
    /// In the time zone of `maintenance`, as the next one.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Option<HibernationSchedule>,
    /// The day from which it hibernates, `2027-01-31`.
    #[serde(skip_serializing_if = "is_default")]
    pub expires: Option<String>,
}

/// An issuer of cert-manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// The issuer's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    pub kind: IssuerKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum IssuerKind {
    /// In the database's own namespace.
    Issuer,
    ClusterIssuer,
}

/// Where the composed resources go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// Into the claim's own namespace.
    #[default]
    Direct,
    /// To another cluster, each inside an `Object` of provider-kubernetes.
    Object(ObjectDelivery),
}

impl Delivery {
    /// In words: `this cluster`, or `the cluster of west`.
    pub fn place(&self) -> String {
        match self {
            Delivery::Direct => "this cluster".into(),
            Delivery::Object(remote) => format!("the cluster of {}", remote.provider_config),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectDelivery {
    /// The provider configuration of the other cluster.
    pub provider_config: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: ObjectScope,
}

/// Which of provider-kubernetes' two kinds of `Object`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ObjectScope {
    /// That of kubernetes.m.crossplane.io, beside the claim.
    #[default]
    Namespaced,
    /// That of kubernetes.crossplane.io/v1alpha2, without a namespace; in the claims edition only.
    Cluster,
}

/// A namespace in another cluster that is made for databases, and outlives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewNamespace {
    /// Its labels, such as pod-security.kubernetes.io/enforce, baseline.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// What everything in it may use together, as in hard of a ResourceQuota, such as limits.memory, 64Gi; there is none if
    /// left out.
    #[serde(skip_serializing_if = "is_default")]
    pub quota: BTreeMap<String, String>,
    /// What each container in it gets and may ask for: a LimitRange; there is none if left out.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Option<ContainerLimits>,
    /// Nobody in it connects, nor is connected to, unless a NetworkPolicy says so, such as those of Integrations.networkPolicy.
    #[serde(skip_serializing_if = "is_default")]
    pub default_deny: bool,
}

/// Of each container, by resource, as in a LimitRange: such as memory, 512Mi.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ContainerLimits {
    /// The limit of those that have none.
    #[serde(skip_serializing_if = "is_default")]
    pub default: BTreeMap<String, String>,
    /// The request of those that have none.
    #[serde(skip_serializing_if = "is_default")]
    pub default_request: BTreeMap<String, String>,
    /// The least that one may ask for.
    #[serde(skip_serializing_if = "is_default")]
    pub min: BTreeMap<String, String>,
    /// The most that one may ask for.
    #[serde(skip_serializing_if = "is_default")]
    pub max: BTreeMap<String, String>,
}

/// Where a database stands that follows another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// The platform's name for it.
    pub region: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub delivery: Delivery,
    /// Its namespace there, where that is not the claim's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub namespace: Option<String>,
    /// Where it makes backups of its own.
    pub destination: Destination,
}

impl Standby {
    /// Whether that one stands in the same place.
    pub fn is_beside(&self, other: &Standby) -> bool {
        (&self.delivery, &self.namespace) == (&other.delivery, &other.namespace)
    }
}

/// What is asked for once and is no state: outside of the comparison, or taking it back would be a change of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Requests {
    #[serde(skip_serializing_if = "is_default")]
    pub backup: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub urgent: bool,
    /// A promotion does not wait for what serves.
    #[serde(skip_serializing_if = "is_default")]
    pub failover: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub restore: Option<Restore>,
}

/// What changes without anyone's leave: the patch release, what follows from the terms, who is responsible.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notes {
    /// The patch release: its container image, or its number where the operator knows the images itself.
    pub release: String,
    /// Engine settings that follow from memory and storage; `terms.parameters` go over them.
    #[serde(skip_serializing_if = "is_default")]
    pub tuned: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub system: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub description: Option<String>,
    /// The release line is kept for existing databases only.
    #[serde(skip_serializing_if = "is_default")]
    pub retired: bool,
    /// The last day on which this release line gets fixes: `2029-11-08`.
    #[serde(skip_serializing_if = "is_default")]
    pub end_of_life: Option<String>,
    /// The labels of the claim by which its environment delivers it elsewhere than others.
    #[serde(skip_serializing_if = "is_default")]
    pub delivered_by: BTreeMap<String, String>,
    /// The region by which it stands elsewhere than its environment says.
    #[serde(skip_serializing_if = "is_default")]
    pub primary: Option<String>,
    /// The labels of the claim that its namespace there is made of.
    #[serde(skip_serializing_if = "is_default")]
    pub placed_by: BTreeMap<String, String>,
    /// How its namespace there is made; none: it is not.
    #[serde(skip_serializing_if = "is_default")]
    pub new_namespace: Option<NewNamespace>,
    /// The same of its standby.
    #[serde(skip_serializing_if = "is_default")]
    pub standby_namespace: Option<NewNamespace>,
    /// Days from one restore drill to the next; none: there are none.
    #[serde(skip_serializing_if = "is_default")]
    pub drill_days: Option<u32>,
    /// How soon after a disaster there is a database again, such as `30m`, as the platform promises it.
    #[serde(skip_serializing_if = "is_default")]
    pub recovery_time: Option<String>,
    /// Whole currency units, such as `EUR 412`; none where the platform gives no prices.
    #[serde(skip_serializing_if = "is_default")]
    pub monthly_cost: Option<String>,
}

impl Plan {
    /// Every engine setting: the tuned ones, and the claim's over them.
    pub fn parameters(&self) -> BTreeMap<&str, &str> {
        let pairs = self.notes.tuned.iter().chain(&self.terms.parameters);
        map(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// Unset or neutral values are left out of what is written, see the module's doc.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}
