//! What the rest of the world may know of a `postgresql` and its pooler. In: a generation. Out: facts. Labels, ports and
//! secrets are those of the operator 2.0 (`pkg/cluster/k8sres.go`, `connection_pooler.go`).

use super::{Settings, label, own, owner, secret};
use crate::api::plan::Terms;
use crate::api::record::Generation;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Labels, Peer, Target, Uri, Username, Workload, doors, labels, scraped,
};
use crate::operators::{backup_job, postgresql};

/// Patroni's interface: members ask each other before an election, the operator changes settings by it.
const PATRONI: u16 = 8008;
/// Of the exporter beside each member.
pub const METRICS: u16 = 9187;
pub const METRICS_PORT: &str = "metrics";
const HTTPS: u16 = 443;

pub const MEMBERS: &str = "members";
const POOLER: &str = "pooler";

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let mut workloads = vec![members(generation)];
    workloads.extend(terms.pooling.as_ref().map(|_| pooler(generation)));
    workloads.extend(terms.backup.as_ref().map(|_| backup_job::workload(generation, postgresql::PORT)));
    let name = generation.name();
    Facts {
        service_type: "postgresql".into(),
        provider: "zalando".into(),
        uri: Uri {
            scheme: "postgresql".into(),
            path: terms.database.inside.clone(),
            // Spilo and the pooler refuse everything else, whatever the plan says.
            query: postgresql::uri_query(true).into(),
        },
        endpoints: endpoints(generation),
        credentials: Credentials {
            secret: secret(generation, &owner(&terms.database.inside)),
            username: Username::Key("username".into()),
            password: "password".into(),
        },
        // Each member signs its own certificate at its start.
        certificate_authority: None,
        workloads,
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: postgresql::exporter_signals(generation, &format!("{name}-[0-9]+"), &format!("pgdata-{name}-[0-9]+")),
    }
}

fn endpoints(generation: &Generation) -> Vec<Endpoint> {
    let terms = &generation.plan.terms;
    let name = generation.name();
    let of_role = |role: &str| {
        let mut pods = labels(own(&name));
        pods.insert(label::ROLE.into(), role.into());
        pods
    };
    let endpoint = |role, labels| Endpoint {
        role,
        port: postgresql::PORT,
        target: Target::Pods { labels, port: postgresql::PORT },
    };
    let mut endpoints = vec![endpoint(EndpointRole::Primary, of_role("master"))];
    if terms.replicas > 1 {
        endpoints.push(endpoint(EndpointRole::Replica, of_role("replica")));
    }
    if terms.pooling.is_some() {
        endpoints.push(endpoint(EndpointRole::Pooler, poolers(generation)));
    }
    endpoints
}

fn poolers(generation: &Generation) -> Labels {
    let name = generation.name();
    labels([
        (label::APPLICATION, "db-connection-pooler"),
        (label::CLUSTER, &name),
        (label::POOLER, &format!("{name}-pooler")),
    ])
}

fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own = || Peer::Workload(MEMBERS.into());
    let mut accepts = doors([
        (Peer::Clients, postgresql::PORT),
        (own(), postgresql::PORT),
        (own(), PATRONI),
        (Peer::Operator, PATRONI),
        (Peer::Operator, postgresql::PORT),
    ]);
    if terms.pooling.is_some() {
        accepts.extend(doors([(Peer::Workload(POOLER.into()), postgresql::PORT)]));
    }
    let mut reaches = doors([(own(), postgresql::PORT), (own(), PATRONI), (Peer::ApiServer, HTTPS)]);
    if terms.backup.is_some() {
        accepts.push(backup_job::door(postgresql::PORT));
    }
    if terms.backup.is_some() || generation.source.is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    accepts.extend(scraped(terms, METRICS));
    Workload {
        role: MEMBERS.into(),
        pods: labels(super::own(&generation.name())),
        accepts,
        reaches,
        metrics_port: metrics_port(terms),
    }
}

/// It serves no metrics, and needs nothing but the members.
fn pooler(generation: &Generation) -> Workload {
    Workload {
        role: POOLER.into(),
        pods: poolers(generation),
        accepts: doors([(Peer::Clients, postgresql::PORT)]),
        reaches: doors([(Peer::Workload(MEMBERS.into()), postgresql::PORT)]),
        metrics_port: None,
    }
}

fn metrics_port(terms: &Terms) -> Option<String> {
    (!terms.monitoring.off).then(|| METRICS_PORT.into())
}
