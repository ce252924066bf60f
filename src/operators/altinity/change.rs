//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use super::backup;
use super::configuration::RESTARTING;
use crate::api::destination::Destination;
use crate::api::plan::{Backup, Plan};
use crate::api::status::Class;
use crate::operators::change::{self, Classes};

pub fn class(from: &Plan, to: &Plan) -> Class {
    let classes = Classes {
        // The Keepers first, then member by member; no release goes back, which `transition` refuses.
        version: Class::Restart,
        release: Class::Restart,
        // The operator makes the tables on a new member, whose data then comes from the others, and takes one that goes
        // out of the Keeper.
        replicas: Class::Online,
        // ClickHouse moves nothing between shards: a new one is empty, and one that goes takes its data along.
        shards: Class::Refused,
        // It is a setting of queries.
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        // The volume grows in place, but its size stands in a note that the operator copies to the pods as well.
        storage: Class::Restart,
        placement: Class::Restart,
        backup: backup_change(from.terms.backup.as_ref(), to.terms.backup.as_ref()),
        pooling: Class::Refused,
        parameters: parameters_change(from, to),
        extensions: Class::Refused,
        // Other ports, and the certificate's volume.
        tls: Class::Restart,
        // How much is logged is taken over as it is; a new system table is not.
        monitoring: if from.terms.monitoring.audit == to.terms.monitoring.audit {
            Class::Online
        } else {
            Class::Restart
        },
        // All members stop and start.
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}

/// What a query goes by is reloaded, and so is most of what the server goes by (Altinity operator 0.25.6,
/// `configurationRestartPolicy`).
fn parameters_change(from: &Plan, to: &Plan) -> Class {
    let (from, to) = (from.parameters(), to.parameters());
    let restarts = RESTARTING.iter().any(|name| from.get(name) != to.get(name));
    if restarts { Class::Restart } else { Class::Online }
}

/// Everything but the schedule itself stands in the container beside the server.
fn backup_change(from: Option<&Backup>, to: Option<&Backup>) -> Class {
    let container = |backup: &Backup| -> (u32, Destination) { (backup::kept(backup), backup.destination.clone()) };
    if from.map(container) == to.map(container) { Class::Online } else { Class::Restart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    /// The plan of a claim in staging, with `value` at `path`.
    fn changed(path: &str, value: Value) -> (Plan, Plan) {
        let from = example::plan("staging", json!({"engine": "clickhouse", "shards": 2}));
        let to = example::changed(&from, path, value);
        (from, to)
    }

    #[test]
    fn each_change_has_its_class() {
        #[rustfmt::skip]
        let cases = [
            ("/terms/version",           json!("27.3"),                     Class::Restart),
            ("/notes/release",           json!("26.3.99.1"),                Class::Restart),
            ("/terms/replicas",          json!(3),                          Class::Online),
            ("/terms/shards",            json!(3),                          Class::Refused),
            ("/terms/topology",          json!("Replicated"),               Class::Refused),
            ("/terms/synchronousReplicas", json!(1),                        Class::Online),
            ("/terms/cpu",               json!("4"),                        Class::Restart),
            ("/terms/memory",            json!("16Gi"),                     Class::Restart),
            ("/terms/storage",           json!("30Gi"),                     Class::Restart),
            ("/terms/storage",           json!("10Gi"),                     Class::Refused),
            ("/terms/storageClass",      json!("fast-ssd"),                 Class::Refused),
            ("/terms/placement",         json!("Required"),                 Class::Restart),
            ("/terms/backup/schedule",   json!("30 4 * * *"),               Class::Online),
            ("/terms/backup/schedule",   json!("0 */2 * * *"),              Class::Restart),
            ("/terms/backup/retention",  json!("20d"),                      Class::Restart),
            ("/terms/backup",            json!(null),                       Class::Restart),
            ("/terms/parameters",        json!({"max_memory_usage": "1GB"}), Class::Online),
            ("/terms/parameters",        json!({"mark_cache_size": "100MB"}), Class::Restart),
            ("/notes/tuned/max_connections", json!("9"),                    Class::Restart),
            ("/terms/tls",               json!(true),                       Class::Restart),
            ("/terms/monitoring",        json!({"logLevel": "debug"}),      Class::Online),
            ("/terms/monitoring",        json!({"audit": true}),            Class::Restart),
            ("/terms/access",            json!({"namespaces": ["web"]}),    Class::Online),
            ("/terms/lifecycle",         json!({"hibernated": true}),       Class::Restart),
            ("/terms/lifecycle",         json!({"deletionPolicy": "Retain"}), Class::Online),
            ("/notes/owner",             json!("group:default/other"),      Class::None),
        ];
        for (path, value, expected) in cases {
            let (from, to) = changed(path, value.clone());
            assert_ne!(from, to, "{path} {value} changes nothing");
            assert_eq!(class(&from, &to), expected, "{path} {value}");
            assert_eq!(class(&to, &to), Class::None, "{path} {value} against itself");
        }
    }
}
