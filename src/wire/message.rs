//! Between the generated protocol and our own types. In: a `RunFunctionRequest` or a [`Response`]. Out: a [`Request`] or
//! a `RunFunctionResponse`. Values that a newer Crossplane knows and we do not are left out.

use super::{
    Capabilities, Condition, Context, Desired, DesiredResource, Event, Key, Match, Object, Ready, Request, Response,
    Selector, Severity, Truth, proto,
};
use crate::map::map;
use bytes::Bytes;
use std::time::Duration;

/// Sorts out what Crossplane sent. Credentials, schemas and the connection details of observed resources are dropped.
pub fn decode(request: proto::RunFunctionRequest) -> Request {
    let meta = request.meta.unwrap_or_default();
    let observed = request.observed.unwrap_or_default();
    let desired = request.desired.unwrap_or_default();
    let current = Some(request.required_resources).filter(|required| !required.is_empty());
    let required = current.unwrap_or(request.extra_resources); // how older cores call them
    let can = |capability| meta.capabilities().any(|advertised| advertised == capability);
    Request {
        capabilities: Capabilities {
            advertised: can(proto::Capability::Capabilities),
            required_resources: can(proto::Capability::RequiredResources),
        },
        tag: meta.tag,
        input: Some(request.input).filter(|parts| !parts.is_empty()).map(Object::from),
        composite: object(observed.composite.unwrap_or_default()),
        // Collected: they are in order already, and many.
        observed: observed.resources.into_iter().map(|(name, resource)| (Key(name), object(resource))).collect(),
        desired: Desired {
            composite: desired_resource(desired.composite.unwrap_or_default()),
            resources: desired
                .resources
                .into_iter()
                .map(|(name, resource)| (Key(name), desired_resource(resource)))
                .collect(),
        },
        context: Context(request.context.into()),
        required: map(required
            .into_iter()
            .map(|(name, resources)| (name, resources.items.into_iter().map(object).collect()))),
    }
}

fn object(resource: proto::Resource) -> Object {
    resource.resource.into()
}

fn desired_resource(resource: proto::Resource) -> DesiredResource {
    let ready = match resource.ready() {
        proto::Ready::Unspecified => Ready::Unspecified,
        proto::Ready::True => Ready::True,
        proto::Ready::False => Ready::False,
    };
    DesiredResource { object: resource.resource.into(), ready, connection_details: resource.connection_details }
}

/// Writes what Crossplane understands.
pub fn encode(response: Response) -> proto::RunFunctionResponse {
    let Response { tag, ttl, desired, context, events, requirements, conditions } = response;
    proto::RunFunctionResponse {
        meta: Some(proto::ResponseMeta { tag, ttl: ttl.map(duration) }),
        desired: Some(proto::State {
            composite: Some(desired.composite)
                .filter(|composite| *composite != DesiredResource::default())
                .map(resource),
            resources: map(desired.resources.into_iter().map(|(Key(name), desired)| (name, resource(desired)))),
        }),
        results: events.into_iter().map(event).collect(),
        context: parts(context.0),
        requirements: Some(requirements).filter(|requirements| !requirements.is_empty()).map(|requirements| {
            proto::Requirements {
                resources: map(requirements.into_iter().map(|(name, wanted)| (name, selector(wanted)))),
                ..proto::Requirements::default()
            }
        }),
        conditions: conditions.into_iter().map(condition).collect(),
        output: vec![],
    }
}

/// Protobuf counts seconds in an `i64`; 292 billion years are for ever.
fn duration(ttl: Duration) -> prost_types::Duration {
    ttl.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

fn resource(desired: DesiredResource) -> proto::Resource {
    let ready = match desired.ready {
        Ready::Unspecified => proto::Ready::Unspecified,
        Ready::True => proto::Ready::True,
        Ready::False => proto::Ready::False,
    };
    proto::Resource {
        resource: parts(desired.object),
        connection_details: desired.connection_details,
        ready: ready.into(),
    }
}

/// An object without entries is left out.
fn parts(object: Object) -> Vec<Bytes> {
    if object.is_empty() { vec![] } else { object.into() }
}

fn event(event: Event) -> proto::Result {
    let severity = match event.severity {
        Severity::Fatal => proto::Severity::Fatal,
        Severity::Warning => proto::Severity::Warning,
        Severity::Normal => proto::Severity::Normal,
    };
    proto::Result {
        severity: severity.into(),
        message: event.message,
        reason: Some(event.reason),
        target: Some(proto::Target::CompositeAndClaim.into()),
    }
}

fn selector(selector: Selector) -> proto::ResourceSelector {
    use proto::resource_selector::Match as Wire;
    proto::ResourceSelector {
        api_version: selector.api_version,
        kind: selector.kind,
        r#match: Some(match selector.matching {
            Match::Name(name) => Wire::MatchName(name),
            Match::Labels(labels) => Wire::MatchLabels(proto::MatchLabels { labels }),
        }),
        namespace: selector.namespace,
    }
}

