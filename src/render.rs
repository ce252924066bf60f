//! What Crossplane would apply. In: a Composition, a composite, what exists, the time. Out: the composite with its status,
//! each composed resource, and what was said.
//!
//! Plays Crossplane's part around [`pipeline::run`]: the steps in order, each asked again until its requirements are met.
//! Has no clock and does no IO, so that the command line, `simulate` and the tests share it.

use crate::api::input::{self, Header};
use crate::map::map;
use crate::pipeline::{self, stop::Stop};
use crate::wire::{
    Capabilities, Condition, Desired, Event, Key, Match, Object, Ready, Request, Response, Selector, Severity, Truth,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Crossplane asks a step at most so often.
const ROUNDS: usize = 5;
/// On what Crossplane composes: its key.
pub const KEY: &str = "crossplane.io/composition-resource-name";
/// The UID of a claim that was never in a cluster. Names and paths that carry a UID look the same every time.
pub const UID: &str = "00000000-0000-4000-8000-000000000000";
/// Where a claim without a namespace goes, as kubectl has it.
const NAMESPACE: &str = "default";
/// Stands for the five letters that Crossplane adds to the name of a claim's composite.
const SUFFIX: &str = "x1x2x";

/// A Composition's pipeline, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    /// The kind that it composes: `Database`, or `XDatabase` in the claims edition.
    pub kind: String,
    pub steps: Vec<Step>,
    /// Steps of other functions, which are not run.
    pub skipped: Vec<String>,
    /// Which Crossplane runs it.
    pub core: Core,
}

/// What a Crossplane does for a function that asks for other objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Core {
    /// It says that it looks them up, and does: 2.0 and newer.
    #[default]
    Answers,
    /// It says what it can do, and this is not among it.
    CannotAnswer,
    /// It says nothing of what it can do, and ignores questions.
    Silent,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub name: String,
    pub input: Object,
    /// What the Composition itself asks for, by requirement name.
    pub requirements: BTreeMap<String, Selector>,
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("the Composition cannot be read: {0}")]
pub struct NotAComposition(String);

/// The outcome of one run.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub composite: Value,
    /// In the order of their keys.
    pub resources: Vec<Value>,
    pub conditions: Vec<Condition>,
    pub events: Vec<Event>,
    /// Why Crossplane would apply nothing and delete nothing.
    pub fatal: Option<String>,
    /// Whether each composed resource is ready, and the composite with them.
    pub ready: BTreeMap<String, bool>,
    /// After how long the function wants to be run again.
    pub ttl: Option<std::time::Duration>,
}

impl Composition {
    pub fn read(manifest: &Value) -> Result<Composition, NotAComposition> {
        let manifest = Object::try_of(manifest);
        let written: Written =
            manifest.and_then(|manifest| manifest.decode("")).map_err(|error| NotAComposition(error.to_string()))?;
        let (mut steps, mut skipped) = (vec![], vec![]);
        for step in written.spec.pipeline {
            let input = step.input;
            let header: Header = input.decode("input").unwrap_or_default();
            if header.api_version != crate::api::INPUT_API_VERSION {
                skipped.push(step.step);
                continue;
            }
            let asked = step.requirements.required_resources.into_iter();
            let requirements = map(asked.map(|asked| (asked.requirement_name.clone(), asked.into())));
            steps.push(Step { name: step.step, input, requirements });
        }
        let kind = written.spec.composite_type_ref.kind;
        Ok(Composition { kind, steps, skipped, core: Core::default() })
    }

    /// What a step of ours is told, with the platform's own values over it: those of an EnvironmentConfig.
    pub fn input<Spec: DeserializeOwned>(&self, step: input::Step, overlay: Option<&Object>) -> Result<Spec, Stop> {
        let is_of = |input: &&Object| input.text("input", &["kind"]).is_ok_and(|kind| kind == Some(step.kind()));
        let input = self.steps.iter().map(|step| &step.input).find(is_of).cloned();
        pipeline::input(&Request { input, required: pipeline::required(overlay), ..Request::default() }, step)
    }

    /// What is wrong with the inputs of our steps.
    pub fn problems(&self) -> Vec<String> {
        let problem = |step: &Step| {
            pipeline::check_input(&step.input, None).err().map(|why| format!("step {}: {why}", step.name))
        };
        self.steps.iter().filter_map(problem).collect()
    }

