//! A restore. In: the record, what is asked for, how each generation is, the time. Out: the record from now on, and whether
//! the generation that serves must stop taking writes.
//!
//! A restore never touches the data that runs. It begins a generation beside it; when that is ready, the old one is put to
//! sleep, so that nobody writes where nobody will read; then the new one serves, behind the same names. The old one sleeps on
//! for a while and can be gone back to. Taking the restore back before the end abandons what it began. Must not ask whether
//! it may happen: the table does.

use crate::api::claim::{CredentialSource, DeletionPolicy, Restore};
use crate::api::plan::{DatabaseName, Plan};
use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use crate::api::record::{Beside, Fate, Generation, Record, Source};
use crate::map::sort;
use crate::operators::{self, BackupRun, Made, name_of};
use crate::plan;
use jiff::{SignedDuration, Timestamp};

/// So long can be gone back to what served before.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where the data of a restore comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    Backup(Box<Source>),
    /// A generation that served before and was kept, by its number.
    Kept(u32),
}

impl Origin {
    /// The generation that is gone back to.
    pub fn kept(&self) -> Option<u32> {
        match self {
            Origin::Kept(number) => Some(*number),
            Origin::Backup(_) => None,
        }
    }
}

/// How a generation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub ready: bool,
    /// The same, or with members missing.
    pub stands: bool,
    /// Its log is archived.
    pub archives: bool,
    /// It sleeps: nobody writes to it.
    pub asleep: bool,
    /// Something of it still counts as data.
    pub holds_data: bool,
}

/// The restore that is asked for and was not begun yet.
pub fn asked<'a>(record: Option<&Record>, plan: &'a Plan) -> Option<&'a Restore> {
    let begun = |restore: &&Restore| record.is_some_and(|record| record.restores.contains(&restore.id));
    plan.requests.restore.as_ref().filter(|restore| !begun(restore))
}

/// The record without a restore or a promotion that the claim no longer asks for. A claim with mistakes asks for nothing new.
pub fn abandoned(mut record: Record, plan: Option<&Plan>) -> Record {
    let Some(plan) = plan else { return record };
    let asked = plan.requests.restore.as_ref().map(|restore| restore.id.as_str());
    let promoted = plan::promotion::of(&record.serving.plan, plan).is_some();
    for beside in &mut record.beside {
        if matches!(&beside.fate, Fate::Next { restore, .. } if Some(restore.as_str()) != asked) {
            beside.fate = Fate::Released;
        }
        if matches!(&beside.fate, Fate::Promoted { decided: false, .. } if !promoted) {
            beside.fate = Fate::Standby;
        }
    }
    record
}

/// The record once the restore is begun.
pub fn begun(mut record: Record, plan: &Plan, restore: &Restore, origin: &Origin, people: &[String]) -> Record {
    let fate = Fate::Next { restore: restore.id.clone(), approved_by: people.to_vec() };
    record.restores.push(restore.id.clone());
    match origin {
        Origin::Kept(number) => {
            for beside in record.beside.iter_mut().filter(|beside| beside.generation.number == *number) {
                beside.generation.plan = plan.clone();
                // Whoever goes back to it takes it as it is.
                beside.generation.overwrite = None;
                beside.fate = fate.clone();
            }
        }
        Origin::Backup(source) => {
            let number = record.number();
            let lineage = record.serving.lineage.clone();
            let (place, source) = (record.serving.place, Some((**source).clone()));
            let generation = Generation { place, ..Generation::begun(number, lineage, plan.clone(), source) };
            record.beside.push(Beside { generation, fate });
        }
    }
    record
}

