//! What databases may use together. In: the limits, what runs, what is wanted, the other databases. Out: one problem for
//! each limit that would be passed.
//!
//! Only what grows is held against a limit, so that no limit ever stands in the way of a database that runs. Must not ask
//! for the others: whoever calls has them, or has none because nobody can know (offline).

use super::cost;
use super::usage::usage;
use crate::api::input::tier_defaults::Prices;
use crate::api::input::{Limits, TierDefaults};
use crate::api::plan::{Plan, Terms};
use crate::api::problem::{Problem, Problems};
use crate::api::quantity::{Bytes, Millicores};
use crate::map::sort;
use crate::operators::name_of;
use serde::{Deserialize, Serialize};

/// So many of the others are named in a message, the largest first.
const NAMED: usize = 4;

/// The limits that one plan is held against.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Quota {
    pub namespace: Limits,
    pub owner: Limits,
    /// Of today, for all databases alike.
    pub prices: Option<Prices>,
}

pub fn of(plan: &Plan, policy: &TierDefaults) -> Quota {
    let Terms { database, environment, .. } = &plan.terms;
    Quota {
        namespace: policy.quotas.namespaces.limits(Some(database.identity().0), *environment),
        owner: policy.quotas.owners.limits(plan.notes.owner.as_deref(), *environment),
        prices: policy.prices.clone(),
    }
}

/// What is wrong with the table itself.
pub fn problem(policy: &TierDefaults) -> Option<Problem> {
    let priceless = policy.quotas.limit_cost() && policy.prices.is_none();
    let wrong = "a monthlyCost is limited, but there are no prices";
    priceless.then(|| Problem::new("TierDefaults.quotas", wrong, "the platform team adds prices"))
}

/// Whether anything limited would be more than it is. If not, the others do not matter.
pub fn grows(quota: &Quota, from: Option<&Plan>, to: &Plan) -> bool {
    quota.rows().any(|row| row.grows(from, to))
}

/// `from`: what runs, `None` for a new database. `others`: the plans of other databases, whatever they are; those that a
/// limit does not cover are left out here.
pub fn check(quota: &Quota, from: Option<&Plan>, to: &Plan, others: &[Plan]) -> Result<(), Problems> {
    let growing = quota.rows().filter(|row| row.grows(from, to));
    let mut problems: Vec<Problem> = growing.filter_map(|row| row.problem(from, to, others)).collect();
    sort(&mut problems, Ord::cmp);
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Whose databases count together.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Namespace,
    Owner,
}

#[derive(Clone, Copy, PartialEq)]
enum Measure {
    Databases,
    Cpu,
    Memory,
    Storage,
    MonthlyCost,
}

/// One limit, in the measure's own unit: databases, thousandths of a core, bytes, whole units of currency.
struct Row<'a> {
    scope: Scope,
    measure: Measure,
    limit: u64,
    prices: Option<&'a Prices>,
}

impl Quota {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let scopes = [(Scope::Namespace, &self.namespace), (Scope::Owner, &self.owner)];
        scopes.into_iter().flat_map(move |(scope, limits)| {
            let limits = [
                (Measure::Databases, limits.databases.map(u64::from)),
                (Measure::Cpu, limits.cpu.map(|cpu| cpu.0)),
                (Measure::Memory, limits.memory.map(|memory| memory.0)),
                (Measure::Storage, limits.storage.map(|storage| storage.0)),
                (Measure::MonthlyCost, limits.monthly_cost.map(u64::from)),
            ];
            let row = move |measure, limit| Row { scope, measure, limit, prices: self.prices.as_ref() };
            limits.into_iter().filter_map(move |(measure, limit)| limit.map(|limit| row(measure, limit)))
        })
    }
}

