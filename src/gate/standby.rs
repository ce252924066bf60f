//! A standby in another region. In: the record, and whether there is a backup to begin with. Out: the record from now on.
//!
//! It is a generation beside the one that serves, made of its archive, which it then follows for as long as both stand. A
//! restore makes another history, which it cannot follow: the next one begins then. Must not ask whether it may: that it is to
//! be there is a term of the plan, and taking it out as well.

use crate::api::plan::Plan;
use crate::api::record::{Beside, Fate, Generation, Record, Source};
use crate::plan::standby;

/// Whether there is to be one that has not begun.
pub fn is_missing(record: &Record) -> bool {
    let serves = record.was_ready && record.next().is_none();
    let wanted = wanted(&record.serving).filter(|_| serves);
    wanted.is_some_and(|wanted| !record.standby().is_some_and(|standby| is_same(standby, &wanted)))
}

/// A step further. `backed_up`: the one that serves has a backup in its archive.
pub fn advanced(mut record: Record, backed_up: bool) -> Record {
    let begins = backed_up && is_missing(&record);
    let wanted = wanted(&record.serving);
    for Beside { generation, fate } in record.beside.iter_mut().filter(|beside| beside.fate == Fate::Standby) {
        match wanted.clone().filter(|wanted| is_same(generation, wanted)) {
            Some((plan, source)) => (generation.plan, generation.source) = (plan, Some(source)),
            None => *fate = Fate::Released,
        }
    }
    if let Some((plan, source)) = wanted.filter(|_| begins) {
        let (number, lineage) = (record.number(), record.serving.lineage.clone());
        let generation = Generation { standby: true, ..Generation::begun(number, lineage, plan, Some(source)) };
        record.beside.push(Beside { generation, fate: Fate::Standby });
    }
    record
}

/// What the one that follows is to be, and what it follows.
fn wanted(serving: &Generation) -> Option<(Plan, Source)> {
    standby::plan(&serving.plan).zip(Source::of(serving, None, None))
}

/// Whether it stands there already, and has followed that very history from the beginning.
fn is_same(standby: &Generation, (plan, source): &(Plan, Source)) -> bool {
    let (stands, wanted) = (&standby.plan.terms, &plan.terms);
    let there = stands.delivery == wanted.delivery && stands.database == wanted.database;
    there && standby.source.as_ref().is_some_and(|followed| history(followed) == history(source))
}

fn history(source: &Source) -> (u32, &str, &str, &str, Option<&str>) {
    let Source { number, lineage, version, destination, .. } = source;
    (*number, lineage, version, &destination.path, destination.endpoint.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{self, example};
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn plan(changes: Value) -> Plan {
        let mut policy = example::policy();
        example::with_regions(&mut policy);
        plan::resolve(&example::claim("prod", changes), &policy).unwrap()
    }

    fn west() -> Plan {
        plan(json!({"disasterRecovery": {"region": "west"}}))
    }

    fn serves(plan: Plan) -> Record {
        Record { was_ready: true, ..Record::of(Generation::first("u-1", plan)) }
    }

    /// By number, what becomes of each beside the one that serves.
    fn fates(record: &Record) -> Vec<(u32, bool)> {
        record.beside.iter().map(|it| (it.generation.number, it.fate == Fate::Standby)).collect()
    }

    #[test]
    fn it_begins_with_the_first_backup_and_stays() {
        let new = Record { was_ready: false, ..serves(west()) };
        assert_eq!((is_missing(&new), fates(&advanced(new, true))), (false, vec![]), "nothing serves");
        assert_eq!((is_missing(&serves(west())), fates(&advanced(serves(west()), false))), (true, vec![]));
        let record = advanced(serves(west()), true);
        assert_eq!((fates(&record), is_missing(&record)), (vec![(2, true)], false));
        let standby = record.standby().unwrap();
        let source = standby.source.clone().unwrap();
        assert_eq!((source.number, source.generation(), source.point_in_time), (1, "orders".into(), None));
        assert_eq!((standby.name(), standby.lineage.as_str(), standby.standby), ("orders-g2".into(), "u-1", true));
        let mut larger = record.clone();
        larger.serving.plan.terms.replicas = 5;
        larger.serving.plan.terms.backup.as_mut().unwrap().retention = "60d".into();
        let larger = advanced(larger, false);
        let terms = &larger.standby().unwrap().plan.terms;
        assert_eq!((fates(&larger), terms.replicas), (vec![(2, true)], 5), "it grows with what it follows");
        assert_eq!(terms.backup.as_ref().unwrap().retention, "60d");
        assert_eq!(advanced(record.clone(), true), record, "the same again");
    }

    #[test]
    fn another_place_or_another_history_is_another_one() {
        let record = advanced(serves(west()), true);
        let to = |change: &dyn Fn(&mut Record)| {
            let mut changed = record.clone();
            change(&mut changed);
            let released = advanced(changed.clone(), false);
            (fates(&released), fates(&advanced(released, true)))
        };
        let east = plan(json!({"disasterRecovery": {"region": "east"}}));
        let other = (vec![(2, false)], vec![(2, false), (3, true)]);
        assert_eq!(to(&|record| record.serving.plan = east.clone()), other, "another region");
        assert_eq!(
            to(&|record| record.serving.number = 7),
            (vec![(2, false)], vec![(2, false), (8, true)]),
            "a restore"
        );
        let moved = |record: &mut Record| {
            record.serving.plan.terms.backup.as_mut().unwrap().destination.path = "s3://elsewhere/databases".into();
        };
        assert_eq!(to(&moved), other, "another archive");
        let none = |record: &mut Record| record.serving.plan.terms.standby = None;
        assert_eq!(to(&none), (vec![(2, false)], vec![(2, false)]), "none");
    }
}
