//! Redis on OT-CONTAINER-KIT's redis-operator 0.26. In: a generation. Out: `RedisReplication` and, with more than one
//! member, `RedisSentinel`; or `RedisCluster` where the plan has shards; their settings, certificate, password and backup
//! job; facts; health. <https://redis-operator.opstree.dev/docs/>
//!
//! What the operator does that one would not expect, all seen in its source at v0.26.0:
//! - Sentinels inside of a `RedisReplication` know no encryption, so that they are a resource of their own here.
//! - Labels and annotations of its resources are copied to pods, and a change of them restarts all: annotations that change
//!   are taken out by name, labels cannot be. Crossplane labels what is protected from deletion (`crossplane.io/in-use`),
//!   so that switching the protection on or off restarts the members one after the other.
//! - A member that starts is a primary of its own until the operator looks, every 30 s; so each has a minute to itself.
//! - Redis reads its files at a start only: settings, and certificates that were renewed, restart the members.
//! - Encryption, and sentinels that stand a restart of their container, need its feature gate
//!   `GenerateConfigInInitContainer`.
//!
//! Must not know an integration.

mod backup;
mod change;
mod cluster;
mod configuration;
mod facts;
mod health;
mod pod;
mod replication;
mod restore;
mod sentinel;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    Shards, backup_job, certificate, password, stateful_set,
};
use crate::api::claim::{self, BackupMethod, ServiceType, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes};
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::operators::name_of;
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the operator's resources are rendered. Its feature gate `GenerateConfigInInitContainer` must be on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The image of the sentinels, which decide together who takes the place of a lost primary.
    #[schemars(length(min = 1, max = 512))]
    pub sentinel_image: String,
    /// The image of the exporter of metrics.
    #[schemars(length(min = 1, max = 512))]
    pub exporter_image: String,
    /// Whether pods run as the user of the operator's images, 1000; false where the cluster gives each namespace users of
    /// its own, as OpenShift does.
    pub fixed_user: bool,
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
            namespace: "ot-operators".into(),
            sentinel_image: "quay.io/opstree/redis-sentinel:v8.2.5".into(),
            exporter_image: "quay.io/opstree/redis-exporter:v1.48.0".into(),
            fixed_user: true,
            image_pull_secrets: vec![],
            priority_class: None,
        }
    }
}

/// Slots are spread over at least three shards, or no majority could replace a lost one (Redis, "Scale with Redis
/// Cluster").
const SHARDS: Shards = Shards { least: 3, most: 100 };
/// The log is rewritten beside itself, and a snapshot beside both.
const STORAGE_TIMES_MEMORY: u64 = 3;
/// Endings of what the operator makes for a database, so that no two databases can meet in one object.
const ENDINGS: [&str; 7] = ["-sentinel", "-leader", "-follower", "-master", "-headless", "-additional", "-metrics"];

pub struct OtContainerKit;

