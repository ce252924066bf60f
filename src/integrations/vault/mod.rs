//! Users that live for an hour: Vault's database engine, set up by the vault-config-operator (redhatcop.redhat.io/v1alpha1),
//! delivered by the Vault Secrets Operator (secrets.hashicorp.com/v1beta1) or External Secrets (2.x). In: a generation, facts,
//! where Vault is. Out: its engine, roles, policies and sign-in for this one database, and the secret `NAME-connection`.
//! Must not hold a secret, and must not rotate what the database's operator keeps: Vault signs in as a user of its own.
//!
//! Everything is the database's and not the generation's: Vault knows it by the Service that a restore puts other pods behind.

mod delivery;
mod push;
mod statements;

use super::external_secret::SecretStore;
use super::{Standing, binding, global_name, resource, service, standing};
use crate::api::claim::CredentialSource;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::facts::{EndpointRole, UserMaker};
use crate::operators::{Facts, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use statements::{Level, Plugin};

/// Permanent.
const ENGINE: &str = "vault-engine";
const ROLE: &str = "vault-role";
const POLICY: &str = "vault-policy";
const KUBERNETES_ROLE: &str = "vault-kubernetes-role";
const GROUP: &str = "redhatcop.redhat.io/v1alpha1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The address of Vault, such as https://vault.vault.svc:8200.
    #[schemars(regex(pattern = r"^https?://[A-Za-z0-9.:\[\]-]+$"), length(max = 256))]
    pub server: String,
    /// As whom the vault-config-operator signs in to set up what a database needs.
    pub administrator: Administrator,
    /// Where Vault's sign-in for pods is mounted.
    #[serde(default = "kubernetes")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_/-]+$"), length(max = 128))]
    pub kubernetes_mount: String,
    /// Where Vault's database engine is mounted.
    #[serde(default = "databases")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_/-]+$"), length(max = 128))]
    pub database_mount: String,
    /// The service account, in the database's namespace, that may fetch the application's credentials.
    #[serde(default = "default_account")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account: String,
    /// What brings them into the namespace.
    pub delivery: Delivery,
    /// How long credentials live, in minutes; they are replaced after two thirds of that.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 5, max = 43200))]
    pub minutes: u32,
    /// Puts the credentials of databases without dynamic ones into a key-value engine.
    #[serde(default)]
    pub key_value: Option<KeyValue>,
}

/// Everything in Vault is called `NAMESPACE.NAME`, so that the policy of this role can hold each namespace to its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Administrator {
    /// A role of Vault's sign-in for pods.
    #[schemars(length(min = 1, max = 253))]
    pub role: String,
    /// A service account in the database's namespace that no application runs as.
    #[schemars(length(min = 1, max = 253))]
    pub service_account: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Delivery {
    VaultSecretsOperator,
    ExternalSecrets,
}

/// A store of External Secrets for Vault's key-value engine, and the folder in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyValue {
    pub secret_store: SecretStore,
    /// Such as databases; namespace and name are added to it.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_/-]+$"), length(min = 1, max = 128))]
    pub folder: String,
}

fn kubernetes() -> String {
    "kubernetes".into()
}

fn databases() -> String {
    "database".into()
}

fn default_account() -> String {
    "default".into()
}

fn an_hour() -> u32 {
    60
}

pub fn compose(generation: &Generation, facts: &Facts, settings: Option<&Settings>) -> Vec<Resource> {
    let Some(settings) = settings else { return vec![] };
    if !asked(generation) {
        return push::compose(generation, facts, settings).into_iter().collect();
    }
    match Vault::of(generation, facts, settings) {
        Some(vault) => vault.resources(),
        None => vec![],
    }
}

/// Where the credentials are in Vault.
pub fn path(generation: &Generation, facts: &Facts, settings: Option<&Settings>) -> Option<String> {
    let settings = settings?;
    if !asked(generation) {
        return settings.key_value.as_ref().map(|store| push::path(generation, store));
    }
    Vault::of(generation, facts, settings).map(|vault| vault.path(Level::Application))
}

/// Why applications have no credentials yet.
pub fn problem(
    generation: &Generation,
    facts: &Facts,
    settings: Option<&Settings>,
    observed: &Observed,
) -> Option<String> {
    if !asked(generation) {
        return None;
    }
    let Some(settings) = settings else {
        return Some("the platform has not set up Vault (Integrations.vault)".into());
    };
    let Some(vault) = Vault::of(generation, facts, settings) else {
        return Some(format!("Vault makes no users of {} here", facts.provider));
    };
    let name = binding::name(generation, facts);
    let (key, condition) = vault.delivered();
    // What Vault says of a connection that failed is not repeated here: nobody knows what is in it.
    let steps = [(ENGINE, SET_UP, "the database is not set up there yet"), (key, condition, "it gave none yet")];
    let waiting = |(key, condition, _): &(&str, &str, &str)| {
        !matches!(standing(generation, observed, key, condition), Standing::Fine)
    };
    let (key, _, what) = steps.into_iter().find(waiting)?;
    Some(format!("the credentials in {name} wait for Vault: {what} (see the conditions of {key})"))
}

/// What the vault-config-operator says of all that it has done.
pub const SET_UP: &str = "ReconcileSuccessful";
/// Credentials that another operator brings, by key and by the condition that says whether it did.
pub const DELIVERED: [(&str, &str); 3] =
    [(ENGINE, SET_UP), (delivery::DYNAMIC, delivery::SYNCED), (delivery::EXTERNAL, "Ready")];

