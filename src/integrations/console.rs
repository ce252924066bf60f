//! A web console for people, outside of production only: Adminer for PostgreSQL and MySQL, Mongo Express for MongoDB. In: a
//! generation, its engine's facts, the platform's images. Out: a `Deployment` and the network policy around its pod. Must
//! not hold a value: what it needs of a secret it names.
//!
//! There is no Service and no way in for any pod: who may forward a port to it opens it, and nobody else. Adminer asks for
//! username and password and keeps neither; Mongo Express has the application's, and asks for them first. A dot stands in
//! no claim's name.

use super::{network_policy, service};
use crate::api::claim::Environment;
use crate::api::input::Integrations;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::backup_job::{from_secret, text};
use crate::operators::facts::{EndpointRole, Labels, Peer, Username, Workload, doors, labels};
use crate::operators::pods::WORKLOAD;
use crate::operators::{DATABASE, Facts, Holds, Resource, pods, resource};
use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The key, the workload's role and the value of its label. Permanent.
const ROLE: &str = "console";
/// Permanent.
const POLICY: &str = "network-policy-console";
const KIND: (&str, &str) = ("apps/v1", "Deployment");
/// None of anybody's: the images say none, or one by name.
const USER: i64 = 65532;
const ADMINER: u16 = 8080;
const MONGO_EXPRESS: u16 = 8081;
const SIZE: Amounts = Amounts { cpu: Millicores(200), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The image of Adminer, for PostgreSQL and MySQL.
    #[schemars(length(min = 1, max = 512))]
    pub adminer_image: String,
    /// The image of Mongo Express, for MongoDB.
    #[schemars(length(min = 1, max = 512))]
    pub mongo_express_image: String,
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            adminer_image: "adminer:5.4.2".into(),
            mongo_express_image: "mongo-express:1.0.2".into(),
            image_pull_secrets: vec![],
        }
    }
}

/// The images and the policy, where both are set up and a console is asked for outside of production.
fn set_up<'a>(
    generation: &Generation,
    settings: &'a Integrations,
) -> Option<(&'a Settings, &'a network_policy::Settings)> {
    asked(generation).then(|| settings.console.as_ref().zip(settings.network_policy.as_ref())).flatten()
}

fn asked(generation: &Generation) -> bool {
    let terms = &generation.plan.terms;
    terms.access.console && terms.environment != Environment::Prod
}

/// How people open it, or why they cannot.
pub fn opened(generation: &Generation, facts: &Facts, settings: &Integrations) -> Option<String> {
    let namespace = &generation.database().namespace;
    asked(generation).then(|| match set_up(generation, settings) {
        None => "the platform has not set it up (Integrations.console and networkPolicy)".into(),
        Some(_) if generation.plan.terms.lifecycle.hibernated => "it sleeps".into(),
        Some(_) => format!(
            "kubectl port-forward --namespace {namespace} deployment/{} {port}; then open http://localhost:{port}/{}",
            name(generation),
            page(generation, facts),
            port = port(facts)
        ),
    })
}

/// Where the database is in it: Adminer fills its form from the address (Adminer 5.4.2).
fn page(generation: &Generation, facts: &Facts) -> String {
    let database = &generation.database().inside;
    if is_mongodb(facts) {
        return format!("db/{database}/");
    }
    let driver = if facts.service_type == "mysql" { "server" } else { "pgsql" };
    format!("?{driver}={}&db={database}", service::host(generation, EndpointRole::Primary))
}

pub fn compose(generation: &Generation, facts: &Facts, settings: &Integrations) -> Vec<Resource> {
    let Some((settings, network)) = set_up(generation, settings) else { return vec![] };
    let own = labels([(DATABASE, &generation.database().name), (WORKLOAD, ROLE)]);
    let workload = workload(facts, own.clone());
    let policy =
        network_policy::around(generation, facts, &workload, network, &generation.shared_key(POLICY), name(generation));
    vec![deployment(generation, facts, settings, own), policy]
}

/// It reaches whatever lets clients in, among whom it is.
fn workload(facts: &Facts, pods: Labels) -> Workload {
    let servers = facts.workloads.iter().flat_map(|workload| {
        let open = workload.accepts.iter().filter(|door| door.peer == Peer::Clients);
        open.flat_map(|door| doors([(Peer::Workload(workload.role.clone()), door.port)]))
    });
    Workload { role: ROLE.into(), pods, accepts: vec![], reaches: servers.collect(), metrics_port: None }
}

