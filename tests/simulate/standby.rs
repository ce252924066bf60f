//! Lives with a standby in another region: it comes and goes, and the database never notices.

use crate::BOTH;
use crate::life::{Edition, Life};
use function_database::simulate::{Id, Outage, Policy};
use serde_json::{Value, json};

const WEST: &str = "west";
const DAY: i64 = 24 * 60;

/// A database that is ready, on a platform that has another region.
fn ready(edition: Edition, environment: &'static str) -> Life {
    let mut life = begun(edition, environment);
    if environment == "prod" {
        life.approve();
    }
    life.minutes(DAY);
    assert_eq!(life.condition("BackupConfigured"), "True Configured");
    life
}

/// The same, and nothing has happened yet.
fn begun(edition: Edition, environment: &'static str) -> Life {
    let mut life = Life::begin(edition, environment);
    let keys = json!({"secret": {"name": "west", "accessKeyId": "A", "secretAccessKey": "B"}});
    let tier = json!({"disasterRecovery": {"regions": [WEST]}, "backup": {"continuous": "Required"}});
    let overlay = json!({
        "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
        "metadata": {"name": "database-platform"},
        "data": {"TierDefaults": {
            "destinations": {WEST: {"path": "s3://company-database-backups-west/databases", "access": keys}},
            "regions": {WEST: {"objectDelivery": {"providerConfig": WEST}, "destination": WEST}},
            "environments": {environment: tier},
        }},
    });
    life.world.apply(&overlay).unwrap();
    life.minutes(0);
    life
}

fn with_standby() -> Value {
    json!({"disasterRecovery": {"region": WEST}})
}

/// In the play each cluster knows its own object stores only: what the first one has archived is told to the other.
fn reads_the_archive(life: &mut Life, standby: &str, server: &str) {
    let source = Id::new("barmancloud.cnpg.io/v1", "ObjectStore", "checkout", &format!("{standby}.source"));
    let status = json!({"serverRecoveryWindow": {server: {"lastSuccessfulBackupTime": "2026-01-06T02:00:00Z"}}});
    life.world.cluster(WEST).edit(&source, |store| store["status"] = status);
}

/// Time passes, a minute at a time, in which nothing is seen of the standby in the database.
fn steadily(life: &mut Life, minutes: i64) {
    for _ in 0..minutes {
        life.minutes(1);
        assert_eq!((life.phase(), life.condition("Ready")), ("Ready".into(), "True Available".into()));
    }
}

fn phase(life: &Life) -> String {
    life.status()["disasterRecovery"]["phase"].as_str().unwrap_or_default().into()
}

/// The names of what is there of a kind in the other cluster.
fn there(life: &mut Life, kind: &str) -> Vec<String> {
    let all = life.world.cluster(WEST).all().filter(|value| value["kind"] == kind);
    all.map(|value| value["metadata"]["name"].as_str().unwrap().into()).collect()
}

#[test]
fn it_comes_by_one_approval_and_goes_by_two() {
    for edition in BOTH {
        let mut life = ready(edition, "prod");
        let before = life.everything();
        life.claim(with_standby());
        steadily(&mut life, 10);
        let pending = life.status()["approval"]["pending"].clone();
        assert_eq!((&pending["class"], &pending["approversNeeded"]), (&json!("Online"), &json!(1)));
        assert_eq!((phase(&life), life.everything()), (String::new(), before.clone()), "nobody has agreed");

        life.approve();
        steadily(&mut life, 10);
        assert_eq!((phase(&life), life.condition("StandbyReady")), ("Provisioning".into(), "False Progressing".into()));
        reads_the_archive(&mut life, "orders-g2", "orders-17");
        steadily(&mut life, 20);
        assert_eq!((phase(&life), life.condition("StandbyReady")), ("Following".into(), "True Following".into()));
        assert!(life.status()["disasterRecovery"]["lastBackup"].is_string(), "it is backed up itself");
        assert_eq!(there(&mut life, "Cluster"), ["orders-g2"]);
        assert_eq!(there(&mut life, "PersistentVolumeClaim"), ["orders-g2-1", "orders-g2-2", "orders-g2-3"]);
        assert_eq!(there(&mut life, "Secret"), ["orders-g2-ca"], "nobody signs in");
        let standby = life.id("Object", "orders.cluster-g2");
        assert!(life.world.delete(&standby, Policy::Background).is_err(), "it is protected");

        life.world.cluster(WEST).set_outage(Outage { members: true, ..Outage::default() });
        steadily(&mut life, 10);
        assert_eq!((phase(&life), life.condition("StandbyReady")), ("Degraded".into(), "True Degraded".into()));
        life.world.cluster(WEST).set_outage(Outage::default());
        steadily(&mut life, 10);
        assert_eq!(phase(&life), "Following");
        life.is_sound();

        life.claim(json!({"maintenance": {"urgent": true}}));
        steadily(&mut life, 10);
        let pending = life.status()["approval"]["pending"].clone();
        assert_eq!((&pending["class"], &pending["approversNeeded"]), (&json!("DataLoss"), &json!(2)));
        assert_eq!(pending["changes"][0], "the standby in west is deleted");
        assert_eq!(phase(&life), "Following");
        life.approve();
        steadily(&mut life, 10);
        assert_eq!((life.status()["disasterRecovery"].clone(), life.everything()), (Value::Null, before));
        assert_eq!(life.condition("StandbyReady"), "False Off");
        for kind in ["Cluster", "PersistentVolumeClaim", "ObjectStore"] {
            assert_eq!(there(&mut life, kind), [""; 0], "{kind}");
        }
        life.is_sound();
    }
}