    /// What is wrong with the platform's own values over them: those of an EnvironmentConfig.
    pub fn problems_with(&self, overlay: &Object) -> Vec<String> {
        let strangers = overlay.field("data").map_or(Ok(vec![]), |data| pipeline::strangers(&data));
        let strangers: Vec<String> = match strangers {
            Ok(strangers) => strangers.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        let inputs = self.steps.iter().filter_map(|step| pipeline::check_input(&step.input, Some(overlay)).err());
        strangers.into_iter().chain(inputs.map(|why| why.to_string())).collect()
    }
}

/// `observed` are composed resources with their key as an annotation; `cluster` is whatever else exists and can be looked up.
pub fn render(
    composition: &Composition,
    claim: &Value,
    observed: &[Value],
    cluster: &[Value],
    now: Timestamp,
) -> Rendered {
    let composite = composite(&composition.kind, claim);
    let composed: BTreeMap<Key, Object> =
        map(observed.iter().filter_map(|value| Some((Key(key_of(value)?.into()), Object::of(value)))));
    let mut claim = claim.clone();
    object(&mut claim["metadata"]).entry("namespace").or_insert_with(|| NAMESPACE.into());
    let exists: Vec<&Value> = std::iter::once(&claim).chain(observed).chain(cluster).collect();
    rendered(&composite, run(composition, &composite, &composed, &exists, &mut Asked::new(), now))
}

/// What each step asked for in its last run, by the step's name: Crossplane brings the answers to its next one at once.
pub type Asked = BTreeMap<String, BTreeMap<String, Selector>>;

/// What a whole pipeline said.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub desired: Desired,
    pub conditions: Vec<Condition>,
    pub events: Vec<Event>,
    /// Why Crossplane applies nothing and deletes nothing.
    pub fatal: Option<String>,
    /// After how long the function wants to be run again: the shortest that any step said.
    pub ttl: Option<std::time::Duration>,
    /// How often each step was called, in their order; one that asks for other objects is called again with them.
    pub calls: Vec<u64>,
}

/// One run of the pipeline. `asked` is what Crossplane remembers of the run before, which is nothing after its restart.
pub fn run(
    composition: &Composition,
    composite: &Value,
    observed: &BTreeMap<Key, Object>,
    exists: &[&Value],
    asked: &mut Asked,
    now: Timestamp,
) -> Run {
    let composite = Object::of(composite);
    let mut last = Response::default();
    let mut run = Run::default();
    for step in &composition.steps {
        let request = Request {
            tag: step.name.clone(),
            capabilities: Capabilities {
                advertised: composition.core != Core::Silent,
                required_resources: composition.core == Core::Answers,
            },
            input: Some(step.input.clone()),
            composite: composite.clone(),
            observed: observed.clone(),
            desired: std::mem::take(&mut last.desired),
            context: std::mem::take(&mut last.context),
            required: BTreeMap::new(),
        };
        let calls;
        (last, calls) = match composition.core {
            Core::Answers => run_step(step, request, exists, asked, now),
            Core::CannotAnswer | Core::Silent => (pipeline::run(&request, now), 1),
        };
        run.calls.push(calls);
        run.ttl = run.ttl.into_iter().chain(last.ttl).min();
        run.fatal = fatal(&last).map(|event| event.message.clone());
        run.events.append(&mut last.events);
        if run.fatal.is_some() {
            break;
        }
    }
    let Response { desired, conditions, .. } = last;
    Run { desired, conditions, ..run }
}

/// Asks again for as long as the step asks for something else, and says how often. Nothing that a FATAL answer asks for is
/// looked up.
fn run_step(
    step: &Step,
    mut request: Request,
    exists: &[&Value],
    asked: &mut Asked,
    now: Timestamp,
) -> (Response, u64) {
    let own = |more: &BTreeMap<String, Selector>| -> BTreeMap<String, Selector> {
        map(step.requirements.iter().chain(more).map(|(name, by)| (name.clone(), by.clone())))
    };
    let mut seeds = asked.get(&step.name).map_or_else(|| step.requirements.clone(), own);
    let (mut response, mut calls) = (Response::default(), 0);
    for _ in 0..=ROUNDS {
        calls += 1;
        request.required = map(seeds.iter().filter_map(|(name, by)| Some((name.clone(), answer(by, exists)?))));
        response = pipeline::run(&request, now);
        if fatal(&response).is_some() {
            break;
        }
        let wanted = own(&response.requirements);
        asked.insert(step.name.clone(), response.requirements.clone());
        if wanted == seeds {
            break;
        }
        seeds = wanted;
    }
    (response, calls)
}

fn fatal(response: &Response) -> Option<&Event> {
    response.events.iter().find(|event| event.severity == Severity::Fatal)
}

/// What Crossplane would find; nothing where nobody here can tell, as of the namespaces that there are.
fn answer(selector: &Selector, exists: &[&Value]) -> Option<Vec<Object>> {
    let found = find(selector, exists);
    (selector.kind != "Namespace" || !found.is_empty()).then_some(found)
}

fn find(selector: &Selector, exists: &[&Value]) -> Vec<Object> {
    let matches = |value: &&&Value| {
        let metadata = &value["metadata"];
        let matched = match &selector.matching {
            Match::Name(name) => metadata["name"] == name.as_str(),
            Match::Labels(labels) => labels.iter().all(|(name, label)| metadata["labels"][name] == label.as_str()),
        };
        value["apiVersion"] == selector.api_version.as_str()
            && value["kind"] == selector.kind.as_str()
            && selector.namespace.as_ref().is_none_or(|namespace| metadata["namespace"] == namespace.as_str())
            && matched
    };
    exists.iter().filter(matches).map(Object::of).collect()
}

