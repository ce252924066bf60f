//! What the policy promises in production, for whatever can be asked of it. In: the inputs of the steps. Out: each promise with
//! the number of cases that it was held against, and the first claim that breaks it. Must not promise what it did not try.
//!
//! Tried is every combination of what has a say: the labels of each delivery, engine, size, release line, both ends of storage,
//! topology, members up to one beyond the most, backups with and without the log, or none and what deletion does then,
//! encryption, pooling. What else stands in a claim (names, texts, parameters, networks, times) decides no promise.

use crate::api::approval::OperationKind;
use crate::api::claim::{
    Backup, Claim, DatabaseSpec, DeletionPolicy, Engine, Environment, KIND, Lifecycle, Metadata, Pooling, Tls, Topology,
};
use crate::api::input::tier_defaults::{EnginePolicy, Range, StorageRange, Tier};
use crate::api::input::{ApprovalGate, Engines, Integrations, TierDefaults};
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::integrations;
use crate::map::entries;
use crate::observed::Observed;
use crate::operators::facts::Labels;
use crate::operators::{self, Encryption, Facts, name_of};
use crate::plan::{self, placed};
use crate::wire::{Object, Undecodable};
use serde::Deserialize;
use serde_json::{Value, json};

/// Members of a database in production: one can fail while another is away.
const MEMBERS: u32 = 3;
/// The same of a service outside of the cluster, which replaces its members by itself.
const MEMBERS_OUTSIDE: u32 = 2;

/// The whole policy.
pub struct Policy {
    pub tiers: TierDefaults,
    pub gate: ApprovalGate,
    pub engines: Engines,
    pub integrations: Integrations,
}

/// What was tried, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The claims that were tried.
    pub claims: u64,
    /// Those that the policy accepts.
    pub databases: u64,
    pub promises: Vec<Promise>,
}

/// What holds in production, or what it does not hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    pub text: &'static str,
    /// How many cases it was held against: databases, or operations.
    pub cases: u64,
    /// The first case that breaks it, and how.
    pub broken: Option<String>,
}

/// About one database: nothing, or what breaks the promise.
type Check = fn(&Policy, &Generation, &Facts) -> Option<String>;

const OF_DATABASES: [(&str, Check); 4] = [
    ("every database is backed up", backed_up),
    ("every database has at least three members, or two outside of the cluster", replicated),
    ("connections are encrypted wherever the operator can", encrypted),
    ("to no pod comes anything in that is not allowed", shut),
];

impl Promise {
    fn new(text: &'static str) -> Promise {
        Promise { text, cases: 0, broken: None }
    }

    /// Also of what was tried before somebody broke it.
    fn hold(&mut self, broken: impl FnOnce() -> Option<String>) {
        if self.broken.is_none() {
            self.cases += 1;
            self.broken = broken();
        }
    }
}

impl Policy {
    /// None: there is no production.
    pub fn prove(&self) -> Option<Proof> {
        let tier = self.tiers.environments.get(&Environment::Prod)?;
        let promises = OF_DATABASES.map(|(text, _)| Promise::new(text)).to_vec();
        let mut proof = Proof { claims: 0, databases: 0, promises };
        let deliveries = deliveries(tier);
        for (engine, row) in &self.tiers.engines {
            let exception = tier.engines.get(engine).cloned().unwrap_or_default();
            if exception.offered != Some(false) {
                let members = exception.replicas.unwrap_or(tier.replicas);
                for labels in &deliveries {
                    let asked = Asked { tier, labels, engine: *engine, row, members };
                    asked.each(&mut |choice| self.hold(choice, &mut proof));
                }
            }
        }
        for promise in proof.promises.iter_mut().filter(|promise| promise.cases == 0) {
            promise.broken = Some("anything: every claim is refused".into());
        }
        proof.promises.push(self.approved());
        Some(proof)
    }

    /// What is refused breaks nothing.
    fn hold(&self, choice: &Choice, proof: &mut Proof) {
        proof.claims += 1;
        let Ok(plan) = plan::resolve(&choice.claim(), &self.tiers) else { return };
        proof.databases += 1;
        let operator = operators::of(plan.terms.operator);
        let generation = Generation::first(NAME, plan);
        let facts = operator.compose(&generation, &self.engines, &Observed::default()).facts;
        for (promise, (_, check)) in proof.promises.iter_mut().zip(OF_DATABASES) {
            promise.hold(|| check(self, &generation, &facts).map(|why| format!("{}: {why}", choice.said())));
        }
    }

