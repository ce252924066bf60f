//! Where backups go and when they are made: a section of the `SGCluster`, the `SGObjectStorage` that it refers to, and an
//! `SGBackup` for one outside of the schedule. In: a generation that is backed up. Out: these, and how backups stand.

use super::{key, kind, label, name};
use crate::api::destination::{AzureKey, DestinationAccess, GoogleKey, KeySecret, Store};
use crate::api::plan::Backup;
use crate::api::quantity::Bytes;
use crate::api::record::{Generation, Source};
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::{BackupHealth, BackupState};
use crate::operators::{self, BackupRun, Holds, Resource, resource};
use crate::plan::schedule;
use crate::wire::{Object, Undecodable};
use serde::{Deserialize, Serialize};

pub fn section<'a>(generation: &Generation, backup: &'a Backup) -> Section<'a> {
    let (_, prefix) = backup.destination.place();
    let own = format!("{}/{}", generation.folder(), generation.plan.terms.version);
    Section {
        sg_object_storage: name(generation),
        // Without one there is no CronJob: nobody is there to back up, and each would fail.
        cron_schedule: (!generation.plan.terms.lifecycle.hibernated).then_some(&backup.schedule),
        retention: kept(backup),
        // Log of two releases in one folder would make it useless.
        path: if prefix.is_empty() { own } else { format!("{prefix}/{own}") },
    }
}

