//! Restores on each operator that can: beside what runs and in its place, one that fails, into a new database, of what is
//! lost.

use crate::back_ends::{BACK_ENDS, BackEnd};
use crate::life::{Edition, Life};
use function_database::api::plan::Operator;
use function_database::operators::{self, Restores};
use function_database::simulate::{Id, Outage};
use serde_json::{Value, json};

const DAY: i64 = 24 * 60;

/// With what is known of each, a database that has backups.
fn able() -> impl Iterator<Item = (&'static BackEnd, operators::Features)> {
    let features = |back_end: &BackEnd| {
        let operator: Operator = serde_json::from_value(back_end.operator.into()).unwrap();
        operators::of(operator).features()
    };
    let all = BACK_ENDS.iter().map(move |back_end| (back_end, features(back_end)));
    all.filter(|(_, features)| features.restore != Restores::Never)
}

fn backed_up(back_end: &'static BackEnd) -> Life {
    let mut life = Life::of(back_end, Edition::Namespaced, "dev");
    life.minutes(2 * DAY);
    assert_eq!(life.phase(), "Ready", "{} {:#}", back_end.operator, life.status());
    life
}

/// Whether clients are sent to the pods of this generation.
fn serves(life: &Life, generation: &str) -> bool {
    let selector = life.get(&life.id("Service", "orders-primary"))["spec"]["selector"].clone();
    let ours = |value: &Value| {
        let value = value.as_str().unwrap();
        value.strip_prefix(generation).is_some_and(|ending| ["", "-stackgres", "-svc"].contains(&ending))
    };
    selector.as_object().unwrap().values().any(ours)
}

fn states(life: &Life) -> Vec<String> {
    let restores = life.status()["restores"].as_array().cloned().unwrap_or_default();
    let state = |it: &Value| format!("{} {}", it["generation"].as_str().unwrap(), it["state"].as_str().unwrap());
    restores.iter().map(state).collect()
}

#[test]
fn it_takes_the_place_of_what_runs_where_that_can_sleep() {
    for (back_end, _) in able().filter(|(_, features)| features.hibernation) {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        let before = life.data();
        life.claim(json!({"restore": {"id": "one"}}));
        life.minutes(30);
        assert_eq!(
            (life.phase(), states(&life)),
            ("Ready".into(), vec!["orders Kept".into()]),
            "{name} {:#}",
            life.status()
        );
        assert!(serves(&life, "orders-g2"), "{name}");
        assert!(before.iter().all(|held| life.data().contains(held)), "{name}: what served before is kept");
        life.is_sound();

        life.claim(json!({"restore": {"id": "back", "backup": "orders"}}));
        life.minutes(30);
        assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec!["orders-g2 Kept".into()]), "{name}");
        assert!(serves(&life, "orders"), "{name}");
        life.minutes(8 * DAY);
        assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec![]), "{name}");
        assert!(!life.everything().iter().any(|id| id.contains("orders-g2")), "{name} {:?}", life.everything());
        assert_eq!(life.data(), before, "{name}");
        life.is_sound();
    }
}

#[test]
fn one_that_fails_leaves_what_runs_serving() {
    for (back_end, _) in able().filter(|(_, features)| features.hibernation) {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        let before = life.data();
        life.world.set_outage(Outage { backups: true, ..Outage::default() });
        life.claim(json!({"restore": {"id": "one"}}));
        life.minutes(2 * 60);
        assert_eq!((life.phase(), states(&life)), ("Restoring".into(), vec!["orders-g2 Restoring".into()]), "{name}");
        assert!(serves(&life, "orders"), "{name}");
        life.claim(json!({}));
        life.world.set_outage(Outage::default());
        life.minutes(30);
        assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec![]), "{name} {:#}", life.status());
        assert_eq!(life.data(), before, "{name}");
        assert!(!life.everything().iter().any(|id| id.contains("orders-g2")), "{name} {:?}", life.everything());
        life.is_sound();
    }
}

#[test]
fn a_new_database_begins_with_it_on_each() {
    for (back_end, features) in able() {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        let mut copy = life.manifest(json!({"restore": {"id": "one", "database": "orders"}}));
        copy["metadata"]["name"] = "copy".into();
        life.world.apply(&copy).unwrap();
        life.minutes(30);
        let copied = Id { name: "copy".into(), ..life.database.clone() };
        let status = life.get(&copied)["status"].clone();
        assert_eq!(status["phase"], "Ready", "{name} {status:#}");
        life.minutes(DAY);
        assert_eq!(life.get(&copied)["status"]["phase"], "Ready", "{name}");
        life.is_sound();

        if !features.hibernation {
            life.claim(json!({"restore": {"id": "one"}}));
            life.minutes(10);
            let refused = life.message("Validated");
            assert!(refused.contains("nobody may write to what is replaced"), "{name} {refused}");
            assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec![]), "{name}");
        }
    }
}

#[test]
fn a_time_without_a_backup_is_refused() {
    for (back_end, features) in able().filter(|(_, features)| features.restore == Restores::Backup) {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        life.claim(match features.point_in_time && features.hibernation {
            true => json!({"restore": {"id": "one", "pointInTime": "2026-01-05T08:30:00Z"}}),
            false => json!({"restore": {"id": "one", "backup": "nothing-of-the-sort"}}),
        });
        life.minutes(10);
        assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec![]), "{name}");
        assert_eq!(life.condition("Validated"), "False Invalid", "{name}");
    }
}

#[test]
fn what_is_lost_comes_back_on_each() {
    for (back_end, _) in able() {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        let data = life.data();
        let (lost, _) = data.iter().find(|(id, _)| !id.contains("PersistentVolumeClaim")).or(data.first()).unwrap();
        let lost = life.world.all().map(Id::of).find(|id| id.to_string() == *lost).unwrap();
        life.world.destroy(&lost);
        life.minutes(10);
        assert_eq!(life.phase(), "Lost", "{name}");
        life.claim(json!({"restore": {"id": "one"}}));
        life.minutes(40);
        assert_eq!(life.phase(), "Ready", "{name} {:#}", life.status());
        assert!(serves(&life, "orders-g2"), "{name}");
        life.minutes(DAY);
        assert_eq!(states(&life), [""; 0], "{name}");
        life.is_sound();
    }
}
