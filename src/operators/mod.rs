//! The database operators. In: a generation and the platform's settings. Out: an engine, which is the operator's resources
//! and facts about them, and later the health that the operator reports.
//!
//! One file each. Must not see an integration: what those need to know is a fact.

pub mod facts;
pub mod health;
pub mod change;
pub mod matrix;
pub mod pods;
pub mod pod_template;
pub mod password;
pub mod certificate;
pub mod backup_job;
pub mod restore_job;
pub mod aws_files;
pub mod account_job;
pub mod roles;
pub mod rotation;
pub mod volumes;
pub mod postgresql;
pub mod postgresql_roles;
pub mod cloudnative_pg;
pub mod mongodb;
pub mod percona_server_mongodb;
pub mod mongodb_community;
pub mod everest;
pub mod eck;
pub mod mysql;
pub mod innodb_cluster;
pub mod libsql;
pub mod altinity;
pub mod stateful_set;
pub mod ot_container_kit;
pub mod zalando;
pub mod azure_flexible_server;
pub mod vitess;
pub mod stackgres;

use crate::api::claim::{self, BackupMethod, DeletionPolicy, Engine as EngineName, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Operator as OperatorName, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes};
use crate::api::record::{ENVIRONMENT, Generation};
use crate::api::status::Class;
use crate::map::map;
use crate::observed::{Answer, Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use std::collections::BTreeMap;

pub use facts::Facts;
pub use health::{Health, State};

/// What a database operator can do and how it is told. To add one: a file, a variant of `api::plan::Operator`, and the
/// arms that the compiler asks for.
pub trait Operator {
    /// What it can do at all, as data.
    fn features(&self) -> Features;

    /// What becoming `to` does to a database that runs `from`. The gate asks before anything is composed.
    fn change(&self, from: &Plan, to: &Plan) -> Class;

    /// The volume that a member really gets.
    fn storage(&self, asked: Bytes) -> Bytes {
        asked
    }

    /// What else it refuses of a plan, which is whole and within the platform's limits.
    fn problems(&self, _terms: &Terms) -> Vec<Problem> {
        vec![]
    }

    /// What of a running database it cannot change, by the claim's own fields; `change` refuses all of it.
    fn fixed(&self, _from: &Terms, _to: &Terms) -> Vec<Problem> {
        vec![]
    }

    /// What runs all the time beside the members, over all of them: sidecars, poolers, routers.
    fn helpers(&self, terms: &Terms) -> Amounts;

    /// What `health` wants to know beyond what was composed; the answers are in `Observed`.
    fn requirements(&self, generation: &Generation) -> Vec<Question>;

    /// The resources that hold the data, so that they can be asked for by name when nothing is observed.
    fn data(&self, generation: &Generation) -> Vec<Reference>;

    /// What `compose` wants to know beyond what was composed; the answers are in `Observed`.
    fn ingredients(&self, _generation: &Generation) -> Vec<Question> {
        vec![]
    }

    /// Cannot fail: a plan is valid and names everything. `observed` is for what goes in stages.
    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine;

    /// Whether a standby takes writes of its own, whatever the record says of it.
    fn leads(&self, _standby: &Generation, _observed: &Observed) -> bool {
        false
    }

    /// A full backup outside of the schedule, under the key `role`. `None`: there is nowhere to put it.
    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource>;

    /// What it is called, for operators that take no dot in a name.
    fn backup_name(&self, name: String) -> String {
        name
    }

    /// API version and kind of the objects that stand for single backups. None: there are none that a restore could name.
    fn backup_kind(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// What a restore calls that backup, or what is wrong with it, such as `is not complete`.
    fn backup_id(&self, _backup: &Object) -> Result<String, String> {
        Err("cannot be restored".into())
    }

    /// The name of the generation that it is a backup of. None: it does not say.
    fn backup_of<'a>(&self, _backup: &'a Object) -> Option<&'a str> {
        None
    }

    /// How a restore over the data of a generation stands, as its object says.
    fn overwrites(&self, _restore: &Object) -> Result<BackupRun, Undecodable> {
        Ok(BackupRun::Running)
    }

    /// How such a backup stands, as it says itself.
    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable>;

    /// Those of the schedule that are kept, in no order; asked for by `requirements`. Where jobs of ours make them, the last
    /// ones.
    fn backups(&self, generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
        backup_job::all(generation, observed)
    }

    /// Why such a backup cannot become this database, beyond what holds for every operator.
    fn unrestorable(&self, _restore: &claim::Restore, _from: &Terms, _to: &Terms) -> Vec<Problem> {
        vec![]
    }

    /// What the operator says, held against the plan. A status that cannot be read is an error, never "ready".
    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable>;
}