impl Operator for OtContainerKit {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Redis,
            topologies: &[Topology::Replicated, Topology::Standalone, Topology::Sharded, Topology::Cluster],
            most_replicas: 9,
            read_replicas: true,
            shards: Some(SHARDS),
            odd_replicas: false,
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
            load_balancer: true,
            encryption: Encryption::Issued,
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
        problems(terms)
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        let members = u64::from(terms.replicas).saturating_mul(terms.shards.into());
        let exporters = if terms.monitoring.off { 0 } else { members };
        let sentinels = if sentinel::stand_by(terms) { sentinel::COUNT.into() } else { 0 };
        pod::EXPORTER.times(exporters).plus(sentinel::INSTANCE.times(sentinels))
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let mut questions: Vec<Question> =
            workloads(generation).iter().map(|name| stateful_set::question(generation, name)).collect();
        questions.push(volumes(generation));
        if generation.plan.terms.backup.is_some() {
            questions.push(backup_job::question(generation));
        }
        questions
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (role, (api_version, kind)) = match sharded(&generation.plan.terms) {
            true => (key::CLUSTER, kind::CLUSTER),
            false => (key::REPLICATION, kind::REPLICATION),
        };
        vec![Reference { key: Key(generation.key(role)), api_version, kind, name: generation.name() }]
    }

    /// Nothing is restored before they are up.
    fn ingredients(&self, generation: &Generation) -> Vec<Question> {
        let awaited = generation.awaited().map(|_| workloads(generation)).unwrap_or_default();
        awaited.iter().map(|name| stateful_set::question(generation, name)).collect()
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let terms = &generation.plan.terms;
        let own = &settings.ot_container_kit;
        let mut resources =
            Vec::from(password::compose(generation, "Opaque", &[(PASSWORD, password::Value::Password)]));
        resources.push(configuration::compose(generation));
        resources.extend(certificate::compose(generation, servers(generation)));
        if sharded(terms) {
            resources.push(cluster::compose(generation, own, observed));
        } else {
            resources.push(replication::compose(generation, own, observed));
        }
        if sentinel::stand_by(terms) {
            resources.push(sentinel::compose(generation, own, observed));
        }
        if let Some(plan) = &terms.backup {
            let dump = backup::dump(generation);
            resources.push(backup_job::schedule(generation, plan, &dump, &settings.backup_jobs));
        }
        resources.extend(restore::compose(generation, &settings.backup_jobs, observed));
        Engine { resources, facts: facts::facts(generation, own) }
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        let plan = generation.plan.terms.backup.as_ref()?;
        let dump = backup::dump(generation);
        Some(backup_job::once(generation, plan, &dump, &settings.backup_jobs, role, name))
    }

    fn unrestorable(&self, _restore: &claim::Restore, from: &Terms, _to: &Terms) -> Vec<Problem> {
        restore::problem(from).into_iter().collect()
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup_job::run(backup)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

fn problems(terms: &Terms) -> Vec<Problem> {
    let mut problems = vec![];
    let name = &terms.database.name;
    if let Some(ending) = ENDINGS.iter().find(|ending| name.ends_with(*ending)) {
        let wrong = format!("the ending {ending} is reserved for what is made for a Redis database");
        problems.push(Problem::new("metadata.name", wrong, "write a name with another ending"));
    }
    let least = Bytes(terms.memory.0.saturating_mul(STORAGE_TIMES_MEMORY));
    if terms.storage < least {
        let wrong = format!(
            "{} is less than {STORAGE_TIMES_MEMORY} times the memory of {}: the log is rewritten beside itself",
            terms.storage, terms.memory
        );
        problems.push(Problem::new("spec.storage", wrong, format!("write {least} or more, or a smaller size")));
    }
    let Shards { least, most } = SHARDS;
    if sharded(terms) {
        if !(least..=most).contains(&terms.shards) {
            let wrong = format!("{} is no number of shards for a Redis Cluster", terms.shards);
            problems.push(Problem::new("spec.shards", wrong, format!("write {least} to {most}")));
        }
        if terms.access.service_type == ServiceType::LoadBalancer {
            let wrong = "a Redis Cluster sends its clients on to single members, which no load balancer reaches";
            problems.push(Problem::new("spec.access.serviceType", wrong, "leave it out, or write no shards"));
        }
    } else {
        if terms.shards > 1 {
            let wrong = format!("topology {} has one shard", name_of(&terms.topology));
            problems.push(Problem::new("spec.shards", wrong, "write 1, or topology Sharded"));
        }
        if terms.delivery != Delivery::Direct {
            let path = format!("TierDefaults.environments.{}.objectDelivery", name_of(&terms.environment));
            let wrong = "whether members are ready is not in what OTContainerKit reports, and cannot be seen in another \
                         cluster";
            problems.push(Problem::new(path, wrong, "the platform team delivers Redis directly, or with shards"));
        }
    }
    problems
}

/// The key of the password in its secret.
const PASSWORD: &str = "password";

/// The permanent keys; a generation adds its number.
mod key {
    pub const REPLICATION: &str = "replication";
    pub const SENTINEL: &str = "sentinel";
    pub const CLUSTER: &str = "cluster";
    pub const CONFIGURATION: &str = "configuration";
}

/// API version and kind.
mod kind {
    pub const REPLICATION: (&str, &str) = ("redis.redis.opstreelabs.in/v1beta2", "RedisReplication");
    pub const SENTINEL: (&str, &str) = ("redis.redis.opstreelabs.in/v1beta2", "RedisSentinel");
    pub const CLUSTER: (&str, &str) = ("redis.redis.opstreelabs.in/v1beta2", "RedisCluster");
}

/// Labels that the operator sets on pods and volumes.
mod label {
    /// The name of the StatefulSet.
    pub const APP: &str = "app";
    /// `replication`, `sentinel` or `cluster`.
    pub const SETUP: &str = "redis_setup_type";
    /// On everything of a `RedisCluster`: its name.
    pub const CLUSTER: &str = "cluster";
    /// `master` or `slave`, as the operator saw the member last.
    pub const ROLE: &str = "redis-role";
}

/// Whether it is a Redis Cluster.
fn sharded(terms: &Terms) -> bool {
    matches!(terms.topology, Topology::Sharded | Topology::Cluster)
}

/// The StatefulSets that hold data: of a `RedisCluster` there are two, and each member of either can be a primary.
fn workloads(generation: &Generation) -> Vec<String> {
    let (terms, name) = (&generation.plan.terms, generation.name());
    match (sharded(terms), sentinel::stand_by(terms)) {
        (true, _) => vec![cluster::leaders(&name), cluster::followers(&name)],
        (false, true) => vec![name.clone(), sentinel::workload(&name)],
        (false, false) => vec![name],
    }
}

/// The volumes that hold the data.
fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = match sharded(&generation.plan.terms) {
        true => [(label::CLUSTER, name.as_str()), (label::SETUP, "cluster")],
        false => [(label::APP, name.as_str()), (label::SETUP, "replication")],
    };
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
}

/// The names under which members and sentinels know each other: each by its own, behind a headless Service.
fn servers(generation: &Generation) -> Vec<String> {
    let (name, namespace) = (generation.name(), &generation.database().namespace);
    let headless = match sharded(&generation.plan.terms) {
        true => {
            vec![format!("{}-headless", cluster::leaders(&name)), format!("{}-headless", cluster::followers(&name))]
        }
        false => vec![format!("{name}-headless"), format!("{}-headless", sentinel::workload(&name))],
    };
    let names = headless.iter().flat_map(|service| certificate::in_namespace(&format!("*.{service}"), namespace));
    names.collect()
}

#[cfg(test)]
mod tests;
