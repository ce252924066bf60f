//! Databases that are carried to another cluster: what is there while their claim lives, and when it goes.

use crate::BOTH;
use crate::life::{Edition, Life};
use function_database::api::plan::DatabaseName;
use function_database::gate::digest::Operation;
use function_database::simulate::{Id, Policy, Waits};
use serde_json::{Value, json};

/// A database of dev, whose environment is carried to the cluster of this provider configuration.
const WEST: &str = "west";

fn elsewhere(edition: Edition) -> Life {
    ready(Life::with(edition, "dev", &json!({"objectDelivery": {"providerConfig": WEST}}), json!({})))
}

/// The same by `Object`s without a namespace, for which there has to be a claim.
fn by_cluster_scoped() -> Life {
    let there = json!({"objectDelivery": {"providerConfig": WEST, "scope": "Cluster"}});
    ready(Life::with(Edition::Claims, "dev", &there, json!({})))
}

fn ready(mut life: Life) -> Life {
    life.world.hand_out_keys("checkout");
    life.minutes(10);
    serves(&life);
    life
}

fn serves(life: &Life) {
    assert_eq!(
        (life.phase(), life.condition("Ready")),
        ("Ready".into(), "True Available".into()),
        "{:#}",
        life.status()
    );
}

/// What stands in the other cluster, but what Crossplane and people have put there.
fn there(life: &mut Life) -> Vec<(String, Value)> {
    let all = life.world.cluster(WEST).all();
    all.map(|value| (Id::of(value).to_string(), value["metadata"]["uid"].clone())).collect()
}

fn holds_data(there: &[(String, Value)]) -> bool {
    ["Cluster checkout/orders", "PersistentVolumeClaim checkout/orders-1"]
        .iter()
        .all(|data| there.iter().any(|(id, _)| id == data))
}

fn names(there: &[(String, Value)]) -> Vec<&str> {
    there.iter().map(|(id, _)| id.as_str()).collect()
}

/// The claim is made again, and serves from what was left there; `composite` is the one of before.
fn takes_over(life: &mut Life, edition: Edition, mut claim: Value, composite: &str, left: &[(String, Value)]) {
    if edition == Edition::Claims {
        claim["spec"]["resourceRef"] =
            json!({"apiVersion": "db.platform.io/v1", "kind": "XDatabase", "name": composite});
    }
    life.world.apply(&claim).unwrap();
    life.minutes(10);
    serves(life);
    let after = there(life);
    assert!(left.iter().all(|it| after.contains(it)), "{edition:?} {left:?} {after:?}");
    life.is_sound();
}

fn delete(life: &mut Life, policy: Policy) {
    life.world.delete(&life.database, policy).unwrap();
    life.minutes(60);
    assert!(life.world.get(&life.database).is_none());
}

#[test]
fn what_is_carried_goes_with_its_claim() {
    for (edition, policy) in
        BOTH.into_iter().flat_map(|edition| [(edition, Policy::Background), (edition, Policy::Foreground)])
    {
        let mut life = elsewhere(edition);
        let (before, here) = (there(&mut life), life.everything());
        assert!(holds_data(&before), "{before:?}");
        assert!(!here.iter().any(|id| id.starts_with("Cluster ")), "{here:?}");
        delete(&mut life, policy);
        assert_eq!(
            names(&there(&mut life)),
            ["Namespace checkout", "Secret checkout/database-backup"],
            "{edition:?} {policy:?}"
        );
        let left = ["Namespace checkout", "Secret checkout/database-backup", "EnvironmentConfig database-platform"];
        assert_eq!(life.everything(), left, "{edition:?} {policy:?}");
    }
}

/// By either kind of `Object` there is the same.
#[test]
fn the_kind_of_object_makes_no_difference_there() {
    for policy in [Policy::Background, Policy::Foreground] {
        let (mut with, mut without) = (elsewhere(Edition::Claims), by_cluster_scoped());
        let manifests = |life: &mut Life| -> Vec<Value> {
            let all = life.world.cluster(WEST).all().cloned();
            all.map(|mut value| {
                value["metadata"]["managedFields"] = Value::Null;
                value
            })
            .collect()
        };
        assert_eq!(names(&there(&mut without)), names(&there(&mut with)));
        let specs = |all: Vec<Value>| all.into_iter().map(|value| value["spec"].clone()).collect::<Vec<_>>();
        assert_eq!(specs(manifests(&mut without)), specs(manifests(&mut with)));
        let objects: Vec<Id> = without.world.all().map(Id::of).filter(|id| id.kind == "Object").collect();
        assert!(!objects.is_empty());
        for id in objects {
            assert!(id.namespace.is_empty() && id.name.starts_with("checkout.orders."), "{id}");
        }
        assert_eq!(without.condition("CredentialsReady"), "True Published");
        without.is_sound();
        delete(&mut without, policy);
        assert_eq!(names(&there(&mut without)), ["Namespace checkout", "Secret checkout/database-backup"]);
        let left = ["Namespace checkout", "Secret checkout/database-backup", "EnvironmentConfig database-platform"];
        assert_eq!(without.everything(), left, "{policy:?}");
    }
}

