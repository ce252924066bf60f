//! Backups for engines whose operator makes none: a `CronJob` whose pod dumps the database with the engine's own tool into a
//! volume, and then copies the dump into the object store with rclone (<https://rclone.org/s3/>), which also removes what is
//! older than the retention. In: a generation, and how its engine is dumped. Out: the resource, the pods' network, how it
//! went. Must not know an operator. [`super::restore_job`] is the way back.
//!
//! A dump that fails fails the job: nothing is uploaded, and the status says so.

use super::facts::{Door, Labels, Peer, Workload, doors};
use super::health::{BackupHealth, BackupState};
use super::{BackupRun, DATABASE, Holds, Made, Resource, metadata, pods};
use crate::api::destination::{AzureKey, Destination, DestinationAccess, GoogleKey, KeySecret, Store};
use crate::api::plan::{Backup, Plan};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::sort;
use crate::observed::{Answer, Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, EphemeralVolumeSource, PersistentVolumeClaimTemplate, PodSpec, PodTemplateSpec,
    SecretKeySelector, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The permanent key of the schedule.
pub const KEY: &str = "backup-job";
/// That of the schedule that only removes.
pub const PRUNE_KEY: &str = "backup-prune";
/// The workload's role, and the value of its label on the pods.
const ROLE: &str = "backup";
/// Where a dump is written to.
pub const FOLDER: &str = "/backup";
/// The user of the pods: none of anybody's, so that the volume is readable for both containers.
const USER: i64 = 65532;
pub(super) const SIZE: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(512 * Bytes::MI), storage: Bytes(0) };
const HTTPS: u16 = 443;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The image of rclone, which copies dumps into the object store.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// The image of curl and a shell, for engines that are asked over HTTP.
    #[schemars(length(min = 1, max = 512))]
    pub curl_image: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { image: "rclone/rclone:1.71.2".into(), curl_image: "curlimages/curl:8.17.0".into() }
    }
}

/// How an engine is dumped.
pub struct Dump<'a> {
    /// With the engine's tool and a shell.
    pub image: &'a str,
    /// Run by `sh -eu`; writes whatever is to be kept into [`FOLDER`].
    pub script: String,
    pub env: Vec<EnvVar>,
    /// The port of the members that it connects to.
    pub port: u16,
}

pub fn schedule(generation: &Generation, backup: &Backup, dump: &Dump, settings: &Settings) -> Resource {
    scheduled(generation, backup, uploading(generation, backup, dump, settings))
}

/// One backup, made at once, under the key `role`.
pub fn once(
    generation: &Generation,
    backup: &Backup,
    dump: &Dump,
    settings: &Settings,
    role: &str,
    name: String,
) -> Resource {
    made_once(generation, uploading(generation, backup, dump, settings), role, name)
}

/// The same with a pod of the engine's own, such as one by [`asking`].
pub fn scheduled(generation: &Generation, backup: &Backup, pod: PodSpec) -> Resource {
    cron_job(generation, KEY, name(generation), &backup.schedule, pod)
}

fn cron_job(generation: &Generation, key: &str, name: String, schedule: &str, pod: PodSpec) -> Resource {
    let object = CronJob {
        metadata: metadata(generation, name).into(),
        spec: Some(CronJobSpec {
            schedule: schedule.into(),
            time_zone: Some("Etc/UTC".into()),
            // One that takes longer than a day is not joined by the next.
            concurrency_policy: Some("Forbid".into()),
            starting_deadline_seconds: Some(3600),
            suspend: Some(generation.plan.terms.lifecycle.hibernated),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(own(generation)), ..Default::default() }),
                spec: Some(job(generation, pod)),
            },
            ..Default::default()
        }),
        ..Default::default()
    };
    Resource { key: Key(generation.key(key)), holds: Holds::Nothing, object: Object::of(&object) }
}

/// The same of one that is made at once.
pub fn made_once(generation: &Generation, pod: PodSpec, role: &str, name: String) -> Resource {
    let metadata = metadata(generation, name).into();
    let object = Job { metadata, spec: Some(job(generation, pod)), ..Default::default() };
    Resource { key: Key(generation.key(role)), holds: Holds::Backup, object: Object::of(&object) }
}

