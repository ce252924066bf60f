//! Where a resource goes. In: an object. Out: the same, or one that carries it to another cluster; and back again.
//!
//! Nobody else knows the difference. Unwrapping looks at what is there, not at today's plan. The record and what protects
//! the database never come here: they stay beside the claim, as each `Object` does. What a database is called where it stands
//! is in its plan already ([`DatabaseName`]), and nothing to know here.

pub mod namespace;

use crate::api::plan::{DatabaseName, Delivery, ObjectDelivery, ObjectScope};
use crate::api::record::Generation;
use crate::observed::Question;
use crate::operators::facts::SecretKey;
use crate::operators::{Holds, Reference};
use crate::wire::{Key, Object, Undecodable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// provider-kubernetes' kinds: the one of either scope.
const KIND: &str = "Object";
const NAMESPACED: &str = "kubernetes.m.crossplane.io/v1alpha1";
const CLUSTER: &str = "kubernetes.crossplane.io/v1alpha2";

/// Where a resource goes that holds this. What applications sign in with stays beside the claim: whoever may look at an
/// `Object` sees what it carries.
pub fn of(delivery: &Delivery, holds: Holds) -> &Delivery {
    if holds == Holds::Credentials { &Delivery::Direct } else { delivery }
}

/// A resource as Crossplane shall see it.
pub fn wrap(delivery: &Delivery, database: &DatabaseName, key: &Key, object: Object) -> Object {
    match (delivery, &database.claim) {
        (Delivery::Direct, None) => object,
        // What is carried already goes where it is to go.
        _ if is_wrapper(&key.0, &object).unwrap_or(false) => object,
        (Delivery::Object(remote), _) => carry(remote, database, key, object),
        // The database stands elsewhere, and this stays beside the claim.
        (Delivery::Direct, Some(claim)) => {
            object.merge(&Object::of(&json!({"metadata": {"namespace": claim.namespace}})))
        }
    }
}

/// An object that belongs where a composite can put nothing, such as another namespace: an `Object` carries it, by this
/// provider configuration; without one it goes by itself.
pub fn carried(provider_config: Option<&str>, database: &DatabaseName, key: &Key, object: Object) -> Object {
    let Some(name) = provider_config else { return object };
    let remote = ObjectDelivery { provider_config: name.into(), scope: ObjectScope::Namespaced };
    carry(&remote, database, key, object)
}

fn carry(remote: &ObjectDelivery, database: &DatabaseName, key: &Key, object: Object) -> Object {
    let namespaced = remote.scope == ObjectScope::Namespaced;
    let (namespace, name) = (database.identity().0, wrapper_name(remote.scope, database, key));
    Object::of(&Wrapper {
        api_version: api_version(remote.scope),
        kind: KIND,
        metadata: WrapperName { name, namespace: namespaced.then_some(namespace) },
        spec: WrapperSpec {
            for_provider: ForProvider { manifest: object },
            provider_config_ref: ProviderConfigRef {
                kind: namespaced.then_some("ClusterProviderConfig"),
                name: &remote.provider_config,
            },
        },
    })
}

/// How a secret is read that somebody makes beside the database.
pub struct Reading {
    /// As it is called there.
    pub secret: String,
    /// Brings it here, where it is not here already.
    pub reader: Option<(Key, Object)>,
    /// Asks for it here, under the same keys.
    pub question: Question,
}

/// One of each secret. From another cluster provider-kubernetes publishes the keys alone, in a secret beside the claim. It has
/// to look at an object for that, and shows all of it: at the namespace, since the secret itself would stand in its status.
pub fn readings(generation: &Generation, wanted: Vec<SecretKey>) -> Vec<Reading> {
    let (delivery, database) = (&generation.plan.terms.delivery, generation.database());
    let mut secrets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for SecretKey { secret, key } in wanted {
        let keys = secrets.entry(secret).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let reading = |(secret, keys): (String, Vec<String>)| match delivery {
        Delivery::Direct => {
            let question = Question::by_name("v1", "Secret", &database.namespace, &secret);
            Reading { secret, reader: None, question }
        }
        Delivery::Object(remote) => {
            let key = Key(generation.shared_key(&format!("secret-{secret}")));
            let question = Question::by_name("v1", "Secret", database.identity().0, &published(database, &key));
            let reader = reader(remote, database, &key, &secret, &keys);
            Reading { secret, reader: Some((key, reader)), question }
        }
    };
    secrets.into_iter().map(reading).collect()
}

fn reader(remote: &ObjectDelivery, database: &DatabaseName, key: &Key, secret: &str, keys: &[String]) -> Object {
    let namespace = &database.namespace;
    let looked_at = Object::of(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    // In brackets, since keys have dots.
    let detail = |key: &String| {
        json!({"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": secret,
        "fieldPath": format!("data[{key}]"), "toConnectionSecretKey": key})
    };
    let mut published = json!({"name": published(database, key)});
    if remote.scope == ObjectScope::Cluster {
        published["namespace"] = database.identity().0.into();
    }
    carry(remote, database, key, looked_at).merge(&Object::of(&json!({"spec": {
        "managementPolicies": ["Observe"],
        "connectionDetails": keys.iter().map(detail).collect::<Vec<Value>>(),
        "writeConnectionSecretToRef": published,
    }})))
}

/// The same resource with what `marks` adds to its metadata, also to the one that a wrapper carries.
pub fn marked(place: &str, object: &Object, marks: &Object) -> Result<Object, Undecodable> {
    let marked = object.merge(marks);
    if !is_wrapper(place, object)? {
        return Ok(marked);
    }
    Ok(marked.merge(&Object::of(&json!({"spec": {"forProvider": {"manifest": marks}}}))))
}

/// A patch by which a resource stays when its database is deleted: the cluster's garbage collector spares what has another
/// owner left, a wrapper too, by which the next database of this name finds it; and provider-kubernetes leaves alone what it
/// may not delete, also once nobody has its wrapper any more. `namespace`: the UID of the claim's.
pub fn retention(delivery: &Delivery, database: &DatabaseName, namespace: Option<&str>) -> Object {
    let owner = namespace.map_or_else(Object::default, |uid| {
        let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": database.identity().0, "uid": uid});
        Object::of(&json!({"metadata": {"ownerReferences": [owner]}}))
    });
    match delivery {
        Delivery::Direct => owner,
        Delivery::Object(_) => owner.merge(&spared()),
    }
}

/// Of a wrapper: what it carries stays whatever becomes of it.
fn spared() -> Object {
    Object::of(&json!({"spec": {"managementPolicies": ["Create", "Observe", "Update"]}}))
}

/// How to find a resource by name that nobody observed.
pub fn question(delivery: &Delivery, database: &DatabaseName, reference: &Reference) -> Question {
    let found = locate(delivery, database, reference);
    match is_cluster_scoped(delivery) {
        true => Question::cluster_scoped(found.api_version, found.kind, &found.name),
        false => Question::by_name(found.api_version, found.kind, database.identity().0, &found.name),
    }
}

/// Whether what stands for a resource has no namespace.
pub fn is_cluster_scoped(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Object(ObjectDelivery { scope: ObjectScope::Cluster, .. }))
}

/// The object beside the claim that stands for a resource: itself, or its wrapper.
pub fn locate(delivery: &Delivery, database: &DatabaseName, reference: &Reference) -> Reference {
    match delivery {
        Delivery::Direct => reference.clone(),
        Delivery::Object(remote) => Reference {
            key: reference.key.clone(),
            api_version: api_version(remote.scope),
            kind: KIND,
            name: wrapper_name(remote.scope, database, &reference.key),
        },
    }
}

/// What is there. A wrapper that carries nothing yet means that nothing is there.
pub fn unwrap(observed: &BTreeMap<Key, Object>) -> Result<BTreeMap<Key, Object>, Undecodable> {
    let mut carried = observed.clone();
    for (key, object) in observed {
        if is_wrapper(&key.0, object)? {
            match carried_by(&key.0, object)? {
                Some(object) => carried.insert(key.clone(), object),
                None => carried.remove(key),
            };
        }
    }
    Ok(carried)
}

/// The same of one object, which `place` names in an error.
pub fn unwrap_one(place: &str, object: &Object) -> Result<Option<Object>, Undecodable> {
    if is_wrapper(place, object)? { carried_by(place, object) } else { Ok(Some(object.clone())) }
}

fn carried_by(place: &str, wrapper: &Object) -> Result<Option<Object>, Undecodable> {
    let there: There = wrapper.decode(place)?;
    Ok(there.status.at_provider.manifest)
}

/// What a wrapper shall carry; any other object itself.
pub fn unwrap_desired(place: &str, object: &Object) -> Result<Object, Undecodable> {
    if !is_wrapper(place, object)? {
        return Ok(object.clone());
    }
    let wanted: Wanted = object.decode(place)?;
    Ok(wanted.spec.for_provider.manifest)
}

/// The provider configuration of the cluster to which a wrapper carries.
pub fn cluster<'a>(place: &str, object: &'a Object) -> Result<Option<&'a str>, Undecodable> {
    if is_wrapper(place, object)? { object.text(place, &["spec", "providerConfigRef", "name"]) } else { Ok(None) }
}