    fn approved(&self) -> Promise {
        use OperationKind::{Change, Create, Delete, Restore};
        let mut promise = Promise::new("whatever makes, changes, restores or deletes one waits for an approval");
        for operation in [Create, Change, Restore, Delete] {
            for class in [Class::Online, Class::Restart, Class::Failover, Class::Rebuild, Class::DataLoss] {
                let needed = self.gate.approvers_needed(Environment::Prod, operation, class);
                promise.hold(|| {
                    (needed == 0).then(|| format!("{}: nobody is asked; see ApprovalGate", name_of(&operation)))
                });
            }
        }
        promise
    }
}

fn backed_up(_: &Policy, generation: &Generation, _: &Facts) -> Option<String> {
    generation.plan.terms.backup.is_none().then(|| "there are no backups".into())
}

fn replicated(_: &Policy, generation: &Generation, facts: &Facts) -> Option<String> {
    let replicas = generation.plan.terms.replicas;
    let least = if facts.workloads.is_empty() { MEMBERS_OUTSIDE } else { MEMBERS };
    (replicas < least).then(|| format!("it has {replicas}"))
}

fn encrypted(_: &Policy, Generation { plan, .. }: &Generation, _: &Facts) -> Option<String> {
    let can = operators::of(plan.terms.operator).features().encryption != Encryption::Never;
    (can && !plan.terms.tls).then(|| "they need not be".into())
}

/// A group of pods that no policy selects is open to everybody.
fn shut(policy: &Policy, generation: &Generation, facts: &Facts) -> Option<String> {
    let around = integrations::beside(generation, facts, &policy.integrations);
    let closed: Vec<Labels> = around.iter().filter_map(|resource| closes(&resource.object).ok().flatten()).collect();
    let open = facts.workloads.iter().find(|workload| !closed.contains(&workload.pods))?;
    Some(format!("no NetworkPolicy is there for its {}; see Integrations.networkPolicy", open.role))
}

/// The pods for which it is the rule that nobody comes in but those it names.
fn closes(object: &Object) -> Result<Option<Labels>, Undecodable> {
    if object.text("resource", &["kind"])? != Some("NetworkPolicy") {
        return Ok(None);
    }
    let NetworkPolicy { spec } = object.decode("resource")?;
    Ok(spec.policy_types.iter().any(|kind| kind == "Ingress").then_some(spec.pod_selector.match_labels))
}

#[derive(Deserialize)]
struct NetworkPolicy {
    spec: NetworkPolicySpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkPolicySpec {
    pod_selector: PodSelector,
    policy_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSelector {
    match_labels: Labels,
}

/// The labels by which a claim goes to each place that there is, the environment's own first.
fn deliveries(tier: &Tier) -> Vec<Labels> {
    let own = std::iter::once((Labels::new(), tier.object_delivery.as_ref()));
    let rows = tier.deliveries.iter().map(|row| (row.match_labels.clone(), row.object_delivery.as_ref()));
    let whole = |(mut labels, there): (Labels, _)| {
        for label in placed::labels(there) {
            labels.entry(label.into()).or_insert_with(|| NAME.into());
        }
        labels
    };
    own.chain(rows).map(whole).collect()
}

/// What can be asked of one engine.
struct Asked<'a> {
    tier: &'a Tier,
    /// Of a claim, by which it goes where they send it.
    labels: &'a Labels,
    engine: Engine,
    row: &'a EnginePolicy,
    members: Range,
}

/// What one claim says.
#[derive(Default)]
struct Choice<'a> {
    labels: Labels,
    engine: Engine,
    size: &'a str,
    storage: Bytes,
    version: &'a str,
    topology: Option<Topology>,
    replicas: Option<u32>,
    backup: Option<bool>,
    continuous: Option<bool>,
    deletion: Option<DeletionPolicy>,
    tls: Option<bool>,
    pooling: bool,
}

const EITHER: [Option<bool>; 3] = [None, Some(false), Some(true)];
const TOPOLOGIES: [Option<Topology>; 5] =
    [None, Some(Topology::Standalone), Some(Topology::Replicated), Some(Topology::Cluster), Some(Topology::Sharded)];
const DELETIONS: [Option<DeletionPolicy>; 4] =
    [None, Some(DeletionPolicy::Delete), Some(DeletionPolicy::Snapshot), Some(DeletionPolicy::Retain)];