/// Restored over what ran, and followed by the standby after the first one.
fn restored(edition: Edition) -> Life {
    let mut life = ready(edition, "dev");
    life.claim(with_standby());
    steadily(&mut life, 5);
    reads_the_archive(&mut life, "orders-g2", "orders-17");
    steadily(&mut life, 10);
    assert_eq!(phase(&life), "Following");

    let mut restored = with_standby();
    restored["restore"] = json!({"id": "one"});
    life.claim(restored);
    life.minutes(20);
    assert_eq!((life.phase(), there(&mut life, "Cluster")), ("Ready".into(), vec!["orders-g4".to_string()]));
    assert_eq!(phase(&life), "Provisioning");
    reads_the_archive(&mut life, "orders-g4", "orders-g3-17");
    steadily(&mut life, 10);
    assert_eq!(
        (phase(&life), &life.status()["disasterRecovery"]["generation"]),
        ("Following".into(), &json!("orders-g4"))
    );
    life
}

#[test]
fn it_does_not_follow_into_another_release_line() {
    let mut life = ready(Edition::Namespaced, "dev");
    life.claim(with_standby());
    steadily(&mut life, 5);
    let mut newer = with_standby();
    newer["version"] = "18".into();
    life.claim(newer);
    assert_eq!(life.condition("Validated"), "False Invalid", "it could not follow");
    assert!(life.message("Validated").starts_with("spec.version: the standby in west cannot follow"));
}

#[test]
fn another_history_has_another_standby() {
    for edition in BOTH {
        let mut life = restored(edition);
        steadily(&mut life, 5);
        life.minutes(8 * DAY);
        assert_eq!((phase(&life), there(&mut life, "Cluster")), ("Following".into(), vec!["orders-g4".to_string()]));
        life.is_sound();

        life.world.delete(&life.database, Policy::Background).unwrap();
        life.minutes(60);
        assert_eq!(life.everything(), ["Namespace checkout", "EnvironmentConfig database-platform"]);
        assert_eq!(there(&mut life, "Cluster"), [""; 0]);
    }
}

/// A number that nobody can know again.
#[test]
fn without_its_record_the_second_one_is_not_touched() {
    let mut life = ready(Edition::Namespaced, "dev");
    life.claim(with_standby());
    steadily(&mut life, 5);
    life.claim(json!({"disasterRecovery": null}));
    steadily(&mut life, 10);
    life.claim(with_standby());
    steadily(&mut life, 5);
    reads_the_archive(&mut life, "orders-g3", "orders-17");
    steadily(&mut life, 10);
    assert_eq!((phase(&life), there(&mut life, "Cluster")), ("Following".into(), vec!["orders-g3".to_string()]));

    let id = life.id("DatabaseRecord", "orders");
    let record = life.get(&id).clone();
    life.world.destroy(&id);
    life.minutes(30);
    assert_eq!(life.synced(), "False ReconcileError");
    assert!(life.message("Provisioned").starts_with("cluster-g3 holds data and is no longer desired"));
    assert_eq!(there(&mut life, "Cluster"), ["orders-g3"]);

    // As a backup of the platform brings it back.
    let kept = ["annotations", "labels", "name", "namespace"];
    let metadata = record["metadata"].as_object().unwrap().clone().into_iter();
    let metadata: Value = metadata.filter(|(field, _)| kept.contains(&field.as_str())).collect();
    let (version, kind, spec) = (&record["apiVersion"], &record["kind"], &record["spec"]);
    life.world.apply(&json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})).unwrap();
    life.minutes(10);
    steadily(&mut life, 5);
    assert_eq!((phase(&life), life.synced()), ("Following".into(), "True ReconcileSuccess".into()));
}

#[test]
fn it_waits_for_a_backup() {
    let mut life = begun(Edition::Namespaced, "dev");
    life.world.set_outage(Outage { backups: true, ..Outage::default() });
    life.claim(with_standby());
    life.minutes(60);
    assert_eq!((life.phase(), phase(&life)), ("Ready".into(), "Waiting".into()), "{:#}", life.status());
    assert_eq!((life.condition("StandbyReady"), there(&mut life, "Cluster").len()), ("False Waiting".into(), 0));
    life.world.set_outage(Outage::default());
    life.minutes(DAY);
    assert_eq!((phase(&life), there(&mut life, "Cluster").len()), ("Provisioning".into(), 1));
}

#[test]
fn without_its_record_it_is_taken_over_again() {
    let mut life = ready(Edition::Namespaced, "dev");
    life.claim(with_standby());
    steadily(&mut life, 5);
    reads_the_archive(&mut life, "orders-g2", "orders-17");
    steadily(&mut life, 10);
    let uid = |life: &mut Life| {
        let id = Id::new("postgresql.cnpg.io/v1", "Cluster", "checkout", "orders-g2");
        life.world.cluster(WEST).get(&id).map(|cluster| cluster["metadata"]["uid"].clone())
    };
    let before = uid(&mut life);
    assert!(before.is_some());
    let record = life.id("DatabaseRecord", "orders");
    life.world.destroy(&record);
    steadily(&mut life, 30);
    assert_eq!((phase(&life), life.synced()), ("Following".into(), "True ReconcileSuccess".into()));
    assert_eq!(uid(&mut life), before, "it is the same one");
    assert_eq!(there(&mut life, "Cluster"), ["orders-g2"]);
}
