//! Lives in which anything happens in any order. After each step: no database is lost or replaced by an empty one, and in
//! prod nothing runs that was not approved; at the end: a valid, approved claim becomes ready.
//!
//! `PROPTEST_CASES=1000 cargo test --test simulate random` looks longer.

use crate::life::{Edition, Life};
use function_database::api::approval::{Decision, OperationKind};
use function_database::api::input::Engines;
use function_database::api::plan::Terms;
use function_database::api::record::Record;
use function_database::gate::digest::Operation;
use function_database::observed::Observed;
use function_database::operators;
use function_database::simulate::{ATTEMPT, IN_USE, Id, Outage, Policy, Waits, World};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

#[derive(Clone, Debug)]
enum Step {
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
        cluster: bool,
    },
    ForgeStatus,
    EraseReferences,
    RemoveLabel {
        cluster: bool,
    },
    Delete(Policy),
    DeleteCluster,
    DeleteBehind,
    LoseRecord,
    Outage {
        members: bool,
        backups: bool,
    },
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
    prop_oneof![
        6 => select(edits.to_vec()).prop_map(Step::Edit),
        5 => Just(Step::Approve),
        1 => Just(Step::ApproveDeletion),
        1 => Just(Step::Forge),
        1 => Just(Step::Reject),
        1 => Just(Step::Withdraw),
        1 => any::<bool>().prop_map(|cluster| Step::EraseStatus { cluster }),
        1 => Just(Step::ForgeStatus),
        1 => Just(Step::EraseReferences),
        1 => any::<bool>().prop_map(|cluster| Step::RemoveLabel { cluster }),
        1 => policy.prop_map(Step::Delete),
        1 => Just(Step::DeleteCluster),
        1 => Just(Step::DeleteBehind),
        1 => Just(Step::LoseRecord),
        1 => any::<(bool, bool)>().prop_map(|(members, backups)| Step::Outage { members, backups }),
        1 => Just(Step::Restart),
        3 => select(vec![1, 5, 5, 30, 30, 24 * 60]).prop_map(Step::Minutes),
    ]
}

/// A life, and what must stay true of it.
struct Watched {
    life: Life,
    prod: bool,
    /// The UIDs of the Cluster and of its first volume.
    data: Option<[Value; 2]>,
    /// What the record said last, as long as the data lives.
    terms: Option<Terms>,
    spec: Value,
    had_record: bool,
    /// The composite's UID.
    composite: Value,
    /// Somebody tried to delete it.
    attempted: bool,
    was_ready: bool,
}

impl Watched {
    fn new(life: Life, prod: bool) -> Watched {
        let mut watched = Watched {
            life,
            prod,
            data: None,
            terms: None,
            spec: Value::Null,
            had_record: false,
            composite: Value::Null,
            attempted: false,
            was_ready: false,
        };
        watched.data = watched.data_now();
        watched.terms = watched.record().map(|record| record.serving.plan.terms);
        watched.had_record = watched.terms.is_some();
        watched.composite = watched.composite_uid();
        watched.spec = watched.cluster().map(|cluster| cluster["spec"].clone()).unwrap_or_default();
        watched
    }

    fn world(&mut self) -> &mut World {
        &mut self.life.world
    }

    fn cluster_id(&self) -> Id {
        Id::new("postgresql.cnpg.io/v1", "Cluster", "checkout", "orders")
    }

    fn cluster(&self) -> Option<&Value> {
        self.life.world.get(&self.cluster_id())
    }

    fn record_id(&self) -> Id {
        Id::new("db.platform.io/v1", "DatabaseRecord", "checkout", "orders")
    }

    fn record(&self) -> Option<Record> {
        let record = self.life.world.get(&self.record_id())?;
        Some(serde_json::from_value(record["spec"].clone()).unwrap())
    }

    fn data_now(&self) -> Option<[Value; 2]> {
        let volume = self.life.world.get(&Id::new("v1", "PersistentVolumeClaim", "checkout", "orders-1"))?;
        Some([self.cluster()?["metadata"]["uid"].clone(), volume["metadata"]["uid"].clone()])
    }

