//! Whole lives of databases in a control plane that is played: what people do, and what exists then.
#![cfg(test)]

mod back_ends;
mod backups;
#[path = "../support/cases.rs"]
mod cases;
mod drill;
mod overwrite;
mod life;
mod failures;
mod operators;
mod remote;
mod restore;
mod restore_back_ends;
mod rotation;
mod standby;
mod promotion;
mod watched;
mod random;

use function_database::api::approval::Decision;
use function_database::render::Composition;
use function_database::simulate::{ATTEMPT, IN_USE, Id, Outage, Policy, Refused, Waits};
use life::{Edition, Life};
use serde_json::json;

const BOTH: [Edition; 2] = [Edition::Namespaced, Edition::Claims];

#[test]
fn a_dev_database_lives_and_goes_without_ceremony() {
    for (edition, policy) in
        BOTH.into_iter().flat_map(|edition| [(edition, Policy::Background), (edition, Policy::Foreground)])
    {
        let mut life = Life::begin(edition, "dev");
        assert_eq!(life.phase(), "Provisioning");
        life.minutes(5);
        assert_eq!((life.phase(), life.condition("Ready")), ("Ready".into(), "True Available".into()));
        assert_eq!((life.members(), life.volumes()), (1, 1));

        life.claim(json!({"replicas": 2, "pooling": {"enabled": true}}));
        assert_eq!(life.phase(), "Updating");
        life.minutes(5);
        assert_eq!((life.phase(), life.volumes(), life.has("Pooler", "orders-pgbouncer")), ("Ready".into(), 2, true));

        life.claim(json!({"replicas": 9}));
        assert_eq!((life.condition("Validated"), life.members()), ("False Invalid".into(), 2));
        assert!(life.has("Pooler", "orders-pgbouncer"), "what runs goes on as it was");
        life.minutes(5);
        assert_eq!(life.phase(), "Ready");

        life.claim(json!({"replicas": 1}));
        life.minutes(5);
        assert_eq!((life.phase(), life.volumes(), life.has("Pooler", "orders-pgbouncer")), ("Ready".into(), 1, false));

        life.world.delete(&life.database, policy).unwrap();
        life.minutes(1);
        assert_eq!(life.everything(), ["Namespace checkout"], "{edition:?} {policy:?}");
    }
}

#[test]
fn the_schema_stands_before_everything() {
    let mut life = Life::begin(Edition::Namespaced, "dev");
    let refused = life.world.apply(&life.manifest(json!({"engine": "oracle"}))).unwrap_err();
    assert!(matches!(&refused, Refused::Invalid { .. }) && refused.to_string().contains("spec.engine"), "{refused}");
    let refused = life.world.apply(&life.manifest(json!({"environment": "prod"}))).unwrap_err();
    assert!(refused.to_string().contains("environment"), "{refused}");
}

#[test]
fn a_prod_database_runs_only_as_approved() {
    for edition in BOTH {
        let mut life = Life::begin(edition, "prod");
        life.minutes(60);
        assert_eq!((life.phase(), life.has("Cluster", "orders")), ("AwaitingApproval".into(), false));
        life.approve();
        life.minutes(5);
        assert_eq!((life.phase(), life.members()), ("Ready".into(), 3));

        // Held, rejected, and approved once the rejection is taken back.
        life.claim(json!({"replicas": 5}));
        life.minutes(60);
        assert_eq!((life.phase(), life.members()), ("Ready".into(), 3));
        assert_eq!(life.condition("Approved"), "False AwaitingApproval");
        let rejection = life.world.decide(&life.database, Waits::Change, "ben", Decision::Rejected, 7).unwrap();
        life.approve();
        let found = life.status()["approval"]["pending"]["found"].to_string();
        assert!(found.contains("by ben: rejected") && found.contains("by anna: approved"), "{found}");
        assert_eq!(life.members(), 3);
        life.world.delete(&rejection, Policy::Background).unwrap();
        assert_eq!(life.members(), 5);
        life.minutes(5);
        assert_eq!(life.phase(), "Ready");

        // Nobody can use an approval of last week, nor one of another change.
        life.claim(json!({"replicas": 7}));
        let digest = life.digest();
        life.claim(json!({"replicas": 5}));
        life.world.apply(&life.approval("Change", &digest, 1)).unwrap();
        life.claim(json!({"replicas": 9}));
        assert_eq!(life.members(), 5);
        life.minutes(36 * 60);
        life.claim(json!({"replicas": 7}));
        let found = life.status()["approval"]["pending"]["found"].to_string();
        assert!(found.contains("expired"), "{found}");
        assert_eq!(life.members(), 5);

        // A mistake holds nothing up, and what was approved goes on when the approval is gone.
        life.claim(json!({"replicas": 1}));
        assert_eq!((life.condition("Validated"), life.members()), ("False Invalid".into(), 5));
        life.claim(json!({"replicas": 5}));
        life.remove_approvals();
        life.minutes(60);
        assert_eq!(
            (life.phase(), life.members(), life.condition("Approved")),
            ("Ready".into(), 5, "True Approved".into())
        );
        life.is_sound();
    }
}