/// A step further, by what is seen of each generation. `lost`: nothing is left of the one that serves. Returns whether that
/// one must sleep now.
pub fn advanced(mut record: Record, seen: impl Fn(&Generation) -> Seen, lost: bool, now: Timestamp) -> (Record, bool) {
    record.beside.retain(|beside| beside.fate != Fate::Released || seen(&beside.generation).holds_data);
    for beside in &mut record.beside {
        let over = |until: &str| until.parse::<Timestamp>().is_ok_and(|until| until <= now);
        if matches!(&beside.fate, Fate::Kept { until } if over(until)) {
            beside.fate = Fate::Released;
        }
    }
    let Some(next) = record.beside.iter().position(|beside| beside.fate.serves_next()) else { return (record, false) };
    let Seen { asleep, archives, .. } = seen(&record.serving);
    match record.beside.get_mut(next) {
        Some(Beside { fate: Fate::Promoted { decided: true, .. }, .. }) | None => {}
        Some(Beside { generation, fate: Fate::Promoted { failover, decided, .. } }) => {
            let Seen { ready, stands, .. } = seen(generation);
            // What is put to sleep while its log goes nowhere takes the end of it along, and writes it once it wakes up.
            let may = if *failover { stands } else { ready && archives };
            *decided = may && (*failover || asleep);
            return (record, may);
        }
        Some(Beside { generation, .. }) if !seen(generation).ready => return (record, false),
        Some(_) if record.was_ready && !lost && !asleep => return (record, true),
        Some(_) => {}
    }
    let Beside { mut generation, fate } = record.beside.remove(next);
    generation.restored = generation.source.is_some();
    if generation.standby {
        (generation.standby, generation.place) = (false, generation.number);
        generation.rotation = record.serving.rotation.clone();
    }
    let before = std::mem::replace(&mut record.serving, generation);
    let until = now.checked_add(KEPT).unwrap_or(now).to_string();
    let kept = if record.was_ready { Fate::Kept { until } } else { Fate::Released };
    // Nothing is made anew of what is lost.
    if !lost {
        record.beside.insert(0, Beside { generation: before, fate: kept });
    }
    sort(&mut record.beside, |one, other| one.generation.number.cmp(&other.generation.number));
    if let Fate::Next { approved_by, .. } | Fate::Promoted { approved_by, .. } = fate {
        record.approved_by = approved_by;
    }
    record.was_ready = true;
    (record, false)
}

/// A generation as it is to be composed now, beside the one that serves.
pub fn composed(beside: &Beside, serving: &Generation) -> Generation {
    let mut generation = beside.generation.clone();
    if let Fate::Promoted { .. } = beside.fate {
        generation.plan.terms = plan::standby::following(generation.plan.terms);
    }
    let terms = &mut generation.plan.terms;
    match beside.fate {
        // Who sleeps is never ready; what the plan says of it holds once it serves.
        Fate::Next { .. } => terms.lifecycle.hibernated = false,
        Fate::Standby | Fate::Promoted { .. } => {}
        Fate::Kept { .. } | Fate::Released => {
            terms.lifecycle.hibernated = true;
            terms.pooling = None;
            if generation.place != serving.place {
                // Nobody goes back to where the database stood before, and the users of one that comes there again are called the same.
                terms.access.roles.clear();
                terms.credentials = CredentialSource::Operator;
                generation.rotation = None;
            }
            if beside.generation.standby {
                // Nobody goes back to it: it goes, whatever becomes of the others when the database is deleted.
                terms.lifecycle.deletion_policy = DeletionPolicy::Delete;
            }
        }
    }
    generation
}

/// Namespace and name of the database whose backup is asked for.
pub fn whose<'a>(restore: &'a Restore, own: &'a DatabaseName) -> Result<(&'a str, &'a str), Problem> {
    let (home, name) = own.identity();
    let namespace = restore.namespace.as_deref().unwrap_or(home);
    if namespace != home {
        let wrong = format!("a backup of the namespace {namespace} cannot be restored here");
        return Err(Problem::new("spec.restore.namespace", wrong, "leave it out"));
    }
    Ok((namespace, restore.database.as_deref().unwrap_or(name)))
}

