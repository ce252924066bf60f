//! Backups of a plan. In: claim, tier and what the operator can. Out: when, how long and where to, or the problems.

use super::capability;
use super::schedule::days;
use crate::api::claim::{BackupMethod, DatabaseSpec, Restore};
use crate::api::destination::{Destination, DestinationAccess, Store};
use crate::api::input::TierDefaults;
use crate::api::input::tier_defaults::{Continuous, Tier};
use crate::api::plan::{Backup, Delivery, Operator, Terms};
use crate::api::problem::Problem;
use crate::operators::{self, Features, name_of};

/// None where there are no backups, or where a problem was found. `name`: of the destination, and where the policy says so.
pub fn resolve(
    spec: &DatabaseSpec,
    policy: &TierDefaults,
    tier: &Tier,
    (name, path): (&str, String),
    features: &Features,
    operator: Operator,
    problems: &mut Vec<Problem>,
) -> Option<Backup> {
    let asked = spec.backup.clone().unwrap_or_default();
    let environment = name_of(&spec.environment);
    if asked.enabled == Some(false) {
        if tier.backup.required {
            let wrong = format!("{environment} requires backups");
            problems.push(Problem::new("spec.backup.enabled", wrong, "leave it out, or write true"));
        }
        return None;
    }
    let retention = asked.retention.unwrap_or_else(|| tier.backup.retention.default.clone());
    let range = &tier.backup.retention;
    if let (Some(kept), Some(least), Some(most)) = (days(&retention), days(&range.minimum), days(&range.maximum))
        && !(least..=most).contains(&kept)
    {
        let wrong = format!("{retention} is outside of {environment}");
        let right = format!("write {} to {}", range.minimum, range.maximum);
        problems.push(Problem::new("spec.backup.retention", wrong, right));
    }
    let method = asked.method.unwrap_or_default();
    let continuous = match (tier.backup.continuous, asked.continuous) {
        (Continuous::Required, Some(false)) if features.point_in_time => {
            let wrong = format!("{environment} requires continuous backups");
            problems.push(Problem::new("spec.backup.continuous", wrong, "leave it out, or write true"));
            true
        }
        // A problem of `capability` already.
        (_, Some(true)) if !features.point_in_time => false,
        (Continuous::Required | Continuous::WhereSupported, None) => features.point_in_time,
        (Continuous::Required, Some(_)) => features.point_in_time,
        (Continuous::Off, asked) => asked.unwrap_or(false),
        (Continuous::WhereSupported, Some(asked)) => asked,
    };
    let Some(destination) = policy.destinations.get(name) else {
        let wrong = format!("there is no destination {name:?}");
        problems.push(Problem::new(path, wrong, "the platform team adds it to destinations"));
        return None;
    };
    problems.extend(access_problem(name, destination));
    problems.extend(capability::store_problem(path, destination.store(), features, operator));
    Some(Backup {
        schedule: asked.schedule.unwrap_or_else(|| tier.backup.schedule.clone()),
        retention,
        continuous,
        // What an operator does on its own is no term: Auto and its answer are one and the same plan.
        method: if method == BackupMethod::Auto { features.best_backup_method() } else { method },
        destination: destination.clone(),
    })
}

/// How often the tier has a backup tried, where the operator can and somebody can look at how that goes.
pub fn drill_days(tier: &Tier, features: &Features, terms: &Terms) -> Option<u32> {
    let every = tier.backup.drill_every.as_deref().filter(|_| features.drills() && terms.backup.is_some())?;
    let fits = || operators::of(terms.operator).unrestorable(&Restore::default(), terms, terms).is_empty();
    days(every).filter(|_| terms.delivery == Delivery::Direct && fits())
}

/// Whoever may write to one kind of store is nobody to another.
pub fn access_problem(name: &str, destination: &Destination) -> Option<Problem> {
    let Destination { endpoint, region, access, .. } = destination;
    let store = destination.store();
    let (fits, right) = match store {
        Store::S3 => (matches!(access, DestinationAccess::Secret(_)), "secret"),
        Store::Google => (matches!(access, DestinationAccess::GoogleKey(_)), "googleKey"),
        Store::Azure => (matches!(access, DestinationAccess::AzureKey(_)), "azureKey"),
    };
    let path = format!("TierDefaults.destinations.{name}");
    if !fits && *access != (DestinationAccess::WorkloadIdentity {}) {
        let wrong = format!("{} does not take these keys", name_of(&store));
        return Some(Problem::new(path + ".access", wrong, format!("write {right}, or workloadIdentity")));
    }
    let elsewhere = store != Store::S3 && (endpoint.is_some() || region.is_some());
    let wrong = format!("{} has one address for all", name_of(&store));
    elsewhere.then(|| Problem::new(path, wrong, "leave endpoint and region out"))
}
