//! Where backups go and when they are made: Spilo does both inside of the members, with WAL-G, as variables tell it (Spilo,
//! `ENVIRONMENT.rst`). In: a generation that is backed up. Out: the variables; and the one backup that is made from
//! outside, a dump, because nobody outside can start the others.

use super::{Settings, secret};
use crate::api::destination::{Destination, KeySecret};
use crate::api::input::Engines;
use crate::api::plan::Backup;
use crate::api::record::{Generation, Source};
use crate::operators::backup_job::{self, Dump, FOLDER, from_secret, text};
use crate::operators::{Resource, postgresql};
use crate::plan::schedule::days;
use k8s_openapi::api::core::v1::EnvVar;

/// Spilo's path is `s3://BUCKET/spilo/PREFIX SCOPE SUFFIX/wal/RELEASE`, where the scope is the generation's name: so it
/// carries namespace, name and lineage, and an upgrade begins a new folder.
pub fn variables(generation: &Generation, backup: &Backup) -> Vec<EnvVar> {
    let mut variables = vec![text("USE_WALG_BACKUP", "true"), text("USE_WALG_RESTORE", "true")];
    variables.extend(place("", &backup.destination, &generation.database().namespace, &generation.lineage));
    variables
        .extend([text("BACKUP_SCHEDULE", &backup.schedule), text("BACKUP_NUM_TO_RETAIN", &kept(backup).to_string())]);
    variables.extend(access("", &backup.destination));
    variables
}

/// The archive that it begins with, to the end of it or to a point in time. They are read before there is any data, and never
/// again. The operator's own section for it would have the keys in plain text.
pub fn clone(source: &Source) -> Vec<EnvVar> {
    let mut variables = vec![
        text("CLONE_METHOD", "CLONE_WITH_WALE"),
        text("CLONE_SCOPE", &source.generation()),
        text("CLONE_PGVERSION", &source.version),
    ];
    variables.extend(place("CLONE_", &source.destination, &source.namespace, &source.lineage));
    variables.extend(source.point_in_time.iter().map(|moment| text("CLONE_TARGET_TIME", moment)));
    variables.extend(access("CLONE_", &source.destination));
    variables
}

fn place(prefix: &str, destination: &Destination, namespace: &str, lineage: &str) -> [EnvVar; 3] {
    let bucket = destination.path.trim_start_matches("s3://").trim_end_matches('/');
    [
        text(&format!("{prefix}WAL_S3_BUCKET"), bucket),
        text(&format!("{prefix}WAL_BUCKET_SCOPE_PREFIX"), &format!("{namespace}/")),
        text(&format!("{prefix}WAL_BUCKET_SCOPE_SUFFIX"), &format!("/{lineage}")),
    ]
}

fn access(prefix: &str, destination: &Destination) -> Vec<EnvVar> {
    let Destination { endpoint, region, access, .. } = destination;
    let mut variables = vec![];
    variables.extend(endpoint.iter().map(|endpoint| text(&format!("{prefix}AWS_ENDPOINT"), endpoint)));
    variables.extend(region.iter().map(|region| text(&format!("{prefix}AWS_REGION"), region)));
    if let Some(KeySecret { name, access_key_id, secret_access_key }) = access.s3_keys() {
        variables.extend([
            from_secret(&format!("{prefix}AWS_ACCESS_KEY_ID"), name, access_key_id),
            from_secret(&format!("{prefix}AWS_SECRET_ACCESS_KEY"), name, secret_access_key),
        ]);
    }
    variables
}

/// Spilo removes a backup that is older than so many days once there are more than as many newer ones, and with it the
/// log before it; never the last two (Spilo, `postgres_backup.sh`).
fn kept(backup: &Backup) -> u32 {
    days(&backup.retention).unwrap_or(2).max(2)
}

/// The dump is kept beside the archive: what is too old there is removed, and the archive must not be touched by that.
pub fn once(generation: &Generation, backup: &Backup, settings: &Engines, role: &str, name: String) -> Resource {
    let path = format!("{}/dumps", backup.destination.path.trim_end_matches('/'));
    let beside = Backup { destination: Destination { path, ..backup.destination.clone() }, ..backup.clone() };
    backup_job::once(generation, &beside, &dump(generation, &settings.zalando), &settings.backup_jobs, role, name)
}

/// Of everything in the database, and of the roles that own it.
fn dump<'a>(generation: &Generation, settings: &'a Settings) -> Dump<'a> {
    let terms = &generation.plan.terms;
    let tools = format!("/usr/lib/postgresql/{}/bin", terms.version);
    Dump {
        image: &settings.dump_image,
        script: format!(
            "{tools}/pg_dumpall --globals-only --no-role-passwords --file={FOLDER}/globals.sql\n\
             {tools}/pg_dump --format=directory --jobs=2 --file={FOLDER}/database \"$PGDATABASE\"\n"
        ),
        env: [address(generation), superuser(generation)].concat(),
        port: postgresql::PORT,
    }
}

/// Where PostgreSQL's own tools find the application's database: by the operator's own Service, always of the primary.
pub fn address(generation: &Generation) -> Vec<EnvVar> {
    postgresql::address(generation, &generation.name())
}

/// How they sign in as the superuser.
pub fn superuser(generation: &Generation) -> Vec<EnvVar> {
    let superuser = secret(generation, "postgres");
    vec![from_secret("PGUSER", &superuser, "username"), from_secret("PGPASSWORD", &superuser, "password")]
}
