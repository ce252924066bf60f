//! The five inputs: the platform team's whole influence. In: a step's `input`, with the overlay's section merged over it.
//! Out: typed settings. The kind of its input is what a step does. Must not read a claim.

pub mod tier_defaults;
pub mod quotas;
pub mod approval_gate;
mod signer;

use crate::integrations;
use crate::operators::{
    altinity, azure_flexible_server, backup_job, cloudnative_pg, eck, everest, innodb_cluster, libsql,
    mongodb_community, ot_container_kit, percona_server_mongodb, stackgres, vitess, zalando,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use approval_gate::ApprovalGate;
pub use quotas::{Limits, Quotas};
pub use signer::{Signatures, Signer, SignerKey};
pub use tier_defaults::TierDefaults;

/// The manifest of an input, as it stands in a Composition.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest<Spec> {
    pub spec: Spec,
}

/// What says which step this is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Header {
    pub api_version: String,
    pub kind: String,
}

/// What a step does, by the kind of its input; the name is the step's in the shipped Composition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    TierDefaults,
    ApprovalGate,
    Engines,
    Integrations,
    Report,
}

impl Step {
    pub const ALL: [Step; 5] =
        [Step::TierDefaults, Step::ApprovalGate, Step::Engines, Step::Integrations, Step::Report];

    /// The kind of its input, and its section in the platform's overlay.
    pub fn kind(self) -> &'static str {
        match self {
            Step::TierDefaults => "TierDefaults",
            Step::ApprovalGate => "ApprovalGate",
            Step::Engines => "Engines",
            Step::Integrations => "Integrations",
            Step::Report => "Report",
        }
    }

    /// The step's name in the shipped Composition, which messages use.
    pub fn name(self) -> &'static str {
        match self {
            Step::TierDefaults => "tier-defaults",
            Step::ApprovalGate => "production-approval",
            Step::Engines => "compose-engine",
            Step::Integrations => "integrate",
            Step::Report => "report",
        }
    }
}

/// Settings of the operators that decide how things are rendered. What changes a running database belongs into
/// `TierDefaults`, where the gate sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Engines {
    /// Backups of engines whose operator makes none.
    pub backup_jobs: backup_job::Settings,
    #[serde(rename = "cloudNativePG")]
    pub cloudnative_pg: cloudnative_pg::Settings,
    #[serde(rename = "perconaServerMongoDB")]
    pub percona_server_mongodb: percona_server_mongodb::Settings,
    pub eck: eck::Settings,
    #[serde(rename = "innoDBCluster")]
    pub innodb_cluster: innodb_cluster::Settings,
    #[serde(rename = "libSQL")]
    pub lib_sql: libsql::Settings,
    pub altinity: altinity::Settings,
    pub ot_container_kit: ot_container_kit::Settings,
    pub zalando: zalando::Settings,
    pub azure_flexible_server: azure_flexible_server::Settings,
    pub vitess: vitess::Settings,
    #[serde(rename = "stackGres")]
    pub stackgres: stackgres::Settings,
    #[serde(rename = "mongoDBCommunity")]
    pub mongodb_community: mongodb_community::Settings,
    pub everest: everest::Settings,
}

/// What surrounds a database. What is left out is off: a kind that the cluster does not know would stop everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Integrations {
    /// Connection secrets by the External Secrets operator, for claims with the credentials ExternalSecret.
    pub external_secrets: Option<integrations::external_secret::Settings>,
    /// Users that live for an hour, for claims with the credentials VaultDynamic.
    pub vault: Option<integrations::vault::Settings>,
    /// Access for people by Teleport.
    pub teleport: Option<integrations::teleport::Settings>,
    /// Services and endpoints in Consul.
    pub consul: integrations::consul::Settings,
    /// Labels for Backstage and cost tools on everything composed.
    pub catalog: Option<integrations::catalog::Settings>,
    /// Web consoles outside of production, for claims that ask for one; only together with networkPolicy.
    pub console: Option<integrations::console::Settings>,
    /// Default deny for the database's pods, with the doors that it needs.
    pub network_policy: Option<integrations::network_policy::Settings>,
    /// Metrics for the Prometheus operator.
    pub pod_monitor: Option<integrations::pod_monitor::Settings>,
    /// Alerts for the Prometheus operator.
    pub prometheus_rule: Option<integrations::prometheus_rule::Settings>,
}

/// Readiness, status and the guard need no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {}
