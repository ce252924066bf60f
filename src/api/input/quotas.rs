//! `quotas` of `TierDefaults`: what databases may use together. In: the table. Out: the limits of one namespace or one owner.
//! Must not know what is used.

use crate::api::claim::Environment;
use crate::api::quantity::{Bytes, Millicores};
use crate::api::schema::by_name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Nothing is limited unless it stands here. Maps, not lists, so that an overlay can change a single limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quotas {
    /// What the databases of a namespace may use together.
    pub namespaces: QuotaTable,
    /// What the databases of an owner may use together, of those in one namespace. Those without an owner count together.
    pub owners: QuotaTable,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QuotaTable {
    /// The limits of each, by environment.
    #[schemars(schema_with = "by_name::<Environment, Limits>")]
    pub each: BTreeMap<Environment, Limits>,
    /// Exceptions by name, then by environment. A limit that is left out is that of each.
    pub named: BTreeMap<String, BTreeMap<Environment, Limits>>,
}

/// Limits of sums over databases, with all members, shards and whatever runs beside them. What is left out is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Number of databases.
    #[schemars(range(max = 10000))]
    pub databases: Option<u32>,
    /// Cores of all members and of what runs beside them.
    pub cpu: Option<Millicores>,
    /// The same of memory.
    pub memory: Option<Bytes>,
    /// Volumes; what backups take is not counted.
    pub storage: Option<Bytes>,
    /// Whole units of the currency of `prices`, a month.
    #[schemars(range(max = 1000000000))]
    pub monthly_cost: Option<u32>,
}

impl Quotas {
    pub fn limit_cost(&self) -> bool {
        let tables = [&self.namespaces, &self.owners];
        let mut limits = tables.into_iter().flat_map(|table| {
            let named = table.named.values().flat_map(BTreeMap::values);
            table.each.values().chain(named)
        });
        limits.any(|limits| limits.monthly_cost.is_some())
    }
}

impl QuotaTable {
    /// `None`: those without a name.
    pub fn limits(&self, name: Option<&str>, environment: Environment) -> Limits {
        let each = self.each.get(&environment).copied().unwrap_or_default();
        let named = name.and_then(|name| self.named.get(name)).and_then(|rows| rows.get(&environment));
        let named = named.copied().unwrap_or_default();
        Limits {
            databases: named.databases.or(each.databases),
            cpu: named.cpu.or(each.cpu),
            memory: named.memory.or(each.memory),
            storage: named.storage.or(each.storage),
            monthly_cost: named.monthly_cost.or(each.monthly_cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_changes_what_it_names_and_nothing_else() {
        let table: QuotaTable = serde_json::from_value(serde_json::json!({
            "each": {"dev": {"databases": 5, "cpu": "16"}},
            "named": {"checkout": {"dev": {"cpu": "32"}, "prod": {"databases": 1}}},
        }))
        .unwrap();
        let cases = [
            (None, Environment::Dev, (Some(5), Some(16))),
            (Some("billing"), Environment::Dev, (Some(5), Some(16))),
            (Some("checkout"), Environment::Dev, (Some(5), Some(32))),
            (Some("checkout"), Environment::Prod, (Some(1), None)),
            (Some("checkout"), Environment::Staging, (None, None)),
            (None, Environment::Prod, (None, None)),
        ];
        for (name, environment, (databases, cores)) in cases {
            let limits = table.limits(name, environment);
            assert_eq!(limits.databases, databases, "{name:?} {environment:?}");
            assert_eq!(limits.cpu, cores.map(|cores: u64| Millicores(cores * 1_000)), "{name:?} {environment:?}");
        }
    }
}
