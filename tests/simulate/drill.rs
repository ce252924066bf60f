//! Restore drills on each operator that can: one that works, one that fails, what stops one, and what is never done for one.

use crate::back_ends::{BACK_ENDS, BackEnd};
use crate::life::{Edition, Life};
use function_database::api::plan::Operator;
use function_database::operators::{self, Restores, STATEFUL};
use function_database::simulate::{Id, Outage};
use jiff::Timestamp;
use serde_json::{Value, json};

const DAY: i64 = 24 * 60;

fn restores(back_end: &BackEnd) -> Restores {
    let operator: Operator = serde_json::from_value(back_end.operator.into()).unwrap();
    operators::of(operator).features().restore
}

/// With a platform that wants a drill every so often, or none.
fn wants(life: &mut Life, every: Option<&str>) {
    let mut overlay = life.back_end.overlay();
    let tiers = overlay["data"]["TierDefaults"]["environments"].as_object_mut().unwrap();
    for tier in tiers.values_mut().filter(|_| every.is_some()) {
        tier["backup"] = json!({"drillEvery": every});
    }
    life.world.apply(&overlay).unwrap();
}

fn backed_up(back_end: &'static BackEnd) -> Life {
    let mut life = Life::of(back_end, Edition::Namespaced, "dev");
    life.minutes(2 * DAY);
    assert_eq!(life.phase(), "Ready", "{} {:#}", back_end.operator, life.status());
    life
}

/// What is there of a drill, with what becomes of it.
fn of_drill(life: &Life) -> Vec<&Value> {
    let drill = |value: &&Value| Id::of(value).name.contains("orders-g0");
    life.world.all().filter(drill).collect()
}

fn verified(life: &Life) -> Option<Timestamp> {
    life.status()["backup"]["lastVerified"].as_str().map(|time| time.parse().unwrap())
}

fn verification(life: &Life) -> String {
    life.status()["backup"]["lastVerification"]["state"].as_str().unwrap_or_default().into()
}

/// Lets time pass, a minute at a time, for as long as a drill is under way; nobody may notice.
fn until_over(life: &mut Life, most: i64) {
    for _ in 0..most {
        assert_eq!((life.phase(), life.condition("Ready")), ("Ready".into(), "True Available".into()));
        let found = of_drill(life);
        assert!(found.iter().all(|value| !value["metadata"]["annotations"][STATEFUL].is_string()), "it is no data");
        let usages = life.world.all().filter(|value| value["kind"] == "Usage");
        assert!(usages.into_iter().all(|usage| !usage["spec"].to_string().contains("orders-g0")), "nothing keeps it");
        if found.is_empty() {
            return;
        }
        life.minutes(1);
    }
    let left: Vec<String> = of_drill(life).into_iter().map(|value| Id::of(value).to_string()).collect();
    panic!("{} {left:?} {:#}", life.back_end.operator, life.status());
}

#[test]
fn a_backup_is_tried_and_nothing_stays() {
    for back_end in BACK_ENDS.iter().filter(|it| restores(it) != Restores::Never) {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        let (before, data) = (life.everything(), life.data());
        wants(&mut life, Some("30d"));
        assert_eq!((verification(&life), verified(&life)), ("Running".into(), None), "{name} {:#}", life.status());
        // One without an address of its own is the server's name for our jobs.
        let ours = |value: &&&Value| {
            let own = value["kind"] == "Service" && value["metadata"]["ownerReferences"].is_array();
            own && value["spec"]["clusterIP"] != "None"
        };
        assert_eq!(of_drill(&life).iter().filter(ours).count(), 0, "{name}: nobody is to connect");
        until_over(&mut life, 60);
        let first = verified(&life).unwrap_or_else(|| panic!("{name} {:#}", life.status()));
        assert_eq!((life.data(), life.condition("BackupConfigured")), (data, life.condition("BackupConfigured")));
        let left: Vec<String> = life.everything().into_iter().filter(|id| id.contains("orders-g0")).collect();
        assert_eq!(left, [""; 0], "{name}");
        assert!(before.iter().all(|id| life.everything().contains(id)), "{name}");
        life.is_sound();

        life.minutes(29 * DAY);
        assert_eq!((verified(&life), of_drill(&life).len()), (Some(first), 0), "{name}: it is not due");
        life.minutes(DAY + 60);
        until_over(&mut life, 60);
        assert!(verified(&life) > Some(first), "{name}: it is tried again");
        life.is_sound();
    }
}

