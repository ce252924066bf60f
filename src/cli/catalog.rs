//! `catalog`: databases in Backstage. In: claims, a Composition. Out: Resource entities for each: the database, the cluster
//! behind it, and what can be read from beside it. Must not invent an owner: the catalog would show it as if somebody had said so.

use super::documents::{self, Document};
use super::validate::{self, Kind};
use super::{GaveUp, Outcome, render};
use clap::Args;
use function_database::api::claim::Claim;
use function_database::api::input::{Engines, Integrations, Step, TierDefaults};
use function_database::api::plan::Plan;
use function_database::api::record::Generation;
use function_database::integrations::vault;
use function_database::operators::{self, DATABASE, name_of};
use function_database::plan;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Characters that Backstage takes in the name of an entity.
const LONGEST: usize = 63;

/// Print Backstage entities, of the kind Resource, for each database.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database catalog databases/ > catalog-info.yaml
  kubectl get sdb -A -o yaml | function-database catalog -

Owner, system and description are the claim's. A claim without spec.owner has no entity: it is named, and the exit code is 1.
Use this or an ingestor in the portal, not both: the catalog would have every database twice.")]
pub struct Arguments {
    /// Files or folders with claims; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
}

/// What a Composition says that entities depend on.
struct Platform {
    tiers: TierDefaults,
    engines: Engines,
    integrations: Integrations,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let composition = render::composition(arguments.composition.as_deref())?;
    let platform = Platform {
        tiers: composition.input(Step::TierDefaults, None)?,
        engines: composition.input(Step::Engines, None)?,
        integrations: composition.input(Step::Integrations, None)?,
    };
    let files = documents::read(&arguments.paths);
    files.unreadable.iter().for_each(super::say);
    let mut trouble = !files.unreadable.is_empty();
    let claims: Vec<&Document> = files.documents.iter().filter(|it| validate::kind(it) == Kind::Claim).collect();
    if claims.is_empty() && !trouble {
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    let mut texts = vec![];
    for document in claims {
        match entities(document, &platform) {
            Some(entities) => {
                for entity in entities {
                    texts.push(serde_saphyr::to_string(&entity)?);
                }
            }
            None => trouble = true,
        }
    }
    super::print(&texts.join("---\n"))?;
    Ok(if trouble { Outcome::Problems } else { Outcome::Fine })
}

/// `None`: why not was said. A claim that the platform refuses has its database alone: nothing is behind it.
fn entities(document: &Document, platform: &Platform) -> Option<Vec<Value>> {
    let say = |path: &str, what: &str| {
        let (line, column) = document.at(path);
        super::say(format_args!("{}:{line}:{column}: {path}: {what}", document.file));
    };
    let Some(claim) = validate::read(document) else {
        say("spec", "cannot be read; function-database validate says why");
        return None;
    };
    let Some(owner) = &claim.spec.owner else {
        say("spec.owner", "a catalog entity has an owner; write one, such as group:default/checkout");
        return None;
    };
    let mut database = entity(&claim, owner, "database", "");
    if let Some(description) = &claim.spec.description {
        database["metadata"]["description"] = description.as_str().into();
    }
    let Ok(plan) = plan::resolve(&claim, &platform.tiers) else { return Some(vec![database]) };
    let features = operators::of(plan.terms.operator).features();
    let mut cluster = entity(&claim, owner, "database-cluster", "cluster");
    let behind = json!([format!("resource:default/{}", cluster["metadata"]["name"].as_str().unwrap_or_default())]);
    cluster["metadata"]["description"] = function_database::preview::summary(&plan.terms).into();
    database["spec"]["dependsOn"] = behind.clone();
    let mut entities = vec![];
    if plan.terms.replicas > 1 && features.read_replicas {
        let mut replica = entity(&claim, owner, "database-replica", "replica");
        replica["spec"]["dependsOn"] = behind;
        entities.push(replica);
    }
    if let Some(path) = secrets(plan, platform) {
        database["metadata"]["annotations"]["vault.io/secrets-path"] = path.into();
    }
    entities.splice(0..0, [database, cluster]);
    Some(entities)
}

/// Where the credentials are in Vault.
fn secrets(plan: Plan, platform: &Platform) -> Option<String> {
    let generation = Generation::first("", plan);
    let operator = operators::of(generation.plan.terms.operator);
    let facts = operator.compose(&generation, &platform.engines, &Default::default()).facts;
    vault::path(&generation, &facts, platform.integrations.vault.as_ref())
}

/// The database itself, or a `part` of it.
fn entity(claim: &Claim, owner: &str, kind: &str, part: &str) -> Value {
    let (namespace, name) = claim.identity();
    let (engine, environment) = (name_of(&claim.spec.engine.unwrap_or_default()), name_of(&claim.spec.environment));
    let whole = if part.is_empty() { name.to_string() } else { format!("{name}.{part}") };
    let mut entity = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Resource",
        "metadata": {
            "name": entity_name(namespace, &whole),
            "title": format!("{name} ({environment}) {part}").trim_end(),
            "annotations": {
                "backstage.io/kubernetes-namespace": namespace,
                "backstage.io/kubernetes-label-selector": format!("{DATABASE}={name}"),
                "argocd/app-selector": format!("{DATABASE}={name},db.platform.io/namespace={namespace}"),
                "grafana/alert-label-selector": format!("database={name}"),
                "grafana/dashboard-selector": format!("tags @> '{engine}'"),
            },
            "tags": [engine, environment],
        },
        "spec": {"type": kind, "owner": owner},
    });
    if let Some(system) = &claim.spec.system {
        entity["spec"]["system"] = system.as_str().into();
    }
    entity
}

/// A database is one in its namespace only. A name that would be too long is cut, and told apart by a hash of the whole.
fn entity_name(namespace: &str, name: &str) -> String {
    let whole = format!("{namespace}.{name}");
    if whole.len() <= LONGEST {
        return whole;
    }
    let hash: String = Sha256::digest(&whole).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let cut: String = whole.chars().take(LONGEST - hash.len() - 1).collect();
    format!("{}-{hash}", cut.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_different() {
        assert_eq!(entity_name("checkout", "orders"), "checkout.orders");
        let (long, name) = ("n".repeat(63), "orders");
        let (one, other) = (entity_name(&long, name), entity_name(&long, "carts"));
        assert!(one.len() <= LONGEST && other.len() <= LONGEST, "{one} {other}");
        assert_ne!(one, other);
    }
}
