//! Lives on any operator, in which anything happens in any order, failures of the function and of Crossplane too. After each
//! step: no database is lost or replaced by an empty one, nothing runs that was not approved, and a failure changes nothing;
//! at the end: a valid, approved claim becomes ready.
//!
//! `PROPTEST_CASES=1000 cargo test --test simulate random` looks longer.

use crate::back_ends::BACK_ENDS;
use crate::cases::cases;
use crate::life::{Edition, Life};
use crate::watched::Watched;
use function_database::simulate::{Death, Failure, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::sync::OnceLock;

#[derive(Clone, Debug)]
pub enum Step {
    /// The claim says this and what is smallest, or does again what it was deleted for.
    Edit(Value),
    Approve,
    /// Of the deletion that somebody tried.
    ApproveDeletion,
    /// By somebody whose word is not of what waits, whatever the label says.
    Forge,
    Reject,
    /// Every approval and rejection is deleted.
    Withdraw,
    EraseStatus {
        /// Of what holds the data, else of the database.
        data: bool,
    },
    ForgeStatus,
    EraseReferences,
    RemoveLabel {
        data: bool,
    },
    Delete(Policy),
    DeleteData,
    DeleteBehind,
    LoseRecord,
    Outage {
        members: bool,
        backups: bool,
    },
    /// A step of the pipeline fails from now on.
    Break(usize, Failure),
    Repair,
    /// Crossplane dies within the next reconcile, if that is long enough.
    Die(Death),
    Restart,
    Minutes(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let edits = [
        json!({}),
        json!({"replicas": 3}),
        json!({"replicas": 5}),
        json!({"size": "medium"}),
        json!({"size": "large"}),
        json!({"size": "large", "maintenance": {"urgent": true}}),
        json!({"storage": "200Gi"}),
        json!({"version": "18"}),
        json!({"backup": {"retention": "10d"}}),
        json!({"backup": {"enabled": false}}),
        json!({"pooling": {"enabled": true}}),
        json!({"extensions": ["pgvector"]}),
        json!({"parameters": {"random_page_cost": "2.0"}}),
        json!({"access": {"allowedNamespaces": ["elsewhere"]}}),
        json!({"lifecycle": {"deletionProtection": true}}),
        json!({"lifecycle": {"deletionProtection": false}}),
        json!({"lifecycle": {"hibernated": true}}),
        json!({"environment": "dev"}),
        // Mistakes that only the function sees.
        json!({"replicas": 50}),
        json!({"size": "enormous"}),
        json!({"parameters": {"fsync": "off"}}),
        json!({"storageClass": "elsewhere"}),
        json!({"storage": "900Ti"}),
    ];
    let policy = select(vec![Policy::Background, Policy::Foreground]);
    let failure = select(vec![Failure::Down, Failure::Fatal]);
    prop_oneof![
        6 => select(edits.to_vec()).prop_map(Step::Edit),
        5 => Just(Step::Approve),
        1 => Just(Step::ApproveDeletion),
        1 => Just(Step::Forge),
        1 => Just(Step::Reject),
        1 => Just(Step::Withdraw),
        1 => any::<bool>().prop_map(|data| Step::EraseStatus { data }),
        1 => Just(Step::ForgeStatus),
        1 => Just(Step::EraseReferences),
        1 => any::<bool>().prop_map(|data| Step::RemoveLabel { data }),
        1 => policy.prop_map(Step::Delete),
        1 => Just(Step::DeleteData),
        1 => Just(Step::DeleteBehind),
        1 => Just(Step::LoseRecord),
        1 => any::<(bool, bool)>().prop_map(|(members, backups)| Step::Outage { members, backups }),
        2 => (0..5_usize, failure).prop_map(|(step, failure)| Step::Break(step, failure)),
        2 => Just(Step::Repair),
        2 => (0..40_usize, any::<bool>()).prop_map(|(after, backwards)| Step::Die(Death { after, backwards })),
        1 => Just(Step::Restart),
        3 => select(vec![1, 5, 5, 30, 30, 24 * 60]).prop_map(Step::Minutes),
    ]
}

/// How a life begins: in dev, running; where all is approved, running; and there, not approved yet.
const STARTS: usize = 3;
/// Each life picks an operator; what most claims get, more often.
const PICKS: usize = BACK_ENDS.len() + 3;

/// Of each operator and each beginning, made once.
static NAMESPACED: [OnceLock<Life>; BACK_ENDS.len() * STARTS] = [const { OnceLock::new() }; BACK_ENDS.len() * STARTS];
static CLAIMS: [OnceLock<Life>; BACK_ENDS.len() * STARTS] = [const { OnceLock::new() }; BACK_ENDS.len() * STARTS];

fn live(edition: Edition, pick: usize, start: usize, steps: &[Step]) {
    let back_end = pick.saturating_sub(3);
    let known = if edition == Edition::Claims { &CLAIMS } else { &NAMESPACED };
    let life = known[back_end * STARTS + start].get_or_init(|| {
        let back_end = &BACK_ENDS[back_end];
        let mut life = Life::of(back_end, edition, if start == 0 { "dev" } else { back_end.environment });
        if start == 1 {
            life.approve();
        }
        if start < 2 {
            life.minutes(10);
            assert_eq!(life.phase(), "Ready", "{} {:#}", back_end.operator, life.status());
        }
        life
    });
    let mut watched = Watched::new(life.clone(), start > 0);
    steps.iter().for_each(|step| watched.take(step));
    watched.ends_well();
}

/// Lives that went wrong once.
#[test]
fn a_lost_record_does_not_spare_the_last_backup() {
    for policy in [Policy::Background, Policy::Foreground] {
        for data in [false, true] {
            let steps = [Step::Delete(policy), Step::ApproveDeletion, Step::EraseStatus { data }, Step::LoseRecord];
            live(Edition::Namespaced, 0, 1, &steps);
            live(Edition::Claims, 0, 1, &steps);
        }
    }
}

/// A life is long, and so is making it shorter.
pub fn lives(usual: u32) -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 500, ..cases(usual) }
}

proptest! {
    #![proptest_config(lives(24))]

    #[test]
    fn no_database_is_lost_and_nothing_unapproved_runs(pick in 0..PICKS, start in 0..STARTS, steps in vec(step(), 1..50)) {
        live(Edition::Namespaced, pick, start, &steps);
    }

    #[test]
    fn nor_with_claims(pick in 0..PICKS, start in 0..STARTS, steps in vec(step(), 1..50)) {
        live(Edition::Claims, pick, start, &steps);
    }
}