fn condition(condition: Condition) -> proto::Condition {
    let status = match condition.status {
        Truth::True => proto::Status::ConditionTrue,
        Truth::False => proto::Status::ConditionFalse,
        Truth::Unknown => proto::Status::ConditionUnknown,
    };
    proto::Condition {
        r#type: condition.kind,
        status: status.into(),
        reason: condition.reason,
        message: condition.message,
        target: Some(proto::Target::CompositeAndClaim.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use prost::Message;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn desired() -> proto::State {
        proto::State {
            composite: Some(proto::Resource {
                resource: Object::of(&json!({"status": {"phase": "Ready"}})).into(),
                connection_details: BTreeMap::from([("host".into(), Bytes::from_static(b"db"))]),
                ready: 1,
            }),
            resources: BTreeMap::from([
                (
                    "a".into(),
                    proto::Resource {
                        resource: Object::of(&json!({"kind": "A"})).into(),
                        ready: 2,
                        ..Default::default()
                    },
                ),
                ("b".into(), proto::Resource::default()),
            ]),
        }
    }

    /// Through bytes, as it comes from Crossplane.
    fn request(request: &proto::RunFunctionRequest) -> Request {
        decode(proto::RunFunctionRequest::decode(&request.encode_to_vec()[..]).unwrap())
    }

    #[test]
    fn passes_on_what_earlier_steps_wanted() {
        let context = Object::of(&json!({"apiextensions.crossplane.io/environment": {"a": 1}, "other": ["x", null]}));
        let request = request(&proto::RunFunctionRequest {
            meta: Some(proto::RequestMeta { tag: "tag".into(), capabilities: vec![1, 2, 99] }),
            desired: Some(desired()),
            context: context.clone().into(),
            ..Default::default()
        });
        assert_eq!(request.capabilities, Capabilities { advertised: true, required_resources: true });

        let response = encode(Response::to(&request));
        assert_eq!(response.meta, Some(proto::ResponseMeta { tag: "tag".into(), ttl: None }));
        assert_eq!(response.desired, Some(desired()));
        assert_eq!(response.context, Vec::<Bytes>::from(context));
        assert_eq!(response.requirements, None);
    }

    #[test]
    fn an_empty_request_is_sound() {
        let request = request(&proto::RunFunctionRequest::default());
        assert_eq!(request.capabilities, Capabilities::default());
        assert!(request.composite.is_empty() && request.input.is_none());
        let response = encode(Response::to(&request));
        assert_eq!(response.desired, Some(proto::State::default()));
        assert_eq!(response.context, Vec::<Bytes>::new());
    }

    #[test]
    fn required_resources_go_before_extra_resources() {
        let found = |kind: &str| proto::Resources {
            items: vec![proto::Resource { resource: Object::of(&json!({"kind": kind})).into(), ..Default::default() }],
        };
        let check = |required: &[(&str, proto::Resources)],
                     extra: &[(&str, proto::Resources)],
                     expected: &[(&str, usize)]| {
            let named = |resources: &[(&str, proto::Resources)]| {
                resources.iter().map(|(name, found)| ((*name).to_owned(), found.clone())).collect()
            };
            let request = request(&proto::RunFunctionRequest {
                required_resources: named(required),
                extra_resources: named(extra),
                ..Default::default()
            });
            let counted: Vec<_> = request.required.iter().map(|(name, found)| (name.as_str(), found.len())).collect();
            assert_eq!(counted, expected);
        };
        check(&[("a", found("A"))], &[("b", found("B"))], &[("a", 1)]);
        check(&[], &[("b", found("B"))], &[("b", 1)]);
        check(&[("a", proto::Resources::default())], &[("a", found("B"))], &[("a", 0)]);
    }

    #[test]
    fn what_newer_cores_say_does_no_harm() {
        let mut state = desired();
        state.composite.as_mut().unwrap().ready = 77;
        let request = request(&proto::RunFunctionRequest {
            meta: Some(proto::RequestMeta { capabilities: vec![77, -1], ..Default::default() }),
            desired: Some(state),
            ..Default::default()
        });
        assert_eq!(request.capabilities, Capabilities::default());
        assert_eq!(request.desired.composite.ready, Ready::Unspecified);
    }

    #[test]
    fn says_everything_to_composite_and_claim() {
        let response = encode(Response {
            ttl: Some(Duration::from_millis(1500)),
            events: vec![Event { severity: Severity::Fatal, reason: "No".into(), message: "because".into() }],
            conditions: vec![Condition {
                kind: "Approved".into(),
                status: Truth::False,
                reason: "Pending".into(),
                message: None,
            }],
            requirements: BTreeMap::from([
                (
                    "one".into(),
                    Selector {
                        api_version: "v1".into(),
                        kind: "Secret".into(),
                        namespace: Some("team".into()),
                        matching: Match::Name("db".into()),
                    },
                ),
                (
                    "all".into(),
                    Selector {
                        api_version: "v1".into(),
                        kind: "Node".into(),
                        namespace: None,
                        matching: Match::Labels(BTreeMap::from([("a".into(), "b".into())])),
                    },
                ),
            ]),
            ..Response::default()
        });
        assert_eq!(response.meta.unwrap().ttl, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
        let event = &response.results[0];
        assert_eq!(
            (event.severity(), event.reason(), event.target()),
            (proto::Severity::Fatal, "No", proto::Target::CompositeAndClaim)
        );
        let condition = &response.conditions[0];
        assert_eq!(
            (condition.status(), condition.target()),
            (proto::Status::ConditionFalse, proto::Target::CompositeAndClaim)
        );
        let requirements = response.requirements.unwrap();
        assert!(requirements.extra_resources.is_empty() && requirements.schemas.is_empty());
        let one = &requirements.resources["one"];
        assert_eq!(
            (one.namespace(), &one.r#match),
            ("team", &Some(proto::resource_selector::Match::MatchName("db".into())))
        );
        assert_eq!(requirements.resources["all"].namespace, None);
    }

    #[test]
    fn a_step_can_add_to_the_context() {
        let mut context = Context(Object::of(&json!({"text": "x", "list": [1]})));
        context.set("ours", Object::of(&json!({"a": 1})));
        context.set("ours", Object::of(&json!({"a": 2})));
        assert_eq!(context.get("ours"), Some(Object::of(&json!({"a": 2}))));
        assert_eq!(context.get("text"), None);
        assert!(context.contains("text") && !context.contains("absent"));
        assert_eq!(context.0, Object::of(&json!({"text": "x", "list": [1], "ours": {"a": 2}})));
    }
}
