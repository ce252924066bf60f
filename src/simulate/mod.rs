//! A control plane in memory: the API server, Crossplane with its protection, and stand-ins for the operators. In: a
//! Composition, what people and accidents do, how much time passes. Out: what exists then.
//!
//! For tests that play a database's whole life, and for `function-database simulate`. It behaves as a live Crossplane 2.4
//! was seen to behave. No clock, no randomness, no IO: the same steps give the same world.
//!
//! Not played: access rights, admission policies, other functions' steps, the circuit breaker.

mod store;
mod usage;
mod counts;
mod deletion;
mod crossplane;
mod operators;
mod remote;
pub mod story;
pub mod fleet;

pub use counts::Counts;
pub use crossplane::{Death, Failure};
pub use operators::Outage;
pub use store::Id;
pub use usage::{ATTEMPT, IN_USE, Policy};

use crate::api::approval::{DIGEST_LABEL, Decision, KIND};
use crate::api::{self, schema};
use crate::map::set;
use crate::render::{Composition, object};
use crate::schema::{Schema, Violation};
use crossplane::Composer;
use jiff::{SignedDuration, Timestamp};
use operators::{Operators, encoded};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Store, Touched, text};

/// How long operators and the garbage collector take for one step.
const TICK: SignedDuration = SignedDuration::from_secs(10);
/// A composite whose run changed nothing for a while is run more rarely, so that weeks can pass in a moment; but so often.
const RAREST: SignedDuration = SignedDuration::from_hours(1);
/// So many rounds without an end are a circle.
const CIRCLE: usize = 50;
/// Where nothing happens for so long, nothing will.
pub const QUIET: SignedDuration = SignedDuration::from_mins(5);
/// Who approves in a simulation.
const APPROVERS: [&str; 5] = ["anna", "ben", "cleo", "dora", "emil"];

/// Why the API server does not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0} does not exist")]
    NotFound(Id),
    #[error("{id}: {}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid { id: Id, violations: Vec<Violation> },
    #[error("{id}: {why}")]
    InUse { id: Id, why: String },
}

#[derive(Clone)]
pub struct World {
    composition: Composition,
    /// Of the kinds that people write.
    schemas: Arc<BTreeMap<&'static str, Schema>>,
    now: Timestamp,
    store: Store,
    /// What Crossplane remembers of each composite, by UID.
    composers: BTreeMap<String, Composer>,
    /// Usages that were not looked at since they changed.
    usages: BTreeSet<Id>,
    /// Composites made for claims so far.
    claimed: u32,
    operators: Operators,
    operators_due: Option<Timestamp>,
    /// Other clusters, by the provider configuration that reaches them.
    clusters: BTreeMap<String, World>,
    /// Those that nobody reaches from here.
    cut_off: BTreeSet<String>,
    /// The step that fails, and how.
    broken: Option<(usize, Failure)>,
    death: Option<Death>,
    /// Crossplane died, and starts again then.
    down_until: Option<Timestamp>,
    /// Whether Crossplane watches what functions asked for, as it does since 2.4; else the TTL decides when they look again.
    pub watches: bool,
    /// Reconciles that went on and on; there should be none.
    pub circles: u32,
    /// What Crossplane has done so far.
    pub counts: Counts,
}

/// What of a database waits for an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// It, or its change.
    Change,
    Deletion,
}

impl Waits {
    pub const ALL: [Waits; 2] = [Waits::Change, Waits::Deletion];

    /// In `status.approval`.
    pub fn field(self) -> &'static str {
        match self {
            Waits::Change => "pending",
            Waits::Deletion => "deletion",
        }
    }
}

impl World {
    /// An empty cluster in which the Composition is installed.
    ///
    /// # Errors
    /// If the schema of a claim or of an approval cannot be compiled.
    pub fn new(composition: Composition, now: Timestamp) -> Result<World, crate::schema::BuildError> {
        let schemas = [("Database", schema::claim()?), (KIND, schema::approval()?)];
        Ok(World::empty(composition, Arc::new(schemas.into()), now))
    }

