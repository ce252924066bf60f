//! A step over a whole request. In: any bytes, as the JSON of an [`Attempt`]: what is different in the request that a step
//! gets where everything is well. Out: nothing, or a panic.

#[path = "../properties/crossplane.rs"]
mod crossplane;
#[path = "../properties/world.rs"]
#[cfg_attr(test, expect(dead_code, reason = "what is done to it there is another kind of harm"))]
mod world;

use crossplane::answer;
use function_database::report::guard;
use function_database::wire::{self, Object, proto};
use prost::Message;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use world::World;

/// Which request, and what is different in it.
#[derive(Deserialize)]
pub struct Attempt {
    /// A key of [`REQUESTS`], such as `redis/ot-container-kit report`.
    pub of: String,
    /// An RFC 7396 merge patch over `input`, `context`, `composite`, and by name over what is `observed`, `desired` and
    /// `required`; what is no object where one has to be counts as absent.
    #[serde(default)]
    pub with: Map<String, Value>,
}

/// What each step gets: for the example that runs in production, and for everything that each operator can do.
pub static REQUESTS: LazyLock<BTreeMap<String, proto::RunFunctionRequest>> = LazyLock::new(|| {
    let worlds = World::of_each_operator().into_iter().chain([("ready".into(), World::ready())]);
    let mut requests = BTreeMap::new();
    for (name, world) in worlds {
        let mut found = vec![];
        crossplane::run(&world, Clone::clone, |request, _| found.push(request.clone()));
        assert_eq!(found.len(), world.composition.steps.len(), "{name} stops");
        let named = world.composition.steps.iter().map(|step| format!("{name} {}", step.name));
        requests.extend(named.zip(found));
    }
    requests
});

/// The same request gives the same bytes; whatever stops says why; what was desired before stays desired; and nothing that
/// holds data goes.
pub fn check(bytes: &[u8]) {
    let Ok(attempt) = serde_json::from_slice::<Attempt>(bytes) else { return };
    let Some(request) = REQUESTS.get(&attempt.of) else { return };
    let request = patched(request.clone(), &attempt.with);
    let now = "2026-11-21T12:00:00Z".parse().expect("a time");
    let response = answer(request.clone(), now);
    assert_eq!(response.encode_to_vec(), answer(request.clone(), now).encode_to_vec());
    let mut fatal = false;
    for result in &response.results {
        assert!(!result.message.is_empty() && !result.reason().is_empty(), "{result:?}");
        fatal |= result.severity() == proto::Severity::Fatal;
    }
    if fatal {
        return;
    }
    let desired = response.desired.unwrap_or_default().resources;
    for key in request.desired.iter().flat_map(|desired| desired.resources.keys()) {
        assert!(desired.contains_key(key), "{key} was desired before and is not any more");
    }
    let request = wire::decode(request);
    if request.input.as_ref().is_some_and(|input| input.text("input", &["kind"]) == Ok(Some("Report"))) {
        let desired = desired.into_iter().map(|(key, resource)| {
            (wire::Key(key), wire::DesiredResource { object: resource.resource.into(), ..Default::default() })
        });
        let losses = guard::losses(&request.observed, &desired.collect());
        assert_eq!(losses.as_deref(), Ok(&[][..]));
    }
}

fn patched(mut request: proto::RunFunctionRequest, with: &Map<String, Value>) -> proto::RunFunctionRequest {
    for (part, change) in with {
        let observed = request.observed.get_or_insert_default();
        match (part.as_str(), change) {
            ("input", _) => merge(&mut request.input, change),
            ("context", _) => merge(&mut request.context, change),
            ("composite", _) => merge(&mut observed.composite.get_or_insert_default().resource, change),
            ("observed", Value::Object(changes)) => merge_each(&mut observed.resources, changes),
            ("desired", Value::Object(changes)) => {
                merge_each(&mut request.desired.get_or_insert_default().resources, changes);
            }
            ("required", Value::Object(changes)) => {
                for (name, change) in changes {
                    request.required_resources.remove(name);
                    if let Value::Array(items) = change {
                        let item = |value| {
                            let mut resource = proto::Resource::default();
                            merge(&mut resource.resource, value);
                            resource
                        };
                        let items = items.iter().map(item).collect();
                        request.required_resources.insert(name.clone(), proto::Resources { items });
                    }
                }
            }
            _ => {}
        }
    }
    request
}

fn merge_each(resources: &mut BTreeMap<String, proto::Resource>, changes: &Map<String, Value>) {
    for (key, change) in changes {
        match change {
            Value::Null => _ = resources.remove(key),
            _ => merge(&mut resources.entry(key.clone()).or_default().resource, change),
        }
    }
}

fn merge(parts: &mut Vec<bytes::Bytes>, change: &Value) {
    *parts = match Object::try_of(change) {
        Ok(change) => Object::from(std::mem::take(parts)).merge(&change).into(),
        Err(_) => vec![],
    };
}
