//! What a database says of its backups, on each operator.

use crate::back_ends::{BACK_ENDS, BackEnd};
use crate::life::{Edition, Life};
use function_database::simulate::Outage;
use serde_json::Value;

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
