//! ClickHouse on the Altinity operator 0.25.6, backed up by clickhouse-backup 2.8. In: a generation. Out:
//! `ClickHouseInstallation`, and beside it `ClickHouseKeeperInstallation`, a certificate, the secret with the users'
//! passwords, the job that asks for backups; facts; health. <https://github.com/Altinity/clickhouse-operator/tree/release-0.25.6/docs>
//!
//! The database is of the engine `Replicated`, and tables are replicated unless they say otherwise: what a client makes on
//! one member is on all of them, so that all of them can stand behind one Service. Only a `Standalone` database does
//! without, and so without a Keeper, for ever.
//!
//! Each generation has a Keeper of its own, since what stands in it belongs to the data of one generation.
//!
//! Must not know an integration.

mod backup;
mod change;
mod configuration;
mod facts;
mod health;
mod installation;
mod keeper;
mod status;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    Shards, backup_job, certificate, password,
};
use crate::api::claim::{BackupMethod, DeletionPolicy, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use password::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the Altinity operator's resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Where the server's image comes from; the release is its tag. Another one restarts the members.
    #[schemars(length(min = 1, max = 512))]
    pub server_image: String,
    /// The same of ClickHouse Keeper.
    #[schemars(length(min = 1, max = 512))]
    pub keeper_image: String,
    /// The image of clickhouse-backup, with its tag.
    #[schemars(length(min = 1, max = 512))]
    pub backup_image: String,
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
            namespace: "clickhouse-operator".into(),
            server_image: "clickhouse/clickhouse-server".into(),
            keeper_image: "clickhouse/clickhouse-keeper".into(),
            backup_image: "altinity/clickhouse-backup:2.8.0".into(),
            image_pull_secrets: vec![],
            priority_class: None,
        }
    }
}

pub struct Altinity;

impl Operator for Altinity {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Clickhouse,
            topologies: &[Topology::Replicated, Topology::Standalone, Topology::Sharded],
            most_replicas: 9,
            read_replicas: true,
            shards: Some(Shards { least: 2, most: MOST_SHARDS }),
            odd_replicas: false,
            pooling: false,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Physical],
            backup_on_demand: true,
            point_in_time: false,
            extensions: false,
            hibernation: true,
            restore: Restores::Never,
            in_place: false,
            standby: None,
            stores: &[Store::S3],
            load_balancer: true,
            encryption: Encryption::Issued,
            audit: true,
            custom_queries: false,
            roles: false,
            console: false,
            at_rest: AtRest::Volume,
            restricted: true,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        let name = &terms.database.name;
        let long = (name.len() > LONGEST_NAME).then(|| {
            let wrong = format!("{name:?} is too long for a clickhouse");
            Problem::new("metadata.name", wrong, format!("write up to {LONGEST_NAME} characters"))
        });
        let many = (terms.shards > MOST_SHARDS).then(|| {
            let wrong = format!("{} are too many shards", terms.shards);
            Problem::new("spec.shards", wrong, format!("write 1 to {MOST_SHARDS}"))
        });
        long.into_iter().chain(many).collect()
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        let members = u64::from(terms.replicas).saturating_mul(terms.shards.into());
        let sidecars = terms.backup.as_ref().map(|_| backup::sidecar_size(terms).times(members));
        sidecars.unwrap_or_default().plus(keeper::INSTANCE.times(keeper::instances(terms).into()))
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        if generation.plan.terms.delivery != Delivery::Direct {
            // They are in another cluster, where Crossplane does not look.
            return vec![];
        }
        let mut questions = vec![members(generation), volumes(generation)];
        if keeper::instances(&generation.plan.terms) > 0 {
            questions.push(keeper::members(generation));
        }
        questions.extend(generation.plan.terms.backup.as_ref().map(|_| backup_job::question(generation)));
        questions
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let reference = |role: &str, (api_version, kind): (&'static str, &'static str)| Reference {
            key: Key(generation.key(role)),
            api_version,
            kind,
            name: generation.name(),
        };
        let mut references = vec![reference(key::INSTALLATION, kind::INSTALLATION)];
        if keeper::instances(&generation.plan.terms) > 0 {
            references.push(reference(key::KEEPER, kind::KEEPER));
        }
        references
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let terms = &generation.plan.terms;
        let mut resources = vec![installation::compose(generation, &settings.altinity, observed)];
        if keeper::instances(terms) > 0 {
            resources.push(keeper::compose(generation, &settings.altinity));
        }
        resources.extend(password::compose(generation, "Opaque", &secret_values()));
        resources.extend(certificate::compose(generation, installation::server_names(generation)));
        if let Some(backup) = &terms.backup {
            resources.push(backup::schedule(generation, backup, &settings.altinity));
        }
        Engine { resources, facts: facts::facts(generation, &settings.altinity) }
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        generation.plan.terms.backup.as_ref().map(|_| backup::once(generation, &settings.altinity, role, name))
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup_job::run(backup)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent keys; a generation adds its number.
mod key {
    pub const INSTALLATION: &str = "clickhouse";
    pub const KEEPER: &str = "keeper";
}

