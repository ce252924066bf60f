//! What the golden cases do not reach: the class of each change, the operator's words, names, and the last backup.

use super::*;
use crate::observed::Observed;
use crate::operators::health::{BackupState, State};
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

/// The example's database, on this operator.
fn generation(environment: &str, changes: Value) -> Generation {
    example::generation_on(crate::api::plan::Operator::Zalando, environment, changes)
}

#[test]
fn each_term_has_its_class() {
    let from = generation("staging", json!({"pooling": {"enabled": true}})).plan;
    #[rustfmt::skip]
    let cases = [
        ("/terms/version",                     json!("18"),                                    Class::Restart),
        ("/terms/version",                     json!("16"),                                    Class::Refused),
        ("/terms/replicas",                    json!(5),                                       Class::Online),
        ("/terms/synchronousReplicas",         json!(1),                                       Class::Online),
        ("/terms/cpu",                         json!("2"),                                     Class::Restart),
        ("/terms/storage",                     json!("40Gi"),                                  Class::Online),
        ("/terms/storage",                     json!("10Gi"),                                  Class::Refused),
        ("/terms/placement",                   json!("Required"),                              Class::Restart),
        ("/terms/backup",                      Value::Null,                                    Class::Restart),
        ("/terms/backup/schedule",             json!("0 3 * * *"),                             Class::Restart),
        ("/terms/backup/retention",            json!("2w"),                                    Class::Online),
        ("/terms/backup/retention",            json!("30d"),                                   Class::Restart),
        ("/terms/backup/continuous",           json!(false),                                   Class::Online),
        ("/terms/backup/destination/endpoint", json!("https://s3.example.org"),                Class::Restart),
        ("/terms/pooling",                     Value::Null,                                    Class::Online),
        ("/terms/parameters",                  json!({"work_mem": "8MB"}),                     Class::Online),
        ("/terms/parameters",                  json!({"max_connections": "50"}),               Class::Restart),
        ("/terms/extensions",                  json!({"pgvector": "vector"}),                  Class::Online),
        ("/terms/tls",                         json!(true),                                    Class::Online),
        ("/terms/monitoring",                  json!({"logLevel": "debug"}),                   Class::Online),
        ("/terms/monitoring",                  json!({"audit": true}),                         Class::Restart),
        ("/terms/monitoring",                  json!({"off": true}),                           Class::Restart),
        ("/terms/lifecycle",                   json!({"hibernated": true}),                    Class::Restart),
        ("/terms/delivery",                    json!({"object": {"providerConfig": "other"}}), Class::Refused),
        ("/requests",                          json!({"backup": "2"}),                         Class::None),
        ("/notes/release",                     json!("spilo:2"),                               Class::Restart),
    ];
    for (path, value, expected) in cases {
        let to = example::changed(&from, path, value.clone());
        assert_eq!(Zalando.change(&from, &to), expected, "{path} {value}");
    }
    assert_eq!(Zalando.change(&from, &from), Class::None);
}

/// A database of which everything is as planned, with this word, annotations and members that are ready.
fn judge(generation: &Generation, word: &str, annotations: Value, ready: u32) -> Health {
    let terms = &generation.plan.terms;
    let resources = json!({"limits": {"cpu": terms.cpu.to_string(), "memory": terms.memory.to_string()}});
    let mut observed = Observed::default();
    let engine = Zalando.compose(generation, &Engines::default(), &observed);
    for resource in engine.resources {
        let told = json!({"metadata": {"annotations": annotations}, "status": {"PostgresClusterStatus": word}});
        observed.composed.insert(resource.key, resource.object.merge(&Object::of(&told)));
    }
    let asleep = terms.lifecycle.hibernated;
    let replicas = if asleep { ready } else { terms.replicas };
    let set = json!({
        "metadata": {"generation": 2},
        "spec": {"replicas": if asleep { 0 } else { replicas }, "template": {"spec": {"containers": [
            {"name": "postgres", "image": generation.plan.notes.release, "resources": resources},
        ]}}},
        "status": {
            "observedGeneration": 2, "replicas": replicas, "readyReplicas": ready, "updatedReplicas": terms.replicas,
        },
    });
    observed.found.insert(members(generation).name(), vec![Object::of(&set)]);
    Zalando.health(generation, &observed).unwrap()
}

