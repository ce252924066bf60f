//! A restore over the data of what runs. In: the record, what is asked for, how the operator's object for it stands. Out: the
//! record from now on.
//!
//! There is no way back, so it begins only once it is remembered: the run that begins it writes it down, and shuts clients out;
//! a later one, which reads that, has the operator's object composed. That object stays until it is done or has failed, and is
//! never composed again: whoever deletes it would have the data overwritten a second time. Must not ask whether it may happen:
//! the table does.

use crate::api::claim::Restore;
use crate::api::plan::Plan;
use crate::api::problem::Problem;
use crate::api::record::{Generation, Overwrite, Record, Source, Written};
use crate::operators::{BackupRun, State};

/// Why nothing can be overwritten. `runs`: none for a database that is new; `lost`: nothing is left of its data.
pub fn problem(runs: Option<&Record>, lost: bool, asleep: bool) -> Option<Problem> {
    let path = "spec.restore.inPlace";
    let problem = |wrong: &str, right: &str| Some(Problem::new(path, wrong, right));
    match runs {
        _ if lost => problem("nothing is left that could be overwritten", "leave it out"),
        Some(record) if record.was_ready && asleep => {
            problem("it sleeps, and nothing can be restored into it", "wake it first, or leave inPlace out")
        }
        Some(record) if record.was_ready => None,
        _ => problem("there is no data yet that could be overwritten", "leave it out"),
    }
}

/// The record once it is allowed.
pub fn begun(mut record: Record, restore: &Restore, source: Source) -> Record {
    record.restores.push(restore.id.clone());
    let begun = Overwrite { restore: restore.id.clone(), source, written: Written::Not };
    record.serving.overwrite = Some(begun.into());
    record
}

/// Whether it is under way, so that nothing else may begin.
pub fn is_under_way(generation: &Generation) -> bool {
    generation.overwrite.as_ref().is_some_and(|overwrite| !matches!(overwrite.written, Written::Failed { .. }))
}

/// A step further, for one that a run before has remembered. `run`: how the operator's object for it stands.
pub fn advanced(mut record: Record, run: Option<BackupRun>) -> Record {
    let Some(overwrite) = &mut record.serving.overwrite else { return record };
    let failed = |why: String| Written::Failed { why };
    overwrite.written = match (&overwrite.written, run) {
        (Written::Failed { .. }, _) => return record,
        (_, Some(BackupRun::Completed)) => {
            record.serving.overwrite = None;
            return record;
        }
        (_, Some(BackupRun::Failed(why))) => failed(why),
        (_, Some(BackupRun::Running)) => Written::Partly,
        (Written::Not | Written::Soon, None) => Written::Soon,
        (Written::Partly, None) => failed("somebody deleted its object before it had ended".into()),
    };
    record
}

/// The record without the mark of one that failed, once the claim no longer asks for any: its data counts as it is. What is
/// under way cannot be stopped. A claim with mistakes says nothing.
pub fn accepted(mut record: Record, plan: Option<&Plan>) -> Record {
    let asks_none = plan.is_some_and(|plan| plan.requests.restore.is_none());
    if asks_none && !is_under_way(&record.serving) {
        record.serving.overwrite = None;
    }
    record
}

/// How the database is meanwhile, whatever the operator says of it.
pub fn state(overwrite: &Overwrite) -> State {
    let id = &overwrite.restore;
    match &overwrite.written {
        Written::Not | Written::Soon | Written::Partly => {
            State::Progressing(format!("the restore {id} overwrites its data, and no client is let in"))
        }
        Written::Failed { why } => State::Failed(format!(
            "the restore {id} failed: {why}; its data may be of both times, and no client is let in: ask for a restore \
             with another id, or take spec.restore out, and it serves as it is"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn runs() -> Record {
        Record { was_ready: true, ..Record::of(Generation::first("u-1", example::plan("prod", json!({})))) }
    }

    fn asked(id: &str) -> Record {
        let restore = Restore { id: id.into(), in_place: true, ..Restore::default() };
        begun(runs(), &restore, Source::of(&runs().serving, None, None).unwrap())
    }

    fn written(record: &Record) -> Option<&Written> {
        record.serving.overwrite.as_ref().map(|overwrite| &overwrite.written)
    }

    #[test]
    fn it_runs_once_and_ends() {
        let record = asked("1");
        assert_eq!((written(&record), &record.restores), (Some(&Written::Not), &vec!["1".to_string()]));
        let record = advanced(record, None);
        assert_eq!(written(&record), Some(&Written::Soon), "now the object is composed");
        let record = advanced(record, Some(BackupRun::Running));
        assert_eq!((written(&record), is_under_way(&record.serving)), (Some(&Written::Partly), true));
        let record = advanced(record, Some(BackupRun::Completed));
        assert_eq!((record.serving, record.restores), (runs().serving, vec!["1".into()]));
    }

    #[test]
    fn what_failed_is_not_tried_again() {
        let gone = advanced(advanced(asked("1"), Some(BackupRun::Running)), None);
        let why = "somebody deleted its object before it had ended";
        assert_eq!(written(&gone), Some(&Written::Failed { why: why.into() }));
        let failed = advanced(asked("1"), Some(BackupRun::Failed("no bucket".into())));
        for run in [None, Some(BackupRun::Running), Some(BackupRun::Completed)] {
            assert_eq!(advanced(failed.clone(), run), failed);
        }
        assert!(!is_under_way(&failed.serving), "another one may begin");
    }

    #[test]
    fn only_what_has_failed_is_accepted_as_it_is() {
        let restore = |id: &str| example::plan("prod", json!({"restore": {"id": id}}));
        let none = example::plan("prod", json!({}));
        let failed = advanced(asked("1"), Some(BackupRun::Failed("no bucket".into())));
        assert_eq!(accepted(failed.clone(), Some(&none)).serving, runs().serving);
        for plan in [None, Some(&restore("1")), Some(&restore("2"))] {
            assert_eq!(accepted(failed.clone(), plan), failed);
        }
        assert_eq!(accepted(asked("1"), Some(&none)), asked("1"), "it cannot be stopped");
    }

    #[test]
    fn what_is_not_there_is_not_overwritten() {
        let new = Record { was_ready: false, ..runs() };
        let cases = [
            (Some(runs()), false, false, None),
            (Some(runs()), true, false, Some("nothing is left that could be overwritten")),
            (Some(runs()), false, true, Some("it sleeps, and nothing can be restored into it")),
            (Some(new), false, false, Some("there is no data yet that could be overwritten")),
            (None, false, false, Some("there is no data yet that could be overwritten")),
        ];
        for (record, lost, asleep, expected) in cases {
            assert_eq!(problem(record.as_ref(), lost, asleep).map(|it| it.wrong).as_deref(), expected);
        }
    }
}
