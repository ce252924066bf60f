//! Crossplane's reconciles. In: composites and claims as they are. Out: composed resources, status and conditions, as
//! Crossplane 2.4 leaves them. Must not know what the function means by them.

use super::store::{Id, controller, set_condition, text};
use super::{Policy, RAREST, World};
use crate::api;
use crate::map::map;
use crate::render::{self, Asked, Composition, Run, object};
use crate::wire::{Key, Match, Object, Selector};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The finalizer of a claim.
pub const CLAIM: &str = "finalizer.apiextensions.crossplane.io";
/// The longest wait after a failure, and until Crossplane is there again after it died.
const BACKOFF: SignedDuration = SignedDuration::from_secs(30);

/// How a step of the pipeline goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its function does not answer.
    Down,
    /// It answers FATAL.
    Fatal,
}

/// When Crossplane dies within a reconcile. It applies resources in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// So many writes later.
    pub after: usize,
    pub backwards: bool,
}

/// What Crossplane remembers of a composite while it runs.
#[derive(Clone, Debug)]
pub struct Composer {
    pub id: Id,
    /// When it is run although nothing changed.
    pub due: Option<Timestamp>,
    pub is_dirty: bool,
    /// When the function wanted to see it again, by its last run.
    pub after: Option<SignedDuration>,
    asked: Asked,
    /// How long nothing has changed.
    quiet: SignedDuration,
}

impl Composer {
    pub fn new(id: Id) -> Composer {
        Composer { id, due: None, is_dirty: true, after: None, asked: Asked::new(), quiet: SignedDuration::ZERO }
    }

    /// Whether the function, or the Composition for it, asked for such an object.
    pub fn watches(&self, composition: &Composition, id: &Id) -> bool {
        let asked = self.asked.values().flat_map(BTreeMap::values);
        let asked = asked.chain(composition.steps.iter().flat_map(|step| step.requirements.values()));
        asked.into_iter().any(|Selector { api_version, kind, namespace, matching }| {
            let named = match matching {
                Match::Name(name) => *name == id.name,
                Match::Labels(_) => true,
            };
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let within = namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace);
            named && within && group == id.group && *kind == id.kind
        })
    }
}

/// What a reconcile came to.
struct Reconciled {
    synced: Result<(), String>,
    /// Of what did run to its end.
    ready: Option<BTreeMap<String, bool>>,
    conditions: Vec<Value>,
    after: Option<SignedDuration>,
}

impl World {
    /// The step of this number, from 0, fails until somebody repairs it.
    pub fn break_step(&mut self, broken: Option<(usize, Failure)>) {
        self.broken = broken;
        self.restart();
    }

    /// Crossplane dies in the next reconcile, if that writes so much; it is there again half a minute later.
    pub fn die(&mut self, death: Death) {
        self.death = Some(death);
    }

    /// Whether nobody reconciles at the moment.
    pub fn is_down(&self) -> bool {
        self.down_until.is_some()
    }

    /// Whether Crossplane lives to write once more.
    fn lives(&mut self) -> bool {
        match &mut self.death {
            None => true,
            Some(Death { after: 0, .. }) => false,
            Some(Death { after, .. }) => {
                *after -= 1;
                true
            }
        }
    }

    pub(super) fn compose(&mut self) {
        let dirty: Vec<String> =
            self.composers.iter().filter(|(_, composer)| composer.is_dirty).map(|(uid, _)| uid.clone()).collect();
        for uid in dirty {
            let Some(mut composer) = self.composers.remove(&uid) else { continue };
            composer.is_dirty = false;
            let before = self.store.get(&composer.id).cloned();
            if let Some(composite) = before.as_ref().filter(|value| value["metadata"]["deletionTimestamp"].is_null()) {
                let Some(reconciled) = self.reconcile(&mut composer, composite) else {
                    self.death = None;
                    self.down_until = Some(self.now + BACKOFF);
                    return;
                };
                self.counts.reconciles += 1;
                self.conclude(&composer.id, &reconciled);
                let status = |value: Option<&Value>| value.map(|value| value["status"].clone());
                if status(self.store.get(&composer.id)) != status(before.as_ref()) {
                    self.counts.writes += 1;
                }
                composer.after = reconciled.after;
                let changed = self.store.get(&composer.id) != before.as_ref();
                composer.quiet = if changed { SignedDuration::ZERO } else { composer.quiet };
                composer.due = reconciled.after.map(|after| {
                    let wait = after.max(composer.quiet.min(RAREST));
                    composer.quiet += wait;
                    self.now + wait
                });
            }
            self.composers.insert(uid, composer);
        }
    }