/// Removes what is older than the retention, for operators that make backups and never remove one. `whole`: the file that a
/// tool writes last into the folder of a backup. Old ones go only while there is a younger one beside them that is whole:
/// whoever no longer makes backups keeps the last, and so does one shard of many. rclone's exit code 3 says that there is no
/// folder yet.
pub fn prune(generation: &Generation, backup: &Backup, whole: &str, settings: &Settings) -> Resource {
    let terms = &generation.plan.terms;
    let age = age(&backup.retention);
    let script = format!(
        "young=$(rclone lsf --recursive --files-only --include '{whole}' --max-age {age} \"$TARGET\") || [ $? -eq 3 ]\n\
         printf '%s\\n' \"$young\" | sed -n 's|[^/]*/[^/]*$||p' | sort -u | while read -r folder; do\n\
         \x20 rclone delete --min-age {age} \"$TARGET/$folder\"\n\
         \x20 rclone rmdirs --leave-root \"$TARGET/$folder\"\n\
         done\n"
    );
    let resources = pods::beside(terms, SIZE);
    let env = store(&backup.destination, &generation.folder());
    let pruner = pods::shell("prune", settings.image.clone(), script, env, resources);
    let pod = PodSpec { containers: vec![pruner], ..pod() };
    cron_job(generation, PRUNE_KEY, format!("{}-prune", generation.name()), &backup.schedule, pod)
}

/// How such a job stands (Kubernetes, "Jobs": conditions Complete and Failed).
pub fn run(job: &Object) -> Result<BackupRun, Undecodable> {
    Ok(job.decode::<Observation>("backup")?.status.run())
}

/// The jobs that were made so far; Kubernetes keeps the last ones.
pub fn question(generation: &Generation) -> Question {
    let name = generation.name();
    let labels =
        [(DATABASE, generation.database().name.as_str()), (pods::WORKLOAD, ROLE), (pods::GENERATION, name.as_str())];
    Question::by_labels("batch/v1", "Job", &generation.database().namespace, &labels)
}

/// As a list. What is in the store has no name in Kubernetes.
pub fn all(generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
    let typed = |job: &Observation| Made {
        name: job.metadata.name.unwrap_or_default().into(),
        run: job.status.run(),
        begun: job.metadata.creation_timestamp.map(String::from),
        completed: job.status.completion_time.map(String::from),
        size: None,
        id: None,
    };
    observed.answer::<Observation>(&question(generation)).map(|answer| answer.each(typed))
}

/// When it went well last, and whether the last one failed.
pub fn health(generation: &Generation, observed: &Observed) -> Result<BackupHealth, Undecodable> {
    let schedule: Option<Schedule> = observed.get(&generation.key(KEY))?;
    let question = question(generation);
    let jobs: Vec<Observation> = match observed.answer(&question)? {
        Answer::Found(jobs) => jobs,
        Answer::NotAsked | Answer::Nothing => vec![],
    };
    let mut ended: Vec<(&str, bool, &str)> = jobs
        .iter()
        .filter_map(|job| {
            let (completed, why) = job.status.ended()?;
            Some((job.metadata.creation_timestamp.unwrap_or_default(), completed, why))
        })
        .collect();
    sort(&mut ended, Ord::cmp);
    let failed = |(at, completed, _): &&(&str, bool, &str)| (!completed).then(|| at.to_string());
    let succeeded = schedule.as_ref().and_then(|schedule| schedule.status.last_successful_time);
    let state = match (&schedule, ended.last()) {
        (None, _) => BackupState::NotYet("no backups are scheduled yet".into()),
        (_, Some((_, false, why))) => BackupState::Trouble(format!("the last backup failed: {why}")),
        _ if succeeded.is_none() => BackupState::NotYet("there is no full backup yet".into()),
        _ => BackupState::AsPlanned,
    };
    Ok(BackupHealth {
        last_success: succeeded.map(String::from),
        last_failure: ended.iter().rev().find_map(|job| failed(&job)),
        ..BackupHealth::of(state)
    })
}

