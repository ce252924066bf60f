//! Access for people by Teleport: one `TeleportDatabaseV3` (resources.teleport.dev/v1), which Teleport's agents find by its
//! labels. In: a generation, facts, where Teleport's operator looks. Out: one resource. Must not hold a credential: Teleport
//! signs in by certificates of its own, which the engine must trust.
//!
//! Teleport's operator watches its own namespace only, where a namespaced composite can put nothing: there an `Object` of
//! provider-kubernetes carries it.

use super::{authority, global_name};
use crate::api::record::Generation;
use crate::delivery;
use crate::observed::Observed;
use crate::operators::facts::{EndpointRole, Target};
use crate::operators::{Facts, Holds, Resource, metadata, name_of};
use crate::wire::{Key, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Permanent.
const KEY: &str = "teleport-database";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The namespace that Teleport's operator watches.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The ClusterProviderConfig of provider-kubernetes that reaches it; left out where Crossplane may write there by itself,
    /// as it does in the claims edition.
    #[serde(default)]
    #[schemars(length(min = 1, max = 253))]
    pub provider_config: Option<String>,
}

pub fn compose(generation: &Generation, facts: &Facts, settings: &Settings, observed: &Observed) -> Option<Resource> {
    let protocol = protocol(&facts.service_type)?;
    let endpoint = facts.endpoint(EndpointRole::Primary)?;
    let host = match &endpoint.target {
        Target::Host(host) => host.clone(),
        Target::Pods { .. } | Target::Sticky { .. } => super::service::host(generation, EndpointRole::Primary),
    };
    let terms = &generation.plan.terms;
    let database = generation.database();
    let mut metadata = metadata(generation, global_name(database));
    metadata.namespace = settings.namespace.clone();
    // What agents and roles choose by.
    metadata.labels.extend([
        ("engine".into(), name_of(&terms.engine)),
        ("environment".into(), name_of(&terms.environment)),
        ("namespace".into(), database.namespace.clone()),
        ("database".into(), database.name.clone()),
    ]);
    let tls = match (&facts.certificate_authority, authority(generation, facts, observed)) {
        (_, Some(certificate)) => json!({"mode": "verify-full", "ca_cert": certificate, "server_name": host}),
        // Not before it is known.
        (Some(_), None) => return None,
        // Servers that sign for themselves.
        (None, None) => json!({"mode": "insecure"}),
    };
    let object = json!({
        "apiVersion": "resources.teleport.dev/v1",
        "kind": "TeleportDatabaseV3",
        "metadata": metadata,
        "spec": {"protocol": protocol, "uri": format!("{host}:{}", endpoint.port), "tls": tls},
    });
    // What is carried to Teleport itself stays there, wherever the database goes.
    let key = Key(if settings.provider_config.is_some() { KEY.into() } else { generation.shared_key(KEY) });
    let object = delivery::carried(settings.provider_config.as_deref(), database, &key, Object::of(&object));
    Some(Resource { key, holds: Holds::Nothing, object })
}

/// As Teleport calls it; what it does not know it cannot reach.
fn protocol(service_type: &str) -> Option<&'static str> {
    match service_type {
        "postgresql" => Some("postgres"),
        "mysql" => Some("mysql"),
        "mongodb" => Some("mongodb"),
        "redis" => Some("redis"),
        "elasticsearch" => Some("elasticsearch"),
        "clickhouse" => Some("clickhouse"),
        _ => None,
    }
}
