//! One life. In: a world in which nothing is, what is lived through, the Composition that comes one day. Out: what each stage
//! of it cost, and how it ends. Must not know whose life it is.

use super::Role;
use crate::render::Composition;
use crate::simulate::{Counts, Id, QUIET, Refused, Waits, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A Saturday evening, so that what waits for the usual window, and the backups of a night, come soon.
pub const START: &str = "2026-01-03T18:00:00Z";
/// From the evening to the next morning.
const NIGHT: SignedDuration = SignedDuration::from_hours(14);
/// Nothing is watched for longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// What happens to a database, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Created,
    Edited,
    /// A revision of the Composition that is not for it: Crossplane runs it all the same.
    Passed,
    /// The revision that is.
    Upgraded,
    /// What came by itself until morning: windows, backups, what was asked for again.
    Night,
}

impl Stage {
    pub const ALL: [Stage; 5] = [Stage::Created, Stage::Edited, Stage::Passed, Stage::Upgraded, Stage::Night];

    pub fn words(self) -> &'static str {
        match self {
            Stage::Created => "created",
            Stage::Edited => "edited",
            Stage::Passed => "a revision for others",
            Stage::Upgraded => "upgraded",
            Stage::Night => "a night, its windows and backups",
        }
    }
}

/// What came of a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Played {
    pub counts: Counts,
    /// Until nothing changed any more, by the clock of the stand-ins.
    pub took: SignedDuration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// None: it did not come to that.
    pub stages: Vec<(Stage, Played)>,
    /// At the end.
    pub phase: String,
    /// Whether the claim as it is has a mistake, and the one before goes on.
    pub mistaken: bool,
    /// Whether something waits for an approval.
    pub waits: bool,
    /// After how long the function wants to see it again.
    pub asks_again: Option<SignedDuration>,
}

/// `empty`: a world in which only the Composition is, at the time to begin.
///
/// # Errors
/// What the API server would refuse of the claim or its edit.
pub fn play(empty: &World, next: &Composition, role: &Role) -> Result<Life, Refused> {
    let mut world = empty.clone();
    let (now, morning) = (world.composition.clone(), world.now() + NIGHT);
    world.hand_out_keys(super::NAMESPACE);
    let before = world.counts.clone();
    let database = world.apply(&role.claim)?;
    let mut stages = vec![(Stage::Created, rest(&mut world, &database, role.agreed.0, &before))];
    if let Some(edited) = &role.edited {
        let before = world.counts.clone();
        world.apply(edited)?;
        stages.push((Stage::Edited, rest(&mut world, &database, role.agreed.0 && role.agreed.1, &before)));
    }
    for (stage, composition) in [(Stage::Passed, &now), (Stage::Upgraded, next)] {
        let before = world.counts.clone();
        world.install(composition.clone());
        stages.push((stage, rest(&mut world, &database, false, &before)));
    }
    let before = world.counts.clone();
    while world.step(morning) {}
    stages.push((Stage::Night, Played { counts: world.counts.since(&before), took: SignedDuration::ZERO }));
    let status = status(&world, &database);
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mistaken = conditions.clone().any(|it| it["type"] == "Validated" && it["reason"] == "Invalid");
    let waits = !status["approval"][Waits::Change.field()].is_null();
    let phase = status["phase"].as_str().unwrap_or("none").into();
    Ok(Life { stages, phase, mistaken, waits, asks_again: world.asks_again() })
}

/// Until the status changes no more. What is only looked at again and again is not counted.
fn rest(world: &mut World, database: &Id, agrees: bool, before: &Counts) -> Played {
    let start = world.now();
    let (mut settled, mut counts, mut seen) = (start, world.counts.clone(), status(world, database));
    loop {
        if agrees {
            world.agree(database, Waits::Change);
        }
        let now = status(world, database);
        if now != seen {
            (settled, counts, seen) = (world.now(), world.counts.clone(), now);
        }
        let end: Timestamp = (settled + QUIET).min(start + LONGEST);
        if !world.step(end) {
            return Played { counts: counts.since(before), took: settled.duration_since(start) };
        }
    }
}

fn status(world: &World, database: &Id) -> Value {
    world.get(database).map(|value| value["status"].clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::claim::{Engine, Environment};
    use crate::plan::example::policy;
    use crate::simulate::fleet::changes;
    use serde_json::json;

    /// What a database of CloudNativePG lives through.
    fn life(environment: Environment, edit: Option<Value>, agreed: (bool, bool)) -> Life {
        let text = include_str!("../../../compositions/database.yaml");
        let composition = Composition::read(&serde_saphyr::from_str(text).unwrap()).unwrap();
        let empty = World::new(composition.clone(), START.parse().unwrap()).unwrap();
        let next = changes::patch_releases(&composition, &policy());
        let size = if environment == Environment::Prod { "medium" } else { "small" };
        let claim = json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database", "metadata": {"namespace": "fleet", "name": "orders"},
            "spec": {"name": "orders", "environment": environment, "size": size, "storage": "20Gi"},
        });
        let edited = edit.map(|edit| {
            let mut edited = claim.clone();
            edited["spec"]["size"] = edit;
            edited
        });
        let engine = Engine::Postgresql;
        play(&empty, &next, &Role { environment, engine, claim, edited, agreed, databases: 1 }).unwrap()
    }

    fn stage(life: &Life, wanted: Stage) -> &Played {
        life.stages.iter().find(|(stage, _)| *stage == wanted).map(|(_, played)| played).unwrap()
    }

    #[test]
    fn a_revision_for_others_is_one_reconcile_and_the_own_one_is_more() {
        let life = life(Environment::Dev, None, (true, true));
        assert_eq!((life.phase.as_str(), life.mistaken, life.waits), ("Ready", false, false));
        let passed = &stage(&life, Stage::Passed).counts;
        assert_eq!((passed.reconciles, &passed.calls, passed.events), (1, &vec![1; 5], 0), "{passed:?}");
        assert!(stage(&life, Stage::Upgraded).counts.reconciles > 1, "its members restart at once");
        assert!(stage(&life, Stage::Created).took > SignedDuration::from_secs(10));
    }

    #[test]
    fn a_claim_with_a_mistake_is_not_upgraded() {
        let life = life(Environment::Dev, Some("enormous".into()), (true, true));
        assert_eq!((life.phase.as_str(), life.mistaken, life.waits), ("Ready", true, false));
        assert_eq!(stage(&life, Stage::Upgraded).counts.reconciles, 1, "what was applied goes on");
    }

    #[test]
    fn production_waits_for_people_and_for_its_window() {
        let alone = life(Environment::Prod, None, (false, true));
        assert_eq!((alone.phase.as_str(), alone.waits), ("AwaitingApproval", true));
        assert!(alone.asks_again.is_some_and(|again| again <= SignedDuration::from_mins(1)));
        let agreed = life(Environment::Prod, Some("large".into()), (true, true));
        assert_eq!((agreed.phase.as_str(), agreed.waits, agreed.mistaken), ("Ready", false, false));
        let (upgraded, night) = (stage(&agreed, Stage::Upgraded), stage(&agreed, Stage::Night));
        assert!(upgraded.counts.reconciles < night.counts.reconciles, "it comes in the window: {agreed:?}");
    }
}
