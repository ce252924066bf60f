//! `catalog`: databases in Backstage. In: claims. Out: one Resource entity for each. Must not invent an owner: the catalog
//! would show it as if somebody had said so.

use super::documents::{self, Document};
use super::validate::{self, Kind};
use super::{GaveUp, Outcome};
use clap::Args;
use function_database::api::claim::Claim;
use function_database::operators::{DATABASE, name_of};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Characters that Backstage takes in the name of an entity.
const LONGEST: usize = 63;

/// Print a Backstage entity, of the kind Resource, for each database.
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
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let files = documents::read(&arguments.paths);
    files.unreadable.iter().for_each(super::say);
    let mut trouble = !files.unreadable.is_empty();
    let claims: Vec<&Document> = files.documents.iter().filter(|it| validate::kind(it) == Kind::Claim).collect();
    if claims.is_empty() && !trouble {
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    let mut entities = vec![];
    for document in claims {
        match entity(document) {
            Some(entity) => entities.push(serde_saphyr::to_string(&entity)?),
            None => trouble = true,
        }
    }
    super::print(&entities.join("---\n"))?;
    Ok(if trouble { Outcome::Problems } else { Outcome::Fine })
}

/// `None`: why not was said.
fn entity(document: &Document) -> Option<Value> {
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
    let (namespace, name) = claim.identity();
    let mut entity = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Resource",
        "metadata": {
            "name": entity_name(namespace, name),
            "title": format!("{name} ({})", name_of(&claim.spec.environment)),
            "annotations": {
                "backstage.io/kubernetes-namespace": namespace,
                "backstage.io/kubernetes-label-selector": format!("{DATABASE}={name}"),
            },
            "tags": tags(&claim),
        },
        "spec": {"type": "database", "owner": owner},
    });
    if let Some(description) = &claim.spec.description {
        entity["metadata"]["description"] = description.as_str().into();
    }
    if let Some(system) = &claim.spec.system {
        entity["spec"]["system"] = system.as_str().into();
    }
    Some(entity)
}

fn tags(claim: &Claim) -> Vec<String> {
    vec![name_of(&claim.spec.engine.unwrap_or_default()), name_of(&claim.spec.environment)]
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
