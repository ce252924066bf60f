//! What surrounds a database. In: a generation and its engine's facts. Out: resources, one file per integration.
//!
//! What clients hold on to, Services and the connection secret, is named after the database alone and outlives every
//! generation, in one place under one key; what belongs to pods is named and keyed by their generation. Must not know which operator made the facts.

pub mod service;
pub mod binding;
pub mod connection_secret;
pub mod external_secret;
pub mod vault;
pub mod teleport;
pub mod consul;
pub mod catalog;
pub mod console;
pub mod dashboard;
pub mod network_policy;
pub mod pod_monitor;
pub mod prometheus_rule;

use crate::api::claim::CredentialSource;
use crate::api::input::Integrations;
use crate::api::plan::{DatabaseName, Delivery};
use crate::api::record::Generation;
use crate::observed::{Observed, Question};
use crate::operators::facts::{EndpointRole, SecretKey};
use crate::operators::{Facts, Holds, Resource, metadata};
use crate::wire::{Key, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How clients reach the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The name of the secret that applications bind to.
    pub binding: String,
    /// Host and port.
    pub primary: Option<String>,
    pub replica: Option<String>,
    pub pooler: Option<String>,
    /// Where the credentials are in Vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// How people open the web console, or why they cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// Why there are no credentials for applications yet.
    pub credentials: Option<String>,
}

/// In a fixed order. What the platform did not configure is off: a kind that the cluster does not know stops everything.
pub fn compose(generation: &Generation, facts: &Facts, settings: &Integrations, observed: &Observed) -> Vec<Resource> {
    // A new section does not compile until it is used here.
    let Integrations {
        external_secrets,
        vault,
        teleport,
        consul,
        catalog: _,
        console: _,
        network_policy,
        pod_monitor,
        prometheus_rule,
    } = settings;
    let monitoring = &generation.plan.terms.monitoring;
    let mut resources = service::compose(generation, facts, consul);
    resources.extend(connection_secret::compose(generation, facts, observed));
    resources.extend(external_secret::compose(generation, facts, external_secrets.as_ref()));
    resources.extend(vault::compose(generation, facts, vault.as_ref()));
    let vault_path = vault::path(generation, facts, vault.as_ref());
    resources.extend(consul::compose(generation, facts, consul, vault_path.as_deref()));
    if let Some(settings) = teleport {
        resources.extend(teleport::compose(generation, facts, settings, observed));
    }
    if let Some(settings) = network_policy {
        resources.extend(network_policy::compose(generation, facts, settings));
    }
    resources.extend(console::compose(generation, facts, settings));
    if let Some(settings) = pod_monitor.as_ref().filter(|_| !monitoring.off) {
        resources.extend(pod_monitor::compose(generation, facts, settings));
    }
    if let Some(settings) = prometheus_rule.as_ref().filter(|_| !monitoring.off && !monitoring.silent) {
        resources.push(prometheus_rule::compose(generation, facts, settings));
    }
    resources
}

/// Around a generation that does not serve yet: only what its pods need to get ready.
pub fn beside(generation: &Generation, facts: &Facts, settings: &Integrations) -> Vec<Resource> {
    settings.network_policy.iter().flat_map(|settings| network_policy::compose(generation, facts, settings)).collect()
}

/// The same names as what was composed.
pub fn access(generation: &Generation, facts: &Facts, settings: &Integrations, observed: &Observed) -> Access {
    let endpoint =
        |role| facts.endpoint(role).map(|endpoint| format!("{}:{}", service::host(generation, role), endpoint.port));
    Access {
        binding: binding::name(generation, facts),
        primary: endpoint(EndpointRole::Primary),
        replica: endpoint(EndpointRole::Replica),
        pooler: endpoint(EndpointRole::Pooler),
        vault_path: vault::path(generation, facts, settings.vault.as_ref()),
        console: console::opened(generation, facts, settings),
        credentials: connection_secret::problem(generation, facts, observed)
            .or_else(|| external_secret::problem(generation, facts, settings.external_secrets.as_ref(), observed))
            .or_else(|| vault::problem(generation, facts, settings.vault.as_ref(), observed)),
    }
}

