//! A life that is watched. In: what happens to it, a step at a time. Out: nothing, but a panic where a database is lost, where
//! something runs that nobody approved, or where a failure changed anything.

use crate::life::Life;
use crate::random::Step;
use function_database::api::approval::{Decision, OperationKind};
use function_database::api::claim::DeletionPolicy;
use function_database::api::input::Engines;
use function_database::api::plan::Terms;
use function_database::api::quantity::Bytes;
use function_database::api::record::Record;
use function_database::gate::digest::Operation;
use function_database::observed::Observed;
use function_database::operators::{self, Holds, STATEFUL};
use function_database::simulate::{ATTEMPT, IN_USE, Id, Outage, Policy, Waits, World};
use function_database::wire::{Key, Object};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A life, and what must stay true of it.
pub struct Watched {
    life: Life,
    /// Whether what happens to it needs approvals.
    gated: bool,
    /// What holds data, and the first volume, with their UIDs.
    data: BTreeSet<(String, String)>,
    /// What the record said last, as long as the data lives.
    terms: Option<Terms>,
    /// Of what holds data.
    specs: BTreeMap<String, Value>,
    had_record: bool,
    /// A step of the pipeline fails.
    broken: bool,
    /// Everything that was to be there was there at once, protection too.
    whole: bool,
    /// The composite's UID.
    composite: Value,
    /// Somebody tried to delete it.
    attempted: bool,
    was_ready: bool,
}

impl Watched {
    pub fn new(life: Life, gated: bool) -> Watched {
        let mut watched = Watched {
            life,
            gated,
            data: BTreeSet::new(),
            terms: None,
            specs: BTreeMap::new(),
            had_record: false,
            broken: false,
            whole: false,
            composite: Value::Null,
            attempted: false,
            was_ready: false,
        };
        watched.data = watched.data_now();
        watched.terms = watched.record().map(|record| record.serving.plan.terms);
        watched.had_record = watched.terms.is_some();
        watched.whole = watched.had_record;
        watched.composite = watched.composite_uid();
        watched.specs = watched.specs_now();
        watched
    }

    fn world(&mut self) -> &mut World {
        &mut self.life.world
    }

    /// The resources that hold data, such as a Cluster.
    fn holders(&self) -> Vec<&Value> {
        let holds = |value: &&Value| value["metadata"]["annotations"][STATEFUL].is_string();
        self.life.world.all().filter(holds).collect()
    }

    fn holder_id(&self) -> Option<Id> {
        self.holders().first().map(|holder| Id::of(holder))
    }

    fn specs_now(&self) -> BTreeMap<String, Value> {
        self.holders().into_iter().map(|holder| (Id::of(holder).to_string(), holder["spec"].clone())).collect()
    }

    fn record_id(&self) -> Id {
        Id::new("db.platform.io/v1", "DatabaseRecord", "checkout", "orders")
    }

    fn record(&self) -> Option<Record> {
        let record = self.life.world.get(&self.record_id())?;
        Some(serde_json::from_value(record["spec"].clone()).unwrap())
    }

    fn volumes(&self) -> impl Iterator<Item = &Value> {
        self.life.world.all().filter(|value| value["kind"] == "PersistentVolumeClaim")
    }

    fn data_now(&self) -> BTreeSet<(String, String)> {
        let uid = |value: &Value| value["metadata"]["uid"].as_str().unwrap().to_owned();
        let first = self.volumes().min_by_key(|volume| uid(volume));
        self.holders().into_iter().chain(first).map(|held| (Id::of(held).to_string(), uid(held))).collect()
    }

    fn approvals(&self) -> Vec<Value> {
        self.life.world.all().filter(|value| value["kind"] == "DatabaseApproval").cloned().collect()
    }

