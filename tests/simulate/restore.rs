//! Lives with restores: what runs is never touched, and nothing is left over.

use crate::life::{Edition, Life};
use crate::random::lives;
use function_database::api::approval::Decision;
use function_database::api::record::{Fate, Record};
use function_database::simulate::{Id, Outage, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const BOTH: [Edition; 2] = [Edition::Namespaced, Edition::Claims];
const DAY: i64 = 24 * 60;

/// Where clients are sent.
fn serves(life: &Life) -> Value {
    life.get(&life.id("Service", "orders-primary"))["spec"]["selector"]["cnpg.io/cluster"].clone()
}

fn states(life: &Life) -> Vec<String> {
    let restores = life.status()["restores"].as_array().cloned().unwrap_or_default();
    restores
        .iter()
        .map(|it| format!("{} {}", it["generation"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_restore_comes_to_stand_beside_what_runs_and_takes_its_place() {
    for edition in BOTH {
        let mut life = Life::ready(edition, "prod");
        life.minutes(3 * DAY);
        let mut before = life.everything();
        before.sort();
        life.claim(json!({"restore": {"id": "one", "pointInTime": "2026-01-07T12:00:00Z"}}));
        life.minutes(60);
        assert_eq!((life.phase(), life.has("Cluster", "orders-g2")), ("Ready".into(), false), "nobody has agreed");
        let pending = life.status()["approval"]["pending"].clone();
        assert_eq!((&pending["operation"], &pending["approversNeeded"]), (&json!("Restore"), &json!(2)));
        let first = "restore one from checkout/orders as of 2026-01-07T12:00:00Z; what was written after \
                     2026-01-07T12:00:00Z is lost";
        assert_eq!(pending["changes"][0], first);

        life.approve();
        assert_eq!((life.phase(), serves(&life)), ("Restoring".into(), json!("orders")));
        assert_eq!(states(&life), ["orders-g2 Restoring"]);
        life.minutes(10);
        assert_eq!((life.phase(), serves(&life)), ("Ready".into(), json!("orders-g2")));
        assert_eq!(states(&life), ["orders Kept"]);
        let old = life.get(&life.id("Cluster", "orders"));
        assert_eq!(old["metadata"]["annotations"]["cnpg.io/hibernation"], "on");
        for cluster in ["orders", "orders-g2"] {
            let refused = life.world.delete(&life.id("Cluster", cluster), Default::default());
            assert!(refused.is_err(), "{cluster} is protected");
        }
        life.is_sound();

        life.minutes(8 * DAY);
        assert_eq!((life.phase(), life.has("Cluster", "orders"), states(&life)), ("Ready".into(), false, vec![]));
        let mut now: Vec<String> = life.everything().iter().map(|id| id.replace("orders-g2", "orders")).collect();
        now.retain(|id| !id.ends_with("orders.source"));
        now.sort();
        assert_eq!(now, before, "but for where the restore began from");
        assert_eq!(life.synced(), "True ReconcileSuccess");
        life.claim(json!({"restore": {"id": "one", "pointInTime": "2026-01-07T12:00:00Z"}, "replicas": 5}));
        assert_eq!(life.status()["approval"]["pending"]["operation"], "Change", "it has run");
        life.is_sound();
    }
}

#[test]
fn one_that_never_gets_ready_can_be_taken_back() {
    for edition in BOTH {
        let mut life = Life::begin(edition, "dev");
        life.world.set_outage(Outage { backups: true, ..Outage::default() });
        life.minutes(DAY);
        let before = life.everything();
        life.claim(json!({"restore": {"id": "one"}}));
        life.minutes(DAY);
        assert_eq!((life.phase(), serves(&life)), ("Restoring".into(), json!("orders")));
        life.claim(json!({"restore": {"id": "one"}, "replicas": 2}));
        assert_eq!(life.condition("Validated"), "False Invalid", "{}", life.message("Validated"));
        life.claim(json!({}));
        life.minutes(10);
        assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec![]));
        assert_eq!(life.everything(), before);
        assert_eq!(life.synced(), "True ReconcileSuccess");

        // Its number is not given again.
        life.world.set_outage(Outage::default());
        life.minutes(2 * DAY);
        life.claim(json!({"restore": {"id": "two"}}));
        life.minutes(10);
        assert_eq!((life.phase(), serves(&life)), ("Ready".into(), json!("orders-g3")));
        life.is_sound();
    }
}

#[test]
fn what_served_before_can_be_gone_back_to() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    life.minutes(2 * DAY);
    let data = life.fingerprint();
    life.claim(json!({"restore": {"id": "one"}}));
    life.minutes(10);
    assert_eq!(serves(&life), "orders-g2");
    life.claim(json!({"restore": {"id": "back", "backup": "orders"}}));
    life.minutes(10);
    assert_eq!((life.phase(), serves(&life)), ("Ready".into(), json!("orders")));
    assert_eq!(states(&life), ["orders-g2 Kept"]);
    let now = life.fingerprint();
    assert!(data.iter().all(|it| now.contains(it)), "the same data");
    life.is_sound();
}

#[test]
fn a_new_database_begins_with_the_backup_of_another() {
    for edition in BOTH {
        let mut life = Life::ready(edition, "dev");
        life.minutes(2 * DAY);
        let backup = life.world.all().find(|value| value["kind"] == "Backup").unwrap();
        let backup = backup["metadata"]["name"].as_str().unwrap().to_string();
        let mut copy = life.manifest(json!({"restore": {"id": "one", "database": "orders", "backup": backup}}));
        copy["metadata"]["name"] = "orders-copy".into();
        life.world.apply(&copy).unwrap();
        life.minutes(10);
        let cluster = life.get(&life.id("Cluster", "orders-copy"));
        let target = &cluster["spec"]["bootstrap"]["recovery"]["recoveryTarget"]["backupID"];
        assert!(target.as_str().is_some_and(|id| id.contains('T')), "the plugin's own id: {target}");
        let phase = &life.get(&Id { name: "orders-copy".into(), ..life.database.clone() })["status"]["phase"];
        assert_eq!(phase, "Ready");
        life.is_sound();
    }
}

#[test]
fn what_is_lost_comes_back_from_its_backup() {
    for edition in BOTH {
        let mut life = Life::ready(edition, "prod");
        life.minutes(2 * DAY);
        life.world.destroy(&life.id("Cluster", "orders"));
        life.minutes(10);
        assert_eq!(life.phase(), "Lost");
        life.claim(json!({"restore": {"id": "one"}}));
        life.minutes(10);
        assert_eq!((life.phase(), life.has("Cluster", "orders")), ("Lost".into(), false), "nobody has agreed");
        life.approve();
        life.minutes(10);
        assert_eq!((life.phase(), serves(&life)), ("Ready".into(), json!("orders-g2")));
        life.minutes(10);
        assert_eq!(states(&life), [""; 0]);
        life.is_sound();
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A restore of this number, and so many members.
    Edit(Option<u32>, u32),
    /// Back to what served before.
    Back(u32),
    Approve,
    Outage(Outage),
    EraseStatus,
    Restart,
    Minutes(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let outage = |(members, backups)| Step::Outage(Outage { members, backups });
    prop_oneof![
        4 => (proptest::option::of(0..4_u32), select(vec![3_u32, 5])).prop_map(|(id, members)| Step::Edit(id, members)),
        1 => (4..6_u32).prop_map(Step::Back),
        4 => Just(Step::Approve),
        1 => any::<(bool, bool)>().prop_map(outage),
        1 => Just(Step::EraseStatus),
        1 => Just(Step::Restart),
        3 => select(vec![1, 5, 30, DAY, 8 * DAY]).prop_map(Step::Minutes),
    ]
}

/// The Clusters by name, with what tells one from an empty one of the same name.
fn clusters(life: &Life) -> BTreeMap<String, Value> {
    let clusters = life.world.all().filter(|value| value["kind"] == "Cluster");
    clusters.map(|it| (it["metadata"]["name"].as_str().unwrap().into(), it["metadata"]["uid"].clone())).collect()
}

fn record(life: &Life) -> Record {
    serde_json::from_value(life.get(&life.id("DatabaseRecord", "orders"))["spec"].clone()).unwrap()
}

fn take(life: &mut Life, step: &Step) {
    let (before, known) = (clusters(life), record(life));
    match step {
        Step::Edit(None, replicas) => life.claim(json!({"replicas": replicas})),
        Step::Edit(Some(id), replicas) => {
            life.claim(json!({"replicas": replicas, "restore": {"id": format!("r{id}")}}));
        }
        Step::Back(id) => {
            let kept = known.beside.first().map_or("orders".into(), |beside| beside.generation.name());
            life.claim(json!({"restore": {"id": format!("r{id}"), "backup": kept}}));
        }
        Step::Approve => {
            for approver in ["anna", "ben"] {
                life.world.decide(&life.database.clone(), Waits::Change, approver, Decision::Approved, 1);
            }
        }
        Step::Outage(outage) => life.world.set_outage(*outage),
        Step::EraseStatus => life.world.edit(&life.composite(), |value| value["status"] = json!({})),
        Step::Restart => life.world.restart(),
        Step::Minutes(minutes) => life.minutes(*minutes),
    }
    assert_eq!(life.world.circles, 0, "it runs in circles");
    assert_eq!(life.synced(), "True ReconcileSuccess", "{}", life.message("Provisioned"));
    let (after, now) = (clusters(life), record(life));
    assert!(after.contains_key(&now.serving.name()), "what serves is there");
    assert_eq!(serves(life), now.serving.name().as_str(), "clients are sent to what serves");
    for (name, uid) in before {
        match after.get(&name) {
            Some(there) => assert_eq!(*there, uid, "{name} is another one"),
            None => assert!(now.generations().all(|it| it.name() != name), "{name} is gone"),
        }
    }
    let awake =
        |name: &str| life.get(&life.id("Cluster", name))["metadata"]["annotations"]["cnpg.io/hibernation"] != "on";
    for beside in &now.beside {
        let name = beside.generation.name();
        let serves_no_more = !matches!(beside.fate, Fate::Next { .. });
        assert!(
            !(serves_no_more && after.contains_key(&name) && awake(&name)),
            "{name} takes writes that nobody reads"
        );
    }
    let unapproved = now.restores.iter().any(|id| !known.restores.contains(id)) && !matches!(step, Step::Approve);
    let lasting = life.world.all().any(|it| it["kind"] == "DatabaseApproval" && it["spec"]["operation"] == "Restore");
    assert!(!unapproved || lasting, "nobody approved {:?}", now.restores);
}

static READY: LazyLock<Life> = LazyLock::new(|| {
    let mut life = Life::ready(Edition::Namespaced, "prod");
    life.minutes(2 * DAY);
    life
});

proptest! {
    #![proptest_config(lives(6))]

    #[test]
    fn whatever_is_asked_of_restores_nothing_is_lost_or_left(steps in vec(step(), 1..25)) {
        let mut life = READY.clone();
        steps.iter().for_each(|step| take(&mut life, step));
        take(&mut life, &Step::Outage(Outage::default()));
        take(&mut life, &Step::Edit(None, 3));
        take(&mut life, &Step::Approve);
        take(&mut life, &Step::Minutes(DAY));
        take(&mut life, &Step::Minutes(8 * DAY));
        prop_assert_eq!((life.phase(), states(&life)), ("Ready".into(), vec![]));
        prop_assert_eq!(clusters(&life).len(), 1, "nothing is left over");
    }
}
