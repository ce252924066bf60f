//! Crossplane's part, in protobuf: every step with what the one before left. In: a [`World`]. Out: each request and response.

use super::world::{World, key};
use function_database::pipeline;
use function_database::wire::{self, Object, Selector, proto};
use jiff::Timestamp;
use proto::resource_selector::Match;
use serde_json::Value;
use std::collections::BTreeMap;

/// `before` may change what a step is sent, as other functions do; `look` sees what it was sent last, and its answer. A step
/// that ends the reconcile is the last, and is not looked at.
pub fn run(
    world: &World,
    before: impl Fn(&proto::RunFunctionRequest) -> proto::RunFunctionRequest,
    mut look: impl FnMut(&proto::RunFunctionRequest, &proto::RunFunctionResponse),
) {
    let resources = world.observed.iter().map(|value| (key(value).to_owned(), resource(value))).collect();
    let mut claim = world.claim.clone();
    claim["metadata"]["uid"] = function_database::render::UID.into();
    let observed = proto::State { composite: Some(resource(&claim)), resources };
    let (mut desired, mut context) = (None, vec![]);
    for step in &world.composition.steps {
        let capabilities = vec![proto::Capability::Capabilities.into(), proto::Capability::RequiredResources.into()];
        let mut request = before(&proto::RunFunctionRequest {
            meta: Some(proto::RequestMeta { tag: step.name.clone(), capabilities }),
            input: step.input.clone().into(),
            observed: Some(observed.clone()),
            desired: desired.take(),
            context: std::mem::take(&mut context),
            ..Default::default()
        });
        let mut response = proto::RunFunctionResponse::default();
        for _ in 0..5 {
            let asked = response.requirements.take().unwrap_or_default().resources;
            let own = step.requirements.iter().map(|(name, selector)| (name.clone(), wanted(selector)));
            let all: BTreeMap<String, proto::ResourceSelector> = own.chain(asked).collect();
            let found = all.into_iter().map(|(name, selector)| (name, find(world, &selector)));
            request.required_resources = found.collect();
            response = answer(request.clone(), world.now);
        }
        if response.results.iter().any(|result| result.severity() == proto::Severity::Fatal) {
            return;
        }
        look(&request, &response);
        (desired, context) = (response.desired, response.context);
    }
}

/// What the function answers.
pub fn answer(request: proto::RunFunctionRequest, now: Timestamp) -> proto::RunFunctionResponse {
    wire::encode(pipeline::run(&wire::decode(request), now))
}

fn resource(value: &Value) -> proto::Resource {
    proto::Resource { resource: Object::of(value).into(), ..Default::default() }
}

fn wanted(selector: &Selector) -> proto::ResourceSelector {
    let matching = match &selector.matching {
        function_database::wire::Match::Name(name) => Match::MatchName(name.clone()),
        function_database::wire::Match::Labels(labels) => {
            Match::MatchLabels(proto::MatchLabels { labels: labels.clone() })
        }
    };
    proto::ResourceSelector {
        api_version: selector.api_version.clone(),
        kind: selector.kind.clone(),
        namespace: selector.namespace.clone(),
        r#match: Some(matching),
    }
}

fn find(world: &World, selector: &proto::ResourceSelector) -> proto::Resources {
    let matches = |value: &&Value| {
        let metadata = &value["metadata"];
        let named = match &selector.r#match {
            Some(Match::MatchName(name)) => metadata["name"] == name.as_str(),
            Some(Match::MatchLabels(by)) => {
                by.labels.iter().all(|(name, label)| metadata["labels"][name] == label.as_str())
            }
            None => false,
        };
        let there = selector.namespace.as_ref().is_none_or(|namespace| metadata["namespace"] == namespace.as_str());
        value["apiVersion"] == selector.api_version.as_str()
            && value["kind"] == selector.kind.as_str()
            && there
            && named
    };
    let items = world.observed.iter().chain(&world.cluster).filter(matches).map(resource).collect();
    proto::Resources { items }
}
