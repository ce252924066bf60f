//! `render`: what Crossplane would apply, without a cluster.

use super::documents::{self, Document, Files};
use super::{GaveUp, Outcome, mermaid, validate};
use clap::{Args, ValueEnum};
use function_database::carried;
use function_database::preview::resources::masked;
use function_database::render::{Composition, KEY, Rendered, render};
use function_database::wire::{Event, Severity};
use jiff::Timestamp;
use serde_json::Value;
use std::path::{Path, PathBuf};
use validate::Kind;

/// Show what Crossplane would apply for claims: each composite with its status, then its composed resources.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database render claim.yaml
  function-database render claim.yaml --observed composed.yaml --cluster secrets.yaml -o json
  function-database render claim.yaml --composition compositions/ours.yaml --now 2026-12-24T18:00:00Z
  function-database render claim.yaml -o mermaid

Whatever else stands in the files of the claims, approvals for instance, counts as existing in the cluster.
Results, warnings and errors go to standard error. Secret values are masked.")]
pub struct Arguments {
    /// Files or folders with claims; - is standard input.
    #[arg(required = true, value_name = "CLAIM")]
    claims: Vec<PathBuf>,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// A file or folder with composed resources that exist already; of one claim.
    #[arg(long, value_name = "PATH")]
    observed: Vec<PathBuf>,
    /// A file or folder with whatever else exists: approvals, secrets, volumes, the EnvironmentConfig.
    #[arg(long, value_name = "PATH")]
    cluster: Vec<PathBuf>,
    /// The time to render for, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    now: Option<Timestamp>,
    /// The form of the output; mermaid is a diagram.
    #[arg(short, long, default_value = "yaml")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    Yaml,
    Json,
    Mermaid,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let composition = composition(arguments.composition.as_deref())?;
    for step in &composition.skipped {
        super::say(format_args!("note: step {step} is another function's, so it is not run"));
    }
    let files = documents::read(&arguments.claims);
    files.unreadable.iter().for_each(super::say);
    let mut trouble = !files.unreadable.is_empty();
    let (mut claims, mut cluster) = (vec![], existing(&arguments.cluster)?);
    for document in files.documents {
        // The API server would not take it, so there is nothing to render: then all that is wrong, at once.
        if !validate::refused(&document)?.is_empty() {
            let found = validate::findings(&document, &validate::policy(&composition)?)?;
            found.iter().flatten().for_each(|finding| super::say(finding.line(&document.file)));
            trouble = true;
        } else if validate::kind(&document) == Kind::Claim {
            claims.push(document);
        } else {
            cluster.push(document.value);
        }
    }
    if claims.is_empty() {
        if trouble {
            return Ok(Outcome::Problems);
        }
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    if claims.len() > 1 && !arguments.observed.is_empty() {
        let count = claims.len();
        return Err(GaveUp::Usage(format!("--observed is of one claim, but there are {count}; give one")).into());
    }
    let observed = existing(&arguments.observed)?;
    for value in observed.iter().filter(|value| value["metadata"]["annotations"][KEY].is_null()) {
        let (kind, name) = (&value["kind"], &value["metadata"]["name"]);
        let (kind, name) = (kind.as_str().unwrap_or("document"), name.as_str().unwrap_or("without a name"));
        super::say(format_args!(
            "note: observed {kind} {name} has no annotation {KEY}, so it is not taken as composed"
        ));
    }
    let now = arguments.now.unwrap_or_else(Timestamp::now);
    let mut shown = vec![];
    for claim in &claims {
        let rendered = render(&composition, &claim.value, &observed, &cluster, now);
        trouble |= say(claim, &rendered);
        shown.push((rendered.composite, rendered.resources.into_iter().map(masked).collect()));
    }
    print(shown, arguments.output)?;
    Ok(if trouble { Outcome::Problems } else { Outcome::Fine })
}

/// What exists. To render without a part that cannot be read would show something else than Crossplane does.
fn existing(paths: &[PathBuf]) -> anyhow::Result<Vec<Value>> {
    let files = documents::read(paths);
    match files.unreadable.is_empty() {
        true => Ok(files.documents.into_iter().map(|document| document.value).collect()),
        false => Err(GaveUp::Unreadable(files.unreadable.join("\n")).into()),
    }
}

/// The shipped Composition, or the user's; one with mistakes would stop every claim, so they are said instead.
pub fn composition(path: Option<&Path>) -> anyhow::Result<Composition> {
    match path {
        None => Ok(Composition::read(&serde_json::from_str(&carried::text("composition.json"))?)?),
        Some(path) => composition_of(&documents::read(&[path.into()]), &path.display().to_string()),
    }
}

/// The manifest of the Composition in a file.
pub fn manifest(path: &Path) -> anyhow::Result<Value> {
    let files = documents::read(&[path.into()]);
    Ok(checked(&files, &path.display().to_string())?.value.clone())
}

/// The Composition in a file that was read already.
pub fn composition_of(files: &Files, shown: &str) -> anyhow::Result<Composition> {
    let found = checked(files, shown)?;
    Composition::read(&found.value).map_err(|error| GaveUp::Unreadable(format!("{shown}: {error}")).into())
}

fn checked<'a>(files: &'a Files, shown: &str) -> anyhow::Result<&'a Document> {
    if !files.unreadable.is_empty() {
        return Err(GaveUp::Unreadable(files.unreadable.join("\n")).into());
    }
    let found = files.documents.iter().find(|document| validate::kind(document) == Kind::Composition);
    let found =
        found.ok_or_else(|| GaveUp::Unreadable(format!("{shown}: there is no Composition with our steps in it")))?;
    let problems: Vec<String> = validate::composition(found).iter().map(|finding| finding.line(&found.file)).collect();
    if !problems.is_empty() {
        return Err(GaveUp::Unreadable(format!("the Composition has mistakes\n{}", problems.join("\n"))).into());
    }
    Ok(found)
}

/// What a person should hear, and whether it is a problem of theirs. An awaited approval is none.
fn say(claim: &Document, rendered: &Rendered) -> bool {
    let file = &claim.file;
    for event in &rendered.events {
        let (word, style) = match event.severity {
            Severity::Fatal => ("fatal", anstyle::AnsiColor::Red),
            Severity::Warning => ("warning", anstyle::AnsiColor::Yellow),
            Severity::Normal => ("note", anstyle::AnsiColor::Blue),
        };
        let style = style.on_default().bold();
        let Event { reason, message, .. } = event;
        for message in message.lines() {
            let path = message.split_once(": ").map_or("", |(path, _)| path);
            let (line, column) = claim.at(path);
            super::say(format_args!("{file}:{line}:{column}: {style}{word}{style:#} {reason}: {message}"));
        }
    }
    let invalid = rendered.conditions.iter().any(|condition| condition.reason == "Invalid");
    rendered.fatal.is_some() || invalid
}

fn print(composites: Vec<(Value, Vec<Value>)>, output: Output) -> anyhow::Result<()> {
    let all = || composites.iter().flat_map(|(composite, resources)| std::iter::once(composite).chain(resources));
    let text = match output {
        Output::Mermaid => mermaid::diagram(&composites),
        Output::Json => serde_json::to_string_pretty(&all().collect::<Vec<_>>())? + "\n",
        Output::Yaml => all().map(serde_saphyr::to_string).collect::<Result<Vec<_>, _>>()?.join("---\n"),
    };
    Ok(super::print(&text)?)
}
