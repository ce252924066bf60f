//! What the golden cases do not reach: the class of each change, the operator's words, names, sizes and the last backup.

use super::*;
use crate::observed::Observed;
use crate::operators::health::{BackupState, State};
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

/// The example's database, on this operator.
fn generation(environment: &str, changes: Value) -> Generation {
    example::generation_on(crate::api::plan::Operator::StackGres, environment, changes)
}

#[test]
fn each_term_has_its_class() {
    let from = generation("staging", json!({"pooling": {"enabled": true}})).plan;
    #[rustfmt::skip]
    let cases = [
        ("/terms/version",                     json!("18"),                                    Class::Refused),
        ("/terms/version",                     json!("16"),                                    Class::Refused),
        ("/terms/replicas",                    json!(5),                                       Class::Online),
        ("/terms/synchronousReplicas",         json!(1),                                       Class::Online),
        ("/terms/cpu",                         json!("2"),                                     Class::Restart),
        ("/terms/storage",                     json!("40Gi"),                                  Class::Online),
        ("/terms/storage",                     json!("10Gi"),                                  Class::Refused),
        ("/terms/placement",                   json!("Required"),                              Class::Restart),
        ("/terms/backup",                      Value::Null,                                    Class::Restart),
        ("/terms/backup/schedule",             json!("0 3 * * *"),                             Class::Online),
        ("/terms/backup/retention",            json!("30d"),                                   Class::Online),
        ("/terms/pooling",                     Value::Null,                                    Class::Restart),
        ("/terms/pooling/mode",                json!("session"),                               Class::Online),
        ("/terms/parameters",                  json!({"work_mem": "8MB"}),                     Class::Online),
        ("/terms/parameters",                  json!({"max_connections": "50"}),               Class::Restart),
        ("/terms/extensions",                  json!({"citext": "citext"}),                    Class::Online),
        ("/terms/tls",                         json!(true),                                    Class::Online),
        ("/terms/monitoring",                  json!({"logLevel": "debug"}),                   Class::Online),
        ("/terms/monitoring",                  json!({"off": true}),                           Class::Restart),
        ("/terms/lifecycle",                   json!({"hibernated": true}),                    Class::Restart),
        ("/terms/delivery",                    json!({"object": {"providerConfig": "other"}}), Class::Refused),
        ("/requests",                          json!({"backup": "2"}),                         Class::None),
        ("/notes/release",                     json!("17.10"),                                 Class::Restart),
    ];
    for (path, value, expected) in cases {
        let to = example::changed(&from, path, value.clone());
        assert_eq!(StackGres.change(&from, &to), expected, "{path} {value}");
    }
    assert_eq!(StackGres.change(&from, &from), Class::None);
    let mut newer = from.terms.clone();
    newer.version = "18".into();
    let said: Vec<String> = StackGres.fixed(&from.terms, &newer).iter().map(ToString::to_string).collect();
    let right = "write 17, or make another database and move the data";
    assert_eq!(said, [format!("spec.version: on StackGres a database keeps its release line; {right}")]);
}

/// A database of which everything is as planned and `ready` members are, with `changes` laid over the cluster's status.
fn judge(generation: &Generation, ready: u32, changes: Value) -> Health {
    let terms = &generation.plan.terms;
    let limits = json!({"cpu": terms.cpu.to_string(), "memory": terms.memory.to_string()});
    let mut observed = Observed::default();
    let status = json!({"status": {
        "postgresVersion": generation.plan.notes.release,
        "instances": terms.replicas,
        "conditions": [{"type": "Bootstrapped", "status": "True"}, {"type": "Ready", "status": "True"}],
        "podStatuses": [{"name": "orders-stackgres-0", "primary": true}, {"name": "orders-stackgres-1"}],
        "managedSql": {"scripts": [{"id": 1, "scripts": [{"id": 0, "version": 0}, {"id": 1, "version": 0}]}]},
    }});
    let status = Object::of(&status).merge(&Object::of(&json!({"status": changes})));
    for resource in StackGres.compose(generation, &Engines::default(), &observed).resources {
        observed.composed.insert(resource.key, resource.object.merge(&status));
    }
    let replicas = if terms.lifecycle.hibernated { 0 } else { terms.replicas };
    let set = json!({
        "metadata": {"generation": 2},
        "spec": {"replicas": replicas, "updateStrategy": {"type": "OnDelete"}, "template": {"spec": {"containers": [
            {"name": "patroni", "resources": {"limits": limits}},
        ]}}},
        "status": {
            "observedGeneration": 2, "replicas": replicas, "readyReplicas": ready, "updatedReplicas": replicas,
            "currentRevision": "old", "updateRevision": "new",
        },
    });
    observed.found.insert(members(generation).name(), vec![Object::of(&set)]);
    StackGres.health(generation, &observed).unwrap()
}

