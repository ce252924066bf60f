//! What the platform team writes. In: any bytes, as the JSON of a step's input. Out: nothing, or a panic.

use function_database::pipeline;
use function_database::wire::Object;
use serde_json::{Value, json};

/// An input is taken or refused with a sentence, the same each time; and one that is taken can say the same in the
/// platform's own values, over itself.
pub fn check(bytes: &[u8]) {
    let Some(value) = serde_json::from_slice::<Value>(bytes).ok() else { return };
    let Ok(input) = Object::try_of(&value) else { return };
    let said = |overlay| pipeline::check_input(&input, overlay).map_err(|why| why.to_string());
    let once = said(None);
    assert_eq!(once, said(None));
    assert!(once.as_ref().err().is_none_or(|why| why.trim().len() > 10), "{once:?}");
    let kind = value["kind"].as_str().unwrap_or_default();
    let overlay = Object::of(&json!({"data": {kind: value["spec"]}}));
    let twice = said(Some(&overlay));
    assert!(once.is_err() || twice.is_ok(), "{twice:?}");
}
