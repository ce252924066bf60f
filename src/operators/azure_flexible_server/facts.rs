//! What the rest of the world may know of a server in Azure. In: a generation and the platform's settings. Out: facts. There
//! are no pods, so no workloads, and no metrics in the cluster: Azure Monitor has them.

use super::server::Member;
use super::{PASSWORD, Settings, USERNAME, azure_name, host, server};
use crate::api::record::Generation;
use crate::operators::facts::{Credentials, Endpoint, EndpointRole, Facts, Target, Uri, Username};
use crate::operators::{password, postgresql};
use std::collections::BTreeMap;

/// Of the PgBouncer in each server.
const POOLER: u16 = 6432;

pub fn facts(generation: &Generation, settings: &Settings) -> Facts {
    let terms = &generation.plan.terms;
    let endpoint = |role, port, name: &str| Endpoint { role, port, target: Target::Host(host(name, settings)) };
    let primary = azure_name(generation);
    let mut endpoints = vec![endpoint(EndpointRole::Primary, postgresql::PORT, &primary)];
    if server::replica_count(terms) > 0 {
        // One name is one server: readers of further replicas take those from Azure.
        let first = Member::Replica(1).azure_name(generation);
        endpoints.push(endpoint(EndpointRole::Replica, postgresql::PORT, &first));
    }
    if terms.pooling.is_some() {
        endpoints.push(endpoint(EndpointRole::Pooler, POOLER, &primary));
    }
    Facts {
        service_type: "postgresql".into(),
        provider: "azure-flexible-server".into(),
        uri: Uri {
            scheme: "postgresql".into(),
            path: terms.database.inside.clone(),
            // Azure refuses everything else, whatever the plan says.
            query: postgresql::uri_query(true).into(),
        },
        endpoints,
        credentials: Credentials {
            secret: password::secret(generation),
            username: Username::Key(USERNAME.into()),
            password: PASSWORD.into(),
        },
        // A public one, which clients know already.
        certificate_authority: None,
        workloads: vec![],
        operator_namespace: "azureserviceoperator-system".into(),
        user_maker: None,
        signals: BTreeMap::new(),
    }
}
