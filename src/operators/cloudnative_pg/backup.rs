//! Where backups go and when they are made: `ObjectStore` and `ScheduledBackup`. In: a generation that is backed up.
//! Out: both. The archive of the log is the `Cluster`'s, which names the store.

use super::status::Backup;
use super::{Name, key, kind, label, source_name};
use crate::api::destination::{AzureKey, Destination, DestinationAccess, GoogleKey, Store};
use crate::api::plan::{Backup as BackupPlan, DatabaseName, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::{Generation, Source};
use crate::observed::{Answer, Observed, Question};
use crate::operators::{BackupRun, Holds, Made, Resource, pods, resource};
use crate::wire::{Object, Undecodable};
use k8s_openapi::api::core::v1::ResourceRequirements;
use serde::Serialize;

pub const PLUGIN: &str = "barman-cloud.cloudnative-pg.io";

/// Enough for compressing uploads of the size that objects of a multi-terabyte backup have.
const SIDECAR_MEMORY: Bytes = Bytes(512 * Bytes::MI);
/// The sidecar compresses: the log of a larger member comes faster.
const SIDECAR_CPU: Millicores = Millicores(500);
const SIDECAR_CPU_PERCENT: u64 = 25;

pub fn compose(generation: &Generation, backup: &BackupPlan) -> [Resource; 2] {
    let terms = &generation.plan.terms;
    let path = path(&backup.destination, generation.database(), &generation.lineage);
    let store = store(terms, &backup.destination, path, Some(&backup.retention));
    let schedule = ScheduledBackup {
        // The operator's first field is the second.
        schedule: format!("0 {}", backup.schedule),
        cluster: Name { name: generation.name() },
        method: "plugin",
        plugin_configuration: PluginName { name: PLUGIN },
        // Backups are listed for as long as the data lives, also when the schedule is switched off in between. The
        // plugin removes those that retention took out of the store.
        backup_owner_reference: "cluster",
        // Recovery to a point in time begins with the first full backup, so that one is made at once.
        immediate: true,
        // Nobody is there to make them, and each would fail.
        suspend: terms.lifecycle.hibernated,
    };
    let name = || generation.name();
    [
        resource(generation, key::OBJECT_STORE, kind::OBJECT_STORE, name(), Holds::Archive, store),
        resource(generation, key::SCHEDULED_BACKUP, kind::SCHEDULED_BACKUP, name(), Holds::Nothing, schedule),
    ]
}

/// What a restored generation began from. Nothing is ever written there, so nothing is kept or removed.
pub fn source(generation: &Generation, source: &Source) -> Resource {
    let Source { namespace, name, lineage, destination, .. } = source;
    let database = DatabaseName::new(namespace, name, "");
    let store = store(&generation.plan.terms, destination, path(destination, &database, lineage), None);
    resource(generation, key::SOURCE_STORE, kind::OBJECT_STORE, source_name(generation), Holds::Nothing, store)
}

fn store<'a>(
    terms: &Terms,
    destination: &'a Destination,
    destination_path: String,
    retention_policy: Option<&'a str>,
) -> ObjectStore<'a> {
    ObjectStore {
        configuration: Configuration {
            destination_path,
            endpoint_url: destination.endpoint.as_deref(),
            credentials: credentials(destination),
            wal: Wal { compression: "gzip", max_parallel: 4 },
            data: Data { compression: "gzip", jobs: 2 },
        },
        retention_policy,
        instance_sidecar_configuration: Sidecar {
            resources: pods::beside(terms, sidecar(terms)),
            env: if destination.endpoint.is_some() { CHECKSUMS.to_vec() } else { vec![] },
        },
    }
}

/// What a recovery calls a backup: the plugin's own id, not the name of the object.
pub fn id(backup: &Object) -> Result<String, String> {
    let Backup { status, .. } = backup.decode("backup").map_err(|error| format!("cannot be read: {error}"))?;
    match (status.phase, status.backup_id) {
        (Some("completed"), Some(id)) => Ok(id.into()),
        _ => Err("is not complete".into()),
    }
}

/// One backup, made at once by the plugin.
pub fn once(generation: &Generation, role: &str, name: String) -> Resource {
    let spec = BackupSpec {
        cluster: Name { name: generation.name() },
        method: "plugin",
        plugin_configuration: PluginName { name: PLUGIN },
    };
    resource(generation, role, kind::BACKUP, name, Holds::Backup, spec)
}

/// Those that the schedule made and that are kept.
pub fn question(generation: &Generation) -> Question {
    let (api_version, kind) = kind::BACKUP;
    let name = generation.name();
    let labels = [(label::SCHEDULE, name.as_str())];
    Question::by_labels(api_version, kind, &generation.database().namespace, &labels)
}

pub fn all(generation: &Generation, observed: &Observed) -> Result<Answer<Vec<Made>>, Undecodable> {
    let text = |text: Option<&str>| text.map(String::from);
    let typed = |backup: &Backup| Made {
        name: backup.metadata.name.unwrap_or_default().into(),
        run: how(backup),
        begun: text(backup.status.started_at.or(backup.metadata.creation_timestamp)),
        completed: text(backup.status.stopped_at),
        size: None,
        id: text(backup.status.backup_id),
    };
    observed.answer::<Backup>(&question(generation)).map(|answer| answer.each(typed))
}

