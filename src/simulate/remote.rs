//! Other clusters, and provider-kubernetes 1.2 between them and this one. In: `Object`s. Out: what they carry in the cluster
//! of their provider configuration, and in their status what is there. Must not know why something is carried.
//!
//! Another cluster is a world of its own in which nobody claims anything. An Object goes after what it carries, unless its
//! management policies leave that alone (crossplane-runtime `pkg/reconciler/managed/reconciler.go`, provider-kubernetes
//! `internal/controller/{namespaced,cluster}/object/object.go`). Not played: references, polls that miss a change.

use super::operators::owned;
use super::store::{Id, set_condition, text};
use super::{Policy, World};
use crate::map::entries;
use crate::render::object;
use serde_json::{Value, json};

/// With and without a namespace.
const GROUPS: [&str; 2] = ["kubernetes.m.crossplane.io", "kubernetes.crossplane.io"];
const KIND: &str = "Object";
/// Of every Object, until what it carries is gone or left alone.
pub const FINALIZER: &str = "finalizer.managedresource.crossplane.io";
/// The field owner there.
const OWNER: &str = "provider-kubernetes";
/// The type of a secret that a managed resource publishes.
const CONNECTION: &str = "connection.crossplane.io/v1alpha1";

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

    /// Whether that cluster can be reached from here: what is in it goes on by itself.
    pub fn cut_off(&mut self, provider_config: &str, is_cut_off: bool) {
        match is_cut_off {
            true => self.cut_off.insert(provider_config.into()),
            false => self.cut_off.remove(provider_config),
        };
        self.operators_due = Some(self.now);
        self.settle();
    }

    /// One turn of the provider with each Object.
    pub(super) fn carry(&mut self) {
        for id in GROUPS.iter().flat_map(|group| self.store.of_kind(group, KIND)).collect::<Vec<_>>() {
            let Some(carrier) = self.store.get(&id).cloned() else { continue };
            if self.cut_off.contains(text(&carrier["spec"]["providerConfigRef"]["name"])) {
                continue;
            }
            match carrier["metadata"]["deletionTimestamp"].is_null() {
                true => self.bring(&id, &carrier),
                false => self.take_away(&id, &carrier),
            }
        }
    }

    /// The platform team's part there: the same namespaces, and in them the secrets that nobody here makes.
    fn prepare(&mut self, provider_config: &str, name: &str) {
        if self.cluster(provider_config).get(&namespace(name)).is_some() {
            return;
        }
        let is_part = |value: &&Value| {
            let (id, made) = (Id::of(value), !value["metadata"]["ownerReferences"].is_null());
            id == namespace(name) || (id.kind == "Secret" && id.namespace == name && !made)
        };
        let part: Vec<Value> = self.store.all().filter(is_part).cloned().collect();
        let now = self.now;
        let remote = self.cluster(provider_config);
        part.into_iter().for_each(|value| remote.store.put(value, now));
    }

    fn bring(&mut self, id: &Id, carrier: &Value) {
        let manifest = &carrier["spec"]["forProvider"]["manifest"];
        let config = text(&carrier["spec"]["providerConfigRef"]["name"]);
        let there = Id::of(manifest);
        self.prepare(config, &there.namespace);
        let remote = self.cluster(config);
        let may = if remote.get(&there).is_some() { "Update" } else { "Create" };
        let fits = there.namespace.is_empty() || remote.get(&namespace(&there.namespace)).is_some();
        if fits && allows(carrier, may) {
            let (now, owner) = (remote.now, format!("{OWNER}/{}", id.name));
            // Nobody else controls what is carried: nothing in it has an owner here.
            let _ = remote.store.apply(&owner, manifest.clone(), now);
            remote.settle();
        }
        let found = remote.get(&there).cloned();
        let details = found.as_ref().and_then(|_| details(remote, carrier));
        let mut status = carrier["status"].clone();
        let synced = match &found {
            Some(_) => json!({"type": "Synced", "status": "True", "reason": "ReconcileSuccess"}),
            None => json!({"type": "Synced", "status": "False", "reason": "ReconcileError",
                "message": "observe failed: external resource does not exist"}),
        };
        set_condition(&mut status, synced, self.now);
        let published = &carrier["spec"]["writeConnectionSecretToRef"];
        if let (Some(details), Some(name)) = (details, published["name"].as_str()) {
            let mut secret = owned(carrier, "v1", "Secret", name);
            // Who has no namespace says which.
            if id.namespace.is_empty() {
                secret["metadata"]["namespace"] = published["namespace"].clone();
            }
            object(&mut secret).extend([("type".into(), CONNECTION.into()), ("data".into(), details)]);
            self.store.put(secret, self.now);
        }
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

fn namespace(name: &str) -> Id {
    Id::new("v1", "Namespace", "", name)
}

/// What the connection details of an Object come to, still encoded; none while anything of it is missing.
fn details(remote: &World, carrier: &Value) -> Option<Value> {
    let wanted = carrier["spec"]["connectionDetails"].as_array()?;
    let value = |detail: &Value| {
        let [api_version, kind, namespace, name] =
            ["apiVersion", "kind", "namespace", "name"].map(|field| text(&detail[field]));
        let key = text(&detail["fieldPath"]).strip_prefix("data[")?.strip_suffix(']')?;
        let value = remote.get(&Id::new(api_version, kind, namespace, name))?["data"].get(key)?.clone();
        Some((text(&detail["toConnectionSecretKey"]).to_owned(), value))
    };
    let values: Option<Vec<(String, Value)>> = wanted.iter().map(value).collect();
    Some(entries(values?).into())
}

/// Whether its management policies say so; without any they allow everything.
fn allows(carrier: &Value, action: &str) -> bool {
    let policies = carrier["spec"]["managementPolicies"].as_array();
    policies.is_none_or(|policies| policies.iter().any(|policy| policy == action || policy == "*"))
}
