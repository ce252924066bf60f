//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use crate::api::plan::{Monitoring, Plan};
use crate::api::status::Class;
use crate::operators::change::{self, Classes};
use crate::operators::mongodb;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let fewer_shards = to.terms.shards < from.terms.shards;
    let agents = |plan: &Plan| plan.terms.backup.is_some();
    let classes = Classes {
        version: mongodb::upgrade(&from.terms.version, &to.terms.version),
        // The operator restarts replicas one by one, and has the primary step down before it is its turn.
        release: Class::Restart,
        replicas: Class::Online,
        // Data moves to a new shard; from one that goes it would have to be moved by hand.
        shards: if fewer_shards { Class::Refused } else { Class::Online },
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        storage: Class::Online,
        placement: Class::Restart,
        // The agent works in a container beside each member; where and when it does is told to it.
        backup: if agents(from) == agents(to) { Class::Online } else { Class::Restart },
        pooling: Class::Online,
        // They stand in a file, which is only read at the start.
        parameters: Class::Restart,
        extensions: Class::Refused,
        tls: Class::Restart,
        monitoring: monitoring(&from.terms.monitoring, &to.terms.monitoring),
        // All members stop and start.
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}

/// The exporter is a container beside each member, and what is logged stands in the file of settings.
fn monitoring(from: &Monitoring, to: &Monitoring) -> Class {
    let in_pods = |monitoring: &Monitoring| (monitoring.off, monitoring.log_level, monitoring.audit);
    if in_pods(from) == in_pods(to) { Class::Online } else { Class::Restart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    #[test]
    fn each_term_has_its_class() {
        #[rustfmt::skip]
        let cases = [
            ("/terms/engine",                   json!("mysql"),                       Class::Refused),
            ("/terms/version",                  json!("8.0"),                         Class::Restart),
            ("/terms/version",                  json!("9.0"),                         Class::Refused),
            ("/terms/version",                  json!("6.0"),                         Class::Refused),
            ("/terms/topology",                 json!("Replicated"),                  Class::Refused),
            ("/terms/replicas",                 json!(5),                             Class::Online),
            ("/terms/shards",                   json!(4),                             Class::Online),
            ("/terms/shards",                   json!(2),                             Class::Refused),
            ("/terms/cpu",                      json!("2"),                           Class::Restart),
            ("/terms/memory",                   json!("8Gi"),                         Class::Restart),
            ("/terms/storage",                  json!("40Gi"),                        Class::Online),
            ("/terms/storage",                  json!("10Gi"),                        Class::Refused),
            ("/terms/storageClass",             json!("fast-ssd"),                    Class::Refused),
            ("/terms/placement",                json!("Required"),                    Class::Restart),
            ("/terms/backup",                   Value::Null,                          Class::Restart),
            ("/terms/backup/schedule",          json!("0 3 * * *"),                   Class::Online),
            ("/terms/backup/destination/path",  json!("s3://other/path"),             Class::Online),
            ("/terms/pooling",                  Value::Null,                          Class::Online),
            ("/terms/parameters",               json!({"net.maxIncomingConnections": "50"}), Class::Restart),
            ("/terms/tls",                      json!(true),                          Class::Restart),
            ("/terms/monitoring",               json!({"silent": true}),              Class::Online),
            ("/terms/monitoring",               json!({"off": true}),                 Class::Restart),
            ("/terms/monitoring",               json!({"audit": true}),               Class::Restart),
            ("/terms/access",                   json!({"namespaces": ["web"]}),       Class::Online),
            ("/terms/lifecycle",                json!({"deletionPolicy": "Retain"}),  Class::Online),
            ("/terms/lifecycle",                json!({"hibernated": true}),          Class::Restart),
            ("/notes/release",                  json!("psmdb:7.0.31"),                Class::Restart),
            ("/notes/owner",                    json!("group:default/other"),         Class::None),
        ];
        let changes = json!({"engine": "mongodb", "version": "7.0", "shards": 3, "pooling": {"enabled": true}});
        let from = example::plan("staging", changes);
        for (path, value, expected) in cases {
            let to = example::changed(&from, path, value.clone());
            assert_ne!(from, to, "{path} {value} changes nothing");
            assert_eq!(class(&from, &to), expected, "{path} {value}");
            assert_eq!(class(&to, &to), Class::None, "{path} {value} against itself");
        }
    }
}
