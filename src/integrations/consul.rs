//! For those who look in Consul: annotations by which Consul on Kubernetes takes the Services over, and where the database
//! is in its key-value store, through a `webhook` store of External Secrets. In: a generation, facts, the platform's store.
//! Out: annotations; a secret that holds no secret, and a `PushSecret` of it. Must not write a credential: Consul shows what
//! it has to many.

use super::external_secret::SecretStore;
use super::{resource, service};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::EndpointRole;
use crate::operators::{Facts, Resource, name_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Permanent.
const ENDPOINT: &str = "consul-endpoint";
const PUSH: &str = "consul-push";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Whether Consul takes the Services over.
    pub service_sync: bool,
    /// Takes what claims ask for with credentials.consul.
    pub key_value: Option<KeyValue>,
}

/// A store of External Secrets with the provider webhook, which puts a value at `/v1/kv/{{ .remoteRef.remoteKey }}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyValue {
    pub secret_store: SecretStore,
    /// Such as databases; the namespace and the claim's path are added to it, so that no team writes over another's.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_/-]+$"), length(min = 1, max = 128))]
    pub folder: String,
}

/// On the Service of an endpoint (<https://developer.hashicorp.com/consul/docs/k8s/service-sync>).
pub fn annotations(generation: &Generation, role: EndpointRole, settings: &Settings) -> BTreeMap<String, String> {
    if !settings.service_sync {
        return BTreeMap::new();
    }
    let terms = &generation.plan.terms;
    let database = generation.database();
    let tags = [name_of(&terms.engine), name_of(&terms.environment), name_of(&role)].join(",");
    let annotations = [
        ("service-sync", "true".into()),
        ("service-name", format!("{}-{}-{}", database.namespace, database.name, name_of(&role))),
        ("service-tags", tags),
        ("service-meta-database", terms.database.inside.clone()),
    ];
    map(annotations.map(|(name, value)| (format!("consul.hashicorp.com/{name}"), value)))
}

pub fn compose(generation: &Generation, facts: &Facts, settings: &Settings, vault: Option<&str>) -> Vec<Resource> {
    let (Some(store), Some(path)) = (&settings.key_value, &generation.plan.terms.consul) else { return vec![] };
    let database = generation.database();
    let values = values(generation, facts, vault);
    let name = format!("{}-endpoint", database.name);
    let (namespace, _) = database.identity();
    let folder = format!("{}/{namespace}/{}", store.folder.trim_end_matches('/'), path.trim_matches('/'));
    let data: Vec<Value> = values
        .keys()
        .map(|key| json!({"match": {"secretKey": key, "remoteRef": {"remoteKey": format!("{folder}/{key}")}}}))
        .collect();
    let push = json!({
        "secretStoreRefs": [store.secret_store],
        "selector": {"secret": {"name": name}},
        "data": data,
        "updatePolicy": "Replace",
        // The provider webhook can only write.
        "deletionPolicy": "None",
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": crate::operators::metadata(generation, name), "type": "Opaque",
        "stringData": values,
    });
    let kind = ("external-secrets.io/v1alpha1", "PushSecret");
    vec![
        super::whole(generation, ENDPOINT, &secret),
        resource(generation, PUSH, kind, format!("{}-consul", database.name), &push),
    ]
}

fn values(generation: &Generation, facts: &Facts, vault: Option<&str>) -> BTreeMap<&'static str, String> {
    let mut values = map([("type", facts.service_type.clone()), ("database", generation.database().inside.clone())]);
    let keys = [
        (EndpointRole::Primary, ["host", "port"]),
        (EndpointRole::Replica, ["reader-host", "reader-port"]),
        (EndpointRole::Pooler, ["pooler-host", "pooler-port"]),
    ];
    for (role, [host, port]) in keys {
        let endpoint = facts.endpoint(role);
        values.extend(endpoint.map(|_| (host, service::host(generation, role))));
        values.extend(endpoint.map(|endpoint| (port, endpoint.port.to_string())));
    }
    values.extend(vault.map(|path| ("vault-path", path.into())));
    values
}