#[test]
fn one_that_fails_ends_and_says_why() {
    for back_end in BACK_ENDS.iter().filter(|it| restores(it) != Restores::Never) {
        let name = back_end.operator;
        let mut life = backed_up(back_end);
        let data = life.data();
        // Between two backups, so that only the drill finds it.
        life.world.set_outage(Outage { backups: true, ..Outage::default() });
        wants(&mut life, Some("30d"));
        if of_drill(&life).is_empty() {
            // Where the operator says at once that the store is gone, nothing is tried.
            assert_eq!(verified(&life), None, "{name}");
            continue;
        }
        life.minutes(60);
        assert_eq!((life.phase(), verification(&life)), ("Ready".into(), "Running".into()), "{name}");
        assert!(life.status()["backup"]["lastVerification"]["message"].is_string(), "{name} {:#}", life.status());
        life.minutes(DAY);
        assert_eq!(
            (life.phase(), verification(&life)),
            ("Ready".into(), "Failed".into()),
            "{name} {:#}",
            life.status()
        );
        let why = life.status()["backup"]["lastVerification"]["message"].as_str().unwrap().to_string();
        assert!(why.starts_with("it was not ready after 24 hours: "), "{name} {why}");
        life.minutes(5);
        assert!(of_drill(&life).is_empty(), "{name}");
        assert_eq!(life.data(), data, "{name}");
        life.world.set_outage(Outage::default());
        life.minutes(3 * DAY);
        assert!(verified(&life).is_some(), "{name}: it is tried again soon {:#}", life.status());
        assert_eq!(verification(&life), "", "{name}");
        life.is_sound();
    }
}

#[test]
fn where_nobody_can_it_is_not_asked_for() {
    for back_end in BACK_ENDS.iter().filter(|it| restores(it) == Restores::Never) {
        let mut life = Life::of(back_end, Edition::Namespaced, "staging");
        if life.phase() == "AwaitingApproval" {
            life.approve();
        }
        life.minutes(2 * DAY);
        let before = (life.phase(), life.everything());
        wants(&mut life, Some("30d"));
        life.minutes(10);
        assert_eq!((life.phase(), life.everything()), before, "{}", back_end.operator);
        assert_eq!((verified(&life), verification(&life)), (None, String::new()), "{}", back_end.operator);
    }
}

type Stop = fn(&mut Life);

#[test]
fn what_stops_one() {
    let begun = || {
        let mut life = backed_up(&BACK_ENDS[0]);
        wants(&mut life, Some("30d"));
        assert!(!of_drill(&life).is_empty());
        life
    };
    let cases: [(&str, Stop); 3] = [
        ("a restore", |life| life.claim(json!({"restore": {"id": "one"}}))),
        ("sleep", |life| life.claim(json!({"lifecycle": {"hibernated": true}}))),
        ("the platform", |life| wants(life, Some("31d"))),
    ];
    for (what, stop) in cases {
        let mut life = begun();
        stop(&mut life);
        if what == "the platform" {
            assert!(!of_drill(&life).is_empty(), "another time for the next stops none");
            life.world.destroy(&Id::new(
                "apiextensions.crossplane.io/v1beta1",
                "EnvironmentConfig",
                "",
                "database-platform",
            ));
        }
        assert_eq!(of_drill(&life), [&Value::Null; 0], "{what}");
        assert_eq!(verified(&life), None, "{what}: it came to nothing");
        life.minutes(30);
        life.is_sound();
    }
    let mut life = begun();
    life.world.delete(&life.database.clone(), Default::default()).unwrap();
    life.minutes(2);
    assert_eq!(life.everything().iter().filter(|id| id.contains("orders")).count(), 0, "it goes with the database");
}

/// Whoever erases or forges the status changes nothing: the record remembers.
#[test]
fn the_record_remembers() {
    let mut life = backed_up(&BACK_ENDS[0]);
    wants(&mut life, Some("30d"));
    until_over(&mut life, 60);
    let first = verified(&life);
    assert!(first.is_some());
    let composite = life.composite();
    life.world.edit(&composite, |value| value["status"]["backup"] = json!({"lastVerified": "2036-01-01T00:00:00Z"}));
    life.minutes(1);
    assert_eq!((verified(&life), of_drill(&life).len()), (first, 0));
    life.world.edit(&composite, |value| value["status"] = json!({}));
    life.minutes(1);
    assert_eq!((verified(&life), of_drill(&life).len()), (first, 0));
}
