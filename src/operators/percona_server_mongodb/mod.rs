//! MongoDB on Percona Server for MongoDB's operator 1.22, backed up by Percona Backup for MongoDB 2.12. In: a generation.
//! Out: one `PerconaServerMongoDB`, a `PerconaServerMongoDBBackup` where one is asked for, a `PerconaServerMongoDBRestore`
//! where it begins with a backup or is overwritten with one, a secret with the key of Google's store; facts; health.
//! <https://docs.percona.com/percona-operator-for-mongodb/>
//!
//! A sharded database has one replica set for each shard, one of config servers, and mongos routers in front.
//!
//! Must not know an integration.

mod backup;
mod change;
mod cluster;
mod facts;
mod google;
mod health;
mod restore;

use super::backup_job::text;
use super::roles;
use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Made, Operator, Reference, Resource, Restores,
    Shards, mongodb, name_of,
};
use crate::api::claim::{self, BackupMethod, Topology};
use crate::api::destination::{AzureKey, DestinationAccess, Store};
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes};
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Answer, Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// What Percona Everest needs, which makes a `PerconaServerMongoDB` of its own.
pub use backup::kept;
pub use cluster::{configuration, of_members};
pub use health::{Cluster, backup_health, state, storage};
pub use kind::CLUSTER;

/// How the resources of Percona Server for MongoDB are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The image of Percona Backup for MongoDB.
    #[schemars(length(min = 1, max = 512))]
    pub backup_image: String,
    /// The image of Percona's exporter of metrics, which runs beside each member.
    #[schemars(length(min = 1, max = 512))]
    pub exporter_image: String,
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            namespace: "psmdb-operator".into(),
            backup_image: "percona/percona-backup-mongodb:2.12.0".into(),
            exporter_image: "percona/mongodb_exporter:0.47.2".into(),
            image_pull_secrets: vec![],
            priority_class: None,
        }
    }
}

/// One shard is a replica set with detours; each more is another set in the one resource.
const SHARDS: Shards = Shards { least: 2, most: 16 };

pub struct PerconaServerMongoDb;

impl Operator for PerconaServerMongoDb {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Mongodb,
            topologies: &[Topology::Replicated, Topology::Standalone, Topology::Sharded],
            // More of a set could not vote.
            most_replicas: 7,
            read_replicas: true,
            shards: Some(SHARDS),
            odd_replicas: true,
            pooling: true,
            // What is dumped can be restored into any database, whatever the key that encrypts its files.
            backup_methods: &[BackupMethod::Auto, BackupMethod::Dump, BackupMethod::Physical],
            backup_on_demand: true,
            point_in_time: true,
            extensions: false,
            hibernation: true,
            restore: Restores::Backup,
            in_place: true,
            standby: None,
            stores: &[Store::S3, Store::Google, Store::Azure],
            load_balancer: true,
            encryption: Encryption::Own,
            audit: true,
            custom_queries: false,
            roles: true,
            console: true,
            at_rest: AtRest::Operator,
            restricted: true,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    /// The operator makes volumes whole gibibytes once they grow, and never finds one that is smaller to be ready.
    fn storage(&self, asked: Bytes) -> Bytes {
        Bytes(asked.0.div_ceil(Bytes::GI) * Bytes::GI)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        let mut problems = mongodb::topology_problems(terms, SHARDS);
        problems.extend(mongodb::key_problem(terms));
        problems.extend(store_problem(terms));
        problems
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        cluster::helpers(terms)
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        match generation.plan.terms.delivery {
            Delivery::Direct => vec![volumes(generation), backup::question(generation)],
            // They are in another cluster, where Crossplane does not look.
            Delivery::Object(_) => vec![],
        }
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::CLUSTER;
        vec![Reference { key: Key(generation.key(key::CLUSTER)), api_version, kind, name: generation.name() }]
    }

    fn ingredients(&self, generation: &Generation) -> Vec<Question> {
        google::question(generation).into_iter().collect()
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let settings = &settings.percona_server_mongodb;
        let mut resources = vec![cluster::compose(generation, settings)];
        resources.extend(google::compose(generation, observed));
        resources.extend(restore::compose(generation, observed));
        let mut engine = Engine { resources, facts: facts::facts(generation, settings) };
        let administrator = mongodb::administrator(generation, &users_secret(generation));
        roles::add(&mut engine, generation, client(generation, settings), administrator, observed);
        engine
    }

    fn backup(&self, generation: &Generation, _settings: &Engines, role: &str, name: String) -> Option<Resource> {
        generation.plan.terms.backup.as_ref().map(|backup| backup::once(generation, backup, role, name))
    }

    fn backup_kind(&self) -> Option<(&'static str, &'static str)> {
        Some(kind::BACKUP)
    }

    fn backup_id(&self, backup: &Object) -> Result<String, String> {
        backup::id(backup)
    }

