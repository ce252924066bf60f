//! A restore, within step `production-approval`. In: what the claim asks for, the record, what Crossplane finds. Out: where the
//! data comes from, or why it cannot; how each generation is. Gathers the evidence for `gate::restore`; must not decide.

use super::evidence::{Evidence, mark, read_record};
use super::others;
use super::{ask, health};
use crate::api::claim::Restore;
use crate::api::plan::{DatabaseName, Delivery, Plan};
use crate::api::problem::{Problem, Problems};
use crate::api::record::{self, Beside, Fate, Generation, Record, Source};
use crate::gate::restore::{self, Origin, Seen};
use crate::gate::{overwrite, promotion};
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::BackupState;
use crate::operators::{self, BackupRun, GENERATION, LINEAGE, Restores, STATEFUL, State, VERSION, rotation};
use crate::wire::{Key, Object};

/// Where the data comes from; `None`: Crossplane has not answered yet.
pub fn origin(
    evidence: &mut Evidence,
    record: Option<&Record>,
    plan: &Plan,
    restore: &Restore,
) -> Result<Option<Origin>, Problems> {
    if let Some(kept) = kept(record, restore) {
        if restore.in_place {
            let wrong = format!("{} served before, and sleeps as it was left", kept.name());
            let problem =
                Problem::new("spec.restore.inPlace", wrong, "leave it out: it serves again in place of what runs");
            return Err(Problems(vec![problem]));
        }
        if record.is_some_and(|record| record.serving.place != kept.place) {
            let wrong =
                format!("{} served in {}, and a restore moves nothing", kept.name(), kept.plan.terms.delivery.place());
            let right = "leave it out; to go back there, ask for a standby there in spec.disasterRecovery.region, and promote it";
            return Err(Problems(vec![Problem::new("spec.restore.backup", wrong, right)]));
        }
        return Ok(Some(Origin::Kept(kept.number)));
    }
    let (from, recoverable) = match whose(evidence, record, plan, restore)? {
        None => return Ok(None),
        Some(found) => found,
    };
    let problems = restore::problems(restore, plan, &from.plan, recoverable.as_deref(), evidence.now);
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let Some(mut source) = Source::of(&from, None, restore.point_in_time.clone()) else { return Ok(None) };
    let features = operators::of(plan.terms.operator).features();
    if restore.backup.is_none() && (restore.in_place || features.restore == Restores::Backup) {
        let Some(newest) = newest(evidence, &from, restore)? else { return Ok(None) };
        source.backup = Some(newest);
    }
    if let Some(name) = &restore.backup {
        let Some(found) = backup(evidence, plan, &source.namespace, name)? else { return Ok(None) };
        let operator = operators::of(plan.terms.operator);
        let problem =
            |wrong: &str, right| Problems(vec![Problem::new("spec.restore.backup", format!("{name} {wrong}"), right)]);
        let id = operator.backup_id(&found);
        source.backup = Some(id.map_err(|wrong| problem(&wrong, "write the name of one that is complete"))?);
        // A backup that was made for a generation says for which.
        let text = |annotation| mark(&found, annotation).map(String::from);
        source.lineage = text(LINEAGE).unwrap_or(source.lineage);
        source.version = text(VERSION).unwrap_or(source.version);
        // The engine itself would refuse it, once the data is half gone.
        if restore.in_place && source.version != plan.terms.version {
            let wrong = format!("is of version {}, and {} runs", source.version, plan.terms.version);
            return Err(problem(&wrong, "write the name of a newer one, or leave inPlace out"));
        }
        source.number = text(GENERATION).and_then(|number| number.parse().ok()).unwrap_or(source.number);
        if let Some(of) = operator.backup_of(&found) {
            let wrong = format!("is a backup of {of}, not of {}", source.name);
            let other = || problem(&wrong, "write the name of one of its own");
            source.number = record::number_of(&source.name, of).ok_or_else(other)?;
        }
    }
    Ok(Some(Origin::Backup(Box::new(source))))
}

