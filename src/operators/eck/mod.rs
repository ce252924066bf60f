//! Elasticsearch on Elastic Cloud on Kubernetes 3.5. In: a generation. Out: `Elasticsearch`, and beside it a `CronJob` that
//! makes snapshots; facts; health. <https://www.elastic.co/docs/deploy-manage/deploy/cloud-on-k8s>
//!
//! Only what the free licence has: no `StackConfigPolicy`, no audit log. Elasticsearch encrypts all connections, whatever
//! the plan says, with certificates that the operator makes.
//!
//! Must not know an integration.

mod change;
mod elasticsearch;
mod facts;
mod health;
mod restore;
mod snapshots;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    backup_job,
};
use crate::api::claim::{self, BackupMethod, Topology};
use crate::api::destination::{Destination, Store};
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How ECK's resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
    /// The service account of the members' pods, which carries the cloud identity that may write snapshots.
    #[schemars(length(min = 1, max = 253))]
    pub service_account: Option<String>,
    /// Whether every node has vm.max_map_count of 1048576 or more, so that Elasticsearch may map its files into memory,
    /// which is faster; where a node has less, its members do not start. Members restart when this changes.
    pub memory_mapping: bool,
    /// The image of the exporter of Prometheus metrics.
    #[schemars(length(min = 1, max = 512))]
    pub exporter_image: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            namespace: "elastic-system".into(),
            image_pull_secrets: vec![],
            priority_class: None,
            service_account: None,
            memory_mapping: false,
            exporter_image: "quay.io/prometheuscommunity/elasticsearch-exporter:v1.11.0".into(),
        }
    }
}

pub struct Eck;

impl Operator for Eck {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Elasticsearch,
            topologies: &[Topology::Cluster],
            most_replicas: 9,
            read_replicas: true,
            // It is a setting of each index.
            shards: None,
            odd_replicas: false,
            pooling: false,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Physical],
            backup_on_demand: true,
            point_in_time: false,
            extensions: false,
            hibernation: false,
            restore: Restores::Archive,
            in_place: false,
            standby: None,
            stores: &[Store::S3],
            load_balancer: true,
            encryption: Encryption::Own,
            // It takes a paid licence.
            audit: false,
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
            let wrong = format!("{name:?} is too long for Elasticsearch, which adds to it");
            Problem::new("metadata.name", wrong, format!("write up to {LONGEST_NAME} letters"))
        });
        let few = (terms.replicas < FEWEST_MEMBERS).then(|| {
            let wrong = format!("Elasticsearch with {} members does not survive the loss of one", terms.replicas);
            Problem::new("spec.replicas", wrong, format!("write {FEWEST_MEMBERS} or more"))
        });
        long.into_iter().chain(few).collect()
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        let exporters = (!terms.monitoring.off).then(|| elasticsearch::EXPORTER.times(terms.replicas.into()));
        exporters.unwrap_or_default()
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let terms = &generation.plan.terms;
        match terms.delivery {
            Delivery::Direct => {
                let jobs = terms.backup.as_ref().map(|_| backup_job::question(generation));
                [volumes(generation)].into_iter().chain(jobs).collect()
            }
            // They are in another cluster, where Crossplane does not look.
            Delivery::Object(_) => vec![],
        }
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = ELASTICSEARCH;
        vec![Reference { key: Key(generation.key(KEY)), api_version, kind, name: generation.name() }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let mut resources = vec![elasticsearch::compose(generation, &settings.eck)];
        if let Some(backup) = &generation.plan.terms.backup {
            let pod = snapshots::pod(generation, backup, &settings.backup_jobs);
            resources.push(backup_job::scheduled(generation, backup, pod));
        }
        resources.extend(restore::compose(generation, &settings.backup_jobs, observed));
        Engine { resources, facts: facts::facts(generation, &settings.eck) }
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        let backup = generation.plan.terms.backup.as_ref()?;
        let pod = snapshots::pod(generation, backup, &settings.backup_jobs);
        Some(backup_job::made_once(generation, pod, role, name))
    }

    fn unrestorable(&self, _restore: &claim::Restore, from: &Terms, to: &Terms) -> Vec<Problem> {
        restore::problem(from, to).into_iter().collect()
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup_job::run(backup)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent key; a generation adds its number.
const KEY: &str = "elasticsearch";
const ELASTICSEARCH: (&str, &str) = ("elasticsearch.k8s.elastic.co/v1", "Elasticsearch");

/// The operator takes 36 letters (ECK 3.5, `MaxResourceNameLength`); a later generation adds up to four, such as `-g12`.
const LONGEST_NAME: usize = 32;
/// Two of them still elect one to lead.
const FEWEST_MEMBERS: u32 = 3;

/// The one group of members: each has all roles. Part of the names of pods and volumes, so permanent: the operator takes
/// another name for another group, and moves all data.
const NODE_SET: &str = "members";
/// The volume of this name is the one that the operator puts data on.
const VOLUME: &str = "elasticsearch-data";
/// HTTP, for clients and for the operator.
const PORT: u16 = 9200;
/// The superuser that the operator makes, and its key in the secret that holds the password.
const USER: &str = "elastic";

/// Labels that the operator sets on pods, and Kubernetes on the volumes of a StatefulSet.
mod label {
    pub const CLUSTER: &str = "elasticsearch.k8s.elastic.co/cluster-name";
    pub const TYPE: &str = "common.k8s.elastic.co/type";
}

/// What every pod and every volume of a cluster carries.
fn own(name: &str) -> [(&'static str, &str); 2] {
    [(label::CLUSTER, name), (label::TYPE, "elasticsearch")]
}

fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &own(&name))
}

/// The store that members know: that of the backups, or else the one that the data came from, for as long as it lives.
fn store(generation: &Generation) -> Option<&Destination> {
    let own = generation.plan.terms.backup.as_ref().map(|backup| &backup.destination);
    own.or(generation.source.as_ref().map(|source| &source.destination))
}

/// The secret with the superuser's password.
fn password_secret(generation: &Generation) -> String {
    format!("{}-es-elastic-user", generation.name())
}

/// The secret with the certificate authority of connections by HTTP.
fn authority_secret(generation: &Generation) -> String {
    format!("{}-es-http-certs-public", generation.name())
}

#[cfg(test)]
mod tests;
