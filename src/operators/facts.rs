//! Everything that the rest of the world may know of an engine. In: what an operator's file states. Out: what integrations
//! build upon. Must not name an operator's kinds: an integration that needs one lacks a fact.

use crate::api::plan::Terms;
use crate::map::map;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The `type` of a Service Binding: `postgresql`.
    pub service_type: String,
    /// The `provider` of a Service Binding: the operator, such as `cloudnative-pg`.
    pub provider: String,
    pub uri: Uri,
    /// Where clients connect; the primary always.
    pub endpoints: Vec<Endpoint>,
    /// What the application signs in with.
    pub credentials: Credentials,
    /// Where clients find the certificate authority of the server.
    pub certificate_authority: Option<SecretKey>,
    /// The groups of pods.
    pub workloads: Vec<Workload>,
    /// Where the operator itself runs.
    pub operator_namespace: String,
    /// Who can make users for an hour; nobody where the plan does not ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_maker: Option<UserMaker>,
    /// What can be said of it by metrics.
    pub signals: BTreeMap<Signal, String>,
}

/// How a client's address is put together: `scheme://username:password@host:port/path?query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uri {
    pub scheme: String,
    /// What stands behind the port, unescaped: the database, its number, or nothing.
    pub path: String,
    /// Escaped already, such as `sslmode=require`; or nothing.
    pub query: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    pub role: EndpointRole,
    /// For clients.
    pub port: u16,
    pub target: Target,
}

/// What is behind an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Exactly the pods with these labels, on this port of theirs.
    Pods { labels: Labels, port: u16 },
    /// The same, but a client stays with one pod, which keeps what the client has begun.
    Sticky { labels: Labels, port: u16 },
    /// A server outside of the cluster, on the endpoint's own port.
    Host(String),
}

/// The role is also the ending of the Service's name, and permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointRole {
    /// Takes writes.
    Primary,
    /// Reads only, and may lag.
    Replica,
    /// The primary through a pool of connections.
    Pooler,
}

/// A secret that the operator makes, or that is made for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub secret: String,
    pub username: Username,
    /// The key of the password.
    pub password: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Username {
    /// The key in the same secret.
    Key(String),
    /// It is the same everywhere and in no secret, such as `elastic`.
    Is(String),
}

/// A user that may make others, and that nobody else signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserMaker {
    pub secret: String,
    /// The keys in the secret.
    pub username: String,
    pub password: String,
    /// The role that owns the database, where the engine has such a one.
    pub owner: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretKey {
    pub secret: String,
    pub key: String,
}

/// A group of pods that stand under the same network rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// `members`, `pooler`, ...: part of keys and names, so permanent.
    pub role: String,
    pub pods: Labels,
    /// Who may come in, and on which port.
    pub accepts: Vec<Door>,
    /// Whom they must reach, and on which port.
    pub reaches: Vec<Door>,
    /// The name of the container port that serves Prometheus metrics.
    pub metrics_port: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    pub peer: Peer,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// Another group of this database's pods, by its role.
    Workload(String),
    /// Whoever the claim allows.
    Clients,
    Operator,
    Monitoring,
    /// Kubernetes' own API; the platform knows its address and port, so the port here is 443.
    ApiServer,
    /// The backup destination; the platform knows its addresses and ports, so the port here is 443.
    ObjectStore,
}

/// What an alert can be about. Each value is a PromQL expression about this one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signal {
    /// Number of members that answer.
    MembersUp,
    /// Share of the connections in use, 0 to 1.
    ConnectionsUsed,
    /// Seconds that the longest transaction has been running.
    LongestTransaction,
    /// Queries that took longer than what the engine itself calls slow, a counter.
    SlowQueries,
    /// Seconds that a query takes, the mean of the last five minutes.
    QueryTime,
    /// Seconds that the slowest replica is behind.
    ReplicationLag,
    /// Seconds since the last full backup.
    BackupAge,
    /// Failed attempts to archive the log, a counter.
    ArchiveFailures,
    /// Share of the transaction ids in use, 0 to 1.
    TransactionIdsUsed,
    /// Queries, commands or transactions that ended, a counter.
    Queries,
    /// Seconds until the certificate of the servers ends.
    CertificateExpires,
    /// Free bytes of each volume.
    VolumeFree,
    /// Size in bytes of each volume.
    VolumeSize,
}

/// A few doors at once.
pub fn doors<const COUNT: usize>(doors: [(Peer, u16); COUNT]) -> Vec<Door> {
    doors.into_iter().map(|(peer, port)| Door { peer, port }).collect()
}

/// The door for metrics; none for those that nobody collects.
pub fn scraped(terms: &Terms, port: u16) -> Option<Door> {
    (!terms.monitoring.off).then_some(Door { peer: Peer::Monitoring, port })
}

/// A few labels at once.
pub fn labels<const COUNT: usize>(labels: [(&str, &str); COUNT]) -> Labels {
    map(labels.into_iter().map(|(label, value)| (label.into(), value.into())))
}

impl Facts {
    pub fn endpoint(&self, role: EndpointRole) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.role == role)
    }

    pub fn workload(&self, role: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.role == role)
    }
}
