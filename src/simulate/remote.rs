//! Other clusters, and provider-kubernetes 1.2 between them and this one. In: `Object`s. Out: what they carry in the cluster
//! of their provider configuration, and in their status what is there. Must not know why something is carried.
//!
//! Another cluster is a world of its own in which nobody claims anything. An Object goes after what it carries, unless its
//! management policies leave that alone (crossplane-runtime `pkg/reconciler/managed/reconciler.go`, provider-kubernetes
//! `internal/controller/namespaced/object/object.go`). Not played: references, polls that miss a change.

use super::store::{Id, set_condition, text};
use super::{Policy, World};
use crate::render::object;
use serde_json::{Value, json};

const GROUP: &str = "kubernetes.m.crossplane.io";
const KIND: &str = "Object";
/// Of every Object, until what it carries is gone or left alone.
pub const FINALIZER: &str = "finalizer.managedresource.crossplane.io";
/// The field owner there.
const OWNER: &str = "provider-kubernetes";

impl World {
    /// The cluster behind a provider configuration.
    pub fn cluster(&mut self, provider_config: &str) -> &mut World {
        let World { clusters, composition, schemas, now, operators, .. } = self;
        clusters.entry(provider_config.into()).or_insert_with(|| {
            let mut cluster = World::empty(composition.clone(), schemas.clone(), *now);
            cluster.operators.outage = operators.outage;
            cluster
        })
    }

    /// One turn of the provider with each Object.
    pub(super) fn carry(&mut self) {
        for id in self.store.of_kind(GROUP, KIND) {
            let Some(carrier) = self.store.get(&id).cloned() else { continue };
            match carrier["metadata"]["deletionTimestamp"].is_null() {
                true => self.bring(&id, &carrier),
                false => self.take_away(&id, &carrier),
            }
        }
    }

    fn bring(&mut self, id: &Id, carrier: &Value) {
        let manifest = &carrier["spec"]["forProvider"]["manifest"];
        let config = text(&carrier["spec"]["providerConfigRef"]["name"]);
        let there = Id::of(manifest);
        let remote = self.cluster(config);
        let may = if remote.get(&there).is_some() { "Update" } else { "Create" };
        if allows(carrier, may) {
            let (now, owner) = (remote.now, format!("{OWNER}/{}", id.name));
            // Nobody else controls what is carried: nothing in it has an owner here.
            let _ = remote.store.apply(&owner, manifest.clone(), now);
            remote.settle();
        }
        let found = remote.get(&there).cloned();
        let mut status = carrier["status"].clone();
        let synced = match &found {
            Some(_) => json!({"type": "Synced", "status": "True", "reason": "ReconcileSuccess"}),
            None => json!({"type": "Synced", "status": "False", "reason": "ReconcileError",
                "message": "observe failed: external resource does not exist"}),
        };
        set_condition(&mut status, synced, self.now);
        if let Some(found) = found {
            object(&mut status).insert("atProvider".into(), json!({"manifest": found}));
            set_condition(&mut status, json!({"type": "Ready", "status": "True", "reason": "Available"}), self.now);
        }
        self.store.edit(id, |value| {
            let finalizers = object(&mut value["metadata"]).entry("finalizers").or_insert_with(|| json!([]));
            if let Value::Array(finalizers) = finalizers
                && !finalizers.contains(&FINALIZER.into())
            {
                finalizers.push(FINALIZER.into());
            }
            object(value).insert("status".into(), status);
        });
    }

    fn take_away(&mut self, id: &Id, carrier: &Value) {
        let there = Id::of(&carrier["spec"]["forProvider"]["manifest"]);
        let remote = self.cluster(text(&carrier["spec"]["providerConfigRef"]["name"]));
        // What it may not delete it does not even look at.
        let goes = allows(carrier, "Delete") && remote.get(&there).is_some();
        if goes {
            let _ = remote.delete(&there, Policy::Background);
        }
        if !goes || remote.get(&there).is_none() {
            self.remove(id);
        }
    }
}

/// Whether its management policies say so; without any they allow everything.
fn allows(carrier: &Value, action: &str) -> bool {
    let policies = carrier["spec"]["managementPolicies"].as_array();
    policies.is_none_or(|policies| policies.iter().any(|policy| policy == action || policy == "*"))
}
