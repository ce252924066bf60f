//! What an edit would do, before it is made. In: plans before and after, and whose leave it needs. Out: one [`Change`] for
//! each database, in the words and with the digest that the cluster would have for it.
//!
//! The command line prints it; the schema of its JSON is published. Must not read a file, and knows nothing of what runs
//! but the claim before.

pub mod composer;
pub mod resources;
pub mod pairs;
pub mod upgrade;
pub mod restore;
pub mod maintenance;

use crate::api::approval::OperationKind;
use crate::api::claim::DeletionPolicy;
use crate::api::input::{ApprovalGate, TierDefaults};
use crate::api::plan::{DatabaseName, Notes, Plan, Requests, Terms};
use crate::api::status::Class;
use crate::gate::digest::Operation;
use crate::gate::{self, changes};
use crate::operators::name_of;
use crate::plan::{cost, promotion};
use maintenance::Maintenance;
use resources::ResourceChange;
use restore::Restoration;
use schemars::JsonSchema;
use serde::Serialize;

/// Everything that an edit of claims, or of the platform's policy, does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// By namespace and name; databases that stay as they are are only counted.
    pub changes: Vec<Change>,
    /// Claims that stand elsewhere and say the same.
    pub moved: Vec<Move>,
    /// The moved ones too.
    pub unchanged: usize,
}

/// A claim that only stands in another file.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Move {
    pub namespace: String,
    pub name: String,
    pub from: String,
    pub to: String,
}

/// What becomes of one database.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub namespace: String,
    pub name: String,
    /// Where the claim stands; none where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where it stood, if that is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    pub operation: OperationKind,
    /// What happens to the running database.
    pub class: Class,
    /// The same in a sentence.
    pub effect: String,
    /// For a rename, the database on the other side of it, as namespace/name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed: Option<String>,
    /// Engine, operator, members and their size, as they are at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Each difference in words, such as replicas 3 -> 5; of a new database, all of its terms.
    pub changes: Vec<String>,
    /// Why it is refused.
    pub problems: Vec<Trouble>,
    /// The leave that it needs; none: nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// None where the platform gives no prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_cost: Option<Cost>,
    /// The restore that begins with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restoration>,
    /// Whether it waits for the maintenance window; none: nobody is disturbed, so it comes at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// The composed resources that differ; none of a restore over data that runs, nor of a promotion, which compose others
    /// beside them.
    pub resources: Vec<ResourceChange>,
}

/// What is wrong at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Trouble {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: u64,
    pub message: String,
    /// What the portal's forms call the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Approval {
    /// How many different people must agree.
    pub approvers: u32,
    /// What they agree to; none for a deletion, which is bound to the UID that only the cluster knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Whole units of currency.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Cost {
    pub currency: String,
    pub before: u64,
    pub after: u64,
}

/// A plan, with the policy that it was made by.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    pub plan: &'a Plan,
    pub tiers: &'a TierDefaults,
}

impl<'a> Planned<'a> {
    fn cost(self) -> Option<(&'a str, u64)> {
        let prices = self.tiers.prices.as_ref()?;
        Some((&prices.currency, cost::monthly(&self.plan.terms, prices)))
    }
}

/// A database that was not there.
pub fn creation(to: Planned, gate: &ApprovalGate) -> Change {
    let terms = &to.plan.terms;
    let Some(restore) = restore::asked(None, to.plan) else {
        return Change {
            class: Class::None,
            effect: "a new, empty database".into(),
            changes: changes::words(None, terms),
            approval: approval(gate, Operation::Create { plan: terms }, terms, Class::None),
            ..change(None, Some(to), OperationKind::Create)
        };
    };
    let mut words = vec![gate::restore::words(restore, &terms.database, None, false, None)];
    words.extend(changes::words(None, terms));
    Change {
        class: Class::None,
        effect: "a new database that begins with the data of a backup".into(),
        changes: words,
        approval: approval(gate, Operation::Restore { from: None, to: terms, restore }, terms, Class::None),
        restore: Some(restore::restoration(restore, None, to.plan)),
        ..change(None, Some(to), OperationKind::Restore)
    }
}