#[test]
fn a_deletion_is_refused_noted_approved_and_then_carried_out() {
    for edition in BOTH {
        let mut life = Life::ready(edition, "prod");
        let refused = life.world.delete(&life.database, Policy::Background).unwrap_err().to_string();
        assert!(refused.contains("the database orders is deleted by approval"), "{refused}");
        assert_eq!(life.get(&life.database)["metadata"]["annotations"][ATTEMPT], "Background");
        let refused = life.world.delete(&life.id("Cluster", "orders"), Policy::Background).unwrap_err().to_string();
        assert!(refused.contains("an empty one would take its place"), "{refused}");
        if edition == Edition::Claims {
            let refused = life.world.delete(&life.composite(), Policy::Background).unwrap_err().to_string();
            assert!(refused.contains("stands behind the Database orders"), "{refused}");
            assert_eq!(life.get(&life.composite())["metadata"]["annotations"][ATTEMPT], "Background");
        }
        life.minutes(60);
        assert_eq!(life.phase(), "Ready");
        life.claim(json!({"lifecycle": {"deletionProtection": false}}));
        assert_eq!(life.condition("Validated"), "False Invalid");
        life.claim(json!({}));

        // One approver is not enough, and an outage of the backups holds it up.
        life.world.decide(&life.database, Waits::Deletion, "anna", Decision::Approved, 7).unwrap();
        life.minutes(60);
        assert_eq!(life.phase(), "Ready");
        life.world.set_outage(Outage { members: false, backups: true });
        life.world.decide(&life.database, Waits::Deletion, "ben", Decision::Approved, 7).unwrap();
        life.minutes(60);
        let backup = life.status()["message"].to_string();
        assert_eq!(life.phase(), "Deleting");
        assert!(backup.contains("the last backup orders.last-") && backup.contains("failed"), "{backup}");
        assert_eq!((life.volumes(), life.condition("BackupConfigured")), (3, "False LastBackupFailed".into()));

        // Taken back, it is as before; tried again, the backup is made anew.
        let database = life.database.clone();
        let composite = life.composite();
        for id in [&database, &composite] {
            life.world.edit(id, |value| _ = value["metadata"]["annotations"].as_object_mut().unwrap().remove(ATTEMPT));
        }
        life.minutes(5);
        assert_eq!((life.phase(), life.has("Usage", "orders.claim")), ("Ready".into(), true), "{edition:?}");
        life.world.set_outage(Outage::default());
        life.world.delete(&database, Policy::Background).unwrap_err();
        life.minutes(15);
        assert!(life.world.get(&database).is_none(), "{edition:?} {:#}", life.status());
        life.remove_approvals();
        assert_eq!(life.everything(), ["Namespace checkout"], "{edition:?}");
        let last = life.world.all().find(|value| value["metadata"]["name"].as_str().unwrap().contains(".last-"));
        assert_eq!(last.expect("the last backup stays")["status"]["phase"], "completed");
        life.is_sound();
    }
}

