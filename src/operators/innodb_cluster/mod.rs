//! MySQL on Oracle's MySQL operator 9.1.0-2.2.2. In: a generation. Out: `InnoDBCluster`, the secrets of its administrator and
//! of the application, a job that makes the application's database and user, and where there are backups their access to the
//! object store and a job that removes old ones; facts; health. <https://dev.mysql.com/doc/mysql-operator/en/>
//!
//! Clients always come in through MySQL Router, also with one member: it asks the group itself who the primary is, while
//! the operator's labels on pods are only as fresh as the operator. Applications never get the administrator's account,
//! which the operator makes for itself.
//!
//! The operator reads most of an `InnoDBCluster` only when it makes it, so most changes are refused, see `change`.
//!
//! Its members and routers fit into a namespace of the level "restricted"; the operator's backup jobs have no seccomp profile,
//! and nothing in the CRD reaches them.
//!
//! Must not know an integration.

mod account;
mod backup;
mod change;
mod cluster;
mod facts;
mod health;
mod status;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Made, Operator, Reference, Resource, Restores,
    aws_files, roles,
};
use crate::api::claim::{self, BackupMethod, PoolMode, Topology};
use crate::api::destination::{DestinationAccess, Store};
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Answer, Observed, Question};
use crate::operators::facts::{Labels, labels};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the MySQL operator's resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Where the images of MySQL, MySQL Router and the operator come from.
    #[schemars(length(min = 1, max = 253))]
    pub image_repository: String,
    /// Secrets with the credentials of that registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The image of the Prometheus exporter beside each member.
    #[schemars(length(min = 1, max = 512))]
    pub exporter_image: String,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            namespace: "mysql-operator".into(),
            image_repository: "container-registry.oracle.com/mysql".into(),
            image_pull_secrets: vec![],
            exporter_image: "quay.io/prometheus/mysqld-exporter:v0.18.0".into(),
            priority_class: None,
        }
    }
}

pub struct InnoDbCluster;

