//! Compares two sides. In: the sides. Out: a preview. Must not print.

use super::side::{Rules, Side};
use crate::cli::cores::on_every_core;
use crate::cli::documents::Document;
use crate::cli::validate::{self, Finding};
use function_database::api::approval::OperationKind;
use function_database::api::claim::{Claim, Environment};
use function_database::api::problem::Problems;
use function_database::api::status::Class;
use function_database::gate::waiting;
use function_database::plan::{self, Plan, quota};
use function_database::preview::pairs::{self, Pair, Place};
use function_database::preview::{self, Change, Move, Planned, Preview, Trouble, resources};
use function_database::render::UID;
use serde_json::Value;
use std::collections::BTreeMap;

pub fn compare(before: &Side, after: &Side) -> anyhow::Result<Preview> {
    let places = (before.places(), after.places());
    let pairs = pairs::pairs(&places.0, &places.1);
    let comparison = Comparison::new(before, after);
    let changes = on_every_core(&pairs, |pair| comparison.pair(*pair));
    let mut changes = changes.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let renames = pairs::renames(&pairs, &places.0, &places.1, |from, to| comparison.say_the_same(from, to));
    for (from, to) in renames {
        let at = |wanted: Pair| pairs.iter().position(|pair| *pair == wanted).unwrap_or_default();
        let (from, to) = (at(Pair::Gone(from)), at(Pair::New(to)));
        if let Ok([Some(from), Some(to)]) = changes.get_disjoint_mut([from, to]) {
            preview::rename(from, to);
        }
    }
    let moved: Vec<Move> =
        pairs.iter().zip(&changes).filter_map(|(pair, change)| moved(*pair, change, &places)).collect();
    let unchanged = changes.iter().filter(|change| change.is_none()).count();
    Ok(Preview { changes: changes.into_iter().flatten().collect(), moved, unchanged })
}

fn moved(pair: Pair, change: &Option<Change>, (before, after): &(Vec<Place>, Vec<Place>)) -> Option<Move> {
    let (Pair::Both(from, to), None) = (pair, change) else { return None };
    let (from, to) = (before.get(from)?, after.get(to)?);
    (from.file != to.file).then(|| Move {
        namespace: to.namespace.into(),
        name: to.name.into(),
        from: from.file.into(),
        to: to.file.into(),
    })
}

struct Comparison<'a> {
    before: &'a Side,
    after: &'a Side,
    /// The plans after the edit of what may count together, where anything is limited.
    others: BTreeMap<(String, Environment), Vec<Plan>>,
}

