//! Never lose a database. In: what is observed and what is desired, as Crossplane sees them. Out: nothing, or every way in
//! which data would be lost.
//!
//! Must not know the claim, the plan or the gate: it holds whatever they conclude, and whichever step was removed.

use crate::delivery;
use crate::operators::{RELEASED, STATEFUL};
use crate::wire::{DesiredResource, Key, Object, Undecodable};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    #[error("{0} holds data and is no longer desired, so it would be deleted; put the step that composes it back")]
    Dropped(String),
    #[error("{key} holds data as {was} and would become {becomes}, so the data would be left behind; set it back")]
    Replaced { key: String, was: String, becomes: String },
    #[error("{key} holds data and would shrink from {from} to {to} bytes; storage only grows")]
    Shrunk { key: String, from: u64, to: u64 },
    #[error("{key} holds data, and what is desired instead cannot be read: {why}")]
    Unreadable { key: String, why: String },
}

/// Looks at what wrappers are told to carry, on both sides: what they report may be missing for a while.
pub fn losses(
    observed: &BTreeMap<Key, Object>,
    desired: &BTreeMap<Key, DesiredResource>,
) -> Result<Vec<Loss>, Undecodable> {
    let mut losses = vec![];
    for (key, object) in observed {
        let carried = delivery::unwrap_desired(&key.0, object)?;
        let Some(from) = mark(&key.0, &carried)?.map(bytes) else { continue };
        let Some(resource) = desired.get(key) else {
            losses.push(Loss::Dropped(key.0.clone()));
            continue;
        };
        let key = key.0.clone();
        let was = names(&key, object, &carried)?;
        let wanted = delivery::unwrap_desired(&key, &resource.object)
            .and_then(|carried| Ok((names(&key, &resource.object, &carried)?, mark(&key, &carried)?.map_or(0, bytes))));
        let (becomes, to) = match wanted {
            Ok(wanted) => wanted,
            Err(error) => {
                losses.push(Loss::Unreadable { key, why: error.to_string() });
                continue;
            }
        };
        if was == becomes && released(&key, &resource.object)? {
            continue;
        }
        if was != becomes {
            losses.push(Loss::Replaced { key, was, becomes });
        } else if to < from {
            losses.push(Loss::Shrunk { key, from, to });
        }
    }
    Ok(losses)
}

/// What an object is: as Crossplane sees it and, unless that is the same, as what it carries, and whither.
fn names(place: &str, object: &Object, carried: &Object) -> Result<String, Undecodable> {
    let (outer, carried) = (name(place, object)?, name(place, carried)?);
    Ok(match delivery::cluster(place, object)? {
        _ if outer == carried => outer,
        Some(cluster) => format!("{carried} in {outer} to {cluster}"),
        None => format!("{carried} in {outer}"),
    })
}

/// By group, not version: an operator's new API version is the same object.
fn name(place: &str, object: &Object) -> Result<String, Undecodable> {
    let text = |path: &[&str]| Ok(object.text(place, path)?.unwrap_or_default());
    let group = text(&["apiVersion"])?.split_once('/').map_or("", |(group, _)| group);
    let (kind, namespace, name) = (text(&["kind"])?, text(&["metadata", "namespace"])?, text(&["metadata", "name"])?);
    Ok(format!("{kind}.{group} {namespace}/{name}"))
}

fn mark<'a>(place: &str, object: &'a Object) -> Result<Option<&'a str>, Undecodable> {
    object.text(place, &["metadata", "annotations", STATEFUL])
}

/// Whether somebody says of it that it may go, which takes a run of its own.
fn released(place: &str, desired: &Object) -> Result<bool, Undecodable> {
    let carried = delivery::unwrap_desired(place, desired)?;
    Ok(carried.text(place, &["metadata", "annotations", RELEASED])? == Some("true"))
}

