//! Where a database goes. In: the labels of its claim, the table of its environment. Out: which row of it, and by which labels;
//! or why one that runs cannot go elsewhere. Must not know how anything is delivered.
//!
//! Whoever may edit a claim may edit its labels. What runs has its delivery in its plan, and keeps it.

use super::{Labels, Plan, labels, placed};
use crate::api::claim::Environment;
use crate::api::input::tier_defaults::{ObjectDelivery, Region, Tier};
use crate::api::plan::{Delivery, ObjectScope};
use crate::api::problem::Problem;
use crate::delivery;
use crate::operators::name_of;

/// What a policy says of where a database goes.
pub struct Row<'a> {
    /// None: to this cluster.
    pub there: Option<&'a ObjectDelivery>,
    /// The labels of the claim by which it goes there.
    pub by: Labels,
    /// Where that stands in the policy.
    pub path: String,
}

/// The first row that fits; without one, as the environment says, by no labels.
pub fn of<'a>(tier: &'a Tier, environment: Environment, labels: &Labels) -> Row<'a> {
    let fits = |wanted: &Labels| wanted.iter().all(|(label, value)| labels.get(label) == Some(value));
    let environment = format!("TierDefaults.environments.{}", name_of(&environment));
    let (there, by, path) = match tier.deliveries.iter().enumerate().find(|(_, row)| fits(&row.match_labels)) {
        Some((index, row)) => (&row.object_delivery, row.match_labels.clone(), format!("deliveries[{index}].")),
        None => (&tier.object_delivery, Labels::new(), String::new()),
    };
    Row { there: there.as_ref(), by, path: format!("{environment}.{path}objectDelivery") }
}

/// The row that a region of the platform is.
pub fn to<'a>(name: &str, region: &'a Region) -> Row<'a> {
    Row { there: region.object_delivery.as_ref(), by: Labels::new(), path: of_region(name) }
}

/// What is wrong with the table itself: a row that fits every claim would hide what stands behind it, and one that fits none
/// would send its databases where that says.
pub fn problems(tier: &Tier, environment: Environment) -> Vec<Problem> {
    let at = |field: &str| format!("TierDefaults.environments.{}.{field}", name_of(&environment));
    let mut problems: Vec<Problem> = vec![];
    if let Some(there) = &tier.object_delivery {
        problems.extend(placed::problem(Some(there), &at("objectDelivery")));
    }
    for (index, row) in tier.deliveries.iter().enumerate() {
        let path = at(&format!("deliveries[{index}]"));
        problems.extend(placed::problem(row.object_delivery.as_ref(), &format!("{path}.objectDelivery")));
        let path = format!("{path}.matchLabels");
        if row.match_labels.is_empty() {
            let right = "the platform team names a label, or writes objectDelivery of the environment";
            problems.push(Problem::new(&path, "it is empty, so it fits every claim", right));
        }
        problems.extend(labels::problems(&row.match_labels, &path, "so no claim can have it"));
    }
    problems
}

/// Where the policy says how a region is reached.
pub fn of_region(name: &str) -> String {
    format!("TierDefaults.regions.{name}.objectDelivery")
}

/// Where the policy says so.
pub fn path(environment: Environment, by: &Labels) -> String {
    let field = if by.is_empty() { "objectDelivery" } else { "deliveries" };
    format!("TierDefaults.environments.{}.{field}", name_of(&environment))
}

