//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.
//!
//! The operator restarts members one by one and waits for each, so that an index with replicas goes on serving; one without
//! any does not, and nobody here knows the indices: whatever is new in a pod is a restart.

use crate::api::destination::Destination;
use crate::api::plan::{Backup, Plan};
use crate::api::status::Class;
use crate::operators::change::{self, Classes};

pub fn class(from: &Plan, to: &Plan) -> Class {
    let logged = |plan: &Plan| (plan.terms.monitoring.off, plan.terms.monitoring.log_level);
    let classes = Classes {
        version: upgrade(&from.terms.version, &to.terms.version),
        release: Class::Restart,
        // The operator moves the data away from a member before it goes.
        replicas: Class::Online,
        shards: Class::Refused,
        // A write waits for all copies of a shard that are there, whatever the plan says.
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        storage: Class::Online,
        placement: Class::Restart,
        backup: backup_change(from.terms.backup.as_ref(), to.terms.backup.as_ref()),
        pooling: Class::Refused,
        // They stand in a file that is read at the start.
        parameters: Class::Restart,
        extensions: Class::Refused,
        // Connections are always encrypted.
        tls: Class::Online,
        monitoring: if logged(from) == logged(to) { Class::Online } else { Class::Restart },
        hibernation: Class::Refused,
    };
    change::class(from, to, &classes)
}

/// Elasticsearch goes up within a major release, and from 8.19 to 9 (Elasticsearch 9, "Upgrade"); never down.
fn upgrade(from: &str, to: &str) -> Class {
    let line = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "99"));
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (line(from), line(to)) {
        (Some(from), Some(to)) if from == to => Class::None,
        (Some(from), Some(to)) if from.0 == to.0 && from < to => Class::Restart,
        (Some((8, minor)), Some((9, _))) if minor >= 19 => Class::Restart,
        _ => Class::Refused,
    }
}

/// Where the object store is and how members sign in there stands in their settings; the rest is the job's.
fn backup_change(from: Option<&Backup>, to: Option<&Backup>) -> Class {
    let client = |backup: Option<&Backup>| {
        backup.map(|backup| {
            let Destination { path: _, endpoint, region, access } = backup.destination.clone();
            (endpoint, region, access)
        })
    };
    if client(from) == client(to) { Class::Online } else { Class::Restart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    /// The plan of a small claim in staging, and with `value` at `path`.
    fn changed(path: &str, value: Value) -> (Plan, Plan) {
        let from = example::plan("staging", json!({"engine": "elasticsearch"}));
        let to = example::changed(&from, path, value);
        (from, to)
    }

    #[test]
    fn each_term_has_its_class() {
        let keys = json!({"secret": {"name": "other", "accessKeyId": "A", "secretAccessKey": "B"}});
        #[rustfmt::skip]
        let cases = [
            ("/terms/database/name",            json!("other"),              Class::Refused),
            ("/terms/environment",              json!("dev"),                Class::Refused),
            ("/terms/version",                  json!("10"),                 Class::Refused),
            ("/terms/version",                  json!("8.19"),               Class::Refused),
            ("/terms/topology",                 json!("Replicated"),         Class::Refused),
            ("/terms/replicas",                 json!(5),                    Class::Online),
            ("/terms/shards",                   json!(2),                    Class::Refused),
            ("/terms/cpu",                      json!("4"),                  Class::Restart),
            ("/terms/memory",                   json!("16Gi"),               Class::Restart),
            ("/terms/storage",                  json!("40Gi"),               Class::Online),
            ("/terms/storage",                  json!("10Gi"),               Class::Refused),
            ("/terms/storageClass",             json!("fast-ssd"),           Class::Refused),
            ("/terms/placement",                json!("Required"),           Class::Restart),
            ("/terms/backup/schedule",          json!("0 3 * * *"),          Class::Online),
            ("/terms/backup/retention",         json!("30d"),                Class::Online),
            ("/terms/backup/destination/path",  json!("s3://other"),         Class::Online),
            ("/terms/backup/destination/endpoint", json!("https://minio"),   Class::Restart),
            ("/terms/backup/destination/region", json!("eu-west-1"),         Class::Restart),
            ("/terms/backup/destination/access", keys,                       Class::Restart),
            ("/terms/backup",                   Value::Null,                 Class::Restart),
            ("/terms/parameters",               json!({"search.max_buckets": "5000"}), Class::Restart),
            ("/terms/tls",                      json!(true),                 Class::Online),
            ("/terms/monitoring",               json!({"off": true}),        Class::Restart),
            ("/terms/monitoring",               json!({"silent": true}),     Class::Online),
            ("/terms/monitoring",               json!({"logLevel": "debug"}), Class::Restart),
            ("/terms/lifecycle",                json!({"hibernated": true}), Class::Refused),
            ("/notes/release",                  json!("9.5.2"),              Class::Restart),
            ("/notes/owner",                    json!("group:default/a"),    Class::None),
        ];
        for (path, value, expected) in cases {
            let (from, to) = changed(path, value.clone());
            assert_eq!(class(&from, &to), expected, "{path}: {value}");
        }
    }

    #[test]
    fn releases_only_go_up_and_never_skip_a_major_one() {
        let cases = [
            ("9", "9", Class::None),
            ("8.19", "9", Class::Restart),
            ("8.18", "8.19", Class::Restart),
            ("9.1", "9", Class::Restart),
            ("8.18", "9", Class::Refused),
            ("8.19", "10", Class::Refused),
            ("9", "8.19", Class::Refused),
            ("9", "nine", Class::Refused),
        ];
        for (from, to, expected) in cases {
            assert_eq!(upgrade(from, to), expected, "{from} -> {to}");
        }
    }
}
