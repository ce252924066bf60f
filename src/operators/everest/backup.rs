//! Where backups go and when they are made: a `BackupStorage`, a section of the `DatabaseCluster`, and a
//! `DatabaseClusterBackup` for one outside of the schedule. In: a generation that is backed up. Out: all three.

use super::{key, kind, wrapped};
use crate::api::plan::Backup;
use crate::api::record::Generation;
use crate::operators::{BackupRun, Holds, Resource, resource};
use crate::wire::{Object, Undecodable};
use serde::{Deserialize, Serialize};

/// The name of the only schedule. Permanent.
const SCHEDULE: &str = "scheduled";

/// The `BackupStorage`. A database has one of its own: its settings are the database's.
fn name(generation: &Generation) -> String {
    format!("{}-backups", generation.name())
}

pub fn storage(generation: &Generation, backup: &Backup) -> Resource {
    let destination = &backup.destination;
    let (bucket, _) = destination.place();
    let spec = StorageSpec {
        r#type: "s3",
        bucket,
        region: destination.region.as_deref(),
        endpoint_url: destination.endpoint.as_deref(),
        // Without keys it was refused before.
        credentials_secret_name: destination.access.s3_keys().map_or("", |keys| &keys.name),
    };
    resource(generation, key::STORAGE, kind::STORAGE, name(generation), Holds::Archive, spec)
}

pub fn section<'a>(generation: &Generation, backup: &'a Backup) -> Section<'a> {
    // Nobody is there to make any while it sleeps.
    let awake = !generation.plan.terms.lifecycle.hibernated;
    let schedule = Schedule {
        name: SCHEDULE,
        enabled: awake,
        schedule: &backup.schedule,
        backup_storage_name: name(generation),
        retention_copies: wrapped::kept(backup),
    };
    // Without an enabled schedule Everest knows no storage.
    let pitr = PointInTime { enabled: awake && backup.continuous, backup_storage_name: name(generation) };
    Section { schedules: [schedule], pitr }
}

/// One backup, made at once.
pub fn once(generation: &Generation, role: &str, backup: String) -> Resource {
    let spec = BackupSpec { db_cluster_name: generation.name(), backup_storage_name: name(generation) };
    resource(generation, role, kind::BACKUP, backup, Holds::Backup, spec)
}

/// The states of Everest's 1.10, `databaseclusterbackup_types.go`.
pub fn run(backup: &Object) -> Result<BackupRun, Undecodable> {
    let Made { status } = backup.decode("backup")?;
    Ok(match status.state {
        Some("Succeeded") => BackupRun::Completed,
        Some("Failed") => BackupRun::Failed("Everest says no more".into()),
        _ => BackupRun::Running,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StorageSpec<'a> {
    r#type: &'static str,
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(rename = "endpointURL", skip_serializing_if = "Option::is_none")]
    endpoint_url: Option<&'a str>,
    credentials_secret_name: &'a str,
}

#[derive(Serialize)]
pub struct Section<'a> {
    schedules: [Schedule<'a>; 1],
    pitr: PointInTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Schedule<'a> {
    name: &'static str,
    enabled: bool,
    schedule: &'a str,
    backup_storage_name: String,
    retention_copies: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PointInTime {
    enabled: bool,
    backup_storage_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupSpec {
    db_cluster_name: String,
    backup_storage_name: String,
}

#[derive(Deserialize)]
struct Made<'a> {
    #[serde(default, borrow)]
    status: MadeStatus<'a>,
}

#[derive(Default, Deserialize)]
struct MadeStatus<'a> {
    state: Option<&'a str>,
}