fn deployment(generation: &Generation, facts: &Facts, settings: &Settings, own: Labels) -> Resource {
    let image = if is_mongodb(facts) { &settings.mongo_express_image } else { &settings.adminer_image };
    let container = Container {
        name: ROLE.into(),
        image: Some(image.clone()),
        env: Some(environment(generation, facts)),
        ports: Some(vec![ContainerPort { container_port: port(facts).into(), ..Default::default() }]),
        resources: Some(pods::whole(SIZE)),
        security_context: Some(pods::confined()),
        ..Default::default()
    };
    let pod = PodSpec { containers: vec![container], ..pods::own(USER, None, &settings.image_pull_secrets) };
    let spec = DeploymentSpec {
        replicas: u32::from(!generation.plan.terms.lifecycle.hibernated),
        selector: LabelSelector { match_labels: Some(own.clone()), ..Default::default() },
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(own), ..Default::default() }),
            spec: Some(pod),
        },
    };
    let mut deployment = resource(generation, ROLE, KIND, name(generation), Holds::Nothing, spec);
    // It is the database's, whichever generation serves.
    deployment.key.0 = generation.shared_key(ROLE);
    deployment
}

fn environment(generation: &Generation, facts: &Facts) -> Vec<EnvVar> {
    let host = service::host(generation, EndpointRole::Primary);
    if !is_mongodb(facts) {
        return vec![text("ADMINER_DEFAULT_SERVER", &host)];
    }
    let credentials = &facts.credentials;
    let username = match &credentials.username {
        Username::Key(key) => from_secret("ME_CONFIG_BASICAUTH_USERNAME", &credentials.secret, key),
        Username::Is(name) => text("ME_CONFIG_BASICAUTH_USERNAME", name),
    };
    let port = facts.endpoint(EndpointRole::Primary).map_or(0, |endpoint| endpoint.port);
    let account = "$(ME_CONFIG_BASICAUTH_USERNAME):$(ME_CONFIG_BASICAUTH_PASSWORD)";
    let uri = &facts.uri;
    vec![
        username,
        from_secret("ME_CONFIG_BASICAUTH_PASSWORD", &credentials.secret, &credentials.password),
        // Releases differ in what they call it.
        text("ME_CONFIG_BASICAUTH", "true"),
        text("ME_CONFIG_BASICAUTH_ENABLED", "true"),
        // Kubernetes puts both in. They are letters and digits.
        text("ME_CONFIG_MONGODB_URL", &format!("{}://{account}@{host}:{port}/{}?{}", uri.scheme, uri.path, uri.query)),
        text("ME_CONFIG_MONGODB_ENABLE_ADMIN", "false"),
        text("ME_CONFIG_MONGODB_TLS", if uri.query.contains("tls=true") { "true" } else { "false" }),
    ]
}

fn is_mongodb(facts: &Facts) -> bool {
    facts.service_type == "mongodb"
}

fn port(facts: &Facts) -> u16 {
    if is_mongodb(facts) { MONGO_EXPRESS } else { ADMINER }
}

fn name(generation: &Generation) -> String {
    format!("{}.console", generation.database().name)
}

#[derive(Serialize)]
struct DeploymentSpec {
    replicas: u32,
    selector: LabelSelector,
    template: PodTemplateSpec,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Observed;
    use crate::operators;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    /// In another cluster the same key would be another object.
    #[test]
    fn it_goes_along_with_a_promotion() {
        let mut generation = example::generation("dev", json!({}));
        generation.plan.terms.access.console = true;
        let operator = operators::of(generation.plan.terms.operator);
        let facts = operator.compose(&generation, &Default::default(), &Observed::default()).facts;
        let network = json!({"apiServer": {"cidrs": ["10.0.0.1/32"], "ports": [6443]}, "monitoringNamespace": "monitoring",
            "objectStore": {"cidrs": ["0.0.0.0/0"], "ports": [443]}});
        let settings = serde_json::from_value(json!({"console": {}, "networkPolicy": network})).unwrap();
        let keys = |generation: &Generation| -> Vec<String> {
            compose(generation, &facts, &settings).into_iter().map(|resource| resource.key.0).collect()
        };
        assert_eq!(keys(&generation), ["console", "network-policy-console"]);
        generation.place = 2;
        assert_eq!(keys(&generation), ["console-g2", "network-policy-console-g2"]);
    }
}