#[test]
fn what_an_object_without_a_namespace_retains_is_taken_over() {
    let mut life = by_cluster_scoped();
    life.claim(json!({"lifecycle": {"deletionPolicy": "Retain"}}));
    life.minutes(5);
    let composite = life.composite().name;
    delete(&mut life, Policy::Background);
    let left = there(&mut life);
    assert!(holds_data(&left) && life.has("Object", "checkout.orders.cluster"), "{:?}", life.everything());
    let claim = life.manifest(json!({}));
    takes_over(&mut life, Edition::Claims, claim, &composite, &left);
}

/// Nothing that carries data leaves before what it carries, whatever the garbage collector begins with.
#[test]
fn what_carries_waits_for_what_is_carried() {
    let mut life = elsewhere(Edition::Namespaced);
    let carrier = life.id("Object", "orders.cluster");
    life.world.delete(&life.database, Policy::Background).unwrap();
    let going = life.get(&carrier)["metadata"].clone();
    assert_eq!(going["finalizers"], json!(["finalizer.managedresource.crossplane.io"]));
    assert!(going["deletionTimestamp"].is_string() && holds_data(&there(&mut life)), "{going}");
    life.minutes(1);
    assert!(life.world.get(&carrier).is_none() && !holds_data(&there(&mut life)));
}

#[test]
fn what_is_retained_there_is_taken_over_by_the_next_claim() {
    for edition in BOTH {
        let mut life = elsewhere(edition);
        life.claim(json!({"lifecycle": {"deletionPolicy": "Retain"}}));
        life.minutes(5);
        let composite = life.composite().name;
        let before = there(&mut life);
        delete(&mut life, Policy::Background);
        let left = there(&mut life);
        assert!(holds_data(&left) && left.iter().all(|it| before.contains(it)), "{edition:?} {left:?}");
        assert!(left.iter().any(|(id, _)| id == "ObjectStore checkout/orders"), "{left:?}");
        assert!(!left.iter().any(|(id, _)| id == "ScheduledBackup checkout/orders"), "{left:?}");
        assert!(life.has("DatabaseRecord", "orders"), "{:?}", life.everything());
        assert!(life.has("Object", "orders.cluster") && !life.has("Object", "orders.scheduled-backup"));

        let claim = life.manifest(json!({}));
        takes_over(&mut life, edition, claim, &composite, &left);
    }
}

/// Whoever takes the wrappers away as well, as a deletion of the namespace does, takes no data.
#[test]
fn what_is_retained_needs_nobody_here() {
    let mut life = elsewhere(Edition::Namespaced);
    life.claim(json!({"lifecycle": {"deletionPolicy": "Retain"}}));
    life.minutes(5);
    delete(&mut life, Policy::Background);
    life.world.delete(&Id::new("v1", "Namespace", "", "checkout"), Policy::Background).unwrap();
    life.minutes(60);
    assert_eq!(life.everything(), ["Secret checkout/database-backup", "EnvironmentConfig database-platform"]);
    assert!(holds_data(&there(&mut life)));
}

/// They are in secrets and nowhere else, on either side.
#[test]
fn applications_sign_in_with_what_was_made_there() {
    for edition in BOTH {
        let mut life = elsewhere(edition);
        assert_eq!(life.condition("CredentialsReady"), "True Published");
        let data = |life: &Life, name: &str| life.get(&life.id("Secret", name))["data"].clone();
        let connection = data(&life, "orders-connection");
        let app =
            life.world.cluster(WEST).get(&Id::new("v1", "Secret", "checkout", "orders-app")).unwrap()["data"].clone();
        assert_eq!((&connection["username"], &connection["password"]), (&app["username"], &app["password"]));
        assert!(connection["ca.crt"].is_string(), "{connection}");
        let read = data(&life, "orders.secret-orders-app");
        assert_eq!(read, json!({"username": app["username"], "password": app["password"]}), "and no more of it");

        let there: Vec<Value> = life.world.cluster(WEST).all().cloned().collect();
        assert!(
            !there.iter().any(|value| value["metadata"]["name"] == "orders-connection"),
            "it would be carried in sight"
        );
        let seen = there.iter().chain(life.world.all()).filter(|value| value["kind"] != "Secret").map(Value::to_string);
        let text: String = seen.collect();
        for secret in [app["password"].as_str().unwrap(), "made-in-a-simulation"] {
            assert!(!text.contains(secret), "{edition:?} {secret}");
        }
        life.is_sound();
    }
}