#[test]
fn what_is_retained_is_taken_over_by_the_next_claim() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    life.claim(json!({"lifecycle": {"deletionPolicy": "Retain"}}));
    life.minutes(5);
    let before = life.fingerprint();
    life.world.delete(&life.database, Policy::Background).unwrap();
    life.minutes(60);
    assert!(life.world.get(&life.database).is_none());
    assert_eq!(life.fingerprint(), before);
    assert!(life.has("DatabaseRecord", "orders") && life.has("ObjectStore", "orders"));
    life.claim(json!({}));
    life.minutes(10);
    assert_eq!((life.phase(), life.fingerprint()), ("Ready".into(), before));
    life.is_sound();
}

/// `kubectl replace` without the label switches the webhook off.
#[test]
fn the_label_that_the_webhook_needs_comes_back() {
    let mut life = Life::ready(Edition::Namespaced, "prod");
    for id in [life.database.clone(), life.id("Cluster", "orders")] {
        life.world.edit(&id, |value| _ = value["metadata"]["labels"].as_object_mut().unwrap().remove(IN_USE));
        assert_eq!(life.get(&id)["metadata"]["labels"][IN_USE], "true", "{id}");
        life.world.delete(&id, Policy::Background).unwrap_err();
    }
}

#[test]
fn what_a_user_can_erase_changes_nothing() {
    for (edition, environment) in BOTH.into_iter().flat_map(|edition| [(edition, "dev"), (edition, "prod")]) {
        let mut life = Life::ready(edition, environment);
        let before = life.fingerprint();
        let status = life.status();
        let composite = life.composite();
        let erase: [fn(&mut serde_json::Value); 3] = [
            |value| value["status"] = json!({}),
            |value| value["status"] = json!({"phase": "Lost", "approval": {"approvedBy": ["mallory"]}}),
            |value| match value["spec"].get("crossplane") {
                Some(_) => value["spec"]["crossplane"] = json!({"resourceRefs": []}),
                None => value["spec"]["resourceRefs"] = json!([]),
            },
        ];
        for erase in erase {
            life.world.edit(&composite, erase);
            assert_eq!(life.fingerprint(), before, "{edition:?} {environment}");
            life.minutes(10);
            assert_eq!(life.fingerprint(), before);
            // What the function never said is not its to take back: nothing reads it.
            let moves = ["conditions", "observedGeneration"];
            for (field, value) in
                status.as_object().unwrap().iter().filter(|(field, _)| !moves.contains(&field.as_str()))
            {
                assert_eq!(&life.status()[field], value, "{edition:?} {environment} {field}");
            }
        }
        let cluster = life.id("Cluster", "orders");
        life.world.edit(&cluster, |value| value["status"] = json!(null));
        life.world.restart();
        life.minutes(10);
        assert_eq!((life.fingerprint(), life.phase()), (before, "Ready".into()));
        life.is_sound();
    }
}

#[test]
fn a_record_that_is_gone_is_made_anew_by_whom_may_do_so() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    let before = life.fingerprint();
    life.world.destroy(&life.id("DatabaseRecord", "orders"));
    life.minutes(10);
    assert_eq!((life.fingerprint(), life.phase()), (before, "Ready".into()));

    let mut life = Life::ready(Edition::Namespaced, "prod");
    life.minutes(8 * 24 * 60);
    let before = life.fingerprint();
    life.world.destroy(&life.id("DatabaseRecord", "orders"));
    life.minutes(10);
    // FATAL: all that runs stays, and who protects it stays.
    assert!(!life.has("DatabaseRecord", "orders") && life.has("Usage", "orders.claim"));
    assert_eq!((life.fingerprint(), life.condition("Synced")), (before.clone(), "False ReconcileError".into()));
    assert_eq!(life.condition("Provisioned"), "Unknown FatalError");
    let message = life.message("Approved");
    let digest = message.split("--digest ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    life.world.apply(&life.approval("Create", &digest, 7)).unwrap();
    life.minutes(10);
    assert!(life.has("DatabaseRecord", "orders"));
    assert_eq!((life.fingerprint(), life.phase()), (before, "Ready".into()));
}

