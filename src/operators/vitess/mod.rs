//! MySQL on the Vitess operator 2.17, Vitess 24. In: a generation. Out: `VitessCluster` with one cell and one keyspace, which
//! is the application's database, in one shard or several; the secrets of the application and of a new member's first
//! statements; `VitessBackupSchedule`, access to the object store, and a job that removes old backups; a certificate; facts;
//! health. <https://vitess.io/docs/24.0/>, <https://github.com/planetscale/vitess-operator/blob/v2.17.0/docs/api.md>
//!
//! Clients come in through vtgate, which speaks MySQL's protocol and knows one user; MySQL's own accounts answer on sockets
//! inside the members' pods only. Members are made of backups, so that there is no Vitess without them.
//!
//! Must not know an integration.

mod backup;
mod change;
mod cluster;
mod facts;
mod health;
mod secrets;
mod shards;
mod status;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    Shards, name_of,
};
use super::{aws_files, certificate, mysql};
use crate::api::claim::{BackupMethod, DeletionPolicy, PoolMode, Topology};
use crate::api::destination::{Destination, Store};
use crate::api::input::Engines;
use crate::api::plan::{DatabaseName, Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::operators::facts::{Labels, labels};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How Vitess' resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in. It lists backups by pods beside the databases, under the name of its own
    /// service account, which must be there too and have the role `vitess-operator-backup-storage` of its release.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The image of the Prometheus exporter beside each member.
    #[schemars(length(min = 1, max = 512))]
    pub exporter_image: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            namespace: "vitess-operator".into(),
            image_pull_secrets: vec![],
            exporter_image: "quay.io/prometheus/mysqld-exporter:v0.18.0".into(),
        }
    }
}

pub struct Vitess;

impl Operator for Vitess {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Mysql,
            topologies: &[Topology::Replicated, Topology::Standalone, Topology::Sharded],
            most_replicas: MOST_REPLICAS,
            // `USE orders@replica`, at the same endpoint.
            read_replicas: true,
            shards: Some(SHARDS),
            odd_replicas: false,
            pooling: true,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Physical],
            backup_on_demand: false,
            point_in_time: false,
            extensions: false,
            hibernation: false,
            restore: Restores::Never,
            in_place: false,
            standby: None,
            stores: &[Store::S3],
            load_balancer: true,
            encryption: Encryption::Issued,
            audit: false,
            custom_queries: false,
            roles: false,
            console: true,
            at_rest: AtRest::Volume,
            restricted: false,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        problems(terms)
    }

    fn fixed(&self, from: &Terms, to: &Terms) -> Vec<Problem> {
        change::fixed(from, to)
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        cluster::helpers(terms)
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        // What is in another cluster, Crossplane does not look at.
        match generation.plan.terms.delivery {
            Delivery::Direct => vec![volumes(generation), backup::made(generation), backup::jobs(generation)],
            Delivery::Object(_) => vec![],
        }
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::CLUSTER;
        vec![Reference { key: Key(generation.key(key::CLUSTER)), api_version, kind, name: generation.name() }]
    }

    fn ingredients(&self, generation: &Generation) -> Vec<Question> {
        generation
            .destination()
            .and_then(|destination| aws_files::question(generation, destination))
            .into_iter()
            .collect()
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let own = &settings.vitess;
        let mut resources = vec![cluster::compose(generation, own, observed)];
        resources.extend(secrets::compose(generation));
        // Clients know vtgate by our Services, and by nothing else.
        resources.extend(certificate::compose(generation, vec![]));
        if let Some(backup) = &generation.plan.terms.backup {
            resources.extend(backup::compose(generation, backup, settings, observed));
        }
        Engine { resources, facts: facts::facts(generation, own) }
    }

    /// A schedule is all that the operator knows, see `problems`.
    fn backup(&self, _generation: &Generation, _settings: &Engines, _role: &str, _name: String) -> Option<Resource> {
        None
    }

    fn backed_up(&self, _backup: &Object) -> Result<BackupRun, Undecodable> {
        Ok(BackupRun::Running)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent keys; a generation adds its number.
mod key {
    pub const CLUSTER: &str = "cluster";
    pub const INIT_SCRIPT: &str = "init-script";
    pub const SCHEDULE: &str = "backup-schedule";
}

/// API version and kind.
mod kind {
    pub const CLUSTER: (&str, &str) = ("planetscale.com/v2", "VitessCluster");
    pub const SCHEDULE: (&str, &str) = ("planetscale.com/v2", "VitessBackupSchedule");
    pub const BACKUP: (&str, &str) = ("planetscale.com/v2", "VitessBackup");
}

/// Labels that the operator sets (`pkg/apis/planetscale/v2/labels.go` of its release).
mod label {
    pub const CLUSTER: &str = "planetscale.com/cluster";
    pub const COMPONENT: &str = "planetscale.com/component";
    /// On members alone.
    pub const CELL: &str = "planetscale.com/cell";
    /// On members and on backups.
    pub const SHARD: &str = "planetscale.com/shard";
    pub const SCHEDULE: &str = "planetscale.com/backup-schedule";
}

/// The only cell. Permanent: its name is in the names of all members.
const CELL: &str = "main";
/// The first byte of a key could be cut into more, but each has members and a whole object of its own.
const SHARDS: Shards = Shards { least: 2, most: 64 };
const MOST_REPLICAS: u32 = 9;

fn of_component(generation: &Generation, component: &str) -> Labels {
    labels([(label::CLUSTER, &generation.name()), (label::COMPONENT, component)])
}

/// Members of all shards.
fn tablets(terms: &Terms) -> u32 {
    terms.shards.saturating_mul(terms.replicas)
}

/// The operator labels volumes like the pods that they are for.
fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = [(label::CLUSTER, name.as_str()), (label::COMPONENT, "vttablet")];
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
}