/// Its data would stay where it is, and an empty database begin elsewhere.
pub fn moved(runs: &Plan, wanted: &Plan) -> Option<Problem> {
    let (from, to) = (&runs.terms, &wanted.terms);
    if from.delivery == to.delivery && from.database.namespace == to.database.namespace {
        return None;
    }
    let (region, becomes_region) = (&runs.notes.primary, &wanted.notes.primary);
    let (was, becomes) = (&runs.notes.delivered_by, &wanted.notes.delivered_by);
    let (placed, becomes_placed) = (&runs.notes.placed_by, &wanted.notes.placed_by);
    let namespace = runs.terms.database.claim.as_ref().map(|_| &runs.terms.database.namespace);
    let place = match namespace {
        Some(namespace) => format!("the namespace {namespace} of {}", runs.terms.delivery.place()),
        None => runs.terms.delivery.place(),
    };
    let wrong = format!("it runs in {place}, and data does not move to another one");
    if region != becomes_region {
        let back = region.as_ref().map_or_else(|| "leave it out".into(), |region| format!("write {region}"));
        let right = format!("{back} again; to move, first ask for a standby there, in spec.disasterRecovery.region");
        return Some(Problem::new("spec.disasterRecovery.primary", wrong, right));
    }
    let path = |was| region.as_deref().map_or_else(|| path(runs.terms.environment, was), of_region);
    let (path, back) = match &runs.terms.delivery {
        _ if was != becomes && was.is_empty() => ("metadata.labels".into(), format!("leave {} out", written(becomes))),
        _ if was != becomes => ("metadata.labels".into(), format!("write {}", written(was))),
        // The same labels with other values.
        _ if placed != becomes_placed && placed.keys().eq(becomes_placed.keys()) => {
            ("metadata.labels".into(), format!("write {}", written(placed)))
        }
        Delivery::Direct => (path(was), "leave it out".into()),
        Delivery::Object(there) => {
            let namespace = namespace.map(|namespace| format!(", namespace: {namespace}")).unwrap_or_default();
            let scope = if there.scope == ObjectScope::Cluster { ", scope: Cluster" } else { "" };
            let written = format!("write {{providerConfig: {}{scope}{namespace}}}", there.provider_config);
            (path(was), written)
        }
    };
    let right = format!("{back} again; to move, make another database there, and copy the data");
    Some(Problem::new(path, wrong, right))
}

/// What has no namespace nothing in a namespace can own, so that Crossplane would refuse it. `claimed`: the composite has none
/// either, as behind the claims edition's claims.
pub fn unowned(plan: &Plan, claimed: bool) -> Vec<Problem> {
    let Plan { terms, notes, .. } = plan;
    let own = (&terms.delivery, path(terms.environment, &notes.delivered_by));
    let standby = terms.standby.as_ref().map(|it| (&it.delivery, format!("TierDefaults.regions.{}", it.region)));
    let cannot = |(delivery, _): &(&Delivery, String)| !claimed && delivery::is_cluster_scoped(delivery);
    let problem = |(_, path)| {
        let wrong = "the namespaced edition cannot own an Object without a namespace";
        Problem::new(path, wrong, "the platform team leaves scope out of objectDelivery")
    };
    std::iter::once(own).chain(standby).filter(cannot).map(problem).collect()
}