impl Asked<'_> {
    fn each(&self, visit: &mut impl FnMut(&Choice)) {
        let StorageRange { minimum, maximum } = self.tier.storage;
        for size in &self.tier.sizes {
            for version in self.row.versions.keys() {
                for storage in [minimum, maximum] {
                    let labels = self.labels.clone();
                    let choice = Choice { labels, engine: self.engine, size, storage, version, ..Choice::default() };
                    self.each_form(choice, visit);
                }
            }
        }
    }

    fn each_form(&self, mut choice: Choice, visit: &mut impl FnMut(&Choice)) {
        let beyond = self.members.maximum.saturating_add(1);
        for topology in TOPOLOGIES {
            for replicas in std::iter::once(None).chain((1..=beyond).map(Some)) {
                (choice.topology, choice.replicas) = (topology, replicas);
                choice.each_backup(visit);
            }
        }
    }
}

impl Choice<'_> {
    fn each_backup(&mut self, visit: &mut impl FnMut(&Choice)) {
        for (backup, continuous) in
            [None, Some(true)].into_iter().flat_map(|it| EITHER.map(|continuous| (it, continuous)))
        {
            (self.backup, self.continuous, self.deletion) = (backup, continuous, None);
            self.each_switch(visit);
        }
        for deletion in DELETIONS {
            (self.backup, self.continuous, self.deletion) = (Some(false), None, deletion);
            self.each_switch(visit);
        }
    }

    fn each_switch(&mut self, visit: &mut impl FnMut(&Choice)) {
        for (tls, pooling) in EITHER.into_iter().flat_map(|tls| [(tls, false), (tls, true)]) {
            (self.tls, self.pooling) = (tls, pooling);
            visit(self);
        }
    }

    fn claim(&self) -> Claim {
        Claim {
            kind: KIND.into(),
            metadata: Metadata {
                name: NAME.into(),
                namespace: NAME.into(),
                labels: self.labels.clone(),
                ..Metadata::default()
            },
            spec: DatabaseSpec {
                name: NAME.into(),
                environment: Environment::Prod,
                engine: Some(self.engine),
                size: self.size.into(),
                storage: self.storage.to_string(),
                version: Some(self.version.into()),
                topology: self.topology,
                replicas: self.replicas,
                backup: (self.backup.or(self.continuous).is_some()).then(|| Backup {
                    enabled: self.backup,
                    continuous: self.continuous,
                    ..Backup::default()
                }),
                lifecycle: self
                    .deletion
                    .map(|policy| Lifecycle { deletion_policy: Some(policy), ..Lifecycle::default() }),
                tls: self.tls.map(|enabled| Tls { enabled: Some(enabled) }),
                pooling: self.pooling.then(|| Pooling { enabled: true, ..Pooling::default() }),
                ..DatabaseSpec::default()
            },
        }
    }

    /// As it stands in a claim, in one line.
    fn said(&self) -> String {
        let mut said = json!({
            "engine": self.engine, "version": self.version, "size": self.size, "storage": self.storage.to_string(),
        });
        let sections = [
            ("labels", if self.labels.is_empty() { Value::Null } else { json!(self.labels) }),
            ("topology", json!(self.topology)),
            ("replicas", json!(self.replicas)),
            ("backup", section([("enabled", self.backup), ("continuous", self.continuous)])),
            ("lifecycle", self.deletion.map_or(Value::Null, |policy| json!({"deletionPolicy": policy}))),
            ("tls", section([("enabled", self.tls)])),
            ("pooling", section([("enabled", self.pooling.then_some(true))])),
        ];
        for (name, value) in sections.into_iter().filter(|(_, value)| !value.is_null()) {
            said[name] = value;
        }
        said.to_string()
    }
}

/// Null where nothing is said.
fn section<const N: usize>(fields: [(&str, Option<bool>); N]) -> Value {
    let said = entries(fields.into_iter().filter_map(|(name, value)| Some((name.to_string(), json!(value?)))));
    if said.is_empty() { Value::Null } else { said.into() }
}

