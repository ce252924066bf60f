//! What the rest of the world may know of a Redis database. In: a generation. Out: facts. Labels and ports are the
//! operator's at 0.26, metrics the exporter's (oliver006/redis_exporter 1.x).

use super::pod::{BUS, PORT};
use super::{PASSWORD, Settings, cluster, label, replication, sentinel, sharded};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Labels, Peer, SecretKey, Signal, Target, Uri, Username, Workload,
    doors, scraped,
};
use crate::operators::{backup_job, certificate, password};
use std::collections::BTreeMap;

const METRICS: u16 = 9121;
/// The name of the container port that serves them.
const METRICS_PORT: &str = "redis-exporter";
/// The roles of workloads. Permanent.
const MEMBERS: &str = "members";
const SENTINELS: &str = "sentinel";

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let mut workloads = vec![members(generation)];
    if sentinel::stand_by(terms) {
        workloads.push(sentinels(generation));
    }
    if backup_job::has_any(generation) {
        workloads.push(backup_job::workload(generation, PORT));
    }
    Facts {
        service_type: "redis".into(),
        provider: "ot-container-kit".into(),
        // The claim's name of the database is a prefix of keys, by which applications keep apart; Redis itself numbers
        // databases, and a cluster has the first one only.
        uri: Uri { scheme: if terms.tls { "rediss" } else { "redis" }.into(), path: "0".into(), query: String::new() },
        endpoints: endpoints(generation),
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Is("default".into()),
            password: PASSWORD.into(),
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

fn pods(generation: &Generation) -> Labels {
    let name = generation.name();
    if sharded(&generation.plan.terms) { cluster::pods_of(&name) } else { replication::pods_of(&name) }
}

/// Clients of a Redis Cluster begin anywhere and are sent on, so that every member is behind the one endpoint. The operator
/// labels the primary at most 30 s after a failover.
fn endpoints(generation: &Generation) -> Vec<Endpoint> {
    let terms = &generation.plan.terms;
    let target = |labels| Target::Pods { labels, port: PORT };
    let endpoint = |role, pods| Endpoint { role, port: PORT, target: target(pods) };
    if sharded(terms) {
        return vec![endpoint(EndpointRole::Primary, pods(generation))];
    }
    let with_role = |role: &str| {
        let mut labels = pods(generation);
        labels.insert(label::ROLE.into(), role.into());
        labels
    };
    let mut endpoints = vec![endpoint(EndpointRole::Primary, with_role("master"))];
    if terms.replicas > 1 {
        endpoints.push(endpoint(EndpointRole::Replica, with_role("slave")));
    }
    endpoints
}

/// The operator signs in on each to see its role, and makes members replicas of the primary.
fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own = || Peer::Workload(MEMBERS.into());
    let mut accepts = doors([(Peer::Clients, PORT), (own(), PORT), (Peer::Operator, PORT)]);
    let mut reaches = doors([(own(), PORT)]);
    if sharded(terms) {
        accepts.extend(doors([(own(), BUS)]));
        reaches.extend(doors([(own(), BUS)]));
    }
    if sentinel::stand_by(terms) {
        accepts.extend(doors([(Peer::Workload(SENTINELS.into()), PORT)]));
    }
    if backup_job::has_any(generation) {
        accepts.push(backup_job::door(PORT));
    }
    accepts.extend(scraped(terms, METRICS));
    let metrics_port = (!terms.monitoring.off).then(|| METRICS_PORT.into());
    Workload { role: MEMBERS.into(), pods: pods(generation), accepts, reaches, metrics_port }
}

fn sentinels(generation: &Generation) -> Workload {
    let own = || Peer::Workload(SENTINELS.into());
    Workload {
        role: SENTINELS.into(),
        pods: sentinel::pods_of(&generation.name()),
        accepts: doors([(own(), sentinel::PORT), (Peer::Operator, sentinel::PORT)]),
        reaches: doors([(own(), sentinel::PORT), (Peer::Workload(MEMBERS.into()), PORT)]),
        metrics_port: None,
    }
}

/// Pods are named by their StatefulSet, and volumes by that and their pod.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let (pods, claims) = match sharded(terms) {
        true => (
            format!("{name}-(leader|follower)-[0-9]+"),
            format!("{name}-(leader|follower)-{name}-(leader|follower)-[0-9]+"),
        ),
        false => (format!("{name}-[0-9]+"), format!("{name}-{name}-[0-9]+")),
    };
    let members = format!(r#"namespace="{namespace}",pod=~"{pods}""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"{claims}""#);
    let clients = format!("redis_connected_clients{{{members}}}");
    let most = format!("redis_config_maxclients{{{members}}}");
    let mut signals = map([
        // A member that is gone has no value, and no members at all are no vector.
        (Signal::MembersUp, format!("sum(redis_up{{{members}}}) or vector(0)")),
        (Signal::ConnectionsUsed, format!("max({clients} / {most})")),
        (Signal::Queries, format!("redis_commands_processed_total{{{members}}}")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if terms.replicas > 1 {
        // The primary says it of each of its replicas.
        signals.insert(Signal::ReplicationLag, format!("max(redis_connected_slave_lag_seconds{{{members}}})"));
    }
    if terms.backup.is_some() {
        signals.insert(Signal::BackupAge, backup_job::age_signal(generation));
    }
    signals.extend(certificate::signal(generation));
    signals
}
