//! What the operator's resources say of themselves, as far as anybody looks. In: observed objects. Out: typed statuses, where
//! everything that can be missing is missing. Must not judge.

use serde::Deserialize;
use std::collections::BTreeMap;

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
    pub generation: Option<i64>,
    pub creation_timestamp: Option<&'a str>,
    #[serde(borrow)]
    pub labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ClusterSpec<'a> {
    #[serde(borrow)]
    pub images: Images<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Images<'a> {
    pub vttablet: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterStatus<'a> {
    pub observed_generation: Option<i64>,
    #[serde(borrow)]
    pub cells: BTreeMap<&'a str, Cell<'a>>,
    #[serde(borrow)]
    pub keyspaces: BTreeMap<&'a str, Keyspace<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cell<'a> {
    pub gateway_available: Option<&'a str>,
}

/// Tablets are members, over all shards.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Keyspace<'a> {
    pub pending_changes: Option<&'a str>,
    pub desired_shards: u32,
    pub desired_tablets: u32,
    pub tablets: u32,
    pub ready_tablets: u32,
    pub updated_tablets: u32,
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
    pub complete: bool,
    pub finished_time: Option<&'a str>,
}

/// One of the schedule's.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Job<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
}
