//! What a database says of its backups, on each operator.

use crate::back_ends::{BACK_ENDS, BackEnd, read};
use crate::life::{Edition, Life};
use function_database::render::KEY;
use function_database::simulate::Outage;
use serde_json::{Value, json};

const DAY: i64 = 24 * 60;
/// Nobody in Kubernetes knows the single backups of these.
const UNLISTED: [&str; 3] = ["Zalando", "AzureFlexibleServer", "Vitess"];

fn latest(life: &Life) -> Vec<Value> {
    life.status()["backup"]["latest"].as_array().cloned().unwrap_or_default()
}

fn listed() -> impl Iterator<Item = &'static BackEnd> {
    BACK_ENDS.iter().filter(|back_end| !UNLISTED.contains(&back_end.operator))
}

#[test]
fn the_latest_are_listed_and_those_that_fail_say_why() {
    for back_end in listed() {
        let name = back_end.operator;
        let mut life = Life::of(back_end, Edition::Namespaced, "dev");
        life.minutes(7 * DAY);
        let made = latest(&life);
        assert!((1..=5).contains(&made.len()), "{name} {:#}", life.status());
        assert!(made.iter().all(|made| made["state"] == "Completed"), "{name} {made:?}");
        assert!(made.is_sorted_by(|one, other| one["completed"].as_str() >= other["completed"].as_str()), "{name}");
        assert_eq!(life.condition("BackupConfigured"), "True Configured", "{name}");
        life.is_sound();

        life.world.set_outage(Outage { backups: true, ..Outage::default() });
        life.minutes(2 * DAY);
        let failed = &latest(&life)[0];
        assert_eq!(failed["state"], "Failed", "{name} {:#}", life.status());
        assert_eq!(life.status()["backup"]["lastFailureMessage"], failed["message"], "{name}");
        assert_eq!(life.condition("BackupConfigured"), "False Trouble", "{name}");
    }
}

#[test]
fn a_backup_that_nobody_makes_is_missed() {
    let mut life = Life::of(&BACK_ENDS[0], Edition::Namespaced, "dev");
    life.minutes(2 * DAY);
    assert_eq!(life.condition("BackupConfigured"), "True Configured");
    life.world.set_outage(Outage { members: true, ..Outage::default() });
    life.minutes(DAY);
    assert_eq!(life.condition("BackupConfigured"), "True Configured", "one was missed");
    life.minutes(2 * DAY);
    assert_eq!(life.condition("BackupConfigured"), "False TooOld", "{:#}", life.status());
    life.world.set_outage(Outage::default());
    life.minutes(DAY + 60);
    assert_eq!(life.condition("BackupConfigured"), "True Configured");
    life.is_sound();
}

/// A job takes no other pods, and CloudNativePG no other `Backup`: what was made once is of that day.
#[test]
fn one_that_was_asked_for_stays_as_it_was_made() {
    let mut asked = 0;
    for back_end in listed() {
        let name = back_end.operator;
        let mut life = Life::of(back_end, Edition::Namespaced, back_end.environment);
        life.minutes(5);
        life.approve();
        life.minutes(60);
        let mut asks = json!({"backup": {"request": "one"}});
        life.claim(asks.clone());
        life.minutes(10);
        let made = |life: &Life| -> Vec<Value> {
            let of_it = |value: &&Value| {
                value["metadata"]["annotations"][KEY]
                    .as_str()
                    .is_some_and(|key| key.starts_with("backup-") && key.len() == 15)
            };
            life.world.all().filter(of_it).map(|value| value["spec"].clone()).collect()
        };
        let before = made(&life);
        assert_eq!(before.len(), 1, "{name}");
        asked += 1;
        let mut platform = back_end.overlay();
        platform["data"]["Engines"]["backupJobs"] = json!({"image": "mirror/rclone:2", "curlImage": "mirror/curl:9"});
        life.world.apply(&platform).unwrap();
        for edit in [back_end.change, back_end.scale] {
            asks.as_object_mut().unwrap().extend(read(edit).as_object().unwrap().clone());
            life.claim(asks.clone());
            life.minutes(5);
            life.approve();
            life.minutes(30);
            assert_eq!(life.synced(), "True ReconcileSuccess", "{name}: {}", life.message("Synced"));
        }
        assert_eq!(made(&life), before, "{name}");
        life.is_sound();
    }
    assert_eq!(asked, 10);
}