fn api_version(scope: ObjectScope) -> &'static str {
    match scope {
        ObjectScope::Namespaced => NAMESPACED,
        ObjectScope::Cluster => CLUSTER,
    }
}

/// A dot stands in no claim's name, and in no namespace's, so no two databases can meet in one name.
fn wrapper_name(scope: ObjectScope, database: &DatabaseName, key: &Key) -> String {
    let (namespace, name) = database.identity();
    match scope {
        ObjectScope::Namespaced => format!("{name}.{}", key.0),
        ObjectScope::Cluster => format!("{namespace}.{name}.{}", key.0),
    }
}

/// The secret beside the claim that a wrapper publishes.
fn published(database: &DatabaseName, key: &Key) -> String {
    wrapper_name(ObjectScope::Namespaced, database, key)
}

fn is_wrapper(place: &str, object: &Object) -> Result<bool, Undecodable> {
    let is_of = |version: &str, group: &str| version.split('/').next() == group.split('/').next();
    let group = |version: &str| is_of(version, NAMESPACED) || is_of(version, CLUSTER);
    Ok(object.text(place, &["kind"])? == Some(KIND) && object.text(place, &["apiVersion"])?.is_some_and(group))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wrapper<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: WrapperName<'a>,
    spec: WrapperSpec<'a>,
}