/// Another claim, or another policy, for one that is there. `class` is what [`crate::plan::transition`] says.
pub fn edit(from: Planned, to: Planned, class: Class, gate: &ApprovalGate) -> Change {
    let (old, new) = (&from.plan.terms, &to.plan.terms);
    if let Some(restore) = restore::asked(Some(from.plan), to.plan) {
        let operation = Operation::Restore { from: Some(old), to: new, restore };
        let mut changed = vec![gate::restore::words(restore, &new.database, None, true, None)];
        let mut effect =
            "restored data takes the place of what runs, which sleeps on for a while and can be gone back to";
        if restore.in_place {
            effect = "restored data overwrites what runs, without a way back; what else is edited comes after it";
        } else {
            changed.extend(words(from.plan, to.plan));
        }
        return Change {
            class: Class::DataLoss,
            effect: effect.into(),
            changes: changed,
            approval: approval(gate, operation, new, Class::DataLoss),
            restore: Some(restore::restoration(restore, Some(from.plan), to.plan)),
            maintenance: maintenance::of_restore(from.plan),
            ..change(Some(from), Some(to), OperationKind::Restore)
        };
    }
    let failover = promotion::is_failover(from.plan, to.plan);
    let operation = Operation::Change { from: old, to: new, promotion: None };
    let promoted = promotion::of(from.plan, to.plan);
    // Where no term differs, nobody is asked.
    let mut approval = if old == new { None } else { approval(gate, operation, new, class) };
    if let Some(asked) = approval.as_mut().filter(|_| promoted.is_some()) {
        // That of a promotion is bound to the standby as well, which only the cluster knows.
        asked.digest = None;
    }
    let effect = match (promoted, failover) {
        (None, _) => effect(class),
        (Some(_), false) => "it is put to sleep, and its standby takes its place; connections break",
        (Some(_), true) => "its standby takes its place without waiting for it; what was written last is lost",
    };
    Change {
        class,
        effect: effect.into(),
        changes: words(from.plan, to.plan),
        approval,
        maintenance: maintenance::of_edit(from.plan, to.plan),
        ..change(Some(from), Some(to), OperationKind::Change)
    }
}

/// A claim that is gone. What its data comes to is the applied plan's to say.
pub fn deletion(from: Planned, gate: &ApprovalGate) -> Change {
    let terms = &from.plan.terms;
    let policy = terms.lifecycle.deletion_policy;
    let class = match policy {
        DeletionPolicy::Delete | DeletionPolicy::Snapshot => Class::DataLoss,
        DeletionPolicy::Retain => Class::None,
    };
    let asked = gate.approvers_needed(terms.environment, OperationKind::Delete, class);
    let data = match policy {
        DeletionPolicy::Delete => "its data is deleted",
        DeletionPolicy::Snapshot => "its data is deleted after a last backup",
        DeletionPolicy::Retain => "it is no longer managed; its data stays in the cluster",
    };
    let effect = match asked {
        0 if terms.lifecycle.deletion_protection => {
            format!("refused while spec.lifecycle.deletionProtection is on; without it {data}")
        }
        0 => data.into(),
        _ => format!("refused until the deletion is approved; then {data}"),
    };
    let approval = (asked > 0).then_some(Approval { approvers: asked, digest: None });
    Change { class, effect, approval, ..change(Some(from), None, OperationKind::Delete) }
}

/// What cannot be: the claim goes on as it was, or nothing runs.
pub fn refusal(operation: OperationKind, namespace: &str, name: &str, problems: Vec<Trouble>) -> Change {
    let effect = match operation {
        OperationKind::Create => "nothing will run",
        OperationKind::Change | OperationKind::Restore | OperationKind::Delete => "what runs goes on unchanged",
    };
    Change { class: Class::Refused, effect: effect.into(), problems, ..empty(operation, namespace.into(), name.into()) }
}

/// Makes the two ends of a rename say so: to Crossplane they are two databases.
pub fn rename(from: &mut Change, to: &mut Change) {
    let named = |change: &Change| format!("{}/{}", change.namespace, change.name);
    from.effect = format!("renamed to {}, which to the cluster is another database: {}", named(to), from.effect);
    to.effect = format!("renamed from {}, but the data does not follow: {}", named(from), to.effect);
    (from.renamed, to.renamed) = (Some(named(to)), Some(named(from)));
}

fn change(from: Option<Planned>, to: Option<Planned>, operation: OperationKind) -> Change {
    let database = to.or(from).map(|it| &it.plan.terms.database);
    let (namespace, name) = database.map(DatabaseName::identity).unwrap_or_default();
    let costs = (from.and_then(Planned::cost), to.and_then(Planned::cost));
    let currency = costs.1.or(costs.0).map(|(currency, _)| currency.to_string());
    let amount = |cost: Option<(&str, u64)>| cost.map_or(0, |(_, amount)| amount);
    Change {
        summary: to.map(|it| summary(&it.plan.terms)),
        monthly_cost: currency.map(|currency| Cost { currency, before: amount(costs.0), after: amount(costs.1) }),
        ..empty(operation, namespace.into(), name.into())
    }
}

fn empty(operation: OperationKind, namespace: String, name: String) -> Change {
    Change {
        namespace,
        name,
        file: None,
        moved_from: None,
        operation,
        class: Class::None,
        effect: String::new(),
        renamed: None,
        summary: None,
        changes: vec![],
        problems: vec![],
        approval: None,
        monthly_cost: None,
        restore: None,
        maintenance: None,
        resources: vec![],
    }
}

fn approval(gate: &ApprovalGate, operation: Operation, terms: &Terms, class: Class) -> Option<Approval> {
    let approvers = gate.approvers_needed(terms.environment, operation.kind(), class);
    (approvers > 0).then(|| Approval { approvers, digest: Some(operation.digest().to_string()) })
}

