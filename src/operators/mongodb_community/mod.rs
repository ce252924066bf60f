//! MongoDB's Community server on MongoDB's operator (MongoDB Controllers for Kubernetes 1.10). In: a generation. Out: one
//! `MongoDBCommunity`, which is a replica set; the account and rights of its pods, their disruption budget, the passwords of
//! its users, its certificate and its backup job; facts; health. <https://www.mongodb.com/docs/kubernetes/current/>
//!
//! What the operator does that one would not expect, all seen in its source at 1.10.0:
//! - Pods run under an account that its chart makes in the namespaces that it was told by name, with the right to read every
//!   secret there and to delete every pod. Here each database has its own account, for its own secret and pods.
//! - Volumes are those of a StatefulSet: they never grow, and they stay when the database is deleted, whose name a new one
//!   can only take once they are gone.
//! - Its status has no generation: for the moment until it sees a change of settings, it says what was true before.
//! - The compatibility version must follow the release, not go with it, or an upgrade never ends.
//! - Encryption can be switched on, and never off.
//!
//! Must not know an integration.

mod access;
mod backup;
mod change;
mod facts;
mod health;
mod replica_set;
mod restore;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    backup_job, certificate, mongodb, pods, stateful_set,
};
use crate::api::claim::{BackupMethod, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::operators::facts::{Labels, labels};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the resources of MongoDB's operator are rendered. It knows the images of server and agent itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The image of MongoDB's tools, which make backups.
    #[schemars(length(min = 1, max = 512))]
    pub tools_image: String,
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
            namespace: "mongodb".into(),
            tools_image: "mongo:8.0.19".into(),
            exporter_image: "percona/mongodb_exporter:0.47.2".into(),
            image_pull_secrets: vec![],
            priority_class: None,
        }
    }
}

/// More of a set could not vote.
const MOST_MEMBERS: u32 = 7;
/// The ending of the operator's StatefulSet of arbiters, which it makes in any case.
const ARBITERS: &str = "-arb";

pub struct MongoDbCommunity;

impl Operator for MongoDbCommunity {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Mongodb,
            topologies: &[Topology::Replicated, Topology::Standalone],
            most_replicas: MOST_MEMBERS,
            read_replicas: true,
            shards: None,
            odd_replicas: true,
            pooling: false,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Dump],
            backup_on_demand: true,
            point_in_time: false,
            extensions: false,
            hibernation: false,
            restore: Restores::Archive,
            in_place: false,
            standby: None,
            stores: &[Store::S3, Store::Google, Store::Azure],
            load_balancer: false,
            encryption: Encryption::Issued,
            audit: false,
            custom_queries: false,
            roles: false,
            console: true,
            at_rest: AtRest::Volume,
            restricted: true,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        let taken = terms.database.name.ends_with(ARBITERS).then(|| {
            let wrong = format!("MongoDBCommunity uses the ending {ARBITERS} itself");
            Problem::new("metadata.name", wrong, "write another name")
        });
        taken.into_iter().collect()
    }

    fn fixed(&self, from: &Terms, to: &Terms) -> Vec<Problem> {
        change::fixed(from, to)
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        let exporter = if terms.monitoring.off { Amounts::default() } else { mongodb::EXPORTER };
        replica_set::AGENT.plus(exporter).times(terms.replicas.into())
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let terms = &generation.plan.terms;
        if terms.delivery != Delivery::Direct {
            // They are in another cluster, where Crossplane does not look.
            return vec![];
        }
        let mut questions = vec![stateful_set::question(generation, &generation.name()), volumes(generation)];
        questions.extend(terms.backup.as_ref().map(|_| backup_job::question(generation)));
        questions
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::REPLICA_SET;
        vec![Reference { key: Key(generation.key(key::REPLICA_SET)), api_version, kind, name: generation.name() }]
    }

    /// Nothing is restored before they are up.
    fn ingredients(&self, generation: &Generation) -> Vec<Question> {
        let awaited = generation.awaited().map(|_| stateful_set::question(generation, &generation.name()));
        awaited.into_iter().collect()
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let own = &settings.mongodb_community;
        let mut resources = access::compose(generation);
        resources.extend(certificate::compose(generation, servers(generation)));
        resources.extend(replica_set::compose(generation, own, observed));
        if let Some(plan) = &generation.plan.terms.backup {
            let dump = backup::dump(generation, own);
            resources.push(backup_job::schedule(generation, plan, &dump, &settings.backup_jobs));
        }
        if generation.is_drill() {
            resources.extend(replica_set::volumes(generation));
        }
        resources.extend(restore::compose(generation, own, &settings.backup_jobs, observed));
        Engine { resources, facts: facts::facts(generation, own) }
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        let plan = generation.plan.terms.backup.as_ref()?;
        let dump = backup::dump(generation, &settings.mongodb_community);
        Some(backup_job::once(generation, plan, &dump, &settings.backup_jobs, role, name))
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
    pub const REPLICA_SET: &str = "mongodb";
    pub const VOLUME: &str = "volume";
    pub const LOGS: &str = "volume-logs";
    pub const BUDGET: &str = "disruption-budget";
    pub const ACCOUNT: &str = "service-account";
    pub const ROLE: &str = "role";
    pub const BINDING: &str = "role-binding";
}

/// API version and kind.
mod kind {
    pub const REPLICA_SET: (&str, &str) = ("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity");
    pub const VOLUME: (&str, &str) = ("v1", "PersistentVolumeClaim");
}

/// The role of the members, as a workload and as the label on their volumes. Permanent.
const MEMBERS: &str = "members";

/// The operator's headless Service, under whose name members know each other, and the only label of their pods.
fn service(generation: &Generation) -> String {
    format!("{}-svc", generation.name())
}

fn own(generation: &Generation) -> Labels {
    labels([("app", &service(generation))])
}

fn servers(generation: &Generation) -> Vec<String> {
    let members = format!("*.{}", service(generation));
    certificate::in_namespace(&members, &generation.database().namespace).into()
}

/// The volumes that hold data: there are others for the agent's files.
fn volumes(generation: &Generation) -> Question {
    let service = service(generation);
    let labels = [("app", service.as_str()), (pods::WORKLOAD, MEMBERS)];
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
}

#[cfg(test)]
mod tests;