pub fn run(backup: &Object) -> Result<BackupRun, Undecodable> {
    Ok(how(&backup.decode("backup")?))
}

/// The phases of CloudNativePG 1.30, `api/v1/backup_types.go`.
fn how(Backup { status, metadata }: &Backup) -> BackupRun {
    match status.phase.unwrap_or_default() {
        // One that goes away was made for an attempt that was taken back.
        _ if metadata.deletion_timestamp.is_some() => BackupRun::Running,
        "completed" => BackupRun::Completed,
        "failed" => BackupRun::Failed(status.error.unwrap_or("the operator says no more").into()),
        "walArchivingFailing" => BackupRun::Failed("the log cannot be archived".into()),
        _ => BackupRun::Running,
    }
}

/// The lineage keeps a new database of an old name out of the old one's backups. The plugin adds the server's name.
fn path(destination: &Destination, database: &DatabaseName, lineage: &str) -> String {
    let DatabaseName { namespace, name, .. } = database;
    format!("{}/{namespace}/{name}/{lineage}", destination.path.trim_end_matches('/'))
}

/// What each member's sidecar may use.
pub fn sidecar(terms: &Terms) -> Amounts {
    let cpu = terms.cpu.percent(SIDECAR_CPU_PERCENT).max(SIDECAR_CPU);
    Amounts { cpu, memory: SIDECAR_MEMORY, storage: Bytes(0) }
}

fn credentials(destination: &Destination) -> Credentials<'_> {
    match &destination.access {
        DestinationAccess::WorkloadIdentity {} => match destination.store() {
            Store::S3 => Credentials::S3(S3Credentials::Identity { inherit: true }),
            Store::Google => Credentials::Google(GoogleCredentials::Identity { gke_environment: true }),
            Store::Azure => Credentials::Azure(AzureCredentials::Identity { use_default_azure_credentials: true }),
        },
        DestinationAccess::Secret(secret) => Credentials::S3(S3Credentials::Keys {
            access_key_id: SecretKey { name: &secret.name, key: &secret.access_key_id },
            secret_access_key: SecretKey { name: &secret.name, key: &secret.secret_access_key },
        }),
        DestinationAccess::GoogleKey(GoogleKey { name, key }) => {
            Credentials::Google(GoogleCredentials::Key { application_credentials: SecretKey { name, key } })
        }
        DestinationAccess::AzureKey(AzureKey { name, storage_account, storage_key }) => {
            Credentials::Azure(AzureCredentials::Keys {
                storage_account: SecretKey { name, key: storage_account },
                storage_key: SecretKey { name, key: storage_key },
            })
        }
    }
}

/// Compatible stores mostly do not know the checksums that Amazon's client adds by itself (barman-cloud plugin 0.14,
/// "S3-Compatible Storage Providers").
const CHECKSUMS: [Variable; 2] = [
    Variable { name: "AWS_REQUEST_CHECKSUM_CALCULATION", value: "when_required" },
    Variable { name: "AWS_RESPONSE_CHECKSUM_VALIDATION", value: "when_required" },
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectStore<'a> {
    configuration: Configuration<'a>,
    /// The claim's `30d`, `4w`, `6m` is the plugin's own language.
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_policy: Option<&'a str>,
    instance_sidecar_configuration: Sidecar,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    destination_path: String,
    #[serde(rename = "endpointURL", skip_serializing_if = "Option::is_none")]
    endpoint_url: Option<&'a str>,
    #[serde(flatten)]
    credentials: Credentials<'a>,
    wal: Wal,
    data: Data,
}

#[derive(Serialize)]
enum Credentials<'a> {
    #[serde(rename = "s3Credentials")]
    S3(S3Credentials<'a>),
    #[serde(rename = "googleCredentials")]
    Google(GoogleCredentials<'a>),
    #[serde(rename = "azureCredentials")]
    Azure(AzureCredentials<'a>),
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum GoogleCredentials<'a> {
    Identity { gke_environment: bool },
    Key { application_credentials: SecretKey<'a> },
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum AzureCredentials<'a> {
    Identity { use_default_azure_credentials: bool },
    Keys { storage_account: SecretKey<'a>, storage_key: SecretKey<'a> },
}

#[derive(Serialize)]
#[serde(untagged)]
enum S3Credentials<'a> {
    Identity {
        #[serde(rename = "inheritFromIAMRole")]
        inherit: bool,
    },
    #[serde(rename_all = "camelCase")]
    Keys { access_key_id: SecretKey<'a>, secret_access_key: SecretKey<'a> },
}

#[derive(Serialize)]
struct SecretKey<'a> {
    name: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wal {
    compression: &'static str,
    max_parallel: u32,
}

#[derive(Serialize)]
struct Data {
    compression: &'static str,
    jobs: u32,
}

#[derive(Serialize)]
struct Sidecar {
    resources: ResourceRequirements,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<Variable>,
}

#[derive(Clone, Serialize)]
struct Variable {
    name: &'static str,
    value: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupSpec {
    cluster: Name,
    method: &'static str,
    plugin_configuration: PluginName,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduledBackup {
    schedule: String,
    cluster: Name,
    method: &'static str,
    plugin_configuration: PluginName,
    backup_owner_reference: &'static str,
    immediate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    suspend: bool,
}

#[derive(Serialize)]
struct PluginName {
    name: &'static str,
}
