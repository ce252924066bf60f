//! The sections of a claim: backup, access, lifecycle and so on. In: the observed composite. Out: their fields as written.
//!
//! Doc comments become the descriptions of the schema. Must not hold a default that policy could decide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backup {
    /// Whether there are backups at all; some tiers require them.
    pub enabled: Option<bool>,
    /// When a full backup is made, in UTC: a cron expression of five fields.
    #[schemars(regex(pattern = r"^[0-9*/,-]+( [0-9*/,-]+){4}$"), length(max = 64))]
    pub schedule: Option<String>,
    /// How long backups are kept: days, weeks or months, such as 30d.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[dwm]$"), length(max = 5))]
    pub retention: Option<String>,
    /// Archives the log continuously, so that any point in time can be restored.
    pub continuous: Option<bool>,
    /// How backups are made; the operator's best way if Auto or left out.
    pub method: Option<BackupMethod>,
    /// A new value makes one backup now.
    #[schemars(length(min = 1, max = 63))]
    pub request: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BackupMethod {
    #[default]
    Auto,
    Physical,
    Dump,
    Snapshot,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Pooling {
    /// Whether there is a pooler.
    pub enabled: bool,
    /// When a server connection goes back to the pool; transaction if left out.
    pub mode: Option<PoolMode>,
    /// Number of pooler instances; the tier's number of members, at most 3, if left out.
    #[schemars(range(min = 1, max = 20))]
    pub instances: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    Session,
    #[default]
    Transaction,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// A restore runs once for each id; a new id asks for it again.
    #[schemars(length(min = 1, max = 63))]
    pub id: String,
    /// The database whose backup is restored; this one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 40))]
    pub database: Option<String>,
    /// The namespace of that database; this one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 63))]
    pub namespace: Option<String>,
    /// The name of one backup, or of what served before the last restore; else the newest before the point in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), length(max = 253))]
    pub backup: Option<String>,
    /// Up to which moment, RFC 3339; else as late as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        regex(
            pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
        ),
        length(max = 40)
    )]
    pub point_in_time: Option<String>,
    /// Overwrites the running data, without a way back, where the operator can.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_place: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisasterRecovery {
    /// Where a standby stands: a name in the platform's table of regions. Another one, or none, deletes it.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"), length(max = 63))]
    pub region: Option<String>,
    /// Where the database itself stands: a name in the same table; if left out, where the platform sends it. While it runs,
    /// the only other place that can stand here is that of its standby, which is promoted by it.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"), length(max = 63))]
    pub primary: Option<String>,
    /// How a standby is promoted; Switchover if left out.
    pub promotion: Option<Promotion>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Promotion {
    /// The database is put to sleep first, so that nothing is lost. It waits for that.
    #[default]
    Switchover,
    /// Waits for nothing where the database stands, for the day that its region is gone: what was written last is lost, and
    /// people see to it that nobody writes there any more.
    Failover,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Credentials {
    /// Where credentials come from; the platform's default if left out.
    pub source: Option<CredentialSource>,
    /// Automatic rotation.
    pub rotation: Option<Rotation>,
    /// Endpoint data in Consul.
    pub consul: Option<Consul>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialSource {
    /// The operator's own secret.
    Operator,
    /// A Service Binding secret, NAME-connection.
    Secret,
    /// The same secret, made by External Secrets.
    ExternalSecret,
    /// Short-lived users made by Vault.
    VaultDynamic,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Time between two rotations, such as 30d.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,3}[hdw]$"), length(max = 5))]
    pub interval: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consul {
    /// Path in the key-value store.
    #[schemars(length(min = 1, max = 512))]
    pub path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Access {
    /// Namespaces whose pods may connect, besides the database's own.
    #[schemars(length(max = 64), inner(regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"), length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_namespaces: Vec<String>,
    /// Address ranges outside of the cluster that may connect.
    #[schemars(length(max = 64), inner(length(max = 43)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(rename = "allowedCIDRs")]
    pub allowed_cidrs: Vec<String>,
    /// How the database is exposed; ClusterIP if left out.
    pub service_type: Option<ServiceType>,
    /// Further users of the database.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub roles: Vec<Role>,
    /// A web console, in dev and staging only.
    pub console: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    #[default]
    ClusterIP,
    LoadBalancer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// The user's name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,62}$"), length(max = 63))]
    pub name: String,
    /// What the user may do.
    pub privileges: Privileges,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Privileges {
    Read,
    Write,
    Admin,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tls {
    /// Refuses connections that are not encrypted; the tier's default if left out.
    pub enabled: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Monitoring {
    /// Whether metrics are collected; true if left out.
    pub enabled: Option<bool>,
    /// Whether alerts are raised; true if left out.
    pub alerts: Option<bool>,
    /// How much the engine logs.
    pub log_level: Option<LogLevel>,
    /// Logs who did what, where the engine can.
    pub audit: Option<bool>,
    /// The name of a ConfigMap with custom metric queries under the key queries, where the operator takes them.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), length(max = 253))]
    pub queries: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warning,
    #[default]
    Info,
    Debug,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Maintenance {
    /// Weekly windows; the tier's if left out.
    #[schemars(length(max = 7))]
    pub windows: Vec<Window>,
    /// The time zone of the windows and of the hibernation, such as Europe/Oslo; the tier's, else UTC, if left out.
    #[schemars(regex(pattern = r"^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$"), length(max = 64))]
    pub time_zone: Option<String>,
    /// Takes new patch releases in the next window; the tier's default if left out.
    pub auto_upgrade: Option<bool>,
    /// Lets a change that restarts members happen outside of the windows.
    pub urgent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// The day of the week on which it opens.
    pub day: Weekday,
    /// Local time of day, such as 02:00.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), length(max = 5))]
    pub start: String,
    /// Length, such as 4h or 90m; at most 24h.
    #[schemars(regex(pattern = r"^(([1-9]|1[0-9]|2[0-4])h|[1-9][0-9]{1,2}m)$"), length(max = 4))]
    pub duration: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Lifecycle {
    /// Stops the database and keeps its data.
    pub hibernated: bool,
    /// Hibernates on a schedule.
    pub schedule: Option<HibernationSchedule>,
    /// The day on which the database hibernates for good, such as 2027-01-31.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), length(max = 10))]
    pub expires: Option<String>,
    /// What deleting the claim does to the data; the tier's default if left out.
    pub deletion_policy: Option<DeletionPolicy>,
    /// Refuses deletion; the tier's default if left out.
    pub deletion_protection: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HibernationSchedule {
    /// When it falls asleep: a cron expression of five fields in the maintenance time zone.
    #[schemars(regex(pattern = r"^[0-9*/,-]+( [0-9*/,-]+){4}$"), length(max = 64))]
    pub sleep: String,
    /// When it wakes up: a cron expression of five fields in the maintenance time zone.
    #[schemars(regex(pattern = r"^[0-9*/,-]+( [0-9*/,-]+){4}$"), length(max = 64))]
    pub wake: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The data goes with the claim.
    #[default]
    Delete,
    /// A last backup is made, then the data goes.
    Snapshot,
    /// The data stays in the cluster.
    Retain,
}
