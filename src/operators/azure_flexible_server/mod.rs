//! PostgreSQL on Azure Database for PostgreSQL, flexible server, through Azure Service Operator 2.20. In: a generation. Out:
//! `FlexibleServer` with its read replicas, database, settings and firewall rules; an identity for applications; facts;
//! health. <https://azure.github.io/azure-service-operator/reference/dbforpostgresql/>
//!
//! One member is a server alone, two are a server with a standby in another zone, which takes no connections; each further
//! one is a read replica, a server of its own. Backups are Azure's, daily and continuous, whatever the plan's schedule; they
//! go with the server, so that a last backup is a dump into the platform's own store.
//!
//! What it cannot do: namespaces that the claim allows are not told apart, since the firewall sees addresses alone; pods of
//! last backups need a way to Azure through the platform's own network policies; there are no metrics in the cluster; and
//! while the operator writes a server again, as it does from time to time, the server is not ready.
//!
//! Must not know an integration.

mod access;
mod backup;
mod change;
mod facts;
mod health;
mod identity;
mod server;
mod sku;

use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Operator, Reference, Resource, Restores,
    backup_job, password, postgresql,
};
use crate::api::claim::{BackupMethod, Topology};
use crate::api::destination::Store;
use crate::api::input::Engines;
use crate::api::plan::{Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes};
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::plan::schedule::days;
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use server::Member;
use std::iter;

/// Where in Azure servers are made, and who reaches them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The ARM id of the resource group.
    #[schemars(regex(pattern = r"^/subscriptions/[^/]+/resourceGroups/[^/]+$"), length(max = 256))]
    pub resource_group: String,
    /// The Azure region.
    #[schemars(regex(pattern = r"^[a-z0-9]+$"), length(max = 63))]
    pub location: String,
    /// The domain of servers; another one in sovereign clouds.
    #[schemars(length(min = 1, max = 253))]
    pub domain: String,
    /// The address ranges (IPv4) from which the cluster's own pods reach Azure; those of claims are added. Without any of
    /// them nobody reaches a server that stands in no network.
    #[schemars(
        length(max = 32),
        inner(regex(pattern = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$"), length(max = 18))
    )]
    pub cluster_addresses: Vec<String>,
    /// A virtual network that servers stand in; then they have no public address and no firewall.
    pub network: Option<Network>,
    /// How Microsoft Entra knows this cluster. With it applications can sign in without a password.
    pub workload_identity: Option<WorkloadIdentity>,
    /// The image of the last backup, with pg_dump of the newest release line on offer.
    #[schemars(length(min = 1, max = 512))]
    pub dump_image: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// The ARM id of the subnet, which is delegated to flexible servers.
    #[schemars(length(min = 1, max = 512))]
    pub subnet: String,
    /// The ARM id of the private DNS zone.
    #[schemars(length(min = 1, max = 512))]
    pub dns_zone: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadIdentity {
    /// The OIDC issuer of this cluster, which Entra trusts.
    #[schemars(regex(pattern = r"^https://\S+$"), length(max = 256))]
    pub issuer: String,
    /// The id of the tenant that identities are made in.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"), length(max = 36))]
    pub tenant: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            resource_group: "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/databases".into(),
            location: "westeurope".into(),
            domain: "postgres.database.azure.com".into(),
            cluster_addresses: vec![],
            network: None,
            workload_identity: None,
            dump_image: "postgres:18.1".into(),
        }
    }
}

/// Days that Azure keeps backups for.
const LEAST_DAYS: u32 = 7;
const MOST_DAYS: u32 = 35;
/// The sizes of volumes, in Gi.
const STEPS: [u64; 8] = [32, 64, 128, 256, 512, 1024, 2048, 4096];
/// Five read replicas beside the server and its standby.
const MOST_REPLICAS: u32 = 7;

pub struct AzureFlexibleServer;