/// Terms, then what changes without anyone's leave; what a release line lives for and costs is said elsewhere.
fn words(from: &Plan, to: &Plan) -> Vec<String> {
    let noted = |plan: &Plan| Notes { monthly_cost: None, retired: false, end_of_life: None, ..plan.notes.clone() };
    // What a restore is, is said in its own words.
    let said = restore::asked(Some(from), to).is_some();
    let asked = |plan: &Plan| match said {
        true => Requests { restore: None, ..plan.requests.clone() },
        false => plan.requests.clone(),
    };
    let mut words = changes::of_edit(from, to);
    words.extend(changes::between(Some(&asked(from)), &asked(to)));
    words.extend(changes::between(Some(&noted(from)), &noted(to)));
    words
}

/// What a class means for whoever uses the database.
pub fn effect(class: Class) -> &'static str {
    match class {
        Class::None => "nothing happens to the running database",
        Class::Online => "it goes on serving",
        Class::Restart => "its members restart, and connections break",
        Class::Failover => "another member takes over, and connections break",
        Class::Rebuild => "its members are built anew from their data",
        Class::DataLoss => "data is lost",
        Class::Refused => "what runs goes on unchanged",
    }
}

/// `postgresql 17 on CloudNativePG, 3 members of 2 cpu, 8Gi memory, 100Gi storage`
pub fn summary(terms: &Terms) -> String {
    let Terms { engine, version, operator, replicas, shards, cpu, memory, storage, .. } = terms;
    let shards = if *shards > 1 { format!("{shards} shards of ") } else { String::new() };
    let members = if *replicas == 1 { "1 member".into() } else { format!("{replicas} members") };
    let (engine, operator) = (name_of(engine), name_of(operator));
    format!("{engine} {version} on {operator}, {shards}{members} of {cpu} cpu, {memory} memory, {storage} storage")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::{claim, plan, policy, with_regions};
    use crate::plan::{resolve, transition};
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn an_edit_in_production_says_class_digest_and_cost() {
        let tiers = policy();
        let (from, to) = (plan("prod", json!({})), plan("prod", json!({"replicas": 5, "owner": "group:default/shop"})));
        let planned = |plan| Planned { plan, tiers: &tiers };
        let class = transition(&from, &to).unwrap();
        let change = edit(planned(&from), planned(&to), class, &ApprovalGate::default());
        assert_eq!(change.changes, ["replicas 3 -> 5", "owner group:default/shop"]);
        let digest = Operation::Change { from: &from.terms, to: &to.terms, promotion: None }.digest().to_string();
        assert_eq!(change.approval, Some(Approval { approvers: 1, digest: Some(digest) }));
        let cost = change.monthly_cost.unwrap();
        assert!(cost.after > cost.before, "{cost:?}");
        // The owner alone is nobody's business.
        let to = plan("prod", json!({"owner": "group:default/shop"}));
        let change = edit(planned(&from), planned(&to), Class::None, &ApprovalGate::default());
        assert_eq!((change.approval, change.class), (None, Class::None));
        assert_eq!(change.changes, ["owner group:default/shop"]);
    }

    /// As the cluster says it, but for what needs nobody's leave.
    #[test]
    fn a_promotion_says_what_it_loses() {
        let mut tiers = policy();
        with_regions(&mut tiers);
        let resolved = |recovery| resolve(&claim("prod", json!({"disasterRecovery": recovery})), &tiers).unwrap();
        let from = resolved(json!({"region": "west"}));
        let cases = [
            ("Switchover", 1, "the standby in west becomes the database; nothing is lost", "it is put to sleep"),
            (
                "Failover",
                2,
                "the standby in west becomes the database; up to 5m of what",
                "its standby takes its place without",
            ),
        ];
        for (mode, approvers, first, effect) in cases {
            let to = resolved(json!({"primary": "west", "promotion": mode}));
            let planned = |plan| Planned { plan, tiers: &tiers };
            let change = edit(planned(&from), planned(&to), transition(&from, &to).unwrap(), &ApprovalGate::default());
            assert!(change.changes[0].starts_with(first), "{:?}", change.changes);
            assert!(change.effect.starts_with(effect), "{}", change.effect);
            assert_eq!(change.maintenance, None, "it waits for no window");
            assert_eq!(
                change.approval,
                Some(Approval { approvers, digest: None }),
                "only the cluster knows which standby"
            );
        }
    }

    #[test]
    fn what_a_deletion_does_is_the_policys_to_say() {
        let tiers = policy();
        let cases = [
            ("dev", json!({}), Class::DataLoss, 0, "its data is deleted"),
            ("dev", json!({"lifecycle": {"deletionPolicy": "Retain"}}), Class::None, 0, "it is no longer managed"),
            ("dev", json!({"lifecycle": {"deletionProtection": true}}), Class::DataLoss, 0, "refused while spec."),
            (
                "prod",
                json!({}),
                Class::DataLoss,
                2,
                "refused until the deletion is approved; then its data is deleted after",
            ),
        ];
        for (environment, changes, class, approvers, effect) in cases {
            let plan = plan(environment, changes);
            let change = deletion(Planned { plan: &plan, tiers: &tiers }, &ApprovalGate::default());
            assert_eq!(change.class, class, "{environment}");
            assert_eq!(change.approval.map_or(0, |approval| approval.approvers), approvers, "{environment}");
            assert!(change.effect.starts_with(effect), "{}", change.effect);
        }
    }
}
