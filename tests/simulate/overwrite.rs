//! Restores over running data, on each operator that can: once, without clients, and never by itself again.

use crate::back_ends::{BACK_ENDS, BackEnd};
use crate::life::{Edition, Life};
use function_database::api::plan::Operator;
use function_database::operators;
use function_database::simulate::{Id, Outage};
use serde_json::{Value, json};

const DAY: i64 = 24 * 60;
const BOTH: [Edition; 2] = [Edition::Namespaced, Edition::Claims];

fn features(back_end: &BackEnd) -> operators::Features {
    let operator: Operator = serde_json::from_value(back_end.operator.into()).unwrap();
    operators::of(operator).features()
}

fn able() -> impl Iterator<Item = &'static BackEnd> {
    BACK_ENDS.iter().filter(|back_end| features(back_end).in_place)
}

fn backed_up(back_end: &'static BackEnd, edition: Edition) -> Life {
    let mut life = Life::of(back_end, edition, "dev");
    life.minutes(2 * DAY);
    assert_eq!(life.phase(), "Ready", "{} {:#}", back_end.operator, life.status());
    life
}

fn asked(id: &str) -> Value {
    json!({"restore": {"id": id, "inPlace": true}})
}

/// The operators' own objects for restores.
fn restores(life: &Life) -> Vec<Id> {
    let all = life.world.all().filter(|value| value["kind"].as_str().is_some_and(|kind| kind.ends_with("Restore")));
    all.map(Id::of).collect()
}

fn state(life: &Life) -> String {
    let restores = life.status()["restores"].as_array().cloned().unwrap_or_default();
    restores.iter().map(|it| it["state"].as_str().unwrap().to_string()).collect::<Vec<_>>().join(" ")
}

/// Who runs in the database's namespace counts as a client.
fn lets_clients_in(life: &Life) -> bool {
    let policy = life.get(&life.id("NetworkPolicy", "orders"));
    let rules = policy["spec"]["ingress"].as_array().cloned().unwrap_or_default();
    assert!(!rules.is_empty(), "nobody at all may come in: {policy:#}");
    let everybody = json!({"podSelector": {}});
    rules.iter().flat_map(|rule| rule["from"].as_array().unwrap()).any(|peer| *peer == everybody)
}

#[test]
fn it_runs_once_with_nobody_inside() {
    for (back_end, edition) in able().flat_map(|back_end| BOTH.map(|edition| (back_end, edition))) {
        let name = back_end.operator;
        let mut life = backed_up(back_end, edition);
        let (data, everything) = (life.data(), life.everything());
        assert!(lets_clients_in(&life), "{name}");
        life.claim(asked("one"));
        assert_eq!((life.phase(), state(&life)), ("Restoring".into(), "Overwriting".into()), "{name}");
        let mut seen = 0;
        for _ in 0..60 {
            seen = seen.max(restores(&life).len());
            assert_eq!(lets_clients_in(&life), state(&life).is_empty(), "{name} {:#}", life.status());
            assert!(restores(&life).is_empty() || life.phase() == "Restoring", "{name} {:#}", life.status());
            life.minutes(1);
        }
        assert!(life.phase() == "Ready" && seen > 0, "{name} {:#}", life.status());
        assert_eq!((life.data(), life.everything()), (data.clone(), everything), "{name}: nothing is left over");
        life.minutes(2 * DAY);
        assert_eq!((life.phase(), restores(&life), life.data()), ("Ready".into(), vec![], data), "{name}");
        life.is_sound();
    }
}

#[test]
fn one_that_fails_is_not_tried_again() {
    for back_end in able() {
        let name = back_end.operator;
        let mut life = backed_up(back_end, Edition::Namespaced);
        let data = life.data();
        life.world.set_outage(Outage { backups: true, ..Outage::default() });
        life.claim(asked("one"));
        life.minutes(30);
        life.world.set_outage(Outage::default());
        life.minutes(DAY);
        assert_eq!((life.phase(), state(&life)), ("Failed".into(), "Failed".into()), "{name} {:#}", life.status());
        assert_eq!(life.condition("Provisioned"), "False Failed", "{name}");
        assert!(life.message("Provisioned").contains("the restore one failed: the store does not answer"), "{name}");
        assert!(restores(&life).is_empty() && !lets_clients_in(&life), "{name}");

        life.claim(asked("two"));
        life.minutes(30);
        assert_eq!((life.phase(), state(&life)), ("Ready".into(), String::new()), "{name} {:#}", life.status());
        assert_eq!(life.data(), data, "{name}");
        life.is_sound();
    }
}

