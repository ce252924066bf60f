//! Quotas over all files. In: claims with their policies. Out: the claims that no longer fit beside those before them. Must
//! not count what cannot be read.

use super::{Finding, Policy};
use crate::cli::documents::Document;
use function_database::api::claim::Environment;
use function_database::api::input::Quotas;
use function_database::plan::{self, Plan, quota};
use std::collections::BTreeMap;

/// By the claims' places in `claims`.
pub fn findings(claims: &[(usize, &Document, &Policy)]) -> BTreeMap<usize, Vec<Finding>> {
    let mut earlier: BTreeMap<(String, Environment), Vec<Plan>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (index, document, Policy { tiers, .. }) in claims {
        if tiers.quotas == Quotas::default() {
            continue;
        }
        let Some(plan) = super::read(document).and_then(|claim| plan::resolve(&claim, tiers).ok()) else { continue };
        let quota = quota::of(&plan, tiers);
        let others = earlier.entry((plan.terms.database.identity().0.to_owned(), plan.terms.environment)).or_default();
        // What does not even fit alone was said already, and takes no room from the others.
        if quota::check(&quota, None, &plan, &[]).is_err() {
            continue;
        }
        if let Err(problems) = quota::check(&quota, None, &plan, others) {
            let finding = |problem: &function_database::api::problem::Problem| {
                Finding::new(document, &problem.path, problem.to_string())
            };
            found.insert(*index, problems.0.iter().map(finding).collect());
        }
        others.push(plan);
    }
    found
}