/// Of `keyPrefix` in its CRD.
const LONGEST_PREFIX: usize = 256;
/// Of a lineage, which is a UID.
const LINEAGE: usize = 36;
const NO_GROUPS: &str = "Vitess replicates in its own way, and knows no replication groups";

fn problems(terms: &Terms) -> Vec<Problem> {
    let mut problems = vec![];
    let mut check = |wrong: bool, path: &str, what: &str, right: &str| {
        if wrong {
            problems.push(Problem::new(path, what, right));
        }
    };
    let loose = terms.database.inside.ends_with(['-', '_']);
    let what = "Vitess takes no name that ends with - or _";
    check(loose, "spec.name", what, "write one that ends with a letter or digit");
    let session = terms.pooling.as_ref().is_some_and(|pooling| pooling.mode == PoolMode::Session);
    let what = "Vitess shares connections from one transaction to the next";
    check(session, "spec.pooling.mode", what, "write transaction, or leave it out");
    for name in terms.parameters.keys().filter(|name| name.starts_with(mysql::GROUP_SETTINGS)) {
        check(true, &format!("spec.parameters.{name}"), NO_GROUPS, "leave it out");
    }
    let (sharded, shards) = (terms.topology == Topology::Sharded, terms.shards);
    let what = format!("{shards} is no number of shards for Vitess");
    let none = sharded && !(SHARDS.least..=SHARDS.most).contains(&shards);
    check(none, "spec.shards", &what, &format!("write {} to {}", SHARDS.least, SHARDS.most));
    let what = format!("{} has no {shards} shards", name_of(&terms.topology));
    check(!sharded && shards > 1, "spec.shards", &what, "write 1, or topology Sharded");
    let last = terms.lifecycle.deletion_policy == DeletionPolicy::Snapshot;
    let what = "Vitess makes backups on its schedule only, and no last one";
    check(last, "spec.lifecycle.deletionPolicy", what, "write Retain or Delete");
    let several = terms.synchronous_replicas > 1;
    let right = "the platform team writes 1 or 0 for synchronousReplicas";
    check(several, "TierDefaults.environments", "a commit waits for one replica, and Vitess knows no more", right);
    let Some(backup) = &terms.backup else {
        let what = "Vitess makes its members of backups";
        check(true, "spec.backup.enabled", what, "leave it out, or write true");
        return problems;
    };
    let Destination { region, access, .. } = &backup.destination;
    let right = "the platform team names the region of the bucket";
    check(region.is_none(), "TierDefaults.destinations", "Vitess cannot find out a bucket's region", right);
    let DatabaseName { namespace, name, .. } = &terms.database;
    let folder = backup.destination.place().1.len();
    let long = folder + namespace.len() + name.len() + LINEAGE + "///".len() > LONGEST_PREFIX;
    let what = "with namespace and name the path is longer than the 256 characters that Vitess takes";
    check(long, "TierDefaults.destinations", what, "the platform team writes a shorter one");
    let files = access.s3_keys().is_some();
    let what = "the keys of the object store are in another cluster, where nobody can make files of them";
    let right = "the platform team delivers directly";
    check(files && terms.delivery != Delivery::Direct, "TierDefaults.environments", what, right);
    problems
}

#[cfg(test)]
mod tests;
