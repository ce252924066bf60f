//! What an edit cannot change, in both languages, as in `rules`. These are for whoever edits; the function itself holds
//! against the applied plan. Must not hold a database that runs nothing to anything: everything of it can be corrected.

use super::rules::{Rule, engine};
use crate::api::quantity::Bytes;
use crate::schema::{self, Holds};
use serde_json::Value;

/// While nothing runs, everything can be corrected.
const FREE: &str = "has(oldSelf.status) && !has(oldSelf.status.resolved)";

const FIXED: &str = "it is fixed at creation; write the value it had, or make another database";

/// On the root of a claim.
///
/// What was written and is not what runs can be set back to what runs, or an edit that got past these rules, such as one
/// under a status that somebody erased, could never be taken back. Storage likewise, after an edit beyond the limit.
pub fn claim() -> [Rule; 6] {
    let optional = |field: &str| {
        let (new, old, runs) =
            (format!("self.spec.{field}"), format!("oldSelf.spec.{field}"), format!("oldSelf.status.resolved.{field}"));
        format!(
            "(has({new}) == has({old}) && (!has({new}) || {new} == {old})) || \
             (has(oldSelf.status) && (has({new}) ? has({runs}) && {new} == {runs} \
             : has({old}) && (!has({runs}) || {old} != {runs})))"
        )
    };
    let engines = |of: &str| format!("(has({of}.spec.engine) ? {of}.spec.engine : 'postgresql')");
    let runs = "(has(oldSelf.status) ? oldSelf.status.resolved.storage : oldSelf.spec.storage)";
    let growth = format!(
        "self.spec.storage == oldSelf.spec.storage || (isQuantity(self.spec.storage) && isQuantity({runs}) && \
         quantity(self.spec.storage).compareTo(quantity({runs})) >= 0)"
    );
    let is_what_was_or_runs = |field: &str, new: &str, old: &str| {
        let runs = format!("oldSelf.status.resolved.{field}");
        format!("{new} == {old} || (has(oldSelf.status) && has({runs}) && {new} == {runs})")
    };
    let same_engine = is_what_was_or_runs("engine", &engines("self"), &engines("oldSelf"));
    let same =
        |field: &str| is_what_was_or_runs(field, &format!("self.spec.{field}"), &format!("oldSelf.spec.{field}"));
    [
        edit("spec.name", FIXED, same("name"), |old, new| {
            is_open(old, new) || is_kept(old, new, "name") || goes_back(old, new, "name")
        }),
        edit("spec.environment", FIXED, same("environment"), |old, new| {
            is_open(old, new) || is_kept(old, new, "environment") || goes_back(old, new, "environment")
        }),
        edit("spec.engine", FIXED, same_engine, |old, new| {
            is_open(old, new)
                || engine(old) == engine(new)
                || engine(new).is_some_and(|engine| old["status"]["resolved"]["engine"] == engine)
        }),
        edit("spec.topology", FIXED, optional("topology"), |old, new| {
            is_open(old, new) || old["spec"]["topology"] == new["spec"]["topology"] || goes_back(old, new, "topology")
        }),
        edit("spec.storageClass", FIXED, optional("storageClass"), |old, new| {
            is_open(old, new)
                || old["spec"]["storageClass"] == new["spec"]["storageClass"]
                || goes_back(old, new, "storageClass")
        }),
        edit("spec.storage", "storage only grows; write the amount it had, or more", growth, |old, new| {
            is_open(old, new) || is_kept(old, new, "storage") || has_grown(old, new)
        }),
    ]
}

/// On the spec of an approval.
pub fn approval() -> [Rule; 1] {
    let message = "an approval cannot be changed; delete it and make another one";
    let holds = Holds::Edit(|old, new| old["spec"] == new["spec"]);
    [Rule { cel: "self == oldSelf".into(), rust: schema::Rule { path: "spec", message, holds } }]
}

fn edit(path: &'static str, message: &'static str, cel: String, holds: fn(&Value, &Value) -> bool) -> Rule {
    let cel = format!("({FREE}) || ({cel})");
    Rule { cel, rust: schema::Rule { path, message, holds: Holds::Edit(holds) } }
}

/// Whether nothing runs yet, or nothing is left to compare, which is told already.
fn is_open(old: &Value, new: &Value) -> bool {
    let runs_nothing = old["status"].is_object() && old["status"].get("resolved").is_none();
    runs_nothing || !new["spec"].is_object()
}

/// Of a field that is required: that it is missing is told already.
fn is_kept(old: &Value, new: &Value, field: &str) -> bool {
    new["spec"][field].is_null() || new["spec"][field] == old["spec"][field]
}

/// Whether it is what runs again, after something else had been written.
fn goes_back(old: &Value, new: &Value, field: &str) -> bool {
    let (new, old, runs) = (&new["spec"][field], &old["spec"][field], &old["status"]["resolved"]);
    runs.is_object() && if new.is_null() { !old.is_null() && *old != runs[field] } else { *new == runs[field] }
}

/// Whether it is at least what runs; of what nothing was reported yet, at least what was written.
fn has_grown(old: &Value, new: &Value) -> bool {
    let runs = if old["status"].is_object() { &old["status"]["resolved"] } else { &old["spec"] };
    let amount = |of: &Value| of["storage"].as_str().and_then(|text| Bytes::parse(text).ok());
    amount(runs).zip(amount(&new["spec"])).is_some_and(|(runs, wanted)| wanted >= runs)
}