impl Row<'_> {
    fn grows(&self, from: Option<&Plan>, to: &Plan) -> bool {
        self.amount(to) > self.amount_before(from, to)
    }

    /// What runs counts where it belongs: under another owner it is nothing here.
    fn amount_before(&self, from: Option<&Plan>, to: &Plan) -> u64 {
        from.filter(|from| self.covers(from, to)).map(|from| self.amount(from)).unwrap_or_default()
    }

    /// Whether both count together.
    fn covers(&self, plan: &Plan, to: &Plan) -> bool {
        let (ours, theirs) = (&to.terms, &plan.terms);
        let home = |terms: &Terms| terms.database.identity().0.to_owned();
        let place = ours.environment == theirs.environment && home(ours) == home(theirs);
        place && (self.scope == Scope::Namespace || plan.notes.owner == to.notes.owner)
    }

    fn amount(&self, plan: &Plan) -> u64 {
        let used = usage(&plan.terms);
        match self.measure {
            Measure::Databases => 1,
            Measure::Cpu => used.cpu.0,
            Measure::Memory => used.memory.0,
            Measure::Storage => used.storage.0,
            Measure::MonthlyCost => self.prices.map(|prices| cost::monthly(&plan.terms, prices)).unwrap_or_default(),
        }
    }

    fn problem(&self, from: Option<&Plan>, to: &Plan, others: &[Plan]) -> Option<Problem> {
        let beside =
            |plan: &&Plan| plan.terms.database.identity().1 != to.terms.database.identity().1 && self.covers(plan, to);
        let others = others.iter().filter(beside);
        let mut others: Vec<(&str, u64)> =
            others.map(|plan| (plan.terms.database.identity().1, self.amount(plan))).collect();
        sort(&mut others, |(name, amount), (other, more)| more.cmp(amount).then(name.cmp(other)));
        let (own, before) = (self.amount(to), self.amount_before(from, to));
        let sum = others.iter().fold(own, |sum, (_, amount)| sum.saturating_add(*amount));
        if sum <= self.limit {
            return None;
        }
        let (verb, what) = match self.measure {
            Measure::Databases if sum == 1 => ("have", " database"),
            Measure::Databases => ("have", " databases"),
            Measure::Cpu => ("use", " cpu"),
            Measure::Memory => ("use", " of memory"),
            Measure::Storage => ("use", " of storage"),
            Measure::MonthlyCost => ("cost", " a month"),
        };
        let mut parts = self.parts(&others);
        parts.push(match (self.measure, before) {
            (Measure::Databases, _) => "this one".into(),
            (_, 0) => format!("this one {}", self.text(own)),
            (_, before) => format!("this one {} instead of {}", self.text(own), self.text(before)),
        });
        let path = self.path(from, to);
        let (sum, limit, parts) = (self.text(sum), self.text(self.limit), parts.join(", "));
        let wrong = format!("{} would {verb} {sum}{what}, the limit is {limit} ({parts})", self.whose(to));
        let right = match (path, self.measure) {
            ("spec.owner", _) => "keep the owner, or ask the platform team",
            (_, Measure::Databases) => "delete one, or ask the platform team",
            (_, Measure::Cpu | Measure::Memory | Measure::Storage | Measure::MonthlyCost) => {
                "write less, or ask the platform team"
            }
        };
        Some(Problem::new(path, wrong, right))
    }

    fn whose(&self, to: &Plan) -> String {
        let (namespace, environment) = (to.terms.database.identity().0, name_of(&to.terms.environment));
        match (self.scope, &to.notes.owner) {
            (Scope::Namespace, _) => format!("the namespace {namespace} in {environment}"),
            (Scope::Owner, Some(owner)) => format!("the owner {owner} in {environment} of the namespace {namespace}"),
            (Scope::Owner, None) => format!("what has no owner in {environment} of the namespace {namespace}"),
        }
    }

    /// The others by name, as far as a message can hold them.
    fn parts(&self, others: &[(&str, u64)]) -> Vec<String> {
        let (named, rest) = others.split_at(others.len().min(NAMED));
        let mut parts: Vec<String> = named
            .iter()
            .map(|(name, amount)| match self.measure {
                Measure::Databases => name.to_string(),
                _ => format!("{name} {}", self.text(*amount)),
            })
            .collect();
        if !rest.is_empty() {
            let sum = rest.iter().fold(0_u64, |sum, (_, amount)| sum.saturating_add(*amount));
            parts.push(match self.measure {
                Measure::Databases => format!("{} others", rest.len()),
                _ => format!("{} others {}", rest.len(), self.text(sum)),
            });
        }
        parts
    }

    fn text(&self, amount: u64) -> String {
        match self.measure {
            Measure::Databases => amount.to_string(),
            Measure::Cpu => Millicores(amount).to_string(),
            Measure::Memory | Measure::Storage => Bytes(amount).to_string(),
            Measure::MonthlyCost => match self.prices {
                Some(prices) => format!("{} {amount}", prices.currency),
                None => amount.to_string(),
            },
        }
    }

    /// The field that makes it grow.
    fn path(&self, from: Option<&Plan>, to: &Plan) -> &'static str {
        let Some(from) = from else {
            return match self.measure {
                Measure::Databases => "spec",
                Measure::Cpu | Measure::Memory | Measure::MonthlyCost => "spec.size",
                Measure::Storage => "spec.storage",
            };
        };
        if !self.covers(from, to) {
            return "spec.owner";
        }
        let (old, new) = (&from.terms, &to.terms);
        let instances = |terms: &Terms| terms.pooling.as_ref().map(|pooling| pooling.instances);
        let compute = self.measure != Measure::Storage;
        let volumes = matches!(self.measure, Measure::Storage | Measure::MonthlyCost);
        let grown = [
            ("spec.replicas", new.replicas > old.replicas),
            ("spec.shards", new.shards > old.shards),
            ("spec.size", compute && (new.cpu > old.cpu || new.memory > old.memory)),
            ("spec.storage", volumes && new.storage > old.storage),
            ("spec.pooling", compute && instances(new) > instances(old)),
            ("spec.backup", compute && new.backup.is_some() && old.backup.is_none()),
        ];
        grown.into_iter().find(|(_, grown)| *grown).map_or("spec", |(path, _)| path)
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
