//! `validate`: every problem of claims, approvals and Compositions, with its place.

use super::documents::{self, Document};
use super::{Outcome, render};
use clap::Args;
use function_database::api::claim::Claim;
use function_database::api::input::{Manifest, TierDefaults};
use function_database::api::schema;
use function_database::plan;
use function_database::render::Composition;
use function_database::schema::{Schema, Violation};
use function_database::wire::Object;
use std::cell::OnceCell;
use std::path::PathBuf;

/// Check claims, approvals and Compositions: every problem with its file, line and column.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database validate databases/
  function-database validate claim.yaml --composition compositions/ours.yaml
  git diff --name-only origin/main -- '*.yaml' | xargs function-database validate")]
pub struct Arguments {
    /// Files or folders; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Another Composition than the shipped one, whose limits count.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// The form of the output.
    #[arg(long, default_value = "text", value_parser = ["text"])]
    format: String,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let policy = policy(&render::composition(arguments.composition.as_deref())?)?;
    let files = documents::read(&arguments.paths);
    let mut problems = files.unreadable;
    let (mut checked, mut others) = (0, 0);
    for document in &files.documents {
        match document.value["kind"].as_str() {
            Some("Database") if document.is("Database") => problems.extend(claim_problems(document, &policy)?),
            Some("DatabaseApproval") if document.is("DatabaseApproval") => problems.extend(schema_problems(document)?),
            Some("Composition") => problems.extend(composition_problems(document)),
            _ => {
                others += 1;
                continue;
            }
        }
        checked += 1;
    }
    for problem in &problems {
        anstream::println!("{problem}");
    }
    let skipped = if others == 0 { String::new() } else { format!(", {others} of other kinds skipped") };
    let count = problems.len();
    anstream::eprintln!("{checked} checked{skipped}: {count} problem{}", if count == 1 { "" } else { "s" });
    Ok(if problems.is_empty() { Outcome::Fine } else { Outcome::Problems })
}

fn schema_problems(document: &Document) -> anyhow::Result<Vec<String>> {
    let lines = violations(document)?.into_iter();
    Ok(lines.map(|found| format!("{}: {found}", document.place(&found.path))).collect())
}

/// What the API server would refuse.
pub fn violations(document: &Document) -> anyhow::Result<Vec<Violation>> {
    thread_local! {
        static CLAIM: OnceCell<Schema> = const { OnceCell::new() };
        static APPROVAL: OnceCell<Schema> = const { OnceCell::new() };
    }
    let (cell, source) = match document.is("Database") {
        true => (&CLAIM, schema::claim as fn() -> serde_json::Value),
        false => (&APPROVAL, schema::approval as fn() -> serde_json::Value),
    };
    cell.with(|cell| {
        let schema = match cell.get() {
            Some(schema) => schema,
            None => {
                let built = Schema::build(&source())?;
                cell.get_or_init(|| built)
            }
        };
        Ok(schema.check(&document.value))
    })
}

/// What the schema and the policy say against a claim, each path once: the policy knows better what would be right.
pub fn claim_problems(document: &Document, policy: &TierDefaults) -> anyhow::Result<Vec<String>> {
    let mut value = document.value.clone();
    if value["metadata"]["namespace"].is_null() {
        value["metadata"]["namespace"] = "default".into();
    }
    // A claim of the wrong shape cannot be understood, and the schema says why.
    let claim = Object::try_of(&value).and_then(|object| object.decode::<Claim>("")).ok();
    let planned = claim.map(|claim| plan::resolve(&claim, policy).and_then(|plan| plan::creation(&plan)));
    let planned = match planned {
        Some(Err(problems)) => problems.0,
        Some(Ok(())) | None => vec![],
    };
    let mut found: Vec<(String, String)> =
        planned.iter().map(|problem| (problem.path.clone(), problem.to_string())).collect();
    for violation in violations(document)? {
        if !planned.iter().any(|problem| problem.path == violation.path || violation.message.contains(&problem.path)) {
            found.push((violation.path.clone(), violation.to_string()));
        }
    }
    let mut lines: Vec<(u64, String)> = found
        .into_iter()
        .map(|(path, text)| (document.line(&path), format!("{}: {text}", document.place(&path))))
        .collect();
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

fn composition_problems(document: &Document) -> Vec<String> {
    let wrong = |error: String| vec![format!("{}: {error}", document.place("spec.pipeline"))];
    match Composition::read(&document.value) {
        Ok(composition) => composition.problems().into_iter().flat_map(wrong).collect(),
        Err(error) => wrong(error.to_string()),
    }
}

/// The tables of the first step.
pub fn policy(composition: &Composition) -> anyhow::Result<TierDefaults> {
    let inputs = composition.steps.iter().map(|step| &step.input);
    let mut tables = inputs.filter_map(|input| input.decode::<Manifest<TierDefaults>>("TierDefaults").ok());
    let first =
        tables.next().ok_or_else(|| super::Unreadable("the Composition has no readable TierDefaults".into()))?;
    Ok(first.spec)
}