/// What a restore calls the newest backup that will do; `None`: Crossplane has not answered yet.
pub fn newest(evidence: &mut Evidence, from: &Generation, restore: &Restore) -> Result<Option<String>, Problems> {
    let terms = &from.plan.terms;
    let problem = |wrong: String, right| Problems(vec![Problem::new("spec.restore", wrong, right)]);
    let (_, name) = terms.database.identity();
    if terms.delivery != Delivery::Direct {
        let wrong = format!("the backups of {name} are in another cluster, where nobody can look for the newest");
        return Err(problem(wrong, "leave it out"));
    }
    let operator = operators::of(terms.operator);
    operator.requirements(from).iter().for_each(|question| ask(&mut evidence.response, question));
    let made = match operator.backups(from, &evidence.observed) {
        Ok(Answer::NotAsked) => return Ok(None),
        Ok(Answer::Nothing) => vec![],
        Ok(Answer::Found(made)) => made,
        Err(why) => return Err(problem(format!("the backups of {name} cannot be read: {why}"), "try it later")),
    };
    match restore::newest(&made, restore) {
        Some(newest) => Ok(newest.id.clone()),
        None => {
            let before = restore.point_in_time.as_ref().map(|moment| format!(" from before {moment}"));
            let wrong = format!("{name} has no backup of its schedule{}", before.unwrap_or_default());
            Err(problem(wrong, "write the name of one in spec.restore.backup, or wait for the first"))
        }
    }
}

/// When the backup that a restore begins with was whole, as far as the operator lists it.
pub fn completed(from: &Generation, origin: &Origin, observed: &Observed) -> Option<String> {
    let Origin::Backup(source) = origin else { return None };
    let Ok(Answer::Found(made)) = operators::of(from.plan.terms.operator).backups(from, observed) else { return None };
    made.into_iter().find(|made| made.id.is_some() && made.id == source.backup)?.completed
}

/// A restore over the data that serves, a step further: by what a run before has remembered.
pub fn overwritten(evidence: &Evidence, record: Record, wanted: Option<&Plan>) -> Record {
    let record = overwrite::accepted(record, wanted);
    let Some(overwrite) = &record.serving.overwrite else { return record };
    let operator = operators::of(record.serving.plan.terms.operator);
    let restore = evidence.observed.composed.get(&Key(record.serving.key(&overwrite.part())));
    // What cannot be read is there.
    let run = restore.map(|restore| operator.overwrites(restore).unwrap_or(BackupRun::Running));
    overwrite::advanced(record, run)
}

/// What served before, if it is that which is asked for.
fn kept<'a>(record: Option<&'a Record>, restore: &Restore) -> Option<&'a Generation> {
    let asked = |beside: &&Beside| {
        let kept = matches!(beside.fate, Fate::Kept { .. });
        kept && restore.backup.as_deref() == Some(beside.generation.name().as_str())
    };
    let own = restore.database.is_none() && restore.namespace.is_none();
    let found = record.filter(|_| own)?.beside.iter().find(asked)?;
    Some(&found.generation)
}

/// The generation that was backed up, and the earliest moment that can be restored where that is known.
fn whose(
    evidence: &mut Evidence,
    record: Option<&Record>,
    plan: &Plan,
    restore: &Restore,
) -> Result<Option<(Generation, Option<String>)>, Problems> {
    let from = restore::whose(restore, &plan.terms.database).map_err(|problem| Problems(vec![problem]))?;
    if let Some(record) = record.filter(|_| from == evidence.composite.identity()) {
        let Evidence { response, observed, .. } = evidence;
        let first = health(response, &record.serving, observed).backup.first_recoverable;
        return Ok(Some((record.serving.clone(), first)));
    }
    let question = Question::by_name(crate::api::API_VERSION, record::KIND, from.0, from.1);
    let from = (from.0.to_string(), from.1.to_string());
    ask(&mut evidence.response, &question);
    let found = match evidence.observed.objects(&question) {
        Answer::NotAsked => return Ok(None),
        Answer::Found([found, ..]) => found.clone(),
        Answer::Nothing | Answer::Found([]) => return left(evidence, plan, restore, from),
    };
    let problem = |why| Problems(vec![Problem::new("spec.restore.database", why, "have the platform team restore it")]);
    let record =
        read_record(&found).map_err(|why| problem(format!("the record of {} cannot be used: {why}", from.1)))?;
    Ok(Some((record.spec.serving, None)))
}

