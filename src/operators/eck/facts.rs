//! What the rest of the world may know of an `Elasticsearch`. In: a generation. Out: facts. Labels, names and ports are
//! ECK 3.5's; metrics are elasticsearch_exporter 1.11's, the kubelet's, and kube-state-metrics'.

use super::elasticsearch::{METRICS, METRICS_PORT};
use super::{NODE_SET, PORT, Settings, USER, VOLUME, authority_secret, own, password_secret};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::backup_job;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, SecretKey, Signal, Target, Uri, Username, Workload, doors,
    labels, scraped,
};
use std::collections::BTreeMap;

/// Members among themselves.
const TRANSPORT: u16 = 9300;
const HTTPS: u16 = 443;
const MEMBERS: &str = "members";

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let name = generation.name();
    let jobs = backup_job::has_any(generation).then(|| backup_job::asking_workload(generation, PORT));
    Facts {
        service_type: "elasticsearch".into(),
        provider: "eck".into(),
        uri: Uri { scheme: "https".into(), path: String::new(), query: String::new() },
        // Every member takes writes, and finds the one that holds the data.
        endpoints: vec![Endpoint {
            role: EndpointRole::Primary,
            port: PORT,
            target: Target::Pods { labels: labels(own(&name)), port: PORT },
        }],
        credentials: Credentials {
            secret: password_secret(generation),
            username: Username::Is(USER.into()),
            password: USER.into(),
        },
        certificate_authority: Some(SecretKey { secret: authority_secret(generation), key: "ca.crt".into() }),
        workloads: [Some(members(generation)), jobs].into_iter().flatten().collect(),
        operator_namespace: settings.namespace.clone(),
        user_maker: None,
        signals: signals(generation),
    }
}

fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own_pods = || Peer::Workload(MEMBERS.into());
    // A member that stops asks the others by HTTP first (ECK 3.5, its pre-stop hook).
    let mut accepts =
        doors([(Peer::Clients, PORT), (own_pods(), PORT), (own_pods(), TRANSPORT), (Peer::Operator, PORT)]);
    let mut reaches = doors([(own_pods(), PORT), (own_pods(), TRANSPORT)]);
    if backup_job::has_any(generation) {
        accepts.push(backup_job::door(PORT));
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    accepts.extend(scraped(terms, METRICS));
    Workload {
        role: MEMBERS.into(),
        pods: labels(own(&generation.name())),
        accepts,
        reaches,
        metrics_port: (!terms.monitoring.off).then(|| METRICS_PORT.into()),
    }
}

/// Members are pods named `NAME-es-members-0` and so on; volumes have the volume's name before that.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let pods = format!(r#"namespace="{namespace}",pod=~"{name}-es-{NODE_SET}-[0-9]+""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"{VOLUME}-{name}-es-{NODE_SET}-[0-9]+""#);
    // Each shard of each index counts as a query of its own.
    let spent = |what: &str| format!("sum(rate(elasticsearch_indices_search_query_{what}{{{pods}}}[5m]))");
    let mut signals = map([
        // Each member says how many it sees; none that answers is no vector.
        (Signal::MembersUp, format!("max(elasticsearch_cluster_health_number_of_nodes{{{pods}}}) or vector(0)")),
        (Signal::Queries, format!("elasticsearch_indices_search_query_total{{{pods}}}")),
        (Signal::QueryTime, format!("{} / {}", spent("time_seconds"), spent("total"))),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if generation.plan.terms.backup.is_some() {
        signals.insert(Signal::BackupAge, backup_job::age_signal(generation));
    }
    signals
}
