//! What the operator's resources and the workloads that it makes say of themselves, as far as anybody looks. In: observed
//! objects. Out: typed statuses, where everything that can be missing is missing. Must not judge.

use crate::operators::pod_template::PodTemplate;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Cluster<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(borrow)]
    pub spec: ClusterSpec<'a>,
    #[serde(borrow)]
    pub status: ClusterStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata<'a> {
    pub name: Option<&'a str>,
    pub creation_timestamp: Option<&'a str>,
    pub deletion_timestamp: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ClusterSpec<'a> {
    pub instances: Option<u32>,
    pub version: Option<&'a str>,
    pub router: RouterSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RouterSpec {
    pub instances: Option<u32>,
}

/// An open object in the operator's schema; the fields are those of its `diagnose.py` and `cluster_api.py`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterStatus<'a> {
    #[serde(borrow)]
    pub cluster: GroupStatus<'a>,
    /// When the group was made.
    pub create_time: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupStatus<'a> {
    pub status: Option<&'a str>,
    pub online_instances: u32,
}

/// A StatefulSet, or the Deployment of the routers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Workload<'a> {
    #[serde(borrow)]
    pub spec: WorkloadSpec<'a>,
    pub status: WorkloadStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct WorkloadSpec<'a> {
    #[serde(borrow)]
    pub template: PodTemplate<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    pub ready_replicas: u32,
    pub updated_replicas: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Backup<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(borrow)]
    pub status: BackupStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus<'a> {
    pub status: Option<&'a str>,
    pub start_time: Option<&'a str>,
    pub completion_time: Option<&'a str>,
    pub output: Option<&'a str>,
    pub message: Option<&'a str>,
}