/// What was read once stays, and is read anew when the operator makes another.
#[test]
fn a_secret_that_is_gone_there_takes_nothing_away() {
    let mut life = elsewhere(Edition::Namespaced);
    let before = life.get(&life.id("Secret", "orders-connection"))["data"].clone();
    let app = Id::new("v1", "Secret", "checkout", "orders-app");
    life.world.cluster(WEST).destroy(&app);
    life.world.destroy(&life.id("Secret", "orders.secret-orders-app"));
    assert_eq!(life.get(&life.id("Secret", "orders-connection"))["data"], before);
    life.minutes(60);
    let after = life.get(&life.id("Secret", "orders-connection"))["data"].clone();
    assert_eq!((life.phase(), &after["host"], after["password"].is_string()), ("Ready".into(), &before["host"], true));
}

/// Whoever may edit a claim may edit its labels.
#[test]
fn labels_choose_the_cluster_once() {
    for edition in BOTH {
        let row = json!({"matchLabels": {"region": "west"}, "objectDelivery": {"providerConfig": WEST}});
        let life = Life::with(edition, "dev", &json!({"deliveries": [row]}), json!({"region": "west"}));
        let labelled = |life: &Life, labels: Value| {
            let mut claim = life.manifest(json!({}));
            claim["metadata"]["labels"] = labels;
            claim
        };
        let mut life = ready(life);
        assert!(life.has("Object", "orders.cluster") && !life.has("Cluster", "orders"), "{edition:?}");
        let before = there(&mut life);
        for labels in [json!({"region": "east"}), json!({"region": ""})] {
            let claim = labelled(&life, labels);
            life.world.apply(&claim).unwrap();
            life.minutes(10);
            assert_eq!(life.condition("Validated"), "False Invalid", "{edition:?}");
            let message = life.message("Validated");
            assert!(message.starts_with("metadata.labels: it runs in the cluster of west"), "{message}");
            assert!(message.contains("write region: west again; to move, make another database there"), "{message}");
            assert_eq!((life.phase(), there(&mut life)), ("Ready".into(), before.clone()), "what runs goes on there");
            assert!(!life.has("Cluster", "orders"));
        }
        let claim = labelled(&life, json!({"region": "west"}));
        life.world.apply(&claim).unwrap();
        life.minutes(10);
        assert_eq!(life.condition("Validated"), "True Valid");
        life.is_sound();
    }
}

/// What is made in the namespace of a tenant for each database of theirs, and outlives them all.
fn tenancy() -> Value {
    json!({"objectDelivery": {
        "providerConfig": WEST, "namespace": "tenant-{org}",
        "createNamespace": {
            "labels": {"team": "shop"}, "quota": {"limits.memory": "64Gi"}, "limits": {"default": {"memory": "1Gi"}},
            "defaultDeny": true,
        },
    }})
}

