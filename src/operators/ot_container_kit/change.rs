//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use super::{configuration, sharded};
use crate::api::plan::{Plan, Terms};
use crate::api::status::Class;
use crate::operators::change::{self, Classes};

pub fn class(from: &Plan, to: &Plan) -> Class {
    let rolling = rolling(&from.terms);
    let same = configuration::text(from) == configuration::text(to);
    let settings = if same { Class::Online } else { rolling };
    let exporter = from.terms.monitoring.off != to.terms.monitoring.off;
    let classes = Classes {
        version: upgrade(&from.terms.version, &to.terms.version, rolling),
        release: rolling,
        replicas: replicas(&from.terms, &to.terms).max(settings),
        shards: shards(&from.terms, &to.terms),
        synchronous_replicas: settings,
        size: rolling,
        // The operator grows the claims of running members.
        storage: Class::Online,
        placement: rolling,
        backup: Class::Online,
        pooling: Class::Refused,
        parameters: settings,
        extensions: Class::Refused,
        tls: encryption(&from.terms),
        monitoring: if exporter { rolling } else { settings },
        hibernation: Class::Refused,
    };
    change::class(from, to, &classes)
}

/// One member after the other, the primary too, whose place another one takes.
fn rolling(terms: &Terms) -> Class {
    if terms.replicas > 1 { Class::Failover } else { Class::Restart }
}

/// Newer releases read the files of older ones, never the other way.
fn upgrade(from: &str, to: &str, rolling: Class) -> Class {
    let numbers = |line: &str| line.split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<u32>>>();
    match (numbers(from), numbers(to)) {
        (Some(from), Some(to)) if from < to => rolling,
        _ => Class::Refused,
    }
}

/// Members go from the end, the primary too. The last one that stays may be a replica, which nobody makes a primary once
/// the sentinels are gone with the others. In a cluster those that go take along what they are the primary of.
fn replicas(from: &Terms, to: &Terms) -> Class {
    match () {
        () if to.replicas >= from.replicas => Class::Online,
        () if sharded(from) || to.replicas == 1 => Class::Refused,
        () => Class::Failover,
    }
}

/// The operator moves slots to shards that come. What it does with those that go is not tried in production.
fn shards(from: &Terms, to: &Terms) -> Class {
    if to.shards > from.shards { Class::Online } else { Class::Refused }
}

/// Until all have restarted, members with encryption and those without do not talk to each other: an outage of some minutes;
/// and in a cluster two halves that each take the other for lost.
fn encryption(terms: &Terms) -> Class {
    if sharded(terms) { Class::Refused } else { Class::Restart.max(rolling(terms)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    /// The plan of a claim in staging, and the same with `value` at `path`.
    fn changed(claim: Value, path: &str, value: Value) -> Class {
        let from = example::plan("staging", claim);
        let to = example::changed(&from, path, value.clone());
        assert_ne!(from, to, "{path} {value} changes nothing");
        assert_eq!(class(&from, &from), Class::None);
        class(&from, &to)
    }

    #[test]
    fn each_term_has_its_class() {
        let single = json!({"engine": "redis", "replicas": 1});
        let several = json!({"engine": "redis", "replicas": 3});
        let cluster = json!({"engine": "redis", "topology": "Sharded", "replicas": 2});
        #[rustfmt::skip]
        let cases = [
            // path, value: of one member, of three, of three shards
            ("/terms/version",                 json!("8.4"),                    [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/version",                 json!("7.2"),                    [Class::Refused; 3]),
            ("/terms/version",                 json!("next"),                   [Class::Refused; 3]),
            ("/terms/replicas",                json!(5),                        [Class::Online; 3]),
            ("/terms/cpu",                     json!("3"),                      [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/memory",                  json!("3Gi"),                    [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/storage",                 json!("30Gi"),                   [Class::Online; 3]),
            ("/terms/storage",                 json!("9Gi"),                    [Class::Refused; 3]),
            ("/terms/storageClass",            json!("fast-ssd"),               [Class::Refused; 3]),
            ("/terms/placement",               json!("Required"),               [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/backup",                  json!(null),                     [Class::Online; 3]),
            ("/terms/parameters",              json!({"timeout": "60"}),        [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/tls",                     json!(true),                     [Class::Restart, Class::Failover, Class::Refused]),
            ("/terms/monitoring",              json!({"logLevel": "debug"}),    [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/monitoring",              json!({"off": true}),            [Class::Restart, Class::Failover, Class::Failover]),
            ("/terms/monitoring",              json!({"silent": true}),         [Class::Online; 3]),
            ("/terms/access",                  json!({"namespaces": ["web"]}),  [Class::Online; 3]),
            ("/terms/lifecycle",               json!({"hibernated": true}),     [Class::Refused; 3]),
            ("/terms/topology",                json!("Cluster"),                [Class::Refused; 3]),
            ("/notes/release",                 json!("redis:v8.2.9"),           [Class::Restart, Class::Failover, Class::Failover]),
            ("/notes/tuned/maxmemory",         json!("1GB"),                    [Class::Restart, Class::Failover, Class::Failover]),
            ("/notes/owner",                   json!("group:default/other"),    [Class::None; 3]),
        ];
        for (path, value, expected) in cases {
            let found = [&single, &several, &cluster].map(|claim| changed(claim.clone(), path, value.clone()));
            assert_eq!(found, expected, "{path} {value}");
        }
        assert_eq!(changed(several.clone(), "/terms/replicas", json!(2)), Class::Failover);
        assert_eq!(changed(several, "/terms/replicas", json!(1)), Class::Refused);
        assert_eq!(changed(cluster.clone(), "/terms/replicas", json!(1)), Class::Refused);
        assert_eq!(changed(cluster.clone(), "/terms/shards", json!(4)), Class::Online);
        assert_eq!(changed(cluster, "/terms/shards", json!(2)), Class::Refused);
    }

    #[test]
    fn more_members_restart_the_others_where_that_changes_what_a_primary_waits_for() {
        let mut from = example::plan("staging", json!({"engine": "redis", "replicas": 2}));
        from.terms.synchronous_replicas = 1;
        let mut to = from.clone();
        to.terms.replicas = 3;
        assert_eq!(class(&from, &to), Class::Failover);
    }
}
