//! What surrounds a database. In: a generation and its engine's facts. Out: resources, one file per integration.
//!
//! What clients hold on to, Services and the connection secret, is named after the database alone and outlives every
//! generation; what belongs to pods is named and keyed by their generation. Must not know which operator made the facts.

pub mod service;
pub mod binding;
pub mod connection_secret;
pub mod external_secret;
pub mod network_policy;
pub mod pod_monitor;
pub mod prometheus_rule;

use crate::api::input::Integrations;
use crate::api::record::Generation;
use crate::observed::{Observed, Question};
use crate::operators::facts::EndpointRole;
use crate::operators::{Facts, Resource};
use crate::wire::Key;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
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
    let Integrations { external_secrets, network_policy, pod_monitor, prometheus_rule } = settings;
    let monitoring = &generation.plan.terms.monitoring;
    let mut resources = service::compose(generation, facts);
    resources.extend(connection_secret::compose(generation, facts, observed));
    resources.extend(external_secret::compose(generation, facts, external_secrets.as_ref()));
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

/// The same names as what was composed.
pub fn access(generation: &Generation, facts: &Facts, settings: &Integrations, observed: &Observed) -> Access {
    let endpoint =
        |role| facts.endpoint(role).map(|endpoint| format!("{}:{}", service::host(generation, role), endpoint.port));
    Access {
        binding: binding::name(generation, facts),
        primary: endpoint(EndpointRole::Primary),
        replica: endpoint(EndpointRole::Replica),
        pooler: endpoint(EndpointRole::Pooler),
        credentials: connection_secret::problem(generation, facts, observed)
            .or_else(|| external_secret::problem(generation, facts, settings.external_secrets.as_ref(), observed)),
    }
}

/// What they need to see beyond what was composed.
pub fn requirements(generation: &Generation, facts: &Facts) -> Vec<Question> {
    connection_secret::requirements(generation, facts)
}

/// Credentials that another operator makes, by key and by the condition that says whether it did.
const MADE_BY_OTHERS: [(&str, &str); 1] = [(external_secret::KEY, "Ready")];

/// Which of these resources are there without serving anybody yet.
pub fn unready(observed: &Observed) -> impl Iterator<Item = Key> {
    let idle = |(key, condition): &(&str, &str)| !matches!(standing(observed, key, condition), Standing::Fine);
    MADE_BY_OTHERS.into_iter().filter(idle).map(|(key, _)| Key(key.into()))
}

/// How a resource of another operator stands, by the condition that says so.
enum Standing {
    Fine,
    NotYet,
    /// Why, in that operator's words.
    Wrong(String),
}

fn standing(observed: &Observed, key: &str, condition: &str) -> Standing {
    // A status that cannot be read has said nothing.
    let made: Option<Made> = observed.get(key).ok().flatten();
    let conditions = made.map(|made| made.status.conditions).unwrap_or_default();
    match conditions.into_iter().find(|found| found.kind == condition) {
        Some(Condition { status, .. }) if status == "True" => Standing::Fine,
        Some(Condition { status, message, .. }) if status == "False" => {
            Standing::Wrong(message.unwrap_or_else(|| "no reason given".into()))
        }
        Some(_) | None => Standing::NotYet,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Made {
    status: MadeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MadeStatus {
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    message: Option<String>,
}

/// What stands in a URI as it is (RFC 3986, "unreserved").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As it stands in a URI.
fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// A group of pods in keys and names: the members' has the plain one.
fn of_role(name: &str, role: &str) -> String {
    if role == "members" { name.into() } else { format!("{name}-{role}") }
}
