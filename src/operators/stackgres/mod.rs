//! PostgreSQL on StackGres 1.18. In: a generation. Out: `SGCluster`, and beside it the resources that it refers to:
//! `SGInstanceProfile`, `SGPostgresConfig`, `SGPoolingConfig`, `SGObjectStorage`, `SGScript`; facts; health.
//! <https://stackgres.io/doc/1.18/reference/crd/>
//!
//! The log is archived wherever there are backups, also where the plan's backup is not continuous: the operator has no
//! switch for it. While a backup runs, the operator refuses every change of the `SGCluster`, and Crossplane tries again.
//! Its containers may gain privileges, so that its pods do not fit into a namespace of the level "restricted".
//!
//! Must not know an integration.

mod account;
mod backup;
mod change;
mod cluster;
mod configuration;
mod facts;
mod health;
mod status;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Made, Operator, Reference, Resource, Restores,
    name_of, stateful_set,
};
use crate::api::claim::{BackupMethod, Topology};
use crate::api::destination::{DestinationAccess, Store};
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

/// How StackGres' resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { namespace: "stackgres".into(), priority_class: None }
    }
}

pub struct StackGres;

impl Operator for StackGres {
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
            restore: Restores::Backup,
            in_place: false,
            standby: None,
            stores: &[Store::S3, Store::Google, Store::Azure],
            load_balancer: true,
            encryption: Encryption::Own,
            // pgaudit is one of the extensions that members would have to download.
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

    /// Volumes are written in whole mebibytes (`SGCluster`, `spec.pods.persistentVolume.size`).
    fn storage(&self, asked: Bytes) -> Bytes {
        Bytes(asked.0.div_ceil(Bytes::MI).saturating_mul(Bytes::MI))
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        problems(terms)
    }

    fn fixed(&self, from: &Terms, to: &Terms) -> Vec<Problem> {
        change::fixed(from, to)
    }

    fn helpers(&self, terms: &Terms) -> Amounts {
        let sidecars = configuration::sidecars(terms).into_iter().map(|(_, size)| size);
        sidecars.fold(Amounts::default(), Amounts::plus).times(terms.replicas.into())
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let mut questions = vec![members(generation), volumes(generation)];
        questions.extend(generation.plan.terms.backup.as_ref().map(|_| backup::question(generation)));
        questions
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::CLUSTER;
        vec![Reference { key: Key(generation.key(key::CLUSTER)), api_version, kind, name: name(generation) }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, _observed: &Observed) -> Engine {
        let terms = &generation.plan.terms;
        let settings = &settings.stackgres;
        let mut resources = vec![
            cluster::compose(generation, settings),
            configuration::profile(generation),
            configuration::postgres(generation),
        ];
        resources.extend(terms.pooling.as_ref().map(|pooling| configuration::pooling(generation, pooling)));
        resources.extend(terms.backup.as_ref().map(|backup| backup::storage(generation, backup)));
        resources.extend(account::compose(generation));
        Engine { resources, facts: facts::facts(generation, settings) }
    }

    fn backup(&self, generation: &Generation, _settings: &Engines, role: &str, name: String) -> Option<Resource> {
        generation.plan.terms.backup.as_ref().map(|_| backup::once(generation, role, name))
    }

    /// `SGBackup`, `metadata.name`.
    fn backup_name(&self, name: String) -> String {
        name.replace('.', "-")
    }

    fn backup_kind(&self) -> Option<(&'static str, &'static str)> {
        Some(kind::BACKUP)
    }

    fn backup_id(&self, backup: &Object) -> Result<String, String> {
        backup::id(backup)
    }

    fn backup_of<'a>(&self, backup: &'a Object) -> Option<&'a str> {
        backup.text("backup", &["spec", "sgCluster"]).ok().flatten()?.strip_suffix(ENDING)
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
    pub const PROFILE: &str = "instance-profile";
    pub const POSTGRES: &str = "postgres-config";
    pub const POOLING: &str = "pooling-config";
    pub const STORAGE: &str = "object-storage";
    pub const SCRIPT: &str = "script";
}

/// API version and kind.
mod kind {
    pub const CLUSTER: (&str, &str) = ("stackgres.io/v1", "SGCluster");
    pub const PROFILE: (&str, &str) = ("stackgres.io/v1", "SGInstanceProfile");
    pub const POSTGRES: (&str, &str) = ("stackgres.io/v1", "SGPostgresConfig");
    pub const POOLING: (&str, &str) = ("stackgres.io/v1", "SGPoolingConfig");
    pub const STORAGE: (&str, &str) = ("stackgres.io/v1beta1", "SGObjectStorage");
    pub const SCRIPT: (&str, &str) = ("stackgres.io/v1", "SGScript");
    pub const BACKUP: (&str, &str) = ("stackgres.io/v1", "SGBackup");
}