    fn is_protected(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| self.gated || terms.lifecycle.deletion_protection)
    }

    fn reconciles(&self) -> bool {
        !self.broken && !self.life.world.is_down()
    }

    fn is_guarded(&self) -> bool {
        self.whole && self.life.phase() != "Deleting" && !self.life.world.is_down()
    }

    pub fn take(&mut self, step: &Step) {
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
                if !self.gated && more["storage"] == "200Gi" {
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
            Step::EraseStatus { data } => {
                let id = self.holder_id().filter(|_| *data).unwrap_or(composite);
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
            // While nobody reconciles, only the admission policy keeps the label.
            Step::RemoveLabel { .. } if !self.had_record || !self.reconciles() => {}
            Step::RemoveLabel { data } => {
                let id = self.holder_id().filter(|_| *data).unwrap_or(composite);
                self.world().edit(&id, |value| {
                    value["metadata"]
                        .get_mut("labels")
                        .and_then(Value::as_object_mut)
                        .map(|labels| labels.remove(IN_USE));
                });
            }
            // Before it was whole once, its protection may not be there yet; nor any more when all agreed that it goes, or when
            // Crossplane died while it was taking it away.
            Step::Delete(_) | Step::DeleteData | Step::DeleteBehind if self.is_protected() && !self.is_guarded() => {}
            Step::Delete(policy) => {
                let deleted = self.world().delete(&database, *policy).is_ok();
                assert!(!deleted || !self.is_protected(), "a protected database is deleted");
                self.life.minutes(2);
            }
            // Where nothing protects it, whoever deletes it wanted to.
            Step::DeleteData if self.is_protected() => {
                let id = self.holder_id().expect("there is data");
                assert!(self.world().delete(&id, Policy::Background).is_err(), "protected data is deleted");
            }
            Step::DeleteBehind if self.is_protected() && composite != database => {
                assert!(self.world().delete(&composite, Policy::Background).is_err(), "the composite is deleted");
            }
            Step::DeleteData | Step::DeleteBehind => {}
            Step::LoseRecord => {
                let id = self.record_id();
                self.world().destroy(&id);
            }
            Step::Outage { members, backups } => {
                self.world().set_outage(Outage { members: *members, backups: *backups });
            }
            Step::Break(step, failure) => {
                self.world().break_step(Some((*step, *failure)));
                self.broken = true;
            }
            Step::Repair => {
                self.world().break_step(None);
                self.broken = false;
            }
            Step::Die(death) => self.world().die(*death),
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
        if self.specs.is_empty() || self.composite.is_null() || composite == self.composite {
            return false;
        }
        let Some(terms) = self.terms.as_ref().filter(|_| self.gated) else { return true };
        assert!(self.attempted, "nobody tried to delete it");
        let approvals = before.iter().cloned().chain(self.approvals());
        let agreed: BTreeSet<String> = approvals
            .filter(|value| value["spec"]["operation"] == "Delete" && value["spec"]["decision"] == "Approved")
            .filter_map(|value| value["spec"]["approver"].as_str().map(String::from))
            .collect();
        assert_eq!(agreed.len(), 2, "two people agree to a deletion");
        let last = terms.lifecycle.deletion_policy == DeletionPolicy::Snapshot;
        assert!(!last || !self.was_ready || self.life.last_backups() > 0, "there is no last backup");
        true
    }

    fn composite_uid(&self) -> Value {
        self.life.world.get(&self.life.composite()).map(|it| it["metadata"]["uid"].clone()).unwrap_or_default()
    }

    fn holds(&mut self, before: &[Value], since: jiff::Timestamp, record_was_lost: bool) {
        assert_eq!(self.life.world.circles, 0, "it runs in circles");
        if self.is_deleted(before) {
            self.life.minutes(2);
            assert!(self.holders().is_empty() && self.record().is_none(), "something is left");
            // Some operators leave them, and a new database of the name waits until somebody deletes them.
            let left: Vec<Id> = self.volumes().map(Id::of).collect();
            left.iter().for_each(|volume| self.world().destroy(volume));
            (self.data, self.terms, self.specs) = (BTreeSet::new(), None, BTreeMap::new());
            (self.attempted, self.was_ready, self.whole) = (false, false, false);
        }
        self.composite = self.composite_uid();
        let tried = [self.life.database.clone(), self.life.composite()];
        let tried = tried.iter().filter_map(|id| self.life.world.get(id));
        self.attempted |= tried.map(|it| &it["metadata"]["annotations"][ATTEMPT]).any(|attempt| !attempt.is_null());
        self.was_ready |= self.record().is_some_and(|record| record.was_ready);
        let now = self.data_now();
        assert!(self.data.is_subset(&now), "the data is lost, or another's: {:?} {now:?}", self.data);
        self.data = now;
        let record = self.record();
        let specs = self.specs_now();
        let reconciles = self.reconciles();
        self.whole |= reconciles && record.is_some() && self.life.synced() == "True ReconcileSuccess";
        match &record {
            Some(record) if reconciles => {
                for (id, wanted) in self.composed(record) {
                    let runs = specs.get(&id);
                    assert!(
                        runs.is_none_or(|runs| *runs == wanted),
                        "what runs is not what is recorded: {id} {runs:#?} {wanted:#}"
                    );
                }
            }
            // Half of what was approved runs, until Crossplane is there again.
            _ if self.life.world.is_down() => {}
            _ => {
                for (id, spec) in &specs {
                    assert_eq!(Some(spec), self.specs.get(id), "something else runs: {id}");
                }
            }
        }
        assert!(!specs.is_empty() || self.data.is_empty());
        self.specs = specs;
        let had_record = std::mem::replace(&mut self.had_record, record.is_some());
        if let Some(record) = record {
            let terms = record.serving.plan.terms;
            let known = self.terms.replace(terms.clone());
            let release =
                |terms: &Terms| -> Vec<u32> { terms.version.split('.').map(|part| part.parse().unwrap()).collect() };
            assert!(known.as_ref().is_none_or(|known| release(known) <= release(&terms)), "the release goes down");
            // Made anew, it begins with a creation.
            let from = known.filter(|_| !record_was_lost && had_record);
            if self.gated && from.as_ref() != Some(&terms) {
                self.was_approved(from.as_ref(), &terms, before, since);
            }
        }
    }

    /// What holds data, as the function would compose it of what is recorded and observed now.
    fn composed(&self, record: &Record) -> Vec<(String, Value)> {
        let data = self.life.back_end.overlay()["data"]["Engines"].clone();
        let engines: Engines = serde_json::from_value(data).unwrap();
        let key = |value: &Value| {
            value["metadata"]["annotations"]["crossplane.io/composition-resource-name"].as_str().map(String::from)
        };
        let composed = self.life.world.all().filter_map(|value| Some((Key(key(value)?), Object::of(value)))).collect();
        let observed = Observed { composed, ..Observed::default() };
        let engine = operators::of(record.serving.plan.terms.operator).compose(&record.serving, &engines, &observed);
        let holders = engine.resources.into_iter().filter(|resource| matches!(resource.holds, Holds::Data(_)));
        let values = holders.map(|resource| serde_json::to_value(&resource.object).unwrap());
        values.map(|value| (Id::of(&value).to_string(), value["spec"].clone())).collect()
    }

    fn was_approved(&self, from: Option<&Terms>, to: &Terms, before: &[Value], since: jiff::Timestamp) {
        let operation = match from {
            Some(from) => Operation::Change { from, to, promotion: None },
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

    /// A claim whose deletion Crossplane has begun, and did not end before it died, cannot be called back: people agree again.
    fn goes_if_it_must(&mut self) {
        let claim = self.life.world.get(&self.life.database).cloned().unwrap_or_default();
        if claim["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let composite = self.life.world.get(&self.life.composite()).cloned().unwrap_or_default();
        if let Some(digest) = composite["status"]["approval"]["deletion"]["digest"].as_str() {
            for approver in ["anna", "ben"] {
                let mut approval = self.life.approval("Delete", digest, 1);
                approval["metadata"]["name"] = format!("again-by-{approver}").into();
                approval["spec"]["approver"] = approver.into();
                self.world().apply(&approval).unwrap();
            }
        }
        self.take(&Step::Minutes(10));
    }

    /// As much as is recorded, or as was made of what half a reconcile applied.
    fn room(&self, terms: &Terms) -> String {
        let bytes = self
            .holders()
            .into_iter()
            .map(|it| it["metadata"]["annotations"][STATEFUL].as_str().unwrap().parse().unwrap());
        Bytes(bytes.max().unwrap_or(0).max(terms.storage.0)).to_string()
    }

    /// What fails is repaired; a valid claim, every approval that it asks for, and time.
    pub fn ends_well(&mut self) {
        self.life.remove_approvals();
        self.world().set_outage(Outage::default());
        self.take(&Step::Minutes(1));
        self.take(&Step::Repair);
        self.take(&Step::Restart);
        let database = self.life.database.clone();
        self.goes_if_it_must();
        let mut more = json!({});
        if let Some(terms) = &self.terms {
            more = json!({"version": terms.version, "storage": self.room(terms)});
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