/// Seconds since the last one that went well, as kube-state-metrics has it; before the first one, since there are jobs at all.
pub fn age_signal(generation: &Generation) -> String {
    let (namespace, name) = (&generation.database().namespace, name(generation));
    let of = |metric: &str| format!(r#"max(kube_cronjob_{metric}{{namespace="{namespace}",cronjob="{name}"}})"#);
    format!("time() - ({} or {})", of("status_last_successful_time"), of("created"))
}

/// Whether there are jobs that make backups, or one that brings one back.
pub fn has_any(generation: &Generation) -> bool {
    generation.plan.terms.backup.is_some() || generation.awaited().is_some()
}

/// The pods of the jobs, for the network's rules.
pub fn workload(generation: &Generation, port: u16) -> Workload {
    let mut workload = asking_workload(generation, port);
    workload.reaches.extend(doors([(Peer::ObjectStore, HTTPS)]));
    workload
}

/// The same of pods by [`asking`], which never see the object store.
pub fn asking_workload(generation: &Generation, port: u16) -> Workload {
    Workload {
        role: ROLE.into(),
        pods: own(generation),
        accepts: vec![],
        reaches: doors([(Peer::Workload("members".into()), port)]),
        metrics_port: None,
    }
}

/// The door that lets them in.
pub fn door(port: u16) -> Door {
    Door { peer: Peer::Workload(ROLE.into()), port }
}

/// The database's own folder: `bucket/path`.
pub fn folder(generation: &Generation, backup: &Backup) -> String {
    folder_of(&backup.destination, &generation.folder())
}

/// The same of a folder that is known by name.
pub fn folder_of(destination: &Destination, own: &str) -> String {
    let (bucket, _) = destination.place();
    format!("{bucket}/{}", destination.folder(own))
}

/// The labels of the pods.
pub fn own(generation: &Generation) -> Labels {
    pods::labels(generation, ROLE)
}

fn name(generation: &Generation) -> String {
    format!("{}-backup", generation.name())
}

/// A pod that asks the engine for a backup, which the engine itself writes into the object store, and waits for its end.
pub fn asking(generation: &Generation, image: &str, script: String, env: Vec<EnvVar>) -> PodSpec {
    let resources = pods::beside(&generation.plan.terms, SIZE);
    PodSpec { containers: vec![pods::shell("ask", image.into(), script, env, resources)], ..pod() }
}

fn job(generation: &Generation, pod: PodSpec) -> JobSpec {
    JobSpec {
        backoff_limit: Some(2),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(own(generation)), ..Default::default() }),
            spec: Some(pod),
        },
        ..Default::default()
    }
}

fn uploading(generation: &Generation, backup: &Backup, dump: &Dump, settings: &Settings) -> PodSpec {
    let Plan { terms, .. } = &generation.plan;
    let resources = || pods::beside(terms, SIZE);
    let script = format!(
        "now=$(date -u +%Y%m%dT%H%M%SZ)\n\
         rclone copy --immutable {FOLDER} \"$TARGET/$now\"\n\
         rclone delete --min-age {} \"$TARGET\"\n\
         rclone rmdirs --leave-root \"$TARGET\"\n",
        age(&backup.retention)
    );
    let dumper = pods::shell("dump", dump.image.into(), dump.script.clone(), dump.env.clone(), resources());
    let env = store(&backup.destination, &generation.folder());
    let upload = pods::shell("upload", settings.image.clone(), script, env, resources());
    in_turn(generation, dumper, upload)
}

/// Two containers, of which the second begins with what the first has left in [`FOLDER`].
pub(super) fn in_turn(generation: &Generation, first: Container, second: Container) -> PodSpec {
    let terms = &generation.plan.terms;
    // The dumps of all shards are there at once.
    let room = Bytes(terms.storage.0.saturating_mul(terms.shards.into()));
    let size = pods::volume_claim(terms, room);
    let volume = Volume {
        name: "backup".into(),
        ephemeral: Some(EphemeralVolumeSource {
            volume_claim_template: Some(PersistentVolumeClaimTemplate { spec: size, ..Default::default() }),
        }),
        ..Default::default()
    };
    PodSpec {
        init_containers: Some(vec![in_folder(first)]),
        containers: vec![in_folder(second)],
        volumes: Some(vec![volume]),
        ..pod()
    }
}

/// Without its containers.
fn pod() -> PodSpec {
    PodSpec { restart_policy: Some("Never".into()), ..pods::own(USER, Some(USER), &[]) }
}

/// With the folder that a dump lies in on its way.
fn in_folder(container: Container) -> Container {
    let mount = VolumeMount { name: "backup".into(), mount_path: FOLDER.into(), ..Default::default() };
    Container { volume_mounts: Some(vec![mount]), ..container }
}

