//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs. Every term
//! is named, so that a new one is a compile error here and never slips by as no change.

use crate::api::plan::{Backup, Notes, Plan, Requests, Terms};
use crate::api::status::Class;
use crate::operators::postgresql;

/// The first release line that the operator upgrades to in place (CloudNativePG 1.30, its webhook).
const FIRST_UPGRADE: u32 = 16;

pub fn class(from: &Plan, to: &Plan) -> Class {
    // Requests are no state, see `Requests`.
    let Plan { terms, requests: Requests { .. }, notes } = from;
    let settings = postgresql::settings_change(&from.parameters(), &to.parameters());
    self::terms(terms, &to.terms).max(self::notes(notes, &to.notes)).max(settings)
}

fn terms(from: &Terms, to: &Terms) -> Class {
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
        backup,
        pooling,
        parameters,
        extensions,
        credentials,
        access,
        tls,
        monitoring,
        maintenance,
        lifecycle,
        delivery,
    } = from;
    let differences = [
        (*database != to.database, Class::Refused),
        (*environment != to.environment, Class::Refused),
        (*engine != to.engine, Class::Refused),
        (*operator != to.operator, Class::Refused),
        (*version != to.version, upgrade(version, &to.version)),
        (*topology != to.topology, Class::Refused),
        // Replicas come and go beside the primary.
        (*replicas != to.replicas, Class::Online),
        (*shards != to.shards, Class::Refused),
        (*synchronous_replicas != to.synchronous_replicas, Class::Online),
        (*cpu != to.cpu, Class::Restart),
        (*memory != to.memory, Class::Restart),
        (*cpu_request != to.cpu_request, Class::Restart),
        (*storage != to.storage, if to.storage < *storage { Class::Refused } else { Class::Online }),
        (*storage_class != to.storage_class, Class::Refused),
        // It stands in the pods, which Kubernetes only takes anew.
        (*placement != to.placement, Class::Restart),
        (*backup != to.backup, backup_change(backup.as_ref(), to.backup.as_ref())),
        (*pooling != to.pooling, Class::Online),
        // What they do to the server is judged with the tuned ones.
        (*parameters != to.parameters, Class::Online),
        (*extensions != to.extensions, Class::Online),
        (*credentials != to.credentials, Class::Online),
        (*access != to.access, Class::Online),
        // Rules of authentication are reloaded.
        (*tls != to.tls, Class::Online),
        (*monitoring != to.monitoring, Class::Online),
        (*maintenance != to.maintenance, Class::Online),
        (lifecycle.hibernated != to.lifecycle.hibernated, Class::Refused),
        (*lifecycle != to.lifecycle, Class::Online),
        (*delivery != to.delivery, Class::Refused),
    ];
    let classes = differences.into_iter().filter(|(differs, _)| *differs).map(|(_, class)| class);
    classes.max().unwrap_or(Class::None)
}

fn notes(from: &Notes, to: &Notes) -> Class {
    let Notes {
        image,
        // Judged as settings.
        tuned: _,
        // Who answers for it, what it costs, how long its release line lives: nothing of that is composed.
        owner: _,
        system: _,
        description: _,
        retired: _,
        end_of_life: _,
        monthly_cost: _,
    } = from;
    if *image == to.image { Class::None } else { Class::Restart }
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
        let mut to = serde_json::to_value(&from).unwrap();
        let (parent, name) = path.rsplit_once('/').unwrap();
        to.pointer_mut(parent).unwrap()[name] = value;
        (from, serde_json::from_value(to).unwrap())
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
            ("/terms/maintenance",              json!({"timeZone": "Europe/Oslo"}),   Class::Online),
            ("/terms/lifecycle",                json!({"deletionPolicy": "Retain"}),  Class::Online),
            ("/terms/lifecycle",                json!({"hibernated": true}),          Class::Refused),
            ("/terms/delivery",                 json!({"object": {"providerConfig": "other"}}), Class::Refused),
            ("/requests",                       json!({"backup": "2", "urgent": true}), Class::None),
            ("/notes/image",                    json!("postgresql:17.8"),             Class::Restart),
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
        to.notes.image = "postgresql:17.8".into();
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
