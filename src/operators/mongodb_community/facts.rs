//! What the rest of the world may know of a `MongoDBCommunity`. In: a generation. Out: facts. Labels and ports are the
//! operator's 1.10, metrics those of mongodb_exporter 0.47 and kube-state-metrics 2: the agent's own ask for a password, at
//! a port that no container names.

use super::access::{PASSWORD, USERNAME};
use super::{MEMBERS, Settings, own};
use crate::api::record::Generation;
use crate::operators::facts::{
    Credentials, Endpoint, EndpointRole, Facts, Peer, SecretKey, Signal, Target, Username, Workload, doors, scraped,
};
use crate::operators::mongodb::{self, METRICS, METRICS_PORT, PORT};
use crate::operators::{backup_job, certificate, password};
use std::collections::BTreeMap;

const HTTPS: u16 = 443;

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let mut workloads = vec![members(generation)];
    workloads.extend(backup_job::has_any(generation).then(|| backup_job::workload(generation, PORT)));
    Facts {
        service_type: "mongodb".into(),
        provider: "mongodb-community".into(),
        uri: mongodb::uri(terms, Some(&generation.name())),
        // Drivers look for the primary among all members themselves, and read from replicas if they are told to.
        endpoints: vec![Endpoint {
            role: EndpointRole::Primary,
            port: PORT,
            target: Target::Pods { labels: own(generation), port: PORT },
        }],
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(USERNAME.into()),
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

/// The agent in each pod asks Kubernetes what it is to do; the operator never comes to them.
fn members(generation: &Generation) -> Workload {
    let terms = &generation.plan.terms;
    let own_members = || Peer::Workload(MEMBERS.into());
    let mut accepts = doors([(own_members(), PORT), (Peer::Clients, PORT)]);
    accepts.extend(backup_job::has_any(generation).then(|| backup_job::door(PORT)));
    accepts.extend(scraped(terms, METRICS));
    Workload {
        role: MEMBERS.into(),
        pods: own(generation),
        accepts,
        reaches: doors([(own_members(), PORT), (Peer::ApiServer, HTTPS)]),
        metrics_port: (!terms.monitoring.off).then(|| METRICS_PORT.into()),
    }
}

/// Members are pods `NAME-0` and so on, and their volumes claims `data-volume-NAME-0`.
fn signals(generation: &Generation) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let (namespace, name) = (&generation.database().namespace, generation.name());
    let members = format!(r#"namespace="{namespace}",pod=~"{name}-[0-9]+""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"data-volume-{name}-[0-9]+""#);
    let mut signals = match terms.monitoring.off {
        true => BTreeMap::new(),
        false => mongodb::signals(terms, &members, &volumes),
    };
    if terms.backup.is_some() && !terms.monitoring.off {
        signals.insert(Signal::BackupAge, backup_job::age_signal(generation));
    }
    signals.extend(certificate::signal(generation));
    signals
}