    fn empty(composition: Composition, schemas: Arc<BTreeMap<&'static str, Schema>>, now: Timestamp) -> World {
        World {
            composition,
            schemas,
            now,
            store: Store::default(),
            composers: BTreeMap::new(),
            usages: BTreeSet::new(),
            claimed: 0,
            operators: Operators::default(),
            operators_due: None,
            clusters: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            broken: None,
            death: None,
            down_until: None,
            watches: true,
            circles: 0,
            counts: Counts::default(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn get(&self, id: &Id) -> Option<&Value> {
        self.store.get(id)
    }

    /// Everything that exists, by group, kind, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.store.all()
    }

    /// `kubectl apply`: creates the object, or replaces all of it that people write.
    ///
    /// # Errors
    /// What the API server would refuse, by the schema of our own kinds.
    pub fn apply(&mut self, manifest: &Value) -> Result<Id, Refused> {
        let mut value = manifest.clone();
        let metadata = object(&mut value["metadata"]);
        if !["Namespace", "EnvironmentConfig"].contains(&text(&manifest["kind"])) {
            metadata.entry("namespace").or_insert_with(|| "default".into());
        }
        object(&mut value).remove("status");
        let id = Id::of(&value);
        if let Some(before) = self.store.get(&id) {
            value = edited(before, value);
        }
        self.check(&id, &value)?;
        if !id.namespace.is_empty() {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": id.namespace}});
            if self.store.get(&Id::of(&namespace)).is_none() {
                self.store.put(namespace, self.now);
            }
        }
        self.store.put(value, self.now);
        self.settle();
        Ok(id)
    }

    /// The same of what is there from the start, as a file has it: nobody knows when it was made.
    ///
    /// # Errors
    /// As for `apply`.
    pub fn begin_with(&mut self, manifest: &Value) -> Result<Id, Refused> {
        let id = self.apply(manifest)?;
        self.store.forget_when_made(&id);
        self.settle();
        Ok(id)
    }

    /// Does the platform team's part in a namespace: the secrets that the Composition's destinations name.
    pub fn hand_out_keys(&mut self, namespace: &str) {
        let inputs = self.composition.steps.iter().filter_map(|step| serde_json::to_value(&step.input).ok());
        let mut secrets: BTreeMap<String, Value> = BTreeMap::new();
        for input in inputs {
            let destinations = input["spec"]["destinations"].as_object().into_iter().flatten();
            for secret in destinations.map(|(_, destination)| &destination["access"]["secret"]) {
                let Some(name) = secret["name"].as_str() else { continue };
                let keys = ["accessKeyId", "secretAccessKey"].map(|key| (text(&secret[key]), "made-in-a-simulation"));
                object(secrets.entry(name.into()).or_default()).append(object(&mut encoded(&keys)));
            }
        }
        for (name, data) in secrets {
            let metadata = json!({"name": name, "namespace": namespace});
            self.store.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}), self.now);
        }
        self.settle();
    }

    fn check(&self, id: &Id, value: &Value) -> Result<(), Refused> {
        let schema = self.schemas.get(id.kind.as_str()).filter(|_| id.group == api::GROUP);
        let Some(schema) = schema else { return Ok(()) };
        // Nobody writes a status with an edit; rules about edits read the one that is there.
        let mut written = bare(value);
        object(&mut written).remove("status");
        let violations = match self.store.get(id) {
            Some(before) => schema.check_update(&bare(before), &written),
            None => schema.check(&written),
        };
        if violations.is_empty() { Ok(()) } else { Err(Refused::Invalid { id: id.clone(), violations }) }
    }

    /// Whatever somebody with the rights, or an accident, does to an object; no schema is looked at.
    pub fn edit(&mut self, id: &Id, edit: impl FnOnce(&mut Value)) {
        self.store.edit(id, edit);
        self.settle();
    }

    /// `kubectl delete`.
    ///
    /// # Errors
    /// If it does not exist, or a Usage protects it.
    pub fn delete(&mut self, id: &Id, policy: Policy) -> Result<(), Refused> {
        let outcome = self.request_deletion(id, policy);
        self.settle();
        outcome
    }

    /// An accident that goes around everything: the object is gone.
    pub fn destroy(&mut self, id: &Id) {
        self.remove(id);
        self.settle();
    }

    /// The platform installs another version of its Composition: Crossplane runs every composite with it.
    pub fn install(&mut self, composition: Composition) {
        self.composition = composition;
        self.composers.values_mut().for_each(|composer| composer.is_dirty = true);
        self.settle();
    }

    /// After how long the function wants to see a composite again, of the one that it wants to see first.
    pub fn asks_again(&self) -> Option<SignedDuration> {
        self.composers.values().filter_map(|composer| composer.after).min()
    }

    /// As many people as it needs approve what a database waits for: who, and by what.
    pub fn agree(&mut self, database: &Id, waits: Waits) -> Vec<(&'static str, Id)> {
        let pending = self.get(database).map(|value| value["status"]["approval"][waits.field()].clone());
        let needed = pending.unwrap_or_default()["approversNeeded"].as_u64().unwrap_or(0);
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        let approvers = APPROVERS.into_iter().take(needed);
        let decide = |approver| Some((approver, self.decide(database, waits, approver, Decision::Approved, 7)?));
        approvers.filter_map(decide).collect()
    }

    /// The decision of a person on what a database waits for, as `function-database approve` writes it, good for `days`;
    /// `None` if it waits for nothing.
    pub fn decide(&mut self, database: &Id, waits: Waits, approver: &str, decision: Decision, days: i64) -> Option<Id> {
        let pending = self.get(database)?["status"]["approval"][waits.field()].clone();
        let (operation, digest) = (pending["operation"].as_str()?, pending["digest"].as_str()?);
        let expires = self.now + SignedDuration::from_hours(days * 24);
        let word = if decision == Decision::Approved { "approved" } else { "rejected" };
        let short = digest.get(..8).unwrap_or(digest);
        let approval = json!({
            "apiVersion": api::API_VERSION, "kind": KIND,
            "metadata": {
                "name": format!("{}-{short}-{word}-by-{approver}", database.name), "namespace": database.namespace,
                "labels": {DIGEST_LABEL: digest.get(..32).unwrap_or(digest)},
            },
            "spec": {
                "database": database.name, "operation": operation, "digest": digest, "decision": decision,
                "approver": approver, "reason": "decided in a simulation", "expires": expires.to_string(),
            },
        });
        self.apply(&approval).ok()
    }

    /// Operators stop or go on doing their work.
    pub fn set_outage(&mut self, outage: Outage) {
        self.clusters.values_mut().for_each(|cluster| cluster.set_outage(outage));
        self.operators.outage = outage;
        self.operators_due = Some(self.now);
        self.settle();
    }

    /// Crossplane starts anew: it remembers nothing, and looks at everything.
    pub fn restart(&mut self) {
        self.down_until = None;
        self.composers.clear();
        self.usages = set(self.store.ids().into_iter().filter(usage::is_usage));
        self.settle();
    }

    /// Lets time pass, with all that happens in it.
    pub fn advance(&mut self, by: SignedDuration) {
        let end = self.now + by;
        while self.step(end) {}
    }

    /// The same up to the next moment in which anything can happen; `false`: there is none before the end.
    pub fn step(&mut self, end: Timestamp) -> bool {
        let Some(next) = self.next().filter(|next| *next <= end) else {
            self.clusters.values_mut().for_each(|cluster| cluster.now = end);
            self.now = end;
            return false;
        };
        self.now = self.now.max(next);
        self.tick();
        true
    }

    /// When anything happens next, here or in another cluster.
    fn next(&self) -> Option<Timestamp> {
        let due = self.composers.values().filter_map(|composer| composer.due);
        let elsewhere = self.clusters.values().filter_map(World::next);
        due.chain(self.operators_due).chain(self.operators.wake()).chain(self.down_until).chain(elsewhere).min()
    }

    fn tick(&mut self) {
        let mut wakes = self.operators_due.into_iter().chain(self.operators.wake()).any(|due| due <= self.now);
        for cluster in self.clusters.values_mut() {
            while cluster.step(self.now) {
                wakes = true;
            }
        }
        if wakes {
            self.operators_due = None;
            self.collect();
            let gone = self.operators.step(&mut self.store, self.now);
            gone.iter().for_each(|id| self.carry_out(id, Policy::Background));
            self.carry();
        }
        for composer in self.composers.values_mut().filter(|composer| composer.due.is_some_and(|due| due <= self.now)) {
            (composer.due, composer.is_dirty) = (None, true);
        }
        match self.down_until {
            Some(until) if until <= self.now => self.restart(),
            _ => self.settle(),
        }
    }

    /// Until nothing more happens without time passing.
    fn settle(&mut self) {
        for _ in 0..CIRCLE {
            let changed = self.notice();
            if self.is_down() {
                // Its webhook and its garbage collector aside, nobody does anything.
                self.collect();
                return;
            }
            if !changed && !self.composers.values().any(|composer| composer.is_dirty) {
                return;
            }
            self.collect();
            self.protect();
            self.claims();
            self.compose();
        }
        self.circles += 1;
    }

    /// Who has to look at what changed.
    fn notice(&mut self) -> bool {
        let touched = self.store.take_touched();
        for Touched { id, controller } in &touched {
            if usage::is_usage(id) {
                self.usages.insert(id.clone());
            }
            for (uid, composer) in &mut self.composers {
                let is_its = controller.as_ref() == Some(uid) || composer.id == *id;
                if is_its || (self.watches && composer.watches(&self.composition, id)) {
                    composer.is_dirty = true;
                    self.counts.events += 1;
                }
            }
        }
        for id in self.store.of_kind(api::GROUP, &self.composition.kind) {
            let uid = self.store.get(&id).map(|composite| text(&composite["metadata"]["uid"]).to_owned());
            self.composers.entry(uid.unwrap_or_default()).or_insert_with(|| Composer::new(id));
        }
        let there = |composer: &Composer, uid: &str| {
            self.store.get(&composer.id).is_some_and(|composite| composite["metadata"]["uid"] == uid)
        };
        self.composers.retain(|uid, composer| there(composer, uid));
        if !touched.is_empty() {
            self.operators_due.get_or_insert(self.now + TICK);
        }
        !touched.is_empty()
    }
}

/// What a person writes, over what only the cluster writes.
fn edited(before: &Value, mut written: Value) -> Value {
    object(&mut written).insert("status".into(), before["status"].clone());
    let metadata = object(&mut written["metadata"]);
    for (field, value) in before["metadata"].as_object().into_iter().flatten() {
        let kept = metadata.entry(field.clone()).or_insert_with(|| value.clone());
        // Labels and annotations of others stay.
        if let (Value::Object(kept), Value::Object(before)) = (kept, value) {
            before.iter().for_each(|(name, value)| _ = kept.entry(name.clone()).or_insert_with(|| value.clone()));
        }
    }
    // Crossplane's own fields, which people leave out.
    for field in ["crossplane", "resourceRef"] {
        if let Some(value) = before["spec"].get(field) {
            object(&mut written["spec"]).entry(field).or_insert_with(|| value.clone());
        }
    }
    written
}

/// Without what the schema of a written object does not know.
fn bare(value: &Value) -> Value {
    let mut bare = value.clone();
    if let Some(status) = bare.get_mut("status") {
        object(status).remove("conditions");
    }
    object(&mut bare["spec"]).remove("resourceRef");
    bare
}
