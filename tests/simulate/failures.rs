//! Lives in which the function or Crossplane fails: nothing is applied by halves for long, and nothing is deleted.

use crate::life::{Edition, Life};
use function_database::simulate::{Death, Failure};
use serde_json::json;

const BOTH: [Edition; 2] = [Edition::Namespaced, Edition::Claims];

#[test]
fn a_step_that_fails_changes_nothing_and_the_next_run_does_it_all() {
    for edition in BOTH {
        let ready = Life::ready(edition, "prod");
        for (step, failure) in (0..5).flat_map(|step| [(step, Failure::Down), (step, Failure::Fatal)]) {
            let mut life = ready.clone();
            let (before, members) = (life.everything(), life.members());
            life.world.break_step(Some((step, failure)));
            life.claim(json!({"replicas": 5, "pooling": {"enabled": true}}));
            life.minutes(60);
            assert_eq!((life.everything(), life.members()), (before, members), "{edition:?} {step} {failure:?}");
            assert_eq!(life.synced(), "False ReconcileError", "{edition:?} {step} {failure:?}");
            assert_eq!(life.phase(), "Ready", "the last status stays");
            life.world.break_step(None);
            assert_eq!(life.condition("Approved"), "False AwaitingApproval", "{edition:?} {step} {failure:?}");
            life.approve();
            life.minutes(10);
            assert_eq!(
                (life.phase(), life.members(), life.synced()),
                ("Ready".into(), 5, "True ReconcileSuccess".into())
            );
            life.is_sound();
        }
    }
}

/// Every write of a reconcile can be the last one, and the order of resources is anybody's guess.
pub fn deaths() -> impl Iterator<Item = Death> {
    (0..27).step_by(3).map(|after| Death { after, backwards: after % 2 == 1 })
}

#[test]
fn a_reconcile_that_dies_is_finished_by_the_next() {
    for edition in BOTH {
        let (new, ready) = (Life::begin(edition, "prod"), Life::ready(edition, "prod"));
        for death in deaths() {
            let mut life = new.clone();
            life.world.die(death);
            life.approve();
            life.minutes(10);
            assert_eq!((life.phase(), life.members()), ("Ready".into(), 3), "{edition:?} {death:?}");
            life.is_sound();

            let mut life = ready.clone();
            let before = life.fingerprint();
            life.claim(json!({"replicas": 5, "storage": "200Gi"}));
            life.world.die(death);
            life.approve();
            life.minutes(10);
            assert_eq!((life.phase(), life.members()), ("Ready".into(), 5), "{edition:?} {death:?}");
            assert!(before.iter().all(|held| life.fingerprint().contains(held)), "{edition:?} {death:?}");
            life.is_sound();
        }
    }
}

/// What was approved has begun when the approval is taken back: more members go again, and more room stays, of which the
/// claim has to speak from then on.
#[test]
fn what_half_a_reconcile_applied_has_a_way_out() {
    let ready = Life::ready(Edition::Namespaced, "prod");
    for death in deaths() {
        let mut life = ready.clone();
        let before = life.fingerprint();
        life.claim(json!({"storage": "200Gi"}));
        life.world.die(death);
        life.approve();
        // It lived long enough to say that it has grown.
        if life.world.apply(&life.manifest(json!({}))).is_err() {
            continue;
        }
        life.remove_approvals();
        life.minutes(10);
        if life.synced() == "False ReconcileError" {
            life.claim(json!({"storage": "200Gi"}));
            let message = life.message("Approved");
            let digest = message.split("--digest ").nth(1).and_then(|rest| rest.split(' ').next());
            let digest = digest.unwrap_or_else(|| panic!("{death:?} {message} {:#}", life.status())).to_owned();
            life.world.apply(&life.approval("Change", &digest, 7)).unwrap();
            life.minutes(10);
        }
        assert_eq!((life.phase(), life.synced()), ("Ready".into(), "True ReconcileSuccess".into()), "{death:?}");
        assert_eq!(life.fingerprint(), before, "{death:?}");
        life.is_sound();
    }
}
