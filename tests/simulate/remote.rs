//! Databases that are carried to another cluster: what is there while their claim lives, and when it goes.

use crate::BOTH;
use crate::life::{Edition, Life};
use function_database::simulate::{Id, Policy};
use serde_json::{Value, json};

/// A database of dev, whose environment is carried to the cluster of this provider configuration.
const WEST: &str = "west";

fn elsewhere(edition: Edition) -> Life {
    ready(Life::with(edition, "dev", &json!({"objectDelivery": {"providerConfig": WEST}}), json!({})))
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

        let mut again = life.manifest(json!({}));
        if edition == Edition::Claims {
            again["spec"]["resourceRef"] =
                json!({"apiVersion": "db.platform.io/v1", "kind": "XDatabase", "name": composite});
        }
        life.world.apply(&again).unwrap();
        life.minutes(10);
        serves(&life);
        let after = there(&mut life);
        assert!(left.iter().all(|it| after.contains(it)), "{edition:?} {left:?} {after:?}");
        life.is_sound();
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
