//! Lives in which a standby takes the place of its database: nobody ever writes in two places, and nothing is lost that
//! nobody agreed to lose.

use crate::BOTH;
use crate::failures::deaths;
use crate::life::{Edition, Life};
use function_database::simulate::{Id, Outage, Policy, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const WEST: &str = "west";
const EAST: &str = "east";
const DAY: i64 = 24 * 60;

/// On a platform with three regions, of which one is here; with everything around the database that there is.
fn begun(edition: Edition, environment: &'static str, recovery: Value) -> Life {
    let mut life = Life::begin(edition, environment);
    let destination = |region: &str| {
        json!({"path": format!("s3://company-database-backups-{region}/databases"),
            "access": {"secret": {"name": region, "accessKeyId": "A", "secretAccessKey": "B"}}})
    };
    let around = include_str!("../golden/postgresql/cloudnative-pg/surrounded/cluster.yaml");
    let around: Vec<Value> = serde_saphyr::from_multiple(around).unwrap();
    let around = around.iter().find(|value| value["kind"] == "EnvironmentConfig").unwrap();
    let overlay = json!({
        "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
        "metadata": {"name": "database-platform"},
        "data": {
            "TierDefaults": {
                "destinations": {WEST: destination(WEST), EAST: destination(EAST)},
                "regions": {
                    WEST: {"objectDelivery": {"providerConfig": WEST}, "destination": WEST},
                    EAST: {"objectDelivery": {"providerConfig": EAST}, "destination": EAST},
                    "home": {"destination": "default"},
                },
                "environments": {environment: {
                    "disasterRecovery": {"regions": [WEST, EAST, "home"]}, "backup": {"continuous": "Required"},
                }},
            },
            "Integrations": around["data"]["Integrations"],
        },
    });
    life.world.apply(&overlay).unwrap();
    asks(&mut life, recovery);
    if environment == "prod" {
        life.approve();
    }
    life.minutes(DAY);
    assert_eq!((life.phase(), life.condition("BackupConfigured")), ("Ready".into(), "True Configured".into()));
    life
}

/// What the claim says of regions, beside a role of its own, whose password is made where the database stands, and a backup
/// that stays where it was made.
fn asks(life: &mut Life, recovery: Value) {
    let roles = json!([{"name": "reporting", "privileges": "read"}]);
    life.claim(json!({"disasterRecovery": recovery, "access": {"roles": roles}, "backup": {"request": "one"}}));
}

/// With a standby there, which follows `server`.
fn followed(life: &mut Life, recovery: Value, standby: &str, server: &str) {
    let region = recovery["region"].as_str().unwrap().to_owned();
    asks(life, recovery);
    if life.status()["approval"]["pending"].is_object() {
        life.approve();
    }
    life.minutes(10);
    // In the play each cluster knows its own object stores only: what the first one has archived is told to the other.
    let source = Id::new("barmancloud.cnpg.io/v1", "ObjectStore", "checkout", &format!("{standby}.source"));
    let status = json!({"serverRecoveryWindow": {server: {"lastSuccessfulBackupTime": "2026-01-06T02:00:00Z"}}});
    let there = if region == "home" { &mut life.world } else { life.world.cluster(&region) };
    there.edit(&source, |store| store["status"] = status);
    life.minutes(20);
    assert_eq!(life.condition("StandbyReady"), "True Following", "{:#}", life.status());
}

/// All Clusters, wherever they stand.
fn clusters(life: &mut Life) -> Vec<Value> {
    let of = |world: &World| world.all().filter(|value| value["kind"] == "Cluster").cloned().collect::<Vec<_>>();
    let mut all = of(&life.world);
    all.extend(of(life.world.cluster(WEST)));
    all.extend(of(life.world.cluster(EAST)));
    all
}

fn follows(cluster: &Value) -> bool {
    let replica = &cluster["spec"]["replica"];
    replica.is_object() && replica["primary"] != cluster["metadata"]["name"]
}

fn sleeps(cluster: &Value) -> bool {
    cluster["metadata"]["annotations"]["cnpg.io/hibernation"] == "on"
}

/// The names of those that take writes.
fn writable(life: &mut Life) -> Vec<String> {
    let all = clusters(life);
    let awake = all.iter().filter(|cluster| !follows(cluster) && !sleeps(cluster));
    awake.map(|cluster| cluster["metadata"]["name"].as_str().unwrap().into()).collect()
}

fn uid(life: &mut Life, name: &str) -> Value {
    let all = clusters(life);
    let found = all.iter().find(|cluster| cluster["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))["metadata"]["uid"].clone()
}

/// A key is one object, in one cluster, for ever.
#[derive(Default)]
struct Keys(BTreeMap<String, String>);

impl Keys {
    fn look(&mut self, life: &Life) {
        for value in life.world.all() {
            let Some(key) = value["metadata"]["annotations"]["crossplane.io/composition-resource-name"].as_str() else {
                continue;
            };
            let place = format!("{} {}", Id::of(value), value["spec"]["providerConfigRef"]["name"]);
            let was = self.0.entry(key.into()).or_insert_with(|| place.clone());
            assert_eq!(*was, place, "{key} is another object");
        }
    }
}

/// Time passes, and never do two take writes.
fn steadily(life: &mut Life, keys: &mut Keys, minutes: i64) {
    for _ in 0..minutes {
        life.minutes(1);
        let writable = writable(life);
        assert!(writable.len() <= 1, "{writable:?}");
        keys.look(life);
        assert_eq!(life.synced(), "True ReconcileSuccess");
    }
}

fn serves(life: &mut Life, name: &str) {
    assert_eq!(
        (life.phase(), life.condition("Ready"), life.condition("CredentialsReady")),
        ("Ready".into(), "True Available".into(), "True Published".into()),
        "{:#}",
        life.status()
    );
    assert_eq!(writable(life), [name]);
}

fn service(life: &mut Life, region: &str) -> Value {
    let id = Id::new("v1", "Service", "checkout", "orders-primary");
    let world = if region == "home" { &mut life.world } else { life.world.cluster(region) };
    world.get(&id).map(|service| service["spec"]["selector"]["cnpg.io/cluster"].clone()).unwrap_or_default()
}

#[test]
fn a_standby_becomes_the_database_and_the_way_back_is_the_same() {
    for edition in BOTH {
        let mut keys = Keys::default();
        let mut life = begun(edition, "prod", Value::Null);
        followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
        keys.look(&life);
        let standby = uid(&mut life, "orders-g2");
        let before = life.get(&life.id("Secret", "orders-connection"))["metadata"]["uid"].clone();

        asks(&mut life, json!({"primary": WEST, "region": "home"}));
        steadily(&mut life, &mut keys, 10);
        let pending = life.status()["approval"]["pending"].clone();
        assert_eq!((&pending["operation"], &pending["class"]), (&json!("Change"), &json!("Failover")), "{pending:#}");
        assert_eq!(pending["changes"][0], "the standby in west becomes the database; nothing is lost");
        serves(&mut life, "orders");

        life.approve();
        assert_eq!((life.phase(), life.condition("StandbyReady")), ("Updating".into(), "False Promoting".into()));
        steadily(&mut life, &mut keys, 15);
        serves(&mut life, "orders-g2");
        assert_eq!(uid(&mut life, "orders-g2"), standby, "it is the same one");
        assert_eq!((service(&mut life, "home"), service(&mut life, WEST)), (Value::Null, json!("orders-g2")));
        assert!(life.has("Object", "orders.service-primary-g2") && !life.has("Object", "orders.service-primary"));
        let connection = life.get(&life.id("Secret", "orders-connection")).clone();
        assert_eq!(connection["metadata"]["uid"], before, "what stays beside the claim stays");
        assert!(life.world.delete(&life.id("Object", "orders.cluster-g2"), Policy::Background).is_err(), "protected");
        assert_eq!(life.status()["restores"][0]["generation"], "orders");
        life.is_sound();

        // The next one begins where the first one stood, which sleeps on beside it.
        followed(&mut life, json!({"primary": WEST, "region": "home"}), "orders-g3", "orders-g2-17");
        asks(&mut life, json!({"primary": "home", "region": WEST}));
        steadily(&mut life, &mut keys, 2);
        life.approve();
        steadily(&mut life, &mut keys, 15);
        serves(&mut life, "orders-g3");
        assert_eq!((service(&mut life, "home"), service(&mut life, WEST)), (json!("orders-g3"), Value::Null));
        life.is_sound();

        life.minutes(8 * DAY);
        keys.look(&life);
        let names: Vec<String> =
            clusters(&mut life).iter().map(|it| it["metadata"]["name"].as_str().unwrap().into()).collect();
        assert_eq!(names, ["orders-g3", "orders-g4"], "what served before is gone, and another one follows");
        serves(&mut life, "orders-g3");
        life.is_sound();
    }
}

#[test]
fn it_goes_from_one_cluster_to_another() {
    let mut keys = Keys::default();
    let mut life = begun(Edition::Namespaced, "staging", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    asks(&mut life, json!({"primary": WEST}));
    steadily(&mut life, &mut keys, 15);
    serves(&mut life, "orders-g2");
    assert_eq!(life.condition("StandbyReady"), "False Off");
    followed(&mut life, json!({"primary": WEST, "region": EAST}), "orders-g3", "orders-g2-17");
    asks(&mut life, json!({"primary": EAST}));
    steadily(&mut life, &mut keys, 15);
    serves(&mut life, "orders-g3");
    assert_eq!((service(&mut life, WEST), service(&mut life, EAST)), (Value::Null, json!("orders-g3")));
    life.is_sound();

    // What served before stands elsewhere, and nothing goes back to it.
    life.claim(json!({"disasterRecovery": {"primary": EAST}, "restore": {"id": "back", "backup": "orders-g2"}}));
    let refused = life.message("Validated");
    assert!(refused.starts_with("spec.restore.backup: orders-g2 served in the cluster of west"), "{refused}");
    life.world.delete(&life.database, Policy::Background).unwrap();
    life.minutes(60);
    assert_eq!(clusters(&mut life), [Value::Null; 0]);
}

#[test]
fn a_switchover_that_hangs_becomes_a_failover_by_two_approvals() {
    let mut keys = Keys::default();
    let mut life = begun(Edition::Namespaced, "prod", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    asks(&mut life, json!({"primary": WEST}));
    life.approve();
    steadily(&mut life, &mut keys, 15);
    followed(&mut life, json!({"primary": WEST, "region": EAST}), "orders-g3", "orders-g2-17");

    life.world.cut_off(WEST, true);
    asks(&mut life, json!({"primary": EAST}));
    life.approve();
    life.minutes(30);
    assert_eq!((life.phase(), life.condition("StandbyReady")), ("Updating".into(), "False Promoting".into()));
    let message = life.status()["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "orders-g3: it is promoted: it serves once orders-g2 sleeps");
    assert_eq!(writable(&mut life), ["orders-g2"], "nobody knows whether it sleeps");

    // An edit has to wait for it.
    life.claim(json!({"disasterRecovery": {"primary": EAST}, "replicas": 5}));
    assert!(life.message("Validated").starts_with("spec: a promotion is under way"), "{}", life.message("Validated"));

    asks(&mut life, json!({"primary": EAST, "promotion": "Failover"}));
    life.minutes(5);
    let pending = life.status()["approval"]["pending"].clone();
    assert_eq!((&pending["class"], &pending["approversNeeded"]), (&json!("DataLoss"), &json!(2)));
    let first = "the standby in east becomes the database; up to 5m of what was written last are lost, and nobody may write to \
                 the old one any more";
    assert_eq!(pending["changes"][0], first);
    assert_eq!(writable(&mut life), ["orders-g2"], "the approval of the one is not good for the other");
    life.approve();
    life.minutes(10);
    assert_eq!((life.phase(), service(&mut life, EAST)), ("Ready".into(), json!("orders-g3")));

    // It is told to sleep as soon as it can be told anything.
    life.world.cut_off(WEST, false);
    life.minutes(5);
    serves(&mut life, "orders-g3");
    life.is_sound();
    life.minutes(8 * DAY);
    assert_eq!(clusters(&mut life).len(), 1);
}

#[test]
fn what_cannot_serve_is_not_promoted_and_what_was_begun_is_taken_back() {
    let mut keys = Keys::default();
    let mut life = begun(Edition::Namespaced, "staging", Value::Null);
    let moved = "spec.disasterRecovery.primary: it runs in this cluster, and data does not move to another one; leave it out \
                 again; to move, first ask for a standby there, in spec.disasterRecovery.region";
    asks(&mut life, json!({"primary": WEST}));
    assert_eq!(life.message("Validated"), moved);
    asks(&mut life, json!({"region": WEST}));
    life.minutes(5);
    for mode in ["Switchover", "Failover"] {
        asks(&mut life, json!({"primary": WEST, "promotion": mode}));
        life.minutes(5);
        let message = life.message("Validated");
        assert!(
            message.starts_with("spec.disasterRecovery.primary: the standby in west cannot serve yet"),
            "{message}"
        );
        serves(&mut life, "orders");
    }
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");

    asks(&mut life, json!({"primary": WEST, "region": EAST}));
    steadily(&mut life, &mut keys, 15);
    serves(&mut life, "orders-g2");
    followed(&mut life, json!({"primary": WEST, "region": EAST}), "orders-g3", "orders-g2-17");

    // What serves cannot be told to sleep, until somebody thinks better of it.
    life.world.cut_off(WEST, true);
    asks(&mut life, json!({"primary": EAST}));
    life.minutes(5);
    assert_eq!(life.condition("StandbyReady"), "False Promoting", "{:#}", life.status());
    asks(&mut life, json!({"primary": WEST, "region": EAST}));
    life.minutes(5);
    life.world.cut_off(WEST, false);
    steadily(&mut life, &mut keys, 10);
    serves(&mut life, "orders-g2");
    assert_eq!(life.condition("StandbyReady"), "True Following");
    life.is_sound();
}

/// Wherever Crossplane dies in between, and in whatever order it writes: what takes writes once is never told to follow again,
/// which the play would not recover from.
#[test]
fn a_run_that_dies_in_the_middle_is_finished_by_the_next() {
    let mut begun = begun(Edition::Namespaced, "staging", Value::Null);
    followed(&mut begun, json!({"region": WEST}), "orders-g2", "orders-17");
    for (mode, waits) in [("Switchover", 0), ("Switchover", 1), ("Switchover", 2), ("Failover", 0), ("Failover", 1)] {
        for death in deaths() {
            let mut life = begun.clone();
            if waits == 0 {
                life.world.die(death);
            }
            asks(&mut life, json!({"primary": WEST, "promotion": mode}));
            life.minutes(waits);
            if waits > 0 {
                life.world.die(death);
            }
            life.minutes(20);
            serves(&mut life, "orders-g2");
            assert_eq!(service(&mut life, WEST), "orders-g2", "{mode} {waits} {death:?}");
        }
    }
}

/// A backup of the platform that brings back the record from before the promotion makes what serves no replica again, and the
/// claim, which says where the database stands, brings it to serve again.
/// Not even where nobody agrees to promote it again.
#[test]
fn a_record_from_before_wakes_nobody_up() {
    let mut keys = Keys::default();
    let mut life = begun(Edition::Namespaced, "prod", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    let id = life.id("DatabaseRecord", "orders");
    let before = life.get(&id)["spec"].clone();
    asks(&mut life, json!({"primary": WEST}));
    life.approve();
    steadily(&mut life, &mut keys, 15);
    serves(&mut life, "orders-g2");
    life.remove_approvals();
    life.world.edit(&id, |record| record["spec"] = before);
    steadily(&mut life, &mut Keys::default(), 15);
    assert_eq!(
        (writable(&mut life), life.condition("Approved")),
        (vec!["orders-g2".into()], "False AwaitingApproval".into())
    );
    life.approve();
    steadily(&mut life, &mut Keys::default(), 15);
    serves(&mut life, "orders-g2");
}

#[test]
fn a_record_from_before_sets_nothing_back() {
    let mut life = begun(Edition::Namespaced, "staging", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    let id = life.id("DatabaseRecord", "orders");
    let before = life.get(&id)["spec"].clone();
    asks(&mut life, json!({"primary": WEST}));
    life.minutes(15);
    serves(&mut life, "orders-g2");
    life.world.edit(&id, |record| record["spec"] = before);
    for _ in 0..15 {
        life.minutes(1);
        let all = clusters(&mut life);
        let promoted = all.iter().find(|it| it["metadata"]["name"] == "orders-g2").unwrap();
        assert!(!follows(promoted), "what takes writes never follows again");
    }
    serves(&mut life, "orders-g2");
}

/// The end of the log lies on the volume of who sleeps, where nobody archives it.
#[test]
fn who_sleeps_on_the_end_of_its_log_is_not_given_up() {
    let mut keys = Keys::default();
    let mut life = begun(Edition::Namespaced, "staging", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    life.world.set_outage(Outage { backups: true, ..Outage::default() });
    let sleeps = |life: &mut Life, recovery: Value, sleeps: bool| {
        let roles = json!([{"name": "reporting", "privileges": "read"}]);
        life.claim(json!({"disasterRecovery": recovery, "access": {"roles": roles}, "backup": {"request": "one"},
            "lifecycle": {"hibernated": sleeps}}));
    };
    steadily(&mut life, &mut keys, 5);
    sleeps(&mut life, json!({"region": WEST}), true);
    steadily(&mut life, &mut keys, 10);
    assert_eq!((life.phase(), writable(&mut life).len()), ("Hibernated".into(), 0));
    sleeps(&mut life, json!({"primary": WEST}), true);
    steadily(&mut life, &mut keys, 10);
    assert_eq!(life.condition("Validated"), "False Invalid");
    let why = life.message("Validated");
    assert!(
        why.contains("the end of the log would be lost: the log is not archived: the store does not answer"),
        "{why}"
    );
    assert_eq!(writable(&mut life).len(), 0, "its standby still follows");

    // It archives the rest once it is awake and the store answers again.
    sleeps(&mut life, json!({"region": WEST}), false);
    life.world.set_outage(Outage::default());
    steadily(&mut life, &mut keys, 10);
    serves(&mut life, "orders");
    sleeps(&mut life, json!({"primary": WEST}), false);
    steadily(&mut life, &mut keys, 15);
    serves(&mut life, "orders-g2");
    life.is_sound();
}

/// The terms of the second time are those of the first.
#[test]
fn an_approval_is_good_for_one_promotion() {
    let mut keys = Keys::default();
    let mut life = begun(Edition::Namespaced, "prod", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    asks(&mut life, json!({"primary": WEST}));
    let first = life.digest();
    life.approve();
    steadily(&mut life, &mut keys, 15);
    followed(&mut life, json!({"primary": WEST, "region": "home"}), "orders-g3", "orders-g2-17");
    asks(&mut life, json!({"primary": "home"}));
    life.approve();
    steadily(&mut life, &mut keys, 15);
    serves(&mut life, "orders-g3");
    followed(&mut life, json!({"primary": "home", "region": WEST}), "orders-g4", "orders-g3-17");
    asks(&mut life, json!({"primary": WEST}));
    steadily(&mut life, &mut keys, 15);
    assert_ne!(life.digest(), first);
    assert_eq!(life.condition("Approved"), "False AwaitingApproval");
    assert_eq!(writable(&mut life), ["orders-g3"]);
}

/// Nobody can be put to sleep, so that nothing is promised of what it had not archived; and no empty database comes in its place.
#[test]
fn what_is_lost_meanwhile_is_said_and_left_to_a_failover() {
    let mut life = begun(Edition::Namespaced, "staging", Value::Null);
    followed(&mut life, json!({"region": WEST}), "orders-g2", "orders-17");
    life.world.cut_off(WEST, true);
    asks(&mut life, json!({"primary": WEST}));
    assert_eq!(life.condition("StandbyReady"), "False Promoting");
    let cluster = life.id("Cluster", "orders");
    life.world.destroy(&cluster);
    life.minutes(5);
    let why = "spec.disasterRecovery.promotion: nothing is left of what serves, so what it had not archived is lost; write Failover";
    assert_eq!((life.condition("Validated"), life.message("Validated")), ("False Invalid".into(), why.into()));
    life.world.cut_off(WEST, false);
    asks(&mut life, json!({"primary": WEST, "promotion": "Failover"}));
    for _ in 0..15 {
        life.minutes(1);
        let names: Vec<Value> = clusters(&mut life).iter().map(|it| it["metadata"]["name"].clone()).collect();
        assert_eq!(names, ["orders-g2"]);
    }
    serves(&mut life, "orders-g2");
    life.is_sound();
}
