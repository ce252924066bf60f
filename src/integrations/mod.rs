//! What surrounds a database. In: a generation and its engine's facts. Out: resources, one file per integration.
//!
//! What clients hold on to, Services and the connection secret, is named after the database alone and outlives every
//! generation; what belongs to pods is named and keyed by their generation. Must not know which operator made the facts.

pub mod service;
pub mod connection_secret;
pub mod network_policy;
pub mod pod_monitor;
pub mod prometheus_rule;

use crate::api::input::Integrations;
use crate::api::record::Generation;
use crate::observed::{Observed, Question};
use crate::operators::facts::EndpointRole;
use crate::operators::{Facts, Resource};
use serde::{Deserialize, Serialize};

/// How clients reach the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The name of the secret that applications bind to.
    pub binding: String,
    /// Host and port.
    pub primary: Option<String>,
    pub replica: Option<String>,
    pub pooler: Option<String>,
    /// Why there are no credentials for applications yet.
    pub credentials: Option<String>,
}

/// In a fixed order. What the platform did not configure is off: a kind that the cluster does not know stops everything.
pub fn compose(generation: &Generation, facts: &Facts, settings: &Integrations, observed: &Observed) -> Vec<Resource> {
    // A new section does not compile until it is used here.
    let Integrations { network_policy, pod_monitor, prometheus_rule } = settings;
    let monitoring = &generation.plan.terms.monitoring;
    let mut resources = service::compose(generation, facts);
    resources.extend(connection_secret::compose(generation, facts, observed));
    if let Some(settings) = network_policy {
        resources.extend(network_policy::compose(generation, facts, settings));
    }
    if let Some(settings) = pod_monitor.as_ref().filter(|_| !monitoring.off) {
        resources.extend(pod_monitor::compose(generation, facts, settings));
    }
    if let Some(settings) = prometheus_rule.as_ref().filter(|_| !monitoring.off && !monitoring.silent) {
        resources.push(prometheus_rule::compose(generation, facts, settings));
    }
    resources
}

/// Around a generation that does not serve yet: only what its pods need to get ready.
pub fn beside(generation: &Generation, facts: &Facts, settings: &Integrations) -> Vec<Resource> {
    settings.network_policy.iter().flat_map(|settings| network_policy::compose(generation, facts, settings)).collect()
}

/// The same names as what was composed.
pub fn access(generation: &Generation, facts: &Facts, observed: &Observed) -> Access {
    let endpoint =
        |role| facts.endpoint(role).map(|endpoint| format!("{}:{}", service::host(generation, role), endpoint.port));
    Access {
        binding: connection_secret::binding(generation, facts),
        primary: endpoint(EndpointRole::Primary),
        replica: endpoint(EndpointRole::Replica),
        pooler: endpoint(EndpointRole::Pooler),
        credentials: connection_secret::problem(generation, facts, observed),
    }
}

/// What they need to see beyond what was composed.
pub fn requirements(generation: &Generation, facts: &Facts) -> Vec<Question> {
    connection_secret::requirements(generation, facts)
}

/// A group of pods in keys and names: the members' has the plain one.
fn of_role(name: &str, role: &str) -> String {
    if role == "members" { name.into() } else { format!("{name}-{role}") }
}
