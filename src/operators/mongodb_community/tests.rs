//! What the operator would see, and what is said of what it writes.

use super::*;
use crate::api::record::Source;
use crate::operators::health::{State, Storage};
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation(changes: Value) -> Generation {
    let mut spec = json!({"engine": "mongodb"});
    spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let mut generation = example::generation("staging", spec);
    generation.plan.terms.operator = crate::api::plan::Operator::MongoDBCommunity;
    generation.plan.notes.release = format!("{}.19", generation.plan.terms.version);
    generation
}

/// All that is composed, ready, with `status` of the set laid over it; and a StatefulSet with `members` over it.
fn observed(generation: &Generation, status: Value, members: Value) -> Observed {
    let composed = MongoDbCommunity.compose(generation, &Default::default(), &Observed::default());
    let made = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let said = json!({"metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"}, "status":
        {"phase": "Running", "version": "8.0.19", "currentMongoDBMembers": 3, "currentStatefulSetReplicas": 3}});
    let mut observed = Observed::default();
    for Resource { key, object, .. } in composed.resources {
        let object = match key.0.as_str() {
            key::REPLICA_SET => object.merge(&Object::of(&said)).merge(&Object::of(&json!({"status": status}))),
            _ => object.merge(&Object::of(&made)),
        };
        observed.composed.insert(key, object);
    }
    let terms = &generation.plan.terms;
    let set = Object::of(&json!({
        "metadata": {"generation": 1},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [
            {"resources": {"limits": {"cpu": terms.cpu, "memory": terms.memory}}},
        ]}}},
        "status": {"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 3,
            "currentRevision": "a", "updateRevision": "a"},
    }));
    let question = stateful_set::question(generation, &generation.name()).name();
    observed.found.insert(question, vec![set.merge(&Object::of(&json!({"status": members})))]);
    observed
}

fn volume(made: &str, size: &str) -> Object {
    let metadata = json!({"name": "data-volume-orders-0", "creationTimestamp": made});
    Object::of(&json!({"metadata": metadata, "status": {"capacity": {"storage": size}}}))
}

#[test]
fn only_what_is_as_planned_is_ready() {
    let progressing = |why: &str| State::Progressing(why.into());
    let two = json!({"readyReplicas": 2});
    let failed = json!({"phase": "Failed", "message": "error validating new Spec: no"});
    #[rustfmt::skip]
    let cases = [
        (json!({}), json!({}), State::Ready),
        (json!({"phase": null}), json!({}), progressing("the operator has not seen it yet")),
        (json!({"phase": ""}), json!({}), progressing("the operator has not seen it yet")),
        (json!({"phase": "Pending", "message": "wait"}), json!({}), progressing("the operator is not done: wait")),
        (json!({"version": null}), json!({}), progressing("the operator has not said yet which release runs")),
        (json!({"version": "8.0.18"}), json!({}), progressing("it runs 8.0.18 instead of 8.0.19")),
        (json!({"currentMongoDBMembers": 2}), json!({}), progressing("2 of 3 members have joined")),
        (json!({}), json!({"updatedReplicas": 1}), progressing("1 of 3 pods of orders are as planned, 3 are ready")),
        (json!({}), two.clone(), State::Degraded("2 of 3 members are ready".into())),
        (json!({"version": null}), two, progressing("2 of 3 members are ready")),
        (json!({}), json!({"readyReplicas": 1}), State::Failed("1 of 3 members are ready".into())),
        (failed.clone(), json!({}), State::Degraded("error validating new Spec: no".into())),
        (failed, json!({"readyReplicas": 0}), State::Failed("error validating new Spec: no".into())),
    ];
    let generation = generation(json!({}));
    for (status, members, expected) in cases {
        let found = MongoDbCommunity.health(&generation, &observed(&generation, status.clone(), members.clone()));
        assert_eq!(found.unwrap().state, expected, "{status} {members}");
    }
    assert_eq!(MongoDbCommunity.health(&generation, &Observed::default()).unwrap().state, State::Absent);
}

#[test]
fn what_is_said_of_another_plan_does_not_count() {
    let before = observed(&generation(json!({})), json!({}), json!({}));
    let untold = "the operator has not been told of the plan yet";
    let unlike = "the StatefulSet orders is not as planned yet";
    for (changes, why) in
        [(json!({"replicas": 5}), untold), (json!({"version": "7.0"}), untold), (json!({"size": "medium"}), unlike)]
    {
        let found = MongoDbCommunity.health(&generation(changes.clone()), &before).unwrap();
        assert_eq!(found.state, State::Progressing(why.into()), "{changes}");
    }
}

#[test]
fn the_compatibility_version_follows_the_release() {
    let generation = generation(json!({}));
    let version = |observed: &Observed| {
        let engine = MongoDbCommunity.compose(&generation, &Default::default(), observed);
        let set = engine.resources.iter().find(|resource| resource.key.0 == key::REPLICA_SET).unwrap();
        set.object.decode::<Value>("set").unwrap()["spec"]["featureCompatibilityVersion"].clone()
    };
    assert_eq!(version(&Observed::default()), "8.0");
    assert_eq!(version(&observed(&generation, json!({"version": "7.0.30"}), json!({}))), "7.0");
    assert_eq!(version(&observed(&generation, json!({"version": null}), json!({}))), "8.0");

    let mut behind = observed(&generation, json!({}), json!({}));
    let set = behind.composed.get_mut(&Key(key::REPLICA_SET.into())).unwrap();
    *set = set.merge(&Object::of(&json!({"spec": {"featureCompatibilityVersion": "7.0"}})));
    let found = MongoDbCommunity.health(&generation, &behind).unwrap();
    assert_eq!(found.state, State::Progressing("data is not written for 8.0 yet".into()));
}

