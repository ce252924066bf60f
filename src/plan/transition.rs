//! From what runs to what is wanted. In: two plans. Out: what the change does to the database, or why it cannot be.
//!
//! The schema refuses much of this on an update; a claim that was deleted and written anew never met it.

use super::{delivered, promotion};
use crate::api::plan::{Plan, Terms};
use crate::api::problem::{Problem, Problems};
use crate::api::quantity::Bytes;
use crate::api::status::Class;
use crate::operators::{self, name_of};

/// A new database, of which nothing exists yet.
pub fn creation(plan: &Plan) -> Result<(), Problems> {
    match retired(plan) {
        Some(problem) => Err(Problems(vec![problem])),
        None => Ok(()),
    }
}

/// What a database says of itself whose record is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub environment: Option<String>,
    pub version: Option<String>,
    /// Of a member's volume.
    pub storage: Option<Bytes>,
}

/// The same for one that is there without a record: it is taken over as it is, and not by a claim that needs less of an approval.
pub fn adoption(found: &Found, to: &Plan) -> Result<(), Problems> {
    let Terms { environment, version, storage, .. } = &to.terms;
    let mut problems = vec![];
    if let Some(there) = found.environment.as_ref().filter(|there| **there != name_of(environment)) {
        let wrong = format!("the database that is there is of {there}");
        problems.push(Problem::new("spec.environment", wrong, format!("write {there}, or another name for the claim")));
    }
    if let Some(there) = found.storage.filter(|there| storage < there) {
        problems.push(less_storage(*storage, there));
    }
    if let Some(there) = found.version.as_ref().filter(|there| release(version) < release(there)) {
        problems.push(older(version, there));
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// The same for one that runs.
pub fn transition(from: &Plan, to: &Plan) -> Result<Class, Problems> {
    // Nearly always: nothing changed since the last run.
    if from == to {
        return Ok(Class::None);
    }
    if let Some(standby) = promotion::of(from, to) {
        return promotion::class(from, to, standby);
    }
    let (old, new) = (&from.terms, &to.terms);
    let mut problems: Vec<Problem> = fixed(old, new)
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(path, old, _)| {
            Problem::new(path, "it is fixed at creation", format!("write {old}, or make another database"))
        })
        .collect();
    problems.extend(delivered::moved(from, to));
    if new.storage < old.storage {
        problems.push(less_storage(new.storage, old.storage));
    }
    if release(&new.version) < release(&old.version) {
        problems.push(older(&new.version, &old.version));
    } else if new.version != old.version {
        problems.extend(retired(to));
        problems.extend(left_behind(old));
    }
    if old.operator == new.operator {
        problems.extend(operators::of(new.operator).fixed(old, new));
    }
    let class = operators::class(from, to);
    if class == Class::Refused && problems.is_empty() {
        let wrong = format!("{} cannot make this change", name_of(&new.operator));
        problems.push(Problem::new("spec", wrong, "take it back, or make another database"));
    }
    if problems.is_empty() { Ok(class) } else { Err(Problems(problems)) }
}

/// What follows a log cannot follow into another release line (CloudNativePG 1.30, "PostgreSQL upgrades").
fn left_behind(runs: &Terms) -> Option<Problem> {
    let standby = runs.standby.as_ref()?;
    let wrong = format!("the standby in {} cannot follow to another release line", standby.region);
    let right = format!(
        "write {}, or first leave spec.disasterRecovery out, and ask for it again after the upgrade",
        runs.version
    );
    Some(Problem::new("spec.version", wrong, right))
}

fn less_storage(wanted: Bytes, runs: Bytes) -> Problem {
    let wrong = format!("{wanted} is less than what runs; storage only grows");
    Problem::new("spec.storage", wrong, format!("write {runs} or more"))
}

fn older(wanted: &str, runs: &str) -> Problem {
    let wrong = format!("{wanted} is older than what runs; no engine goes back");
    Problem::new("spec.version", wrong, format!("write {runs}, or restore a backup"))
}

/// What cannot change while the data lives, with the text of both sides.
fn fixed(old: &Terms, new: &Terms) -> Vec<(&'static str, String, String)> {
    let class = |terms: &Terms| terms.storage_class.clone().unwrap_or_else(|| "no storage class".into());
    vec![
        ("spec.name", old.database.inside.clone(), new.database.inside.clone()),
        ("spec.environment", name_of(&old.environment), name_of(&new.environment)),
        ("spec.engine", name_of(&old.engine), name_of(&new.engine)),
        ("spec.topology", name_of(&old.topology), name_of(&new.topology)),
        ("spec.storageClass", class(old), class(new)),
        ("TierDefaults operator", name_of(&old.operator), name_of(&new.operator)),
    ]
}

/// A line that is kept for existing databases only.
fn retired(plan: &Plan) -> Option<Problem> {
    let Plan { terms, notes, .. } = plan;
    notes.retired.then(|| {
        let wrong = format!("{} {} is for existing databases only", name_of(&terms.engine), terms.version);
        Problem::new("spec.version", wrong, "write a newer one, or leave it out")
    })
}

/// `8.19` is newer than `8.4`.
fn release(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_as_numbers() {
        assert!(release("8.19") > release("8.4"));
        assert!(release("17") > release("9"));
        assert_eq!(release("17"), release("17"));
    }
}