fn asked(generation: &Generation) -> bool {
    generation.plan.terms.credentials == CredentialSource::VaultDynamic
}

/// One database in Vault.
struct Vault<'a> {
    generation: &'a Generation,
    facts: &'a Facts,
    settings: &'a Settings,
    maker: &'a UserMaker,
    plugin: Plugin,
    /// In Vault, where all namespaces meet.
    name: String,
}

impl Vault<'_> {
    fn of<'a>(generation: &'a Generation, facts: &'a Facts, settings: &'a Settings) -> Option<Vault<'a>> {
        let maker = facts.user_maker.as_ref()?;
        let host = service::host(generation, EndpointRole::Primary);
        let port = facts.endpoint(EndpointRole::Primary)?.port;
        let database = &generation.database().inside;
        let plugin = statements::plugin(&facts.service_type, &host, port, database, &facts.uri.query)?;
        Some(Vault { generation, facts, settings, maker, plugin, name: global_name(generation.database()) })
    }

    fn resources(&self) -> Vec<Resource> {
        let mut resources = vec![self.engine()];
        resources.extend(Level::ALL.map(|level| self.role(level)));
        resources.push(self.policy(Level::Application, &[Level::Application]));
        resources.push(self.policy(Level::Administrator, &[Level::Reader, Level::Administrator]));
        resources.push(self.kubernetes_role());
        resources.extend(delivery::compose(self));
        resources
    }

    /// With nothing that would change the password: External Secrets made it, and Vault only signs in with it.
    fn engine(&self) -> Resource {
        let Vault { settings, maker, plugin, name, .. } = self;
        let mut spec = json!({
            "authentication": self.authentication(),
            "path": settings.database_mount,
            "name": name,
            "pluginName": plugin.name,
            "connectionURL": plugin.url,
            "allowedRoles": Level::ALL.map(|level| self.named(level)),
            "rootCredentials": {
                "secret": {"name": maker.secret}, "usernameKey": maker.username, "passwordKey": maker.password,
            },
            "verifyConnection": true,
        });
        if let Some(specific) = &plugin.specific {
            spec["databaseSpecificConfig"] = specific.clone();
        }
        self.configured(ENGINE, "DatabaseSecretEngineConfig", self.generation.database().name.clone(), spec)
    }

    fn role(&self, level: Level) -> Resource {
        let database = &self.generation.database().inside;
        let (creation, revocation) = statements::statements(&self.facts.service_type, self.maker, database, level);
        let lifetime = format!("{}m", self.settings.minutes);
        let spec = json!({
            "authentication": self.authentication(),
            "path": self.settings.database_mount,
            "name": self.named(level),
            "dBName": self.name,
            "defaultTTL": lifetime,
            "maxTTL": lifetime,
            "creationStatements": creation,
            "revocationStatements": revocation,
        });
        self.of_level(ROLE, "DatabaseSecretEngineRole", level, spec)
    }

    fn policy(&self, level: Level, fetched: &[Level]) -> Resource {
        let path = |path: &str, may: &str| format!("path \"{path}\" {{\n  capabilities = [\"{may}\"]\n}}\n");
        let mut policy: String = fetched.iter().map(|level| path(&self.path(*level), "read")).collect();
        policy.push_str(&path("sys/leases/renew", "update"));
        policy.push_str(&path("sys/leases/revoke", "update"));
        let spec = json!({
            "authentication": self.authentication(), "name": self.named(level), "policy": policy, "type": "acl",
        });
        self.of_level(POLICY, "Policy", level, spec)
    }

    /// Who may fetch the application's credentials: one service account of this namespace.
    fn kubernetes_role(&self) -> Resource {
        let spec = json!({
            "authentication": self.authentication(),
            "path": self.settings.kubernetes_mount,
            "name": self.named(Level::Application),
            "policies": [self.named(Level::Application)],
            "targetServiceAccounts": [self.settings.service_account],
            "targetNamespaces": {"targetNamespaces": [self.generation.database().namespace]},
            "tokenTTL": self.settings.minutes * 60,
        });
        let name = self.generation.database().name.clone();
        self.configured(KUBERNETES_ROLE, "KubernetesAuthEngineRole", name, spec)
    }

    fn of_level(&self, key: &str, kind: &str, level: Level, spec: Value) -> Resource {
        let name = format!("{}-{}", self.generation.database().name, level.name());
        self.configured(&format!("{key}-{}", level.name()), kind, name, spec)
    }

    fn configured(&self, key: &str, kind: &str, name: String, spec: Value) -> Resource {
        resource(self.generation, key, (GROUP, kind), name, &spec)
    }

    fn authentication(&self) -> Value {
        json!({
            "path": self.settings.kubernetes_mount,
            "role": self.settings.administrator.role,
            "serviceAccount": {"name": self.settings.administrator.service_account},
        })
    }

    fn named(&self, level: Level) -> String {
        format!("{}.{}", self.name, level.name())
    }

    fn path(&self, level: Level) -> String {
        format!("{}/creds/{}", self.settings.database_mount, self.named(level))
    }

    /// What brings the credentials: its key, and the condition that says whether it did.
    fn delivered(&self) -> (&'static str, &'static str) {
        match self.settings.delivery {
            Delivery::VaultSecretsOperator => (delivery::DYNAMIC, delivery::SYNCED),
            Delivery::ExternalSecrets => (delivery::EXTERNAL, "Ready"),
        }
    }
}