impl Operator for InnoDbCluster {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Mysql,
            topologies: &[Topology::Standalone, Topology::Replicated],
            most_replicas: 9,
            read_replicas: true,
            shards: None,
            // A group decides by majority.
            odd_replicas: true,
            pooling: true,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Dump],
            backup_on_demand: true,
            point_in_time: false,
            extensions: false,
            hibernation: false,
            restore: Restores::Backup,
            in_place: false,
            standby: None,
            stores: &[Store::S3],
            load_balancer: true,
            encryption: Encryption::Own,
            audit: false,
            custom_queries: false,
            roles: true,
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
        let exporter = if terms.monitoring.off { Amounts::default() } else { cluster::EXPORTER };
        let beside = cluster::SIDECAR.plus(exporter).times(terms.replicas.into());
        beside.plus(cluster::ROUTER.times(cluster::routers(terms).into()))
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let mut questions =
            vec![question::members(generation), question::router(generation), question::volumes(generation)];
        questions.extend(generation.plan.terms.backup.as_ref().map(|_| question::backups(generation)));
        questions
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
        let own = &settings.innodb_cluster;
        let mut resources = vec![cluster::compose(generation, own)];
        resources.extend(account::compose(generation, own));
        resources.extend(backup::compose(generation, settings, observed));
        resources.extend(generation.is_drill().then(|| cluster::volume(generation)));
        let mut engine = Engine { resources, facts: facts::facts(generation, own) };
        let administrator = account::administrator(generation);
        roles::add(&mut engine, generation, account::client(generation, own), administrator, observed);
        engine
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
        backup.text("backup", &["spec", "clusterName"]).ok().flatten()
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup::run(backup)
    }

    fn backups(&self, generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
        backup::all(generation, observed)
    }

    fn unrestorable(&self, _restore: &claim::Restore, from: &Terms, to: &Terms) -> Vec<Problem> {
        backup::problems(from, to)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent keys; a generation adds its number.
mod key {
    pub const CLUSTER: &str = "cluster";
    /// Of a drill only.
    pub const VOLUME: &str = "volume";
}

/// API version and kind.
mod kind {
    pub const CLUSTER: (&str, &str) = ("mysql.oracle.com/v2", "InnoDBCluster");
    pub const VOLUME: (&str, &str) = ("v1", "PersistentVolumeClaim");
    pub const BACKUP: (&str, &str) = ("mysql.oracle.com/v2", "MySQLBackup");
}

/// Labels that the operator sets (`cluster_objects.py` and `router_objects.py` of its release).
mod label {
    /// On everything of an InnoDBCluster.
    pub const CLUSTER: &str = "mysql.oracle.com/cluster";
    /// `mysqld` on the pods of members and on their volumes, `mysqlrouter` on those of MySQL Router.
    pub const COMPONENT: &str = "component";
    pub const TIER: &str = "tier";
}

/// Workloads. Permanent.
mod workload {
    pub const MEMBERS: &str = "members";
    pub const ROUTER: &str = "router";
}

/// The secret of the administrator, which applications never see. Permanent.
const ADMINISTRATOR: Option<&str> = Some("root");

fn members(generation: &Generation) -> Labels {
    of_component(generation, "mysqld")
}

fn router(generation: &Generation) -> Labels {
    of_component(generation, "mysqlrouter")
}

fn of_component(generation: &Generation, component: &str) -> Labels {
    labels([(label::COMPONENT, component), (label::TIER, "mysql"), (label::CLUSTER, &generation.name())])
}

/// The workloads that the operator makes, and what it wrote beside them: its own status tells neither how many are ready
/// nor what they are made of.
mod question {
    use super::{kind, label};
    use crate::api::record::Generation;
    use crate::observed::Question;

    pub fn members(generation: &Generation) -> Question {
        Question::by_name("apps/v1", "StatefulSet", &generation.database().namespace, &generation.name())
    }

    pub fn router(generation: &Generation) -> Question {
        let name = format!("{}-router", generation.name());
        Question::by_name("apps/v1", "Deployment", &generation.database().namespace, &name)
    }

    /// A StatefulSet labels the volumes that it makes like the pods that it selects.
    pub fn volumes(generation: &Generation) -> Question {
        let name = generation.name();
        let labels = [(label::COMPONENT, "mysqld"), (label::CLUSTER, name.as_str())];
        Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &labels)
    }

    /// Those that a schedule made.
    pub fn backups(generation: &Generation) -> Question {
        let (version, kind) = kind::BACKUP;
        let name = generation.name();
        let labels = [(label::CLUSTER, name.as_str())];
        Question::by_labels(version, kind, &generation.database().namespace, &labels)
    }
}

/// The operator takes 28 characters (`MAX_CLUSTER_NAME_LEN`), of which `-g99` of a restore's generation needs four.
const LONGEST_NAME: usize = 24;
/// Of the Service before a cluster's members, which no other cluster's Service may meet.
const MEMBERS_SERVICE: &str = "-instances";

fn problems(terms: &Terms) -> Vec<Problem> {
    let name = &terms.database.name;
    let mut problems = vec![];
    let mut check = |wrong: bool, path: &str, what: String, right: &str| {
        if wrong {
            problems.push(Problem::new(path, what, right));
        }
    };
    let right = "write one of 24 characters or fewer";
    let what = format!("InnoDBCluster takes no name of {} characters", name.len());
    check(name.len() > LONGEST_NAME, "metadata.name", what, right);
    let what = format!("InnoDBCluster uses the ending {MEMBERS_SERVICE} itself");
    check(name.ends_with(MEMBERS_SERVICE), "metadata.name", what, "write another name");
    let session = terms.pooling.as_ref().is_some_and(|pooling| pooling.mode == PoolMode::Session);
    let what = "MySQL Router shares connections from one transaction to the next".into();
    check(session, "spec.pooling.mode", what, "write transaction, or connect to the primary");
    if let Some(backup) = &terms.backup {
        let what = "MySQL Shell takes its keys from files, and has none with a cloud identity".into();
        let identity = backup.destination.access == DestinationAccess::WorkloadIdentity {};
        let right = "the platform team names a secret with the keys, or switch backups off";
        check(identity, "TierDefaults.destinations", what, right);
        let what = "the keys of the object store are in another cluster, where nobody can make files of them".into();
        let remote = terms.delivery != Delivery::Direct;
        let right = "the platform team delivers directly, or switch backups off";
        check(remote && !identity, "TierDefaults.environments", what, right);
    }
    problems
}

#[cfg(test)]
mod tests;
