//! The `StatefulSet` of one pod, and the `Service` that gives it a name. In: a generation. Out: both; neither holds data.
//!
//! The image's own start changes the owner of the data as root, which Kubernetes does here, so the server is started
//! directly. It serves neither other servers nor administrators: those doors ask for no password.

use super::{PORT, SERVER, SERVER_KEY, Settings, credential, name};
use crate::api::claim::LogLevel;
use crate::api::destination::KeySecret;
use crate::api::plan::{Backup, DatabaseName, Plan, Terms};
use crate::api::record::Generation;
use crate::operators::backup_job::{from_secret, text};
use crate::operators::facts::Labels;
use crate::operators::{Holds, Resource, password, pods, resource};
use k8s_openapi::api::apps::v1::StatefulSetSpec;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, HTTPGetAction, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec,
    Probe, ServicePort, ServiceSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Permanent.
const SERVICE_KEY: &str = "server-service";
const SERVICE: (&str, &str) = ("v1", "Service");
/// The value of the label on the pod.
pub const ROLE: &str = "members";
/// The user that the image was made for (its Dockerfile).
const USER: i64 = 666;
const FOLDER: &str = "/var/lib/sqld";
const VOLUME: &str = "data";
/// Where Amazon's tools sign when nobody says where.
const REGION: &str = "us-east-1";
/// What the server uploads when it stops takes half of that at most.
const GRACE_SECONDS: i64 = 60;
/// Times ten seconds: how long an empty volume may take to be filled from the object store.
const STARTING: i32 = 360;

pub fn compose(generation: &Generation, settings: &Settings) -> [Resource; 2] {
    let service = ServiceSpec {
        cluster_ip: Some("None".into()),
        selector: Some(own(generation)),
        ports: Some(vec![ServicePort { name: Some("http".into()), port: PORT.into(), ..Default::default() }]),
        ..Default::default()
    };
    [
        resource(generation, SERVER_KEY, SERVER, name(generation), Holds::Nothing, server(generation, settings)),
        resource(generation, SERVICE_KEY, SERVICE, name(generation), Holds::Nothing, service),
    ]
}

/// What the pod carries, and nothing else does. Permanent.
pub fn own(generation: &Generation) -> Labels {
    pods::labels(generation, ROLE)
}

/// The key of the `Service`.
pub fn service_key(generation: &Generation) -> String {
    generation.key(SERVICE_KEY)
}

fn server(generation: &Generation, settings: &Settings) -> StatefulSetSpec {
    let Plan { terms, .. } = &generation.plan;
    let data = PersistentVolumeClaimVolumeSource { claim_name: name(generation), ..Default::default() };
    StatefulSetSpec {
        replicas: Some(if terms.lifecycle.hibernated { 0 } else { 1 }),
        service_name: Some(name(generation)),
        // Otherwise a pod that never gets ready keeps the one that would.
        pod_management_policy: Some("Parallel".into()),
        selector: LabelSelector { match_labels: Some(own(generation)), ..Default::default() },
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(own(generation)), ..Default::default() }),
            spec: Some(PodSpec {
                termination_grace_period_seconds: Some(GRACE_SECONDS),
                priority_class_name: settings.priority_class.clone(),
                containers: vec![container(generation)],
                volumes: Some(vec![Volume {
                    name: VOLUME.into(),
                    persistent_volume_claim: Some(data),
                    ..Default::default()
                }]),
                ..pods::own(USER, Some(USER), &settings.image_pull_secrets)
            }),
        },
        ..Default::default()
    }
}

fn container(generation: &Generation) -> Container {
    let Plan { terms, notes, .. } = &generation.plan;
    let arguments =
        ["--no-welcome", "--db-path", "/var/lib/sqld/data", "--http-listen-addr", "0.0.0.0:8080"].map(String::from);
    Container {
        name: "libsql-server".into(),
        image: Some(notes.release.clone()),
        command: Some(vec!["/bin/sqld".into()]),
        args: Some(arguments.into()),
        env: Some(variables(generation)),
        ports: Some(vec![ContainerPort {
            name: Some("http".into()),
            container_port: PORT.into(),
            ..Default::default()
        }]),
        startup_probe: Some(Probe { failure_threshold: Some(STARTING), ..probe() }),
        readiness_probe: Some(probe()),
        liveness_probe: Some(Probe { failure_threshold: Some(6), ..probe() }),
        resources: Some(pods::member(terms)),
        security_context: Some(pods::confined()),
        volume_mounts: Some(vec![VolumeMount { name: VOLUME.into(), mount_path: FOLDER.into(), ..Default::default() }]),
        ..Default::default()
    }
}

fn probe() -> Probe {
    let health =
        HTTPGetAction { path: Some("/health".into()), port: IntOrString::Int(PORT.into()), ..Default::default() };
    Probe { http_get: Some(health), period_seconds: Some(10), timeout_seconds: Some(5), ..Default::default() }
}

fn variables(generation: &Generation) -> Vec<EnvVar> {
    let terms = &generation.plan.terms;
    let mut variables = vec![
        text("RUST_LOG", log_level(terms)),
        from_secret("TOKEN", &password::secret(generation), credential::TOKEN),
        // Kubernetes puts the token in.
        text("SQLD_HTTP_AUTH", "basic:$(TOKEN)"),
    ];
    if let Some(backup) = terms.backup.as_ref().filter(|backup| backup.continuous) {
        variables.extend(continuous(generation, backup));
    }
    variables
}

fn log_level(terms: &Terms) -> &'static str {
    match terms.monitoring.log_level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// The server's own replication to the object store (its source, `bottomless/src/replicator.rs`). It begins all names with
/// `ns-` and the database's id, at the root of the bucket: a slash in there would hide older states from it.
fn continuous(generation: &Generation, backup: &Backup) -> Vec<EnvVar> {
    let DatabaseName { namespace, .. } = generation.database();
    let destination = &backup.destination;
    let (bucket, _) = destination.place();
    let id = format!("{namespace}.{}.{}", generation.name(), generation.lineage);
    let mut variables = vec![
        text("SQLD_ENABLE_BOTTOMLESS_REPLICATION", "true"),
        text("LIBSQL_BOTTOMLESS_DATABASE_ID", &id),
        text("LIBSQL_BOTTOMLESS_BUCKET", bucket),
        text("LIBSQL_BOTTOMLESS_AWS_DEFAULT_REGION", destination.region.as_deref().unwrap_or(REGION)),
    ];
    variables.extend(destination.endpoint.iter().map(|endpoint| text("LIBSQL_BOTTOMLESS_ENDPOINT", endpoint)));
    // Others are refused before.
    if let Some(KeySecret { name, access_key_id, secret_access_key }) = destination.access.s3_keys() {
        variables.extend([
            from_secret("LIBSQL_BOTTOMLESS_AWS_ACCESS_KEY_ID", name, access_key_id),
            from_secret("LIBSQL_BOTTOMLESS_AWS_SECRET_ACCESS_KEY", name, secret_access_key),
        ]);
    }
    variables
}
