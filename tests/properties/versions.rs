//! Replicas of different releases answer the steps of one reconcile, in any mix, and a Composition is older than the function:
//! what runs stays as it was approved, or nothing is composed at all.

use crate::world::{World, key};
use crate::{READY, values, what_runs_stays};
use function_database::wire::{Object, proto::RunFunctionRequest};
use serde_json::{Value, json};

/// As another release left it: whatever stands at that place is not there, or has an entry that nobody here knows.
#[derive(Clone, Copy, Debug)]
enum Release {
    Older,
    Newer,
}

impl Release {
    /// Out: whether there is so high a place.
    fn write(self, document: &mut Value, place: usize) -> bool {
        let mut left = place;
        self.walk(document, &mut left)
    }

    fn walk(self, value: &mut Value, left: &mut usize) -> bool {
        if let Value::Object(fields) = value {
            let here = match self {
                Release::Older => fields.len(),
                Release::Newer => 1,
            };
            if *left < here {
                match self {
                    Release::Older => _ = fields.keys().nth(*left).cloned().and_then(|name| fields.remove(&name)),
                    Release::Newer => _ = fields.insert("ofAnotherRelease".into(), json!({"which": "newer"})),
                }
                return true;
            }
            *left -= here;
        }
        match value {
            // Of a plan, the notes are the release's own to write, such as what it tunes, and nobody approves them; the terms
            // grow with the schema of the record, which the step before has to know.
            Value::Object(fields) => {
                let mut inside = fields.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "notes" | "terms"));
                inside.any(|(_, field)| self.walk(field, left))
            }
            Value::Array(items) => items.iter_mut().any(|item| self.walk(item, left)),
            _ => false,
        }
    }
}

/// The request of that step, with the context as that release left it there.
fn left_by(release: Release, place: usize, step: &str, request: &RunFunctionRequest) -> RunFunctionRequest {
    let mut request = request.clone();
    if request.meta.as_ref().is_some_and(|meta| meta.tag == step) {
        let mut context = values(&request.context);
        release.write(&mut context, place);
        request.context = Object::of(&context).into();
    }
    request
}

fn places(release: Release, document: &Value) -> usize {
    (0..).find(|place| !release.write(&mut document.clone(), *place)).unwrap()
}

#[test]
fn what_another_release_left_loses_nothing() {
    let mut contexts = vec![];
    crate::crossplane::run(&READY, Clone::clone, |request, _| {
        contexts.push((request.meta.clone().unwrap_or_default().tag, values(&request.context)));
    });
    let (mut ended, mut stopped) = (0, 0);
    for (step, context) in &contexts[1..] {
        for release in [Release::Older, Release::Newer] {
            for place in 0..places(release, context) {
                let what = format!("{step} {release:?} {place}");
                match what_runs_stays(&READY, |request| left_by(release, place, step, request), &what) {
                    true => ended += 1,
                    false => stopped += 1,
                }
            }
        }
    }
    assert!(ended > 50 && stopped > 50, "{ended} went on, {stopped} stopped");
}

/// A newer release has written the record, and this one answers: of a newer schema, it composes nothing.
#[test]
fn a_newer_record_loses_nothing() {
    let at = READY.observed.iter().position(|value| key(value) == "record").unwrap();
    let mut world = READY.clone();
    let schema = world.observed[at]["spec"]["schema"].as_u64().unwrap();
    world.observed[at]["spec"]["schema"] = (schema + 1).into();
    assert!(!what_runs_stays(&world, Clone::clone, "schema"), "it composes what it cannot know");
    for place in 0..places(Release::Newer, &READY.observed[at]["spec"]) {
        let mut world = READY.clone();
        Release::Newer.write(&mut world.observed[at]["spec"], place);
        what_runs_stays(&world, Clone::clone, &format!("place {place}"));
    }
}

/// An input without what it has today: refused, or the data stays.
#[test]
fn an_older_composition_loses_nothing() {
    let mut ended = 0;
    for step in 0..READY.composition.steps.len() {
        let input: Value = READY.composition.steps[step].input.decode("input").unwrap();
        for place in 0..places(Release::Older, &input["spec"]) {
            let mut input = input.clone();
            Release::Older.write(&mut input["spec"], place);
            let mut world: World = READY.clone();
            world.composition.steps[step].input = Object::of(&input);
            let rendered = world.run();
            crate::nothing_is_lost(&world, &rendered);
            crate::protection_stays(&world, &rendered);
            ended += usize::from(rendered.fatal.is_none());
        }
    }
    assert!(ended > 10, "{ended} went on");
}
