//! Backups: dumps by MySQL Shell, as the operator makes them on a schedule or once. In: a generation that is backed up. Out:
//! the schedule's part of the `InnoDBCluster`, a `Secret` with the files that MySQL Shell reads the object store's keys
//! from, and a job that removes old backups, which the operator never does. Values pass through into that secret and
//! nowhere else.

use super::status::Backup;
use super::{key, kind};
use crate::api::input::Engines;
use crate::api::plan::{Backup as BackupPlan, DestinationAccess, KeySecret};
use crate::api::record::Generation;
use crate::observed::{Answer, Observed, Question};
use crate::operators::facts::Labels;
use crate::operators::{BackupRun, Holds, Metadata, Resource, backup_job, metadata, resource};
use crate::wire::{Key, Object, Undecodable};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the only profile and of the only schedule; also in the names of the backups.
pub const NAME: &str = "full";
/// MySQL Shell writes it last (MySQL Shell 9.1, "Instance Dump Utility").
const WHOLE: &str = "@.done.json";
const PROFILE: &str = "default";

pub fn compose(generation: &Generation, backup: &BackupPlan, settings: &Engines, observed: &Observed) -> Vec<Resource> {
    let prune = backup_job::prune(generation, backup, WHOLE, &settings.backup_jobs);
    files(generation, backup, observed).into_iter().chain([prune]).collect()
}

pub fn profile(generation: &Generation, backup: &BackupPlan) -> Profile {
    let folder = backup_job::folder(generation, backup);
    let (bucket, prefix) = folder.split_once('/').unwrap_or((&folder, ""));
    Profile {
        name: NAME,
        pod_labels: backup_job::own(generation),
        dump_instance: DumpInstance {
            storage: Storage {
                s3: S3 {
                    bucket_name: bucket.into(),
                    prefix: prefix.into(),
                    config: files_name(generation),
                    profile: PROFILE,
                    endpoint: backup.destination.endpoint.clone(),
                },
            },
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

/// The states that the operator writes (`backup_api.py` of its release).
pub fn run(backup: &Object) -> Result<BackupRun, Undecodable> {
    let Backup { status, metadata } = backup.decode("backup")?;
    Ok(match status.status.unwrap_or_default() {
        // One that goes away was made for an attempt that was taken back.
        _ if metadata.deletion_timestamp.is_some() => BackupRun::Running,
        "Completed" => BackupRun::Completed,
        "Error" => BackupRun::Failed(status.message.unwrap_or("the operator says no more").into()),
        _ => BackupRun::Running,
    })
}

/// The platform's secret with the keys of the object store.
pub fn keys(generation: &Generation, backup: &BackupPlan) -> Option<Question> {
    let KeySecret { name, .. } = key_secret(backup)?;
    Some(Question::by_name("v1", "Secret", &generation.database().namespace, name))
}

/// Why there is no secret with files, which is also kept when the platform's can no longer be read.
pub fn missing(generation: &Generation, backup: &BackupPlan, observed: &Observed) -> Option<String> {
    let made = observed.composed.contains_key(&Key(generation.key(key::BACKUP_FILES)));
    let secret = key_secret(backup).filter(|_| !made)?;
    let KeySecret { name, access_key_id, secret_access_key } = secret;
    Some(format!(
        "the keys of the object store are not handed on yet, which the secret {name} must hold as {access_key_id} and \
         {secret_access_key}"
    ))
}

fn key_secret(backup: &BackupPlan) -> Option<&KeySecret> {
    match &backup.destination.access {
        DestinationAccess::Secret(secret) => Some(secret),
        DestinationAccess::WorkloadIdentity {} => None,
    }
}

fn files_name(generation: &Generation) -> String {
    format!("{}-backup-files", generation.name())
}

/// Never half-built: while the platform's secret cannot be read, the one that is there stays as it is.
fn files(generation: &Generation, backup: &BackupPlan, observed: &Observed) -> Option<Resource> {
    let key = Key(generation.key(key::BACKUP_FILES));
    let made = || observed.composed.get(&key)?.decode::<Found>(&key.0).ok().map(|found| found.data);
    let data = read(generation, backup, observed).or_else(made).filter(|data| !data.is_empty())?;
    let secret = Secret {
        api_version: "v1",
        kind: "Secret",
        metadata: metadata(generation, files_name(generation)),
        r#type: "Opaque",
        data,
    };
    Some(Resource { object: Object::of(&secret), holds: Holds::Archive, key })
}

/// In the form of AWS' own files, encoded.
fn read(generation: &Generation, backup: &BackupPlan, observed: &Observed) -> Option<BTreeMap<String, String>> {
    let KeySecret { name, access_key_id, secret_access_key } = key_secret(backup)?;
    let Answer::Found([secret, ..]) = observed.objects(&keys(generation, backup)?) else { return None };
    let secret: Found = secret.decode(name).ok()?;
    let value = |key: &str| {
        let bytes = STANDARD.decode(secret.data.get(key)?).ok()?;
        String::from_utf8(bytes).ok().map(|text| text.trim().to_string())
    };
    let (id, access_key) = (value(access_key_id)?, value(secret_access_key)?);
    let region = backup.destination.region.as_deref().map(|region| format!("region={region}\n")).unwrap_or_default();
    let credentials = format!("[{PROFILE}]\naws_access_key_id={id}\naws_secret_access_key={access_key}\n");
    let files = [("config", format!("[{PROFILE}]\n{region}")), ("credentials", credentials)];
    Some(files.into_iter().map(|(file, text)| (file.into(), STANDARD.encode(text))).collect())
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    r#type: &'static str,
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    data: BTreeMap<String, String>,
}