impl Operator for AzureFlexibleServer {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Postgresql,
            topologies: &[Topology::Replicated, Topology::Standalone],
            most_replicas: MOST_REPLICAS,
            read_replicas: true,
            shards: None,
            odd_replicas: false,
            pooling: true,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Physical],
            backup_on_demand: true,
            point_in_time: true,
            extensions: false,
            hibernation: false,
            restore: Restores::Never,
            in_place: false,
            standby: None,
            stores: &[Store::S3, Store::Google, Store::Azure],
            load_balancer: false,
            encryption: Encryption::Own,
            // pgaudit is loaded by a restart (Microsoft, "Manage PostgreSQL extensions"), and the operator restarts nothing.
            audit: false,
            custom_queries: false,
            roles: false,
            console: false,
            at_rest: AtRest::Service,
            restricted: true,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    /// The next step that Azure has; what is larger than all of them is refused.
    fn storage(&self, asked: Bytes) -> Bytes {
        let steps = STEPS.iter().map(|step| Bytes(step * Bytes::GI));
        steps.into_iter().find(|step| *step >= asked).unwrap_or(asked)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        problems(terms)
    }

    fn fixed(&self, from: &Terms, to: &Terms) -> Vec<Problem> {
        change::fixed(from, to)
    }

    /// Azure's, at its own price.
    fn helpers(&self, _terms: &Terms) -> Amounts {
        Amounts::default()
    }

    fn requirements(&self, _generation: &Generation) -> Vec<Question> {
        vec![]
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = kind::SERVER;
        vec![Reference { key: Key(generation.key(key::SERVER)), api_version, kind, name: generation.name() }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let own = &settings.azure_flexible_server;
        let account =
            [(USERNAME, password::Value::Text(administrator(generation))), (PASSWORD, password::Value::Password)];
        let mut resources = Vec::from(password::compose(generation, "kubernetes.io/basic-auth", &account));
        resources.push(server::primary(generation, own));
        resources.push(access::database(generation));
        resources.extend(server::due(generation, observed).map(|member| server::replica(generation, own, member)));
        for member in iter::once(Member::Primary).chain(server::due(generation, observed)) {
            resources.extend(access::settings(generation, member));
            if own.network.is_none() {
                resources.extend(access::firewall(generation, own, member));
            }
        }
        if let Some(cluster) = &own.workload_identity {
            resources.extend(identity::compose(generation, own, cluster, observed));
        }
        Engine { resources, facts: facts::facts(generation, own) }
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        let plan = generation.plan.terms.backup.as_ref()?;
        let dump = backup::dump(generation, &settings.azure_flexible_server);
        Some(backup_job::once(generation, plan, &dump, &settings.backup_jobs, role, name))
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
    match sku::of(terms.cpu, terms.memory) {
        None => {
            let wrong = format!("Azure has no server of {} cpu and {}", terms.cpu, terms.memory);
            problems.push(Problem::new("spec.size", wrong, format!("write a size such as {}", sku::offered())));
        }
        Some(sku) if sku.tier == sku::BURSTABLE => {
            let wrong = |what| format!("Azure's burstable server {} has no {what}", sku.name);
            let right = "leave it out, or write a larger size";
            if terms.replicas > 1 {
                problems.push(Problem::new("spec.size", wrong("standby and no replicas"), "write a larger size"));
            }
            if terms.pooling.is_some() {
                problems.push(Problem::new("spec.pooling", wrong("pooling"), right));
            }
        }
        Some(_) => {}
    }
    let inside = &terms.database.inside;
    if OWN_DATABASES.contains(&inside.as_str()) {
        problems.push(Problem::new("spec.name", format!("{inside} is Azure's own"), "write another name"));
    }
    let most = Bytes(STEPS.into_iter().max().unwrap_or_default() * Bytes::GI);
    if terms.storage > most {
        let wrong = format!("{} is more than Azure has", terms.storage);
        problems.push(Problem::new("spec.storage", wrong, format!("write {most} or less")));
    }
    let kept = terms.backup.as_ref().and_then(|backup| days(&backup.retention));
    if let Some(kept) = kept.filter(|kept| !(LEAST_DAYS..=MOST_DAYS).contains(kept)) {
        let wrong = format!("Azure cannot keep backups for {kept} days");
        problems.push(Problem::new("spec.backup.retention", wrong, format!("write {LEAST_DAYS}d to {MOST_DAYS}d")));
    }
    for (index, cidr) in terms.access.cidrs.iter().enumerate().filter(|(_, cidr)| access::range(cidr).is_none()) {
        let wrong = format!("Azure's firewall knows IPv4 only, and {cidr} is none");
        problems.push(Problem::new(format!("spec.access.allowedCIDRs[{index}]"), wrong, "write one of IPv4"));
    }
    problems
}

/// On every server (Microsoft, "Servers in Azure Database for PostgreSQL"), besides PostgreSQL's own.
const OWN_DATABASES: [&str; 2] = ["azure_maintenance", "azure_sys"];

/// The keys of the account in its secret.
const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// The permanent keys; a generation adds its number.
mod key {
    pub const SERVER: &str = "server";
    pub const REPLICA: &str = "replica";
    pub const DATABASE: &str = "database";
    pub const SETTING: &str = "setting";
    pub const FIREWALL: &str = "firewall";
    /// Clients hold on to these three, so no generation adds its number.
    pub const IDENTITY: &str = "identity";
    pub const CREDENTIAL: &str = "federated-credential";
    pub const SERVICE_ACCOUNT: &str = "service-account";
    pub const ADMINISTRATOR: &str = "administrator";
}

/// API version and kind. Releases 17 and 18 are in this version only.
mod kind {
    pub const SERVER: (&str, &str) = ("dbforpostgresql.azure.com/v20250801", "FlexibleServer");
    pub const DATABASE: (&str, &str) = ("dbforpostgresql.azure.com/v20250801", "FlexibleServersDatabase");
    pub const SETTING: (&str, &str) = ("dbforpostgresql.azure.com/v20250801", "FlexibleServersConfiguration");
    pub const FIREWALL: (&str, &str) = ("dbforpostgresql.azure.com/v20250801", "FlexibleServersFirewallRule");
    pub const ADMINISTRATOR: (&str, &str) = ("dbforpostgresql.azure.com/v20250801", "FlexibleServersAdministrator");
    pub const IDENTITY: (&str, &str) = ("managedidentity.azure.com/v1api20230131", "UserAssignedIdentity");
    pub const CREDENTIAL: (&str, &str) = ("managedidentity.azure.com/v1api20230131", "FederatedIdentityCredential");
}

/// Names of servers are of the whole world: the lineage keeps apart those of two clusters, and a new database from the
/// name of an old one that Azure still holds.
fn azure_name(generation: &Generation) -> String {
    of_lineage(generation, &generation.name())
}

fn of_lineage(generation: &Generation, name: &str) -> String {
    let lineage: String = generation.lineage.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("{name}-{}", lineage.to_ascii_lowercase())
}

/// Under which clients know a server.
fn host(azure_name: &str, settings: &Settings) -> String {
    format!("{azure_name}.{}", settings.domain)
}

/// Names that Azure refuses, as far as they have letters and digits only (Microsoft, "Create an instance of Azure Database
/// for PostgreSQL": administrator login).
const REFUSED: [&str; 4] = ["admin", "administrator", "guest", "root"];

/// The account of the application, and the first one that a server has. It is no superuser. Azure takes letters and digits.
/// Permanent.
fn administrator(generation: &Generation) -> String {
    let mut name = postgresql::owner(&generation.database().inside);
    name.retain(|letter| letter.is_ascii_alphanumeric());
    if REFUSED.contains(&name.as_str()) { format!("app{name}") } else { name }
}

/// A reference to another resource of the operator in the namespace.
#[derive(Serialize)]
struct Owner {
    name: String,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArmId<'a> {
    arm_id: &'a str,
}

#[cfg(test)]
mod tests;