/// Of the databases that are tried.
const NAME: &str = "proof";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::input::Manifest;
    use crate::api::plan::Operator;
    use crate::plan::example;

    /// The shipped policy with one engine, changed.
    fn broken(change: impl FnOnce(&mut Policy)) -> Vec<Promise> {
        let composition: Value = serde_saphyr::from_str(include_str!("../../compositions/database.yaml")).unwrap();
        let input = |step: usize| Object::of(&composition["spec"]["pipeline"][step]["input"]);
        let mut policy = Policy {
            tiers: example::policy(),
            gate: input(1).decode::<Manifest<ApprovalGate>>("ApprovalGate").unwrap().spec,
            engines: input(2).decode::<Manifest<Engines>>("Engines").unwrap().spec,
            integrations: input(3).decode::<Manifest<Integrations>>("Integrations").unwrap().spec,
        };
        policy.tiers.engines.retain(|engine, _| *engine == Engine::Postgresql);
        prod(&mut policy).sizes.truncate(1);
        change(&mut policy);
        let proof = policy.prove().unwrap();
        assert!(proof.databases <= proof.claims);
        proof.promises.into_iter().filter(|promise| promise.broken.is_some()).collect()
    }

    fn prod(policy: &mut Policy) -> &mut Tier {
        policy.tiers.environments.get_mut(&Environment::Prod).unwrap()
    }

    /// The only promise that is broken, and the claim that breaks it.
    fn only(promises: &[Promise]) -> (&'static str, Value, &str) {
        let [Promise { text, broken: Some(broken), .. }] = promises else { panic!("{promises:#?}") };
        let (claim, why) = broken.split_once("}: ").unwrap();
        (*text, serde_json::from_str(&format!("{claim}}}")).unwrap(), why)
    }

    #[test]
    fn every_place_is_tried() {
        let placed = json!({"providerConfig": "west", "namespace": "tenant-{org}"});
        // What Zalando runs cannot be carried, so that only claims with the row's label are accepted.
        let rows = json!([{"matchLabels": {"region": "home"}}]);
        let broken = |rows: Value, operator| {
            broken(|policy| {
                prod(policy).object_delivery = serde_json::from_value(placed.clone()).unwrap();
                prod(policy).deliveries = serde_json::from_value(rows).unwrap();
                policy.tiers.engines.values_mut().for_each(|engine| engine.operator = operator);
                prod(policy).tls_required = false;
            })
        };
        let claim = |rows: Value, operator| only(&broken(rows, operator)).1;
        assert_eq!(claim(json!([]), Operator::CloudNativePG)["labels"], json!({"org": "proof"}));
        assert_eq!(claim(rows, Operator::Zalando)["labels"], json!({"region": "home"}));
    }

    #[test]
    fn what_is_shipped_holds() {
        assert_eq!(broken(|_| {}), []);
    }

    #[test]
    fn backups_that_can_be_switched_off_are_found() {
        let broken = broken(|policy| prod(policy).backup.required = false);
        let (text, claim, why) = only(&broken);
        assert_eq!((text, why), ("every database is backed up", "there are no backups"));
        // Whoever writes that claim gets what the promise is broken by.
        let mut policy = example::policy();
        policy.environments.get_mut(&Environment::Prod).unwrap().backup.required = false;
        let claim = example::claim("prod", claim);
        assert_eq!(plan::resolve(&claim, &policy).unwrap().terms.backup, None);
    }

    #[test]
    fn too_few_members_are_found() {
        let broken = broken(|policy| prod(policy).replicas.minimum = 2);
        let (text, claim, why) = only(&broken);
        assert!(text.starts_with("every database has at least three members"), "{text}");
        assert_eq!((&claim["replicas"], why), (&json!(2), "it has 2"));
    }

    #[test]
    fn connections_in_plain_text_are_found() {
        let broken = broken(|policy| prod(policy).tls_required = false);
        assert_eq!(only(&broken).0, "connections are encrypted wherever the operator can");
    }

    #[test]
    fn open_pods_are_found() {
        let broken = broken(|policy| policy.integrations.network_policy = None);
        let (text, _, why) = only(&broken);
        assert_eq!(text, "to no pod comes anything in that is not allowed");
        assert!(why.contains("see Integrations.networkPolicy"), "{why}");
    }

    #[test]
    fn what_nobody_approves_is_found() {
        let broken = broken(|policy| policy.gate.operations.retain(|it| *it != OperationKind::Delete));
        assert_eq!(broken[0].broken.as_deref(), Some("Delete: nobody is asked; see ApprovalGate"));
        assert_eq!(broken.len(), 1);
    }

    #[test]
    fn nothing_is_proved_of_nothing() {
        let promises = broken(|policy| prod(policy).sizes.clear());
        assert_eq!(promises.len(), OF_DATABASES.len());
    }
}
