//! PostgreSQL on CloudNativePG 1.30, backed up by its barman-cloud plugin 0.14. In: a generation. Out: `Cluster`, and
//! beside it `ObjectStore` and `ScheduledBackup`, `Pooler`, `Database`, each where the plan asks for it; facts; health.
//! <https://cloudnative-pg.io/docs/1.30/>
//!
//! The log is archived wherever there are backups, also where the plan's backup is not continuous: a base backup is
//! worth nothing without the log that was written while it was made. `continuous` is a promise to the developer, not a
//! switch.
//!
//! Must not know an integration.

mod backup;
mod change;
mod cluster;
mod database;
mod facts;
mod health;
mod pooler;
mod role;
mod status;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Facts, Features, Health, Made, Operator, Reference, Resource,
    Restores, postgresql, roles, rotation,
};
use crate::api::claim::{BackupMethod, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Answer, Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How CloudNativePG's resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator and its barman-cloud plugin run in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { namespace: "cnpg-system".into(), image_pull_secrets: vec![], priority_class: None }
    }
}

pub struct CloudNativePg;

impl Operator for CloudNativePg {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Postgresql,
            topologies: &[Topology::Standalone, Topology::Replicated],
            most_replicas: 9,
            read_replicas: true,
            shards: None,
            odd_replicas: false,
            pooling: true,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Physical],
            backup_on_demand: true,
            point_in_time: true,
            extensions: true,
            hibernation: true,
            restore: Restores::Archive,
            in_place: false,
            standby: Some("5m"),
            stores: &[Store::S3, Store::Google, Store::Azure],
            load_balancer: true,
            encryption: Encryption::Own,
            audit: true,
            custom_queries: true,
            roles: true,
            console: true,
            at_rest: AtRest::Volume,
            restricted: true,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        let sidecars = terms.backup.is_some().then(|| backup::sidecar(terms).times(terms.replicas.into()));
        let poolers = terms.pooling.as_ref().map(|pooling| pooler::INSTANCE.times(pooling.instances.into()));
        sidecars.unwrap_or_default().plus(poolers.unwrap_or_default())
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        match generation.plan.terms.delivery {
            Delivery::Direct => {
                let backups = generation.plan.terms.backup.as_ref().map(|_| backup::question(generation));
                [volumes(generation)].into_iter().chain(backups).collect()
            }
            // They are in another cluster, where Crossplane does not look.
            Delivery::Object(_) => vec![],
        }
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::CLUSTER;
        vec![Reference { key: Key(generation.key(key::CLUSTER)), api_version, kind, name: generation.name() }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let terms = &generation.plan.terms;
        let settings = &settings.cloudnative_pg;
        let mut resources = vec![cluster::compose(generation, settings, observed)];
        if let Some(backup) = &terms.backup {
            resources.extend(backup::compose(generation, backup));
        }
        resources.extend(generation.source.as_ref().map(|source| backup::source(generation, source)));
        if let Some(pooling) = &terms.pooling {
            resources.push(pooler::compose(generation, pooling));
        }
        if !terms.extensions.is_empty() {
            resources.push(database::compose(generation));
        }
        // What is inside comes with the data that it follows.
        if generation.standby {
            return Engine { resources, facts: facts::facts(generation, settings) };
        }
        resources.extend(role::compose(generation));
        let owner = postgresql::owner(&terms.database.inside);
        let facts = Facts { user_maker: roles::user_maker(generation, owner), ..facts::facts(generation, settings) };
        let mut engine = Engine { resources, facts };
        rotation::add(&mut engine, generation, &role::client(generation, settings));
        engine
    }

    fn leads(&self, standby: &Generation, observed: &Observed) -> bool {
        cluster::leads(standby, observed)
    }

    fn backup(&self, generation: &Generation, _settings: &Engines, role: &str, name: String) -> Option<Resource> {
        generation.plan.terms.backup.as_ref().map(|_| backup::once(generation, role, name))
    }

    fn backup_kind(&self) -> Option<(&'static str, &'static str)> {
        Some(kind::BACKUP)
    }

    fn backup_id(&self, backup: &Object) -> Result<String, String> {
        backup::id(backup)
    }

    fn backup_of<'a>(&self, backup: &'a Object) -> Option<&'a str> {
        backup.text("backup", &["spec", "cluster", "name"]).ok().flatten()
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup::run(backup)
    }

    fn backups(&self, generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
        backup::all(generation, observed)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent keys; a generation adds its number.
mod key {
    pub const CLUSTER: &str = "cluster";
    pub const OBJECT_STORE: &str = "object-store";
    pub const SOURCE_STORE: &str = "source-store";
    pub const SCHEDULED_BACKUP: &str = "scheduled-backup";
    pub const POOLER: &str = "pooler";
    pub const DATABASE: &str = "database";
    /// One for each role, with its name behind it.
    pub const ROLE: &str = "database-role";
    pub const OWNER: &str = "database-owner";
}

/// API version and kind.
mod kind {
    pub const CLUSTER: (&str, &str) = ("postgresql.cnpg.io/v1", "Cluster");
    pub const OBJECT_STORE: (&str, &str) = ("barmancloud.cnpg.io/v1", "ObjectStore");
    pub const SCHEDULED_BACKUP: (&str, &str) = ("postgresql.cnpg.io/v1", "ScheduledBackup");
    pub const BACKUP: (&str, &str) = ("postgresql.cnpg.io/v1", "Backup");
    pub const POOLER: (&str, &str) = ("postgresql.cnpg.io/v1", "Pooler");
    pub const DATABASE: (&str, &str) = ("postgresql.cnpg.io/v1", "Database");
    pub const ROLE: (&str, &str) = ("postgresql.cnpg.io/v1", "DatabaseRole");
}

/// Labels that the operator sets, and one of ours.
mod label {
    /// On everything of a Cluster, its Poolers included.
    pub const CLUSTER: &str = "cnpg.io/cluster";
    /// `primary` or `replica`, on the pods of members only.
    pub const INSTANCE_ROLE: &str = "cnpg.io/instanceRole";
    /// `instance` on the pods of members, `pooler` on those of a Pooler; the pods of jobs have none.
    pub const POD_ROLE: &str = "cnpg.io/podRole";
    pub const POOLER: &str = "cnpg.io/poolerName";
    /// On backups: the name of the schedule that made them.
    pub const SCHEDULE: &str = "cnpg.io/scheduled-backup";
    /// `PG_DATA` on the volumes that hold the data.
    pub const VOLUME_ROLE: &str = "cnpg.io/pvcRole";
    /// Ours, because a new member starts as the pod of a job, which the primary must let in, and because the operator's own
    /// labels cannot name members and their jobs without Poolers.
    pub use crate::operators::pods::WORKLOAD;
}

/// The values of [`label::WORKLOAD`]. Permanent.
mod workload {
    pub const MEMBERS: &str = "members";
    pub const POOLER: &str = "pooler";
}

/// The volumes that hold the data.
fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = [(label::CLUSTER, name.as_str()), (label::VOLUME_ROLE, "PG_DATA")];
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
}

/// The folder of the backups within the object store. An upgrade to another major release begins a new one, in the same
/// update as the image: log of two releases in one folder corrupts the archive (CloudNativePG 1.30, "PostgreSQL
/// upgrades").
fn server_name(generation: &Generation) -> String {
    format!("{}-{}", generation.name(), generation.plan.terms.version)
}

/// The `ObjectStore` that a restored Cluster began from. A dot stands in no claim's name.
fn source_name(generation: &Generation) -> String {
    format!("{}.source", generation.name())
}

/// Also the name of its Service, its Deployment and its ServiceAccount; it must not be the Cluster's.
fn pooler_name(generation: &Generation) -> String {
    format!("{}-pgbouncer", generation.name())
}

/// A reference within the namespace.
#[derive(Serialize)]
struct Name {
    name: String,
}

#[cfg(test)]
mod tests;
