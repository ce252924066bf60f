//! The policy, and what it makes of a claim, for people. In: the inputs of the first two steps, a claim and its plan. Out:
//! tables, and effective values with the place that each comes from. Must not decide anything: a value is what the plan says.

pub mod policy;
pub mod prove;
pub mod live;
pub mod installation;

use crate::api::claim::Topology;
use crate::api::input::TierDefaults;
use crate::api::plan::{Access, Backup, DatabaseName, Lifecycle, Maintenance, Monitoring, Plan, Pooling, Terms};
use crate::api::status::Class;
use crate::api::{approval::OperationKind, input::ApprovalGate};
use crate::operators::name_of;
use crate::plan::delivered;
use crate::schema::path;
use serde_json::Value;

/// Rows of text under a title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A field of the claim.
    Claim(String),
    /// A field of an input of the Composition, from its kind on.
    Policy(String),
    /// What it follows from.
    Derived(String),
}

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    pub what: &'static str,
    pub value: String,
    pub origin: Origin,
}

/// All that a claim comes to. `claim` is the manifest that `plan` was made of.
pub fn values(claim: &Value, plan: &Plan, tiers: &TierDefaults, gate: &ApprovalGate) -> Vec<Effective> {
    let sources = Sources { claim, plan, tiers };
    let mut values = sources.database();
    values.extend(sources.backup());
    values.extend(sources.surroundings());
    values.extend(sources.settings());
    let environment = plan.terms.environment;
    let approvers = gate.approvers_needed(environment, OperationKind::Change, Class::Online);
    let approval = if approvers == 0 { "none".into() } else { format!("of {approvers}, for each change") };
    values.push(Effective {
        what: "approval",
        value: approval,
        origin: Origin::Policy("ApprovalGate.environments".into()),
    });
    if let Some(cost) = &plan.notes.monthly_cost {
        let origin = Origin::Policy("TierDefaults.prices".into());
        values.push(Effective { what: "monthly cost", value: cost.clone(), origin });
    }
    values
}

/// What stands at such a place.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.trim_start_matches('.');
    if path.is_empty() {
        return Some(value);
    }
    let (name, rest) = match path.strip_prefix("[\"") {
        Some(quoted) => quoted.split_once("\"]")?,
        None => path.split_at(path.find(['.', '[']).unwrap_or(path.len())),
    };
    at(value.get(name)?, rest)
}

struct Sources<'a> {
    claim: &'a Value,
    plan: &'a Plan,
    tiers: &'a TierDefaults,
}