#[derive(Serialize)]
struct WrapperName<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrapperSpec<'a> {
    for_provider: ForProvider,
    provider_config_ref: ProviderConfigRef<'a>,
}

#[derive(Serialize, Deserialize)]
struct ForProvider {
    manifest: Object,
}

#[derive(Serialize)]
struct ProviderConfigRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    name: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct There {
    status: ThereStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ThereStatus {
    at_provider: AtProvider,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AtProvider {
    manifest: Option<Object>,
}

#[derive(Deserialize)]
struct Wanted {
    spec: WantedSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedSpec {
    for_provider: ForProvider,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;

    fn database() -> DatabaseName {
        DatabaseName::new("checkout", "orders", "orders")
    }

    fn generation(delivery: &Delivery, database: &DatabaseName) -> Generation {
        let mut generation = example::generation("dev", json!({}));
        generation.plan.terms.delivery = delivery.clone();
        generation.plan.terms.database = database.clone();
        generation
    }

    fn by(scope: ObjectScope) -> Delivery {
        Delivery::Object(ObjectDelivery { provider_config: "west".into(), scope })
    }

    fn remote() -> Delivery {
        by(ObjectScope::Namespaced)
    }

    #[test]
    fn what_is_delivered_directly_stays_as_it_is() {
        let object = Object::of(&json!({"apiVersion": "v1", "kind": "Service"}));
        assert_eq!(wrap(&Delivery::Direct, &database(), &Key("service".into()), object.clone()), object);
        assert_eq!(unwrap_one("service", &object).unwrap(), Some(object));
    }

    #[test]
    fn what_stands_in_another_namespace_is_carried_from_beside_the_claim() {
        let database = database().placed(Some("acme-shop"));
        assert_eq!(database.identity(), ("checkout", "orders"));
        let metadata = json!({"name": database.name, "namespace": database.namespace});
        let object = Object::of(&json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata}));
        let at = |object: &Object| {
            let text = |field| object.text("it", &["metadata", field]).unwrap().unwrap().to_owned();
            [text("namespace"), text("name")]
        };
        let key = Key("service".into());
        let wrapped = wrap(&remote(), &database, &key, object.clone());
        assert_eq!(at(&wrapped), ["checkout", "orders.service"]);
        assert_eq!(unwrap_desired("service", &wrapped).unwrap(), object);
        let stays = wrap(of(&remote(), Holds::Credentials), &database, &key, object);
        assert_eq!(at(&stays)[0], "checkout");

        let wanted = vec![SecretKey { secret: "app".into(), key: "password".into() }];
        let Reading { question, reader, .. } = readings(&generation(&remote(), &database), wanted).remove(0);
        assert_eq!(question.name(), "core/Secret/checkout/orders.secret-app");
        let (_, reader) = reader.unwrap();
        let spec: Value = reader.decode("reader").unwrap();
        assert_eq!(spec["spec"]["connectionDetails"][0]["namespace"], "acme-shop");
        assert_eq!(spec["spec"]["forProvider"]["manifest"]["metadata"]["name"], "acme-shop");
    }

    #[test]
    fn what_is_wrapped_comes_back_on_the_desired_side() {
        let object = Object::of(&json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [1, 2]}}));
        let wrapped = wrap(&remote(), &database(), &Key("service".into()), object.clone());
        assert_eq!(unwrap_desired("service", &wrapped).unwrap(), object);
        let name: serde_json::Value = wrapped.decode("wrapper").unwrap();
        assert_eq!(name["metadata"], json!({"name": "orders.service", "namespace": "checkout"}));
    }

    #[test]
    fn a_secret_is_read_by_its_keys_and_never_shown() {
        let key = |secret: &str, key: &str| SecretKey { secret: secret.into(), key: key.into() };
        let wanted = vec![key("app", "password"), key("ca", "ca.crt"), key("app", "password")];
        let names = |delivery: &Delivery| {
            let readings = readings(&generation(delivery, &database()), wanted.clone());
            let name = |reading: Reading| (reading.secret, reading.question.name(), reading.reader.is_some());
            readings.into_iter().map(name).collect::<Vec<_>>()
        };
        let named =
            |secret: &str, name: &str, reads| (secret.to_string(), format!("core/Secret/checkout/{name}"), reads);
        assert_eq!(names(&Delivery::Direct), [named("app", "app", false), named("ca", "ca", false)]);
        assert_eq!(names(&remote()), [named("app", "orders.secret-app", true), named("ca", "orders.secret-ca", true)]);

        let (at, reader) = readings(&generation(&remote(), &database()), wanted.clone()).remove(1).reader.unwrap();
        let shown: Value = unwrap_desired(&at.0, &reader).unwrap().decode("shown").unwrap();
        assert_eq!(shown["kind"], "Namespace", "all of what is looked at stands in a status");
        let spec: Value = reader.decode("reader").unwrap();
        assert_eq!(spec["spec"]["managementPolicies"], json!(["Observe"]));
        assert_eq!(
            spec["spec"]["connectionDetails"],
            json!([{
                "apiVersion": "v1", "kind": "Secret", "namespace": "checkout", "name": "ca",
                "fieldPath": "data[ca.crt]", "toConnectionSecretKey": "ca.crt",
            }])
        );
    }

    #[test]
    fn what_is_carried_is_marked_like_its_wrapper() {
        let object = Object::of(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"labels": {"a": "b"}}}));
        let marks = Object::of(&json!({"metadata": {"labels": {"c": "d"}}}));
        let wrapped = wrap(&remote(), &database(), &Key("service".into()), object.clone());
        let marked = marked("service", &wrapped, &marks).unwrap();
        assert_eq!(unwrap_desired("service", &marked).unwrap(), object.merge(&marks));
        let wrapper: serde_json::Value = marked.decode("wrapper").unwrap();
        assert_eq!(wrapper["metadata"]["labels"], json!({"c": "d"}));
    }

    /// It is called after the namespace too, where all of them meet.
    #[test]
    fn a_wrapper_without_a_namespace_is_known_by_the_claims() {
        let (delivery, key) = (by(ObjectScope::Cluster), Key("cluster".into()));
        let object = Object::of(&json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster"}));
        let wrapped = wrap(&delivery, &database(), &key, object.clone());
        assert_eq!(
            wrapped.decode::<Value>("wrapper").unwrap(),
            json!({
                "apiVersion": "kubernetes.crossplane.io/v1alpha2", "kind": "Object",
                "metadata": {"name": "checkout.orders.cluster"},
                "spec": {
                    "forProvider": {"manifest": {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster"}},
                    "providerConfigRef": {"name": "west"},
                },
            })
        );
        assert_eq!(unwrap_desired("cluster", &wrapped).unwrap(), object);
        assert_eq!(cluster("cluster", &wrapped), Ok(Some("west")));
        let reference = Reference { key, api_version: "postgresql.cnpg.io/v1", kind: "Cluster", name: "orders".into() };
        let question = question(&delivery, &database(), &reference);
        assert_eq!(question.name(), "kubernetes.crossplane.io/Object/-/checkout.orders.cluster");

        let wanted = vec![SecretKey { secret: "app".into(), key: "password".into() }];
        let Reading { question, reader, .. } = readings(&generation(&delivery, &database()), wanted).remove(0);
        assert_eq!(question.name(), "core/Secret/checkout/orders.secret-app");
        let reader: Value = reader.unwrap().1.decode("reader").unwrap();
        assert_eq!(
            reader["spec"]["writeConnectionSecretToRef"],
            json!({"name": "orders.secret-app", "namespace": "checkout"})
        );
    }

    #[test]
    fn a_wrapper_that_carries_nothing_yet_is_nothing() {
        let wrapper = |status| Object::of(&json!({"apiVersion": NAMESPACED, "kind": KIND, "status": status}));
        let there = json!({"kind": "Cluster"});
        let observed = BTreeMap::from([
            (Key("new".into()), wrapper(json!({}))),
            (Key("there".into()), wrapper(json!({"atProvider": {"manifest": there}}))),
        ]);
        let expected = BTreeMap::from([(Key("there".into()), Object::of(&there))]);
        assert_eq!(unwrap(&observed).unwrap(), expected);
    }
}