/// A mark that is no number still marks data.
fn bytes(mark: &str) -> u64 {
    mark.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::input::Engines;
    use crate::api::plan::Operator;
    use crate::api::record::Generation;
    use crate::observed::Observed;
    use crate::operators;
    use crate::plan::{self, example};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn cluster(name: &str, bytes: &str) -> Value {
        json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
            "metadata": {"name": name, "namespace": "checkout", "annotations": {STATEFUL: bytes}},
        })
    }

    fn wrapped(manifest: Value) -> Value {
        json!({
            "apiVersion": "kubernetes.m.crossplane.io/v1alpha1", "kind": "Object",
            "metadata": {"name": "orders.cluster", "namespace": "checkout"},
            "spec": {"forProvider": {"manifest": manifest}},
        })
    }

    /// What the guard says when `observed` stands under `cluster` and `desired` shall stand there.
    fn check(observed: Value, desired: Option<Value>) -> Vec<Loss> {
        let key = Key("cluster".into());
        let observed = BTreeMap::from([(key.clone(), Object::of(&observed))]);
        let resource = |object| DesiredResource { object: Object::of(&object), ..DesiredResource::default() };
        let desired = desired.map(|object| (key, resource(object))).into_iter().collect();
        losses(&observed, &desired).unwrap()
    }

    #[test]
    fn what_stays_or_grows_is_no_loss() {
        assert_eq!(check(cluster("orders", "10"), Some(cluster("orders", "10"))), []);
        assert_eq!(check(cluster("orders", "10"), Some(cluster("orders", "20"))), []);
        assert_eq!(check(wrapped(cluster("orders", "10")), Some(wrapped(cluster("orders", "10")))), []);
        assert_eq!(check(json!({"kind": "Service"}), None), [], "holds nothing");
    }

    #[test]
    fn what_is_released_goes_in_two_steps() {
        let mut released = cluster("orders", "10");
        released["metadata"]["annotations"] = json!({RELEASED: "true"});
        assert_eq!(check(cluster("orders", "10"), Some(released.clone())), []);
        assert_eq!(check(wrapped(cluster("orders", "10")), Some(wrapped(released.clone()))), []);
        assert_eq!(check(released.clone(), None), []);
        released["metadata"]["name"] = "other".into();
        let losses = check(cluster("orders", "10"), Some(released));
        assert!(matches!(losses.as_slice(), [Loss::Replaced { .. }]), "{losses:?}");
        let mut forgotten = cluster("orders", "10");
        forgotten["metadata"]["annotations"] = json!({});
        let shrunk = Loss::Shrunk { key: "cluster".into(), from: 10, to: 0 };
        assert_eq!(check(cluster("orders", "10"), Some(forgotten)), [shrunk], "nobody said so");
    }

    #[test]
    fn every_way_to_lose_data_is_seen() {
        assert_eq!(check(cluster("orders", "10"), None), [Loss::Dropped("cluster".into())]);
        assert_eq!(check(wrapped(cluster("orders", "10")), None), [Loss::Dropped("cluster".into())]);
        let shrunk = Loss::Shrunk { key: "cluster".into(), from: 10, to: 5 };
        assert_eq!(check(cluster("orders", "10"), Some(cluster("orders", "5"))), [shrunk]);
        for desired in [cluster("orders-g2", "10"), wrapped(cluster("orders", "10")), json!({"kind": "Pod"})] {
            let losses = check(cluster("orders", "10"), Some(desired));
            assert!(matches!(losses.as_slice(), [Loss::Replaced { .. }]), "{losses:?}");
        }
        let losses = check(wrapped(cluster("orders", "10")), Some(cluster("orders", "10")));
        assert!(matches!(losses.as_slice(), [Loss::Replaced { .. }]), "out of its wrapper: {losses:?}");
        let to = |provider_config: &str| {
            let mut wrapper = wrapped(cluster("orders", "10"));
            wrapper["spec"]["providerConfigRef"] = json!({"kind": "ClusterProviderConfig", "name": provider_config});
            wrapper
        };
        assert_eq!(check(to("west"), Some(to("west"))), []);
        let losses = check(to("west"), Some(to("east")));
        assert!(matches!(losses.as_slice(), [Loss::Replaced { .. }]), "to another cluster: {losses:?}");
    }

    /// What an operator names as its data is what the guard goes by, and no loss of it passes.
    #[test]
    fn the_data_of_every_operator_is_guarded() {
        for name in Operator::ALL {
            let operator = operators::of(name);
            let engine = operators::name_of(&operator.features().engine);
            let mut policy = example::policy();
            policy.engines.values_mut().for_each(|engine| engine.operator = name);
            policy.destinations.values_mut().for_each(|destination| destination.region = Some("eu-north-1".into()));
            let claim = example::claim("staging", json!({"engine": engine, "size": "medium", "storage": "100Gi"}));
            let generation = Generation::first("u-1", plan::resolve(&claim, &policy).unwrap());
            let composed = operator.compose(&generation, &Engines::default(), &Observed::default()).resources;
            let marked: BTreeMap<Key, Object> = composed
                .iter()
                .filter(|it| it.object.text("it", &["metadata", "annotations", STATEFUL]).unwrap().is_some())
                .map(|it| (it.key.clone(), it.object.clone()))
                .collect();
            let named: BTreeSet<Key> = operator.data(&generation).into_iter().map(|data| data.key).collect();
            assert!(
                !named.is_empty() && marked.keys().cloned().collect::<BTreeSet<_>>() == named,
                "{name:?}: {named:?}"
            );
            let losses = |change: &dyn Fn(&Object) -> Option<Object>| {
                let desired = marked.iter().filter_map(|(key, object)| {
                    Some((key.clone(), DesiredResource { object: change(object)?, ..DesiredResource::default() }))
                });
                losses(&marked, &desired.collect()).unwrap().len()
            };
            let laid_over = |patch: Value| move |object: &Object| Some(object.merge(&Object::of(&patch)));
            assert_eq!(losses(&|object| Some(object.clone())), 0, "{name:?}");
            let smaller = json!({"metadata": {"annotations": {STATEFUL: "1"}}});
            let unmarked = json!({"metadata": {"annotations": null}});
            let changes = [
                smaller,
                unmarked,
                json!({"kind": "Other"}),
                json!({"metadata": {"name": "other"}}),
                json!({"metadata": {"namespace": "other"}}),
            ];
            assert_eq!(losses(&|_| None), marked.len(), "{name:?}");
            for change in changes {
                assert_eq!(losses(&laid_over(change.clone())), marked.len(), "{name:?} {change}");
            }
        }
    }

    #[test]
    fn an_operators_new_api_version_is_the_same_object() {
        let mut desired = cluster("orders", "10");
        desired["apiVersion"] = "postgresql.cnpg.io/v2".into();
        assert_eq!(check(cluster("orders", "10"), Some(desired)), []);
    }

    #[test]
    fn a_mark_that_is_no_number_still_marks_data() {
        assert_eq!(check(cluster("orders", "much"), None), [Loss::Dropped("cluster".into())]);
    }
}
