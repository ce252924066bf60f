//! Who signs in: the administrator's account, which the operator makes, and the application's own database and user, which
//! nobody makes but us. In: a generation, and the job that exists. Out: the two secrets and a `Job`. Must not give the
//! administrator's password to anything but the operator and the job.

use super::{ADMINISTRATOR, Settings, key, label, workload};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::backup_job::{self, from_secret, text};
use crate::operators::facts::{Labels, labels};
use crate::operators::password::{self, Value};
use crate::operators::{DATABASE, Holds, Resource, metadata, mysql, pods};
use crate::wire::{Key, Object};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, LocalObjectReference, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// The client only sends four statements.
const SIZE: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// That of MySQL in the image, which would start as root.
const USER: i64 = 27;
/// Waits for the whole cluster: there is no router before all members have joined.
const SCRIPT: &str = "until printf '%s' \"$STATEMENTS\" | mysql --host=\"$HOST\" --user=root; do\n  sleep 10\ndone\n";

/// The keys of the application's secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";
const ADMINISTRATOR_PASSWORD: &str = "rootPassword";

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Vec<Resource> {
    let user = mysql::user(&generation.database().inside);
    let administrator = [
        ("rootUser", Value::Text("root".into())),
        ("rootHost", Value::Text("%".into())),
        (ADMINISTRATOR_PASSWORD, Value::Password),
    ];
    let application = [(USERNAME, Value::Text(user)), (PASSWORD, Value::Password)];
    let mut resources = Vec::from(password::compose_of(generation, ADMINISTRATOR, "Opaque", &administrator));
    resources.extend(password::compose(generation, "kubernetes.io/basic-auth", &application));
    resources.push(job(generation, settings, observed));
    resources
}

/// The labels of its pods.
pub fn own(generation: &Generation) -> Labels {
    labels([
        (DATABASE, &generation.database().name),
        (label::WORKLOAD, workload::ACCOUNT),
        (backup_job::GENERATION, &generation.name()),
    ])
}

/// What a job's pods are made of cannot change, so all of it is the same for as long as the generation lives: whoever
/// writes another one gives it another key. Only the image would change, so that of the job that exists stays.
fn job(generation: &Generation, settings: &Settings, observed: &Observed) -> Resource {
    let name = format!("{}-account", generation.name());
    let release = &generation.plan.notes.release;
    let image = image_of(generation, observed)
        .unwrap_or_else(|| format!("{}/community-server:{release}", settings.image_repository));
    let metadata = metadata(generation, name);
    let mut security = pods::confined_pod(None);
    security.run_as_user = Some(USER);
    let container = Container {
        name: "account".into(),
        image: Some(image),
        command: Some(["sh", "-eu", "-c"].map(String::from).into()),
        args: Some(vec![SCRIPT.into()]),
        env: Some(vec![
            // MySQL Router, by the operator's own Service.
            text("HOST", &generation.name()),
            from_secret("MYSQL_PWD", &password::secret_of(generation, ADMINISTRATOR), ADMINISTRATOR_PASSWORD),
            from_secret("PASSWORD", &password::secret(generation), PASSWORD),
            // Kubernetes puts the password in.
            text("STATEMENTS", &mysql::account(&generation.database().inside, "$(PASSWORD)")),
        ]),
        resources: Some(pods::whole(SIZE)),
        security_context: Some(pods::confined()),
        ..Default::default()
    };
    let pull_secrets = settings.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    let object = Job {
        metadata: ObjectMeta {
            name: Some(metadata.name),
            namespace: Some(metadata.namespace),
            labels: Some(metadata.labels),
            ..Default::default()
        },
        spec: Some(JobSpec {
            // A pod that was evicted is not the end.
            backoff_limit: Some(100),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(own(generation)), ..Default::default() }),
                spec: Some(PodSpec {
                    restart_policy: Some("OnFailure".into()),
                    automount_service_account_token: Some(false),
                    enable_service_links: Some(false),
                    security_context: Some(security),
                    image_pull_secrets: Some(pull_secrets.collect()).filter(|list: &Vec<_>| !list.is_empty()),
                    containers: vec![container],
                    ..Default::default()
                }),
            },
            ..Default::default()
        }),
        ..Default::default()
    };
    Resource { key: Key(generation.key(key::ACCOUNT)), holds: Holds::Nothing, object: Object::of(&object) }
}

/// A job that cannot be read is none.
fn image_of(generation: &Generation, observed: &Observed) -> Option<String> {
    let job: Made = observed.get(&generation.key(key::ACCOUNT)).ok()??;
    job.spec.template.spec.containers.into_iter().next().map(|container| container.image)
}

#[derive(Deserialize)]
struct Made {
    spec: MadeJob,
}

#[derive(Deserialize)]
struct MadeJob {
    template: MadeTemplate,
}

#[derive(Deserialize)]
struct MadeTemplate {
    spec: MadePod,
}

#[derive(Deserialize)]
struct MadePod {
    containers: Vec<MadeContainer>,
}

#[derive(Deserialize)]
struct MadeContainer {
    image: String,
}
