//! What a platform offers: for each environment and engine, the choices of a form's fields. In: the tables of tiers, the
//! gate. Out: constraints in JSON Schema. Must not know a rule: the planner is asked whether it takes a claim with that
//! choice, so that a form never offers what `validate` would refuse.

use crate::api::approval::OperationKind;
use crate::api::claim::{CredentialSource, DeletionPolicy, Engine, Environment};
use crate::api::input::{ApprovalGate, TierDefaults};
use crate::api::plan::Plan;
use crate::api::quantity::Bytes;
use crate::operators::name_of;
use crate::plan::{self, schedule};
use crate::wire::Object;
use serde_json::{Value, json};

/// More members or shards than these no schema takes.
const MOST: u32 = 100;

/// One engine in one environment.
pub struct Offer<'a> {
    pub environment: Environment,
    pub engine: Engine,
    tiers: &'a TierDefaults,
    gate: &'a ApprovalGate,
    /// Of the smallest size with the most storage, which some engines need in proportion; and what that means.
    claim: Object,
    plan: Plan,
}

/// Every engine that can be had at all, environment by environment.
pub fn all<'a>(tiers: &'a TierDefaults, gate: &'a ApprovalGate) -> Vec<Offer<'a>> {
    let pairs = tiers.environments.keys().flat_map(|environment| Engine::ALL.map(|engine| (*environment, engine)));
    pairs.filter_map(|(environment, engine)| smallest(environment, engine, tiers, gate)).collect()
}

fn smallest<'a>(
    environment: Environment,
    engine: Engine,
    tiers: &'a TierDefaults,
    gate: &'a ApprovalGate,
) -> Option<Offer<'a>> {
    let storage = tiers.environments.get(&environment)?.storage.maximum.to_string();
    sizes(tiers).into_iter().find_map(|size| {
        let claim = Object::of(&json!({
            "kind": "Database",
            "metadata": {"name": "orders", "namespace": "checkout"},
            "spec": {"name": "orders", "environment": environment, "engine": engine, "size": size, "storage": storage},
        }));
        let plan = planned(&claim, tiers)?;
        Some(Offer { environment, engine, tiers, gate, claim, plan })
    })
}

fn sizes(tiers: &TierDefaults) -> Vec<&str> {
    tiers.from_small_to_large().into_iter().map(|(name, _)| name.as_str()).collect()
}

/// What a new claim means; `None`: it would be refused.
fn planned(claim: &Object, tiers: &TierDefaults) -> Option<Plan> {
    let plan = plan::resolve(&claim.decode("claim").ok()?, tiers).ok()?;
    plan::creation(&plan).is_ok().then_some(plan)
}