    /// In Crossplane's order: run, collect what is no longer desired, remember what will be there, apply. None: it died.
    fn reconcile(&mut self, composer: &mut Composer, composite: &Value) -> Option<Reconciled> {
        let observed = match self.observe(composite) {
            Ok(observed) => observed,
            Err(why) => return Some(failed(why, vec![])),
        };
        let objects = map(observed.iter().map(|(key, value)| (Key(key.clone()), Object::of(value))));
        let exists: Vec<&Value> = self.store.all().collect();
        let broken = self.broken.and_then(|(at, how)| Some((at, how, &self.composition.steps.get(at)?.name)));
        let before = broken.map(|(at, ..)| {
            let steps = self.composition.steps.iter().take(at).cloned().collect();
            Composition { steps, ..self.composition.clone() }
        });
        let composition = before.as_ref().unwrap_or(&self.composition);
        let run = render::run(composition, composite, &objects, &exists, &mut composer.asked, self.now);
        let ready = render::readiness(&run.desired);
        let Run { desired, conditions, fatal, ttl, calls, .. } = run;
        self.counts.call(&calls);
        let conditions: Vec<Value> = conditions.iter().map(render::condition).collect();
        if let Some(why) = fatal {
            return Some(failed(why, conditions));
        }
        if let Some((_, how, step)) = broken {
            let (how, conditions) = match how {
                Failure::Down => ("the function does not answer", vec![]),
                Failure::Fatal => ("it returned a fatal result", conditions),
            };
            return Some(failed(format!("cannot run Composition pipeline step {step:?}: {how}"), conditions));
        }
        for (key, value) in &observed {
            let ours = controller(value) == composite["metadata"]["uid"].as_str();
            if !ours || desired.resources.contains_key(&Key(key.clone())) {
                continue;
            }
            if !self.lives() {
                return None;
            }
            self.counts.writes += 1;
            if let Err(refused) = self.request_deletion(&Id::of(value), Policy::Background) {
                return Some(failed(refused.to_string(), vec![]));
            }
        }
        let mut composed = vec![];
        for (key, resource) in &desired.resources {
            let mut value = render::composed(composite, key, &resource.object);
            if !composer.id.namespace.is_empty() {
                object(&mut value["metadata"]).insert("namespace".into(), composer.id.namespace.as_str().into());
            }
            composed.push(value);
        }
        if !self.lives() {
            return None;
        }
        self.refer(&composer.id, &composed);
        if self.death.is_some_and(|death| death.backwards) {
            composed.reverse();
        }
        let Id { kind, namespace, name, .. } = &composer.id;
        let owner = format!("{kind}/{namespace}/{name}");
        let mut synced = Ok(());
        for value in composed {
            if !self.lives() {
                return None;
            }
            self.counts.writes += 1;
            // Invalid is a matter of that resource; everything else is applied.
            if let Err(why) = self.store.apply(&owner, value, self.now) {
                synced = Err(why);
            }
        }
        if !self.lives() {
            return None;
        }
        let status = desired.composite.object.field("status").unwrap_or_default();
        let mut status = serde_json::to_value(&status).unwrap_or_default();
        object(&mut status).remove("conditions");
        self.store.apply_status(&owner, &composer.id, &status);
        // The references, and the status.
        self.counts.writes += 2;
        let after = ttl.and_then(|ttl| SignedDuration::try_from(ttl).ok());
        Some(Reconciled { synced, ready: Some(ready), conditions, after })
    }

