//! What the rest of the world may know of a VitessCluster. In: a generation. Out: facts. Labels and ports are those of the
//! operator's release 2.17 (`pkg/apis/planetscale/v2`), metrics those of mysqld_exporter 0.18.

use super::{CELL, Settings, label, of_component, secrets, tablets};
use crate::api::plan::Terms;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Door, Endpoint, EndpointRole, Facts, Labels, Peer, SecretKey, Signal, Target, Uri, Username, Workload,
    doors, labels, scraped,
};
use crate::operators::{backup_job, certificate, mysql, password};
use std::collections::BTreeMap;

/// How Vitess' parts talk to each other.
const GRPC: u16 = 15999;
const ETCD: u16 = 2379;
const ETCD_PEER: u16 = 2380;
const METRICS: u16 = 9104;
/// The name of the container port that serves them.
const METRICS_PORT: &str = "metrics";
const HTTPS: u16 = 443;

/// The workloads' roles. Permanent.
const MEMBERS: &str = "members";
const GATEWAY: &str = "gateway";
const DASHBOARD: &str = "dashboard";
const ORCHESTRATOR: &str = "orchestrator";
const LOCKSERVER: &str = "lockserver";
/// The spare member of the first backup, and of those that the schedule makes.
const FIRST_BACKUP: &str = "first-backup";
const SPARE: &str = "spare";
/// Lists what is in the object store.
const BACKUP_LIST: &str = "backup-list";

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let pooler = terms.pooling.as_ref().map(|_| EndpointRole::Pooler);
    let endpoint = |role| Endpoint {
        role,
        port: mysql::PORT,
        target: Target::Pods { labels: of_component(generation, "vtgate"), port: mysql::PORT },
    };
    Facts {
        service_type: "mysql".into(),
        provider: "vitess-operator".into(),
        uri: Uri {
            scheme: "mysql".into(),
            path: terms.database.inside.clone(),
            query: mysql::uri_query(terms.tls).into(),
        },
        // Whoever wants to read from replicas says so to vtgate: `USE database@replica`.
        endpoints: [EndpointRole::Primary].into_iter().chain(pooler).map(endpoint).collect(),
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(secrets::USERNAME.into()),
            password: secrets::PASSWORD.into(),
        },
        certificate_authority: terms
            .issuer
            .as_ref()
            .map(|_| SecretKey { secret: certificate::secret(generation), key: "ca.crt".into() }),
        workloads: workloads(generation),
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: signals(generation),
    }
}

fn workloads(generation: &Generation) -> Vec<Workload> {
    let terms = &generation.plan.terms;
    let peer = |role: &str| Peer::Workload(role.into());
    let from = |roles: &[&str], port| roles.iter().map(|role| Door { peer: peer(role), port }).collect::<Vec<_>>();
    let all = [MEMBERS, GATEWAY, DASHBOARD, ORCHESTRATOR, FIRST_BACKUP, SPARE];
    let workload = |role: &str, pods: Labels, accepts, reaches| Workload {
        role: role.into(),
        pods,
        accepts,
        reaches,
        metrics_port: None,
    };
    let part = |role: &str, component: &str, accepts, reaches| {
        workload(role, of_component(generation, component), accepts, reaches)
    };
    let to_members = || from(&[MEMBERS], GRPC);
    let to_lockserver = || from(&[LOCKSERVER], ETCD);
    let store = || doors([(Peer::ObjectStore, HTTPS)]);
    // A spare member asks the primary where it stands, and follows it.
    let spare = || [to_members(), from(&[MEMBERS], mysql::PORT), to_lockserver(), store()].concat();

    let mut accepts = from(&all, GRPC);
    accepts.extend(from(&[MEMBERS, FIRST_BACKUP, SPARE], mysql::PORT));
    accepts.extend(doors([(Peer::Operator, GRPC)]));
    accepts.extend(scraped(terms, METRICS));
    let mut members = part(MEMBERS, "vttablet", accepts, spare());
    members.metrics_port = metrics_port(terms);
    let parts = [to_members(), to_lockserver()].concat();
    let schedule = labels([(label::SCHEDULE, &generation.name())]);
    let lockserver =
        [from(&all, ETCD), from(&[LOCKSERVER], ETCD), from(&[LOCKSERVER], ETCD_PEER), doors([(Peer::Operator, ETCD)])]
            .concat();
    let etcd = [from(&[LOCKSERVER], ETCD), from(&[LOCKSERVER], ETCD_PEER)].concat();
    let mut workloads = vec![
        members,
        part(GATEWAY, "vtgate", doors([(Peer::Clients, mysql::PORT)]), parts.clone()),
        part(DASHBOARD, "vtctld", vec![], [parts.clone(), store()].concat()),
        part(ORCHESTRATOR, "vtorc", vec![], parts),
        part(LOCKSERVER, "etcd", lockserver, etcd),
        part(FIRST_BACKUP, "vtbackup", vec![], spare()),
        workload(SPARE, schedule, vec![], spare()),
        part(BACKUP_LIST, "vbs-subcontroller", vec![], [store(), doors([(Peer::ApiServer, HTTPS)])].concat()),
    ];
    // That of the job which removes old ones, which needs no member.
    let mut prune = backup_job::workload(generation, mysql::PORT);
    prune.reaches = store();
    workloads.push(prune);
    workloads
}

fn metrics_port(terms: &Terms) -> Option<String> {
    (!terms.monitoring.off).then(|| METRICS_PORT.into())
}

/// Members are pods, and their volumes claims of the same names: `NAME-vttablet-CELL-`, a number, and a hash.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let namespace = &generation.database().namespace;
    let members = format!("{}-vttablet-{CELL}-[0-9]+-.+", generation.name());
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"{members}""#);
    let pods = format!(r#"namespace="{namespace}",pod=~"{members}""#);
    let mut signals = map([
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if !terms.monitoring.off {
        let used = format!("mysql_global_status_threads_connected{{{pods}}}");
        let most = format!("mysql_global_variables_max_connections{{{pods}}}");
        signals.insert(Signal::Queries, format!("mysql_global_status_questions{{{pods}}}"));
        signals.insert(Signal::SlowQueries, format!("mysql_global_status_slow_queries{{{pods}}}"));
        signals.insert(Signal::ConnectionsUsed, format!("max({used} / {most})"));
        if terms.replicas > 1 {
            // By the name that MySQL 8.4 gives it, and the one before.
            let behind = |whom| format!("max(mysql_slave_status_seconds_behind_{whom}{{{pods}}})");
            signals.insert(Signal::ReplicationLag, format!("{} or {}", behind("source"), behind("master")));
        }
        // Alerts count the members of one shard.
        if tablets(terms) == terms.replicas {
            signals.insert(Signal::MembersUp, format!("sum(mysql_up{{{pods}}}) or vector(0)"));
        }
    }
    // Nobody tells jobs of different shards apart in metrics.
    if terms.shards == 1 && terms.backup.is_some() {
        let owner = format!(r#"owner_kind="VitessBackupSchedule",owner_name="{}""#, generation.name());
        let ours = format!(r#"kube_job_owner{{namespace="{namespace}",{owner}}}"#);
        let ended = format!(r#"kube_job_status_completion_time{{namespace="{namespace}"}}"#);
        // Nothing is older than anything before there is one.
        let last = format!("max({ended} * on(namespace, job_name) {ours}) or vector(0)");
        signals.insert(Signal::BackupAge, format!("time() - ({last})"));
    }
    signals.extend(certificate::signal(generation));
    signals
}
