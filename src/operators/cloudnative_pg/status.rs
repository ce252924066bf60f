//! What the operator's resources say of themselves, as far as anybody looks. In: observed objects. Out: typed statuses,
//! where everything that can be missing is missing. Fields are CloudNativePG 1.30's and barman-cloud plugin 0.14's.
//! Must not judge.

use crate::api::quantity::Bytes;
use crate::operators::pod_template::Resources;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Cluster<'a> {
    #[serde(borrow)]
    pub metadata: ClusterMetadata<'a>,
    #[serde(borrow)]
    pub spec: ClusterSpec<'a>,
    #[serde(borrow)]
    pub status: ClusterStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ClusterMetadata<'a> {
    #[serde(borrow)]
    annotations: ClusterAnnotations<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClusterAnnotations<'a> {
    #[serde(rename = "cnpg.io/hibernation")]
    hibernation: Option<&'a str>,
}

impl ClusterMetadata<'_> {
    pub fn is_to_sleep(&self) -> bool {
        self.annotations.hibernation == Some("on")
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterSpec<'a> {
    pub instances: Option<u32>,
    pub image_name: Option<&'a str>,
    pub storage: Option<StorageSize>,
    pub resources: Option<Resources>,
    #[serde(borrow)]
    pub replica: Option<Replica<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Replica<'a> {
    #[serde(borrow)]
    pub primary: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StorageSize {
    pub size: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterStatus<'a> {
    pub phase: Option<&'a str>,
    pub phase_reason: Option<&'a str>,
    pub instances: u32,
    pub ready_instances: u32,
    pub image: Option<&'a str>,
    pub pg_data_image_info: Option<DataImage>,
    pub current_primary: Option<&'a str>,
    #[serde(borrow)]
    pub instances_status: InstancesStatus<'a>,
    #[serde(borrow)]
    pub conditions: Vec<Condition<'a>>,
    #[serde(rename = "resizingPVC", borrow)]
    pub resizing: Vec<&'a str>,
    #[serde(rename = "healthyPVC", borrow)]
    pub healthy_volumes: Vec<&'a str>,
}

impl<'a> ClusterStatus<'a> {
    pub fn condition(&self, kind: &str) -> Option<&Condition<'a>> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    pub fn is(&self, kind: &str) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == "True")
    }

    /// Whether the primary took connections when the operator last looked.
    pub fn serves(&self) -> bool {
        self.current_primary.is_some_and(|primary| self.instances_status.healthy.contains(&primary))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct InstancesStatus<'a> {
    /// Pods that are active and ready.
    #[serde(borrow)]
    pub healthy: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataImage {
    pub major_version: u32,
}

#[derive(Deserialize)]
pub struct Condition<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub status: &'a str,
    #[serde(default)]
    pub message: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct ObjectStore<'a> {
    #[serde(borrow, default)]
    pub status: ObjectStoreStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStoreStatus<'a> {
    /// By the name of the server.
    #[serde(borrow)]
    pub server_recovery_window: BTreeMap<&'a str, RecoveryWindow<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoveryWindow<'a> {
    pub first_recoverability_point: Option<&'a str>,
    pub last_successful_backup_time: Option<&'a str>,
    pub last_failed_backup_time: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct ScheduledBackup<'a> {
    #[serde(borrow, default)]
    pub status: ScheduledBackupStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScheduledBackupStatus<'a> {
    pub last_check_time: Option<&'a str>,
    pub error: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct Pooler<'a> {
    #[serde(borrow, default)]
    pub status: PoolerStatus<'a>,
}

/// The operator counts the instances that exist, ready or not.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PoolerStatus<'a> {
    pub phase: Option<&'a str>,
    pub phase_reason: Option<&'a str>,
    pub instances: u32,
}

#[derive(Deserialize)]
pub struct Database<'a> {
    pub metadata: DatabaseMetadata,
    #[serde(borrow, default)]
    pub status: DatabaseStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct DatabaseMetadata {
    pub generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DatabaseStatus<'a> {
    pub applied: Option<bool>,
    pub message: Option<&'a str>,
    pub observed_generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Backup<'a> {
    #[serde(borrow)]
    pub metadata: BackupMetadata<'a>,
    #[serde(borrow)]
    pub status: BackupStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupMetadata<'a> {
    pub name: Option<&'a str>,
    pub creation_timestamp: Option<&'a str>,
    pub deletion_timestamp: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus<'a> {
    pub phase: Option<&'a str>,
    pub error: Option<&'a str>,
    pub backup_id: Option<&'a str>,
    pub started_at: Option<&'a str>,
    pub stopped_at: Option<&'a str>,
}
