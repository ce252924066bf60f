//! Credentials that live for long, in Vault's key-value engine, for those who look there: a `PushSecret` of External Secrets
//! (external-secrets.io/v1alpha1). In: a generation, facts, the platform's store. Out: one resource. Must not hold a value.

use super::super::{binding, connection_secret, resource};
use super::{KeyValue, Settings};
use crate::api::record::Generation;
use crate::operators::{Facts, Holds, Resource};
use crate::wire::Key;
use serde_json::json;

/// Permanent.
const KEY: &str = "vault-push";

pub fn compose(generation: &Generation, facts: &Facts, settings: &Settings) -> Option<Resource> {
    let store = settings.key_value.as_ref()?;
    let spec = json!({
        "secretStoreRefs": [store.secret_store],
        "selector": {"secret": {"name": binding::name(generation, facts)}},
        // Whole, as one document. Whoever deletes the database does not want the last password to stay.
        "data": [{"match": {"remoteRef": {"remoteKey": path(generation, store)}}}],
        "deletionPolicy": "Delete",
        "updatePolicy": "Replace",
    });
    let name = format!("{}-vault", generation.database().name);
    let push = resource(generation, KEY, ("external-secrets.io/v1alpha1", "PushSecret"), name, &spec);
    if !connection_secret::composed_for(generation) {
        return Some(push);
    }
    // Wherever the database stands, it stays beside the claim, as what it takes.
    Some(Resource { key: Key(KEY.into()), holds: Holds::Credentials, ..push })
}

pub fn path(generation: &Generation, store: &KeyValue) -> String {
    let database = generation.database();
    format!("{}/{}/{}", store.folder.trim_end_matches('/'), database.namespace, database.name)
}
