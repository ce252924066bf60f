//! Where backups go and when they are made: a section of the `PerconaServerMongoDB`, and a `PerconaServerMongoDBBackup` for
//! one outside of the schedule. In: a generation that is backed up. Out: both, and how backups stand.

use super::{Settings, google, kind, label};
use crate::api::claim::BackupMethod;
use crate::api::destination::{AzureKey, Destination, DestinationAccess};
use crate::api::plan::{Backup, Delivery};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::{BackupHealth, BackupState};
use crate::operators::{self, BackupRun, Holds, Resource, aws_files, pods, resource};
use crate::plan::schedule;
use crate::wire::{Object, Undecodable};
use k8s_openapi::api::core::v1::{ResourceRequirements, SecurityContext};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The agent of Percona Backup for MongoDB beside each member, which dumps and compresses.
pub const AGENT: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(512 * Bytes::MI), storage: Bytes(0) };

/// The name of the only storage, and of the only task. Permanent: the operator finds a storage's backups by it.
const STORAGE: &str = "backups";
const TASK: &str = "scheduled";

/// Also of what makes no backups and begins with one: the agents restore it.
pub fn section<'a>(generation: &'a Generation, settings: &'a Settings) -> Option<Section<'a>> {
    let terms = &generation.plan.terms;
    let destination = generation.destination()?;
    let (bucket, _) = destination.place();
    let place = place(generation, destination, bucket, destination.folder(&generation.folder()));
    let storage = Storage { r#type: place.kind(), main: true, place };
    let task = |backup: &'a Backup| Task {
        name: TASK,
        // Nobody is there to make them.
        enabled: !terms.lifecycle.hibernated,
        schedule: &backup.schedule,
        storage_name: STORAGE,
        r#type: kind_of(backup),
        retention: Retention { r#type: "count", count: kept(backup), delete_from_storage: true },
    };
    Some(Section {
        enabled: true,
        image: &settings.backup_image,
        resources: pods::beside(terms, AGENT),
        container_security_context: pods::confined_by_itself(),
        storages: map([(STORAGE, storage)]),
        tasks: terms.backup.iter().map(task).collect(),
        pitr: PointInTime { enabled: terms.backup.as_ref().is_some_and(|backup| backup.continuous) },
    })
}

/// One backup, made at once.
pub fn once(generation: &Generation, backup: &Backup, role: &str, name: String) -> Resource {
    let spec = BackupSpec { cluster_name: generation.name(), storage_name: STORAGE, r#type: kind_of(backup) };
    resource(generation, role, kind::BACKUP, name, Holds::Backup, spec)
}

pub fn run(backup: &Object) -> Result<BackupRun, Undecodable> {
    Ok(backup.decode::<Made>("backup")?.run())
}

/// Where a restore finds it.
pub fn id(backup: &Object) -> Result<String, String> {
    let made: Made = backup.decode("backup").map_err(|error| format!("cannot be read: {error}"))?;
    match (made.run(), made.id()) {
        (BackupRun::Completed, Some(id)) => Ok(id),
        (BackupRun::Completed, None) => Err("is no dump, and only a dump can be restored into another cluster".into()),
        _ => Err("is not complete".into()),
    }
}

/// Those of the schedule.
pub fn all(generation: &Generation, observed: &Observed) -> Result<Answer<Vec<operators::Made>>, Undecodable> {
    observed.answer::<Made>(&question(generation)).map(|answer| answer.each(Made::typed))
}

/// The backups of the schedule that are kept.
pub fn question(generation: &Generation) -> Question {
    let (api_version, kind) = kind::BACKUP;
    let name = generation.name();
    Question::by_labels(api_version, kind, &generation.database().namespace, &[(label::CLUSTER, name.as_str())])
}

pub fn health(generation: &Generation, backup: &Backup, observed: &Observed) -> Result<BackupHealth, Undecodable> {
    if generation.plan.terms.delivery != Delivery::Direct {
        let why = "the backups are in another cluster, where nobody can look";
        return Ok(BackupHealth::of(BackupState::NotYet(why.into())));
    }
    if let Some(missing) = google::missing(generation, observed) {
        return Ok(BackupHealth::of(BackupState::NotYet(missing)));
    }
    let question = question(generation);
    let made: Vec<Made> = match observed.answer(&question)? {
        Answer::NotAsked => {
            return Ok(BackupHealth::of(BackupState::NotYet("nobody has looked at the backups yet".into())));
        }
        Answer::Nothing => vec![],
        Answer::Found(made) => made,
    };
    let begun = |made: &&Made| made.metadata.creation_timestamp.unwrap_or_default().to_string();
    let failures = made.iter().filter(|made| made.status.state == Some("error"));
    // Kubernetes writes times in UTC and in one form, so that their texts compare like the times.
    let failure = failures.max_by_key(begun);
    let ready = || made.iter().filter(|made| made.status.state == Some("ready"));
    let success = ready().max_by_key(begun);
    let state = match (&success, &failure) {
        (success, Some(failure)) if success.as_ref().is_none_or(|success| begun(success) < begun(failure)) => {
            let (at, why) = (begun(failure), reason(failure.status.error));
            BackupState::Trouble(format!("the backup of {at} failed: {why}"))
        }
        (Some(_), _) => BackupState::AsPlanned,
        (None, _) => BackupState::NotYet("there is no full backup yet".into()),
    };
    let completed = |made: &Made| made.status.completed.map(String::from);
    let first = ready().min_by_key(begun).filter(|_| backup.continuous);
    Ok(BackupHealth {
        last_success: success.and_then(completed),
        last_failure: failure.map(|failure| begun(&failure)),
        first_recoverable: first.and_then(completed),
        ..BackupHealth::of(state)
    })
}

fn reason(error: Option<&str>) -> String {
    error.filter(|error| !error.is_empty()).unwrap_or("the operator says no more").into()
}

/// As many as the retention's time can have, and one: the last one is only kept once it is older.
pub fn kept(backup: &Backup) -> u32 {
    let days = schedule::days(&backup.retention).unwrap_or_default();
    schedule::most_runs(&backup.schedule, days).saturating_add(1)
}

fn kind_of(backup: &Backup) -> &'static str {
    match backup.method {
        BackupMethod::Physical => "physical",
        BackupMethod::Auto | BackupMethod::Dump | BackupMethod::Snapshot => "logical",
    }
}

/// A folder of a destination, as the operator writes it down for each kind of store.
pub fn place<'a>(generation: &Generation, destination: &'a Destination, bucket: &'a str, prefix: String) -> Place<'a> {
    match &destination.access {
        DestinationAccess::GoogleKey(_) => {
            Place::Gcs(Google { bucket, prefix, credentials_secret: aws_files::secret(generation) })
        }
        DestinationAccess::AzureKey(AzureKey { name, .. }) => {
            Place::Azure(Azure { container: bucket, prefix, credentials_secret: name })
        }
        access @ (DestinationAccess::WorkloadIdentity {} | DestinationAccess::Secret(_)) => Place::S3(Amazon {
            bucket,
            prefix,
            region: destination.region.as_deref(),
            endpoint_url: destination.endpoint.as_deref(),
            credentials_secret: access.s3_keys().map(|keys| keys.name.as_str()),
        }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place<'a> {
    S3(Amazon<'a>),
    Gcs(Google<'a>),
    Azure(Azure<'a>),
}

impl Place<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Place::S3(_) => "s3",
            Place::Gcs(_) => "gcs",
            Place::Azure(_) => "azure",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Amazon<'a> {
    bucket: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_secret: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Google<'a> {
    bucket: &'a str,
    prefix: String,
    credentials_secret: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Azure<'a> {
    container: &'a str,
    prefix: String,
    credentials_secret: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section<'a> {
    enabled: bool,
    image: &'a str,
    resources: ResourceRequirements,
    container_security_context: SecurityContext,
    storages: BTreeMap<&'static str, Storage<'a>>,
    tasks: Vec<Task<'a>>,
    pitr: PointInTime,
}

#[derive(Serialize)]
struct Storage<'a> {
    r#type: &'static str,
    main: bool,
    #[serde(flatten)]
    place: Place<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Task<'a> {
    name: &'static str,
    enabled: bool,
    schedule: &'a str,
    storage_name: &'static str,
    r#type: &'static str,
    retention: Retention,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Retention {
    r#type: &'static str,
    count: u32,
    delete_from_storage: bool,
}

#[derive(Serialize)]
struct PointInTime {
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupSpec {
    cluster_name: String,
    storage_name: &'static str,
    r#type: &'static str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Made<'a> {
    #[serde(borrow)]
    metadata: MadeMetadata<'a>,
    #[serde(borrow)]
    status: MadeStatus<'a>,
}

impl Made<'_> {
    /// The states of the operator's 1.22, `perconaservermongodbbackup_types.go`.
    fn run(&self) -> BackupRun {
        match self.status.state {
            // One that goes away was made for an attempt that was taken back.
            _ if self.metadata.deletion_timestamp.is_some() => BackupRun::Running,
            Some("ready") => BackupRun::Completed,
            Some("error") => BackupRun::Failed(reason(self.status.error)),
            _ => BackupRun::Running,
        }
    }

    fn id(&self) -> Option<String> {
        let dumped = matches!(self.status.r#type, None | Some("" | "logical"));
        self.status.destination.filter(|_| dumped).map(String::from)
    }

    fn typed(&self) -> operators::Made {
        let text = |text: Option<&str>| text.map(String::from);
        operators::Made {
            name: self.metadata.name.unwrap_or_default().into(),
            run: self.run(),
            begun: text(self.metadata.creation_timestamp),
            completed: text(self.status.completed),
            size: text(self.status.size),
            id: self.id(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MadeMetadata<'a> {
    name: Option<&'a str>,
    creation_timestamp: Option<&'a str>,
    deletion_timestamp: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MadeStatus<'a> {
    state: Option<&'a str>,
    error: Option<&'a str>,
    completed: Option<&'a str>,
    destination: Option<&'a str>,
    r#type: Option<&'a str>,
    size: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn generation(backup: Value) -> Generation {
        example::generation("staging", json!({"engine": "mongodb", "backup": backup}))
    }

    #[test]
    fn a_number_of_backups_covers_the_time() {
        for (retention, schedule, expected) in
            [("7d", "0 2 * * *", 8), ("2w", "0 2,14 * * *", 29), ("30d", "0 2 * * 0", 6)]
        {
            let generation = generation(json!({"retention": retention, "schedule": schedule}));
            assert_eq!(kept(generation.plan.terms.backup.as_ref().unwrap()), expected, "{retention} {schedule}");
        }
    }

    #[test]
    fn the_last_backup_decides() {
        let generation = generation(json!({"continuous": true}));
        let made = |day: u32, status: Value| json!({"metadata": {"creationTimestamp": format!("2026-11-{day}T02:00:00Z")}, "status": status});
        let good = |day: u32| made(day, json!({"state": "ready", "completed": format!("2026-11-{day}T02:05:00Z")}));
        let bad = |day: u32| made(day, json!({"state": "error", "error": "no bucket"}));
        let trouble = BackupState::Trouble("the backup of 2026-11-20T02:00:00Z failed: no bucket".into());
        let none = BackupState::NotYet("there is no full backup yet".into());
        let cases = [
            (vec![], none.clone(), None),
            (vec![made(20, json!({"state": "running"}))], none, None),
            (vec![bad(20)], trouble.clone(), None),
            (vec![bad(20), good(19), good(18)], trouble, Some("2026-11-18T02:05:00Z")),
            (vec![good(21), bad(20), good(19)], BackupState::AsPlanned, Some("2026-11-19T02:05:00Z")),
        ];
        for (backups, state, first) in cases {
            let mut observed = Observed::default();
            observed.found.insert(question(&generation).name(), backups.iter().map(Object::of).collect());
            let plan = generation.plan.terms.backup.as_ref().unwrap();
            let found = health(&generation, plan, &observed).unwrap();
            assert_eq!((found.state, found.first_recoverable.as_deref()), (state, first), "{backups:?}");
        }
    }

    #[test]
    fn how_one_backup_stands() {
        let cases = [
            (json!({}), BackupRun::Running),
            (json!({"status": {"state": "running"}}), BackupRun::Running),
            (json!({"status": {"state": "ready"}}), BackupRun::Completed),
            (json!({"status": {"state": "error"}}), BackupRun::Failed("the operator says no more".into())),
            (json!({"metadata": {"deletionTimestamp": "x"}, "status": {"state": "ready"}}), BackupRun::Running),
        ];
        for (backup, expected) in cases {
            assert_eq!(run(&Object::of(&backup)).unwrap(), expected, "{backup}");
        }
    }
}
