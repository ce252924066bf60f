//! `upgrade-check`: the same claims under two Compositions or two programs. In: both, a corpus of claims, and what exists of
//! them. Out: what running databases would suffer. Must not fail what only adds.
//!
//! Both sides are composed as if everybody had agreed and every maintenance window were open: what may come at all is looked
//! at, not when.

use super::program::Program;
use crate::cli::cores::on_every_core;
use crate::cli::documents::{self, Document};
use crate::cli::validate::{self, Kind};
use crate::cli::{self, GaveUp, Outcome, render};
use clap::Args;
use function_database::api::input::Step;
use function_database::preview::upgrade::{self, Side};
use function_database::render::{Composition, render};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Check that another Composition, or this program after another, deletes, renames and restarts nothing of the claims there are.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database upgrade-check compositions/now.yaml compositions/next.yaml databases/
  function-database upgrade-check compositions/now.yaml compositions/now.yaml databases/ --binary ./function-database-0.1
  kubectl get cluster,databaserecord -A -o yaml > observed.yaml
  function-database upgrade-check compositions/now.yaml compositions/next.yaml databases/ --observed observed.yaml

A deletion, a rename, a restart or worse, a change of a field that cannot change, and a claim that would be refused are
failures: each is said, and the exit code is 1. Use it with one claim for each engine and environment, or with all there are.
Without --observed, what exists is what the old Composition makes; what is observed is known by Crossplane's labels.")]
pub struct Arguments {
    /// The Composition that runs.
    old: PathBuf,
    /// The one that is to come.
    new: PathBuf,
    /// Files or folders with claims.
    #[arg(required = true, value_name = "CLAIM")]
    claims: Vec<PathBuf>,
    /// The function-database that runs, if it is another release than this one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// A file or folder with composed resources as the cluster has them, records included.
    #[arg(long, value_name = "PATH")]
    observed: Vec<PathBuf>,
    /// The time to compose for, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = cli::time)]
    now: Option<Timestamp>,
}

/// What is looked at of one claim.
struct Case<'a> {
    document: &'a Document,
    /// With every window open.
    claim: Value,
    observed: Vec<Value>,
    /// The platform's own values.
    cluster: Vec<Value>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let now = arguments.now.unwrap_or_else(Timestamp::now);
    let (old, new) = (ungated(&arguments.old)?, ungated(&arguments.new)?);
    let program = arguments.binary.as_ref().map(|binary| Program::new(binary, &old, now)).transpose()?;
    let (old, new) = (Composition::read(&old)?, Composition::read(&new)?);
    let files = documents::read(&arguments.claims);
    let observed = documents::read(&arguments.observed);
    files.unreadable.iter().chain(&observed.unreadable).for_each(cli::say);
    let mut trouble = !files.unreadable.is_empty() || !observed.unreadable.is_empty();
    let mut cases = vec![];
    for document in files.documents.iter().filter(|document| validate::kind(document) == Kind::Claim) {
        let refused = validate::refused(document)?;
        refused.iter().for_each(|finding| cli::say(finding.line(&document.file)));
        match refused.is_empty() {
            true => cases.push(case(document, &files.documents, &observed.documents)),
            false => trouble = true,
        }
    }
    if cases.is_empty() && !trouble {
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    let sides = |case: &Case| -> anyhow::Result<(Side, Side)> {
        let by_the_old = |exists: &[Value]| match &program {
            Some(program) => program.render(&case.claim, exists, &case.cluster),
            None => Ok(rendered(&old, case, exists, now)),
        };
        // Both look at the same state.
        let exists = if case.observed.is_empty() { by_the_old(&[])?.1 } else { case.observed.clone() };
        let ((from, made), (to, makes)) = (by_the_old(&exists)?, rendered(&new, case, &exists, now));
        Ok((Side::of(&made, from)?, Side::of(&makes, to)?))
    };
    let (mut text, mut failing, mut same, mut skipped) = (String::new(), 0, 0, 0);
    for (case, sides) in cases.iter().zip(on_every_core(&cases, sides)) {
        let Document { file, value, .. } = case.document;
        let metadata = &value["metadata"];
        let named = |field: &str, otherwise| metadata[field].as_str().unwrap_or(otherwise).to_owned();
        let named = format!("{file}: {}/{}", named("namespace", "default"), named("name", ""));
        let (from, to) = sides?;
        if from.plan.is_none() {
            cli::say(format_args!("note: {named}: nothing runs by the old one: {}", from.problems.join("; ")));
            skipped += 1;
            continue;
        }
        let failures = upgrade::failures(&from, &to);
        failing += usize::from(!failures.is_empty());
        same += usize::from(from == to);
        failures.iter().try_for_each(|failure| writeln!(text, "{named}: {failure}"))?;
    }
    let changed = cases.len() - failing - same - skipped;
    write!(text, "{} claims: {failing} fail, {changed} change without harm, {same} stay as they are", cases.len())?;
    text += &if skipped > 0 { format!(", {skipped} did not run\n") } else { "\n".into() };
    cli::print(&text)?;
    Ok(if failing > 0 || trouble { Outcome::Problems } else { Outcome::Fine })
}

