//! What the schema promises for later releases. In: a claim. Out: one problem for each field that this release cannot
//! serve, because what is accepted and ignored is lost. Must shrink: whoever builds a feature takes its line out.

use crate::api::claim::DatabaseSpec;
use crate::api::problem::Problem;

pub fn problems(spec: &DatabaseSpec) -> Vec<Problem> {
    let later = [("spec.restore.inPlace", spec.restore.as_ref().is_some_and(|restore| restore.in_place))];
    let asked = later.into_iter().filter(|(_, asked)| *asked);
    asked.map(|(path, _)| Problem::new(path, "this release does not offer it yet", "leave it out")).collect()
}