    fn backup_of<'a>(&self, backup: &'a Object) -> Option<&'a str> {
        backup.text("backup", &["spec", "clusterName"]).ok().flatten()
    }

    fn overwrites(&self, restore: &Object) -> Result<BackupRun, Undecodable> {
        restore::overwrites(restore)
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup::run(backup)
    }

    fn backups(&self, generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
        backup::all(generation, observed)
    }

    fn unrestorable(&self, restore: &claim::Restore, from: &Terms, to: &Terms) -> Vec<Problem> {
        restore::problems(restore, from, to)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent keys; a generation adds its number.
mod key {
    pub const CLUSTER: &str = "mongodb";
    pub const RESTORE: &str = "restore";
}

/// API version and kind.
mod kind {
    pub const CLUSTER: (&str, &str) = ("psmdb.percona.com/v1", "PerconaServerMongoDB");
    pub const BACKUP: (&str, &str) = ("psmdb.percona.com/v1", "PerconaServerMongoDBBackup");
    pub const RESTORE: (&str, &str) = ("psmdb.percona.com/v1", "PerconaServerMongoDBRestore");
}

/// Labels that the operator sets on pods and volumes (its 1.22, `pkg/naming/labels.go`).
mod label {
    pub const NAME: (&str, &str) = ("app.kubernetes.io/name", "percona-server-mongodb");
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// `mongod` on members and config servers, `mongos` on routers.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    pub const REPLICA_SET: &str = "app.kubernetes.io/replset";
    /// On the backups of the schedule.
    pub const CLUSTER: &str = "percona.com/cluster";
}

/// The workloads' roles. Permanent.
mod workload {
    pub const MEMBERS: &str = "members";
    pub const ROUTERS: &str = "routers";
}

/// The operator's only possible name for the config servers.
const CONFIG: &str = "cfg";

/// The replica sets that hold the data. Permanent.
fn replica_sets(terms: &Terms) -> impl Iterator<Item = String> {
    (0..terms.shards).map(|number| format!("rs{number}"))
}

fn is_sharded(terms: &Terms) -> bool {
    terms.topology == Topology::Sharded
}

/// The secret of the system's users, which the operator makes. Left to itself it would take the same for every database of
/// a namespace.
fn users_secret(generation: &Generation) -> String {
    format!("{}-secrets", generation.name())
}

/// For further users: the operator would make them, and never remove one.
fn client<'a>(generation: &Generation, settings: &'a Settings) -> roles::Client<'a> {
    let Plan { terms, notes, .. } = &generation.plan;
    let name = generation.name();
    // The certificates are of the operator's own authority.
    let query = "tls=true&tlsAllowInvalidCertificates=true&serverSelectionTimeoutMS=10000";
    let (server, address) = match is_sharded(terms) {
        true => (workload::ROUTERS, format!("mongodb://{name}-mongos:{}/?{query}", mongodb::PORT)),
        false => (workload::MEMBERS, format!("mongodb://{name}-rs0:{}/?replicaSet=rs0&{query}", mongodb::PORT)),
    };
    roles::Client {
        image: notes.release.clone(),
        image_pull_secrets: &settings.image_pull_secrets,
        user: 65532,
        // mongosh keeps a log there.
        address: vec![text("HOME", "/tmp"), text("ADDRESS", &address)],
        sign_in: mongodb::sign_in(&terms.database.inside),
        server: (server, mongodb::PORT),
    }
}

/// Azure's keys have names of their own here, and outside of Amazon nobody takes the identity of pods (its 1.22, `pbm.go`).
fn store_problem(terms: &Terms) -> Option<Problem> {
    let destination = &terms.backup.as_ref()?.destination;
    let store = destination.store();
    let (wrong, right) = match &destination.access {
        DestinationAccess::AzureKey(AzureKey { name, storage_account, storage_key })
            if (storage_account.as_str(), storage_key.as_str()) != AZURE_KEYS =>
        {
            let (account, key) = AZURE_KEYS;
            let wrong =
                format!("PerconaServerMongoDB reads {account} and {key} of the secret {name}, and no other keys");
            (wrong, "the platform team gives this engine a destination whose secret has these keys")
        }
        DestinationAccess::WorkloadIdentity {} if store != Store::S3 => {
            let wrong = format!("PerconaServerMongoDB takes no cloud identity for {}", name_of(&store));
            (wrong, "the platform team names a secret with keys")
        }
        DestinationAccess::GoogleKey(_) if terms.delivery != Delivery::Direct => {
            let wrong = "the key of the object store is in another cluster, where nobody can hand it on".to_string();
            (wrong, "the platform team delivers directly, or switches backups off")
        }
        _ => return None,
    };
    Some(Problem::new("TierDefaults.destinations", wrong, right))
}

/// In its secret (its 1.22, `GetPBMStorageAzureConfig`).
const AZURE_KEYS: (&str, &str) = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY");

/// The volumes of members and config servers.
fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = [label::NAME, (label::INSTANCE, name.as_str()), (label::COMPONENT, "mongod")];
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
}