#[test]
fn data_that_is_gone_is_never_replaced_by_an_empty_database() {
    for edition in BOTH {
        let mut life = Life::ready(edition, "prod");
        life.world.destroy(&life.id("Cluster", "orders"));
        life.minutes(60);
        assert_eq!((life.phase(), life.has("Cluster", "orders")), ("Lost".into(), false));
        life.world.restart();
        life.minutes(60);
        assert_eq!((life.phase(), life.has("Cluster", "orders")), ("Lost".into(), false));
    }
}

#[test]
fn without_the_step_that_composes_the_data_nothing_is_touched() {
    for edition in BOTH {
        let mut life = Life::ready(edition, "prod");
        let before = life.everything();
        let mut composition: Composition = life::composition(edition);
        composition.steps.retain(|step| step.name != "compose-engine");
        life.world.install(composition);
        life.minutes(60);
        assert_eq!(life.everything(), before);
        assert_eq!(life.synced(), "False ReconcileError");
        life.world.install(life::composition(edition));
        life.minutes(10);
        assert_eq!(
            (life.everything(), life.phase(), life.synced()),
            (before, "Ready".into(), "True ReconcileSuccess".into())
        );
    }
}

#[test]
fn an_operator_that_is_in_trouble_is_told_of_and_recovers() {
    let mut life = Life::ready(Edition::Namespaced, "prod");
    life.world.set_outage(Outage { members: true, backups: false });
    life.minutes(5);
    assert_eq!((life.phase(), life.condition("Provisioned")), ("Degraded".into(), "True Degraded".into()));
    life.world.set_outage(Outage { members: false, backups: true });
    life.minutes(24 * 60);
    assert_eq!((life.phase(), life.condition("BackupConfigured")), ("Ready".into(), "False Trouble".into()));
    life.world.set_outage(Outage::default());
    life.minutes(25 * 60);
    assert_eq!((life.phase(), life.condition("BackupConfigured")), ("Ready".into(), "True Configured".into()));
    life.is_sound();
}

#[test]
fn a_restart_begins_with_a_roll_out() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    let before = life.fingerprint();
    life.claim(json!({"size": "medium", "storage": "20Gi"}));
    life.minutes(5);
    assert_eq!(
        (life.fingerprint(), life.phase(), life.condition("StorageReady")),
        (before, "Ready".into(), "True AsPlanned".into())
    );
    let volume = life.get(&life.id("PersistentVolumeClaim", "orders-1")).clone();
    assert_eq!(volume["status"]["capacity"]["storage"], "20Gi");
}

#[test]
fn a_database_sleeps_and_wakes_with_its_data() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    let before = life.fingerprint();
    life.claim(json!({"lifecycle": {"hibernated": true}}));
    life.minutes(5);
    assert_eq!((life.phase(), life.condition("Ready")), ("Hibernated".into(), "True Available".into()));
    assert_eq!(life.status()["readyReplicas"], 0);
    life.claim(json!({}));
    life.minutes(5);
    assert_eq!((life.phase(), life.fingerprint()), ("Ready".into(), before));
    life.is_sound();
}

/// Before Crossplane 2.4 nobody watches approvals.
#[test]
fn an_older_crossplane_looks_again_after_the_time_that_the_function_asks_for() {
    let mut life = Life::begin(Edition::Namespaced, "prod");
    life.world.watches = false;
    life.minutes(1);
    life.world.decide(&life.database, Waits::Change, "anna", Decision::Approved, 7).unwrap();
    assert_eq!(life.phase(), "AwaitingApproval");
    life.minutes(2);
    assert_eq!(life.phase(), "Provisioning");
}

#[test]
fn a_second_owner_keeps_data_and_a_new_database_adopts_it() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    let before = life.fingerprint();
    let namespace = life.get(&Id::new("v1", "Namespace", "", "checkout"))["metadata"]["uid"].clone();
    for policy in [Policy::Background, Policy::Foreground] {
        life.world.edit(&life.id("Cluster", "orders"), |cluster| {
            let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": "checkout", "uid": namespace});
            cluster["metadata"]["ownerReferences"].as_array_mut().unwrap().push(owner);
        });
        life.world.delete(&life.database, policy).unwrap();
        life.minutes(1);
        assert!(life.has("Cluster", "orders") && !life.has("DatabaseRecord", "orders"), "{policy:?}");
        life.claim(json!({}));
        life.minutes(5);
        assert_eq!((life.fingerprint(), life.phase()), (before.clone(), "Ready".into()));
    }
    // So does what was left without an owner, in this edition.
    life.world.delete(&life.database, Policy::Orphan).unwrap();
    assert!(life.has("DatabaseRecord", "orders"));
    life.claim(json!({}));
    life.minutes(5);
    assert_eq!((life.fingerprint(), life.phase()), (before, "Ready".into()));
}

