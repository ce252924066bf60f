//! A change in words. In: two sets of terms. Out: one line for each difference, `replicas 3 -> 5`.

use crate::api::plan::{Notes, Plan, Terms};
use crate::map::set;
use crate::operators;
use crate::plan::promotion;
use serde::Serialize;
use serde_json::Value;

/// In the order of the paths. A new database is described by all of its terms. First of all what would be
/// overlooked.
pub fn words(from: Option<&Terms>, to: &Terms) -> Vec<String> {
    let mut lines = between(from, to);
    if let Some(standby) = from.and_then(|from| from.standby.as_ref())
        && !to.standby.as_ref().is_some_and(|to| to.is_beside(standby))
    {
        lines.insert(0, format!("the standby in {} is deleted", standby.region));
    }
    lines
}

/// The same of an edit, which may be a promotion.
pub fn of_edit(from: &Plan, to: &Plan) -> Vec<String> {
    let Some(standby) = promotion::of(from, to) else { return words(Some(&from.terms), &to.terms) };
    let region = &standby.region;
    let first = match (to.requests.failover, operators::of(from.terms.operator).features().standby) {
        (false, _) => format!("the standby in {region} becomes the database; nothing is lost"),
        (true, lost) => format!(
            "the standby in {region} becomes the database; up to {} of what was written last are lost, and nobody may write \
             to the old one any more",
            lost.unwrap_or_default()
        ),
    };
    let mut lines = vec![first];
    lines.extend(between(Some(&from.terms), &to.terms));
    lines
}

/// The same for anything that is written down.
pub fn between<T: Serialize>(from: Option<&T>, to: &T) -> Vec<String> {
    let from = from.and_then(|value| serde_json::to_value(value).ok()).unwrap_or(Value::Null);
    let to = serde_json::to_value(to).unwrap_or(Value::Null);
    let mut lines = vec![];
    compare(String::new(), &from, &to, &mut lines);
    lines
}

/// The same of what needs nobody's leave, as far as it runs.
pub fn notes(from: &Notes, to: &Notes) -> Vec<String> {
    let runs = |notes: &Notes| serde_json::json!({"release": notes.release, "tuned": notes.tuned});
    let mut lines = vec![];
    compare(String::new(), &runs(from), &runs(to), &mut lines);
    lines
}

fn compare(path: String, from: &Value, to: &Value, lines: &mut Vec<String>) {
    if from == to {
        return;
    }
    if !from.is_object() && !to.is_object() {
        lines.push(match from {
            Value::Null => format!("{path} {}", word(to)),
            _ => format!("{path} {} -> {}", word(from), word(to)),
        });
        return;
    }
    let keys = |value: &Value| value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default();
    let names = set([keys(from), keys(to)].into_iter().flat_map(|keys: Vec<String>| keys));
    for name in names {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(below, from.get(&name).unwrap_or(&Value::Null), to.get(&name).unwrap_or(&Value::Null), lines);
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "default".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(","),
        Value::Object(fields) => fields.values().map(word).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
