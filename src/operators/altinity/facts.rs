//! What the rest of the world may know of an installation and its Keepers. In: a generation. Out: facts. Labels and ports
//! are Altinity operator 0.25.6's (`tags/labeler`, `namer/patterns.go`), metrics ClickHouse 26.3's own ("Monitoring").

use super::configuration::{INTERSERVER, METRICS};
use super::{CLUSTER, Settings, backup, installation, keeper, label, ports, secret, volume, workload};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, SecretKey, Signal, Target, Uri, Username, Workload, doors,
    labels, scraped,
};
use crate::operators::{backup_job, certificate, password};
use std::collections::BTreeMap;

const HTTPS: u16 = 443;

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let mut workloads = vec![members(generation)];
    if keeper::instances(terms) > 0 {
        workloads.push(keepers(generation));
    }
    workloads.extend(terms.backup.as_ref().map(|_| backup_job::asking_workload(generation, backup::PORT)));
    Facts {
        service_type: "clickhouse".into(),
        provider: "altinity".into(),
        uri: Uri {
            scheme: "clickhouse".into(),
            path: terms.database.inside.clone(),
            query: if terms.tls { "secure=true".into() } else { String::new() },
        },
        endpoints: vec![endpoint(generation)],
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(secret::USERNAME.into()),
            password: secret::PASSWORD.into(),
        },
        certificate_authority: terms
            .tls
            .then(|| SecretKey { secret: certificate::secret(generation), key: "ca.crt".into() }),
        workloads,
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: signals(generation),
    }
}

/// Every member takes writes, so there is nothing that only reads.
fn endpoint(generation: &Generation) -> Endpoint {
    let port = ports(&generation.plan.terms).native;
    let labels = labels([(label::INSTALLATION, &generation.name()), (label::READY, "yes")]);
    Endpoint { role: EndpointRole::Primary, port, target: Target::Pods { labels, port } }
}

fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let ports = ports(terms);
    let own = || Peer::Workload(workload::MEMBERS.into());
    let mut accepts = doors([
        (Peer::Clients, ports.native),
        (Peer::Clients, ports.http),
        (own(), ports.native),
        (own(), INTERSERVER),
        (Peer::Operator, ports.http),
    ]);
    accepts.extend(terms.backup.as_ref().map(|_| backup_job::door(backup::PORT)));
    accepts.extend(scraped(terms, METRICS));
    let mut reaches = doors([(own(), ports.native), (own(), INTERSERVER)]);
    if keeper::instances(terms) > 0 {
        reaches.extend(doors([(Peer::Workload(workload::KEEPER.into()), keeper::CLIENTS)]));
    }
    if terms.backup.is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    Workload {
        role: workload::MEMBERS.into(),
        pods: labels([(label::INSTALLATION, &generation.name())]),
        accepts,
        reaches,
        metrics_port: (!terms.monitoring.off).then(|| installation::METRICS_PORT.into()),
    }
}

/// The operator never connects to them.
fn keepers(generation: &Generation) -> Workload {
    let own = || Peer::Workload(workload::KEEPER.into());
    Workload {
        role: workload::KEEPER.into(),
        pods: labels([(label::KEEPER, &generation.name())]),
        accepts: doors([(Peer::Workload(workload::MEMBERS.into()), keeper::CLIENTS), (own(), keeper::RAFT)]),
        reaches: doors([(own(), keeper::RAFT)]),
        metrics_port: None,
    }
}

/// Members are pods, and their volumes claims, named `chi-NAME-main-SHARD-REPLICA-0`.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let pods = format!("chi-{name}-{CLUSTER}-[0-9]+-[0-9]+-0");
    let members = format!(r#"namespace="{namespace}",pod=~"{pods}""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"{}-{pods}""#, volume(generation));
    let used = format!(
        "sum by (pod) (ClickHouseMetrics_TCPConnection{{{members}}} + ClickHouseMetrics_HTTPConnection{{{members}}})"
    );
    let mut signals = map([
        // A member that is gone has no value, and no members at all are no vector.
        (Signal::MembersUp, format!("count(ClickHouseAsyncMetrics_Uptime{{{members}}}) or vector(0)")),
        (Signal::Queries, format!("ClickHouseProfileEvents_Query{{{members}}}")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if let Some(most) = generation.plan.parameters().get("max_connections") {
        signals.insert(Signal::ConnectionsUsed, format!("max({used}) / {most}"));
    }
    if terms.replicas > 1 {
        let lag = format!("max(ClickHouseAsyncMetrics_ReplicasMaxAbsoluteDelay{{{members}}})");
        signals.insert(Signal::ReplicationLag, lag);
    }
    if terms.backup.is_some() {
        signals.insert(Signal::BackupAge, backup_job::age_signal(generation));
    }
    signals.extend(certificate::signal(generation));
    signals
}
