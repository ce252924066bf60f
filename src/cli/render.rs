//! `render`: what Crossplane would apply, without a cluster.

use super::{Outcome, Unreadable, documents, validate};
use clap::{Args, ValueEnum};
use function_database::render::{Composition, Rendered, render};
use function_database::wire::Severity;
use jiff::Timestamp;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The Composition that the package ships, with every default of the policy.
pub const SHIPPED: &str = include_str!("../../compositions/database.yaml");

/// Show what Crossplane would apply for claims: each composite with its status, then its composed resources.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database render claim.yaml
  function-database render claim.yaml --observed composed.yaml --required secrets.yaml -o json
  function-database render claim.yaml --composition compositions/ours.yaml --now 2026-12-24T18:00:00Z

Whatever else stands in the files of the claims, approvals for instance, counts as existing in the cluster.
Results, warnings and errors go to standard error. Secret values are masked.")]
pub struct Arguments {
    /// Files or folders with claims; - is standard input.
    #[arg(required = true, value_name = "CLAIM")]
    claims: Vec<PathBuf>,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// Composed resources that exist already.
    #[arg(long, value_name = "FILE")]
    observed: Vec<PathBuf>,
    /// Other resources that exist: approvals, secrets, volumes, the EnvironmentConfig.
    #[arg(long, value_name = "FILE")]
    required: Vec<PathBuf>,
    /// The time to render for, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// The form of the output.
    #[arg(short, long, default_value = "yaml")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    Yaml,
    Json,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let composition = composition(arguments.composition.as_deref())?;
    for step in &composition.skipped {
        anstream::eprintln!("note: step {step} is another function's, so it is not run");
    }
    let files = documents::read(&arguments.claims);
    files.unreadable.iter().for_each(|line| anstream::eprintln!("{line}"));
    let (claims, others): (Vec<_>, Vec<_>) = files.documents.into_iter().partition(|document| document.is("Database"));
    let mut trouble = !files.unreadable.is_empty();
    if claims.is_empty() && !trouble {
        return Err(Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    let mut cluster: Vec<Value> = others.into_iter().map(|document| document.value).collect();
    let (mut observed, mut shown) = (vec![], vec![]);
    for path in &arguments.observed {
        observed.extend(documents::read_one(path)?);
    }
    for path in &arguments.required {
        cluster.extend(documents::read_one(path)?);
    }
    let now = arguments.now.unwrap_or_else(Timestamp::now);
    for claim in &claims {
        if !validate::violations(claim)?.is_empty() {
            // The API server would not take it, so there is nothing to render.
            let problems = validate::claim_problems(claim, &validate::policy(&composition)?)?;
            problems.iter().for_each(|problem| anstream::eprintln!("{problem}"));
            trouble = true;
            continue;
        }
        let rendered = render(&composition, &claim.value, &observed, &cluster, now);
        trouble |= say(&claim.file, &rendered);
        shown.push(rendered.composite);
        shown.extend(rendered.resources.into_iter().map(masked));
    }
    print(&shown, arguments.output)?;
    Ok(if trouble { Outcome::Problems } else { Outcome::Fine })
}

/// The shipped Composition, or the user's.
pub fn composition(path: Option<&Path>) -> anyhow::Result<Composition> {
    let documents = match path {
        Some(path) => documents::read_one(path)?,
        None => serde_saphyr::from_multiple(SHIPPED)?,
    };
    let found = documents.iter().find(|document| document["kind"] == "Composition");
    let shown = path.map(|path| path.display().to_string()).unwrap_or_default();
    let found = found.ok_or_else(|| Unreadable(format!("{shown}: there is no Composition in this file")))?;
    Composition::read(found).map_err(|error| Unreadable(format!("{shown}: {error}")).into())
}

/// What a person should hear, and whether it is a problem of theirs. An awaited approval is none.
fn say(file: &str, rendered: &Rendered) -> bool {
    for event in &rendered.events {
        let (word, style) = match event.severity {
            Severity::Fatal => ("fatal", anstyle::AnsiColor::Red),
            Severity::Warning => ("warning", anstyle::AnsiColor::Yellow),
            Severity::Normal => ("note", anstyle::AnsiColor::Blue),
        };
        let style = style.on_default().bold();
        anstream::eprintln!("{file}: {style}{word}{style:#} {}: {}", event.reason, event.message);
    }
    let invalid = rendered.conditions.iter().any(|condition| condition.reason == "Invalid");
    rendered.fatal.is_some() || invalid
}

/// No secret value leaves, whoever asked for it.
fn masked(mut value: Value) -> Value {
    if value["apiVersion"] == "v1" && value["kind"] == "Secret" {
        for field in ["data", "stringData"] {
            if let Some(data) = value.get_mut(field).and_then(Value::as_object_mut) {
                data.values_mut().for_each(|secret| *secret = "***".into());
            }
        }
    }
    if let Some(manifest) = value.pointer_mut("/spec/forProvider/manifest") {
        *manifest = masked(manifest.take());
    }
    value
}

fn print(documents: &[Value], output: Output) -> anyhow::Result<()> {
    let text = match output {
        Output::Json => serde_json::to_string_pretty(documents)? + "\n",
        Output::Yaml => {
            let texts = documents.iter().map(serde_saphyr::to_string).collect::<Result<Vec<_>, _>>()?;
            texts.join("---\n")
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_wherever_they_are() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "stringData": {"a": "b"}});
        let wrapped = json!({"kind": "Object", "spec": {"forProvider": {"manifest": secret}}});
        for value in [masked(secret.clone()), masked(wrapped)] {
            let text = value.to_string();
            assert!(!text.contains("aHVudGVyMg") && !text.contains("\"b\""), "{text}");
            assert!(text.contains("***"));
        }
    }
}