    /// What the composite refers to, by its key. What somebody else controls is not ours to see.
    fn observe(&self, composite: &Value) -> Result<BTreeMap<String, Value>, String> {
        let mut observed = BTreeMap::new();
        let own = text(&composite["metadata"]["namespace"]);
        for reference in self.references(composite) {
            let namespace = if own.is_empty() { text(&reference["namespace"]) } else { own };
            let (api_version, kind) = (text(&reference["apiVersion"]), text(&reference["kind"]));
            let id = Id::new(api_version, kind, namespace, text(&reference["name"]));
            let Some(value) = self.store.get(&id) else { continue };
            if controller(value).is_some_and(|uid| composite["metadata"]["uid"] != uid) {
                continue;
            }
            let key = render::key_of(value).ok_or_else(|| format!("{id} has no annotation {}", render::KEY))?;
            observed.insert(key.to_owned(), value.clone());
        }
        Ok(observed)
    }

    fn references(&self, composite: &Value) -> Vec<Value> {
        let spec = &composite["spec"];
        let list = if self.has_claims() { &spec["resourceRefs"] } else { &spec["crossplane"]["resourceRefs"] };
        list.as_array().cloned().unwrap_or_default()
    }

    fn refer(&mut self, id: &Id, composed: &[Value]) {
        let reference = |value: &Value| {
            let metadata = &value["metadata"];
            let mut reference =
                json!({"apiVersion": value["apiVersion"], "kind": value["kind"], "name": metadata["name"]});
            if id.namespace.is_empty() && !metadata["namespace"].is_null() {
                object(&mut reference).insert("namespace".into(), metadata["namespace"].clone());
            }
            reference
        };
        let references: Vec<Value> = composed.iter().map(reference).collect();
        let has_claims = self.has_claims();
        self.store.edit(id, |value| {
            let spec = object(object(value).entry("spec").or_insert(Value::Null));
            let place = if has_claims { spec } else { object(spec.entry("crossplane").or_insert(Value::Null)) };
            place.insert("resourceRefs".into(), references.into());
        });
    }

    /// Conditions, those of Crossplane itself among them.
    fn conclude(&mut self, id: &Id, reconciled: &Reconciled) {
        let Reconciled { synced, ready, conditions, .. } = reconciled;
        let mut said: Vec<Value> =
            conditions.iter().filter(|condition| !RESERVED.contains(&text(&condition["type"]))).cloned().collect();
        let status = self.store.get(id).map(|value| value["status"].clone()).unwrap_or_default();
        let before = status["conditions"].as_array().cloned().unwrap_or_default();
        // Whatever went wrong before the end, what was not said is unknown now.
        if ready.is_none() {
            let unsaid = before.iter().map(|condition| text(&condition["type"]));
            let unsaid =
                unsaid.filter(|kind| !RESERVED.contains(kind) && !said.iter().any(|said| said["type"] == *kind));
            let unknown = |kind: &str| json!({"type": kind, "status": "Unknown", "reason": "FatalError"});
            let unknown: Vec<Value> = unsaid.map(unknown).collect();
            said.extend(unknown);
        }
        said.push(match synced {
            Ok(()) => json!({"type": "Synced", "status": "True", "reason": "ReconcileSuccess"}),
            Err(why) => json!({"type": "Synced", "status": "False", "reason": "ReconcileError", "message": why}),
        });
        if let Some(ready) = ready {
            let unready: Vec<&str> =
                ready.iter().filter(|(key, ready)| !key.is_empty() && !**ready).map(|(key, _)| key.as_str()).collect();
            said.push(match ready.get("") {
                Some(true) => json!({"type": "Ready", "status": "True", "reason": "Available"}),
                _ if unready.is_empty() => json!({"type": "Ready", "status": "False", "reason": "Creating"}),
                _ => {
                    let message = format!("Unready resources: {}", unready.join(", "));
                    json!({"type": "Ready", "status": "False", "reason": "Creating", "message": message})
                }
            });
        }
        self.say(id, said);
    }