/// rclone is told by variables where and how (<https://rclone.org/docs/#environment-variables>).
pub(super) fn store(destination: &Destination, own: &str) -> Vec<EnvVar> {
    let mut variables = vec![text("TARGET", &format!("store:{}", folder_of(destination, own)))];
    match destination.store() {
        Store::S3 => {
            let provider = if destination.endpoint.is_some() { "Other" } else { "AWS" };
            variables.extend([
                text("RCLONE_CONFIG_STORE_TYPE", "s3"),
                text("RCLONE_CONFIG_STORE_PROVIDER", provider),
                // Whoever may write objects there may not make buckets.
                text("RCLONE_CONFIG_STORE_NO_CHECK_BUCKET", "true"),
            ]);
        }
        Store::Google => variables.extend([
            text("RCLONE_CONFIG_STORE_TYPE", "google cloud storage"),
            // Who may do what is said of the bucket alone.
            text("RCLONE_CONFIG_STORE_BUCKET_POLICY_ONLY", "true"),
            text("RCLONE_CONFIG_STORE_NO_CHECK_BUCKET", "true"),
        ]),
        Store::Azure => variables.extend([
            text("RCLONE_CONFIG_STORE_TYPE", "azureblob"),
            text("RCLONE_CONFIG_STORE_ACCOUNT", destination.account()),
            text("RCLONE_CONFIG_STORE_NO_CHECK_CONTAINER", "true"),
        ]),
    }
    variables.extend(destination.endpoint.iter().map(|endpoint| text("RCLONE_CONFIG_STORE_ENDPOINT", endpoint)));
    variables.extend(destination.region.iter().map(|region| text("RCLONE_CONFIG_STORE_REGION", region)));
    match &destination.access {
        DestinationAccess::WorkloadIdentity {} => variables.push(text("RCLONE_CONFIG_STORE_ENV_AUTH", "true")),
        DestinationAccess::Secret(KeySecret { name, access_key_id, secret_access_key }) => variables.extend([
            from_secret("RCLONE_CONFIG_STORE_ACCESS_KEY_ID", name, access_key_id),
            from_secret("RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY", name, secret_access_key),
        ]),
        DestinationAccess::GoogleKey(GoogleKey { name, key }) => {
            variables.push(from_secret("RCLONE_CONFIG_STORE_SERVICE_ACCOUNT_CREDENTIALS", name, key));
        }
        DestinationAccess::AzureKey(AzureKey { name, storage_key, .. }) => {
            variables.push(from_secret("RCLONE_CONFIG_STORE_KEY", name, storage_key));
        }
    }
    variables
}

pub fn text(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), ..Default::default() }
}

pub fn from_secret(name: &str, secret: &str, key: &str) -> EnvVar {
    let selector = SecretKeySelector { name: secret.into(), key: key.into(), ..Default::default() };
    let source = EnvVarSource { secret_key_ref: Some(selector), ..Default::default() };
    EnvVar { name: name.into(), value_from: Some(source), ..Default::default() }
}

/// To rclone `m` is a minute, and a month `M`.
fn age(retention: &str) -> String {
    retention.replace('m', "M")
}

#[derive(Deserialize)]
struct Schedule<'a> {
    #[serde(default, borrow)]
    status: ScheduleStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleStatus<'a> {
    last_successful_time: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct Observation<'a> {
    #[serde(default, borrow)]
    metadata: ObservedMetadata<'a>,
    #[serde(default, borrow)]
    pub(super) status: JobStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObservedMetadata<'a> {
    name: Option<&'a str>,
    creation_timestamp: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobStatus<'a> {
    completion_time: Option<&'a str>,
    #[serde(default, borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    message: Option<&'a str>,
}

impl JobStatus<'_> {
    /// Whether it went well, and what Kubernetes says; None while it runs.
    fn ended(&self) -> Option<(bool, &str)> {
        let holds = |kind: &str| self.conditions.iter().find(|it| it.kind == kind && it.status == "True");
        if holds("Complete").is_some() {
            return Some((true, ""));
        }
        holds("Failed").map(|condition| (false, condition.message.unwrap_or("no reason given")))
    }

    pub(super) fn run(&self) -> BackupRun {
        match self.ended() {
            Some((true, _)) => BackupRun::Completed,
            Some((false, why)) => BackupRun::Failed(why.into()),
            None => BackupRun::Running,
        }
    }
}