#[test]
fn a_deletion_is_replayed_only_where_the_usage_says_so() {
    for replay in [false, true] {
        let mut life = Life::ready(Edition::Namespaced, "dev");
        let thing =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it", "namespace": "checkout"}});
        let usage = json!({
            "apiVersion": "protection.crossplane.io/v1beta1", "kind": "Usage",
            "metadata": {"name": "of-it", "namespace": "checkout"},
            "spec": {"of": {"apiVersion": "v1", "kind": "ConfigMap", "resourceRef": {"name": "it"}}, "reason": "no", "replayDeletion": replay},
        });
        // The Usage first: it waits for what it protects.
        let usage = life.world.apply(&usage).unwrap();
        let thing = life.world.apply(&thing).unwrap();
        assert!(matches!(life.world.delete(&thing, Policy::Foreground), Err(Refused::InUse { .. })));
        life.world.delete(&usage, Policy::Background).unwrap();
        life.minutes(1);
        assert_eq!(life.world.get(&thing).is_none(), replay);
        assert_ne!(replay, life.world.delete(&thing, Policy::Background).is_ok(), "without a Usage nothing refuses it");
    }
}

#[test]
fn what_others_set_on_a_composed_resource_stays() {
    let mut life = Life::ready(Edition::Namespaced, "dev");
    let cluster = life.id("Cluster", "orders");
    life.claim(json!({"parameters": {"random_page_cost": "2.0"}}));
    assert_eq!(life.get(&cluster)["spec"]["postgresql"]["parameters"]["random_page_cost"], "2.0");
    life.world.edit(&cluster, |cluster| {
        cluster["metadata"]["labels"]["team"] = "checkout".into();
        cluster["spec"]["postgresql"]["parameters"]["random_page_cost"] = "4.0".into();
    });
    assert_eq!(life.get(&cluster)["spec"]["postgresql"]["parameters"]["random_page_cost"], "2.0", "drift is repaired");
    life.claim(json!({"parameters": {"statement_timeout": "60s"}}));
    let parameters = &life.get(&cluster)["spec"]["postgresql"]["parameters"];
    assert_eq!(parameters["statement_timeout"], "60s");
    assert_ne!(parameters["random_page_cost"], "2.0");
    assert_eq!(life.get(&cluster)["metadata"]["labels"]["team"], "checkout");
}

/// The note of an attempt on the composite alone is not copied to the claim, and opens nothing.
#[test]
fn nobody_deletes_what_stands_behind_a_claim() {
    let mut life = Life::ready(Edition::Claims, "prod");
    let before = life.fingerprint();
    let refused = life.world.delete(&life.composite(), Policy::Background).unwrap_err().to_string();
    assert!(refused.contains("it stands behind the Database orders; delete that one"), "{refused}");
    assert_eq!(life.get(&life.composite())["metadata"]["annotations"][ATTEMPT], "Background");
    life.minutes(5);
    assert_eq!((life.phase(), &life.status()["approval"]["deletion"]), ("Ready".into(), &serde_json::Value::Null));

    life.world.delete(&life.database, Policy::Background).unwrap_err();
    for approver in ["anna", "ben"] {
        life.world.decide(&life.database, Waits::Deletion, approver, Decision::Approved, 7).unwrap();
    }
    // Whoever takes it back does so where the attempt was made.
    life.world.edit(&life.database.clone(), |claim| claim["metadata"]["annotations"] = json!({}));
    life.minutes(60);
    assert_eq!((life.phase(), life.fingerprint()), ("Ready".into(), before));
    life.is_sound();
}