    fn approvals(&self) -> Vec<Value> {
        self.life.world.all().filter(|value| value["kind"] == "DatabaseApproval").cloned().collect()
    }

    fn is_protected(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| self.prod || terms.lifecycle.deletion_protection)
    }

    fn take(&mut self, step: &Step) {
        let (before, since) = (self.approvals(), self.life.world.now());
        let database = self.life.database.clone();
        let composite = self.life.composite();
        match step {
            // The schema may refuse it.
            Step::Edit(more) => {
                let mut more = more.clone();
                if self.life.world.get(&database).is_none() {
                    // A new one is again of the tier that it was of.
                    more.as_object_mut().unwrap().remove("environment");
                }
                if !self.prod && more["storage"] == "200Gi" {
                    more["storage"] = "20Gi".into();
                }
                let manifest = self.life.manifest(more);
                _ = self.world().apply(&manifest);
            }
            Step::Approve => {
                for approver in ["anna", "ben"] {
                    self.world().decide(&database, Waits::Change, approver, Decision::Approved, 1);
                }
            }
            Step::ApproveDeletion => {
                for approver in ["anna", "ben"] {
                    self.world().decide(&database, Waits::Deletion, approver, Decision::Approved, 1);
                }
            }
            Step::Forge => self.forge(),
            Step::Reject => _ = self.world().decide(&database, Waits::Change, "cleo", Decision::Rejected, 1),
            Step::Withdraw => self.life.remove_approvals(),
            Step::EraseStatus { cluster } => {
                let id = if *cluster { self.cluster_id() } else { composite };
                self.world().edit(&id, |value| value["status"] = json!({}));
            }
            Step::ForgeStatus => self.world().edit(&composite, |value| {
                let pending = json!({"operation": "Create", "digest": "0".repeat(64), "approversNeeded": 0});
                value["status"] =
                    json!({"phase": "Ready", "approval": {"approvedBy": ["mallory"], "pending": pending}});
            }),
            Step::EraseReferences => self.world().edit(&composite, |value| {
                for spec in ["/spec", "/spec/crossplane"] {
                    if let Some(references) = value.pointer_mut(spec).and_then(|spec| spec.get_mut("resourceRefs")) {
                        *references = json!([]);
                    }
                }
            }),
            // While a FATAL lasts, only the admission policy keeps the label.
            Step::RemoveLabel { .. } if !self.had_record => {}
            Step::RemoveLabel { cluster } => {
                let id = if *cluster { self.cluster_id() } else { composite };
                self.world().edit(&id, |value| {
                    value["metadata"]
                        .get_mut("labels")
                        .and_then(Value::as_object_mut)
                        .map(|labels| labels.remove(IN_USE));
                });
            }
            Step::Delete(policy) => {
                let deleted = self.world().delete(&database, *policy).is_ok();
                assert!(!deleted || !self.is_protected(), "a protected database is deleted");
                self.life.minutes(2);
            }
            // Where nothing protects it, whoever deletes it wanted to.
            Step::DeleteCluster if self.is_protected() && self.data.is_some() => {
                let id = self.cluster_id();
                assert!(self.world().delete(&id, Policy::Background).is_err(), "a protected Cluster is deleted");
            }
            Step::DeleteBehind if self.is_protected() && self.data.is_some() && composite != database => {
                assert!(self.world().delete(&composite, Policy::Background).is_err(), "the composite is deleted");
            }
            Step::DeleteCluster | Step::DeleteBehind => {}
            Step::LoseRecord => {
                let id = self.record_id();
                self.world().destroy(&id);
            }
            Step::Outage { members, backups } => {
                self.world().set_outage(Outage { members: *members, backups: *backups });
            }
            Step::Restart => self.world().restart(),
            Step::Minutes(minutes) => self.life.minutes(*minutes),
        }
        self.holds(&before, since, matches!(step, Step::LoseRecord));
    }

    /// The label of what waits, over the digest of something else; and of something else, with the label of that.
    fn forge(&mut self) {
        let pending = self.life.status()["approval"]["pending"].clone();
        let (Some(digest), Some(operation)) = (pending["digest"].as_str(), pending["operation"].as_str()) else {
            return;
        };
        let mut approval = self.life.approval(operation, digest, 1);
        approval["metadata"]["name"] = "forged".into();
        approval["spec"]["digest"] = "0".repeat(64).into();
        // There is one of that name already: it is immutable.
        if self.life.world.get(&Id::of(&approval)).is_none() {
            _ = self.world().apply(&approval);
        }
    }

    /// Whether what ran is gone, then because people wanted it so: somebody tried, two others agreed, and the last backup is
    /// there.
    fn is_deleted(&self, before: &[Value]) -> bool {
        let composite = self.composite_uid();
        if self.spec.is_null() || self.composite.is_null() || composite == self.composite {
            return false;
        }
        if !self.is_protected() || !self.prod {
            return true;
        }
        assert!(self.attempted, "nobody tried to delete it");
        let approvals = before.iter().cloned().chain(self.approvals());
        let agreed: BTreeSet<String> = approvals
            .filter(|value| value["spec"]["operation"] == "Delete" && value["spec"]["decision"] == "Approved")
            .filter_map(|value| value["spec"]["approver"].as_str().map(String::from))
            .collect();
        assert_eq!(agreed.len(), 2, "two people agree to a deletion");
        let completed = |value: &Value| {
            value["kind"] == "Backup"
                && value["metadata"]["name"].as_str().is_some_and(|name| name.contains(".last-"))
                && value["status"]["phase"] == "completed"
        };
        assert!(!self.was_ready || self.life.world.all().any(completed), "there is no last backup");
        true
    }

    fn composite_uid(&self) -> Value {
        self.life.world.get(&self.life.composite()).map(|it| it["metadata"]["uid"].clone()).unwrap_or_default()
    }

    fn holds(&mut self, before: &[Value], since: jiff::Timestamp, record_was_lost: bool) {
        assert_eq!(self.life.world.circles, 0, "it runs in circles");
        if self.is_deleted(before) {
            self.life.minutes(2);
            assert!(self.cluster().is_none() && self.record().is_none(), "something is left");
            (self.data, self.terms, self.spec) = (None, None, Value::Null);
            (self.attempted, self.was_ready) = (false, false);
        }
        self.composite = self.composite_uid();
        let tried = [self.life.database.clone(), self.life.composite()];
        let tried = tried.iter().filter_map(|id| self.life.world.get(id));
        self.attempted |= tried.map(|it| &it["metadata"]["annotations"][ATTEMPT]).any(|attempt| !attempt.is_null());
        self.was_ready |= self.record().is_some_and(|record| record.was_ready);
        let now = self.data_now();
        assert!(self.data.is_none() || self.data == now, "the data is lost, or another's: {:?} {now:?}", self.data);
        self.data = now;
        let record = self.record();
        let cluster = self.cluster().map(|cluster| cluster["spec"].clone());
        match (&record, &cluster) {
            (Some(record), Some(spec)) => {
                let terms = &record.serving.plan.terms;
                let operator = operators::of(terms.operator);
                let engine = operator.compose(&record.serving, &Engines::default(), &Observed::default());
                let wanted = engine.resources.into_iter().find(|resource| resource.key.0 == "cluster").unwrap();
                let wanted: Value = serde_json::to_value(&wanted.object).unwrap();
                assert_eq!(*spec, wanted["spec"], "what runs is not what is recorded");
            }
            (None, Some(spec)) => assert_eq!(*spec, self.spec, "something else runs without a record"),
            (_, None) => assert!(self.data.is_none()),
        }
        let was = std::mem::replace(&mut self.spec, cluster.unwrap_or_default());
        let release =
            |spec: &Value| spec["imageName"].as_str().map(|image| image.split(':').next_back().unwrap().to_owned());
        assert!(release(&was) <= release(&self.spec), "the release goes down");
        let had_record = std::mem::replace(&mut self.had_record, record.is_some());
        if let Some(record) = record {
            let terms = record.serving.plan.terms;
            let known = self.terms.replace(terms.clone());
            // Made anew, it begins with a creation.
            let from = known.filter(|_| !record_was_lost && had_record);
            if self.prod && from.as_ref() != Some(&terms) {
                self.was_approved(from.as_ref(), &terms, before, since);
            }
        }
    }

    fn was_approved(&self, from: Option<&Terms>, to: &Terms, before: &[Value], since: jiff::Timestamp) {
        let operation = match from {
            Some(from) => Operation::Change { from, to },
            None => Operation::Create { plan: to },
        };
        let (digest, kind) = (operation.digest().to_string(), json!(operation.kind()));
        assert_ne!(operation.kind(), OperationKind::Delete);
        let after = self.approvals();
        let of = |value: &&Value, decision: &str, at: jiff::Timestamp| {
            let spec = &value["spec"];
            let lasts = spec["expires"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let same = spec["digest"] == digest.as_str() && spec["operation"] == kind && spec["decision"] == decision;
            same && lasts.is_some_and(|expires| expires > at)
        };
        let approvers: BTreeSet<&str> = before
            .iter()
            .chain(&after)
            .filter(|value| of(value, "Approved", since))
            .filter_map(|value| value["spec"]["approver"].as_str())
            .collect();
        assert!(!approvers.is_empty(), "nobody approved {kind} {digest}");
        // One that lapses lets an approval count that lasts longer.
        let now = self.life.world.now();
        let rejected = before.iter().find(|value| of(value, "Rejected", now) && after.contains(value));
        assert_eq!(rejected, None, "it was rejected");
    }

    /// A valid claim, every approval that it asks for, and time.
    fn ends_well(&mut self) {
        self.life.remove_approvals();
        self.world().set_outage(Outage::default());
        self.take(&Step::Restart);
        let database = self.life.database.clone();
        let mut more = json!({});
        if let Some(terms) = &self.terms {
            more = json!({"version": terms.version, "storage": terms.storage.to_string()});
        }
        self.life.world.apply(&self.life.manifest(more.clone())).expect("every claim can be corrected");
        self.take(&Step::Edit(more));
        for _ in 0..3 {
            // A FATAL says in its condition alone what would help.
            let message = self.life.message("Approved");
            if self.life.condition("Approved").starts_with("False")
                && let Some(digest) = message.split("--digest ").nth(1).and_then(|rest| rest.split(' ').next())
            {
                let operation = message.split("--operation ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
                let approval = self.life.approval(operation, digest, 1);
                self.world().apply(&approval).unwrap();
            }
            self.take(&Step::Approve);
            self.take(&Step::Minutes(10));
        }
        let claim = &self.life.get(&database)["status"];
        assert_eq!(
            (self.life.phase().as_str(), self.life.condition("Ready").as_str()),
            ("Ready", "True Available"),
            "{claim:#}"
        );
        assert_eq!(self.life.synced(), "True ReconcileSuccess");
    }
}

/// Of one edition: dev and prod that run, and prod that nobody approved yet.
fn starts(edition: Edition) -> [(Life, bool); 3] {
    [(Life::ready(edition, "dev"), false), (Life::ready(edition, "prod"), true), (Life::begin(edition, "prod"), true)]
}

static NAMESPACED: LazyLock<[(Life, bool); 3]> = LazyLock::new(|| starts(Edition::Namespaced));
static CLAIMS: LazyLock<[(Life, bool); 3]> = LazyLock::new(|| starts(Edition::Claims));

fn live((life, prod): &(Life, bool), steps: &[Step]) {
    let mut watched = Watched::new(life.clone(), *prod);
    steps.iter().for_each(|step| watched.take(step));
    watched.ends_well();
}

/// Lives that went wrong once.
#[test]
fn a_lost_record_does_not_spare_the_last_backup() {
    for policy in [Policy::Background, Policy::Foreground] {
        for cluster in [false, true] {
            let steps = [Step::Delete(policy), Step::ApproveDeletion, Step::EraseStatus { cluster }, Step::LoseRecord];
            live(&NAMESPACED[1], &steps);
            live(&CLAIMS[1], &steps);
        }
    }
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_database_is_lost_and_nothing_unapproved_runs(start in 0..3_usize, steps in vec(step(), 1..50)) {
        live(&NAMESPACED[start], &steps);
    }

    #[test]
    fn nor_with_claims(start in 0..3_usize, steps in vec(step(), 1..50)) {
        live(&CLAIMS[start], &steps);
    }
}