impl<'a> Comparison<'a> {
    fn new(before: &'a Side, after: &'a Side) -> Comparison<'a> {
        let mut others: BTreeMap<_, Vec<Plan>> = BTreeMap::new();
        for document in after.claims.iter().filter(|_| after.has_quotas()) {
            let tiers = &after.rules(document).policy.tiers;
            let plan = validate::read(document).and_then(|claim| plan::resolve(&claim, tiers).ok());
            if let Some(plan) = plan {
                let place = (plan.terms.database.identity().0.to_owned(), plan.terms.environment);
                others.entry(place).or_default().push(plan);
            }
        }
        Comparison { before, after, others }
    }

    fn pair(&self, pair: Pair) -> anyhow::Result<Option<Change>> {
        Ok(match pair {
            Pair::Both(from, to) => match (self.before.claims.get(from), self.after.claims.get(to)) {
                (Some(from), Some(to)) => self.edit(from, to)?,
                _ => None,
            },
            Pair::New(to) => self.after.claims.get(to).map(|to| self.creation(to)).transpose()?,
            Pair::Gone(from) => self.before.claims.get(from).map(|from| self.deletion(from)).transpose()?,
        })
    }

    /// But for the names.
    fn say_the_same(&self, from: usize, to: usize) -> bool {
        match (self.before.claims.get(from), self.after.claims.get(to)) {
            (Some(from), Some(to)) => from.value["spec"] == to.value["spec"],
            _ => false,
        }
    }

    fn edit(&self, from: &Document, to: &Document) -> anyhow::Result<Option<Change>> {
        let (old, new) = (self.before.rules(from), self.after.rules(to));
        if from.value == to.value && old == new {
            return Ok(None);
        }
        let Ok((_, runs)) = resolved(from, old) else {
            // It never ran like this; if something older does, only the cluster knows.
            let change = self.creation(to)?;
            let effect = format!("{}, unless something ran before the claim had its mistakes", change.effect);
            return Ok(Some(Change { effect, ..change }));
        };
        let wanted = match self.wanted(to, OperationKind::Change, new)? {
            Ok(wanted) => waiting::kept(&runs, wanted),
            Err(refused) => return Ok(Some(*refused)),
        };
        let asked = preview::restore::asked(Some(&runs), &wanted);
        let mut class = plan::transition(&runs, &wanted);
        if let (Some(restore), Ok(_)) = (asked, &class) {
            let problems = preview::restore::problems(restore, Some(&runs), &wanted, self.after.now);
            if !problems.is_empty() {
                class = Err(Problems(problems));
            }
        }
        // What is restored comes to stand beside what runs.
        let quota = self.room(asked.is_none().then_some(&runs), &wanted, new);
        let (class, problems) = match (class, quota) {
            (Ok(class), Ok(())) => (class, vec![]),
            (class, quota) => {
                (Class::Refused, class.err().into_iter().chain(quota.err()).flat_map(|it| it.0).collect())
            }
        };
        if !problems.is_empty() {
            return Ok(Some(refusal(to, OperationKind::Change, &wanted_name(&wanted), found(to, &Problems(problems)))));
        }
        let planned =
            (Planned { plan: &runs, tiers: &old.policy.tiers }, Planned { plan: &wanted, tiers: &new.policy.tiers });
        let change = preview::edit(planned.0, planned.1, class, &new.policy.gate);
        // It is the same database: what carries its UID, such as a path in the object store, does not change.
        let mut same = to.value.clone();
        same["metadata"]["uid"] = from.value["metadata"].get("uid").cloned().unwrap_or_else(|| UID.into());
        let resources = match asked {
            Some(_) => vec![],
            // Nobody knows here which number the standby has.
            None if plan::promotion::of(&runs, &wanted).is_some() => vec![],
            None => {
                let before = old.composer.compose(&from.value, &runs)?;
                resources::compare(&before, &new.composer.compose(&same, &wanted)?)
            }
        };
        if change.changes.is_empty() && class == Class::None && resources.is_empty() {
            return Ok(None);
        }
        let moved = self.before.relative(&from.file) != self.after.relative(&to.file);
        let moved_from = moved.then(|| from.file.clone());
        Ok(Some(Change { file: Some(to.file.clone()), moved_from, resources, ..change }))
    }

    fn creation(&self, to: &Document) -> anyhow::Result<Change> {
        let rules = self.after.rules(to);
        let wanted = match self.wanted(to, OperationKind::Create, rules)? {
            Ok(wanted) => wanted,
            Err(refused) => return Ok(*refused),
        };
        let checks = [plan::creation(&wanted), self.room(None, &wanted, rules)];
        let mut problems: Vec<_> = checks.into_iter().filter_map(Result::err).flat_map(|problems| problems.0).collect();
        if let Some(restore) = preview::restore::asked(None, &wanted) {
            problems.extend(preview::restore::problems(restore, None, &wanted, self.after.now));
        }
        if !problems.is_empty() {
            return Ok(refusal(to, OperationKind::Create, &wanted_name(&wanted), found(to, &Problems(problems))));
        }
        let change = preview::creation(Planned { plan: &wanted, tiers: &rules.policy.tiers }, &rules.policy.gate);
        let resources = resources::compare(&BTreeMap::new(), &rules.composer.compose(&to.value, &wanted)?);
        Ok(Change { file: Some(to.file.clone()), resources, ..change })
    }

    /// The platform's policy of today decides who must agree, the claim as it was what happens to the data.
    fn deletion(&self, from: &Document) -> anyhow::Result<Change> {
        let old = self.before.rules(from);
        let Ok((_, plan)) = resolved(from, old) else {
            let (namespace, name) = identity(&from.value);
            let effect = "deleted, with whatever ran before the claim had its mistakes".into();
            let change = preview::refusal(OperationKind::Delete, namespace, name, vec![]);
            return Ok(Change { class: Class::DataLoss, effect, moved_from: Some(from.file.clone()), ..change });
        };
        let change = preview::deletion(Planned { plan: &plan, tiers: &old.policy.tiers }, &old.policy.gate);
        let resources = resources::compare(&old.composer.compose(&from.value, &plan)?, &BTreeMap::new());
        Ok(Change { moved_from: Some(from.file.clone()), resources, ..change })
    }

    /// What a claim means after the edit, or all that is wrong with it.
    fn wanted(
        &self,
        document: &Document,
        operation: OperationKind,
        rules: &Rules,
    ) -> anyhow::Result<Result<Plan, Box<Change>>> {
        let name = identity(&document.value);
        let refused = |found: Vec<Finding>| Ok(Err(Box::new(refusal(document, operation, &name, found))));
        if !validate::refused(document)?.is_empty() {
            return refused(validate::findings(document, &rules.policy)?.unwrap_or_default());
        }
        match resolved(document, rules) {
            Ok((claim, plan)) => match validate::switched_off(&claim, &rules.policy.gate) {
                None => Ok(Ok(plan)),
                Some(problem) => refused(found(document, &Problems(vec![problem]))),
            },
            Err(problems) => refused(found(document, &problems)),
        }
    }

    fn room(&self, from: Option<&Plan>, to: &Plan, rules: &Rules) -> Result<(), Problems> {
        let place = (to.terms.database.identity().0.to_owned(), to.terms.environment);
        let others = self.others.get(&place).map(Vec::as_slice).unwrap_or_default();
        quota::check(&quota::of(to, &rules.policy.tiers), from, to, others)
    }
}

fn resolved(document: &Document, rules: &Rules) -> Result<(Claim, Plan), Problems> {
    let claim = validate::read(document).ok_or(Problems(vec![]))?;
    let plan = plan::resolve(&claim, &rules.policy.tiers)?;
    Ok((claim, plan))
}

fn identity(claim: &Value) -> (&str, &str) {
    let metadata = &claim["metadata"];
    (metadata["namespace"].as_str().unwrap_or("default"), metadata["name"].as_str().unwrap_or_default())
}

fn wanted_name(plan: &Plan) -> (&str, &str) {
    plan.terms.database.identity()
}

fn found(document: &Document, problems: &Problems) -> Vec<Finding> {
    problems.0.iter().map(|problem| Finding::new(document, &problem.path, problem.to_string())).collect()
}

fn refusal(
    document: &Document,
    operation: OperationKind,
    (namespace, name): &(&str, &str),
    found: Vec<Finding>,
) -> Change {
    let trouble = |Finding { at: (line, column), message, title }| Trouble { line, column, message, title };
    let change = preview::refusal(operation, namespace, name, found.into_iter().map(trouble).collect());
    Change { file: Some(document.file.clone()), ..change }
}