impl Offer<'_> {
    /// The same with this in the claim's spec, if it is taken.
    pub fn with(&self, changes: Value) -> Option<Offer<'_>> {
        let claim = self.claim.merge(&Object::of(&json!({"spec": changes})));
        let plan = planned(&claim, self.tiers)?;
        Some(Offer { claim, plan, ..*self })
    }

    /// The same, divided into as few shards as can be; `None`: it cannot be divided.
    pub fn sharded(&self) -> Option<Offer<'_>> {
        (2..=MOST).find_map(|number| self.with(json!({"shards": number})))
    }

    fn takes(&self, changes: Value) -> bool {
        self.with(changes).is_some()
    }

    /// What a field of the form can be, as JSON Schema; `None`: it is not to be had.
    pub fn choice(&self, field: &str) -> Option<Value> {
        let given = |yes: bool, choice: Value| yes.then_some(choice);
        let free = json!({});
        match field {
            "version" => self.version(),
            "size" => self.size(),
            "storage" => self.storage(),
            "replicas" => Some(numbers((1..=MOST).filter(|number| self.takes(json!({"replicas": number}))))),
            "shards" => self.shards(),
            "extensions" => self.extensions(),
            "storageClass" => {
                let classes = self.tiers.storage_classes.iter();
                names(classes.filter(|name| self.takes(json!({"storageClass": name}))).cloned().collect())
            }
            "backups" => given(self.takes(json!({"backup": {"enabled": false}})), free),
            "retentionDays" => self.retention(),
            "continuous" => self.either(|on| json!({"backup": {"continuous": on}})).map(|()| {
                let on = self.plan.terms.backup.as_ref().is_some_and(|backup| backup.continuous);
                json!({"default": on})
            }),
            "deletionPolicy" => {
                let all =
                    [DeletionPolicy::Delete, DeletionPolicy::Snapshot, DeletionPolicy::Retain].map(|it| name_of(&it));
                let taken =
                    all.into_iter().filter(|policy| self.takes(json!({"lifecycle": {"deletionPolicy": policy}})));
                let mut choice = names(taken.collect())?;
                choice["default"] = name_of(&self.plan.terms.lifecycle.deletion_policy).into();
                Some(choice)
            }
            "credentials" => {
                use CredentialSource::{ExternalSecret, Operator, Secret, VaultDynamic};
                let all = [Operator, Secret, ExternalSecret, VaultDynamic].map(|source| name_of(&source));
                names(all.into_iter().filter(|source| self.takes(json!({"credentials": {"source": source}}))).collect())
            }
            "roles" => {
                given(self.takes(json!({"access": {"roles": [{"name": "reporting", "privileges": "read"}]}})), free)
            }
            "pooling" => given(self.takes(json!({"pooling": {"enabled": true}})), free),
            "serviceType" => given(self.takes(json!({"access": {"serviceType": "LoadBalancer"}})), free),
            "allowedCIDRs" => self.choice("serviceType"),
            "encrypted" => self.either(|on| json!({"tls": {"enabled": on}})).map(|()| free),
            "audit" => given(self.takes(json!({"monitoring": {"audit": true}})), free),
            "restore" => given(self.takes(json!({"restore": {"id": "1"}})), free),
            "to" => {
                let all = [
                    ("latest", "as late as possible", json!({})),
                    ("point", "a point in time", json!({"pointInTime": "2026-01-01T00:00:00Z"})),
                    ("backup", "one backup", json!({"backup": "orders-20260101000000"})),
                ];
                let whole = |mut restore: Value| {
                    restore["id"] = "1".into();
                    json!({"restore": restore})
                };
                let taken = all.into_iter().filter(|(_, _, restore)| self.takes(whole(restore.clone())));
                let (names, words): (Vec<&str>, Vec<&str>) = taken.map(|(name, words, _)| (name, words)).unzip();
                Some(json!({"enum": names, "enumNames": words}))
            }
            "approval" => self.approval(),
            "ticket" | "reason" => self.approval().map(|_| free),
            _ => None,
        }
    }

    /// Whether a switch can be on and off.
    fn either(&self, switched: impl Fn(bool) -> Value) -> Option<()> {
        (self.takes(switched(true)) && self.takes(switched(false))).then_some(())
    }

    fn version(&self) -> Option<Value> {
        let policy = self.tiers.engines.get(&self.engine)?;
        let lines = policy.versions.keys().rev().filter(|line| self.takes(json!({"version": line})));
        let mut choice = names(lines.cloned().collect())?;
        choice["default"] = self.plan.terms.version.as_str().into();
        Some(choice)
    }

    fn size(&self) -> Option<Value> {
        let taken = sizes(self.tiers).into_iter().filter_map(|name| Some((name, self.with(json!({"size": name}))?)));
        let (names, titles): (Vec<&str>, Vec<String>) = taken
            .map(|(name, offer)| {
                let terms = &offer.plan.terms;
                (name, format!("{name}: {} cpu, {} of memory", terms.cpu, terms.memory))
            })
            .unzip();
        Some(json!({"enum": names, "enumNames": titles}))
    }

    /// In whole GiB, for the size that needs least.
    fn storage(&self) -> Option<Value> {
        let range = self.tiers.environments.get(&self.environment)?.storage;
        let least = sizes(self.tiers).into_iter().filter_map(|size| self.least_storage(size)).min()?;
        Some(json!({"minimum": least, "maximum": range.maximum.0 / Bytes::GI}))
    }

    /// What a member of that size needs, in whole GiB; `None`: the size is not to be had.
    fn least_storage(&self, size: &str) -> Option<u64> {
        let range = self.tiers.environments.get(&self.environment)?.storage;
        let taken = |storage: u64| self.takes(json!({"size": size, "storage": format!("{storage}Gi")}));
        let (mut refused, mut least) =
            (range.minimum.0.div_ceil(Bytes::GI).saturating_sub(1), range.maximum.0 / Bytes::GI);
        if !taken(least) {
            return None;
        }
        while refused + 1 < least {
            let middle = refused.midpoint(least);
            if taken(middle) {
                least = middle;
            } else {
                refused = middle;
            }
        }
        Some(least)
    }

    /// The sizes that need more storage than the one that needs least.
    pub fn hungry(&self) -> Vec<(&str, u64)> {
        let needs = |size| Some((size, self.least_storage(size)?));
        let mut sizes: Vec<(&str, u64)> = sizes(self.tiers).into_iter().filter_map(needs).collect();
        let least = sizes.iter().map(|(_, storage)| *storage).min();
        sizes.retain(|(_, storage)| Some(*storage) != least);
        sizes
    }

    fn shards(&self) -> Option<Value> {
        let numbers: Vec<u32> = (2..=MOST).filter(|number| self.takes(json!({"shards": number}))).collect();
        let (least, most) = numbers.first().zip(numbers.last())?;
        Some(json!({"minimum": least, "maximum": most}))
    }

    fn extensions(&self) -> Option<Value> {
        let known = self.tiers.engines.get(&self.engine)?.extensions.keys();
        let items = names(known.filter(|name| self.takes(json!({"extensions": [name]}))).cloned().collect())?;
        Some(json!({"items": items}))
    }

    fn retention(&self) -> Option<Value> {
        self.plan.terms.backup.as_ref()?;
        let range = &self.tiers.environments.get(&self.environment)?.backup.retention;
        let days = |text: &String| schedule::days(text);
        Some(json!({
            "minimum": days(&range.minimum), "maximum": days(&range.maximum), "default": days(&range.default),
        }))
    }

    /// Who must agree, in words.
    fn approval(&self) -> Option<Value> {
        let ApprovalGate { approvers, approvers_of_heavy_changes: heavy, valid_days, .. } = self.gate;
        let (environment, gates) = (name_of(&self.environment), |it| self.gate.gates(self.environment, it));
        let gated = [OperationKind::Create, OperationKind::Change, OperationKind::Restore, OperationKind::Delete];
        gated.into_iter().any(gates).then(|| {
            let text = format!(
                "In {environment} nothing runs and nothing changes before {approvers} of the approvers agreed to exactly \
                 that, {heavy} where members are rebuilt or data is lost. They see the plan in the pull request; an \
                 approval counts for at most {valid_days} days."
            );
            json!({"description": text})
        })
    }
}

/// `None` where there is nothing to choose.
fn names(names: Vec<String>) -> Option<Value> {
    (!names.is_empty()).then(|| json!({"type": "string", "enum": names}))
}

fn numbers(numbers: impl Iterator<Item = u32>) -> Value {
    json!({"enum": numbers.collect::<Vec<u32>>()})
}