pub fn storage(generation: &Generation, backup: &Backup) -> Resource {
    let destination = &backup.destination;
    let (bucket, _) = destination.place();
    let store = |path_style| AmazonStore {
        bucket,
        endpoint: destination.endpoint.as_deref(),
        enable_path_style_addressing: path_style,
        region: destination.region.as_deref(),
        aws_credentials: credentials(&destination.access),
    };
    let spec = match (&destination.access, &destination.endpoint) {
        (DestinationAccess::GoogleKey(GoogleKey { name, key }), _) => google(
            bucket,
            GoogleCredentials::Keys {
                secret_key_selectors: GoogleSelectors { service_account_json: SecretKey { name, key } },
            },
        ),
        (DestinationAccess::AzureKey(AzureKey { name, storage_account, storage_key }), _) => {
            let secret_key_selectors = AzureSelectors {
                storage_account: SecretKey { name, key: storage_account },
                access_key: SecretKey { name, key: storage_key },
            };
            let azure_blob = AzureStore { bucket, azure_credentials: AzureCredentials { secret_key_selectors } };
            SgObjectStorageSpec::Azure { r#type: "azureBlob", azure_blob }
        }
        (_, _) if destination.store() == Store::Google => {
            google(bucket, GoogleCredentials::Identity { fetch_credentials_from_metadata_service: true })
        }
        (_, None) => SgObjectStorageSpec::Amazon { r#type: "s3", s3: store(None) },
        // Few of them have a name for each bucket.
        (_, Some(_)) => SgObjectStorageSpec::Compatible { r#type: "s3Compatible", s3_compatible: store(Some(true)) },
    };
    resource(generation, key::STORAGE, kind::STORAGE, name(generation), Holds::Archive, spec)
}

/// One backup, made at once, which the schedule's retention does not count.
pub fn once(generation: &Generation, role: &str, backup: String) -> Resource {
    let spec = SgBackupSpec { sg_cluster: name(generation), managed_lifecycle: false };
    resource(generation, role, kind::BACKUP, backup, Holds::Backup, spec)
}

pub fn run(backup: &Object) -> Result<BackupRun, Undecodable> {
    Ok(backup.decode::<Made>("backup")?.run())
}

/// A restore calls it by the name of its object.
pub fn id(backup: &Object) -> Result<String, String> {
    let made: Made = backup.decode("backup").map_err(|error| format!("cannot be read: {error}"))?;
    match (made.run(), made.metadata.name) {
        (BackupRun::Completed, Some(name)) => Ok(name.into()),
        _ => Err("is not complete".into()),
    }
}

/// What a new cluster begins with; read before there is any data, and never again.
pub fn initial(source: &Source) -> InitialData<'_> {
    let moment = source.point_in_time.as_deref();
    let from_backup = FromBackup {
        name: source.backup.as_deref().unwrap_or_default(),
        point_in_time_recovery: moment.map(|moment| PointInTime { restore_to_timestamp: moment }),
    };
    InitialData { restore: Restore { from_backup } }
}

/// Those of the schedule that are kept, of all databases in the namespace: they do not carry the name as a label.
pub fn question(generation: &Generation) -> Question {
    let (api_version, kind) = kind::BACKUP;
    let labels = [(label::SCHEDULED, "true")];
    Question::by_labels(api_version, kind, &generation.database().namespace, &labels)
}

/// Those of this database.
pub fn all(generation: &Generation, observed: &Observed) -> Result<Answer<Vec<operators::Made>>, Undecodable> {
    let cluster = name(generation);
    Ok(match observed.answer::<Made>(&question(generation))? {
        Answer::NotAsked => Answer::NotAsked,
        Answer::Nothing => Answer::Nothing,
        Answer::Found(made) => {
            let own = made.iter().filter(|made| made.spec.sg_cluster == Some(&cluster));
            Answer::Found(own.map(Made::typed).collect())
        }
    })
}

pub fn health(generation: &Generation, backup: &Backup, observed: &Observed) -> Result<BackupHealth, Undecodable> {
    let all: Vec<Made> = match observed.answer(&question(generation))? {
        Answer::NotAsked => {
            return Ok(BackupHealth::of(BackupState::NotYet("nobody has looked at the backups yet".into())));
        }
        Answer::Nothing => vec![],
        Answer::Found(made) => made,
    };
    let cluster = name(generation);
    let in_state = |state: &'static str| {
        let cluster = &cluster;
        all.iter().filter(move |made| {
            made.spec.sg_cluster.is_some_and(|name| name == cluster) && made.status.process.status == Some(state)
        })
    };
    // Kubernetes writes times in UTC and in one form, so that their texts compare like the times.
    let begun = |made: &&Made| made.metadata.creation_timestamp.unwrap_or_default().to_string();
    let success = in_state("Completed").max_by_key(begun);
    let failure = in_state("Failed").max_by_key(begun);
    let state = match (&success, &failure) {
        (success, Some(failure)) if success.as_ref().is_none_or(|success| begun(success) < begun(failure)) => {
            let why = reason(failure.status.process.failure.as_deref());
            BackupState::Trouble(format!("the backup of {} failed: {why}", begun(failure)))
        }
        (Some(_), _) => BackupState::AsPlanned,
        (None, _) => BackupState::NotYet("there is no full backup yet".into()),
    };
    let stored = |made: &Made| made.status.process.timing.stored.map(String::from);
    let first = in_state("Completed").min_by_key(begun).filter(|_| backup.continuous);
    Ok(BackupHealth {
        last_success: success.and_then(stored),
        last_failure: failure.map(|failure| begun(&failure)),
        first_recoverable: first.and_then(stored),
        ..BackupHealth::of(state)
    })
}

fn reason(failure: Option<&str>) -> String {
    failure.filter(|failure| !failure.is_empty()).unwrap_or("the operator says no more").into()
}

/// As many as the retention's time can have, and one: the last one is only kept once it is older.
fn kept(backup: &Backup) -> u32 {
    let days = schedule::days(&backup.retention).unwrap_or_default();
    schedule::most_runs(&backup.schedule, days).saturating_add(1)
}

fn google<'a>(bucket: &'a str, gcp_credentials: GoogleCredentials<'a>) -> SgObjectStorageSpec<'a> {
    SgObjectStorageSpec::Google { r#type: "gcs", gcs: GoogleStore { bucket, gcp_credentials } }
}

fn credentials(access: &DestinationAccess) -> Credentials<'_> {
    match access.s3_keys() {
        Some(KeySecret { name, access_key_id, secret_access_key }) => Credentials::Keys {
            secret_key_selectors: Selectors {
                access_key_id: SecretKey { name, key: access_key_id },
                secret_access_key: SecretKey { name, key: secret_access_key },
            },
        },
        None => Credentials::Identity { use_iam_role: true },
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section<'a> {
    sg_object_storage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron_schedule: Option<&'a String>,
    retention: u32,
    path: String,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum SgObjectStorageSpec<'a> {
    Amazon { r#type: &'static str, s3: AmazonStore<'a> },
    Compatible { r#type: &'static str, s3_compatible: AmazonStore<'a> },
    Google { r#type: &'static str, gcs: GoogleStore<'a> },
    Azure { r#type: &'static str, azure_blob: AzureStore<'a> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoogleStore<'a> {
    bucket: &'a str,
    gcp_credentials: GoogleCredentials<'a>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum GoogleCredentials<'a> {
    Identity { fetch_credentials_from_metadata_service: bool },
    Keys { secret_key_selectors: GoogleSelectors<'a> },
}

#[derive(Serialize)]
struct GoogleSelectors<'a> {
    #[serde(rename = "serviceAccountJSON")]
    service_account_json: SecretKey<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AzureStore<'a> {
    bucket: &'a str,
    azure_credentials: AzureCredentials<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AzureCredentials<'a> {
    secret_key_selectors: AzureSelectors<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AzureSelectors<'a> {
    storage_account: SecretKey<'a>,
    access_key: SecretKey<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmazonStore<'a> {
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_path_style_addressing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    aws_credentials: Credentials<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Credentials<'a> {
    Identity {
        #[serde(rename = "useIAMRole")]
        use_iam_role: bool,
    },
    #[serde(rename_all = "camelCase")]
    Keys { secret_key_selectors: Selectors<'a> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selectors<'a> {
    access_key_id: SecretKey<'a>,
    secret_access_key: SecretKey<'a>,
}

#[derive(Serialize)]
struct SecretKey<'a> {
    name: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
pub struct InitialData<'a> {
    restore: Restore<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restore<'a> {
    from_backup: FromBackup<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FromBackup<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    point_in_time_recovery: Option<PointInTime<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PointInTime<'a> {
    restore_to_timestamp: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SgBackupSpec {
    sg_cluster: String,
    managed_lifecycle: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Made<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Status<'a>,
}

impl Made<'_> {
    /// The states of the operator's 1.18, `BackupStatus.java`.
    fn run(&self) -> BackupRun {
        let process = &self.status.process;
        match process.status {
            // One that goes away was made for an attempt that was taken back.
            _ if self.metadata.deletion_timestamp.is_some() => BackupRun::Running,
            Some("Completed") => BackupRun::Completed,
            Some("Failed") => BackupRun::Failed(reason(process.failure.as_deref())),
            _ => BackupRun::Running,
        }
    }

    fn typed(&self) -> operators::Made {
        let name = self.metadata.name.unwrap_or_default();
        let size = self.status.backup_information.size.compressed;
        operators::Made {
            name: name.into(),
            run: self.run(),
            begun: self.metadata.creation_timestamp.map(String::from),
            completed: self.status.process.timing.stored.map(String::from),
            size: size.map(|bytes| Bytes(bytes.div_ceil(Bytes::MI) * Bytes::MI).to_string()),
            id: Some(name.into()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata<'a> {
    name: Option<&'a str>,
    creation_timestamp: Option<&'a str>,
    deletion_timestamp: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    sg_cluster: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    #[serde(borrow)]
    process: Process<'a>,
    backup_information: Information,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Information {
    size: Size,
}

/// In bytes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Size {
    compressed: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Process<'a> {
    status: Option<&'a str>,
    failure: Option<String>,
    #[serde(borrow)]
    timing: Timing<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timing<'a> {
    stored: Option<&'a str>,
}
