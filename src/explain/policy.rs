//! The policy as tables. In: the inputs of the first two steps. Out: what each environment allows, sizes, engines, versions,
//! settings, who must agree. Must not know a claim.

use super::Table;
use crate::api::approval::OperationKind;
use crate::api::claim::{DeletionPolicy, Environment};
use crate::api::input::tier_defaults::{Continuous, ObjectDelivery, ParameterRule, Tier, TierEngine};
use crate::api::input::{ApprovalGate, Limits, TierDefaults};
use crate::operators::name_of;

type Cell = fn(&Tier) -> String;

/// In the order in which somebody who writes a claim asks.
pub fn tables(tiers: &TierDefaults, gate: &ApprovalGate) -> Vec<Table> {
    let tables = [
        environments(tiers, gate),
        sizes(tiers),
        engines(tiers),
        exceptions(tiers),
        versions(tiers),
        parameters(tiers),
        extensions(tiers),
        quotas(tiers),
        places(tiers),
        approvals(gate),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn table<const N: usize>(title: &str, columns: [&str; N]) -> Table {
    Table { title: title.into(), columns: columns.map(String::from).into(), rows: vec![] }
}

fn environments(tiers: &TierDefaults, gate: &ApprovalGate) -> Table {
    let rows: [(&str, Cell); 13] = [
        ("sizes", |tier| tier.sizes.join(", ")),
        ("members", |tier| {
            format!("{}, {} to {}", tier.replicas.default, tier.replicas.minimum, tier.replicas.maximum)
        }),
        ("storage of a member", |tier| format!("{} to {}", tier.storage.minimum, tier.storage.maximum)),
        ("cpu guaranteed", |tier| format!("{}%", tier.cpu_request)),
        ("backups", |tier| format!("{}{}", tier.backup.schedule, if tier.backup.required { ", required" } else { "" })),
        ("backups kept", |tier| {
            let kept = &tier.backup.retention;
            format!("{}, {} to {}", kept.default, kept.minimum, kept.maximum)
        }),
        ("continuous backups", |tier| match tier.backup.continuous {
            Continuous::Off => "if asked for".into(),
            Continuous::WhereSupported => "where the operator can".into(),
            Continuous::Required => "always where the operator can".into(),
        }),
        ("restore drills", |tier| {
            tier.backup
                .drill_every
                .as_ref()
                .map_or("none".into(), |every| format!("every {every}, where the operator can"))
        }),
        ("encrypted only", |tier| yes(tier.tls_required)),
        ("members on different nodes", |tier| name_of(&tier.placement).to_lowercase()),
        ("synchronous replicas", |tier| tier.synchronous_replicas.to_string()),
        ("deletion", |tier| match tier.deletion_policy {
            DeletionPolicy::Delete => "the data goes".into(),
            DeletionPolicy::Snapshot => "protected; the data goes after a last backup".into(),
            DeletionPolicy::Retain => "the data stays".into(),
        }),
        ("credentials", |tier| name_of(&tier.credentials)),
    ];
    let mut columns = vec![String::new()];
    columns.extend(tiers.environments.keys().map(name_of));
    let row = |(what, cell): (&str, Cell)| {
        std::iter::once(what.to_string()).chain(tiers.environments.values().map(cell)).collect()
    };
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(row).collect();
    let approval = |environment: &Environment| match gate.environments.contains(environment) {
        true => gate.operations.iter().map(name_of).collect::<Vec<_>>().join(", "),
        false => "none".into(),
    };
    rows.push(std::iter::once("needs approval".to_string()).chain(tiers.environments.keys().map(approval)).collect());
    Table { title: "Environments".into(), columns, rows }
}

fn sizes(tiers: &TierDefaults) -> Table {
    let mut table = table("Sizes, of each member", ["size", "cpu", "memory", "a month"]);
    for (name, size) in tiers.from_small_to_large() {
        let cost = tiers.prices.as_ref().map(|prices| {
            let cost = size.cpu.0 as f64 / 1_000.0 * prices.cpu + size.memory.gibibytes() * prices.memory;
            format!("{} {}", prices.currency, cost.ceil())
        });
        table.rows.push(vec![name.clone(), size.cpu.to_string(), size.memory.to_string(), cost.unwrap_or_default()]);
    }
    table
}

fn engines(tiers: &TierDefaults) -> Table {
    let mut table = table("Engines", ["engine", "operator", "version", "least memory", "not offered in"]);
    for (engine, policy) in &tiers.engines {
        let missing = |tier: &Tier| tier.engines.get(engine).is_some_and(|row| row.offered == Some(false));
        let missing = tiers.environments.iter().filter(|(_, tier)| missing(tier)).map(|(name, _)| name_of(name));
        table.rows.push(vec![
            name_of(engine),
            name_of(&policy.operator),
            policy.default_version.clone(),
            policy.minimum_memory.map(|memory| memory.to_string()).unwrap_or_default(),
            missing.collect::<Vec<_>>().join(", "),
        ]);
    }
    table
}

fn exceptions(tiers: &TierDefaults) -> Table {
    let mut table = table("What differs for an engine", ["environment", "engine", "differs"]);
    for (environment, tier) in &tiers.environments {
        for (engine, row) in &tier.engines {
            let TierEngine { offered: _, operator, replicas, minimum_memory, destination } = row;
            let parts = [
                operator.map(|operator| format!("on {}", name_of(&operator))),
                replicas.map(|it| format!("{} members, {} to {}", it.default, it.minimum, it.maximum)),
                minimum_memory.map(|memory| format!("{memory} of memory or more")),
                destination.as_ref().map(|name| format!("backups to {name}")),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            if !parts.is_empty() {
                table.rows.push(vec![name_of(environment), name_of(engine), parts.join(", ")]);
            }
        }
    }
    table
}

fn versions(tiers: &TierDefaults) -> Table {
    let mut table = table("Versions", ["engine", "version", "fixes until", "for", "release"]);
    for (engine, policy) in &tiers.engines {
        for (line, version) in policy.versions.iter().rev() {
            let whom = match (version.offered, *line == policy.default_version) {
                (false, _) => "existing databases only",
                (true, true) => "all, default",
                (true, false) => "all",
            };
            let releases: Vec<String> = version
                .releases
                .iter()
                .map(|(operator, release)| format!("{}: {release}", name_of(operator)))
                .collect();
            let row = [name_of(engine), line.clone(), version.end_of_life.clone(), whom.into(), releases.join(", ")];
            table.rows.push(row.into());
        }
    }
    table
}

fn parameters(tiers: &TierDefaults) -> Table {
    let mut table = table("Settings that a claim may change", ["engine", "parameter", "values"]);
    for (engine, policy) in &tiers.engines {
        for (name, rule) in &policy.parameters {
            let values = match rule {
                ParameterRule::Integer(range) => format!("{} to {}", range.minimum, range.maximum),
                ParameterRule::Memory(range) => format!("{} to {}", range.minimum, range.maximum),
                ParameterRule::Duration(range) => {
                    format!("{} to {} ms", range.minimum_milliseconds, range.maximum_milliseconds)
                }
                ParameterRule::Boolean {} => "on, off".into(),
                ParameterRule::OneOf(values) => values.join(", "),
            };
            table.rows.push(vec![name_of(engine), name.clone(), values]);
        }
    }
    table
}

fn extensions(tiers: &TierDefaults) -> Table {
    let mut table = table("Extensions", ["engine", "extensions"]);
    for (engine, policy) in tiers.engines.iter().filter(|(_, policy)| !policy.extensions.is_empty()) {
        let names: Vec<&str> = policy.extensions.keys().map(String::as_str).collect();
        table.rows.push(vec![name_of(engine), names.join(", ")]);
    }
    table
}

fn quotas(tiers: &TierDefaults) -> Table {
    let columns = ["of", "environment", "databases", "cpu", "memory", "storage", "a month"];
    let mut table = table("Quotas, of all databases together", columns);
    for (scope, limits) in [("each namespace", &tiers.quotas.namespaces), ("each owner", &tiers.quotas.owners)] {
        let named = limits.named.iter().flat_map(|(name, rows)| rows.iter().map(move |row| (name.as_str(), row)));
        let rows = limits.each.iter().map(|row| (scope, row)).chain(named);
        for (of, (environment, Limits { databases, cpu, memory, storage, monthly_cost })) in rows {
            table.rows.push(vec![
                of.into(),
                name_of(environment),
                text(databases.as_ref()),
                text(cpu.as_ref()),
                text(memory.as_ref()),
                text(storage.as_ref()),
                text(monthly_cost.as_ref()),
            ]);
        }
    }
    table
}

fn places(tiers: &TierDefaults) -> Table {
    let mut table = table("Where things go", ["", ""]);
    for (name, destination) in &tiers.destinations {
        table.rows.push(vec![format!("backups, {name}"), destination.path.clone()]);
    }
    for (name, region) in &tiers.regions {
        let cluster = ObjectDelivery::delivery(region.object_delivery.as_ref()).place();
        table.rows.push(vec![format!("standbys, {name}"), format!("{cluster}, backups to {}", region.destination)]);
    }
    if !tiers.storage_classes.is_empty() {
        table.rows.push(vec!["storage classes".into(), tiers.storage_classes.join(", ")]);
    }
    table
}

fn approvals(gate: &ApprovalGate) -> Table {
    let mut table = table("Approvals", ["", ""]);
    if gate.environments.is_empty() || gate.operations.is_empty() {
        return table;
    }
    let deletes = if gate.operations.contains(&OperationKind::Delete) { ", a deletion" } else { "" };
    let rows = [
        ("different approvers".to_string(), gate.approvers.to_string()),
        (format!("for a rebuild, a loss of data{deletes}"), gate.approvers_of_heavy_changes.to_string()),
        ("longest validity".into(), format!("{} days", gate.valid_days)),
        ("signatures".into(), name_of(&gate.signatures).to_lowercase()),
    ];
    table.rows = rows.map(|(what, value)| vec![what, value]).into();
    table
}

fn yes(value: bool) -> String {
    if value { "yes".into() } else { "no".into() }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