    fn say(&mut self, id: &Id, conditions: Vec<Value>) {
        let now = self.now;
        self.store.edit(id, |value| {
            let status = object(value).entry("status").or_insert(Value::Null);
            conditions.into_iter().for_each(|condition| set_condition(status, condition, now));
        });
    }

    fn has_claims(&self) -> bool {
        self.composition.kind != "Database"
    }

    pub(super) fn is_claim(&self, id: &Id) -> bool {
        self.has_claims() && id.group == api::GROUP && id.kind == "Database"
    }

    /// The composite behind a claim, once it was given a name.
    fn behind(&self, claim: &Value) -> Option<Id> {
        let name = claim["spec"]["resourceRef"]["name"].as_str()?;
        Some(Id::new(api::API_VERSION, &self.composition.kind, "", name))
    }

    /// Each claim has a composite behind it, which says how it is; and takes it along when it goes.
    pub(super) fn claims(&mut self) {
        for id in self.store.of_kind(api::GROUP, "Database") {
            let Some(claim) = self.store.get(&id).filter(|_| self.is_claim(&id)).cloned() else { continue };
            let behind = self.behind(&claim);
            if !claim["metadata"]["deletionTimestamp"].is_null() {
                let gone = behind.is_none_or(|behind| {
                    self.store.get(&behind).is_none() || self.request_deletion(&behind, Policy::Background).is_ok()
                });
                if gone {
                    self.remove(&id);
                }
                continue;
            }
            let behind = behind.unwrap_or_else(|| self.name_composite(&id));
            let mut composite = render::composite(&self.composition.kind, &claim);
            let metadata = object(&mut composite["metadata"]);
            metadata.retain(|field, _| ["labels", "annotations"].contains(&field.as_str()));
            metadata.insert("name".into(), behind.name.as_str().into());
            object(&mut composite).remove("status");
            object(&mut composite["spec"]).remove("resourceRef");
            // By force, so it cannot fail: a composite has no owner.
            let _ = self.store.apply("claim", composite, self.now);
            self.report(&id, &behind);
        }
    }

    fn name_composite(&mut self, claim: &Id) -> Id {
        self.claimed += 1;
        let name = format!("{}-x{:04}", claim.name, self.claimed);
        let composite = Id::new(api::API_VERSION, &self.composition.kind, "", &name);
        let reference = json!({"apiVersion": api::API_VERSION, "kind": self.composition.kind, "name": composite.name});
        self.store.edit(claim, |value| {
            object(&mut value["spec"]).insert("resourceRef".into(), reference);
        });
        composite
    }

    /// A FATAL does not reach the claim, but for the conditions that were said with it.
    fn report(&mut self, claim: &Id, composite: &Id) {
        let Some(Value::Object(mut status)) = self.store.get(composite).map(|value| value["status"].clone()) else {
            return;
        };
        let conditions = status.remove("conditions").and_then(|value| value.as_array().cloned()).unwrap_or_default();
        let reaches = |condition: &&Value| condition["reason"] != "FatalError" && condition["type"] != "Synced";
        let mut said: Vec<Value> = conditions.iter().filter(reaches).cloned().collect();
        said.push(json!({"type": "Synced", "status": "True", "reason": "ReconcileSuccess"}));
        self.store.apply_status("claim", claim, &Value::Object(status));
        self.say(claim, said);
    }
}

/// They belong to Crossplane; from a function they are ignored.
const RESERVED: [&str; 5] = ["Ready", "Synced", "Healthy", "UpToDate", "Responsive"];

fn failed(why: String, conditions: Vec<Value>) -> Reconciled {
    Reconciled { synced: Err(why), ready: None, conditions, after: Some(BACKOFF) }
}
