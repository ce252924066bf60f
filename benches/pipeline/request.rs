//! Requests as Crossplane sends them. In: claims and what is observed, out of the examples and the golden cases. Out: the
//! request that each step of the shipped pipeline is answered for.

use crate::plain::{
    self, Capability, RequestMeta, Resource, Resources, RunFunctionRequest, RunFunctionResponse, State,
};
use crate::server::Client;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Value as Json, json};
use std::path::Path;

/// A claim, and what exists around it.
#[derive(Default)]
pub struct World {
    pub claim: Json,
    pub cluster: Vec<Json>,
    pub observed: Vec<(String, Json)>,
    /// Nobody needs to approve.
    pub ungated: bool,
}

impl World {
    /// The example that runs in production, with so many observed resources.
    pub fn ready(resources: usize) -> World {
        let cluster = yaml(include_str!("../../examples/postgresql/ready/cluster.yaml"));
        World { claim: claim("orders"), cluster, observed: observed(resources), ungated: false }
    }

    /// The golden case of that folder, before anything of it exists.
    pub fn golden(case: &Path) -> World {
        let read = |file: &str| std::fs::read_to_string(case.join(file)).map(|text| yaml(&text)).unwrap_or_default();
        World {
            claim: managed(read("claim.yaml").remove(0), "orders"),
            cluster: read("cluster.yaml"),
            observed: vec![],
            ungated: true,
        }
    }
}

/// Plays the pipeline once and keeps the request that each step was answered for.
pub async fn pipeline(client: &mut Client, world: &World) -> Vec<(String, RunFunctionRequest)> {
    let composition: Json = yaml(include_str!("../../compositions/database.yaml")).remove(0);
    let overlay = world.cluster.iter().filter(|value| value["kind"] == "EnvironmentConfig").map(resource);
    let overlay = ("database-platform".to_string(), Resources { items: overlay.collect() });
    let (mut requests, mut desired, mut context) = (vec![], None, None);
    for step in composition["spec"]["pipeline"].as_array().unwrap() {
        let mut input = step["input"].clone();
        if world.ungated && input["kind"] == "ApprovalGate" {
            input["spec"] = json!({"environments": []});
        }
        let mut request = RunFunctionRequest {
            meta: Some(RequestMeta {
                tag: "bench".into(),
                capabilities: vec![Capability::Capabilities.into(), Capability::RequiredResources.into()],
            }),
            observed: Some(State {
                composite: Some(resource(&world.claim)),
                resources: world.observed.iter().map(|(key, value)| (key.clone(), resource(value))).collect(),
            }),
            desired: desired.take(),
            input: Some(structure(&input)),
            required_resources: [overlay.clone()].into(),
            context: context.take(),
            ..Default::default()
        };
        let mut response = RunFunctionResponse::default();
        for _ in 0..5 {
            response = client.run_function(request.clone()).await.unwrap().into_inner();
            assert!(response.results.iter().all(|result| result.severity != 1), "{:?}", response.results);
            let asked = response.requirements.clone().unwrap_or_default().resources;
            let answers = asked.into_iter().map(|(name, selector)| {
                let found = world.cluster.iter().filter(|value| matches(&selector, value)).map(resource);
                (name, Resources { items: found.collect() })
            });
            request.required_resources = answers.chain([overlay.clone()]).collect();
        }
        (desired, context) = (response.desired, response.context);
        requests.push((step["step"].as_str().unwrap().into(), request));
    }
    requests
}

fn matches(selector: &plain::ResourceSelector, value: &Json) -> bool {
    use plain::resource_selector::Match;
    let matched = match &selector.r#match {
        Some(Match::MatchName(name)) => value["metadata"]["name"] == name.as_str(),
        Some(Match::MatchLabels(labels)) => {
            labels.labels.iter().all(|(name, label)| value["metadata"]["labels"][name] == label.as_str())
        }
        None => true,
    };
    value["kind"] == selector.kind.as_str() && matched
}

pub fn claim(name: &str) -> Json {
    managed(yaml(include_str!("../../examples/postgresql/prod.yaml")).remove(0), name)
}

/// The ready example's resources and, up to `count`, others that hold nothing.
fn observed(count: usize) -> Vec<(String, Json)> {
    let mut found: Vec<(String, Json)> = yaml(include_str!("../../examples/postgresql/ready/observed.yaml"))
        .into_iter()
        .map(|value| {
            let key = value["metadata"]["annotations"]["crossplane.io/composition-resource-name"]
                .as_str()
                .unwrap()
                .to_string();
            let name = value["metadata"]["name"].as_str().unwrap().to_string();
            (key, managed(value, &name))
        })
        .collect();
    // The record and the data first: without them the pipeline would do something else.
    found.sort_by_key(|(key, _)| !matches!(key.as_str(), "record" | "cluster"));
    found.truncate(count.max(2));
    for number in found.len()..count {
        let name = format!("filler-{number}");
        let data = json!({"settings": "a=1\nb=2\nc=3\n", "more": "x".repeat(200)});
        let value =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "checkout"}, "data": data});
        found.push((name.clone(), managed(value, &name)));
    }
    found
}

/// With what the API server adds: identity, and who manages which field.
fn managed(mut value: Json, name: &str) -> Json {
    let fields = fields(&value);
    value["metadata"]["name"] = name.into();
    value["metadata"]["uid"] = "ac03ad21-2888-4b19-a051-8ab1a32df1bd".into();
    value["metadata"]["resourceVersion"] = "48121550".into();
    value["metadata"]["creationTimestamp"] = "2026-10-02T08:14:31Z".into();
    value["metadata"]["managedFields"] = json!([{
        "apiVersion": value["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields, "operation": "Apply",
        "manager": "apiextensions.crossplane.io/composed", "time": "2026-11-20T08:14:31Z",
    }]);
    value
}

fn fields(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect::<serde_json::Map<_, _>>().into()
        }
        _ => json!({}),
    }
}

pub fn yaml(text: &str) -> Vec<Json> {
    serde_saphyr::from_multiple(text).unwrap()
}

pub fn resource(value: &Json) -> Resource {
    Resource { resource: Some(structure(value)), ..Default::default() }
}

pub fn structure(value: &Json) -> Struct {
    let fields = value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), self::value(value)));
    Struct { fields: fields.collect() }
}

fn value(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(self::value).collect() }),
        Json::Object(_) => Kind::StructValue(structure(value)),
    };
    Value { kind: Some(kind) }
}
