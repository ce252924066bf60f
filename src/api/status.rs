//! What the database says of itself. In: what `report` found. Out: `status`, written whole every time.
//! It proves nothing: users can write it. Must not hold a secret value, nor anything that changes on every run.

use super::approval::OperationKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Of what runs; a pending edit shows in `approval` and in the conditions.
    pub phase: Phase,
    /// How far it has come.
    pub stage: Stage,
    /// Why it is not ready, in one sentence with the resource that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where applications connect: host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The same for reading only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader_endpoint: Option<String>,
    /// The same through the pooler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooler_endpoint: Option<String>,
    /// The Service Binding secret: this database is a provisioned service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// Where the credentials are in Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// How people open the web console, or why they cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// Where the claim's roles have their credentials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleStatus>,
    /// How the application's credentials are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationStatus>,
    /// Members that are ready.
    pub ready_replicas: u32,
    /// The version that runs, as the operator says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<String>,
    /// The release line gets no more fixes.
    pub version_outdated: bool,
    /// The generation of the claim that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the last backup succeeded, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalStatus>,
    /// Generations beside the one that serves: what a restore makes ready, and what can be gone back to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<RestoreStatus>,
    /// What follows it in another region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disaster_recovery: Option<DisasterRecoveryStatus>,
    /// What is allowed and waits for the maintenance window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The applied plan in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// The price of what runs for a month, such as EUR 412.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_monthly_cost: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    AwaitingApproval,
    /// Nothing runs, because the claim has a mistake.
    Invalid,
    #[default]
    Provisioning,
    Ready,
    Updating,
    Scaling,
    Upgrading,
    Restoring,
    Hibernated,
    Deleting,
    Degraded,
    /// The data is gone; an empty database is never made in its place.
    Lost,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stage {
    #[default]
    Validating,
    Namespace,
    Deploying,
    WaitingForReady,
    Credentials,
    Backup,
    Metrics,
    Completed,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Binding {
    /// The secret's name, in the database's namespace.
    pub name: String,
}

/// One of the claim's roles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(default)]
pub struct RoleStatus {
    /// The user's name.
    pub name: String,
    /// The secret with its username and password.
    pub secret: String,
}

/// How the application's credentials are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RotationStatus {
    /// How often it was begun.
    pub turn: u32,
    pub stage: RotationStage,
    /// Who applications sign in as; none while it is the user that came with the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When the stage began, or applications got what is settled, RFC 3339.
    pub since: String,
    /// When the next stage begins, where only time is awaited, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RotationStage {
    /// One user works.
    #[default]
    Settled,
    /// The next user is being made, and has not signed in yet.
    Making,
    /// The next user works, and the secret for applications does not have it yet.
    Publishing,
    /// Applications get the next user, and the one before works until the time is over.
    Overlapping,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    /// When a full backup is made: a cron expression of five fields, UTC.
    pub schedule: String,
    /// How long backups are kept, such as 30d.
    pub retention: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// When the last one that failed did, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// Why the last one that failed did, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_message: Option<String>,
    /// The earliest moment that can be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_recoverable: Option<String>,
    /// The latest moment that can be restored; none where backups are continuous, since it is nearly now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_recoverable: Option<String>,
    /// When a backup was last restored into a throw-away instance that then worked, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_verified: Option<String>,
    /// The restore drill that is under way or due, or the last one if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_verification: Option<Verification>,
    /// The latest of the schedule, the newest first, where the operator lists them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latest: Vec<ScheduledBackup>,
    /// Those that spec.backup.request asked for, as long as they are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_demand: Vec<OnDemandBackup>,
}

/// A restore drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// How it stands.
    pub state: VerificationState,
    /// When it began or failed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What it waits for, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum VerificationState {
    /// It is due, and cannot begin.
    Waiting,
    Running,
    Failed,
}