/// The one place where a name becomes an operator.
pub fn of(name: OperatorName) -> &'static dyn Operator {
    match name {
        OperatorName::CloudNativePG => &cloudnative_pg::CloudNativePg,
        OperatorName::PerconaServerMongoDB => &percona_server_mongodb::PerconaServerMongoDb,
        OperatorName::ECK => &eck::Eck,
        OperatorName::InnoDBCluster => &innodb_cluster::InnoDbCluster,
        OperatorName::LibSQL => &libsql::LibSql,
        OperatorName::Altinity => &altinity::Altinity,
        OperatorName::OTContainerKit => &ot_container_kit::OtContainerKit,
        OperatorName::Zalando => &zalando::Zalando,
        OperatorName::AzureFlexibleServer => &azure_flexible_server::AzureFlexibleServer,
        OperatorName::Vitess => &vitess::Vitess,
        OperatorName::StackGres => &stackgres::StackGres,
        OperatorName::MongoDBCommunity => &mongodb_community::MongoDbCommunity,
        OperatorName::Everest => &everest::Everest,
    }
}

/// Between two operators no operator can judge, and of what is the same none needs to.
pub fn class(from: &Plan, to: &Plan) -> Class {
    if from.terms == to.terms && from.notes == to.notes {
        return Class::None;
    }
    if from.terms.operator != to.terms.operator {
        return Class::Refused;
    }
    of(from.terms.operator).change(from, to)
}

/// The feature matrix: data, for errors and for the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    pub engine: EngineName,
    pub topologies: &'static [Topology],
    pub most_replicas: u32,
    /// Clients can read from replicas: at an endpoint of their own, or through their driver.
    pub read_replicas: bool,
    /// None: it does not shard.
    pub shards: Option<Shards>,
    /// Members are odd in number.
    pub odd_replicas: bool,
    pub pooling: bool,
    pub backup_methods: &'static [BackupMethod],
    /// A single backup can be made outside of the schedule.
    pub backup_on_demand: bool,
    pub point_in_time: bool,
    pub extensions: bool,
    pub hibernation: bool,
    /// A backup can become a new database; where the old one can hibernate meanwhile, also a new generation.
    pub restore: Restores,
    /// One backup can be restored over the data of what runs.
    pub in_place: bool,
    /// A database in another region can follow one, and this much of what was written last may be lost with the one that it
    /// follows, such as `5m`.
    pub standby: Option<&'static str>,
    /// The object stores that backups can be in.
    pub stores: &'static [Store],
    pub load_balancer: bool,
    pub encryption: Encryption,
    pub audit: bool,
    pub custom_queries: bool,
    /// Further users of the claim, and so also those that Vault makes, and those that a rotation does.
    pub roles: bool,
    /// There is a web console for its engine, which reaches its pods.
    pub console: bool,
    pub at_rest: AtRest,
    /// Its pods fit into a namespace of the level `restricted`, and so with OpenShift's own rules.
    pub restricted: bool,
}

/// How many shards there can be; the least is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    pub least: u32,
    pub most: u32,
}

/// What a restore begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restores {
    Never,
    /// An archive, in which the operator finds the newest backup that will do, and what was written after it.
    Archive,
    /// One backup by its name.
    Backup,
}

/// Of the connections of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    Never,
    /// The operator makes the certificates.
    Own,
    /// An issuer of the platform makes them.
    Issued,
}

/// Who encrypts what lies on disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtRest {
    /// The database itself, with a key that lies in a Secret.
    Operator,
    /// The service that runs it.
    Service,
    /// Whoever makes the volumes, by their storage class: the database has no key of its own, or only one beside the data.
    Volume,
}

impl Features {
    /// Whether a backup can be tried in a throw-away instance: wherever one can become another generation.
    pub fn drills(&self) -> bool {
        self.restore != Restores::Never
    }

    /// What `Auto` means here: methods stand in the order of preference, `Auto` first.
    pub fn best_backup_method(&self) -> BackupMethod {
        self.backup_methods.iter().copied().find(|method| *method != BackupMethod::Auto).unwrap_or_default()
    }
}

/// What an operator makes of a generation.
pub struct Engine {
    pub resources: Vec<Resource>,
    pub facts: Facts,
}

/// One resource under its permanent key.
pub struct Resource {
    pub key: Key,
    pub holds: Holds,
    pub object: Object,
}

