//! The other databases of a namespace, for its quota. In: the request's answers. Out: whether there is room, or why not.
//! Asks only where the answer matters; must not guess: what was not answered yet is not nothing.

use super::ask;
use super::evidence::read_record;
use crate::api::plan::Plan;
use crate::api::problem::{Problem, Problems};
use crate::api::record::{self, ENVIRONMENT};
use crate::observed::{Answer, Observed, Question};
use crate::operators::name_of;
use crate::plan::quota::{self, Quota};
use crate::wire::{Object, Response};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    NotAsked,
    Enough,
}

/// Whether what is wanted fits. Records are counted, not claims: the function alone writes them, and they say what runs.
pub fn room(
    response: &mut Response,
    observed: &Observed,
    quota: &Quota,
    from: Option<&Plan>,
    to: &Plan,
) -> Result<Room, Problems> {
    if !quota::grows(quota, from, to) {
        return Ok(Room::Enough);
    }
    let question = question(to);
    ask(response, &question);
    if observed.objects(&question) == Answer::NotAsked {
        return Ok(Room::NotAsked);
    }
    quota::check(quota, from, to, &others(observed, to)?).map(|()| Room::Enough)
}

/// The records of the same environment.
fn question(to: &Plan) -> Question {
    let label = name_of(&to.terms.environment);
    let (namespace, _) = to.terms.database.identity();
    Question::by_labels(crate::api::API_VERSION, record::KIND, namespace, &[(ENVIRONMENT, &label)])
}

/// All but the database itself.
fn others(observed: &Observed, to: &Plan) -> Result<Vec<Plan>, Problems> {
    let records = match observed.objects(&question(to)) {
        Answer::NotAsked | Answer::Nothing => &[],
        Answer::Found(records) => records,
    };
    let name = Some(to.terms.database.identity().1);
    let others = records.iter().filter(|record| record.text("record", &["metadata", "name"]).ok().flatten() != name);
    others.map(plan).collect::<Result<_, _>>().map_err(|problem| Problems(vec![problem]))
}

/// The same where the new one comes to stand beside what runs.
pub fn room_beside(
    response: &mut Response,
    observed: &Observed,
    quota: &Quota,
    runs: &Plan,
    to: &Plan,
) -> Result<Room, Problems> {
    // As a database of its own; the one that runs is another then.
    match room(response, observed, quota, None, to)? {
        Room::NotAsked => Ok(Room::NotAsked),
        Room::Enough if !quota::grows(quota, None, to) => Ok(Room::Enough),
        Room::Enough => {
            let mut others = others(observed, to)?;
            let mut runs = runs.clone();
            // Two of the same name would be counted as one.
            runs.terms.database = runs.terms.database.at_home();
            runs.terms.database.name.push_str(" as it runs");
            others.push(runs);
            quota::check(quota, None, to, &others).map(|()| Room::Enough)
        }
    }
}

/// What cannot be read cannot be counted, and is not counted as nothing.
fn plan(record: &Object) -> Result<Plan, Problem> {
    read_record(record).map(|record| record.spec.serving.plan).map_err(|why| {
        let name = record.text("record", &["metadata", "name"]).ok().flatten().unwrap_or("?");
        let wrong = format!("what the other databases use is not known: the record {name} cannot be used: {why}");
        Problem::new("spec", wrong, "take back what grows, or have the platform team restore it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::input::Limits;
    use crate::plan::example;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn a_restore_needs_room_for_two() {
        let plan = example::plan("dev", json!({"replicas": 2, "backup": {"enabled": false}}));
        let found = BTreeMap::from([(question(&plan).name(), vec![])]);
        let observed = Observed { found, ..Observed::default() };
        let room = |databases: u32| {
            let namespace = Limits { databases: Some(databases), ..Limits::default() };
            let quota = Quota { namespace, ..Quota::default() };
            room_beside(&mut Response::default(), &observed, &quota, &plan, &plan)
        };
        assert_eq!(room(2), Ok(Room::Enough));
        let refused = room(1).unwrap_err().to_string();
        assert!(refused.contains("orders as it runs"), "{refused}");
    }
}