#[test]
fn the_operators_status_counts_with_its_members() {
    let generation = generation("prod", json!({}));
    let progressing = |why: &str| State::Progressing(why.into());
    let failed = json!([{"type": "Failed", "status": "True", "message": "no such secret"}]);
    let restart = json!([{"type": "Bootstrapped", "status": "True"}, {"type": "PendingRestart", "status": "True"}]);
    let script = |entries: Value| json!({"managedSql": {"scripts": [{"id": 1, "scripts": entries}]}});
    let code =
        "the statement 0 of the SGScript failed with 42501 and is tried again; the status of the SGCluster says more";
    let without = "the application's role, database or extensions are not there yet";
    #[rustfmt::skip]
    let cases = [
        (3, json!({}),                                        State::Ready),
        (2, json!({}),                                        State::Degraded("2 of 3 members are ready".into())),
        (0, json!({}),                                        progressing("0 of 3 members are ready")),
        (3, json!({"postgresVersion": null}),                 progressing("the operator has not seen it yet")),
        (3, json!({"postgresVersion": "17.8"}),               progressing("it is for 17.8 instead of 17.9")),
        (3, json!({"conditions": []}),                        progressing("the first member is not there yet; 3 of 3 members are ready")),
        (3, json!({"conditions": restart}),                   progressing("members are to be restarted; 3 of 3 members are ready")),
        (2, json!({"conditions": failed}),                    State::Degraded("the operator fails: no such secret".into())),
        (0, json!({"conditions": failed}),                    State::Failed("the operator fails: no such secret".into())),
        (3, json!({"podStatuses": []}),                       State::Degraded("no member is the primary; 3 of 3 members are ready".into())),
        (3, script(json!([{"id": 0, "version": 0}])),         progressing(without)),
        (3, script(json!([{"id": 0, "version": 0, "failureCode": "42501", "failure": "secret"}])), State::Degraded(code.into())),
    ];
    for (ready, changes, expected) in cases {
        let health = judge(&generation, ready, changes.clone());
        assert_eq!(health.state, expected, "{ready} {changes}");
    }
    let health = judge(&generation, 3, json!({}));
    assert_eq!((health.ready_replicas, health.version.as_deref()), (3, Some("17.9")));
    assert_eq!(health.backup.state, BackupState::NotYet("nobody has looked at the backups yet".into()));
}

#[test]
fn what_nobody_has_looked_at_is_not_ready() {
    let generation = generation("dev", json!({}));
    let mut observed = Observed::default();
    assert_eq!(StackGres.health(&generation, &observed).unwrap().state, State::Absent);
    let told =
        json!({"status": {"postgresVersion": "17.9", "conditions": [{"type": "Bootstrapped", "status": "True"}]}});
    for resource in StackGres.compose(&generation, &Engines::default(), &observed).resources {
        observed.composed.insert(resource.key, resource.object.merge(&Object::of(&told)));
    }
    let health = StackGres.health(&generation, &observed).unwrap();
    let nobody = "nobody has looked at the StatefulSet orders-stackgres yet";
    assert_eq!(health.state, State::Progressing(nobody.into()));
    assert!(!health.resources[&Key("cluster".into())]);
}

#[test]
fn it_sleeps_once_no_pod_is_left() {
    let generation = generation("dev", json!({"lifecycle": {"hibernated": true}}));
    let gone = json!({"instances": 0, "podStatuses": []});
    assert_eq!(judge(&generation, 0, gone).state, State::Hibernated);
    let left = State::Progressing("it is being hibernated: 0 of 1 members are ready".into());
    assert_eq!(judge(&generation, 0, json!({"instances": 1, "podStatuses": []})).state, left);
    let engine = StackGres.compose(&generation, &Engines::default(), &Observed::default());
    let cluster = serde_json::to_value(&engine.resources[0].object).unwrap();
    assert_eq!(cluster["spec"]["instances"], 0);
    let backup = &cluster["spec"]["configurations"]["backups"][0];
    assert_eq!((&backup["cronSchedule"], &backup["path"]), (&Value::Null, &json!("databases/checkout/orders/u-1/17")));
}

#[test]
fn what_it_refuses() {
    let refused = |path: &str, value: Value| {
        let mut terms =
            serde_json::to_value(generation("dev", json!({"pooling": {"enabled": true}})).plan.terms).unwrap();
        *terms.pointer_mut(path).unwrap() = value;
        problems(&serde_json::from_value(terms).unwrap()).iter().map(|problem| problem.path.clone()).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(refused("/database/name", json!("a".repeat(30))), none);
    assert_eq!(refused("/database/name", json!("a".repeat(31))), ["metadata.name"]);
    assert_eq!(refused("/database/name", json!("orders-stackgres")), ["metadata.name"]);
    assert_eq!(refused("/database/inside", json!("template1")), ["spec.name"]);
    assert_eq!(refused("/memory", json!("2G")), ["spec.size"]);
    assert_eq!(refused("/pooling/instances", json!(2)), ["spec.pooling.instances"]);
}

#[test]
fn roles_of_others_are_left_alone_and_entries_keep_their_numbers() {
    let cases = [("orders", "orders"), ("authenticator", "app_authenticator"), ("postgres", "app_postgres")];
    for (database, expected) in cases {
        assert_eq!(account::owner(database), expected);
    }
    let cases = [("amcheck", Some(0)), ("citext", Some(5)), ("uuid-ossp", Some(29)), ("vector", None)];
    for (extension, expected) in cases {
        assert_eq!(account::position(extension), expected, "{extension}");
    }
    let generation = generation("dev", json!({"extensions": ["uuid-ossp", "citext"]}));
    assert_eq!(account::entries(&generation), [0, 1, 15, 39]);
}

#[test]
fn volumes_are_whole_mebibytes_and_sidecars_count() {
    for (asked, expected) in [("10Gi", "10Gi"), ("1.5Gi", "1536Mi"), ("1G", "954Mi")] {
        assert_eq!(StackGres.storage(Bytes::parse(asked).unwrap()).to_string(), expected);
    }
    let helpers = |changes| StackGres.helpers(&generation("prod", changes).plan.terms);
    let all = helpers(json!({"pooling": {"enabled": true}}));
    assert_eq!((all.cpu.0, all.memory.to_string()), (1800, "2496Mi".to_string()));
    let least = helpers(json!({"monitoring": {"enabled": false}}));
    assert_eq!((least.cpu.0, least.memory.to_string()), (750, "1536Mi".to_string()));
}
