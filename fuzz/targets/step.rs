//! Any difference in the request of any step, for any operator.

#![no_main]

mod json;
#[path = "../../tests/any_bytes/step.rs"]
mod step;

use function_database::wire::{Object, proto};
use json::Dice;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// The requests as attempts see them.
static SHOWN: LazyLock<BTreeMap<&str, Value>> =
    LazyLock::new(|| step::REQUESTS.iter().map(|(of, request)| (of.as_str(), shown(request))).collect());

fuzz_target!(|bytes: &[u8]| step::check(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    json::mutate(data, size, max_size, seed, |attempt: &mut Value, dice: &mut Dice| {
        let Some(whole) = attempt["of"].as_str().and_then(|of| SHOWN.get(of)) else { return };
        match dice.below(8) {
            0 => json::change(&mut attempt["with"], whole, dice),
            1 => {
                let of = SHOWN.keys().nth(dice.below(SHOWN.len())).copied();
                attempt["of"] = of.into();
            }
            _ => {
                // What stands at some place of the request, changed.
                let place = json::some_place(whole, dice);
                let mut value = whole.pointer(&place).cloned().unwrap_or_default();
                json::change(&mut value, whole, dice);
                let mut at = &mut attempt["with"];
                for name in place.split('/').skip(1) {
                    if !at.is_object() {
                        // Lists are replaced as a whole.
                        *at = json!({});
                    }
                    at = &mut at[name.replace("~1", "/").replace("~0", "~")];
                }
                *at = value;
            }
        }
    })
});

/// A request as an attempt sees it.
fn shown(request: &proto::RunFunctionRequest) -> Value {
    let object = |parts: &[bytes::Bytes]| serde_json::to_value(Object::from(parts.to_vec())).unwrap_or_default();
    let resources = |state: &proto::State| -> Map<String, Value> {
        state.resources.iter().map(|(key, resource)| (key.clone(), object(&resource.resource))).collect()
    };
    let required = request.required_resources.iter().map(|(name, found)| {
        (name.clone(), found.items.iter().map(|resource| object(&resource.resource)).collect::<Vec<_>>().into())
    });
    let observed = request.observed.clone().unwrap_or_default();
    json!({
        "input": object(&request.input),
        "context": object(&request.context),
        "composite": object(&observed.composite.clone().unwrap_or_default().resource),
        "observed": resources(&observed),
        "desired": resources(&request.desired.clone().unwrap_or_default()),
        "required": required.collect::<Map<_, _>>(),
    })
}
