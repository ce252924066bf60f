//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs. The operator
//! makes one member of each shard after the other anew, and moves the primary away before it is its turn.

use super::cluster::{gateways, overrides, pools};
use crate::api::plan::{Plan, Terms};
use crate::api::problem::Problem;
use crate::api::status::Class;
use crate::operators::change::{self, Classes};

pub fn class(from: &Plan, to: &Plan) -> Class {
    let same = overrides(from) == overrides(to) && pools(from) == pools(to);
    let parameters = if same { Class::None } else { Class::Restart };
    let destination = |plan: &Plan| plan.terms.backup.as_ref().map(|backup| backup.destination.clone());
    let classes = Classes {
        // It runs one line.
        version: Class::Refused,
        release: release(&from.notes.release, &to.notes.release),
        // New ones are made of the last backup, and those that go are drained.
        replicas: Class::Online,
        // Somebody has to move the rows.
        shards: Class::Refused,
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        // Members are made anew on a volume that grew.
        storage: Class::Restart,
        placement: Class::Restart,
        // The members know where backups are.
        backup: if destination(from) == destination(to) { Class::Online } else { Class::Restart },
        pooling: Class::Online,
        parameters,
        extensions: Class::Refused,
        // Of the way in.
        tls: Class::Restart,
        monitoring: parameters.max(Class::Online),
        hibernation: Class::Refused,
    };
    let class = change::class(from, to, &classes);
    if gateways(&to.terms) < gateways(&from.terms) { class.max(Class::Restart) } else { class }
}

/// Vitess goes from one major release to the next, and not back (Vitess 24, "Upgrading Vitess").
fn release(from: &str, to: &str) -> Class {
    match (major(from), major(to)) {
        (Some(from), Some(to)) if to < from || to > from + 1 => Class::Refused,
        _ => Class::Restart,
    }
}

/// 24 of `vitess/lite:v24.0.0-mysql84`.
fn major(image: &str) -> Option<u32> {
    let (_, tag) = image.rsplit_once(":v")?;
    tag.split('.').next()?.parse().ok()
}

/// What only somebody's hands can change.
pub fn fixed(from: &Terms, to: &Terms) -> Vec<Problem> {
    let differences = [
        (
            "spec.shards",
            from.shards.to_string(),
            to.shards.to_string(),
            "Vitess moves rows to other shards by hand only",
        ),
        ("spec.version", from.version.clone(), to.version.clone(), "Vitess stays on the release line it was made with"),
    ];
    let differs = differences.into_iter().filter(|(_, from, to, _)| from != to);
    differs
        .map(|(path, from, _, wrong)| {
            Problem::new(path, wrong, format!("write {from}, or make another database and move the data"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn each_term_has_its_class() {
        #[rustfmt::skip]
        let cases = [
            ("/terms/version",                  json!("9.7"),                         Class::Refused),
            ("/terms/replicas",                 json!(5),                             Class::Online),
            ("/terms/replicas",                 json!(1),                             Class::Restart),
            ("/terms/shards",                   json!(4),                             Class::Refused),
            ("/terms/synchronousReplicas",      json!(1),                             Class::Online),
            ("/terms/memory",                   json!("8Gi"),                         Class::Restart),
            ("/terms/storage",                  json!("40Gi"),                        Class::Restart),
            ("/terms/storage",                  json!("10Gi"),                        Class::Refused),
            ("/terms/placement",                json!("Required"),                    Class::Restart),
            ("/terms/backup/schedule",          json!("0 3 * * *"),                   Class::Online),
            ("/terms/backup/destination/path",  json!("s3://other/path"),             Class::Restart),
            ("/terms/parameters",               json!({"max_connections": "50"}),     Class::Restart),
            ("/terms/tls",                      json!(true),                          Class::Restart),
            ("/terms/monitoring",               json!({"logLevel": "error"}),         Class::Restart),
            ("/terms/monitoring",               json!({"silent": true}),              Class::Online),
            ("/notes/release",                  json!("vitess/lite:v24.0.1-mysql84"), Class::Restart),
            ("/notes/release",                  json!("vitess/lite:v25.0.0-mysql84"), Class::Restart),
            ("/notes/release",                  json!("vitess/lite:v26.0.0-mysql84"), Class::Refused),
            ("/notes/release",                  json!("vitess/lite:v23.0.3-mysql84"), Class::Refused),
            ("/notes/tuned/max_connections",    json!("151"),                         Class::Restart),
            ("/notes/tuned/group_replication_message_cache_size", json!("1GB"),       Class::None),
            ("/notes/owner",                    json!("group:default/other"),         Class::None),
        ];
        for (path, value, expected) in cases {
            let from = plan(json!({}));
            let mut to = serde_json::to_value(&from).unwrap();
            let (parent, name): (&str, &str) = path.rsplit_once('/').unwrap();
            let value: Value = value;
            to.pointer_mut(parent).unwrap()[name] = value.clone();
            let to: Plan = serde_json::from_value(to).unwrap();
            assert_ne!(from, to, "{path} {value} changes nothing");
            assert_eq!(class(&from, &to), expected, "{path} {value}");
            assert_eq!(class(&to, &to), Class::None, "{path} {value} against itself");
        }
    }
}