#[test]
fn one_whose_object_is_deleted_has_failed_and_its_data_can_be_taken_as_it_is() {
    for back_end in able() {
        let name = back_end.operator;
        let mut life = backed_up(back_end, Edition::Namespaced);
        life.claim(asked("one"));
        while restores(&life).is_empty() {
            life.minutes(1);
        }
        life.claim(json!({}));
        assert_eq!(state(&life), "Overwriting", "{name}: it cannot be stopped");
        life.claim(asked("one"));
        for restore in restores(&life) {
            life.world.destroy(&restore);
        }
        life.minutes(30);
        assert_eq!((life.phase(), restores(&life)), ("Failed".into(), vec![]), "{name} {:#}", life.status());
        life.claim(json!({}));
        life.minutes(10);
        assert_eq!((life.phase(), state(&life)), ("Ready".into(), String::new()), "{name} {:#}", life.status());
        life.claim(asked("one"));
        life.minutes(10);
        assert_eq!((life.phase(), restores(&life)), ("Ready".into(), vec![]), "{name}: its id has run");
        life.is_sound();
    }
}

#[test]
fn an_edit_beside_it_comes_after_it() {
    for back_end in able() {
        let name = back_end.operator;
        let mut life = backed_up(back_end, Edition::Namespaced);
        life.claim(json!({"restore": {"id": "one", "inPlace": true}, "replicas": 3}));
        assert_eq!((life.phase(), &life.status()["resolved"]["replicas"]), ("Restoring".into(), &json!(1)), "{name}");
        life.minutes(60);
        let status = life.status();
        assert_eq!((life.phase(), &status["readyReplicas"]), ("Ready".into(), &json!(3)), "{name} {status:#}");
        life.is_sound();
    }
}

#[test]
fn nobody_restores_over_what_is_not_there_or_sleeps() {
    for back_end in able() {
        let name = back_end.operator;
        let mut life = backed_up(back_end, Edition::Namespaced);
        life.claim(json!({"lifecycle": {"hibernated": true}}));
        life.minutes(30);
        life.claim(json!({"lifecycle": {"hibernated": true}, "restore": {"id": "one", "inPlace": true}}));
        life.minutes(10);
        assert_eq!(
            (life.phase(), life.condition("Validated")),
            ("Hibernated".into(), "False Invalid".into()),
            "{name}"
        );
        assert!(life.message("Validated").contains("it sleeps"), "{name} {}", life.message("Validated"));
        let mut new = life.manifest(asked("one"));
        new["metadata"]["name"] = "copy".into();
        life.world.apply(&new).unwrap();
        life.minutes(10);
        let status = life.get(&Id { name: "copy".into(), ..life.database.clone() })["status"].clone();
        assert_eq!(status["phase"], "Invalid", "{name} {status:#}");
    }
}

#[test]
fn people_are_told_that_there_is_no_way_back() {
    let back_end = BACK_ENDS.iter().find(|it| it.operator == "PerconaServerMongoDB").unwrap();
    let mut life = Life::of(back_end, Edition::Namespaced, "prod");
    life.approve();
    life.minutes(3 * DAY);
    assert_eq!(life.phase(), "Ready", "{:#}", life.status());
    life.claim(asked("one"));
    life.minutes(60);
    let pending = life.status()["approval"]["pending"].clone();
    assert_eq!((&pending["operation"], &pending["class"]), (&json!("Restore"), &json!("DataLoss")));
    assert_eq!(pending["approversNeeded"], 2);
    let words = pending["changes"][0].as_str().unwrap();
    let begins = "restore one in place from checkout/orders; what was written after 2026-01-08T02:";
    assert!(words.starts_with(begins) && words.ends_with(" is lost, and there is no way back"), "{words}");
    assert_eq!((life.phase(), restores(&life)), ("Ready".into(), vec![]), "nobody has agreed");
    life.approve();
    life.minutes(30);
    assert_eq!((life.phase(), state(&life)), ("Ready".into(), String::new()), "{:#}", life.status());
    life.is_sound();
}

#[test]
fn elsewhere_it_is_refused() {
    for back_end in BACK_ENDS.iter().filter(|back_end| !features(back_end).in_place) {
        let mut life = Life::of(back_end, Edition::Namespaced, back_end.environment);
        life.claim(asked("one"));
        let refused = life.message("Validated");
        let expected = format!("{} has no restore over running data", back_end.operator);
        assert!(refused.contains(&expected), "{} {refused}", back_end.operator);
    }
}
