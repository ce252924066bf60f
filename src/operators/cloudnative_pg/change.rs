//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use super::cluster;
use crate::api::plan::{Backup, Plan};
use crate::api::status::Class;
use crate::operators::change::{self, Classes};
use crate::operators::postgresql;

/// The first release line that the operator upgrades to in place (CloudNativePG 1.30, its webhook).
const FIRST_UPGRADE: u32 = 16;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let settings = postgresql::settings_change(&cluster::parameters(from), &cluster::parameters(to));
    let classes = Classes {
        version: upgrade(&from.terms.version, &to.terms.version),
        release: Class::Restart,
        // Replicas come and go beside the primary.
        replicas: Class::Online,
        shards: Class::Refused,
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        storage: Class::Online,
        // It stands in the pods, which Kubernetes only takes anew.
        placement: Class::Restart,
        backup: backup_change(from.terms.backup.as_ref(), to.terms.backup.as_ref()),
        pooling: Class::Online,
        parameters: settings,
        extensions: Class::Online,
        // Rules of authentication are reloaded.
        tls: Class::Online,
        // What is logged is a setting, and who did what is logged by a library.
        monitoring: settings.max(Class::Online),
        // All members stop and start.
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}

fn upgrade(from: &str, to: &str) -> Class {
    match to.parse::<u32>() {
        Ok(to) if to < FIRST_UPGRADE => Class::Refused,
        _ => postgresql::upgrade(from, to),
    }
}

/// The plugin works in a container beside each member, which comes and goes with the backups and carries what a
/// compatible store needs (barman-cloud plugin 0.14, "Configuring the plugin instance sidecar").
fn backup_change(from: Option<&Backup>, to: Option<&Backup>) -> Class {
    let container = |backup: Option<&Backup>| backup.map(|backup| backup.destination.endpoint.is_some());
    if container(from) == container(to) { Class::Online } else { Class::Restart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    /// The plan of a small claim in staging, with pooling, and with `value` at `path`.
    fn changed(path: &str, value: Value) -> (Plan, Plan) {
        let from = example::plan("staging", json!({"pooling": {"enabled": true}}));
        let to = example::changed(&from, path, value);
        (from, to)
    }

    #[test]
    fn each_term_has_its_class() {
        let keys = json!({"secret": {"name": "other", "accessKeyId": "A", "secretAccessKey": "B"}});
        #[rustfmt::skip]
        let cases = [
            ("/terms/database/inside",          json!("other"),                       Class::Refused),
            ("/terms/database/namespace",       json!("other"),                       Class::Refused),
            ("/terms/environment",              json!("dev"),                         Class::Refused),
            ("/terms/engine",                   json!("mysql"),                       Class::Refused),
            ("/terms/version",                  json!("18"),                          Class::Restart),
            ("/terms/version",                  json!("16"),                          Class::Refused),
            ("/terms/version",                  json!("new"),                         Class::Refused),
            ("/terms/topology",                 json!("Standalone"),                  Class::Refused),
            ("/terms/replicas",                 json!(1),                             Class::Online),
            ("/terms/replicas",                 json!(5),                             Class::Online),
            ("/terms/shards",                   json!(2),                             Class::Refused),
            ("/terms/synchronousReplicas",      json!(1),                             Class::Online),
            ("/terms/cpu",                      json!("2"),                           Class::Restart),
            ("/terms/memory",                   json!("8Gi"),                         Class::Restart),
            ("/terms/cpuRequest",               json!("1"),                           Class::Restart),
            ("/terms/storage",                  json!("40Gi"),                        Class::Online),
            ("/terms/storage",                  json!("10Gi"),                        Class::Refused),
            ("/terms/storageClass",             json!("fast-ssd"),                    Class::Refused),
            ("/terms/placement",                json!("Required"),                    Class::Restart),
            ("/terms/backup",                   Value::Null,                          Class::Restart),
            ("/terms/backup/schedule",          json!("0 3 * * *"),                   Class::Online),
            ("/terms/backup/retention",         json!("30d"),                         Class::Online),
            ("/terms/backup/continuous",        json!(false),                         Class::Online),
            ("/terms/backup/destination/path",  json!("s3://other/path"),             Class::Online),
            ("/terms/backup/destination/access", keys,                                Class::Online),
            ("/terms/backup/destination/endpoint", json!("https://s3.example.org"),   Class::Restart),
            ("/terms/pooling",                  Value::Null,                          Class::Online),
            ("/terms/pooling/instances",        json!(3),                             Class::Online),
            ("/terms/parameters",               json!({"work_mem": "8MB"}),           Class::Online),
            ("/terms/parameters",               json!({"max_connections": "50"}),     Class::Restart),
            ("/terms/parameters",               json!({"pgaudit.log": "all"}),        Class::Restart),
            // The same as tuned: nothing happens, but it is not no change.
            ("/terms/parameters",               json!({"huge_pages": "off"}),         Class::Online),
            ("/terms/extensions",               json!({"pgvector": "vector"}),        Class::Online),
            ("/terms/credentials",              json!("Operator"),                    Class::Online),
            ("/terms/access",                   json!({"namespaces": ["web"]}),       Class::Online),
            ("/terms/tls",                      json!(true),                          Class::Online),
            ("/terms/monitoring",               json!({"logLevel": "debug"}),         Class::Online),
            ("/terms/monitoring",               json!({"audit": true}),               Class::Restart),
            ("/terms/maintenance",              json!({"timeZone": "Europe/Oslo"}),   Class::Online),
            ("/terms/lifecycle",                json!({"deletionPolicy": "Retain"}),  Class::Online),
            ("/terms/lifecycle",                json!({"hibernated": true}),          Class::Restart),
            ("/terms/delivery",                 json!({"object": {"providerConfig": "other"}}), Class::Refused),
            ("/requests",                       json!({"backup": "2", "urgent": true}), Class::None),
            ("/notes/release",                    json!("postgresql:17.8"),             Class::Restart),
            ("/notes/tuned/work_mem",           json!("9MB"),                         Class::Online),
            ("/notes/tuned/shared_buffers",     json!("600MB"),                       Class::Restart),
            ("/notes/owner",                    json!("group:default/other"),         Class::None),
            ("/notes/monthlyCost",              json!("EUR 1"),                       Class::None),
        ];
        for (path, value, expected) in cases {
            let (from, to) = changed(path, value.clone());
            assert_ne!(from, to, "{path} {value} changes nothing");
            assert_eq!(class(&from, &to), expected, "{path} {value}");
            assert_eq!(class(&to, &to), Class::None, "{path} {value} against itself");
        }
    }

    #[test]
    fn the_most_severe_class_wins() {
        let (from, mut to) = changed("/terms/replicas", json!(3));
        assert_eq!(class(&from, &to), Class::Online);
        to.notes.release = "postgresql:17.8".into();
        assert_eq!(class(&from, &to), Class::Restart);
        to.terms.shards = 2;
        assert_eq!(class(&from, &to), Class::Refused);
    }

    #[test]
    fn the_operator_upgrades_to_16_and_newer() {
        let (mut from, mut to) = changed("/terms/replicas", json!(2));
        for (old, new, expected) in [("14", "15", Class::Refused), ("14", "16", Class::Restart)] {
            (from.terms.version, to.terms.version) = (old.into(), new.into());
            assert_eq!(class(&from, &to), expected, "{old} -> {new}");
        }
    }
}
