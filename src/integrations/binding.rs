//! What a Service Binding says, whoever makes the secret (<https://servicebinding.io/spec/core/1.1.0/>). In: a generation, its
//! engine's facts, an account. Out: keys and values. Must not know whether the account is values or stands for them.

use super::service;
use crate::api::claim::CredentialSource;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::Facts;
use crate::operators::facts::{Endpoint, EndpointRole, Uri};
use std::collections::BTreeMap;

/// Where the certificate authority of the server stands: what the specification calls it, and the file that clients of
/// databases know.
pub const AUTHORITY: [&str; 2] = ["ca.crt", "certificates"];

/// What stands in the secret for who signs in.
pub struct Account {
    pub username: String,
    pub password: String,
    /// Both with a colon between them, as a URI takes them.
    pub escaped: String,
}

/// The name of the secret that applications bind to.
pub fn name(generation: &Generation, facts: &Facts) -> String {
    match generation.plan.terms.credentials {
        CredentialSource::Secret | CredentialSource::ExternalSecret | CredentialSource::VaultDynamic => {
            format!("{}-connection", generation.database().name)
        }
        CredentialSource::Operator => facts.credentials.secret.clone(),
    }
}

/// The type of the secret.
pub fn kind(facts: &Facts) -> String {
    format!("servicebinding.io/{}", facts.service_type)
}

/// All but the certificate authority.
pub fn values(generation: &Generation, facts: &Facts, account: &Account) -> BTreeMap<&'static str, String> {
    let terms = &generation.plan.terms;
    let mut values = map([
        ("type", facts.service_type.clone()),
        ("provider", facts.provider.clone()),
        ("database", terms.database.inside.clone()),
        ("username", account.username.clone()),
        ("password", account.password.clone()),
    ]);
    let keys = [
        (EndpointRole::Primary, ["host", "port", "uri"]),
        (EndpointRole::Replica, ["reader-host", "reader-port", "reader-uri"]),
        (EndpointRole::Pooler, ["pooler-host", "pooler-port", "pooler-uri"]),
    ];
    for (role, [host, port, uri]) in keys {
        let Some(endpoint) = facts.endpoint(role) else { continue };
        let name = service::host(generation, role);
        values.extend([
            (uri, address(&facts.uri, &account.escaped, &name, endpoint)),
            (host, name),
            (port, endpoint.port.to_string()),
        ]);
    }
    values
}

fn address(Uri { scheme, path, query }: &Uri, account: &str, host: &str, endpoint: &Endpoint) -> String {
    let path = super::escape(path);
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{scheme}://{account}@{host}:{}/{path}{query}", endpoint.port)
}
