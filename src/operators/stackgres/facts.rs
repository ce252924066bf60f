//! What the rest of the world may know of an `SGCluster`. In: a generation. Out: facts. Labels, ports and secrets are those
//! of the operator 1.18 (`ClusterLabelFactory.java`, `EnvoyUtil.java`, `Patroni.java`).

use super::{Settings, account, label, name, own};
use crate::api::plan::Terms;
use crate::api::record::Generation;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, Signal, Target, Uri, Username, Workload, doors, labels, scraped,
};
use crate::operators::{password, postgresql};

/// PgBouncer's, beside each member.
const POOLER: u16 = 6432;
/// Patroni's interface: members ask each other before an election, the operator restarts them by it.
const PATRONI: u16 = 8009;
const METRICS: u16 = 9187;
const METRICS_PORT: &str = "pgexporter";
const HTTPS: u16 = 443;

const MEMBERS: &str = "members";
const BACKUPS: &str = "backups";

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let name = name(generation);
    let pods = format!("{name}-[0-9]+");
    let mut signals = postgresql::exporter_signals(generation, &pods, &format!("{name}-data-{name}-[0-9]+"));
    // The operator's own query; the exporter's own collector is off.
    let of_members = format!(r#"namespace="{}",pod=~"{pods}""#, terms.database.namespace);
    let oldest = format!("max(pg_database_datfrozenxid_age{{{of_members}}}) / {}", postgresql::WRAPAROUND);
    signals.insert(Signal::TransactionIdsUsed, oldest);
    Facts {
        service_type: "postgresql".into(),
        provider: "stackgres".into(),
        uri: Uri {
            scheme: "postgresql".into(),
            path: terms.database.inside.clone(),
            query: postgresql::uri_query(terms.tls).into(),
        },
        endpoints: endpoints(generation),
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(account::USERNAME.into()),
            password: account::PASSWORD.into(),
        },
        // The certificate signs itself and is another one every year.
        certificate_authority: None,
        workloads: [members(generation)].into_iter().chain(terms.backup.as_ref().map(|_| backups(&name))).collect(),
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals,
    }
}

fn endpoints(generation: &Generation) -> Vec<Endpoint> {
    let terms = &generation.plan.terms;
    let name = name(generation);
    let endpoint = |role, pods: &str, port| {
        let mut labels = labels(own(&name));
        labels.insert(label::ROLE.into(), pods.into());
        Endpoint { role, port: postgresql::PORT, target: Target::Pods { labels, port } }
    };
    let mut endpoints = vec![endpoint(EndpointRole::Primary, "primary", postgresql::PORT)];
    if terms.replicas > 1 {
        endpoints.push(endpoint(EndpointRole::Replica, "replica", postgresql::PORT));
    }
    if terms.pooling.is_some() {
        endpoints.push(endpoint(EndpointRole::Pooler, "primary", POOLER));
    }
    endpoints
}

fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own_pods = || Peer::Workload(MEMBERS.into());
    let mut accepts = doors([(Peer::Clients, postgresql::PORT)]);
    if terms.pooling.is_some() {
        accepts.extend(doors([(Peer::Clients, POOLER)]));
    }
    accepts.extend(doors([(own_pods(), postgresql::PORT), (own_pods(), PATRONI), (Peer::Operator, PATRONI)]));
    accepts.extend(scraped(terms, METRICS));
    let mut reaches = doors([(own_pods(), postgresql::PORT), (own_pods(), PATRONI), (Peer::ApiServer, HTTPS)]);
    if terms.backup.is_some() || generation.source.is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    Workload {
        role: MEMBERS.into(),
        pods: labels(own(&name(generation))),
        accepts,
        reaches,
        metrics_port: metrics_port(terms),
    }
}

/// The pods of scheduled backups, which tell a member to make one through Kubernetes' API.
fn backups(name: &str) -> Workload {
    Workload {
        role: BACKUPS.into(),
        pods: labels([(label::APPLICATION, "StackGresCluster"), (label::CLUSTER, name), (label::SCHEDULED, "true")]),
        accepts: vec![],
        reaches: doors([(Peer::ApiServer, HTTPS)]),
        metrics_port: None,
    }
}

fn metrics_port(terms: &Terms) -> Option<String> {
    (!terms.monitoring.off).then(|| METRICS_PORT.into())
}