/// Why a backup cannot become this database. `recoverable`: the earliest moment, where it is known.
pub fn problems(
    restore: &Restore,
    plan: &Plan,
    from: &Plan,
    recoverable: Option<&str>,
    now: Timestamp,
) -> Vec<Problem> {
    let (ours, theirs) = (&plan.terms, &from.terms);
    let (_, name) = theirs.database.identity();
    let mut problems = vec![];
    let mut fixed = |path: &str, was: String, is: String| {
        if was != is {
            let wrong = format!("{is} is not what the backup of {name} holds");
            problems.push(Problem::new(path, wrong, format!("write {was}, or restore another backup")));
        }
    };
    fixed("spec.engine", name_of(&theirs.engine), name_of(&ours.engine));
    fixed("spec.name", theirs.database.inside.clone(), ours.database.inside.clone());
    fixed("spec.version", theirs.version.clone(), ours.version.clone());
    fixed("TierDefaults operator", name_of(&theirs.operator), name_of(&ours.operator));
    fixed("spec.environment", name_of(&theirs.environment), name_of(&ours.environment));
    fixed("spec.shards", theirs.shards.to_string(), ours.shards.to_string());
    problems.extend(too_small(theirs.storage, ours.storage));
    if theirs.backup.is_none() {
        let wrong = format!("{name} has no backups");
        problems.push(Problem::new("spec.restore.database", wrong, "write another database, or leave restore out"));
    }
    problems.extend(moment(restore, recoverable, now));
    if theirs.operator == ours.operator {
        problems.extend(operators::of(ours.operator).unrestorable(restore, theirs, ours));
    }
    problems
}

/// The newest that is whole, and from before the point in time.
pub fn newest<'a>(made: &'a [Made], restore: &Restore) -> Option<&'a Made> {
    let moment = restore.point_in_time.as_ref().and_then(|moment| moment.parse::<Timestamp>().ok());
    let whole = made.iter().filter(|made| made.run == BackupRun::Completed && made.id.is_some()).filter_map(|made| {
        let completed = made.completed.as_ref()?.parse::<Timestamp>().ok()?;
        Some((completed, made))
    });
    let before = whole.filter(|(completed, _)| moment.is_none_or(|moment| *completed < moment));
    before.max_by_key(|(completed, _)| *completed).map(|(_, made)| made)
}

/// Why nothing can take the place of what runs: nobody may write to it meanwhile.
pub fn unfenced(runs: &Plan) -> Option<Problem> {
    let operator = runs.terms.operator;
    let wrong =
        format!("{} cannot put a database to sleep, and nobody may write to what is replaced", name_of(&operator));
    let right = "restore into a new database, by another claim with this one's name in spec.restore.database";
    (!operators::of(operator).features().hibernation).then(|| Problem::new("spec.restore", wrong, right))
}

fn too_small(theirs: Bytes, ours: Bytes) -> Option<Problem> {
    let wrong = format!("{ours} is less than what the backup was made of");
    (ours < theirs).then(|| Problem::new("spec.storage", wrong, format!("write {theirs} or more")))
}

/// Why that moment cannot be restored.
pub fn moment(restore: &Restore, recoverable: Option<&str>, now: Timestamp) -> Option<Problem> {
    let text = restore.point_in_time.as_ref()?;
    let path = "spec.restore.pointInTime";
    let Ok(moment) = text.parse::<Timestamp>() else {
        return Some(Problem::new(path, format!("{text:?} is no time"), "write one such as 2026-11-19T10:00:00Z"));
    };
    if moment > now {
        return Some(Problem::new(path, format!("{text} is not over yet"), "write an earlier time"));
    }
    let first = recoverable.and_then(|first| first.parse::<Timestamp>().ok()).filter(|first| moment < *first)?;
    let wrong = format!("{text} is before the first moment that can be restored");
    Some(Problem::new(path, wrong, format!("write {first} or later")))
}

