//! A restore over the data of what runs: a `DatabaseClusterRestore`. In: a generation that is overwritten with one of its own
//! backups. Out: the resource, and how far it has come.
//!
//! Everest restores all of it (its 1.9, `restorePSMDB`): also the users, with the passwords of that time. Those of the system
//! never change here; the application's are made anew by their jobs. A new database has other ones, so that none begins so.

use super::kind;
use crate::api::claim;
use crate::api::plan::Terms;
use crate::api::problem::Problem;
use crate::api::record::Generation;
use crate::operators::{BackupRun, Holds, Resource, resource};
use crate::wire::{Object, Undecodable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub fn compose(generation: &Generation) -> Option<Resource> {
    let overwrite = generation.overwritten()?;
    let moment: Option<Timestamp> = overwrite.source.point_in_time.as_ref().and_then(|moment| moment.parse().ok());
    let date = moment.map(|moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let spec = Spec {
        db_cluster_name: generation.name(),
        data_source: DataSource {
            db_cluster_backup_name: overwrite.source.backup.as_deref().unwrap_or_default(),
            pitr: date.map(|date| PointInTime { r#type: "date", date }),
        },
    };
    let (part, name) = (overwrite.part(), format!("{}-{}", generation.name(), overwrite.part()));
    Some(resource(generation, &part, kind::RESTORE, name, Holds::Nothing, spec))
}

/// What cannot be restored so.
pub fn problems(restore: &claim::Restore, from: &Terms, to: &Terms) -> Vec<Problem> {
    let mut problems = vec![];
    if from.database != to.database {
        let wrong = "the backup of another database brings its users, with passwords that nobody here knows";
        problems.push(Problem::new("spec.restore.database", wrong, "leave it out"));
    }
    let continuous = from.backup.as_ref().is_some_and(|backup| backup.continuous);
    if restore.point_in_time.is_some() && !continuous {
        let wrong = "the log of what was written after a backup is not kept there";
        let right = "leave it out: the newest backup is restored, or the one in spec.restore.backup";
        problems.push(Problem::new("spec.restore.pointInTime", wrong, right));
    }
    problems
}

/// What a restore calls a backup.
pub fn id(backup: &Object) -> Result<String, String> {
    let name = backup.text("backup", &["metadata", "name"]).ok().flatten();
    match (super::backup::run(backup), name) {
        (Ok(BackupRun::Completed), Some(name)) => Ok(name.into()),
        (Ok(_), _) => Err("is not complete".into()),
        (Err(error), _) => Err(format!("cannot be read: {error}")),
    }
}

/// How it stands, in the states of Everest's 1.10 (`databaseclusterrestore_types.go`).
pub fn overwrites(restore: &Object) -> Result<BackupRun, Undecodable> {
    let Restore { status } = restore.decode("restore")?;
    Ok(match status.state {
        Some("Succeeded") => BackupRun::Completed,
        Some("Failed") => {
            let said = status.message.filter(|message| !message.is_empty());
            BackupRun::Failed(said.unwrap_or("Everest says no more").into())
        }
        _ => BackupRun::Running,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    db_cluster_name: String,
    data_source: DataSource<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DataSource<'a> {
    db_cluster_backup_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pitr: Option<PointInTime>,
}

#[derive(Serialize)]
struct PointInTime {
    r#type: &'static str,
    date: String,
}

#[derive(Deserialize)]
struct Restore<'a> {
    #[serde(borrow, default)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    state: Option<&'a str>,
    message: Option<&'a str>,
}