impl Sources<'_> {
    /// Of a claim's field if it is written there, else where it comes from otherwise.
    fn value(&self, what: &'static str, value: impl ToString, field: &str, otherwise: Origin) -> Effective {
        let written = !field.is_empty() && at(self.claim, field).is_some_and(|value| !value.is_null());
        let origin = if written { Origin::Claim(field.into()) } else { otherwise };
        Effective { what, value: value.to_string(), origin }
    }

    fn tier(&self, field: &str) -> Origin {
        let environment = name_of(&self.plan.terms.environment);
        Origin::Policy(format!("TierDefaults.environments.{environment}.{field}"))
    }

    /// The exception for the engine in this environment, if there is one.
    fn exception(&self, field: &str, is_there: bool) -> Option<Origin> {
        let engine = name_of(&self.plan.terms.engine);
        is_there.then(|| self.tier(&format!("engines.{engine}.{field}")))
    }

    fn engine(&self, field: &str) -> Origin {
        Origin::Policy(format!("TierDefaults.engines.{}.{field}", name_of(&self.plan.terms.engine)))
    }

    fn database(&self) -> Vec<Effective> {
        let tier = self.tiers.environments.get(&self.plan.terms.environment);
        let row = tier.and_then(|tier| tier.engines.get(&self.plan.terms.engine)).cloned().unwrap_or_default();
        let Terms {
            database,
            environment,
            engine,
            operator,
            version,
            topology,
            replicas,
            shards,
            synchronous_replicas,
            cpu,
            memory,
            cpu_request,
            storage,
            storage_class,
            placement,
            // Shown by the other parts, which take them apart as well.
            backup: _,
            pooling: _,
            parameters: _,
            extensions: _,
            credentials: _,
            rotation: _,
            consul: _,
            access: _,
            tls: _,
            issuer: _,
            monitoring: _,
            maintenance: _,
            lifecycle: _,
            delivery: _,
            standby: _,
        } = &self.plan.terms;
        let size = self.claim["spec"]["size"].as_str().unwrap_or_default();
        let sizes = |field: &str| Origin::Policy(format!("{}.{field}", path::key("TierDefaults.sizes", size)));
        let derived = |why: &str| Origin::Derived(why.into());
        let operator_from =
            self.exception("operator", row.operator.is_some()).unwrap_or_else(|| self.engine("operator"));
        let replicas_from = self.exception("replicas.default", row.replicas.is_some());
        let replicas_from = match topology {
            Topology::Standalone => derived("Standalone has one member"),
            Topology::Replicated | Topology::Cluster | Topology::Sharded => {
                replicas_from.unwrap_or_else(|| self.tier("replicas.default"))
            }
        };
        let release_at = path::key("versions", version);
        let spread = if *synchronous_replicas == 0 { "not more than members allow" } else { "members allow it" };
        let synchronous_from = match tier.map_or(0, |tier| tier.synchronous_replicas) == *synchronous_replicas {
            true => self.tier("synchronousReplicas"),
            false => derived(spread),
        };
        vec![
            self.value("database", &database.inside, "spec.name", derived("")),
            self.value("environment", name_of(environment), "spec.environment", derived("")),
            self.value("engine", name_of(engine), "spec.engine", derived("when it is left out")),
            Effective { what: "operator", value: name_of(operator), origin: operator_from },
            self.value("version", version, "spec.version", self.engine("defaultVersion")),
            Effective {
                what: "release",
                value: self.plan.notes.release.clone(),
                origin: self.engine(&format!("{release_at}.releases.{}", name_of(operator))),
            },
            self.value("topology", name_of(topology), "spec.topology", derived("the engine and its shards")),
            self.value("members", replicas, "spec.replicas", replicas_from),
            self.value("shards", shards, "spec.shards", derived("the topology")),
            self.value("synchronous replicas", synchronous_replicas, "", synchronous_from),
            self.value("cpu", cpu, "", sizes("cpu")),
            self.value("cpu guaranteed", cpu_request, "", self.tier("cpuRequest")),
            self.value("memory", memory, "", sizes("memory")),
            self.value("storage", storage, "spec.storage", derived("")),
            self.value(
                "storage class",
                storage_class.as_deref().unwrap_or("the cluster's default"),
                "spec.storageClass",
                self.tier("storageClass"),
            ),
            self.value("placement", name_of(placement), "", self.tier("placement")),
        ]
    }

    fn backup(&self) -> Vec<Effective> {
        let Some(Backup { schedule, retention, continuous, method, destination }) = &self.plan.terms.backup else {
            return vec![self.value("backup", "none", "spec.backup.enabled", self.tier("backup"))];
        };
        let tier = self.tiers.environments.get(&self.plan.terms.environment);
        let row = tier.and_then(|tier| tier.engines.get(&self.plan.terms.engine));
        let elsewhere = self.exception("destination", row.is_some_and(|row| row.destination.is_some()));
        let destination_from = elsewhere.unwrap_or_else(|| self.tier("backup.destination"));
        vec![
            self.value("backup schedule", schedule, "spec.backup.schedule", self.tier("backup.schedule")),
            self.value("backups kept", retention, "spec.backup.retention", self.tier("backup.retention.default")),
            self.value("continuous backup", continuous, "spec.backup.continuous", self.tier("backup.continuous")),
            self.value(
                "backup method",
                name_of(method),
                "spec.backup.method",
                Origin::Derived("the best of the operator's".into()),
            ),
            Effective { what: "backup destination", value: destination.path.clone(), origin: destination_from },
        ]
    }

    fn surroundings(&self) -> Vec<Effective> {
        let terms = &self.plan.terms;
        let Access { namespaces, cidrs, service_type, roles, console } = &terms.access;
        let Monitoring { off, silent, log_level, audit, queries } = &terms.monitoring;
        let Lifecycle { hibernated, deletion_policy, deletion_protection, schedule, expires } = &terms.lifecycle;
        let Maintenance { windows, time_zone, pinned } = &terms.maintenance;
        let own = || Origin::Derived("when it is left out".into());
        let protected = || Origin::Derived("Snapshot protects, the other policies do not".into());
        let list = |items: &[String]| if items.is_empty() { "none".into() } else { items.join(", ") };
        let roles: Vec<String> =
            roles.iter().map(|role| format!("{} ({})", role.name, name_of(&role.privileges))).collect();
        let pooling = match &terms.pooling {
            None => "none".into(),
            Some(Pooling { mode, instances }) => format!("{}, {instances} instances", name_of(mode)),
        };
        let zone = time_zone.as_deref().unwrap_or("UTC");
        let windows: Vec<String> =
            windows.iter().map(|it| format!("{} {} for {} {zone}", name_of(&it.day), it.start, it.duration)).collect();
        let mut values = vec![
            self.value("pooling", pooling, "spec.pooling", own()),
            self.value("credentials", name_of(&terms.credentials), "spec.credentials.source", self.tier("credentials")),
            self.value("encrypted only", terms.tls, "spec.tls.enabled", self.tier("tlsRequired")),
            self.value("other namespaces", list(namespaces), "spec.access.allowedNamespaces", own()),
            self.value("other addresses", list(cidrs), "spec.access.allowedCIDRs", own()),
            self.value("service", name_of(service_type), "spec.access.serviceType", own()),
            self.value("further users", list(&roles), "spec.access.roles", own()),
            self.value("metrics", !off, "spec.monitoring.enabled", own()),
            self.value("alerts", !(*off || *silent), "spec.monitoring.alerts", own()),
            self.value("log level", name_of(log_level), "spec.monitoring.logLevel", own()),
            self.value("audit log", audit, "spec.monitoring.audit", own()),
            self.value("hibernated", hibernated, "spec.lifecycle.hibernated", own()),
            self.value(
                "deletion",
                name_of(deletion_policy),
                "spec.lifecycle.deletionPolicy",
                self.tier("deletionPolicy"),
            ),
            self.value("protected", deletion_protection, "spec.lifecycle.deletionProtection", protected()),
            self.value(
                "maintenance",
                if windows.is_empty() { "at any time".into() } else { windows.join(", ") },
                "spec.maintenance.windows",
                self.tier("maintenance.windows"),
            ),
            self.value("patch releases", !pinned, "spec.maintenance.autoUpgrade", self.tier("maintenance.autoUpgrade")),
        ];
        values.extend(schedule.as_ref().map(|schedule| {
            let value = format!("from {} to {} {zone}", schedule.sleep, schedule.wake);
            self.value("asleep", value, "spec.lifecycle.schedule", own())
        }));
        if *console {
            values.push(self.value("web console", console, "spec.access.console", own()));
        }
        values.extend(terms.rotation.as_ref().map(|interval| {
            let value = format!("every {interval}");
            self.value("rotation of credentials", value, "spec.credentials.rotation.interval", own())
        }));
        values.extend(expires.as_ref().map(|expires| self.value("expires", expires, "spec.lifecycle.expires", own())));
        values.extend(
            terms.consul.as_ref().map(|path| self.value("path in Consul", path, "spec.credentials.consul.path", own())),
        );
        values.extend(
            queries.as_ref().map(|queries| self.value("custom queries", queries, "spec.monitoring.queries", own())),
        );
        values.extend(terms.issuer.as_ref().map(|issuer| {
            let value = format!("{} {}", name_of(&issuer.kind), issuer.name);
            Effective { what: "certificates", value, origin: self.tier("certificateIssuer") }
        }));
        values.extend(terms.standby.as_ref().map(|standby| {
            let origin = format!("TierDefaults.regions.{}.destination", standby.region);
            let value = format!("in {}, with backups to {}", standby.region, standby.destination.path);
            self.value("standby", value, "spec.disasterRecovery.region", Origin::Policy(origin))
        }));
        if let crate::api::plan::Delivery::Object(delivery) = &terms.delivery {
            let placed = terms.database.claim.as_ref().map(|_| {
                let DatabaseName { namespace, name, .. } = &terms.database;
                format!(", into the namespace {namespace}, as {name}")
            });
            let value =
                format!("by the provider configuration {}{}", delivery.provider_config, placed.unwrap_or_default());
            let notes = &self.plan.notes;
            let origin = match &notes.primary {
                Some(region) => delivered::of_region(region),
                None => delivered::path(terms.environment, &notes.delivered_by),
            };
            values.push(self.value("delivery", value, "spec.disasterRecovery.primary", Origin::Policy(origin)));
        }
        values
    }

    /// Settings of the engine, its extensions.
    fn settings(&self) -> Vec<Effective> {
        let terms = &self.plan.terms;
        let parameter = |(name, value): (&&str, &&str)| Effective {
            what: "parameter",
            value: format!("{name} = {value}"),
            origin: match terms.parameters.contains_key(*name) {
                true => Origin::Claim(path::key("spec.parameters", name)),
                false => Origin::Derived(format!("tuned for {} of memory", terms.memory)),
            },
        };
        let parameters = self.plan.parameters();
        let extension = |name: &String| Effective {
            what: "extension",
            value: name.clone(),
            origin: Origin::Claim("spec.extensions".into()),
        };
        parameters.iter().map(parameter).chain(terms.extensions.keys().map(extension)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::{plan, policy};
    use serde_json::json;

    #[test]
    fn a_value_says_where_it_comes_from() {
        let changes = json!({"replicas": 5, "parameters": {"max_connections": "150"}});
        let claim = json!({"spec": {"name": "orders", "environment": "prod", "size": "medium", "storage": "20Gi", "replicas": 5}});
        let values = values(&claim, &plan("prod", changes), &policy(), &ApprovalGate::default());
        let claim = |path: &str| Origin::Claim(path.into());
        let from = |path: &str| Origin::Policy(format!("TierDefaults.{path}"));
        let cases = [
            ("members", "5", claim("spec.replicas")),
            ("version", "17", from("engines.postgresql.defaultVersion")),
            ("cpu", "2", from("sizes.medium.cpu")),
            ("synchronous replicas", "1", from("environments.prod.synchronousReplicas")),
            ("deletion", "Snapshot", from("environments.prod.deletionPolicy")),
            ("backups kept", "30d", from("environments.prod.backup.retention.default")),
            ("parameter", "max_connections = 150", claim("spec.parameters.max_connections")),
            ("parameter", "shared_buffers = 2GB", Origin::Derived("tuned for 8Gi of memory".into())),
            ("approval", "of 1, for each change", Origin::Policy("ApprovalGate.environments".into())),
        ];
        for (what, value, origin) in cases {
            assert!(values.contains(&Effective { what, value: value.into(), origin }), "{what}: {values:#?}");
        }
    }

    /// Every place of the policy that is named is one.
    #[test]
    fn named_places_of_the_policy_exist() {
        let tiers = policy();
        let written = json!({"TierDefaults": tiers, "ApprovalGate": ApprovalGate::default()});
        for environment in ["dev", "staging", "prod"] {
            let size = if environment == "prod" { "medium" } else { "small" };
            let claim = json!({"spec": {"size": size}});
            assert_eq!(at(&claim, "spec[\"size\"]"), Some(&json!(size)));
            for Effective { what, origin, .. } in
                values(&claim, &plan(environment, json!({})), &tiers, &ApprovalGate::default())
            {
                if let Origin::Policy(path) = origin {
                    assert!(at(&written, &path).is_some(), "{what}: {path}");
                }
            }
        }
    }
}