/// API version and kind.
mod kind {
    pub const INSTALLATION: (&str, &str) = ("clickhouse.altinity.com/v1", "ClickHouseInstallation");
    pub const KEEPER: (&str, &str) = ("clickhouse-keeper.altinity.com/v1", "ClickHouseKeeperInstallation");
}

/// Labels that the operator sets on pods, StatefulSets and volumes.
mod label {
    pub const INSTALLATION: &str = "clickhouse.altinity.com/chi";
    pub const KEEPER: &str = "clickhouse-keeper.altinity.com/chk";
    /// `yes` on the pods that its own Services lead to: those that are not just being changed.
    pub const READY: &str = "clickhouse.altinity.com/ready";
}

/// The groups of pods. Permanent.
mod workload {
    pub const MEMBERS: &str = "members";
    pub const KEEPER: &str = "keeper";
}

/// The keys of the secret.
mod secret {
    pub const USERNAME: &str = "username";
    pub const PASSWORD: &str = "password";
    /// Of the user that clickhouse-backup signs in as, and of its own interface.
    pub const BACKUP: &str = "backup";
    /// With which members fetch data from each other.
    pub const INTERSERVER: &str = "interserver";
}

/// The user of the application. It is not the database's name, which could be another user's here.
const USER: &str = "app";
/// The name of the one cluster inside, which statements `ON CLUSTER` can also write as `{cluster}`.
const CLUSTER: &str = "main";
const MOST_SHARDS: u32 = 20;
/// A member's StatefulSet is `chi-NAME-main-SHARD-REPLICA` and must not exceed 52 characters, since its revision is a label
/// of 63; this leaves room for two digits of shards and for the ending of a generation.
const LONGEST_NAME: usize = 34;
/// The user and group of the images of the server, the Keeper and clickhouse-backup, whose users are root otherwise.
const IMAGE_USER: i64 = 101;

fn secret_values() -> [(&'static str, Value); 4] {
    [
        (secret::USERNAME, Value::Text(USER.into())),
        (secret::PASSWORD, Value::Password),
        (secret::BACKUP, Value::Password),
        (secret::INTERSERVER, Value::Password),
    ]
}

/// The members' StatefulSets: one each.
fn members(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = [(label::INSTALLATION, name.as_str())];
    Question::by_labels("apps/v1", "StatefulSet", &generation.database().namespace, &labels)
}

/// The volumes that hold the data, and those that members left behind.
fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = [(label::INSTALLATION, name.as_str())];
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
}

/// The name of a member's StatefulSet and of its headless Service (Altinity operator 0.25.6, `namer/patterns.go`).
fn member(generation: &Generation, shard: u32, replica: u32) -> String {
    format!("chi-{}-{CLUSTER}-{shard}-{replica}", generation.name())
}

/// Every member, shard by shard.
fn all_members(generation: &Generation) -> Vec<String> {
    let Terms { shards, replicas, .. } = &generation.plan.terms;
    let of_shard = |shard| (0..*replicas).map(move |replica| member(generation, shard, replica));
    (0..*shards).flat_map(of_shard).collect()
}

/// The name of a volume within its pod. It carries the lineage, because volumes outlive the database: a new one of the same
/// name must never start with old data.
fn volume(generation: &Generation) -> String {
    format!("data-{}", generation.lineage)
}

/// What happens to a volume whose member, or whose database, goes. Only where the claim gives its data away with the
/// database does the operator delete any.
fn reclaim_policy(terms: &Terms) -> &'static str {
    match terms.lifecycle.deletion_policy {
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Snapshot | DeletionPolicy::Retain => "Retain",
    }
}

/// The ports of clients.
struct Ports {
    native: u16,
    http: u16,
}

/// The others are closed where connections are encrypted.
fn ports(terms: &Terms) -> Ports {
    match terms.tls {
        true => Ports { native: 9440, http: 8443 },
        false => Ports { native: 9000, http: 8123 },
    }
}

#[cfg(test)]
mod tests;
