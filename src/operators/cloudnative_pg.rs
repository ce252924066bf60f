//! PostgreSQL on CloudNativePG 1.30.
use super::*;
use schemars::JsonSchema;
use serde::Deserialize;

/// How CloudNativePG's resources are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace that the operator and its barman-cloud plugin run in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The priority class of the members' pods.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { namespace: "cnpg-system".into(), image_pull_secrets: vec![], priority_class: None }
    }
}

pub struct CloudNativePg;

#[rustfmt::skip]
impl Operator for CloudNativePg {
    fn features(&self) -> Features { Features { engine: EngineName::Postgresql, topologies: &[Topology::Standalone, Topology::Replicated], most_replicas: 9, shards: false, pooling: true, backup_methods: &[BackupMethod::Auto, BackupMethod::Physical], point_in_time: true, extensions: true, hibernation: false, load_balancer: true, tls: true, custom_queries: true } }
    fn change(&self, _: &Plan, _: &Plan) -> Class { Class::None }
    fn requirements(&self, _: &Generation) -> Vec<Question> { todo!() }
    fn data(&self, _: &Generation) -> Vec<Reference> { todo!() }
    fn compose(&self, _: &Generation, _: &Engines, _: &Observed) -> Engine { todo!() }
    fn health(&self, _: &Generation, _: &Observed) -> Result<Health, Undecodable> { todo!() }
}
