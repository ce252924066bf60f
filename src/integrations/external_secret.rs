//! The same secret as `connection_secret`, made by the External Secrets operator (2.x), for platforms where no value may pass
//! through the function: an `ExternalSecret` that reads what the operator keeps, through a store of External Secrets'
//! Kubernetes provider. In: a generation, facts, the platform's store. Out: one resource, later whether it works. Must not
//! hold a value: what stands here are names of keys.
//!
//! The store reads the database's own namespace, with an account that may get secrets there; it is the platform's.

use super::{Standing, binding, standing};
use crate::api::claim::CredentialSource;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::facts::Username;
use crate::operators::{Facts, Holds, Metadata, Resource, metadata};
use crate::wire::{Key, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Permanent.
pub const KEY: &str = "connection-external-secret";
const KIND: (&str, &str) = ("external-secrets.io/v1", "ExternalSecret");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// A store with External Secrets' Kubernetes provider that reads the secrets of the database's own namespace.
    pub secret_store: SecretStore,
    /// How often the secret follows the operator's, such as 1h.
    #[serde(default = "hourly")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}(s|m|h)$"), length(max = 6))]
    pub refresh_interval: String,
}

/// A store of the External Secrets operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretStore {
    /// The store's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    #[serde(default)]
    pub kind: StoreKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StoreKind {
    /// In the database's own namespace.
    #[default]
    SecretStore,
    ClusterSecretStore,
}

fn hourly() -> String {
    "1h".into()
}

pub fn compose(generation: &Generation, facts: &Facts, settings: Option<&Settings>) -> Option<Resource> {
    let settings = settings.filter(|_| asked(generation))?;
    let secret = ExternalSecret {
        api_version: KIND.0,
        kind: KIND.1,
        metadata: metadata(generation, binding::name(generation, facts)),
        spec: Spec {
            refresh_interval: &settings.refresh_interval,
            secret_store_ref: &settings.secret_store,
            target: Target {
                name: binding::name(generation, facts),
                creation_policy: "Owner",
                deletion_policy: "Retain",
                template: Template {
                    engine_version: "v2",
                    r#type: binding::kind(facts),
                    data: template(generation, facts),
                },
            },
            data: sources(facts),
        },
    };
    Some(Resource { key: Key(generation.shared_key(KEY)), holds: Holds::Nothing, object: Object::of(&secret) })
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
    let name = binding::name(generation, facts);
    match (settings, standing(generation, observed, KEY, "Ready")) {
        (None, _) => Some("the platform has not set up External Secrets (Integrations.externalSecrets)".into()),
        (Some(_), Standing::Fine) => None,
        (Some(_), Standing::NotYet) => Some(format!("External Secrets has not made the secret {name} yet")),
        (Some(_), Standing::Wrong(why)) => Some(format!("External Secrets cannot make the secret {name}: {why}")),
    }
}

/// Whether what it made is of this secret: External Secrets notes the generation of the object that it made last
/// (`syncedResourceVersion`, `3-` and a hash).
pub fn is_made_of(generation: &Generation, secret: &str, observed: &Observed) -> bool {
    let Some(Made { metadata, spec, status }) = observed.get(&generation.shared_key(KEY)).ok().flatten() else {
        return false;
    };
    let reads = spec.data.iter().any(|source| source.remote_ref.key == secret);
    let (last, _) = status.synced_resource_version.split_once('-').unwrap_or_default();
    let fine = matches!(standing(generation, observed, KEY, "Ready"), Standing::Fine);
    reads && fine && last.parse() == Ok(metadata.generation)
}

fn asked(generation: &Generation) -> bool {
    generation.plan.terms.credentials == CredentialSource::ExternalSecret
}

/// What is read of the operator's secrets, by the names that the template knows it by.
fn sources(facts: &Facts) -> Vec<Source> {
    let secret = &facts.credentials.secret;
    let mut sources = vec![source("password", secret, &facts.credentials.password)];
    if let Username::Key(key) = &facts.credentials.username {
        sources.insert(0, source("username", secret, key));
    }
    sources.extend(facts.certificate_authority.as_ref().map(|at| source("authority", &at.secret, &at.key)));
    sources
}

fn source(name: &'static str, secret: &str, key: &str) -> Source {
    Source { secret_key: name, remote_ref: Remote { key: secret.into(), property: key.into() } }
}

fn template(generation: &Generation, facts: &Facts) -> BTreeMap<&'static str, String> {
    let username = match &facts.credentials.username {
        Username::Key(_) => Part::Named("username"),
        Username::Is(name) => Part::Text(name),
    };
    let account = account(username, Part::Named("password"));
    let mut data = binding::values(generation, facts, &account);
    if facts.certificate_authority.is_some() {
        data.extend(binding::AUTHORITY.map(|key| (key, "{{ .authority }}".into())));
    }
    data
}

/// Something in a template of External Secrets: its own text, or what it knows by a name.
pub enum Part<'a> {
    Text(&'a str),
    Named(&'a str),
}

/// Of a template; `urlquery` escapes all but what RFC 3986 calls unreserved, only a blank as a plus.
pub fn account(username: Part, password: Part) -> binding::Account {
    let plain = |part: &Part| match part {
        Part::Text(text) => (*text).into(),
        Part::Named(name) => format!("{{{{ .{name} }}}}"),
    };
    let escaped = |part: &Part| match part {
        Part::Text(text) => super::escape(text),
        Part::Named(name) => format!("{{{{ .{name} | urlquery | replace \"+\" \"%20\" }}}}"),
    };
    binding::Account {
        username: plain(&username),
        password: plain(&password),
        escaped: format!("{}:{}", escaped(&username), escaped(&password)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalSecret<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    refresh_interval: &'a str,
    secret_store_ref: &'a SecretStore,
    target: Target,
    data: Vec<Source>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    name: String,
    creation_policy: &'static str,
    deletion_policy: &'static str,
    template: Template,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    engine_version: &'static str,
    r#type: String,
    data: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    secret_key: &'static str,
    remote_ref: Remote,
}

#[derive(Serialize)]
struct Remote {
    key: String,
    property: String,
}

#[derive(Deserialize)]
struct Made {
    metadata: MadeMetadata,
    spec: MadeSpec,
    #[serde(default)]
    status: MadeStatus,
}

#[derive(Deserialize)]
struct MadeMetadata {
    #[serde(default)]
    generation: i64,
}

#[derive(Deserialize)]
struct MadeSpec {
    data: Vec<MadeSource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeSource {
    remote_ref: MadeRemote,
}

#[derive(Deserialize)]
struct MadeRemote {
    key: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MadeStatus {
    synced_resource_version: String,
}