/// What a resource holds; data is guarded, and says how much room it must not fall below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Data(Bytes),
    /// What running data cannot do without, such as where its log goes.
    Archive,
    /// A backup that outlives the database.
    Backup,
    /// What applications sign in with, in plain sight for whoever may read it; and what takes it from beside there.
    Credentials,
    Nothing,
}

impl Holds {
    /// Whether it stays when the database is deleted.
    pub fn stays(self, policy: DeletionPolicy) -> bool {
        match self {
            Holds::Data(_) | Holds::Archive => policy == DeletionPolicy::Retain,
            Holds::Backup => true,
            Holds::Credentials | Holds::Nothing => false,
        }
    }
}

/// One backup, or one restore, as its resource says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupRun {
    Running,
    Completed,
    Failed(String),
}

/// One backup of the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Of the object that stands for it.
    pub name: String,
    pub run: BackupRun,
    /// When it began, and when it was whole, RFC 3339 in UTC.
    pub begun: Option<String>,
    pub completed: Option<String>,
    /// In the operator's words.
    pub size: Option<String>,
    /// What a restore calls it.
    pub id: Option<String>,
}

/// One object by its kind and name, in the database's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub key: Key,
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: String,
}

/// On everything that holds data: the bytes of its volume. The guard goes by it.
pub const STATEFUL: &str = "db.platform.io/stateful";
/// On what held data and may go: in the run after it is observed so.
pub const RELEASED: &str = "db.platform.io/released";
/// On everything that holds data, and on backups, so that adoption without a record and a restore find them.
pub const LINEAGE: &str = "db.platform.io/lineage";
pub const GENERATION: &str = "db.platform.io/generation";
pub const VERSION: &str = "db.platform.io/version";
/// The same of [`Generation::place`], where a promotion brought it there.
pub const PLACE: &str = "db.platform.io/place";
/// On everything composed: what the database is called where it stands.
pub const DATABASE: &str = "db.platform.io/database";
/// On what stands in another namespace than the claim: the claim's.
pub const CLAIM_NAMESPACE: &str = "db.platform.io/claim-namespace";

/// Metadata of everything that we compose.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    pub name: String,
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl From<Metadata> for ObjectMeta {
    fn from(Metadata { name, namespace, labels, annotations }: Metadata) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            labels: Some(labels),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            ..Default::default()
        }
    }
}

/// The metadata of a resource of this name in the database's namespace.
pub fn metadata(generation: &Generation, name: String) -> Metadata {
    let terms = &generation.plan.terms;
    let labels = [
        ("app.kubernetes.io/name", name_of(&terms.engine)),
        ("app.kubernetes.io/instance", terms.database.name.clone()),
        ("app.kubernetes.io/managed-by", "function-database".into()),
        (DATABASE, terms.database.name.clone()),
        (ENVIRONMENT, name_of(&terms.environment)),
    ];
    let claim = terms.database.claim.as_ref().map(|claim| (CLAIM_NAMESPACE, claim.namespace.clone()));
    Metadata {
        name,
        namespace: terms.database.namespace.clone(),
        labels: map(labels.into_iter().chain(claim).map(|(label, value)| (label.into(), value))),
        annotations: BTreeMap::new(),
    }
}

/// How an enumerated value is written in a claim.
pub fn name_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// One operator resource: `role` is its key (with the generation's number), `kind` its API version and kind.
pub fn resource(
    generation: &Generation,
    role: &str,
    kind: (&str, &str),
    name: String,
    holds: Holds,
    spec: impl Serialize,
) -> Resource {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Manifest<'a, Spec> {
        api_version: &'a str,
        kind: &'a str,
        metadata: Metadata,
        spec: Spec,
    }
    let mut metadata = metadata(generation, name);
    if let Holds::Data(bytes) = holds {
        metadata.annotations.insert(STATEFUL.into(), bytes.0.to_string());
    }
    if let Holds::Data(_) | Holds::Backup = holds {
        metadata.annotations.extend([
            (LINEAGE.into(), generation.lineage.clone()),
            (GENERATION.into(), generation.number.to_string()),
            (VERSION.into(), generation.plan.terms.version.clone()),
        ]);
        let moved = (generation.place != 1).then(|| (PLACE.into(), generation.place.to_string()));
        metadata.annotations.extend(moved);
    }
    let object = Object::of(&Manifest { api_version: kind.0, kind: kind.1, metadata, spec });
    Resource { key: Key(generation.key(role)), holds, object }
}