/// A database that is gone, of which a backup is left: what that says of itself, and the plan's own for the rest.
fn left(
    evidence: &mut Evidence,
    plan: &Plan,
    restore: &Restore,
    (namespace, name): (String, String),
) -> Result<Option<(Generation, Option<String>)>, Problems> {
    let Some(backup_name) = &restore.backup else {
        let wrong = format!("there is no database {name} in {namespace}");
        let right = "write the name of one, or of a backup that is left in spec.restore.backup";
        return Err(Problems(vec![Problem::new("spec.restore.database", wrong, right)]));
    };
    let Some(found) = backup(evidence, plan, &namespace, backup_name)? else { return Ok(None) };
    let Some(lineage) = mark(&found, LINEAGE).map(String::from) else {
        let wrong = format!("{backup_name} does not say which database it is of");
        return Err(Problems(vec![Problem::new("spec.restore.backup", wrong, "write the name of a last backup")]));
    };
    let mut generation = Generation::first(lineage, plan.clone());
    let own = &plan.terms.database;
    // It stood where this one does.
    let stands = own.claim.as_ref().map(|_| own.namespace.as_str());
    generation.plan.terms.database = DatabaseName::new(namespace, name, own.inside.clone()).placed(stands);
    Ok(Some((generation, None)))
}

/// The operator's own object of this name; `None`: Crossplane has not answered yet.
fn backup(evidence: &mut Evidence, plan: &Plan, namespace: &str, name: &str) -> Result<Option<Object>, Problems> {
    let operator = operators::of(plan.terms.operator);
    let missing = |wrong: String| {
        Problems(vec![Problem::new(
            "spec.restore.backup",
            wrong,
            "write the name of one that there is, or leave it out",
        )])
    };
    let Some((api_version, kind)) = operator.backup_kind() else {
        return Err(missing("the operator lists no backups".into()));
    };
    let question = Question::by_name(api_version, kind, namespace, name);
    ask(&mut evidence.response, &question);
    match evidence.observed.objects(&question) {
        Answer::NotAsked => Ok(None),
        Answer::Found([found, ..]) => Ok(Some(found.clone())),
        Answer::Nothing | Answer::Found([]) => Err(missing(format!("there is no {kind} {name} in {namespace}"))),
    }
}

/// How a generation is, as it is composed now: the serving one as if it were to sleep.
pub fn seen(evidence: &mut Evidence, generation: &Generation) -> Seen {
    let Evidence { response, observed, .. } = evidence;
    let mut sleeping = generation.clone();
    sleeping.plan.terms.lifecycle.hibernated = true;
    sleeping.overwrite = None;
    let mut awake = generation.clone();
    awake.plan.terms.lifecycle.hibernated = false;
    let data = operators::of(generation.plan.terms.operator).data(generation);
    let awake = health(response, &awake, observed);
    Seen {
        ready: awake.state == State::Ready && rotation::works(generation, observed),
        stands: promotion::can_serve(&awake.state, true),
        archives: awake.backup.archive == BackupState::AsPlanned,
        asleep: health(response, &sleeping, observed).state == State::Hibernated,
        holds_data: data
            .iter()
            .any(|data| observed.composed.get(&data.key).is_some_and(|object| mark(object, STATEFUL).is_some())),
    }
}

/// Whether there is room for a second generation of the same size beside what runs.
pub fn room(evidence: &mut Evidence, runs: &Plan, plan: &Plan) -> Result<others::Room, Problems> {
    others::room_beside(&mut evidence.response, &evidence.observed, &evidence.quota, runs, plan)
}
