//! What the rest of the world may know of a `PerconaServerMongoDB`. In: a generation. Out: facts. Labels and ports are the
//! operator's 1.22 (`pkg/naming`), metrics those of mongodb_exporter 0.47.

use super::cluster;
use super::{CONFIG, Settings, is_sharded, replica_sets, workload};
use crate::api::record::Generation;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, SecretKey, Signal, Target, Username, Workload, doors, scraped,
};
use crate::operators::mongodb::{self, METRICS, METRICS_PORT, PORT};
use std::collections::BTreeMap;

const HTTPS: u16 = 443;

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let name = generation.name();
    let set = replica_sets(terms).next().filter(|_| !is_sharded(terms));
    let mut workloads = vec![members(generation)];
    if is_sharded(terms) {
        workloads.push(routers(generation));
    }
    Facts {
        service_type: "mongodb".into(),
        provider: "percona-server-mongodb".into(),
        uri: mongodb::uri(terms, set.as_deref()),
        endpoints: endpoints(generation),
        credentials: Credentials {
            // The operator makes it, with the user's name as the key.
            secret: format!("{name}-custom-user-secret"),
            username: Username::Is(mongodb::USER.into()),
            password: mongodb::USER.into(),
        },
        certificate_authority: Some(SecretKey { secret: format!("{name}-ssl"), key: "ca.crt".into() }),
        workloads,
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: if terms.monitoring.off { BTreeMap::new() } else { signals(generation) },
    }
}

/// Drivers look for the primary among all members themselves, and read from replicas if they are told to.
fn endpoints(generation: &Generation) -> Vec<Endpoint> {
    let terms = &generation.plan.terms;
    let name = generation.name();
    let endpoint = |role, target| Endpoint { role, port: PORT, target };
    if !is_sharded(terms) {
        let labels = cluster::of_members(&name);
        return vec![endpoint(EndpointRole::Primary, Target::Pods { labels, port: PORT })];
    }
    // Cursors live in the router that opened them.
    let routers = || Target::Sticky { labels: cluster::of_routers(&name), port: PORT };
    let mut endpoints = vec![endpoint(EndpointRole::Primary, routers())];
    if terms.pooling.is_some() {
        endpoints.push(endpoint(EndpointRole::Pooler, routers()));
    }
    endpoints
}

/// With the config servers. Nothing in the pods speaks to Kubernetes.
fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own = || Peer::Workload(workload::MEMBERS.into());
    let mut accepts = doors([(own(), PORT), (Peer::Operator, PORT)]);
    if is_sharded(terms) {
        accepts.extend(doors([(Peer::Workload(workload::ROUTERS.into()), PORT)]));
    } else {
        accepts.extend(doors([(Peer::Clients, PORT)]));
    }
    accepts.extend(scraped(terms, METRICS));
    let mut reaches = doors([(own(), PORT)]);
    if generation.destination().is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    Workload {
        role: workload::MEMBERS.into(),
        pods: cluster::of_members(&generation.name()),
        accepts,
        reaches,
        metrics_port: (!terms.monitoring.off).then(|| METRICS_PORT.into()),
    }
}

fn routers(generation: &Generation) -> Workload {
    Workload {
        role: workload::ROUTERS.into(),
        pods: cluster::of_routers(&generation.name()),
        accepts: doors([(Peer::Clients, PORT), (Peer::Operator, PORT)]),
        reaches: doors([(Peer::Workload(workload::MEMBERS.into()), PORT)]),
        metrics_port: None,
    }
}

/// Members are pods `NAME-rs0-0` and so on, and their volumes claims `mongod-data-NAME-rs0-0`. A backup has no metric.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let members = pods(generation, "rs[0-9]+");
    let volumes =
        format!(r#"namespace="{namespace}",persistentvolumeclaim=~"mongod-data-{name}-(rs[0-9]+|{CONFIG})-[0-9]+""#);
    let mut signals = mongodb::signals(terms, &members, &volumes);
    if is_sharded(terms) {
        let all = mongodb::members_up(&members);
        signals.insert(Signal::MembersUp, format!("({all}) * ({} > bool 0)", least_members_up(generation)));
    }
    signals
}

/// Of the shard that has the fewest: without any member of one shard, part of the data is gone.
fn least_members_up(generation: &Generation) -> String {
    let up = |set: &str| mongodb::members_up(&pods(generation, set));
    let shards = replica_sets(&generation.plan.terms)
        .map(|set| format!(r#"label_replace({}, "shard", "{set}", "", "")"#, up(&set)));
    format!("min({})", shards.collect::<Vec<_>>().join(" or "))
}

fn pods(generation: &Generation, set: &str) -> String {
    format!(r#"namespace="{}",pod=~"{}-{set}-[0-9]+""#, generation.database().namespace, generation.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    fn found(changes: Value) -> Facts {
        let engine = json!({"engine": "mongodb"});
        let mut all = engine.as_object().unwrap().clone();
        all.extend(changes.as_object().unwrap().clone());
        facts(&example::generation("prod", all.into()), &Settings::default())
    }

    #[test]
    fn clients_of_a_replica_set_meet_its_members() {
        let found = found(json!({}));
        let target = Target::Pods { labels: cluster::of_members("orders"), port: 27017 };
        assert_eq!(found.endpoints, [Endpoint { role: EndpointRole::Primary, port: 27017, target }]);
        assert_eq!(found.uri.query, "authSource=orders&replicaSet=rs0&tls=true&tlsAllowInvalidHostnames=true");
        let expected = doors([
            (Peer::Workload("members".into()), 27017),
            (Peer::Operator, 27017),
            (Peer::Clients, 27017),
            (Peer::Monitoring, 9216),
        ]);
        assert_eq!(found.workloads.len(), 1);
        assert_eq!(found.workloads[0].accepts, expected);
        assert_eq!(
            found.signals[&Signal::MembersUp],
            r#"sum(mongodb_up{namespace="checkout",pod=~"orders-rs[0-9]+-[0-9]+"}) or vector(0)"#
        );
    }

    #[test]
    fn clients_of_shards_meet_routers_and_stay_with_one() {
        let found = found(json!({"shards": 2, "pooling": {"enabled": true}}));
        let target = Target::Sticky { labels: cluster::of_routers("orders"), port: 27017 };
        assert!(found.endpoints.iter().all(|endpoint| endpoint.target == target), "{:?}", found.endpoints);
        assert_eq!(found.endpoints.len(), 2);
        assert_eq!(found.uri.query, "authSource=orders&tls=true&tlsAllowInvalidHostnames=true");
        let clients = Peer::Clients;
        let members = found.workload("members").unwrap();
        assert!(members.accepts.iter().all(|door| door.peer != clients), "nobody gets around the routers");
        assert_eq!(
            found.signals[&Signal::MembersUp],
            r#"(sum(mongodb_up{namespace="checkout",pod=~"orders-rs[0-9]+-[0-9]+"}) or vector(0)) * (min(label_replace(sum(mongodb_up{namespace="checkout",pod=~"orders-rs0-[0-9]+"}) or vector(0), "shard", "rs0", "", "") or label_replace(sum(mongodb_up{namespace="checkout",pod=~"orders-rs1-[0-9]+"}) or vector(0), "shard", "rs1", "", "")) > bool 0)"#
        );
    }

    #[test]
    fn nothing_is_measured_where_nobody_looks() {
        let found = found(json!({"monitoring": {"enabled": false}}));
        assert_eq!(found.signals, BTreeMap::new());
        assert_eq!(found.workloads[0].metrics_port, None);
    }
}
