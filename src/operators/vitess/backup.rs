//! Backups: a spare member that takes the last one, catches up and writes the next, as the operator makes it on a schedule.
//! In: a generation that is backed up. Out: the schedule, the keys of the object store, and a job that removes old backups;
//! later how they went.

use super::cluster::SecretSource;
use super::status::{Backup as Made, Job};
use super::{key, kind, label};
use crate::api::input::Engines;
use crate::api::plan::Backup;
use crate::api::record::Generation;
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::{BackupHealth, BackupState};
use crate::operators::{BackupRun, Holds, Resource, aws_files, backup_job, pods, resource};
use crate::wire::Undecodable;
use k8s_openapi::api::core::v1::ResourceRequirements;
use serde::Serialize;
use std::collections::BTreeMap;

/// Vitess writes it last.
const WHOLE: &str = "MANIFEST";
/// The operator deletes a job that takes longer, after ten minutes if it is not told.
const JOB_MINUTES: u32 = 24 * 60;

pub fn compose(generation: &Generation, backup: &Backup, settings: &Engines, observed: &Observed) -> Vec<Resource> {
    let spec = ScheduleSpec {
        name: "full",
        schedule: &backup.schedule,
        cluster: generation.name(),
        backup_method: "vtbackup",
        strategies: [Strategy { name: "every-shard", scope: "Cluster" }],
        // It is a member for a while.
        resources: pods::member(&generation.plan.terms),
        concurrency_policy: "Forbid",
        job_timeout_minute: JOB_MINUTES,
        starting_deadline_seconds: 3600,
        successful_jobs_history_limit: 3,
        failed_jobs_history_limit: 3,
    };
    let name = generation.name();
    let schedule = resource(generation, key::SCHEDULE, kind::SCHEDULE, name, Holds::Nothing, spec);
    let prune = backup_job::prune(generation, backup, WHOLE, &settings.backup_jobs);
    aws_files::compose(generation, &backup.destination, observed).into_iter().chain([schedule, prune]).collect()
}

/// The operator adds the cluster's name.
pub fn location(generation: &Generation, backup: &Backup) -> Location {
    let folder = backup_job::folder(generation, backup);
    let (bucket, prefix) = folder.split_once('/').unwrap_or((&folder, ""));
    let destination = &backup.destination;
    Location {
        s3: S3 {
            bucket: bucket.into(),
            region: destination.region.clone().unwrap_or_default(),
            key_prefix: prefix.into(),
            endpoint: destination.endpoint.clone(),
            // Compatible stores mostly have no name for each bucket.
            force_path_style: destination.endpoint.is_some(),
            auth_secret: aws_files::question(generation, destination)
                .map(|_| SecretSource { name: aws_files::secret(generation), key: aws_files::CREDENTIALS }),
        },
    }
}

/// What the operator finds in the object store.
pub fn made(generation: &Generation) -> Question {
    let (version, kind) = kind::BACKUP;
    let name = generation.name();
    Question::by_labels(version, kind, &generation.database().namespace, &[(label::CLUSTER, name.as_str())])
}

/// The schedule's jobs, one for each shard and time; the operator keeps the last ones.
pub fn jobs(generation: &Generation) -> Question {
    let name = generation.name();
    Question::by_labels("batch/v1", "Job", &generation.database().namespace, &[(label::SCHEDULE, name.as_str())])
}

/// `missing`: why none can be made at all. All shards together are a backup, so the oldest of their last ones counts. Times
/// are Kubernetes' own, whose texts compare like the times.
pub fn health(
    generation: &Generation,
    observed: &Observed,
    missing: Option<String>,
) -> Result<BackupHealth, Undecodable> {
    let shards = generation.plan.terms.shards;
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for backup in found::<Made>(observed, &made(generation))? {
        let shard = backup.metadata.labels.get(label::SHARD).copied().unwrap_or_default();
        // One that is not complete runs, or failed: its job knows.
        let Some(time) = backup.status.finished_time.filter(|_| backup.status.complete) else { continue };
        let newest = last.entry(shard).or_insert(time);
        *newest = time.max(newest);
    }
    let failure = failure(generation, observed)?;
    let whole = last.len() as u64 >= u64::from(shards);
    let state = match (missing, &failure) {
        (Some(missing), _) => BackupState::NotYet(missing),
        (None, Some((_, why))) => BackupState::Trouble(format!("the last backup failed: {why}")),
        (None, None) if whole => BackupState::AsPlanned,
        (None, None) if last.is_empty() => BackupState::NotYet("there is no full backup yet".into()),
        (None, None) => BackupState::NotYet(format!("{} of {shards} shards have a full backup", last.len())),
    };
    Ok(BackupHealth {
        last_success: last.into_values().min().filter(|_| whole).map(String::from),
        last_failure: failure.map(|(time, _)| time),
        ..BackupHealth::of(state)
    })
}

/// Of a shard whose last job that ended has failed: when it began, and why.
fn failure(generation: &Generation, observed: &Observed) -> Result<Option<(String, String)>, Undecodable> {
    let Answer::Found(jobs) = observed.objects(&jobs(generation)) else { return Ok(None) };
    let mut ended: BTreeMap<String, (String, BackupRun)> = BTreeMap::new();
    for job in jobs {
        let run = backup_job::run(job)?;
        let Job { metadata } = job.decode("backup")?;
        let shard = metadata.labels.get(label::SHARD).copied().unwrap_or_default();
        let time = metadata.creation_timestamp.unwrap_or_default();
        let newer = ended.get(shard).is_none_or(|(known, _)| known.as_str() < time);
        if run != BackupRun::Running && newer {
            ended.insert(shard.into(), (time.into(), run));
        }
    }
    let failed = ended.into_values().filter_map(|(time, run)| match run {
        BackupRun::Failed(why) => Some((time, why)),
        BackupRun::Running | BackupRun::Completed => None,
    });
    Ok(failed.max())
}

/// Nothing and not having asked are the same here: both say nothing.
fn found<'a, T: serde::Deserialize<'a>>(observed: &'a Observed, question: &Question) -> Result<Vec<T>, Undecodable> {
    Ok(match observed.answer(question)? {
        Answer::Found(found) => found,
        Answer::NotAsked | Answer::Nothing => vec![],
    })
}

#[derive(Serialize)]
pub struct Location {
    s3: S3,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct S3 {
    bucket: String,
    region: String,
    key_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    force_path_style: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_secret: Option<SecretSource>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleSpec<'a> {
    name: &'static str,
    schedule: &'a str,
    cluster: String,
    backup_method: &'static str,
    strategies: [Strategy; 1],
    resources: ResourceRequirements,
    concurrency_policy: &'static str,
    job_timeout_minute: u32,
    starting_deadline_seconds: i64,
    successful_jobs_history_limit: u32,
    failed_jobs_history_limit: u32,
}

#[derive(Serialize)]
struct Strategy {
    name: &'static str,
    scope: &'static str,
}
