//! What the rest of the world may know of a `DatabaseCluster`. In: a generation. Out: facts. Pods, volumes and certificates
//! are those of the `PerconaServerMongoDB` that Everest makes of it; metrics are kube-state-metrics' and the kubelet's, since
//! Everest has no exporter for Prometheus.

use super::{account, wrapped};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, SecretKey, Signal, Target, Username, Workload, doors,
};
use crate::operators::mongodb::{self, PORT};
use crate::operators::{account_job, password};
use std::collections::BTreeMap;

const HTTPS: u16 = 443;
/// The only replica set.
pub const SET: &str = "rs0";
/// Permanent.
pub const MEMBERS: &str = "members";

pub fn facts(generation: &Generation) -> Facts {
    let terms = &generation.plan.terms;
    let name = generation.name();
    Facts {
        service_type: "mongodb".into(),
        provider: "everest".into(),
        uri: mongodb::uri(terms, Some(SET)),
        // Drivers look for the primary among all members themselves, and read from replicas if they are told to.
        endpoints: vec![Endpoint {
            role: EndpointRole::Primary,
            port: PORT,
            target: Target::Pods { labels: wrapped::of_members(&name), port: PORT },
        }],
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(account::USERNAME.into()),
            password: account::PASSWORD.into(),
        },
        certificate_authority: Some(SecretKey { secret: format!("{name}-ssl"), key: "ca.crt".into() }),
        workloads: vec![members(generation), account_job::workload(generation, MEMBERS, PORT)],
        // Everest itself never comes to the pods.
        operator_namespace: generation.database().namespace.clone(),
        user_maker: None,
        signals: if terms.monitoring.off { BTreeMap::new() } else { signals(generation) },
    }
}

/// Nothing in the pods speaks to Kubernetes.
fn members(generation: &Generation) -> Workload {
    let own = || Peer::Workload(MEMBERS.into());
    let mut reaches = doors([(own(), PORT)]);
    if generation.plan.terms.backup.is_some() {
        reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    }
    Workload {
        role: MEMBERS.into(),
        pods: wrapped::of_members(&generation.name()),
        accepts: doors([
            (own(), PORT),
            (Peer::Operator, PORT),
            (Peer::Clients, PORT),
            (Peer::Workload(account_job::ROLE.into()), PORT),
        ]),
        reaches,
        metrics_port: None,
    }
}

/// Members are pods `NAME-rs0-0` and so on, and their volumes claims `mongod-data-NAME-rs0-0`. A backup has no metric.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let ready = format!(r#"namespace="{namespace}",pod=~"{name}-{SET}-[0-9]+",condition="true""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"mongod-data-{name}-{SET}-[0-9]+""#);
    map([
        (Signal::MembersUp, format!("sum(kube_pod_status_ready{{{ready}}}) or vector(0)")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ])
}
