//! A restore: a `PerconaServerMongoDBRestore` into a cluster that is there and still empty, or over the data of one that
//! serves. In: a generation that begins with a backup, or is overwritten with one. Out: the resource, and how far it has come.
//!
//! Only the application's database is restored, without users: with all of it the system's users of the old cluster would
//! come too, with passwords that the new one's operator does not know. So it takes a dump, and of shards no point in time
//! (Percona Backup for MongoDB 2.12, "Known limitations").

use super::health::Cluster;
use super::{backup, health, key, kind};
use crate::api::claim::{self, BackupMethod};
use crate::api::destination::DestinationAccess;
use crate::api::plan::Terms;
use crate::api::problem::Problem;
use crate::api::record::{Generation, Source};
use crate::observed::Observed;
use crate::operators::health::State;
use crate::operators::{BackupRun, Holds, Resource, resource};
use crate::wire::{Key, Object, Undecodable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Once the cluster is ready: the operator gives a restore up whose cluster it does not find. One that is there stays until
/// it has done its work.
pub fn compose(generation: &Generation, observed: &Observed) -> Option<Resource> {
    if let Some(overwrite) = generation.overwritten() {
        return Some(into(generation, &overwrite.part(), &overwrite.source));
    }
    let source = generation.awaited()?;
    let key = generation.key(key::RESTORE);
    let begins = observed.composed.contains_key(&Key(key)) || is_ready(generation, observed);
    begins.then(|| into(generation, key::RESTORE, source))
}

/// `part`: its key, and the ending of its name.
fn into(generation: &Generation, part: &str, source: &Source) -> Resource {
    let destination = source.backup.as_deref().unwrap_or_default();
    let (bucket, prefix) = place(destination);
    let spec = Spec {
        cluster_name: generation.name(),
        backup_source: BackupSource {
            r#type: "logical",
            destination,
            place: backup::place(generation, &source.destination, bucket, prefix.into()),
        },
        pitr: point_in_time(source).map(|date| PointInTime { r#type: "date", date }),
        selective: Selective { namespaces: [format!("{}.*", generation.database().inside)] },
    };
    let name = format!("{}-{part}", generation.name());
    resource(generation, part, kind::RESTORE, name, Holds::Nothing, spec)
}

/// How one over the data of the generation stands.
pub fn overwrites(restore: &Object) -> Result<BackupRun, Undecodable> {
    let Restore { status } = restore.decode("restore")?;
    Ok(run(&status))
}

/// The states of the operator's 1.22 (`perconaservermongodbrestore_types.go`); of one that has ended it does nothing more.
fn run(status: &Status) -> BackupRun {
    match status.state {
        Some("ready") => BackupRun::Completed,
        Some("error" | "rejected") => BackupRun::Failed(status.error.unwrap_or("the operator says no more").into()),
        _ => BackupRun::Running,
    }
}

/// What cannot be restored so.
pub fn problems(restore: &claim::Restore, from: &Terms, to: &Terms) -> Vec<Problem> {
    let mut problems = vec![];
    let mut check = |wrong: bool, path: &str, what: &str, right: &str| {
        if wrong {
            problems.push(Problem::new(path, what, right));
        }
    };
    let physical = from.backup.as_ref().is_some_and(|backup| backup.method == BackupMethod::Physical);
    let what = match restore.in_place {
        true => "the backups are copies of files, with everybody's password of that time",
        false => "the backups are copies of files, which only the cluster that made them can read",
    };
    check(
        physical && restore.backup.is_none(),
        "spec.restore",
        what,
        "write the name of a dump in spec.restore.backup",
    );
    let what = "the agents that restore are there only where there are backups";
    check(to.backup.is_none(), "spec.backup.enabled", what, "leave it out, or write true");
    let google = |terms: &Terms| match &terms.backup.as_ref()?.destination.access {
        DestinationAccess::GoogleKey(key) => Some(key.clone()),
        _ => None,
    };
    let what = "the agents have the key of this database's own destination, and the backup lies in another";
    let differs = google(from).is_some() && google(from) != google(to);
    check(differs, "spec.backup", what, "have the backups of both go to one destination");
    let moment = restore.point_in_time.is_some();
    let continuous = from.backup.as_ref().is_some_and(|backup| backup.continuous);
    let what = "the log of what was written after a backup is not kept there";
    let right = "leave it out: the newest backup is restored, or the one in spec.restore.backup";
    check(moment && !continuous, "spec.restore.pointInTime", what, right);
    let what = "a database of several shards cannot be restored to a point in time, only as a backup has it";
    check(moment && continuous && from.shards > 1, "spec.restore.pointInTime", what, "leave it out");
    problems
}

/// How the database is while it is restored: nothing of it serves before that has ended.
pub fn state(generation: &Generation, state: State, observed: &Observed) -> Result<State, Undecodable> {
    let begun: Option<Restore> = observed.get(&generation.key(key::RESTORE))?;
    let run = begun.as_ref().map(|restore| run(&restore.status));
    let said = begun.and_then(|restore| restore.status.state).unwrap_or("not begun yet");
    Ok(state.restoring(run, Some(said)))
}

fn is_ready(generation: &Generation, observed: &Observed) -> bool {
    let cluster: Option<Cluster> = observed.get(&generation.key(key::CLUSTER)).ok().flatten();
    let image = generation.plan.notes.release.as_str();
    cluster.is_some_and(|cluster| health::state(&generation.plan, &cluster, Some(image)) == State::Ready)
}

/// Bucket and folder of `s3://BUCKET/FOLDER/NAME`; other stores have `gs` or `azure` before it.
fn place(destination: &str) -> (&str, &str) {
    let (_, path) = destination.split_once("://").unwrap_or_default();
    let (folder, _) = path.rsplit_once('/').unwrap_or_default();
    folder.split_once('/').unwrap_or((folder, ""))
}

/// In UTC, as the operator writes it.
fn point_in_time(source: &Source) -> Option<String> {
    let moment: Timestamp = source.point_in_time.as_ref()?.parse().ok()?;
    Some(moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    cluster_name: String,
    backup_source: BackupSource<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pitr: Option<PointInTime>,
    selective: Selective,
}

#[derive(Serialize)]
struct BackupSource<'a> {
    r#type: &'static str,
    destination: &'a str,
    #[serde(flatten)]
    place: backup::Place<'a>,
}

#[derive(Serialize)]
struct PointInTime {
    r#type: &'static str,
    date: String,
}

#[derive(Serialize)]
struct Selective {
    namespaces: [String; 1],
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
    error: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::destination::AzureKey;
    use crate::plan::example;
    use serde_json::{Value, json};

    #[test]
    fn a_backup_lies_in_a_bucket_and_a_folder() {
        let cases = [
            ("s3://company/a/checkout/orders/u-1/2026-11-19T02:00:21Z", ("company", "a/checkout/orders/u-1")),
            ("s3://company/2026-11-19T02:00:21Z", ("company", "")),
            ("azure://company/a/checkout/orders/u-1/2026-11-19T02:00:21Z", ("company", "a/checkout/orders/u-1")),
        ];
        for (destination, expected) in cases {
            assert_eq!(place(destination), expected, "{destination}");
        }
    }

    #[test]
    fn a_backup_in_azure_is_read_with_the_keys_of_its_destination() {
        let mut generation = example::generation("staging", json!({"engine": "mongodb"}));
        let destination = "azure://databases/dev/checkout/orders/u-1/2026-11-19T02:00:21Z";
        let mut source = Source::of(&generation, Some(destination.into()), None).unwrap();
        let text = |name: &str| name.to_string();
        let keys = AzureKey { name: text("store"), storage_account: text("account"), storage_key: text("key") };
        source.destination.access = DestinationAccess::AzureKey(keys);
        generation.source = Some(source);
        let mut observed = Observed::default();
        observed.composed.insert(Key(key::RESTORE.into()), Object::of(&json!({})));
        let restore: Value = compose(&generation, &observed).unwrap().object.decode("restore").unwrap();
        let place =
            json!({"container": "databases", "prefix": "dev/checkout/orders/u-1", "credentialsSecret": "store"});
        let expected = json!({"type": "logical", "destination": destination, "azure": place});
        assert_eq!(restore["spec"]["backupSource"], expected);
    }
}
