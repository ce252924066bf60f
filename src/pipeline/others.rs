//! The other databases of a namespace, for its quota. In: the request's answers. Out: whether there is room, or why not.
//! Asks only where the answer matters; must not guess: what was not answered yet is not nothing.

use super::ask;
use super::production_approval::read_record;
use crate::api::plan::{DatabaseName, Plan, Terms};
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
    let Terms { database: DatabaseName { namespace, name, .. }, environment, .. } = &to.terms;
    let label = name_of(environment);
    let question = Question::by_labels(crate::api::API_VERSION, record::KIND, namespace, &[(ENVIRONMENT, &label)]);
    ask(response, &question);
    let records = match observed.objects(&question) {
        Answer::NotAsked => return Ok(Room::NotAsked),
        Answer::Nothing => &[],
        Answer::Found(records) => records,
    };
    let beside = |record: &&Object| record.text("record", &["metadata", "name"]).ok().flatten() != Some(name);
    let others: Result<Vec<Plan>, Problem> = records.iter().filter(beside).map(plan).collect();
    let others = others.map_err(|problem| Problems(vec![problem]))?;
    quota::check(quota, from, to, &others).map(|()| Room::Enough)
}

/// What cannot be read cannot be counted, and is not counted as nothing.
fn plan(record: &Object) -> Result<Plan, Problem> {
    read_record(record).map(|record| record.spec.serving.plan).map_err(|why| {
        let name = record.text("record", &["metadata", "name"]).ok().flatten().unwrap_or("?");
        let wrong = format!("what the other databases use is not known: the record {name} cannot be used: {why}");
        Problem::new("spec", wrong, "take back what grows, or have the platform team restore it")
    })
}