/// What approvers read, before the changes of the plan. `own`: the database that is restored; `kept`: the generation that is
/// gone back to, if it is one; `whole`: when the backup was, where that is known.
pub fn words(restore: &Restore, own: &DatabaseName, kept: Option<u32>, replaces: bool, whole: Option<&str>) -> String {
    let Restore { id, database, namespace, backup, point_in_time, in_place } = restore;
    let (from, moment) = match kept {
        Some(number) => (format!("what served before, generation {number}"), None),
        None => {
            let backup = backup.as_ref().map(|backup| format!("the backup {backup} of ")).unwrap_or_default();
            let (home, name) = own.identity();
            let namespace = namespace.as_deref().unwrap_or(home);
            let name = database.as_deref().unwrap_or(name);
            (format!("{backup}{namespace}/{name}"), point_in_time.as_ref())
        }
    };
    let at = moment.map(|moment| format!(" as of {moment}")).unwrap_or_default();
    let since = moment.map(String::as_str).or(whole).unwrap_or("that");
    let (how, end) = if *in_place { (" in place", ", and there is no way back") } else { ("", "") };
    let loss = if replaces { format!("; what was written after {since} is lost{end}") } else { String::new() };
    format!("restore {id}{how} from {from}{at}{loss}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn plan(restore: Option<&str>) -> Plan {
        let mut plan = example::plan("prod", json!({}));
        plan.requests.restore = restore.map(|id| Restore { id: id.into(), ..Restore::default() });
        plan
    }

    fn runs() -> Record {
        Record { was_ready: true, ..Record::of(Generation::first("u-1", plan(None))) }
    }

    fn source(record: &Record) -> Origin {
        Origin::Backup(Box::new(Source::of(&record.serving, None, None).unwrap()))
    }

    /// By number: ready, asleep, holds data.
    fn seen(all: &[(u32, bool, bool, bool)]) -> impl Fn(&Generation) -> Seen {
        move |generation| {
            let found = all.iter().find(|(number, ..)| *number == generation.number);
            found.map_or_else(Seen::default, |(_, ready, asleep, holds_data)| Seen {
                ready: *ready,
                stands: *ready,
                archives: true,
                asleep: *asleep,
                holds_data: *holds_data,
            })
        }
    }

    fn fates(record: &Record) -> Vec<(u32, &'static str)> {
        let word = |fate: &Fate| match fate {
            Fate::Next { .. } => "next",
            Fate::Kept { .. } => "kept",
            Fate::Standby => "follows",
            Fate::Promoted { .. } => "promoted",
            Fate::Released => "released",
        };
        let beside = record.beside.iter().map(|beside| (beside.generation.number, word(&beside.fate)));
        std::iter::once((record.serving.number, "serves")).chain(beside).collect()
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_old_one_serves_until_the_new_one_is_ready_and_nobody_writes() {
        let plan = plan(Some("1"));
        let restore = asked(Some(&runs()), &plan).unwrap();
        let record = begun(runs(), &plan, restore, &source(&runs()), &["anna".into()]);
        assert_eq!(fates(&record), [(1, "serves"), (2, "next")]);
        assert_eq!(record.beside[0].generation.lineage, "u-1");
        assert_eq!(asked(Some(&record), &plan), None, "none begins twice");

        let (record, sleeps) = advanced(record, seen(&[(1, true, false, true), (2, false, false, true)]), false, now());
        assert_eq!((fates(&record), sleeps), (vec![(1, "serves"), (2, "next")], false), "it is not ready");
        let (record, sleeps) = advanced(record, seen(&[(1, true, false, true), (2, true, false, true)]), false, now());
        assert_eq!((fates(&record), sleeps), (vec![(1, "serves"), (2, "next")], true), "the old one is put to sleep");
        let (record, sleeps) = advanced(record, seen(&[(1, false, true, true), (2, true, false, true)]), false, now());
        assert_eq!((fates(&record), sleeps), (vec![(2, "serves"), (1, "kept")], false));
        assert_eq!(record.approved_by, ["anna"]);

        let later = now().checked_add(KEPT).unwrap();
        let all = [(1, false, true, true), (2, true, false, true)];
        let (record, _) = advanced(record, seen(&all), false, later);
        assert_eq!(fates(&record), [(2, "serves"), (1, "released")]);
        let (record, _) = advanced(record, seen(&all), false, later);
        assert_eq!(fates(&record), [(2, "serves"), (1, "released")], "the guard would still speak");
        let (record, _) = advanced(record, seen(&[(1, false, true, false), (2, true, false, true)]), false, later);
        assert_eq!(fates(&record), [(2, "serves")]);
    }

    #[test]
    fn it_can_be_taken_back_and_gone_back() {
        let first = plan(Some("1"));
        let record = begun(runs(), &first, asked(None, &first).unwrap(), &source(&runs()), &[]);
        assert_eq!(abandoned(record.clone(), None), record, "a claim with mistakes takes nothing back");
        assert_eq!(abandoned(record.clone(), Some(&first)), record);
        let record = abandoned(record, Some(&plan(None)));
        assert_eq!(fates(&record), [(1, "serves"), (2, "released")]);

        let second = plan(Some("2"));
        let record = begun(record, &second, asked(Some(&runs()), &second).unwrap(), &source(&runs()), &[]);
        assert_eq!(fates(&record), [(1, "serves"), (2, "released"), (3, "next")], "no number is given twice");
        let all = [(1, false, true, true), (3, true, false, true)];
        let (record, _) = advanced(record, seen(&all), false, now());
        assert_eq!(fates(&record), [(3, "serves"), (1, "kept")]);

        let back = plan(Some("3"));
        let record = begun(record, &back, asked(None, &back).unwrap(), &Origin::Kept(1), &[]);
        assert_eq!(fates(&record), [(3, "serves"), (1, "next")]);
        let (record, _) = advanced(record, seen(&[(1, true, false, true), (3, false, true, true)]), false, now());
        assert_eq!(fates(&record), [(1, "serves"), (3, "kept")]);
    }

    #[test]
    fn what_is_lost_is_not_waited_for() {
        let plan = plan(Some("1"));
        let record = begun(runs(), &plan, asked(None, &plan).unwrap(), &source(&runs()), &[]);
        let (record, sleeps) = advanced(record, seen(&[(2, true, false, true)]), true, now());
        assert_eq!((fates(&record), sleeps), (vec![(2, "serves")], false));
    }

    #[test]
    fn a_backup_of_something_else_is_refused() {
        let from = example::plan("prod", json!({"storage": "200Gi"}));
        let restore = |moment: &str| Restore { point_in_time: Some(moment.into()), ..Restore::default() };
        let first = Some("2026-11-14T02:00:31Z");
        let found = |restore: &Restore, changes| {
            let plan = example::plan("prod", changes);
            problems(restore, &plan, &from, first, now()).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(&restore("2026-11-20T10:00:00+01:00"), json!({"storage": "200Gi"})), [""; 0]);
        assert_eq!(
            found(&restore("2026-11-10T10:00:00Z"), json!({"name": "bills", "version": "18"})),
            [
                "spec.name: bills is not what the backup of orders holds; write orders, or restore another backup",
                "spec.version: 18 is not what the backup of orders holds; write 17, or restore another backup",
                "spec.storage: 20Gi is less than what the backup was made of; write 200Gi or more",
                "spec.restore.pointInTime: 2026-11-10T10:00:00Z is before the first moment that can be restored; write \
                 2026-11-14T02:00:31Z or later",
            ]
        );
        assert_eq!(
            found(&restore("2026-11-22T10:00:00Z"), json!({"storage": "200Gi"})),
            ["spec.restore.pointInTime: 2026-11-22T10:00:00Z is not over yet; write an earlier time"]
        );
    }
}
