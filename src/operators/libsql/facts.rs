//! What the rest of the world may know of the server. In: a generation. Out: facts. Metrics are kube-state-metrics' and the
//! kubelet's: the server's own are behind a door that would let anybody delete the database.

use super::server::{ROLE, own};
use super::{PORT, credential, name};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, Signal, Target, Uri, Username, Workload, doors,
};
use crate::operators::{backup_job, password};
use std::collections::BTreeMap;

const HTTPS: u16 = 443;

pub fn facts(generation: &Generation) -> Facts {
    let jobs = backup_job::has_any(generation).then(|| backup_job::workload(generation, PORT));
    Facts {
        service_type: "sqlite".into(),
        provider: "libsql-server".into(),
        uri: Uri { scheme: "http".into(), path: String::new(), query: String::new() },
        endpoints: vec![Endpoint {
            role: EndpointRole::Primary,
            port: PORT,
            target: Target::Pods { labels: own(generation), port: PORT },
        }],
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(credential::USERNAME.into()),
            password: credential::PASSWORD.into(),
        },
        certificate_authority: None,
        workloads: [Some(server(generation)), jobs].into_iter().flatten().collect(),
        // There is none.
        operator_namespace: String::new(),
        user_maker: None,
        signals: signals(generation),
    }
}

fn server(generation: &Generation) -> Workload {
    let mut accepts = doors([(Peer::Clients, PORT)]);
    accepts.extend(backup_job::has_any(generation).then(|| backup_job::door(PORT)));
    let continuous = generation.plan.terms.backup.as_ref().is_some_and(|backup| backup.continuous);
    Workload {
        role: ROLE.into(),
        pods: own(generation),
        accepts,
        reaches: if continuous { doors([(Peer::ObjectStore, HTTPS)]) } else { vec![] },
        metrics_port: None,
    }
}

fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let (namespace, name) = (&generation.database().namespace, name(generation));
    let pod = format!(r#"namespace="{namespace}",pod="{name}-0",condition="true""#);
    let volume = format!(r#"namespace="{namespace}",persistentvolumeclaim="{name}""#);
    let mut signals = map([
        (Signal::MembersUp, format!("sum(kube_pod_status_ready{{{pod}}}) or vector(0)")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volume}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volume}}}")),
    ]);
    if generation.plan.terms.backup.is_some() {
        signals.insert(Signal::BackupAge, backup_job::age_signal(generation));
    }
    signals
}