#[test]
fn volumes_of_one_that_was_deleted_are_named() {
    let generation = generation(json!({}));
    let find = |status: Value, volume: Object| {
        let mut observed = observed(&generation, status, json!({"readyReplicas": 0}));
        observed.found.insert(volumes(&generation).name(), vec![volume]);
        MongoDbCommunity.health(&generation, &observed).unwrap()
    };
    let begins = json!({"phase": "Pending", "version": null});
    let old = find(begins.clone(), volume("2025-01-01T00:00:00Z", "20Gi"));
    let why = "volume data-volume-orders-0 is older than the database: it is of one that was deleted; delete it, or take \
        its name back";
    assert_eq!(old.state, State::Failed(why.into()));
    let new = find(begins, volume("2026-11-20T10:00:09Z", "10Gi"));
    assert_eq!(new.state, State::Progressing("0 of 3 members are ready".into()));
    assert_eq!(new.storage, Storage::NotYet("volume data-volume-orders-0 has 10Gi of 20Gi".into()));
}

#[test]
fn passwords_come_before_everything() {
    let generation = generation(json!({}));
    let failed = json!({"phase": "Failed", "message": "user password secret not found", "version": null});
    let mut observed = observed(&generation, failed, json!({"readyReplicas": 0}));
    observed.composed.remove(&Key("credentials-backup".into()));
    let found = MongoDbCommunity.health(&generation, &observed).unwrap();
    let why = "External Secrets has not made the secret orders-credentials-backup yet";
    assert_eq!(found.state, State::Progressing(why.into()));
    assert_eq!(found.resources[&Key("credentials-backup".into())], false);
    assert_eq!(found.resources[&Key("credentials-monitoring".into())], true);
}

#[test]
fn each_term_has_its_class() {
    #[rustfmt::skip]
    let cases = [
        ("/terms/version",                  json!("8.0"),                         Class::Restart),
        ("/terms/version",                  json!("9.0"),                         Class::Refused),
        ("/terms/topology",                 json!("Standalone"),                  Class::Refused),
        ("/terms/replicas",                 json!(5),                             Class::Online),
        ("/terms/replicas",                 json!(1),                             Class::Online),
        ("/terms/shards",                   json!(2),                             Class::Refused),
        ("/terms/synchronousReplicas",      json!(1),                             Class::None),
        ("/terms/cpu",                      json!("2"),                           Class::Restart),
        ("/terms/memory",                   json!("8Gi"),                         Class::Restart),
        ("/terms/storage",                  json!("40Gi"),                        Class::Refused),
        ("/terms/storageClass",             json!("fast-ssd"),                    Class::Refused),
        ("/terms/placement",                json!("Required"),                    Class::Restart),
        ("/terms/backup",                   Value::Null,                          Class::Online),
        ("/terms/backup/schedule",          json!("0 3 * * *"),                   Class::Online),
        ("/terms/parameters",               json!({"net.maxIncomingConnections": "50"}), Class::Restart),
        ("/terms/tls",                      json!(true),                          Class::Restart),
        ("/terms/monitoring",               json!({"silent": true}),              Class::Online),
        ("/terms/monitoring",               json!({"off": true}),                 Class::Restart),
        ("/terms/monitoring",               json!({"logLevel": "debug"}),         Class::Restart),
        ("/terms/access",                   json!({"namespaces": ["web"]}),       Class::Online),
        ("/terms/lifecycle",                json!({"deletionPolicy": "Retain"}),  Class::Online),
        ("/terms/lifecycle",                json!({"hibernated": true}),          Class::Refused),
        ("/notes/release",                  json!("7.0.31"),                      Class::Restart),
        ("/notes/owner",                    json!("group:default/other"),         Class::None),
    ];
    let from = generation(json!({"version": "7.0"})).plan;
    for (path, value, expected) in cases {
        let to = example::changed(&from, path, value.clone());
        assert_ne!(from, to, "{path} {value} changes nothing");
        assert_eq!(MongoDbCommunity.change(&from, &to), expected, "{path} {value}");
    }
    let mut encrypted = from.clone();
    encrypted.terms.tls = true;
    assert_eq!(MongoDbCommunity.change(&encrypted, &from), Class::Refused);
    assert_eq!(MongoDbCommunity.fixed(&encrypted.terms, &from.terms).len(), 1);
}

#[test]
fn pods_may_do_what_they_need_at_what_is_theirs() {
    let generation = generation(json!({}));
    let role = access::compose(&generation).remove(1).object.decode::<Value>("role").unwrap();
    assert_eq!(role["rules"][0]["resourceNames"], json!(["orders-config"]));
    assert_eq!(role["rules"][0]["verbs"], json!(["get"]));
    assert_eq!(role["rules"][1]["resourceNames"].as_array().unwrap().len(), 7, "members that go still need it");
}

#[test]
fn whoever_makes_backups_restores_one_and_then_no_more() {
    let mut generation = generation(json!({}));
    generation.source = Source::of(&generation, None, None);
    generation.plan.terms.backup = None;
    let grants = |generation: &Generation| -> Value {
        let users = serde_json::to_value(access::section(generation)).unwrap();
        users.as_array().unwrap().iter().find(|user| user["name"] == "backup").unwrap()["roles"].clone()
    };
    let backup = json!({"name": "backup", "db": "admin"});
    assert_eq!(grants(&generation), json!([backup, {"name": "restore", "db": "admin"}]));
    generation.restored = true;
    assert_eq!(grants(&generation), json!([backup]), "it stays, as nobody is taken away from a set that runs");
}
