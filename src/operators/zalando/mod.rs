//! PostgreSQL on Zalando's operator 2.0, with its Spilo image. In: a generation. Out: one `postgresql`, which holds members,
//! archive, schedule, pooler and extensions together; facts; health.
//! <https://opensource.zalando.com/postgres-operator/docs/reference/cluster_manifest.html>
//!
//! What the operator decides for all of its databases, by its own configuration, this cannot decide for one of them: it
//! must run with `major_version_upgrade_mode: manual`, and with `enable_readiness_probe: true`, or Kubernetes calls every
//! member ready that has started. Its pods do not fit into a namespace of the level "restricted": their containers may
//! gain privileges unless `spilo_allow_privilege_escalation` is false, and capabilities are never dropped.
//!
//! Must not know an integration.

mod backup;
mod change;
mod cluster;
mod facts;
mod health;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    backup_job, postgresql,
};
use super::{postgresql_roles, roles};
use crate::api::claim::{BackupMethod, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::operators::{self, name_of};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the resources of Zalando's operator are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator runs in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The operator's `teamId`: it must be the first part of every name where the operator insists on that.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9]*$"), length(max = 32))]
    pub team: String,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
    /// The image of the exporter of metrics beside each member.
    #[schemars(length(min = 1, max = 512))]
    pub exporter_image: String,
    /// An image with a shell and `/usr/lib/postgresql/RELEASE/bin/pg_dump` of every release line, for last backups.
    #[schemars(length(min = 1, max = 512))]
    pub dump_image: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            namespace: "postgres-operator".into(),
            team: "platform".into(),
            priority_class: None,
            exporter_image: "quay.io/prometheuscommunity/postgres-exporter:v0.20.1".into(),
            dump_image: "ghcr.io/zalando/postgres-operator/logical-backup:v2.0.1".into(),
        }
    }
}

pub struct Zalando;

impl Operator for Zalando {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Postgresql,
            topologies: &[Topology::Standalone, Topology::Replicated],
            most_replicas: MOST_MEMBERS,
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
            standby: None,
            stores: &[Store::S3],
            load_balancer: true,
            encryption: Encryption::Own,
            audit: true,
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

    fn helpers(&self, terms: &Terms) -> Amounts {
        let exporters = (!terms.monitoring.off).then(|| EXPORTER.times(terms.replicas.into()));
        let poolers = terms.pooling.as_ref().map(|pooling| POOLER.times(pooling.instances.into()));
        exporters.unwrap_or_default().plus(poolers.unwrap_or_default())
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        vec![members(generation), volumes(generation)]
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = KIND;
        vec![Reference { key: Key(generation.key(KEY)), api_version, kind, name: generation.name() }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let settings = &settings.zalando;
        let resources = vec![cluster::compose(generation, settings)];
        let mut engine = Engine { resources, facts: facts::facts(generation, settings) };
        roles::add(&mut engine, generation, client(generation, settings), administrator(generation), observed);
        engine
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        let backup = generation.plan.terms.backup.as_ref()?;
        Some(backup::once(generation, backup, settings, role, name))
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup_job::run(backup)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// Permanent; a generation adds its number.
const KEY: &str = "cluster";
/// The kind is written in lower case.
const KIND: (&str, &str) = ("acid.zalan.do/v1", "postgresql");
const MOST_MEMBERS: u32 = 9;

const EXPORTER: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// PgBouncer has one thread. The memory is for the ten thousand clients that the operator lets in.
const POOLER: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };

/// Labels that the operator sets.
mod label {
    /// `spilo` on members and volumes, `db-connection-pooler` on poolers.
    pub const APPLICATION: &str = "application";
    pub const CLUSTER: &str = "cluster-name";
    /// `master` or `replica`, kept by Patroni.
    pub const ROLE: &str = "spilo-role";
    pub const POOLER: &str = "connection-pooler";
}

/// On everything of the members: pods, StatefulSet, volumes.
fn own(name: &str) -> [(&'static str, &str); 2] {
    [(label::APPLICATION, "spilo"), (label::CLUSTER, name)]
}

fn members(generation: &Generation) -> Question {
    operators::stateful_set::question(generation, &generation.name())
}

fn volumes(generation: &Generation) -> Question {
    let name = generation.name();
    Question::by_labels("v1", "PersistentVolumeClaim", &generation.database().namespace, &own(&name))
}

/// Roles that Spilo or the operator make for themselves, besides those of every operator: a user of such a name is
/// silently left out.
const TAKEN_ROLES: [&str; 5] = ["admin", "cron_admin", "pooler", "robot_zmon", "zalandos"];
const TAKEN_DATABASES: [&str; 3] = ["postgres", "template0", "template1"];

/// The role that owns the application's database. Permanent.
fn owner(database: &str) -> String {
    if TAKEN_ROLES.contains(&database) { format!("app_{database}") } else { postgresql::owner(database) }
}

/// The secret that the operator keeps for a role.
fn secret(generation: &Generation, role: &str) -> String {
    format!("{}.{}.credentials.postgresql.acid.zalan.do", role.replace('_', "-"), generation.name())
}

/// For further users: the operator knows no memberships.
fn client<'a>(generation: &Generation, settings: &'a Settings) -> roles::Client<'a> {
    roles::Client {
        image: settings.dump_image.clone(),
        image_pull_secrets: &[],
        user: 65532,
        address: backup::address(generation),
        sign_in: postgresql_roles::sign_in(&owner(&generation.database().inside)),
        server: (facts::MEMBERS, postgresql::PORT),
    }
}

fn administrator(generation: &Generation) -> roles::Administrator {
    let owner = owner(&generation.database().inside);
    let script = postgresql_roles::script(generation, &owner);
    roles::Administrator { script, env: backup::superuser(generation), owner }
}

fn problems(terms: &Terms) -> Vec<Problem> {
    let mut problems = vec![];
    let inside = &terms.database.inside;
    let ends_well = inside.ends_with(|letter: char| letter.is_ascii_alphanumeric());
    if inside.contains('-') || !ends_well {
        let wrong = format!("on Zalando {inside:?} can be no database");
        problems.push(Problem::new("spec.name", wrong, "write letters, digits and _, with no _ at the end"));
    }
    if TAKEN_DATABASES.contains(&inside.as_str()) {
        problems.push(Problem::new("spec.name", format!("{inside} is PostgreSQL's own"), "write another name"));
    }
    for (index, role) in terms.access.roles.iter().enumerate().filter(|(_, role)| owner(&role.name) != role.name) {
        let wrong = format!("{} is a role that Zalando makes itself", role.name);
        problems.push(Problem::new(format!("spec.access.roles[{index}].name"), wrong, "write another name"));
    }
    if terms.delivery != Delivery::Direct {
        let path = format!("TierDefaults.environments.{}.objectDelivery", name_of(&terms.environment));
        let wrong = "Zalando does not say how its members are, and in another cluster nobody can look at them";
        problems.push(Problem::new(path, wrong, "the platform team leaves it out, or names another operator"));
    }
    problems
}

#[cfg(test)]
mod tests;