/// Labels that the operator and Patroni set (`ClusterLabelFactory.java` of its release).
mod label {
    /// `StackGresCluster` on members, volumes and the pods of scheduled backups.
    pub const APPLICATION: &str = "app";
    pub const CLUSTER: &str = "stackgres.io/cluster-name";
    /// `true` on members and volumes.
    pub const MEMBER: &str = "stackgres.io/cluster";
    /// `primary` or `replica`.
    pub const ROLE: &str = "role";
    /// `true` on the pods of scheduled backups, and on the backups themselves.
    pub const SCHEDULED: &str = "stackgres.io/scheduled-backup";
}

/// The operator takes 44 letters (`SGCluster`, `metadata.name`), of which the ending and the generation's number take some.
const LONGEST_NAME: usize = 30;

/// The `SGCluster`'s, and that of everything that only it refers to. It is not the database's: the operator makes a Service
/// `NAME-primary` of its own, and so do we.
fn name(generation: &Generation) -> String {
    format!("{}{ENDING}", generation.name())
}

const ENDING: &str = "-stackgres";

/// On everything of the members: pods and volumes.
fn own(name: &str) -> [(&'static str, &str); 3] {
    [(label::APPLICATION, "StackGresCluster"), (label::CLUSTER, name), (label::MEMBER, "true")]
}

fn members(generation: &Generation) -> Question {
    stateful_set::question(generation, &name(generation))
}

fn volumes(generation: &Generation) -> Question {
    let name = name(generation);
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &own(&name))
}

/// PostgreSQL's own, and that of PgBouncer's console.
const TAKEN_DATABASES: [&str; 4] = ["pgbouncer", "postgres", "template0", "template1"];

fn problems(terms: &Terms) -> Vec<Problem> {
    let mut problems = vec![];
    let mut refuse = |path: String, wrong: String, right: String| problems.push(Problem::new(path, wrong, right));
    let name = &terms.database.name;
    if name.len() > LONGEST_NAME {
        let wrong = format!("{name:?} is too long for StackGres, which adds to it");
        refuse("metadata.name".into(), wrong, format!("write up to {LONGEST_NAME} letters"));
    }
    if name.ends_with(ENDING) {
        let wrong = format!("{name:?} ends like what StackGres makes for other databases");
        refuse("metadata.name".into(), wrong, "write a name with another ending".into());
    }
    let inside = &terms.database.inside;
    if TAKEN_DATABASES.contains(&inside.as_str()) {
        refuse("spec.name".into(), format!("{inside} is taken on StackGres"), "write another name".into());
    }
    if !terms.memory.0.is_multiple_of(Bytes::MI) {
        let wrong = format!("StackGres counts memory in whole Mi, and {} is between", terms.memory);
        refuse("spec.size".into(), wrong, "write a size with whole Mi".into());
    }
    for (asked, name) in &terms.extensions {
        if account::position(name).is_none() {
            let wrong = format!("on StackGres members download {asked} from the internet, which they cannot reach");
            refuse("spec.extensions".into(), wrong, "leave it out, or write one that PostgreSQL brings along".into());
        }
    }
    let environment = name_of(&terms.environment);
    // Each member has one.
    let usual = terms.replicas.min(3);
    if let Some(pooling) = terms.pooling.as_ref().filter(|pooling| pooling.instances != usual) {
        let wrong =
            format!("{} are not to be had on StackGres, where each member has its own pooler", pooling.instances);
        refuse("spec.pooling.instances".into(), wrong, "leave it out".into());
    }
    let destination = terms.backup.as_ref().map(|backup| &backup.destination);
    if let Some(destination) = destination
        && (destination.endpoint.is_some() || destination.store() == Store::Azure)
        && destination.access == (DestinationAccess::WorkloadIdentity {})
    {
        let path = format!("TierDefaults.environments.{environment}.backup.destination");
        let wrong = "StackGres signs in by the pods' own identity at Amazon and Google only";
        refuse(path, wrong.into(), "the platform team gives the destination keys, or no endpoint".into());
    }
    if terms.delivery != Delivery::Direct {
        let path = format!("TierDefaults.environments.{environment}.objectDelivery");
        let wrong = "StackGres does not say how its members are, and in another cluster nobody can look at them";
        refuse(path, wrong.into(), "the platform team leaves it out, or names another operator".into());
    }
    problems
}

#[cfg(test)]
mod tests;
