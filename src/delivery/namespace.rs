//! The namespace in another cluster that databases stand in, where the platform wants it made. In: a generation. Out: `Object`s
//! with a Namespace, and in it a ResourceQuota, a LimitRange and a NetworkPolicy.
//!
//! It is shared: each database brings it, all bring the same, and no `Object` may delete it, so that it outlives each of them.
//! So nothing in it may be of one database. It holds no data, and nobody waits for it: what cannot go there says so itself.

use super::{carry, spared};
use crate::api::plan::{Delivery, NewNamespace, ObjectDelivery};
use crate::api::record::Generation;
use crate::operators::{Holds, Resource};
use crate::wire::{Key, Object};
use serde_json::{Value, json};

/// The permanent keys: of the namespace, and what is added to it for what is in it.
const KEY: &str = "namespace";
const QUOTA: &str = "quota";
const LIMITS: &str = "limits";
const POLICY: &str = "network-policy";
/// What each is called there. Permanent.
const NAME: &str = "databases";
const DENY: &str = "default-deny";

pub fn compose(generation: &Generation) -> Vec<Resource> {
    let database = generation.database();
    let (Delivery::Object(remote), Some(new)) = (&generation.plan.terms.delivery, &generation.plan.notes.new_namespace)
    else {
        return vec![];
    };
    let key = generation.shared_key(KEY);
    let resource = |part: Option<&str>, manifest: Value| resource(generation, remote, &key, part, &manifest);
    let NewNamespace { labels, quota, limits, default_deny } = new;
    let named = |name| json!({"name": name, "namespace": database.namespace});
    let mut metadata = json!({"name": database.namespace});
    if !labels.is_empty() {
        metadata["labels"] = json!(labels);
    }
    let mut resources = vec![resource(None, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))];
    resources.extend((!quota.is_empty()).then(|| {
        let spec = json!({"hard": quota});
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": named(NAME), "spec": spec});
        resource(Some(QUOTA), quota)
    }));
    resources.extend(limits.as_ref().map(|limits| {
        let mut limits = json!(limits);
        limits["type"] = "Container".into();
        let spec = json!({"limits": [limits]});
        resource(Some(LIMITS), json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": named(NAME), "spec": spec}))
    }));
    resources.extend(default_deny.then(|| {
        let spec = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
        let kind = ("networking.k8s.io/v1", "NetworkPolicy");
        let policy = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": named(DENY), "spec": spec});
        resource(Some(POLICY), policy)
    }));
    resources
}

fn resource(
    generation: &Generation,
    remote: &ObjectDelivery,
    key: &str,
    part: Option<&str>,
    manifest: &Value,
) -> Resource {
    let key = Key(part.map_or_else(|| key.to_owned(), |part| format!("{key}-{part}")));
    let object = carry(remote, generation.database(), &key, Object::of(manifest));
    Resource { key, holds: Holds::Nothing, object: object.merge(&spared()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{self, example};
    use pretty_assertions::assert_eq;

    fn composed(namespace: &str, name: &str) -> Vec<(String, Value)> {
        let mut policy = example::policy();
        let tier = policy.environments.values_mut().next().unwrap();
        tier.object_delivery = serde_json::from_value(json!({
            "providerConfig": "west", "namespace": "tenant-{org}",
            "createNamespace": {
                "labels": {"team": "shop"}, "quota": {"limits.memory": "64Gi"},
                "limits": {"default": {"memory": "1Gi"}}, "defaultDeny": true,
            },
        }))
        .unwrap();
        let mut claim = example::claim("dev", json!({}));
        (claim.metadata.namespace, claim.metadata.name) = (namespace.into(), name.into());
        claim.metadata.labels.insert("org".into(), "acme".into());
        let generation = Generation::first("u-1", plan::resolve(&claim, &policy).unwrap());
        let typed = |Resource { key, object, .. }: Resource| (key.0, object.decode("it").unwrap());
        compose(&generation).into_iter().map(typed).collect()
    }

    /// Two that say different things of one namespace would write over each other for ever.
    #[test]
    fn every_database_brings_the_same() {
        let manifests = |namespace, name| -> Vec<Value> {
            composed(namespace, name).into_iter().map(|(_, it)| it["spec"].clone()).collect()
        };
        assert_eq!(manifests("checkout", "orders"), manifests("billing", "invoices"));
        let names = |it: &Value| (it["metadata"]["namespace"].clone(), it["metadata"]["name"].clone());
        let wrappers: Vec<_> = composed("checkout", "orders").iter().map(|(_, it)| names(it)).collect();
        assert_eq!(wrappers[0], ("checkout".into(), "orders.namespace".into()), "each by its own");
    }

    #[test]
    fn it_outlives_who_brings_it() {
        let composed = composed("checkout", "orders");
        let keys: Vec<&str> = composed.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["namespace", "namespace-quota", "namespace-limits", "namespace-network-policy"]);
        for (key, object) in &composed {
            assert_eq!(object["spec"]["managementPolicies"], json!(["Create", "Observe", "Update"]), "{key}");
        }
        let limits = &composed[2].1["spec"]["forProvider"]["manifest"]["spec"]["limits"];
        assert_eq!(*limits, json!([{"default": {"memory": "1Gi"}, "type": "Container"}]));
    }
}
