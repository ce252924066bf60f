//! What the rest of the world may know of an InnoDBCluster and its routers. In: a generation. Out: facts. Labels and ports
//! are those of the operator's release 9.1.0-2.2.2 (`cluster_objects.py`, `router_objects.py`), metrics those of
//! mysqld_exporter 0.18 and kube-state-metrics 2.

use super::{Settings, account, backup, members, router, workload};
use crate::api::plan::Terms;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Door, Endpoint, EndpointRole, Facts, Peer, Signal, Target, Uri, Username, Workload, doors, scraped,
};
use crate::operators::{account_job, backup_job, mysql, password};
use std::collections::BTreeMap;

/// The protocol of MySQL Shell, which the operator uses to be told of changes in the group.
const X_PROTOCOL: u16 = 33060;
/// Members among themselves.
const GROUP: u16 = 33061;
const METRICS: u16 = 9104;
/// The name of the container port that serves them.
const METRICS_PORT: &str = "metrics";
/// MySQL Router: to the primary, to replicas, and the one that shares connections.
pub const READ_WRITE: u16 = 6446;
const READ_ONLY: u16 = 6447;
const SHARED: u16 = 6450;
const HTTPS: u16 = 443;

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let mut workloads = vec![of_members(generation), of_router(generation), of_account(generation)];
    workloads.extend(terms.backup.as_ref().map(|_| of_backup(generation)));
    Facts {
        service_type: "mysql".into(),
        provider: "mysql-operator".into(),
        uri: Uri {
            scheme: "mysql".into(),
            path: terms.database.inside.clone(),
            query: mysql::uri_query(terms.tls).into(),
        },
        endpoints: ways_in(terms)
            .into_iter()
            .map(|(role, port)| Endpoint {
                role,
                port: mysql::PORT,
                target: Target::Pods { labels: router(generation), port },
            })
            .collect(),
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(account::USERNAME.into()),
            password: account::PASSWORD.into(),
        },
        // Each server and each router signs for itself.
        certificate_authority: None,
        workloads,
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: signals(generation),
    }
}

/// The port that shares connections also sends what only reads to replicas, after they have what the session wrote (MySQL
/// Router 8.4, "Read-Write Splitting"); so it is for those who ask for a pool, and nobody else.
fn ways_in(terms: &Terms) -> Vec<(EndpointRole, u16)> {
    let replica = (terms.replicas > 1).then_some((EndpointRole::Replica, READ_ONLY));
    let pooler = terms.pooling.as_ref().map(|_| (EndpointRole::Pooler, SHARED));
    [(EndpointRole::Primary, READ_WRITE)].into_iter().chain(replica).chain(pooler).collect()
}

/// Clients have no business with them. The group talks by the port of clients too, where it is told to.
fn of_members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own = || Peer::Workload(workload::MEMBERS.into());
    let group = [mysql::PORT, X_PROTOCOL, GROUP];
    let mut accepts: Vec<Door> = group.into_iter().map(|port| Door { peer: own(), port }).collect();
    let router = || Peer::Workload(workload::ROUTER.into());
    accepts.extend(doors([
        (Peer::Operator, mysql::PORT),
        (Peer::Operator, X_PROTOCOL),
        (router(), mysql::PORT),
        (router(), X_PROTOCOL),
    ]));
    accepts.extend(terms.backup.as_ref().map(|_| backup_job::door(mysql::PORT)));
    accepts.extend(scraped(terms, METRICS));
    let mut reaches: Vec<Door> = group.into_iter().map(|port| Door { peer: own(), port }).collect();
    reaches.extend(doors([(Peer::ApiServer, HTTPS)]));
    if generation.source.is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    Workload {
        role: workload::MEMBERS.into(),
        pods: members(generation),
        accepts,
        reaches,
        metrics_port: (!terms.monitoring.off).then(|| METRICS_PORT.into()),
    }
}

fn of_router(generation: &Generation) -> Workload {
    let members = || Peer::Workload(workload::MEMBERS.into());
    let clients = ways_in(&generation.plan.terms).into_iter().map(|(_, port)| Door { peer: Peer::Clients, port });
    let account = doors([(Peer::Workload(account_job::ROLE.into()), READ_WRITE)]);
    Workload {
        role: workload::ROUTER.into(),
        pods: router(generation),
        accepts: clients.chain(account).collect(),
        reaches: doors([(members(), mysql::PORT), (members(), X_PROTOCOL)]),
        metrics_port: None,
    }
}

fn of_account(generation: &Generation) -> Workload {
    account_job::workload(generation, workload::ROUTER, READ_WRITE)
}

/// The operator's own process in these pods reads the cluster and writes how it went.
fn of_backup(generation: &Generation) -> Workload {
    let mut workload = backup_job::workload(generation, mysql::PORT);
    workload.reaches.extend(doors([(Peer::ApiServer, HTTPS)]));
    workload
}

/// Members are pods named `NAME-0`, `NAME-1` and so on, their volumes `datadir-NAME-0`, and a backup's job has the name of
/// the schedule with the time behind it.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"datadir-{name}-[0-9]+""#);
    let mut signals = map([
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if !terms.monitoring.off {
        let members = format!(r#"namespace="{namespace}",pod=~"{name}-[0-9]+""#);
        let used = format!("mysql_global_status_threads_connected{{{members}}}");
        let most = format!("mysql_global_variables_max_connections{{{members}}}");
        signals.extend([
            (Signal::MembersUp, format!("sum(mysql_up{{{members}}}) or vector(0)")),
            (Signal::Queries, format!("mysql_global_status_questions{{{members}}}")),
            (Signal::SlowQueries, format!("mysql_global_status_slow_queries{{{members}}}")),
            (Signal::ConnectionsUsed, format!("max({used} / {most})")),
        ]);
        if terms.replicas > 1 {
            // When the primary committed what a member is at; zero where it is at nothing.
            let at = "mysql_perf_schema_applying_transaction_original_commit_timestamp_seconds";
            let at = format!(r#"{at}{{{members},channel_name="group_replication_applier"}}"#);
            signals.insert(Signal::ReplicationLag, format!("max(time() - ({at} > 0)) or vector(0)"));
        }
    }
    if terms.backup.is_some() {
        let jobs = format!(r#"namespace="{namespace}",job_name=~"{name}-{}[0-9]+""#, backup::NAME);
        // Nothing is older than anything before there is one.
        let last = format!("max(kube_job_status_completion_time{{{jobs}}}) or vector(0)");
        signals.insert(Signal::BackupAge, format!("time() - ({last})"));
    }
    signals
}