/// `region: us, tier: gold`.
fn written(labels: &Labels) -> String {
    labels.iter().map(|(label, value)| format!("{label}: {value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::Class;
    use crate::plan::{example, resolve, transition};
    use serde_json::{Value, json};

    /// A claim with these labels, where the platform sends regions to clusters of their own.
    fn plan(labels: Value, deliveries: Value) -> Plan {
        let mut policy = example::policy();
        let tier = policy.environments.get_mut(&Environment::Dev).unwrap();
        tier.deliveries = serde_json::from_value(deliveries).unwrap();
        tier.object_delivery = serde_json::from_value(json!({"providerConfig": "north"})).unwrap();
        let mut claim = example::claim("dev", json!({}));
        claim.metadata.labels = serde_json::from_value(labels).unwrap();
        resolve(&claim, &policy).unwrap()
    }

    fn regions() -> Value {
        json!([
            {"matchLabels": {"region": "us", "tier": "gold"}, "objectDelivery": {"providerConfig": "us-gold"}},
            {"matchLabels": {"region": "us"}, "objectDelivery": {"providerConfig": "us"}},
            {"matchLabels": {"region": "home"}},
        ])
    }

    #[test]
    fn the_first_row_whose_labels_are_all_there_decides() {
        let there = |name: &str| {
            Delivery::Object(crate::api::plan::ObjectDelivery {
                provider_config: name.into(),
                scope: ObjectScope::Namespaced,
            })
        };
        let cases = [
            (json!({}), there("north")),
            (json!({"region": "us"}), there("us")),
            (json!({"region": "us", "tier": "gold", "team": "shop"}), there("us-gold")),
            (json!({"region": "home", "tier": "gold"}), Delivery::Direct),
            (json!({"region": "US"}), there("north")),
            (json!({"tier": "gold"}), there("north")),
        ];
        for (labels, expected) in cases {
            assert_eq!(plan(labels.clone(), regions()).terms.delivery, expected, "{labels}");
        }
    }

    #[test]
    fn a_row_that_fits_every_claim_is_refused() {
        let mut policy = example::policy();
        let tier = policy.environments.get_mut(&Environment::Dev).unwrap();
        tier.deliveries = serde_json::from_value(json!([{"matchLabels": {}}])).unwrap();
        let refused = resolve(&example::claim("dev", json!({})), &policy).unwrap_err().to_string();
        assert_eq!(
            refused,
            "TierDefaults.environments.dev.deliveries[0].matchLabels: it is empty, so it fits every claim; the platform team names a \
             label, or writes objectDelivery of the environment"
        );
    }

    #[test]
    fn a_row_that_no_claim_can_fit_is_refused() {
        let mut policy = example::policy();
        let tier = policy.environments.get_mut(&Environment::Dev).unwrap();
        tier.deliveries = serde_json::from_value(json!([{"matchLabels": {"region": "us east"}}])).unwrap();
        let refused = resolve(&example::claim("dev", json!({})), &policy).unwrap_err().to_string();
        assert!(refused.starts_with("TierDefaults.environments.dev.deliveries[0].matchLabels.region: "), "{refused}");
    }

    /// What runs stays, whoever changes whatever; and a change that leads to the same place is none.
    #[test]
    fn what_runs_in_a_cluster_stays_there() {
        let us = plan(json!({"region": "us"}), regions());
        let environments = plan(json!({}), regions());
        let home = plan(json!({"region": "home"}), regions());
        let other = plan(
            json!({"region": "us"}),
            json!([{"matchLabels": {"region": "us"}, "objectDelivery": {"providerConfig": "us-2"}}]),
        );
        let ending = "again; to move, make another database there, and copy the data";
        let cases = [
            (
                &us,
                &home,
                "metadata.labels: it runs in the cluster of us, and data does not move to another one; write region: us",
            ),
            (
                &us,
                &environments,
                "metadata.labels: it runs in the cluster of us, and data does not move to another one; write region: us",
            ),
            (
                &environments,
                &us,
                "metadata.labels: it runs in the cluster of north, and data does not move to another one; leave region: us out",
            ),
            (
                &home,
                &us,
                "metadata.labels: it runs in this cluster, and data does not move to another one; write region: home",
            ),
            (
                &us,
                &other,
                "TierDefaults.environments.dev.deliveries: it runs in the cluster of us, and data does not move to another one; write {providerConfig: us}",
            ),
        ];
        for (runs, wanted, expected) in cases {
            assert_eq!(transition(runs, wanted).unwrap_err().to_string(), format!("{expected} {ending}"));
        }
        let same = plan(
            json!({"region": "us"}),
            json!([{"matchLabels": {"region": "us"}, "objectDelivery": {"providerConfig": "north"}}]),
        );
        assert!(transition(&environments, &same).is_ok());
    }

    #[test]
    fn what_the_platform_sends_elsewhere_stays_where_it_runs() {
        let here = example::plan("dev", json!({}));
        let mut there = here.clone();
        there.terms.delivery = serde_json::from_value(json!({"object": {"providerConfig": "west"}})).unwrap();
        let refused = |from: &Plan, to: &Plan| transition(from, to).unwrap_err().to_string();
        let field = "TierDefaults.environments.dev.objectDelivery";
        assert_eq!(
            refused(&here, &there),
            format!(
                "{field}: it runs in this cluster, and data does not move to another one; leave it out again; to move, make \
                 another database there, and copy the data"
            )
        );
        assert_eq!(
            refused(&there, &here),
            format!(
                "{field}: it runs in the cluster of west, and data does not move to another one; write {{providerConfig: west}} \
                 again; to move, make another database there, and copy the data"
            )
        );
        let mut by_others = there.clone();
        by_others.terms.delivery =
            serde_json::from_value(json!({"object": {"providerConfig": "west", "scope": "Cluster"}})).unwrap();
        assert_eq!(
            refused(&by_others, &there),
            format!(
                "{field}: it runs in the cluster of west, and data does not move to another one; write {{providerConfig: west, \
                 scope: Cluster}} again; to move, make another database there, and copy the data"
            ),
            "the Objects of one kind would take along what those of the other carry"
        );
        assert_eq!(transition(&there, &there), Ok(Class::None));
    }

    #[test]
    fn an_operator_that_cannot_go_there_is_refused_by_what_sends_it_there() {
        let mut policy = example::policy();
        policy.engines.values_mut().for_each(|engine| engine.operator = crate::api::plan::Operator::Zalando);
        policy.environments.get_mut(&Environment::Dev).unwrap().deliveries = serde_json::from_value(regions()).unwrap();
        let mut claim = example::claim("dev", json!({}));
        claim.metadata.labels = [("region".into(), "us".into())].into();
        let refused = resolve(&claim, &policy).unwrap_err().to_string();
        assert!(refused.starts_with("TierDefaults.environments.dev.deliveries: Zalando"), "{refused}");
    }
}