/// Whether applications get this user, whose credentials are in that secret.
pub fn published(generation: &Generation, user: &str, secret: &str, observed: &Observed) -> bool {
    match generation.plan.terms.credentials {
        CredentialSource::Secret => connection_secret::signs_in(user, observed),
        CredentialSource::ExternalSecret => external_secret::is_made_of(generation, secret, observed),
        CredentialSource::Operator | CredentialSource::VaultDynamic => false,
    }
}

/// What they need to see of the secrets that are made of what was composed.
pub fn secrets(generation: &Generation, facts: &Facts, settings: &Integrations) -> Vec<SecretKey> {
    let mut secrets = connection_secret::secrets(generation, facts);
    let wanted = facts.certificate_authority.clone();
    secrets.extend(wanted.filter(|_| settings.teleport.is_some() && visible(generation)));
    secrets
}

/// Whether Crossplane can look at what is beside the database: in another cluster it cannot.
fn visible(generation: &Generation) -> bool {
    generation.plan.terms.delivery == Delivery::Direct
}

pub fn secret(generation: &Generation, name: &str) -> Question {
    Question::by_name("v1", "Secret", &generation.database().namespace, name)
}

/// The certificate authority of the server, which is no secret; none while it cannot be read.
fn authority(generation: &Generation, facts: &Facts, observed: &Observed) -> Option<String> {
    let encoded = connection_secret::authority_of(generation, facts.certificate_authority.as_ref()?, observed)?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

/// A name where all namespaces meet. Neither part has a dot, so that no two databases meet in one, and `NAMESPACE.*` is all of
/// a namespace's and nobody else's. Permanent.
fn global_name(DatabaseName { namespace, name, .. }: &DatabaseName) -> String {
    format!("{namespace}.{name}")
}

fn whole(generation: &Generation, key: &str, object: &Value) -> Resource {
    Resource { key: Key(generation.shared_key(key)), holds: Holds::Nothing, object: Object::of(object) }
}

/// Credentials that another operator makes, by key and by the condition that says whether it did.
const MADE_BY_OTHERS: [(&str, &str); 4] =
    [(external_secret::KEY, "Ready"), vault::DELIVERED[0], vault::DELIVERED[1], vault::DELIVERED[2]];

/// Which of these resources are there without serving anybody yet.
pub fn unready(generation: &Generation, observed: &Observed) -> impl Iterator<Item = Key> {
    let idle =
        |(key, condition): &(&str, &str)| !matches!(standing(generation, observed, key, condition), Standing::Fine);
    MADE_BY_OTHERS.into_iter().filter(idle).map(|(key, _)| Key(generation.shared_key(key)))
}

/// How a resource of another operator stands, by the condition that says so.
enum Standing {
    Fine,
    NotYet,
    /// Why, in that operator's words.
    Wrong(String),
}

fn standing(generation: &Generation, observed: &Observed, key: &str, condition: &str) -> Standing {
    // A status that cannot be read has said nothing.
    let made: Option<Made> = observed.get(&generation.shared_key(key)).ok().flatten();
    let conditions = made.map(|made| made.status.conditions).unwrap_or_default();
    match conditions.into_iter().find(|found| found.kind == condition) {
        Some(Condition { status, .. }) if status == "True" => Standing::Fine,
        Some(Condition { status, message, .. }) if status == "False" => {
            Standing::Wrong(message.unwrap_or_else(|| "no reason given".into()))
        }
        Some(_) | None => Standing::NotYet,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Made {
    status: MadeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MadeStatus {
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    message: Option<String>,
}

/// What stands in a URI as it is (RFC 3986, "unreserved").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As it stands in a URI.
fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// One resource that belongs to the database, not to a generation of it.
fn resource(generation: &Generation, key: &str, kind: (&str, &str), name: String, spec: &Value) -> Resource {
    let manifest = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": metadata(generation, name), "spec": spec});
    whole(generation, key, &manifest)
}

/// A group of pods in keys and names: the members' has the plain one.
fn of_role(name: &str, role: &str) -> String {
    if role == "members" { name.into() } else { format!("{name}-{role}") }
}
