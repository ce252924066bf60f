//! Backups: dumps by MySQL Shell, as the operator makes them on a schedule or once. In: a generation. Out:
//! the schedule's part of the `InnoDBCluster`, the keys of the object store, and a job that removes old backups, which the
//! operator never does.

use super::status::Backup;
use super::{kind, question};
use crate::api::destination::Destination;
use crate::api::input::Engines;
use crate::api::plan::{Backup as BackupPlan, Terms};
use crate::api::problem::Problem;
use crate::api::record::{Generation, Source};
use crate::observed::{Answer, Observed};
use crate::operators::facts::Labels;
use crate::operators::{BackupRun, Holds, Made, Resource, aws_files, backup_job, resource};
use crate::wire::{Object, Undecodable};
use serde::Serialize;

/// The name of the only profile and of the only schedule; also in the names of the backups.
pub const NAME: &str = "full";
/// MySQL Shell writes it last (MySQL Shell 9.1, "Instance Dump Utility").
const WHOLE: &str = "@.done.json";

pub fn compose(generation: &Generation, settings: &Engines, observed: &Observed) -> Vec<Resource> {
    let backup = generation.plan.terms.backup.as_ref();
    let prune = backup.map(|backup| backup_job::prune(generation, backup, WHOLE, &settings.backup_jobs));
    let files = generation.destination().and_then(|place| aws_files::compose(generation, place, observed));
    files.into_iter().chain(prune).collect()
}

pub fn profile(generation: &Generation, backup: &BackupPlan) -> Profile {
    let storage = storage(generation, &backup.destination, &backup_job::folder(generation, backup));
    Profile { name: NAME, pod_labels: backup_job::own(generation), dump_instance: DumpInstance { storage } }
}

/// The dump that a new cluster begins with; read before there is any data, and never again. Its users stay behind: the
/// operator and our jobs make them, with this database's passwords.
pub fn initial(generation: &Generation, source: &Source) -> InitDb {
    let folder = backup_job::folder_of(&source.destination, &source.folder());
    let dump = source.backup.as_deref().unwrap_or_default();
    InitDb { dump: Dump { storage: storage(generation, &source.destination, &format!("{folder}/{dump}")) } }
}

/// What cannot be loaded so.
pub fn problems(from: &Terms, to: &Terms) -> Vec<Problem> {
    let keys = |terms: &Terms| terms.backup.as_ref().map(|backup| backup.destination.access.clone());
    let wrong = "MySQL Shell reads a dump with the keys that backups are made with, and this has others";
    let right = "have the backups of both go to one destination";
    let differs = keys(to).is_none() || keys(from) != keys(to);
    differs.then(|| Problem::new("spec.backup", wrong, right)).into_iter().collect()
}

fn storage(generation: &Generation, destination: &Destination, folder: &str) -> Storage {
    let (bucket, prefix) = folder.split_once('/').unwrap_or((folder, ""));
    Storage {
        s3: S3 {
            bucket_name: bucket.into(),
            prefix: prefix.into(),
            config: aws_files::secret(generation),
            profile: aws_files::PROFILE,
            endpoint: destination.endpoint.clone(),
        },
    }
}

pub fn schedule(backup: &BackupPlan) -> Schedule {
    Schedule {
        name: NAME,
        schedule: backup.schedule.clone(),
        time_zone: "Etc/UTC",
        backup_profile_name: NAME,
        enabled: true,
        // The object goes sooner than the backup should.
        delete_backup_data: false,
    }
}

/// One backup, made at once.
pub fn once(generation: &Generation, role: &str, name: String) -> Resource {
    let spec = BackupSpec {
        cluster_name: generation.name(),
        backup_profile_name: NAME,
        add_timestamp_to_backup_directory: false,
        delete_backup_data: false,
    };
    resource(generation, role, kind::BACKUP, name, Holds::Backup, spec)
}

pub fn run(backup: &Object) -> Result<BackupRun, Undecodable> {
    Ok(how(&backup.decode("backup")?))
}

/// The states that the operator writes (`backup_api.py` of its release).
fn how(Backup { status, metadata }: &Backup) -> BackupRun {
    match status.status.unwrap_or_default() {
        // One that goes away was made for an attempt that was taken back.
        _ if metadata.deletion_timestamp.is_some() => BackupRun::Running,
        "Completed" => BackupRun::Completed,
        "Error" => BackupRun::Failed(status.message.unwrap_or("the operator says no more").into()),
        _ => BackupRun::Running,
    }
}

/// The folder of the dump within that of all of them.
pub fn id(backup: &Object) -> Result<String, String> {
    let made: Backup = backup.decode("backup").map_err(|error| format!("cannot be read: {error}"))?;
    match (how(&made), made.status.output) {
        (BackupRun::Completed, Some(output)) => Ok(output.into()),
        _ => Err("is not complete".into()),
    }
}

/// Those of the schedule.
pub fn all(generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
    let typed = |backup: &Backup| {
        let text = |text: Option<&str>| text.map(String::from);
        let status = &backup.status;
        Made {
            name: backup.metadata.name.unwrap_or_default().into(),
            run: how(backup),
            begun: text(status.start_time),
            completed: text(status.completion_time),
            size: None,
            id: text(status.output),
        }
    };
    observed.answer::<Backup>(&question::backups(generation)).map(|answer| answer.each(typed))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    name: &'static str,
    pod_labels: Labels,
    dump_instance: DumpInstance,
}

#[derive(Serialize)]
struct DumpInstance {
    storage: Storage,
}

#[derive(Serialize)]
pub struct InitDb {
    dump: Dump,
}

#[derive(Serialize)]
struct Dump {
    storage: Storage,
}

#[derive(Serialize)]
struct Storage {
    s3: S3,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct S3 {
    bucket_name: String,
    prefix: String,
    /// The secret with the files.
    config: String,
    profile: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    name: &'static str,
    schedule: String,
    time_zone: &'static str,
    backup_profile_name: &'static str,
    enabled: bool,
    delete_backup_data: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupSpec {
    cluster_name: String,
    backup_profile_name: &'static str,
    add_timestamp_to_backup_directory: bool,
    delete_backup_data: bool,
}
