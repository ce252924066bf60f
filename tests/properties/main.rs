//! What holds whatever is observed: properties over arbitrary damage to a running production database.
//!
//! `PROPTEST_CASES=10000 cargo test --test properties` looks longer.
#![cfg(test)]

#[path = "../support/cases.rs"]
mod cases;
mod crossplane;
mod versions;
mod world;

use cases::cases;
use crossplane::answer;
use function_database::render::Rendered;
use function_database::wire::{Object, proto};
use pretty_assertions::assert_eq;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use serde_json::{Value, json};
use std::sync::LazyLock;
use world::{Damage, STATEFUL, World, damage, heavy_damage, json, key, replace};

static READY: LazyLock<World> = LazyLock::new(World::ready);
/// What runs, as it was approved.
static RUNS: LazyLock<Value> = LazyLock::new(|| by_key(&READY.run(), "cluster").expect("it runs").clone());

fn by_key<'a>(rendered: &'a Rendered, wanted: &str) -> Option<&'a Value> {
    rendered.resources.iter().find(|resource| key(resource) == wanted)
}

/// Everything that decides whether it is the same data: kind, name, namespace.
fn identity(value: &Value) -> String {
    let group = value["apiVersion"].as_str().unwrap_or_default().split('/').next().unwrap_or_default().to_owned();
    format!("{group} {} {} {}", value["kind"], value["metadata"]["namespace"], value["metadata"]["name"])
}

fn bytes_of_data(value: &Value) -> Option<u64> {
    value["metadata"]["annotations"][STATEFUL].as_str().map(|mark| mark.parse().unwrap_or(0))
}

/// Crossplane deletes what is observed and not desired, and replaces what is desired under another name.
fn nothing_is_lost(world: &World, rendered: &Rendered) {
    if rendered.fatal.is_some() {
        return;
    }
    for observed in &world.observed {
        let Some(bytes) = bytes_of_data(observed) else { continue };
        let desired = by_key(rendered, key(observed)).unwrap_or_else(|| panic!("{} is deleted", key(observed)));
        assert_eq!(identity(observed), identity(desired));
        assert!(bytes_of_data(desired).unwrap_or(0) >= bytes, "{} shrinks", key(observed));
    }
}

/// Whoever protects the data protects it for as long as it is there.
fn protection_stays(world: &World, rendered: &Rendered) {
    let there = |wanted: &str| world.observed.iter().any(|observed| key(observed) == wanted);
    if rendered.fatal.is_some() || !there("cluster") {
        return;
    }
    for usage in ["usage", "usage-data"] {
        assert!(!there(usage) || by_key(rendered, usage).is_some(), "{usage} is deleted while the data is there");
    }
}

