//! `DatabaseRecord`: the applied plan, the only memory there is. In: what is observed under the key `record`, or found by
//! name. Out: generations. Written by the gate alone; must not be trusted unless it names the very database.

use super::plan::{DatabaseName, Plan};
use super::{API_VERSION, claim::Composite};
use crate::operators::name_of;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const KIND: &str = "DatabaseRecord";
/// The permanent key of the record among the composed resources.
pub const KEY: &str = "record";
/// The permanent label with the environment, which is fixed at creation: quotas ask for the records of one environment.
pub const ENVIRONMENT: &str = "db.platform.io/environment";
/// The plan's schema. A record of a newer one is refused: after a downgrade its plan cannot be understood.
pub const SCHEMA: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseRecord {
    pub api_version: String,
    pub kind: String,
    pub metadata: RecordName,
    pub spec: Record,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordName {
    pub name: String,
    pub namespace: String,
    /// Written, never read.
    #[serde(skip_deserializing)]
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub schema: u32,
    /// What runs and serves.
    pub serving: Generation,
    /// The restores that ran, by id: none runs twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<String>,
    /// Once true, an absent database is lost, and no empty one is made in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_ready: bool,
    /// Who approved the plan that runs; empty where nobody had to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
}

/// One life of the data, numbered from 1: a plan, and what only the record knows. This, and never a bare plan, is what operators compose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    pub number: u32,
    /// The UID that the database was first made with: every path in an object store carries it.
    pub lineage: String,
    pub plan: Plan,
}

impl DatabaseRecord {
    pub fn new(spec: Record) -> DatabaseRecord {
        let DatabaseName { namespace, name, .. } = spec.serving.plan.terms.database.clone();
        let labels = BTreeMap::from([(ENVIRONMENT.into(), name_of(&spec.serving.plan.terms.environment))]);
        let metadata = RecordName { name, namespace, labels };
        DatabaseRecord { api_version: API_VERSION.into(), kind: KIND.into(), metadata, spec }
    }

    /// Whether it is the record of this database, by its own name and by the plan inside.
    pub fn is_of(&self, composite: &Composite) -> bool {
        let DatabaseName { namespace, name, .. } = &self.spec.serving.plan.terms.database;
        let named = (self.metadata.namespace.as_str(), self.metadata.name.as_str());
        named == composite.identity() && (namespace.as_str(), name.as_str()) == composite.identity()
    }
}

impl Generation {
    /// The name of its main resource: the claim's, with `-g2` and so on for what a restore made.
    pub fn name(&self) -> String {
        numbered(&self.plan.terms.database.name, self.number)
    }

    /// The permanent key of one of its resources.
    pub fn key(&self, role: &str) -> String {
        numbered(role, self.number)
    }

    pub fn database(&self) -> &DatabaseName {
        &self.plan.terms.database
    }
}

fn numbered(name: &str, number: u32) -> String {
    if number == 1 { name.into() } else { format!("{name}-g{number}") }
}