/// The composite of that kind as Crossplane keeps it: a claim's own, or the one that stands behind it.
pub(crate) fn composite(kind: &str, claim: &Value) -> Value {
    let mut composite = claim.clone();
    let metadata = object(&mut composite["metadata"]);
    metadata.entry("namespace").or_insert_with(|| NAMESPACE.into());
    metadata.entry("uid").or_insert_with(|| UID.into());
    if claim["kind"] == kind {
        return composite;
    }
    let (namespace, name) = (metadata["namespace"].clone(), metadata.get("name").cloned().unwrap_or_default());
    metadata.remove("namespace");
    metadata.insert("name".into(), format!("{}-{SUFFIX}", name.as_str().unwrap_or_default()).into());
    let labels = object(metadata.entry("labels").or_insert(Value::Null));
    labels.insert("crossplane.io/claim-name".into(), name.clone());
    labels.insert("crossplane.io/claim-namespace".into(), namespace.clone());
    let reference =
        json!({"apiVersion": claim["apiVersion"], "kind": claim["kind"], "namespace": namespace, "name": name});
    object(&mut composite["spec"]).insert("claimRef".into(), reference);
    composite["kind"] = kind.into();
    composite
}

/// The value as a map, made one if it is none.
pub(crate) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

fn rendered(composite: &Value, run: Run) -> Rendered {
    let Run { desired, conditions, events, fatal, ttl, .. } = run;
    let mut ready = readiness(&desired);
    let Desired { composite: wanted, resources } = desired;
    let mut shown = composite.clone();
    // Crossplane takes nothing from a response that is FATAL but its conditions.
    if fatal.is_none() {
        let merged = Object::of(&shown).merge(&wanted.object);
        shown = serde_json::to_value(&merged).unwrap_or(shown);
    }
    let said: Vec<Value> = conditions.iter().map(condition).collect();
    object(&mut shown["status"]).insert("conditions".into(), said.into());
    if fatal.is_some() {
        ready.insert(String::new(), false);
    }
    let resources = match fatal {
        Some(_) => vec![],
        None => resources.iter().map(|(key, resource)| composed(composite, key, &resource.object)).collect(),
    };
    Rendered { composite: shown, resources, conditions, events, fatal, ready, ttl }
}

/// Whether each resource is ready, and the composite, under the empty key, with them.
pub(crate) fn readiness(desired: &Desired) -> BTreeMap<String, bool> {
    let resources = desired.resources.iter();
    let mut ready: BTreeMap<String, bool> =
        map(resources.map(|(key, resource)| (key.0.clone(), resource.ready == Ready::True)));
    let all = ready.values().all(|ready| *ready) && desired.composite.ready != Ready::False;
    ready.insert(String::new(), all);
    ready
}

/// With what Crossplane adds to each.
pub(crate) fn composed(composite: &Value, key: &Key, resource: &Object) -> Value {
    let mut value = serde_json::to_value(resource).unwrap_or_default();
    let owner = json!({
        "apiVersion": composite["apiVersion"], "kind": composite["kind"], "name": composite["metadata"]["name"],
        "uid": composite["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    });
    let metadata = object(&mut value["metadata"]);
    object(metadata.entry("annotations").or_insert(Value::Null)).insert(KEY.into(), key.0.clone().into());
    let labels = object(metadata.entry("labels").or_insert(Value::Null));
    labels.insert("crossplane.io/composite".into(), composite["metadata"]["name"].clone());
    // Beside what the function itself desires.
    let owners = metadata.entry("ownerReferences").or_insert_with(|| json!([]));
    owners.as_array_mut().into_iter().for_each(|owners| owners.push(owner.clone()));
    value
}

pub(crate) fn condition(condition: &Condition) -> Value {
    let status = match condition.status {
        Truth::True => "True",
        Truth::False => "False",
        Truth::Unknown => "Unknown",
    };
    let mut value = json!({"type": condition.kind, "status": status, "reason": condition.reason});
    if let Some(message) = &condition.message {
        value["message"] = message.as_str().into();
    }
    value
}

pub(crate) fn key_of(value: &Value) -> Option<&str> {
    value["metadata"]["annotations"][KEY].as_str()
}

#[derive(Deserialize)]
struct Written {
    spec: WrittenSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenSpec {
    composite_type_ref: TypeReference,
    #[serde(default)]
    pipeline: Vec<WrittenStep>,
}

#[derive(Deserialize)]
struct TypeReference {
    kind: String,
}

#[derive(Deserialize)]
struct WrittenStep {
    step: String,
    #[serde(default)]
    input: Object,
    #[serde(default)]
    requirements: Requirements,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Requirements {
    required_resources: Vec<Required>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Required {
    requirement_name: String,
    api_version: String,
    kind: String,
    namespace: Option<String>,
    name: Option<String>,
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
}

impl From<Required> for Selector {
    fn from(required: Required) -> Selector {
        let Required { api_version, kind, namespace, name, match_labels, .. } = required;
        Selector { api_version, kind, namespace, matching: name.map_or(Match::Labels(match_labels), Match::Name) }
    }
}