fn runs_as_approved(rendered: &Rendered) {
    if let Some(cluster) = by_key(rendered, "cluster") {
        assert_eq!(cluster["spec"], RUNS["spec"]);
        assert_eq!(identity(cluster), identity(&RUNS));
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_runs_is_what_was_approved_and_nothing_is_lost(damage in damage()) {
        let world = READY.after(&damage);
        let rendered = world.run();
        nothing_is_lost(&world, &rendered);
        protection_stays(&world, &rendered);
        runs_as_approved(&rendered);
    }

    #[test]
    fn nothing_is_lost_whatever_stands_there(mut damage in heavy_damage()) {
        // Who compares what stands there with what is desired is the guard: without it, nobody has forged what stands there.
        if !READY.after(&damage).composition.steps.iter().any(|step| step.name == "report") {
            damage.retain(|damage| !matches!(damage, Damage::Garbled { .. }));
        }
        let world = READY.after(&damage);
        nothing_is_lost(&world, &world.run());
    }

    /// No approval, and nothing exists: whatever else is claimed or forged, nothing of it runs.
    #[test]
    fn nothing_begins_without_an_approval(damage in damage(), status in json(), approval in json(), place in any::<Index>()) {
        let mut world = World { observed: vec![], ..READY.clone() };
        world.claim["status"] = status;
        let approval_of_it = world.cluster.iter().find(|document| document["kind"] == "DatabaseApproval");
        let digest = approval_of_it.unwrap()["spec"]["digest"].clone();
        // An approval that is not quite the right one.
        for document in world.cluster.iter_mut().filter(|document| document["kind"] == "DatabaseApproval") {
            let before = document.clone();
            replace(&mut document["spec"], place, &approval);
            let same = ["database", "operation", "digest", "decision", "approver", "expires"];
            if same.iter().all(|field| document["spec"][field] == before["spec"][field]) {
                *document = Value::Null;
            }
        }
        let world = world.after(&damage);
        let rendered = world.run();
        let allowed = |resource: &Value| bytes_of_data(resource).is_none() && resource["kind"] != "DatabaseRecord";
        let approved = world.cluster.iter().any(|document| {
            let spec = &document["spec"];
            let known = json!({"database": spec["database"], "operation": spec["operation"], "digest": spec["digest"],
                "decision": spec["decision"]});
            document["kind"] == "DatabaseApproval" && known == json!({"database": "orders", "operation": "Create",
                "digest": digest, "decision": "Approved"})
        });
        if !approved && world.claim["spec"]["environment"] == "prod" {
            prop_assert!(rendered.resources.iter().all(allowed), "{:?}", rendered.resources);
        }
    }

    /// Status that users can write is never proof.
    #[test]
    fn a_forged_status_changes_nothing(damage in damage(), status in json()) {
        let world = READY.after(&damage);
        let forged = world.after(&[Damage::ForgedStatus(status)]);
        let (honest, forged) = (world.run(), forged.run());
        prop_assert_eq!(honest.fatal, forged.fatal);
        prop_assert_eq!(honest.ready, forged.ready);
        prop_assert!(honest.resources == forged.resources, "the resources differ");
    }

    /// In whatever order things are listed.
    #[test]
    fn the_order_of_lists_does_not_matter(damage in damage()) {
        let world = READY.after(&damage);
        let reversed = world.after(&[Damage::Reversed]);
        let (once, again) = (world.run(), reversed.run());
        prop_assert_eq!(once.fatal, again.fatal);
        prop_assert!(once.resources == again.resources, "the resources differ");
    }

    #[test]
    fn no_secret_leaves(damage in heavy_damage()) {
        const PASSWORD: &str = "a-password-that-is-planted";
        const ENCODED: &str = "YS1wYXNzd29yZC10aGF0LWlzLXBsYW50ZWQ=";
        let mut world = READY.clone();
        for secret in world.cluster.iter_mut().chain(&mut world.observed).filter(|value| value["kind"] == "Secret") {
            secret["data"]["password"] = ENCODED.into();
        }
        let rendered = world.after(&damage).run();
        let others: Vec<&Value> = rendered.resources.iter().filter(|value| value["kind"] != "Secret").collect();
        // Whoever puts a secret into a claim has it there: its own status and spec are not looked at.
        let said = format!(
            "{others:?} {:?} {:?} {:?} {}",
            rendered.events, rendered.conditions, rendered.fatal, rendered.composite["status"]
        );
        prop_assert!(!said.contains(PASSWORD) && !said.contains(ENCODED), "{}", said);
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// What other functions desired, put into the context or asked for goes on as it came; and the same request gives the
    /// same bytes.
    #[test]
    fn what_others_want_is_passed_on(
        resources in btree_map("other-[a-z]{1,6}", btree_map("[a-z]{1,6}", json(), 1..4), 0..4),
        context in btree_map("[a-z]{1,6}/[a-z]{1,6}", json(), 0..4),
        damage in damage(),
    ) {
        let mut world = READY.after(&damage);
        // What marks everything composed marks nothing of others.
        world.cluster.push(serde_json::json!({
            "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
            "metadata": {"name": "database-platform"}, "data": {"Integrations": {"catalog": {"ownerLabel": "team"}}},
        }));
        let others: Vec<(String, Object)> =
            resources.iter().map(|(name, fields)| (name.clone(), Object::of(fields))).collect();
        let foreign = Object::of(&context);
        crossplane::run(
            &world,
            |request| {
                let mut request = request.clone();
                let desired = request.desired.get_or_insert_default();
                for (name, object) in &others {
                    let resource = proto::Resource { resource: object.clone().into(), ready: 1, ..Default::default() };
                    desired.resources.insert(name.clone(), resource);
                }
                let earlier = Object::from(request.context.clone());
                request.context = earlier.merge(&foreign).into();
                request
            },
            |request, response| {
                let desired = response.desired.clone().unwrap_or_default();
                for (name, object) in &others {
                    let passed = &desired.resources[name];
                    assert_eq!((passed.resource.clone(), passed.ready), (object.clone().into(), 1), "{name}");
                }
                let (before, after) = (values(&request.context), values(&response.context));
                for (name, value) in before.as_object().into_iter().flatten() {
                    if !name.starts_with("db.platform.io/") {
                        assert_eq!(&after[name], value, "{name}");
                    }
                }
                let again = answer(request.clone(), world.now).encode_to_vec();
                assert_eq!(response.encode_to_vec(), again);
            },
        );
    }

    /// Any step, any bytes: an answer, and no panic.
    #[test]
    fn any_bytes_get_an_answer(changes in vec((any::<Index>(), any::<u8>(), 0..3), 1..6), damage in damage()) {
        crossplane::run(&READY.after(&damage), Clone::clone, |request, _| {
            let mut bytes = request.encode_to_vec();
            for (place, byte, change) in &changes {
                let place = place.index(bytes.len());
                match change {
                    0 => bytes.insert(place, *byte),
                    1 if bytes.len() > 1 => _ = bytes.remove(place),
                    _ => bytes[place] = *byte,
                }
            }
            if let Ok(request) = proto::RunFunctionRequest::decode(&bytes[..]) {
                answer(request, READY.now);
            }
        });
    }

    /// Any value anywhere in an input or in what an earlier step left: an answer, and a refusal that says what is wrong.
    #[test]
    fn any_document_gets_an_answer(place in any::<Index>(), value in json(), input in any::<bool>()) {
        crossplane::run(&READY, Clone::clone, |request, _| {
            let mut request = request.clone();
            let document = if input { &mut request.input } else { &mut request.context };
            let mut garbled = values(document);
            replace(&mut garbled, place, &value);
            *document = Object::of(&garbled).into();
            let response = answer(request, READY.now);
            for result in response.results.iter().filter(|result| result.severity() == proto::Severity::Fatal) {
                assert!(!result.message.is_empty() && !result.reason().is_empty(), "{result:?}");
            }
        });
    }
}

fn values(object: &[bytes::Bytes]) -> Value {
    let object = Object::from(object.to_vec());
    object.decode("document").expect("it was made of JSON")
}

/// The request as an encoder writes it that goes through maps backwards.
fn backwards(request: &proto::RunFunctionRequest) -> proto::RunFunctionRequest {
    let turn = |parts: &mut Vec<bytes::Bytes>| {
        if !parts.is_empty() {
            *parts = vec![object_backwards(&values(parts)).into()];
        }
    };
    let mut request = request.clone();
    turn(&mut request.input);
    turn(&mut request.context);
    for state in request.observed.iter_mut().chain(&mut request.desired) {
        let resources = state.composite.iter_mut().chain(state.resources.values_mut());
        resources.for_each(|resource| turn(&mut resource.resource));
    }
    for found in request.required_resources.values_mut() {
        found.items.reverse();
        found.items.iter_mut().for_each(|resource| turn(&mut resource.resource));
    }
    request
}

/// A `google.protobuf.Struct`, its last entry first.
fn object_backwards(object: &Value) -> Vec<u8> {
    let put = |number: u32, content: &[u8], bytes: &mut Vec<u8>| {
        prost::encoding::bytes::encode(number, &content.to_vec(), bytes);
    };
    let mut bytes = vec![];
    for (name, value) in object.as_object().into_iter().flatten().rev() {
        let mut entry = vec![];
        put(1, name.as_bytes(), &mut entry);
        put(2, &value_backwards(value), &mut entry);
        put(1, &entry, &mut bytes);
    }
    bytes
}

/// A `google.protobuf.Value` of such.
fn value_backwards(value: &Value) -> Vec<u8> {
    use prost_types::{Value as Wire, value::Kind};
    let leaf = |kind| Wire { kind: Some(kind) }.encode_to_vec();
    let mut bytes = vec![];
    match value {
        Value::Null => return leaf(Kind::NullValue(0)),
        Value::Bool(truth) => return leaf(Kind::BoolValue(*truth)),
        Value::Number(number) => return leaf(Kind::NumberValue(number.as_f64().unwrap())),
        Value::String(text) => return leaf(Kind::StringValue(text.clone())),
        Value::Object(_) => prost::encoding::bytes::encode(5, &object_backwards(value), &mut bytes),
        Value::Array(items) => {
            let mut list = vec![];
            items.iter().for_each(|item| prost::encoding::bytes::encode(1, &value_backwards(item), &mut list));
            prost::encoding::bytes::encode(6, &list, &mut bytes);
        }
    }
    bytes
}

/// On every operator: what the function composed, observed again, changes nothing; and neither does the order of anything.
#[test]
fn its_own_output_changes_nothing_in_whatever_order() {
    for (operator, mut world) in World::of_each_operator() {
        let once = world.run();
        assert_eq!(once.fatal, None, "{operator}");
        assert!(once.resources == world.observed, "{operator}: its own output, observed again, changes something");
        let answers = |world: &World, before: fn(&proto::RunFunctionRequest) -> proto::RunFunctionRequest| {
            let mut answers = vec![];
            crossplane::run(world, before, |_, response| answers.push(response.encode_to_vec()));
            answers
        };
        let expected = answers(&world, Clone::clone);
        assert_eq!(expected.len(), 5, "{operator}");
        // The context is merged from what came, so that only the meaning of the answers is the same.
        let meaning = |answers: Vec<Vec<u8>>| -> Vec<Value> {
            let read = |bytes: Vec<u8>| proto::RunFunctionResponse::decode(&bytes[..]).unwrap();
            let desired = |response: proto::RunFunctionResponse| {
                let resources = response.desired.unwrap_or_default().resources.into_iter();
                let resources = resources.map(|(key, resource)| (key, values(&resource.resource)));
                json!([values(&response.context), resources.collect::<serde_json::Map<_, _>>()])
            };
            answers.into_iter().map(|bytes| desired(read(bytes))).collect()
        };
        assert!(meaning(expected.clone()) == meaning(answers(&world, backwards)), "{operator}: entries backwards");
        world.observed.reverse();
        world.cluster.reverse();
        assert!(expected == answers(&world, Clone::clone), "{operator}: resources backwards");
    }
}

/// A step that Crossplane runs once more, with what it left itself, leaves the same.
#[test]
fn a_step_that_runs_twice_leaves_the_same() {
    let once = READY.run();
    for step in 0..READY.composition.steps.len() {
        let mut world = READY.clone();
        world.composition.steps.insert(step, world.composition.steps[step].clone());
        let twice = world.run();
        assert_eq!(twice.fatal, None, "step {step}");
        assert!(once.resources == twice.resources, "step {step}");
        assert_eq!(once.conditions, twice.conditions, "step {step}");
    }
}

/// Whether the reconcile came to its end; if it did, the data goes on as it was approved.
fn what_runs_stays(
    world: &World,
    before: impl Fn(&proto::RunFunctionRequest) -> proto::RunFunctionRequest,
    what: &str,
) -> bool {
    let (mut last, mut steps) = (None, 0);
    crossplane::run(world, before, |_, response| {
        steps += 1;
        last = response.desired.clone();
    });
    if steps < world.composition.steps.len() {
        return false;
    }
    let desired = last.unwrap_or_default().resources;
    for observed in world.observed.iter().filter(|value| bytes_of_data(value).is_some()) {
        let stays = values(&desired[key(observed)].resource);
        assert_eq!((identity(&stays), &stays["spec"]), (identity(observed), &RUNS["spec"]), "{what}");
    }
    true
}

/// What an earlier step left gets lost on the way, whole, by one document or in the middle: nothing is lost, nothing else runs.
#[test]
fn a_truncated_context_loses_nothing() {
    let names = ["whole", "half", "plan", "quota", "gate", "facts", "integrations", "conditions"];
    let (mut ended, mut stopped) = (0, 0);
    for at in 0..READY.composition.steps.len() {
        for what in names {
            let name = READY.composition.steps[at].name.clone();
            let before = |request: &proto::RunFunctionRequest| {
                let mut request = request.clone();
                if request.meta.as_ref().is_some_and(|meta| meta.tag == name) {
                    let context = Object::from(request.context.clone());
                    request.context = match what {
                        "whole" => vec![],
                        "half" => {
                            let bytes: bytes::Bytes = Vec::<bytes::Bytes>::from(context).concat().into();
                            vec![bytes.slice(..bytes.len() / 2)]
                        }
                        document => {
                            context.merge(&Object::of(&json!({format!("db.platform.io/{document}"): null}))).into()
                        }
                    };
                }
                request
            };
            *if what_runs_stays(&READY, before, &format!("{name} {what}")) { &mut ended } else { &mut stopped } += 1;
        }
    }
    assert!(ended > 0 && stopped > 0, "{ended} went on, {stopped} stopped");
}
