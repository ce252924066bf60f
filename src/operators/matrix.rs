//! What each operator can, for people. In: the features of all of them. Out: `docs/operators.md`. Must not say more than the
//! features do.

use super::{AtRest, Encryption, Features, Restores, name_of, of};
use crate::api::claim::Engine;
use crate::api::plan::Operator;
use std::fmt::Write as _;

const HEAD: &str = "# What each operator can

Generated from `Features` in `src/operators` by `UPDATE=1 cargo test --test generated`. Which operator stands behind an engine, and
in which environment, is the platform's choice in `TierDefaults`; asking for what it cannot do is an error that names the ones that
can.
";

type Cell = fn(&Features) -> String;

const ROWS: [(&str, Cell); 24] = [
    ("High availability", |it| members(it)),
    ("Read replicas", |it| yes(it.read_replicas)),
    ("Shards", |it| it.shards.map_or_else(|| yes(false), |shards| format!("{} to {}", shards.least, shards.most))),
    ("Topologies", |it| listed(it.topologies)),
    ("Automated backup", |it| methods(it)),
    ("Object stores", |it| listed(it.stores)),
    ("Backup on demand", |it| yes(it.backup_on_demand)),
    ("Point-in-time recovery", |it| yes(it.point_in_time)),
    ("Pooling", |it| yes(it.pooling)),
    ("Extensions", |it| yes(it.extensions)),
    ("Encrypted connections", |it| encryption(it).into()),
    ("Encryption at rest", |it| at_rest(it).into()),
    ("Pods for a restricted namespace", |it| yes(it.restricted)),
    ("Audit log", |it| yes(it.audit)),
    ("Hibernation", |it| yes(it.hibernation)),
    ("Restore", |it| restore(it).into()),
    ("Restore over running data", |it| yes(it.in_place)),
    ("Restore drills", |it| yes(it.drills())),
    ("Standby in another region", |it| yes(it.standby.is_some())),
    ("Load balancer", |it| yes(it.load_balancer)),
    ("Custom metric queries", |it| yes(it.custom_queries)),
    ("Roles of the claim, users by Vault", |it| yes(it.roles)),
    ("Rotation of credentials", |it| yes(it.roles)),
    ("Web console", |it| yes(it.console)),
];

pub fn markdown() -> String {
    let mut text = HEAD.to_string();
    for engine in Engine::ALL {
        let features = Operator::ALL.into_iter().map(|operator| (name_of(&operator), of(operator).features()));
        let of_engine: Vec<(String, Features)> = features.filter(|(_, features)| features.engine == engine).collect();
        if of_engine.is_empty() {
            continue;
        }
        let names: Vec<&str> = of_engine.iter().map(|(name, _)| name.as_str()).collect();
        // Writing to a text cannot fail.
        let _ = write!(text, "\n## {}\n\n| | {} |\n|---|", name_of(&engine), names.join(" | "));
        text.push_str(&"---|".repeat(names.len()));
        text.push('\n');
        for (row, cell) in ROWS {
            let cells: Vec<String> = of_engine.iter().map(|(_, features)| cell(features)).collect();
            let _ = writeln!(text, "| {row} | {} |", cells.join(" | "));
        }
    }
    text
}

fn yes(can: bool) -> String {
    if can { "yes" } else { "no" }.into()
}

fn members(features: &Features) -> String {
    let odd = if features.odd_replicas { ", odd" } else { "" };
    match features.most_replicas {
        1 => yes(false),
        most => format!("up to {most} members{odd}"),
    }
}

fn methods(features: &Features) -> String {
    match features.backup_methods {
        [] => yes(false),
        _ => name_of(&features.best_backup_method()),
    }
}

fn encryption(features: &Features) -> &'static str {
    match features.encryption {
        Encryption::Never => "no",
        Encryption::Own => "own certificates",
        Encryption::Issued => "certificates of the platform's issuer",
    }
}

fn at_rest(features: &Features) -> &'static str {
    match features.at_rest {
        AtRest::Operator => "its own, key in a Secret",
        AtRest::Service => "the service's",
        AtRest::Volume => "the storage class's",
    }
}

/// What runs is put to sleep before another generation serves in its place.
fn restore(features: &Features) -> &'static str {
    match features.restore {
        Restores::Never => "no",
        Restores::Archive | Restores::Backup if features.hibernation => "yes",
        Restores::Archive | Restores::Backup => "into a new database",
    }
}

fn listed(names: &[impl serde::Serialize]) -> String {
    names.iter().map(name_of).collect::<Vec<_>>().join(", ")
}
