//! Every field of what people write, as pages of the documentation. In: the types of the contract. Out: Markdown. Must not
//! say what a schema does not, and must not be called by the program, whose repository has the pages.

use super::{rules, structural};
use crate::api::claim::DatabaseSpec;
use crate::api::input::{ApprovalGate, Engines, Integrations, Report, Step, TierDefaults};
use crate::api::status::Status;
use serde_json::Value;
use std::fmt::Write;

const NOTE: &str = "Generated from the types in `src/api` by `UPDATE=1 cargo test --test generated`.";

/// The developer's: what a claim may say, and what its status says.
pub fn claim() -> String {
    let mut page = format!(
        "# Every field of a claim\n\n{NOTE}\n\nA `Database` is of `db.platform.io/v1`. What the tier decides, a claim may leave \
         out; `function-database explain CLAIM` shows what it then is.\n\nSee what a claim means in the [developer's guide](developer.md), \
         and what its states mean in [states](states.md).\n"
    );
    let spec = structural::with_defaults::<DatabaseSpec>();
    sections(&mut page, "spec", &spec, "##");
    page += "\n## What holds between fields\n\nAn edit that breaks one of these is refused by `kubectl apply`, by `validate` and by the \
             function, in the same words.\n\n";
    let rules = [rules::on_spec(), rules::on_root_namespaced()];
    for message in rules.iter().flat_map(list).filter_map(|rule| rule["message"].as_str()) {
        let _ = writeln!(page, "- {message}");
    }
    page += "\n## `status`\n\nWritten by the function at every look, whole. It proves nothing to others, since whoever may write it could forge it.\n";
    sections(&mut page, "status", &structural::with_defaults::<Status>(), "###");
    page
}

/// The platform engineer's: what the inputs of the five steps may say.
pub fn inputs() -> String {
    let mut page = format!(
        "# Every field of the inputs\n\n{NOTE}\n\nThe inputs stand in the Composition, one for each step, as `fn.db.platform.io/v1` with \
         a `spec`. Values of your own go over them from the `EnvironmentConfig` `database-platform`, in `data.KIND` \
         ([how](platform.md)). `NAME` stands for a name that is chosen, `[]` for each entry of a list.\n"
    );
    for step in Step::ALL {
        let (about, schema) = match step {
            Step::TierDefaults => ("the first step, `tier-defaults`", structural::with_defaults::<TierDefaults>()),
            Step::ApprovalGate => {
                ("the second step, `production-approval`", structural::with_defaults::<ApprovalGate>())
            }
            Step::Engines => ("the third step, `compose-engine`", structural::with_defaults::<Engines>()),
            Step::Integrations => ("the fourth step, `integrate`", structural::with_defaults::<Integrations>()),
            Step::Report => ("the last step, `report`", structural::with_defaults::<Report>()),
        };
        let _ = write!(page, "\n## {}\n\nThe input of {about}. {}\n", step.kind(), described(&schema));
        sections(&mut page, "", &schema, "###");
    }
    page
}

/// A table of the plain fields, and one for each field that has fields.
fn sections(page: &mut String, path: &str, schema: &Value, heading: &str) {
    let (deep, plain): (Vec<_>, Vec<_>) = properties(schema).partition(|(_, field)| inner(field).is_some());
    let mut rows = vec![];
    for (name, field) in plain {
        rows.push(row(&joined(path, name), field, is_required(schema, name)));
    }
    table(page, &rows);
    for (name, field) in deep {
        let path = joined(path, name);
        let needed = if is_required(schema, name) { " Required." } else { "" };
        let _ = write!(page, "\n{heading} `{path}`\n\n{}{needed}\n", described(field));
        let mut rows = vec![];
        fields(&path, field, &mut rows);
        table(page, &rows);
    }
}

fn table(page: &mut String, rows: &[String]) {
    if !rows.is_empty() {
        let _ = write!(page, "\n| field | type | default | meaning |\n|---|---|---|---|\n{}", rows.concat());
    }
}

/// All that is below a field, in the schema's order.
fn fields(path: &str, schema: &Value, rows: &mut Vec<String>) {
    if let Some((of, inner)) = inner(schema).filter(|_| schema.get("properties").is_none()) {
        let path = format!("{path}{of}");
        if inner.get("properties").is_none() {
            rows.push(row(&path, inner, false));
        }
        return fields(&path, inner, rows);
    }
    for (name, field) in properties(schema) {
        let path = joined(path, name);
        rows.push(row(&path, field, is_required(schema, name)));
        fields(&path, field, rows);
    }
}

/// What a field holds that has fields of its own, and how its path goes on.
fn inner(schema: &Value) -> Option<(&'static str, &Value)> {
    let entries = [(".NAME", schema.get("additionalProperties")), ("[]", schema.get("items"))];
    match properties(schema).next() {
        Some(_) => Some(("", schema)),
        None => entries.into_iter().find_map(|(of, entry)| {
            let entry = entry?;
            (of == ".NAME" && entry.get("type") != Some(&"string".into()) || inner(entry).is_some())
                .then_some((of, entry))
        }),
    }
}

fn row(path: &str, schema: &Value, required: bool) -> String {
    let default = match schema.get("default").filter(|value| !is_nothing(value)) {
        Some(value) => code(&shown(value)),
        None if required => "required".into(),
        None => String::new(),
    };
    format!("| `{path}` | {} | {default} | {} |\n", kind(schema), described(schema))
}

/// Lines of the source are one; what is said of each name of an enumeration begins one.
fn described(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let names: Vec<&str> = list(&schema["enum"]).filter_map(Value::as_str).collect();
    let mut cell = String::new();
    for line in text.lines() {
        match line.split_once(": ").filter(|(name, _)| names.contains(name)) {
            Some((name, about)) => _ = write!(cell, "<br>{}: {about}", code(name)),
            None if line.is_empty() => cell += "<br>",
            None if cell.is_empty() || cell.ends_with("<br>") => cell += line,
            None => _ = write!(cell, " {line}"),
        }
    }
    cell.trim_start_matches("<br>").replace('|', "\\|")
}

/// The type with its bounds.
fn kind(schema: &Value) -> String {
    let number = |word: &str| schema.get(word).and_then(Value::as_i64);
    let names: Vec<String> = list(&schema["enum"]).filter_map(Value::as_str).map(code).collect();
    if !names.is_empty() {
        return names.join(", ");
    }
    if schema.get("x-kubernetes-int-or-string").is_some() {
        return "amount".into();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => match (number("minimum"), number("maximum")) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("number, {low} or more"),
            (None, Some(high)) => format!("number, {high} or less"),
            (None, None) => "number".into(),
        },
        Some("boolean") => "true or false".into(),
        Some("array") => {
            format!("list of {}, at most {}", kind(&schema["items"]), number("maxItems").unwrap_or_default())
        }
        Some("object") => match schema.get("additionalProperties") {
            Some(entry) => match schema.pointer("/x-kubernetes-validations/0/message").and_then(Value::as_str) {
                Some(message) => format!("{}, each with {}", message.trim_start_matches("write "), kind(entry)),
                None => format!("names, each with {}", kind(entry)),
            },
            None => "fields".into(),
        },
        _ => match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => code(pattern),
            None => format!("text, at most {}", number("maxLength").unwrap_or_default()),
        },
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// Nobody needs to read that what is left out is left out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn is_required(schema: &Value, name: &str) -> bool {
    list(&schema["required"]).any(|required| required == name)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