fn case<'a>(document: &'a Document, files: &[Document], observed: &[Document]) -> Case<'a> {
    let mut claim = document.value.clone();
    claim["spec"]["maintenance"]["urgent"] = true.into();
    let (namespace, name) = (claim["metadata"]["namespace"].as_str().unwrap_or("default"), &claim["metadata"]["name"]);
    let is_its = |metadata: &Value| {
        let labels = &metadata["labels"];
        let named = labels["crossplane.io/composite"] == *name || labels["crossplane.io/claim-name"] == *name;
        named && (metadata["namespace"].is_null() || metadata["namespace"] == namespace)
    };
    let values = |documents: &[Document], of: &dyn Fn(&Document) -> bool| -> Vec<Value> {
        documents.iter().filter(|it| of(it)).map(|it| it.value.clone()).collect()
    };
    let mut cluster = values(files, &|it| validate::is_overlay(it) && it.file == document.file);
    if cluster.is_empty() {
        cluster = values(files, &validate::is_overlay);
        cluster.retain(|_| files.iter().filter(|it| validate::is_overlay(it)).count() == 1);
    }
    for overlay in &mut cluster {
        overlay.pointer_mut("/data/ApprovalGate").into_iter().for_each(only_deletions);
    }
    let observed = values(observed, &|it| is_its(&it.value["metadata"]));
    Case { document, claim, observed, cluster }
}

/// A Composition that needs nobody's leave. That deletions need one decides what is composed, so that stays.
fn ungated(path: &Path) -> anyhow::Result<Value> {
    let mut manifest = render::manifest(path)?;
    let steps = manifest["spec"]["pipeline"].as_array_mut();
    for step in steps.into_iter().flatten().filter(|step| step["input"]["kind"] == Step::ApprovalGate.kind()) {
        if step["input"]["spec"]["operations"].is_null() {
            step["input"]["spec"]["operations"] = json!(["Delete"]);
        }
        only_deletions(&mut step["input"]["spec"]);
    }
    Ok(manifest)
}

fn only_deletions(gate: &mut Value) {
    let operations = gate.get_mut("operations").and_then(Value::as_array_mut);
    operations.into_iter().for_each(|operations| operations.retain(|it| it == "Delete"));
}

/// What is wrong, and what is composed.
fn rendered(composition: &Composition, case: &Case, exists: &[Value], now: Timestamp) -> (Vec<String>, Vec<Value>) {
    let rendered = render(composition, &case.claim, exists, &case.cluster, now);
    let problems = rendered.fatal.map_or_else(|| super::program::problems(&rendered.composite), |why| vec![why]);
    (problems, rendered.resources)
}