/// One backup of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledBackup {
    /// Of the object that stands for it, which spec.restore.backup takes where the operator restores by name.
    pub name: String,
    /// How it stands.
    pub state: OnDemandState,
    /// When it was whole, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<String>,
    /// As the operator says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnDemandBackup {
    /// The value of spec.backup.request that asked for it.
    pub request: String,
    /// Of the object that stands for it.
    pub name: String,
    /// How it stands.
    pub state: OnDemandState,
    /// How long it is kept, RFC 3339.
    pub until: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum OnDemandState {
    Running,
    Completed,
    Failed,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalStatus {
    /// Who approved what runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// What waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// The deletion that somebody tried, while it waits for its approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Pending>,
}

/// An operation that waits, and all that is needed to approve it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// What is to be approved.
    pub operation: OperationKind,
    /// What an approval is bound to.
    pub digest: String,
    /// Each in words, such as replicas 3 -> 5.
    pub changes: Vec<String>,
    /// What it does to the running database.
    pub class: Class,
    /// How many different approvers it needs.
    pub approvers_needed: u32,
    /// Each approval that was found, and whether it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
    /// What an approver runs.
    pub command: String,
}

/// A generation that does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreStatus {
    /// Its name; spec.restore.backup takes that of a kept one.
    pub generation: String,
    pub state: RestoreState,
    /// The id of the restore that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How long it is kept, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum RestoreState {
    /// It serves when it is ready.
    Restoring,
    /// It served before, and sleeps.
    Kept,
    /// It is being deleted.
    Released,
    /// It served, and its data is being overwritten.
    Overwriting,
    /// It served, and nobody knows how much of its data was overwritten.
    Failed,
}

/// A second database in another region, which follows the one that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisasterRecoveryStatus {
    /// The platform's name for where it stands.
    pub region: String,
    /// The name of its main resource there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// How it stands.
    pub phase: StandbyPhase,
    /// It follows, as the operator there says.
    pub ready: bool,
    /// What it waits for, or what is wrong with it or with its backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How much of what was written last may be lost with the one that serves, such as 5m, while it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_point_objective: Option<String>,
    /// How soon after a disaster there is a database again, such as 30m, as the platform promises it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_time_objective: Option<String>,
    /// When its own last backup succeeded, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum StandbyPhase {
    /// There is no backup yet to make it of.
    Waiting,
    /// It is being made, or its members restart.
    Provisioning,
    Following,
    /// It follows, with members missing.
    Degraded,
    Failed,
    /// It becomes the database.
    Promoting,
}

/// Changes that wait for the maintenance window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Each in words, such as replicas 3 -> 5.
    pub changes: Vec<String>,
    /// What they do to the running database.
    pub class: Class,
    /// When the window opens, RFC 3339.
    pub until: String,
}

/// What a change does to a running database, from harmless to impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Class {
    None,
    Online,
    Restart,
    Failover,
    Rebuild,
    DataLoss,
    Refused,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resolved {
    /// Of the database inside, which is fixed, as are environment, engine, topology and storage class.
    pub name: String,
    /// The tier.
    pub environment: String,
    /// The engine.
    pub engine: String,
    /// How the members stand together.
    pub topology: String,
    /// The operator behind the engine.
    pub operator: String,
    /// The release line.
    pub version: String,
    /// Members, per shard.
    pub replicas: u32,
    /// Such as 2 cpu, 8Gi memory, 100Gi storage.
    pub size: String,
    /// Of each member, such as 100Gi; the claim cannot ask for less.
    pub storage: String,
    /// The storage class of the volumes; the cluster's default if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// When backups are made and how long they are kept, or none.
    pub backup: String,
    /// What deleting the claim does to the data.
    pub deletion: String,
}

/// Ours. Crossplane's own (Ready, Synced, Healthy, UpToDate, Responsive) cannot be spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionType {
    Validated,
    Approved,
    Provisioned,
    StorageReady,
    BackupConfigured,
    CredentialsReady,
    Monitored,
    StandbyReady,
}
