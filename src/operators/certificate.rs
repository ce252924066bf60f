//! Certificates of a database whose operator makes none: `Certificate` of cert-manager.io/v1
//! (<https://cert-manager.io/docs/usage/certificate/>). In: a generation and the names of its servers. Out: one resource, or
//! none where connections are not encrypted; later whether it is issued. Must not know an operator.

use super::facts::{EndpointRole, Signal};
use super::{Holds, Resource, name_of, resource};
use crate::api::plan::{DatabaseName, IssuerKind};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::wire::{Key, Undecodable};
use serde::{Deserialize, Serialize};

/// Permanent.
const KEY: &str = "certificate";
const KIND: (&str, &str) = ("cert-manager.io/v1", "Certificate");
/// On pods on purpose, with the number of [`renewals`]: what changes restarts them.
pub const RENEWALS: &str = "db.platform.io/certificate-renewals";

/// The secret with `tls.crt`, `tls.key` and `ca.crt`.
pub fn secret(generation: &Generation) -> String {
    format!("{}-tls", generation.name())
}

/// `servers`: the names under which members know each other, beside those under which clients know the database.
pub fn compose(generation: &Generation, servers: Vec<String>) -> Option<Resource> {
    let issuer = generation.plan.terms.issuer.as_ref()?;
    let mut dns_names = host_names(generation.database());
    dns_names.extend(servers);
    let spec = Spec {
        secret_name: secret(generation),
        issuer_ref: IssuerRef { group: "cert-manager.io", kind: issuer.kind, name: &issuer.name },
        common_name: generation.name(),
        dns_names,
        private_key: PrivateKey { algorithm: "RSA", size: 2048, rotation_policy: "Always" },
        usages: ["digital signature", "key encipherment", "server auth", "client auth"],
    };
    let name = secret(generation);
    Some(resource(generation, KEY, KIND, name, Holds::Nothing, spec))
}

/// How long it lives yet, as cert-manager has it; Prometheus keeps its `namespace` for itself unless it is told otherwise.
pub fn signal(generation: &Generation) -> Option<(Signal, String)> {
    generation.plan.terms.issuer.as_ref()?;
    let (name, namespace) = (secret(generation), &generation.database().namespace);
    let of = |label: &str| {
        format!(r#"certmanager_certificate_expiration_timestamp_seconds{{name="{name}",{label}="{namespace}"}}"#)
    };
    let ends = format!("min({} or {})", of("exported_namespace"), of("namespace"));
    Some((Signal::CertificateExpires, format!("{ends} - time()")))
}

/// Why the certificate is not there yet, where one is asked for.
pub fn missing(generation: &Generation, observed: &Observed) -> Result<Option<String>, Undecodable> {
    if generation.plan.terms.issuer.is_none() {
        return Ok(None);
    }
    let name = secret(generation);
    let issued: Option<Issued> = observed.get(&generation.key(KEY))?;
    let ready = issued.as_ref().and_then(|it| it.status.conditions.iter().find(|condition| condition.kind == "Ready"));
    Ok(match ready {
        Some(condition) if condition.status == "True" => None,
        Some(condition) if condition.status == "False" => {
            let why = condition.message.unwrap_or("no reason given");
            Some(format!("cert-manager cannot issue the certificate {name}: {why}"))
        }
        _ => Some(format!("cert-manager has not issued the certificate {name} yet")),
    })
}

/// Its readiness by key; none where there is none.
pub fn readiness(generation: &Generation, observed: &Observed) -> Result<Option<(Key, bool)>, Undecodable> {
    let missing = missing(generation, observed)?;
    Ok(generation.plan.terms.issuer.as_ref().map(|_| (Key(generation.key(KEY)), missing.is_none())))
}

/// How often it was renewed, for servers that read it at their start only: none before the first time, so that they are
/// not restarted when they have only just come.
pub fn renewals(generation: &Generation, observed: &Observed) -> Option<u64> {
    let issued: Option<Issued> = observed.get(&generation.key(KEY)).ok().flatten();
    issued
        .and_then(|issued| issued.status.revision)
        .map(|revision| revision.saturating_sub(1))
        .filter(|count| *count > 0)
}

/// The Services that clients use are ours and outlive a generation, so the operator does not know their names. All stand in
/// the certificate from the first day: adding one later would be a new certificate for everybody.
pub fn host_names(database: &DatabaseName) -> Vec<String> {
    let DatabaseName { namespace, name, .. } = database;
    let services = [EndpointRole::Primary, EndpointRole::Replica, EndpointRole::Pooler]
        .map(|role| format!("{name}-{}", name_of(&role)));
    services.iter().flat_map(|service| in_namespace(service, namespace)).collect()
}

/// A name as it is written in its own namespace, in another one, and in full.
pub fn in_namespace(service: &str, namespace: &str) -> [String; 4] {
    ["".into(), format!(".{namespace}"), format!(".{namespace}.svc"), format!(".{namespace}.svc.cluster.local")]
        .map(|ending| format!("{service}{ending}"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    secret_name: String,
    issuer_ref: IssuerRef<'a>,
    common_name: String,
    dns_names: Vec<String>,
    private_key: PrivateKey,
    usages: [&'static str; 4],
}

#[derive(Serialize)]
struct IssuerRef<'a> {
    group: &'static str,
    kind: IssuerKind,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrivateKey {
    algorithm: &'static str,
    size: u32,
    rotation_policy: &'static str,
}

#[derive(Deserialize)]
struct Issued<'a> {
    #[serde(default, borrow)]
    status: IssuedStatus<'a>,
}

#[derive(Default, Deserialize)]
struct IssuedStatus<'a> {
    #[serde(default, borrow)]
    conditions: Vec<Condition<'a>>,
    /// 1 for the first that was issued.
    revision: Option<u64>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    message: Option<&'a str>,
}
