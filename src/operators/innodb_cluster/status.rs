//! What the operator's resources and the workloads that it makes say of themselves, as far as anybody looks. In: observed
//! objects. Out: typed statuses, where everything that can be missing is missing. Must not judge.

use crate::api::quantity::{Bytes, Millicores};
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
    pub template: Template<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Template<'a> {
    #[serde(borrow)]
    pub spec: PodSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PodSpec<'a> {
    #[serde(borrow)]
    pub containers: Vec<Container<'a>>,
}

#[derive(Deserialize)]
pub struct Container<'a> {
    pub name: &'a str,
    #[serde(default)]
    pub image: Option<&'a str>,
    #[serde(default)]
    pub resources: Resources,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub limits: Limits,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub cpu: Option<Millicores>,
    pub memory: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    pub ready_replicas: u32,
    pub updated_replicas: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Volume<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    pub status: VolumeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct VolumeStatus {
    pub capacity: Option<Capacity>,
}

#[derive(Deserialize)]
pub struct Capacity {
    pub storage: Bytes,
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
    pub message: Option<&'a str>,
}
