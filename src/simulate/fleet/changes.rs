//! What a platform team does to its policy, where no other Composition is given. In: a Composition and its tables. Out: the
//! Composition with one thing changed in them: for the better, or by mistake. Must not judge what comes of it.

use crate::api::input::tier_defaults::Range;
use crate::api::input::{Step, TierDefaults};
use crate::api::quantity::Bytes;
use crate::operators::name_of;
use crate::render::Composition;
use crate::wire::Object;
use serde_json::{Map, Value, json};

/// New patch releases of every line: what the platform team does every few weeks.
pub fn patch_releases(composition: &Composition, tiers: &TierDefaults) -> Composition {
    let mut engines = Object::default();
    for (engine, policy) in &tiers.engines {
        for (line, version) in &policy.versions {
            for (operator, release) in &version.releases {
                let patch =
                    json!({name_of(engine): {"versions": {line: {"releases": {name_of(operator): next(release)}}}}});
                engines = engines.merge(&Object::of(&patch));
            }
        }
    }
    laid_over(composition, json!({"engines": engines}))
}

/// Mistakes that have happened to platform teams, each with its name.
pub fn mistakes(composition: &Composition, tiers: &TierDefaults) -> Vec<(String, Composition)> {
    let mistake = |name: &str, patch: Value| (name.to_owned(), laid_over(composition, patch));
    let (mut sizes, mut environments, mut engines) = (Map::new(), Map::new(), Map::new());
    for (name, size) in &tiers.sizes {
        sizes.insert(name.clone(), json!({"memory": Bytes(size.memory.0 / 2)}));
    }
    for (environment, tier) in &tiers.environments {
        let fewest = |range: Range| json!({"replicas": {"maximum": range.default}});
        let mut own = Map::new();
        for (engine, policy) in &tier.engines {
            if let Some(range) = policy.replicas {
                own.insert(name_of(engine), fewest(range));
            }
        }
        let patch = Object::of(&fewest(tier.replicas)).merge(&Object::of(&json!({"engines": own})));
        environments.insert(name_of(environment), serde_json::to_value(&patch).unwrap_or_default());
    }
    for (engine, policy) in &tiers.engines {
        let mut others = policy.versions.iter().filter(|(line, it)| it.offered && **line != policy.default_version);
        if let Some((line, _)) = others.next_back() {
            let patch = json!({"defaultVersion": line, "versions": {&policy.default_version: null}});
            engines.insert(name_of(engine), patch);
        }
    }
    vec![
        mistake("half the memory in each size", json!({"sizes": sizes})),
        mistake("no more members than the default", json!({"environments": environments})),
        mistake("the default line is gone, another is the default", json!({"engines": engines})),
    ]
}

fn laid_over(composition: &Composition, patch: Value) -> Composition {
    let mut changed = composition.clone();
    let patch = Object::of(&json!({"spec": patch}));
    for step in &mut changed.steps {
        if step.input.text("input", &["kind"]).is_ok_and(|kind| kind == Some(Step::TierDefaults.kind())) {
            step.input = step.input.merge(&patch);
        }
    }
    changed
}

/// The patch release after this one: one more in the last number of the first that has dots. One without any is the whole
/// line, and stays.
fn next(release: &str) -> String {
    let (registry, tag) = release.rsplit_once(':').map_or(("", release), |(registry, tag)| (registry, tag));
    let start = tag.find(|letter: char| letter.is_ascii_digit()).unwrap_or(tag.len());
    let (before, rest) = tag.split_at(start);
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    let (version, after) = rest.split_at(end);
    let colon = if registry.is_empty() { "" } else { ":" };
    match version.rsplit_once('.').and_then(|(line, patch)| Some((line, patch.parse::<u64>().ok()?))) {
        Some((line, patch)) => format!("{registry}{colon}{before}{line}.{}{after}", patch + 1),
        None => release.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::policy;

    fn shipped() -> Composition {
        let text = include_str!("../../../compositions/database.yaml");
        Composition::read(&serde_saphyr::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn the_next_patch_release_is_of_the_same_line() {
        let cases = [
            (
                "ghcr.io/cloudnative-pg/postgresql:17.7-standard-bookworm",
                "ghcr.io/cloudnative-pg/postgresql:17.8-standard-bookworm",
            ),
            ("ghcr.io/zalando/spilo-18:4.1-p2", "ghcr.io/zalando/spilo-18:4.2-p2"),
            ("vitess/lite:v24.0.0-mysql84", "vitess/lite:v24.0.1-mysql84"),
            ("26.3.35.3", "26.3.35.4"),
            ("18", "18"),
        ];
        for (release, expected) in cases {
            assert_eq!(next(release), expected);
        }
    }

    #[test]
    fn every_change_is_a_policy_that_can_be_read_and_differs() {
        let (shipped, tiers) = (shipped(), policy());
        let mut all = mistakes(&shipped, &tiers);
        all.push(("patch releases".into(), patch_releases(&shipped, &tiers)));
        for (name, changed) in all {
            assert_eq!(changed.problems(), Vec::<String>::new(), "{name}");
            assert_ne!(changed, shipped, "{name}");
        }
    }
}
