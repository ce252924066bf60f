//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.
//!
//! The operator makes the members' StatefulSet and the file of MySQL's settings once, and of later changes takes only those
//! that it has a handler for (`operator_cluster.py` of its release): `instances`, `version`, `router.instances`, `metrics`,
//! `backupSchedules` and a few more. The rest it drops without a word, so it is refused here.

use super::cluster::routers;
use crate::api::plan::{Plan, Terms};
use crate::api::problem::Problem;
use crate::api::status::Class;
use crate::operators::change::{self, Classes};

pub fn class(from: &Plan, to: &Plan) -> Class {
    let classes = Classes {
        // It runs one line.
        version: Class::Refused,
        // One member after the other, the primary too.
        release: Class::Restart,
        replicas: Class::Online,
        shards: Class::Refused,
        // A majority has every commit in any case.
        synchronous_replicas: Class::None,
        size: Class::Refused,
        storage: Class::Refused,
        placement: Class::Refused,
        backup: Class::Online,
        pooling: Class::Online,
        // What is tuned anew waits for the next generation.
        parameters: if from.terms.parameters == to.terms.parameters { Class::None } else { Class::Refused },
        extensions: Class::Refused,
        tls: Class::Refused,
        monitoring: monitoring(from, to),
        hibernation: Class::Refused,
    };
    let class = change::class(from, to, &classes);
    // Clients of a router that goes must come again.
    if routers(&to.terms) < routers(&from.terms) { class.max(Class::Restart) } else { class }
}

/// What a claim can ask for and the operator never does, in the claim's own words.
pub fn fixed(from: &Terms, to: &Terms) -> Vec<Problem> {
    let differences = [
        ("spec.size", (from.cpu, from.memory) != (to.cpu, to.memory)),
        // Less is refused for every operator.
        ("spec.storage", from.storage < to.storage),
        ("spec.parameters", from.parameters != to.parameters),
        ("spec.tls.enabled", from.tls != to.tls),
        ("spec.monitoring.logLevel", from.monitoring.log_level != to.monitoring.log_level),
        ("spec.version", from.version != to.version),
    ];
    let problem = |path| {
        let wrong = "InnoDBCluster reads it only when the database is made";
        Problem::new(path, wrong, "take it back, or make another database and move the data")
    };
    differences.into_iter().filter(|(_, differs)| *differs).map(|(path, _)| problem(path)).collect()
}

/// The exporter is a container of the members' pods; what is logged is a setting.
fn monitoring(from: &Plan, to: &Plan) -> Class {
    let (from, to) = (&from.terms.monitoring, &to.terms.monitoring);
    if from.log_level != to.log_level {
        Class::Refused
    } else if from.off != to.off {
        Class::Restart
    } else {
        Class::Online
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    fn changed(path: &str, value: Value) -> (Plan, Plan) {
        let from = example::plan("staging", json!({"engine": "mysql", "pooling": {"enabled": true, "instances": 3}}));
        let to = example::changed(&from, path, value);
        (from, to)
    }

    #[test]
    fn each_term_has_its_class() {
        #[rustfmt::skip]
        let cases = [
            ("/terms/version",                  json!("9.7"),                         Class::Refused),
            ("/terms/replicas",                 json!(5),                             Class::Online),
            ("/terms/replicas",                 json!(1),                             Class::Online),
            ("/terms/synchronousReplicas",      json!(1),                             Class::None),
            ("/terms/cpu",                      json!("2"),                           Class::Refused),
            ("/terms/memory",                   json!("8Gi"),                         Class::Refused),
            ("/terms/cpuRequest",               json!("1"),                           Class::Refused),
            ("/terms/storage",                  json!("40Gi"),                        Class::Refused),
            ("/terms/storageClass",             json!("fast-ssd"),                    Class::Refused),
            ("/terms/placement",                json!("Required"),                    Class::Refused),
            ("/terms/backup",                   Value::Null,                          Class::Online),
            ("/terms/backup/schedule",          json!("0 3 * * *"),                   Class::Online),
            ("/terms/backup/retention",         json!("30d"),                         Class::Online),
            ("/terms/backup/destination/path",  json!("s3://other/path"),             Class::Online),
            ("/terms/pooling",                  Value::Null,                          Class::Restart),
            ("/terms/pooling/instances",        json!(2),                             Class::Restart),
            ("/terms/pooling/instances",        json!(4),                             Class::Online),
            ("/terms/parameters",               json!({"max_connections": "50"}),     Class::Refused),
            ("/terms/credentials",              json!("Operator"),                    Class::Online),
            ("/terms/access",                   json!({"namespaces": ["web"]}),       Class::Online),
            ("/terms/tls",                      json!(true),                          Class::Refused),
            ("/terms/monitoring",               json!({"logLevel": "debug"}),         Class::Refused),
            ("/terms/monitoring",               json!({"off": true}),                 Class::Restart),
            ("/terms/monitoring",               json!({"silent": true}),              Class::Online),
            ("/terms/lifecycle",                json!({"deletionPolicy": "Retain"}),  Class::Online),
            ("/notes/release",                  json!("8.4.99"),                      Class::Restart),
            ("/notes/tuned/max_connections",    json!("151"),                         Class::None),
            ("/notes/owner",                    json!("group:default/other"),         Class::None),
        ];
        for (path, value, expected) in cases {
            let (from, to) = changed(path, value.clone());
            assert_ne!(from, to, "{path} {value} changes nothing");
            assert_eq!(class(&from, &to), expected, "{path} {value}");
            assert_eq!(class(&to, &to), Class::None, "{path} {value} against itself");
            assert!(fixed(&from.terms, &to.terms).is_empty() || expected == Class::Refused, "{path} {value}");
        }
    }

    #[test]
    fn what_it_refuses_is_named_in_the_claims_words() {
        let cases = [
            ("/terms/memory", json!("8Gi"), Some("spec.size")),
            ("/terms/storage", json!("40Gi"), Some("spec.storage")),
            ("/terms/parameters", json!({"wait_timeout": "50"}), Some("spec.parameters")),
            ("/terms/tls", json!(true), Some("spec.tls.enabled")),
            ("/terms/monitoring", json!({"logLevel": "debug"}), Some("spec.monitoring.logLevel")),
            ("/terms/replicas", json!(5), None),
            ("/terms/storage", json!("10Gi"), None),
        ];
        for (path, value, expected) in cases {
            let (from, to) = changed(path, value);
            let found: Vec<String> = fixed(&from.terms, &to.terms).iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), expected.iter().count(), "{path}");
            assert!(
                expected.is_none_or(|expected| found[0].starts_with(&format!("{expected}: "))),
                "{path}: {found:?}"
            );
        }
    }
}
