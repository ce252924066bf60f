//! What a person sees of a world: one database, moment by moment. In: two looks at it. Out: what became different, in words.
//! Must not change the world.

use super::World;
use super::store::{Id, text};
use crate::map::{map, set};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A database at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Empty while nothing was reported.
    pub phase: String,
    pub message: String,
    /// By type: status, reason and message.
    conditions: BTreeMap<String, (String, String, String)>,
    resources: BTreeSet<Id>,
    /// What was its own and stays without it.
    kept: BTreeSet<Id>,
}

/// What became different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    pub phase: String,
    pub message: String,
    /// `Validated=False Invalid: why`.
    pub conditions: Vec<String>,
    /// `Cluster orders`.
    pub came: Vec<String>,
    pub went: Vec<String>,
    pub kept: Vec<String>,
}

impl Look {
    /// `before`: the look before this one.
    pub fn at(world: &World, database: &Id, before: &Look) -> Look {
        let status = world.get(database).map(|value| value["status"].clone()).unwrap_or_default();
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let condition = |condition: &Value| {
            let [kind, status, reason, message] =
                ["type", "status", "reason", "message"].map(|field| text(&condition[field]).to_owned());
            (kind, (status, reason, message))
        };
        let resources = belongings(world, database);
        let no_longer = before.resources.union(&before.kept).filter(|id| !resources.contains(id));
        let kept = set(no_longer.filter(|id| world.get(id).is_some()).cloned());
        Look {
            phase: text(&status["phase"]).into(),
            message: text(&status["message"]).into(),
            conditions: map(conditions.map(condition)),
            resources,
            kept,
        }
    }

    /// The reason of a condition.
    pub fn reason(&self, kind: &str) -> Option<&str> {
        self.conditions.get(kind).map(|(_, reason, _)| reason.as_str())
    }

    /// What there is now and was not, or was different, before.
    pub fn since(&self, before: &Look) -> Option<Moment> {
        if self == before {
            return None;
        }
        let named = |ids: BTreeSet<&Id>| {
            set(ids.into_iter().map(|id| format!("{} {}", id.kind, id.name))).into_iter().collect()
        };
        let came = set(self.resources.difference(&before.resources));
        let went = set(before.resources.difference(&self.resources).filter(|id| !self.kept.contains(id)));
        let kept = set(self.kept.difference(&before.kept));
        let conditions = self.conditions.iter().filter(|(kind, said)| before.conditions.get(*kind) != Some(said));
        let in_words = |(kind, (status, reason, message)): (&String, &(String, String, String))| {
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            format!("{kind}={status} {reason}{message}")
        };
        Some(Moment {
            phase: self.phase.clone(),
            message: self.message.clone(),
            conditions: conditions.map(in_words).collect(),
            came: named(came),
            went: named(went),
            kept: named(kept),
        })
    }
}

/// Everything that would go with the database: what it owns, and what that owns.
fn belongings(world: &World, database: &Id) -> BTreeSet<Id> {
    let mut owners: BTreeSet<String> = BTreeSet::new();
    let claim = world.get(database);
    owners.extend(claim.map(|claim| text(&claim["metadata"]["uid"]).to_owned()));
    let mut found = BTreeSet::new();
    loop {
        let before = found.len() + owners.len();
        for value in world.all() {
            let references = value["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            let owned = references.clone().any(|owner| owners.contains(text(&owner["uid"])));
            let reference = &value["spec"]["claimRef"];
            let behind =
                reference["name"] == database.name.as_str() && reference["namespace"] == database.namespace.as_str();
            if owned || behind {
                owners.insert(text(&value["metadata"]["uid"]).into());
                found.insert(Id::of(value));
            }
        }
        if found.len() + owners.len() == before {
            return found;
        }
    }
}