#[test]
fn the_operators_word_counts_with_its_members() {
    let generation = generation("prod", json!({}));
    let progressing = |why: &str| State::Progressing(why.into());
    let failed = "the operator says UpdateFailed, and why in its log and in the events; ";
    let none = || json!({});
    let cases = [
        ("", none(), 3, progressing("the operator has not seen it yet")),
        ("Creating", none(), 1, progressing("the operator says Creating; 1 of 3 members are ready")),
        ("Updating", none(), 3, progressing("the operator says Updating; 3 of 3 members are ready")),
        ("Running", none(), 3, State::Ready),
        ("Running", none(), 2, State::Degraded("2 of 3 members are ready".into())),
        ("Running", none(), 0, progressing("0 of 3 members are ready")),
        ("UpdateFailed", none(), 2, State::Degraded(format!("{failed}2 of 3 members are ready"))),
        ("UpdateFailed", none(), 0, State::Failed(format!("{failed}0 of 3 members are ready"))),
        ("Invalid", none(), 0, State::Failed("the operator refuses the manifest; its log says why".into())),
        ("Dreaming", none(), 3, progressing("the operator says Dreaming; 3 of 3 members are ready")),
    ];
    for (word, annotations, ready, expected) in cases {
        let health = judge(&generation, word, annotations, ready);
        assert_eq!(health.state, expected, "{word} {ready}");
        assert_eq!(health.ready_replicas, ready);
    }
    let upgrade = judge(&generation, "Running", json!({"last-major-upgrade-failure": "2026-11-20T02:00:00Z"}), 3);
    assert!(matches!(&upgrade.state, State::Degraded(why) if why.contains("failed at 2026-11-20T02:00:00Z")));
    assert!(matches!(upgrade.backup.state, BackupState::Unknown(_)), "nobody says how backups went");
}

#[test]
fn what_nobody_has_looked_at_is_not_ready() {
    let generation = generation("dev", json!({}));
    let mut observed = Observed::default();
    let engine = Zalando.compose(&generation, &Engines::default(), &observed);
    let told = json!({"status": {"PostgresClusterStatus": "Running"}});
    for resource in engine.resources {
        observed.composed.insert(resource.key, resource.object.merge(&Object::of(&told)));
    }
    let health = Zalando.health(&generation, &observed).unwrap();
    assert_eq!(health.state, State::Progressing("nobody has looked at the StatefulSet orders yet".into()));
}

#[test]
fn it_sleeps_once_no_member_is_left() {
    let generation = generation("dev", json!({"lifecycle": {"hibernated": true}, "pooling": {"enabled": true}}));
    assert_eq!(judge(&generation, "Running", json!({}), 0).state, State::Hibernated);
    let left = State::Progressing("it is being hibernated: 1 of 1 members are ready".into());
    assert_eq!(judge(&generation, "Running", json!({}), 1).state, left);
    let engine = Zalando.compose(&generation, &Engines::default(), &Observed::default());
    let cluster = serde_json::to_value(&engine.resources[0].object).unwrap();
    assert_eq!(cluster["spec"]["numberOfInstances"], 0);
    assert_eq!(cluster["spec"]["enableConnectionPooler"], false);
}

#[test]
fn roles_and_databases_of_others_are_left_alone() {
    let cases = [("orders", "orders"), ("admin", "app_admin"), ("pooler", "app_pooler"), ("standby", "app_standby")];
    for (database, expected) in cases {
        assert_eq!(owner(database), expected);
    }
    let refused = |inside: &str| {
        let mut terms = generation("dev", json!({})).plan.terms;
        terms.database.inside = inside.into();
        problems(&terms).len()
    };
    let cases = [("a_b2", 0), ("web-shop", 1), ("orders_", 1), ("postgres", 1), ("x", 0)];
    for (inside, expected) in cases {
        assert_eq!(refused(inside), expected, "{inside}");
    }
    let credentials = facts::facts(&generation("dev", json!({"name": "web_shop"})), &Settings::default()).credentials;
    assert_eq!(credentials.secret, "web-shop.orders.credentials.postgresql.acid.zalan.do");
}

/// Its job removes what is older than the retention from its own folder; the archive must not be in there.
#[test]
fn the_last_backup_is_kept_apart_from_the_archive() {
    let generation = generation("prod", json!({}));
    let backup = Zalando.backup(&generation, &Engines::default(), "last-backup", "orders-last".into()).unwrap();
    let pod = serde_json::to_value(&backup.object).unwrap()["spec"]["template"]["spec"].clone();
    let target = pod["containers"][0]["env"][0]["value"].as_str().unwrap();
    assert_eq!(target, "store:company-database-backups/databases/dumps/checkout/orders/u-1");
    let script = pod["initContainers"][0]["args"][0].as_str().unwrap();
    assert!(script.contains("/usr/lib/postgresql/17/bin/pg_dump --format=directory"), "{script}");
    let folder = generation.plan.terms.backup.as_ref().unwrap();
    let archive = &backup::variables(&generation, folder)[2];
    assert_eq!(archive.value.as_deref(), Some("company-database-backups/databases"));
}
