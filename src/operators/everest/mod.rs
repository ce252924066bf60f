//! MongoDB on Percona Everest 1.10, which makes a `PerconaServerMongoDB` of what it is told and leaves the rest to the
//! operator of that (`percona_server_mongodb`). In: a generation. Out: one `DatabaseCluster`, a `BackupStorage`, a
//! `DatabaseClusterBackup` where one is asked for, a `DatabaseClusterRestore` where it is overwritten with one; facts; health. <https://docs.percona.com/everest/>
//!
//! What Everest does that one would not expect, all seen in its source at 1.10.0-rc3:
//! - It takes encrypted connections, and others too: nothing can tell it to refuse them, so that a plan which does is
//!   refused. Its routers would want a certificate of each client, so that there are no shards.
//! - It makes no users but the system's: the application's own is made by a job.
//! - Backups lie at the root of the bucket, under the names of the `DatabaseCluster` and its UID: a folder of the destination
//!   is not used. Those of the schedule go when the `DatabaseCluster` goes.
//! - Members are never on one node, and how pods are spread is a cluster-wide `PodSchedulingPolicy`, which no database can
//!   bring along. A request for cpu is its limit.
//! - The operator that makes the pods runs in the database's own namespace, and offers the releases of its version. While
//!   Everest recommends a newer version of the resource, it takes no other release.
//!
//! Must not know an integration.

mod account;
mod backup;
mod change;
mod cluster;
mod facts;
mod health;
mod restore;

use super::roles;
use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Made, Operator, Reference, Resource, Restores,
    mongodb, percona_server_mongodb as wrapped,
};
use crate::api::claim::{self, BackupMethod, Topology};
use crate::api::destination::{DestinationAccess, Store};
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes};
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Answer, Observed, Question};
use crate::operators::name_of;
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the resources of Percona Everest are rendered. It knows the images of the servers itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The image of mongosh, with which the application's user is made.
    #[schemars(length(min = 1, max = 512))]
    pub tools_image: String,
    /// Secrets with the credentials of the registry of that image, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { tools_image: "mongo:8.0.19".into(), image_pull_secrets: vec![] }
    }
}

pub struct Everest;

impl Operator for Everest {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Mongodb,
            topologies: &[Topology::Replicated, Topology::Standalone],
            // More of a set could not vote.
            most_replicas: 7,
            read_replicas: true,
            shards: None,
            odd_replicas: true,
            pooling: false,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Dump],
            backup_on_demand: true,
            point_in_time: true,
            extensions: false,
            hibernation: true,
            restore: Restores::Never,
            in_place: true,
            standby: None,
            stores: &[Store::S3],
            load_balancer: false,
            encryption: Encryption::Own,
            audit: true,
            custom_queries: false,
            roles: true,
            console: true,
            at_rest: AtRest::Operator,
            restricted: false,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    fn storage(&self, asked: Bytes) -> Bytes {
        wrapped::PerconaServerMongoDb.storage(asked)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        problems(terms)
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        cluster::AGENT.times(terms.replicas.into())
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let mut questions = wrapped::PerconaServerMongoDb.requirements(generation);
        if generation.plan.terms.delivery == Delivery::Direct {
            questions.push(health::question(generation));
        }
        questions
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::CLUSTER;
        vec![Reference { key: Key(generation.key(key::CLUSTER)), api_version, kind, name: generation.name() }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let mut resources = vec![cluster::compose(generation)];
        resources.extend(account::compose(generation, &settings.everest));
        resources.extend(generation.plan.terms.backup.as_ref().map(|plan| backup::storage(generation, plan)));
        resources.extend(restore::compose(generation));
        let mut engine = Engine { resources, facts: facts::facts(generation) };
        let administrator = mongodb::administrator(generation, &users_secret(generation));
        roles::add(&mut engine, generation, account::client(generation, &settings.everest), administrator, observed);
        engine
    }

    fn backup(&self, generation: &Generation, _settings: &Engines, role: &str, name: String) -> Option<Resource> {
        generation.plan.terms.backup.as_ref().map(|_| backup::once(generation, role, name))
    }

    fn backup_kind(&self) -> Option<(&'static str, &'static str)> {
        Some(kind::BACKUP)
    }

    fn backup_id(&self, backup: &Object) -> Result<String, String> {
        restore::id(backup)
    }

    fn backup_of<'a>(&self, backup: &'a Object) -> Option<&'a str> {
        backup.text("backup", &["spec", "dbClusterName"]).ok().flatten()
    }

    fn overwrites(&self, restore: &Object) -> Result<BackupRun, Undecodable> {
        restore::overwrites(restore)
    }

    fn unrestorable(&self, restore: &claim::Restore, from: &Terms, to: &Terms) -> Vec<Problem> {
        restore::problems(restore, from, to)
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup::run(backup)
    }

    /// Everest has one of its own for each, under the same name (`tryCreatePSMDB`).
    fn backups(&self, generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
        let made = wrapped::PerconaServerMongoDb.backups(generation, observed)?;
        Ok(made.each(|made| Made { id: made.id.as_ref().map(|_| made.name.clone()), ..made.clone() }))
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

fn problems(terms: &Terms) -> Vec<Problem> {
    let mut problems: Vec<Problem> = mongodb::key_problem(terms).into_iter().collect();
    if terms.tls {
        let wrong = "Everest takes encrypted connections, but cannot refuse others";
        let right = "leave it out; where it is required, the platform team chooses another operator";
        problems.push(Problem::new("spec.tls.enabled", wrong, right));
    }
    let identity = DestinationAccess::WorkloadIdentity {};
    if terms.backup.as_ref().is_some_and(|backup| backup.destination.access == identity) {
        let wrong = "Everest takes keys from a secret, and knows no cloud identity";
        let right = "the platform team names a secret with the keys";
        problems.push(Problem::new("TierDefaults.destinations", wrong, right));
    }
    if terms.delivery != Delivery::Direct {
        let path = format!("TierDefaults.environments.{}.objectDelivery", name_of(&terms.environment));
        let wrong = "Everest says nothing of single members, and what it makes cannot be seen in another cluster";
        problems.push(Problem::new(path, wrong, "the platform team delivers directly"));
    }
    problems
}

/// The permanent keys; a generation adds its number.
mod key {
    pub const CLUSTER: &str = "database-cluster";
    pub const STORAGE: &str = "backup-storage";
}

/// API version and kind.
mod kind {
    pub const CLUSTER: (&str, &str) = ("everest.percona.com/v1alpha1", "DatabaseCluster");
    pub const STORAGE: (&str, &str) = ("everest.percona.com/v1alpha1", "BackupStorage");
    pub const BACKUP: (&str, &str) = ("everest.percona.com/v1alpha1", "DatabaseClusterBackup");
    pub const RESTORE: (&str, &str) = ("everest.percona.com/v1alpha1", "DatabaseClusterRestore");
}

/// The secret of the system's users, which the operator below makes; applications never see it.
fn users_secret(generation: &Generation) -> String {
    format!("everest-secrets-{}", generation.name())
}

#[cfg(test)]
mod tests;
