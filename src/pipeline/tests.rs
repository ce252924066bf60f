//! What a step says when the pipeline around it is wrong, and that it passes on what is not its own.

use super::documents::{Ruling, Wanted};
use super::*;
use crate::api::record::{DatabaseRecord, Record};
use crate::gate::Standing;
use crate::plan;
use crate::wire::{Context, Desired, DesiredResource, Key};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The shipped input of a step.
fn shipped(step: Step) -> Object {
    let composition: Value = serde_saphyr::from_str(include_str!("../../compositions/database.yaml")).unwrap();
    let steps = composition["spec"]["pipeline"].as_array().unwrap();
    let found = steps.iter().find(|entry| entry["input"]["kind"] == step.kind()).unwrap();
    assert_eq!(found["step"], step.name(), "messages name the shipped steps");
    Object::of(&found["input"])
}

fn request(input: Option<Object>) -> Request {
    Request {
        tag: "tag".into(),
        input,
        composite: Object::of(&json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database",
            "metadata": {"name": "orders", "namespace": "checkout", "uid": "u-1"},
            "spec": {"name": "orders", "environment": "dev", "size": "small", "storage": "10Gi"},
        })),
        ..Request::default()
    }
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn fatal(request: &Request) -> String {
    let response = run(request, now());
    assert_eq!(response.desired, request.desired, "nothing is lost on the way");
    match response.events.as_slice() {
        [Event { severity: Severity::Fatal, message, .. }] => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_input_that_is_none_of_ours_is_named() {
    let cases = [
        (None, "this step has no input; give it one of apiVersion fn.db.platform.io/v1 in the Composition"),
        (
            Some(json!({"apiVersion": "fn.db.platform.io/v1", "kind": "Resources"})),
            "this function knows no input \"fn.db.platform.io/v1 Resources\"; write apiVersion fn.db.platform.io/v1 and kind \
             TierDefaults, ApprovalGate, Engines, Integrations or Report",
        ),
        (
            Some(json!({"apiVersion": "pt.fn.crossplane.io/v1beta1", "kind": "Resources"})),
            "this function knows no input \"pt.fn.crossplane.io/v1beta1 Resources\"; write apiVersion fn.db.platform.io/v1 \
             and kind TierDefaults, ApprovalGate, Engines, Integrations or Report",
        ),
        (
            Some(json!({"apiVersion": "fn.db.platform.io/v1", "kind": "ApprovalGate", "spec": {"approvers": "two"}})),
            "step production-approval: its input is wrong: ApprovalGate.spec.approvers: is a text, not a whole \
             number from 0; correct the Composition or the EnvironmentConfig database-platform",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(fatal(&request(input.as_ref().map(Object::of))), expected);
    }
}

#[test]
fn a_step_without_its_predecessor_says_which_one() {
    let cases = [
        (Step::ApprovalGate, "db.platform.io/plan", "tier-defaults"),
        (Step::Engines, "db.platform.io/gate", "production-approval"),
        (Step::Integrations, "db.platform.io/gate", "production-approval"),
        (Step::Report, "db.platform.io/gate", "production-approval"),
    ];
    for (step, document, writer) in cases {
        let expected = format!("step {}: the context has no {document}; put the step {writer} before it", step.name());
        assert_eq!(fatal(&request(Some(shipped(step)))), expected);
    }
}

#[test]
fn a_mistake_in_the_table_of_another_engine_stops_no_claim_of_this_one() {
    let broken = |table: &str, row: &str| {
        let wrong = Object::of(&json!({"spec": {table: {row: {"surprise": 1}}}}));
        request(Some(shipped(Step::TierDefaults).merge(&wrong)))
    };
    for (table, row) in [("engines", "mysql"), ("environments", "prod")] {
        let response = run(&broken(table, row), now());
        let said = Conditions::find(&response.context).unwrap().unwrap();
        assert_eq!(said.0[0].status, Truth::True, "{said:?}");
    }
    for (table, row) in [("engines", "postgresql"), ("environments", "dev")] {
        let message = fatal(&broken(table, row));
        assert!(message.contains(&format!("TierDefaults.spec.{table}.{row}")), "{message}");
    }
    // And whoever asks for what there is not hears of all there is.
    let offered = json!({"spec": {"environments": {"dev": {"engines": {"redis": {"offered": false}}}}}});
    let mut request = request(Some(shipped(Step::TierDefaults).merge(&Object::of(&offered))));
    request.composite = request.composite.merge(&Object::of(&json!({"spec": {"engine": "redis"}})));
    let said = Conditions::find(&run(&request, now()).context).unwrap().unwrap();
    let message = said.0[0].message.as_ref().unwrap();
    assert!(message.contains("write one of postgresql, mysql, mongodb"), "{message}");
}

/// A step that somebody took out of the Composition would otherwise have its resources deleted.
#[test]
fn a_pipeline_without_a_step_is_refused() {
    let cases = [
        (Step::TierDefaults, "the context has no db.platform.io/plan; put the step tier-defaults before it"),
        (Step::ApprovalGate, "the context has no db.platform.io/gate; put the step production-approval before it"),
        (Step::Engines, "the context has no db.platform.io/facts; put the step compose-engine before it"),
        (Step::Integrations, "the context has no db.platform.io/integrations; put the step integrate before it"),
    ];
    for (without, expected) in cases {
        let mut context = Context::default();
        let mut said = vec![];
        for step in Step::ALL.into_iter().filter(|step| *step != without) {
            let mut request = request(Some(shipped(step)));
            request.context = context;
            request.required = everything_asked(&mut request);
            let response = run(&request, now());
            said.extend(response.events.into_iter().map(|event| event.message));
            context = response.context;
        }
        assert!(said.first().is_some_and(|said| said.ends_with(expected)), "{without:?}: {said:?}");
    }
}

#[test]
fn a_foreign_document_is_not_guessed_at() {
    let cases = [
        (json!({}), "its version is 0, not 1"),
        (json!({"version": 2, "document": {}}), "its version is 2, not 1"),
        (json!({"version": 1, "document": {"what": 1}}), "document.what: is not allowed; write one of plan, problems"),
    ];
    for (document, why) in cases {
        let mut request = request(Some(shipped(Step::ApprovalGate)));
        request.context.set("db.platform.io/plan", Object::of(&document));
        let said = fatal(&request);
        assert!(said.starts_with("the context's db.platform.io/plan is not what step tier-defaults leaves"), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_stops_a_step_reaches_the_claim_as_a_condition() {
    let mut request = request(Some(shipped(Step::Report)));
    let said = condition(ConditionType::Validated, Truth::True, "Valid", "");
    let mut before = Response::default();
    Conditions(vec![said]).hand_on(&mut before);
    request.context = before.context;
    let response = run(&request, now());
    let [condition] = response.conditions.as_slice() else { panic!("{:?}", response.conditions) };
    assert_eq!((condition.kind.as_str(), condition.status), ("Validated", Truth::False));
    assert_eq!(condition.reason, "InvalidPipeline");
}

#[test]
fn a_namespace_that_nobody_has_made_is_said_and_holds_nothing_up() {
    let mut request = request(Some(shipped(Step::TierDefaults)));
    let access = json!({"spec": {"access": {"allowedNamespaces": ["checkout-web", "shpo"]}}});
    request.composite = request.composite.merge(&Object::of(&access));
    let said = |request: &Request| {
        let response = run(request, now());
        assert!(matches!(Wanted::find(&response.context), Ok(Some(Wanted::Plan(_)))));
        let said = Conditions::find(&response.context).unwrap().unwrap_or_default().0.remove(0);
        assert_eq!((said.kind.as_str(), said.status), ("Validated", Truth::True));
        let asked: Vec<Question> = ["checkout-web", "shpo"].into_iter().map(Question::namespace).collect();
        assert!(asked.iter().all(|question| response.requirements[&question.name()] == question.selector));
        (said.reason, said.message.unwrap_or_default())
    };
    assert_eq!(said(&request), ("Valid".into(), String::new()), "nobody has looked");
    let there = Object::of(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "checkout-web"}}));
    request.required.insert(Question::namespace("checkout-web").name(), vec![there.clone()]);
    request.required.insert(Question::namespace("shpo").name(), vec![]);
    let (reason, message) = said(&request);
    assert_eq!(reason, "NamespaceMissing");
    assert_eq!(
        message,
        "spec.access.allowedNamespaces: there is no namespace \"shpo\" yet; correct the name, or create it, and its pods may \
         connect"
    );
    request.required.insert(Question::namespace("shpo").name(), vec![there]);
    assert_eq!(said(&request), ("Valid".into(), String::new()));
}

#[test]
fn a_core_that_cannot_look_things_up_is_refused() {
    let mut request = request(Some(shipped(Step::TierDefaults)));
    request.context = run(&request, now()).context;
    request.input = Some(shipped(Step::ApprovalGate));
    request.capabilities.advertised = true;
    assert!(fatal(&request).contains("upgrade Crossplane to 2.0 or newer"));
    request.capabilities.required_resources = true;
    assert!(run(&request, now()).events.is_empty());
}

#[test]
fn what_other_functions_desired_and_said_is_passed_on() {
    let foreign =
        DesiredResource { object: Object::of(&json!({"kind": "Bucket"})), ready: Ready::True, ..Default::default() };
    let composite = DesiredResource {
        object: Object::of(&json!({"status": {"bucket": "b", "phase": "theirs"}})),
        ..Default::default()
    };
    let mut desired = Desired { composite, resources: BTreeMap::from([(Key("bucket".into()), foreign.clone())]) };
    let mut context = Context::default();
    context.set("their/document", Object::of(&json!({"a": 1})));
    for step in Step::ALL {
        let mut request = request(Some(shipped(step)));
        (request.desired, request.context) = (desired, context);
        request.required = everything_asked(&mut request);
        let response = run(&request, now());
        assert_eq!(response.events, [], "{step:?}");
        (desired, context) = (response.desired, response.context);
    }
    assert_eq!(desired.resources.get(&Key("bucket".into())), Some(&foreign));
    assert_eq!(context.get("their/document"), Some(Object::of(&json!({"a": 1}))));
    let status: Value = desired.composite.object.decode("composite").unwrap();
    assert_eq!(status["status"]["bucket"], "b", "their part of the status stays");
    assert_eq!(status["status"]["phase"], "Provisioning", "ours is ours");
}

/// An answer of "there is none" to whatever the step asks for, round by round as Crossplane does.
fn everything_asked(request: &mut Request) -> BTreeMap<String, Vec<Object>> {
    for _ in 0..5 {
        let asked = run(request, now()).requirements;
        request.required.extend(asked.into_keys().map(|name| (name, vec![])));
    }
    request.required.clone()
}

#[test]
fn the_platforms_own_values_are_laid_over_the_shipped_ones() {
    let validated = |data: Value| {
        let mut request = request(Some(shipped(Step::TierDefaults)));
        let overlay =
            json!({"apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig", "data": data});
        request.required.insert(OVERLAY.into(), vec![Object::of(&overlay)]);
        let response = run(&request, now());
        let said = Conditions::find(&response.context).unwrap().unwrap().0;
        said[0].message.clone().unwrap_or_default()
    };
    assert_eq!(validated(json!({})), "");
    assert_eq!(validated(json!({"TierDefaults": {"sizes": {"small": {"cpu": "2"}}}})), "");
    let narrower = json!({"TierDefaults": {"environments": {"dev": {"sizes": ["medium"]}}}});
    assert_eq!(validated(narrower), "spec.size: there is no size in dev \"small\"; write one of medium");
    let wrong = validated(json!({"TierDefaults": {"sizes": {"small": {"cpu": "much"}}}}));
    assert!(wrong.starts_with("EnvironmentConfig database-platform: TierDefaults.spec.sizes.small.cpu"), "{wrong}");
    let stranger = validated(json!({"Tiers": {}}));
    assert!(
        stranger.starts_with("EnvironmentConfig database-platform.data.Tiers: no step reads this section"),
        "{stranger}"
    );
}

/// The gate's step for a dev claim in a namespace that may use four cores; `rounds`: so often its questions are answered,
/// with nothing but `records`.
fn gate(spec: Value, observed: &[Value], rounds: usize, records: &[Value]) -> Response {
    let mut request = request(Some(shipped(Step::TierDefaults)));
    request.composite = request.composite.merge(&Object::of(&json!({"spec": spec})));
    let quotas = json!({"namespaces": {"each": {"dev": {"cpu": "4"}}}});
    let overlay = json!({"kind": "EnvironmentConfig", "data": {"TierDefaults": {"quotas": quotas}}});
    request.required.insert(OVERLAY.into(), vec![Object::of(&overlay)]);
    request.context = run(&request, now()).context;
    request.input = Some(shipped(Step::ApprovalGate));
    request.observed = observed.iter().map(|value| (Key(crate::api::record::KEY.into()), Object::of(value))).collect();
    for _ in 0..rounds {
        for (name, _) in run(&request, now()).requirements {
            let found = if name == OTHERS { records.iter().map(Object::of).collect() } else { vec![] };
            request.required.insert(name, found);
        }
    }
    run(&request, now())
}

const OTHERS: &str = "db.platform.io/DatabaseRecord/checkout/db.platform.io/environment=dev";

/// The record of a database without backups, so that each member is one core.
fn record(name: &str, replicas: u32) -> Value {
    let changes = json!({"replicas": replicas, "backup": {"enabled": false}});
    let mut serving = plan::example::generation("dev", changes);
    serving.plan.terms.database.name = name.into();
    let record = Record::of(serving);
    serde_json::to_value(DatabaseRecord::new(record)).unwrap()
}

#[test]
fn the_others_are_asked_for_only_where_a_limit_could_be_passed() {
    let spec = |replicas: u32| json!({"replicas": replicas, "storage": "20Gi", "backup": {"enabled": false}});
    let own = [record("orders", 2)];
    let other = [record("orders", 2), record("billing", 2)];
    let runs = |response: &Response| {
        let record = response.desired.resources.get(&Key("record".into()));
        record.map(|record| record.object.decode::<DatabaseRecord>("record").unwrap().spec.serving.plan.terms.replicas)
    };
    /// What exists, and how many members are wanted of it.
    type Edit<'a> = (&'a [Value], u32);
    /// So many rounds are answered, with these records.
    type Answered<'a> = (usize, &'a [Value]);
    /// Whether the others are asked for, how many members run, and how that is called.
    type Outcome = (bool, Option<u32>, Standing);
    let cases: [(Edit, Answered, Outcome); 9] = [
        // New: first the record and the data, then the others; nothing runs before all of it is known.
        ((&[], 2), (0, &[]), (false, None, Standing::Asking)),
        ((&[], 2), (1, &[]), (true, None, Standing::Asking)),
        ((&[], 2), (2, &[]), (true, Some(2), Standing::Applied)),
        ((&[], 3), (2, &other), (true, None, Standing::Invalid)),
        // Growing: what runs goes on while nobody has answered, and when there is no room.
        ((&own, 3), (0, &[]), (true, Some(2), Standing::Asking)),
        ((&own, 3), (1, &own), (true, Some(3), Standing::Applied)),
        ((&own, 3), (1, &other), (true, Some(2), Standing::Invalid)),
        // Neither the same nor less needs to know.
        ((&own, 2), (0, &[]), (false, Some(2), Standing::Applied)),
        ((&own, 1), (0, &[]), (false, Some(1), Standing::Applied)),
    ];
    for ((observed, replicas), (rounds, records), (asked, members, standing)) in cases {
        let response = gate(spec(replicas), observed, rounds, records);
        let case = format!("{} to {replicas}, {rounds} answered, {} others", observed.len(), records.len());
        assert_eq!(response.events, [], "{case}");
        assert_eq!(response.requirements.contains_key(OTHERS), asked, "{case}");
        assert_eq!(runs(&response), members, "{case}");
        assert_eq!(<Ruling>::find(&response.context).unwrap().unwrap().standing, standing, "{case}");
    }
}