/// Two claims of one name in two namespaces, whose labels put them into one: neither is the other, and what one does leaves
/// the other alone.
#[test]
fn two_databases_of_one_tenant_never_meet() {
    let (ours, theirs) = ("orders-nwp8h9x29xl", "orders-nzddll5g87r");
    let tenant = [
        "Namespace tenant-acme",
        "ResourceQuota tenant-acme/databases",
        "LimitRange tenant-acme/databases",
        "NetworkPolicy tenant-acme/default-deny",
        "Secret tenant-acme/database-backup",
    ];
    for edition in BOTH {
        let mut life = Life::with(edition, "dev", &tenancy(), json!({"org": "acme"}));
        life.world.cluster(WEST).hand_out_keys("tenant-acme");
        let mut other = life.manifest(json!({}));
        other["metadata"] = json!({"name": "orders", "namespace": "billing", "labels": {"org": "acme"}});
        let other = life.world.apply(&other).unwrap();
        life.minutes(10);
        serves(&life);
        let phase = |life: &Life| life.get(&other)["status"]["phase"].clone();
        let endpoint = |life: &Life, of: &Id| life.get(of)["status"]["endpoint"].as_str().unwrap().to_owned();
        assert_eq!(phase(&life), "Ready", "{edition:?} {}", life.get(&other)["status"]);
        assert_eq!(
            [endpoint(&life, &life.database), endpoint(&life, &other)],
            [ours, theirs].map(|name| format!("{name}-primary.tenant-acme.svc:5432"))
        );
        let before = there(&mut life);
        let of = |name: &str, all: &[(String, Value)]| -> Vec<(String, Value)> {
            all.iter().filter(|(id, _)| id.contains(name)).cloned().collect()
        };
        for name in [ours, theirs] {
            for data in [format!("Cluster tenant-acme/{name}"), format!("PersistentVolumeClaim tenant-acme/{name}-1")] {
                assert!(names(&before).contains(&data.as_str()), "{edition:?} {data}: {before:?}");
            }
        }
        assert_eq!(before.len(), of(ours, &before).len() + of(theirs, &before).len() + tenant.len(), "{before:?}");
        for (namespace, name) in [("checkout", ours), ("billing", theirs)] {
            let connection = life.get(&Id::new("v1", "Secret", namespace, &format!("{name}-connection")));
            assert!(connection["data"]["password"].is_string(), "beside its claim: {connection}");
        }
        life.is_sound();

        delete(&mut life, Policy::Background);
        let after = there(&mut life);
        assert_eq!(of(ours, &after), [], "{edition:?}");
        assert_eq!(of(theirs, &after), of(theirs, &before), "{edition:?}");
        assert!(before.iter().filter(|(id, _)| tenant.contains(&id.as_str())).all(|it| after.contains(it)));
        assert_eq!(phase(&life), "Ready");

        life.world.delete(&other, Policy::Foreground).unwrap();
        life.minutes(60);
        let (left, mut tenant) = (there(&mut life), tenant.map(String::from).to_vec());
        let mut left: Vec<String> = names(&left).into_iter().map(String::from).collect();
        left.sort();
        tenant.sort();
        assert_eq!(left, tenant, "{edition:?}: the namespace outlives them");
    }
}

/// Labels and the pattern are read once.
#[test]
fn what_is_placed_stays_and_is_taken_over_where_it_was() {
    for edition in BOTH {
        let mut life = Life::with(edition, "dev", &tenancy(), json!({"org": "acme"}));
        life.world.cluster(WEST).hand_out_keys("tenant-acme");
        let labelled = |life: &Life, org: &str| {
            let mut claim = life.manifest(json!({"lifecycle": {"deletionPolicy": "Retain"}}));
            claim["metadata"]["labels"] = json!({"org": org});
            claim
        };
        let claim = labelled(&life, "acme");
        life.world.apply(&claim).unwrap();
        life.minutes(10);
        serves(&life);
        let (before, composite) = (there(&mut life), life.composite().name);
        let moved = labelled(&life, "other");
        life.world.apply(&moved).unwrap();
        life.minutes(10);
        let message = life.message("Validated");
        assert!(message.contains("it runs in the namespace tenant-acme of the cluster of west"), "{message}");
        assert!(message.contains("write org: acme again"), "{message}");
        assert_eq!((life.phase(), there(&mut life)), ("Ready".into(), before.clone()), "{edition:?}");

        delete(&mut life, Policy::Background);
        let left = there(&mut life);
        assert!(names(&left).contains(&"Cluster tenant-acme/orders-nwp8h9x29xl"), "{edition:?} {left:?}");
        takes_over(&mut life, edition, claim, &composite, &left);
    }
}

/// What is approved names the database as its claim is named.
#[test]
fn what_is_placed_is_approved_and_deleted_by_its_claims_name() {
    for edition in BOTH {
        let mut life = Life::with(edition, "prod", &tenancy(), json!({"org": "acme"}));
        life.world.cluster(WEST).hand_out_keys("tenant-acme");
        life.minutes(5);
        life.approve();
        life.minutes(10);
        serves(&life);
        assert!(life.world.delete(&life.database.clone(), Policy::Background).is_err(), "it is protected");
        life.minutes(5);
        let digest = life.status()["approval"]["deletion"]["digest"].as_str().unwrap().to_owned();
        let database = DatabaseName::new("checkout", "orders", "orders");
        let uid = life.get(&life.composite())["metadata"]["uid"].as_str().unwrap().to_owned();
        assert_eq!(digest, Operation::Delete { database: &database, uid: &uid }.digest().to_string(), "as offline");
        life.world.agree(&life.database.clone(), Waits::Deletion);
        life.minutes(120);
        assert!(life.world.get(&life.database).is_none(), "{edition:?} {:#}", life.status());
        assert!(!names(&there(&mut life)).contains(&"Cluster tenant-acme/orders-nwp8h9x29xl"));
    }
}
