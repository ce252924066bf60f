//! `upgrade-check`: the same claims under two Compositions. In: both, and a corpus of claims. Out: what running databases
//! would suffer. Must not fail what only adds.

use super::compare;
use super::side::Side;
use crate::cli::{self, GaveUp, Outcome, documents, render};
use clap::Args;
use function_database::preview::{Change, upgrade};
use jiff::Timestamp;
use std::fmt::Write;
use std::path::PathBuf;

/// Check that another Composition deletes, renames and restarts nothing of the claims that are there.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database upgrade-check compositions/now.yaml compositions/next.yaml databases/

A deletion, a rename, a restart or worse, a change of a field that cannot change, and a claim that would be refused are
failures: each is said, and the exit code is 1. Use it with one claim for each engine and environment, or with all there are.")]
pub struct Arguments {
    /// The Composition that runs.
    old: PathBuf,
    /// The one that is to come.
    new: PathBuf,
    /// Files or folders with claims.
    #[arg(required = true, value_name = "CLAIM")]
    claims: Vec<PathBuf>,
    /// The time to compose for, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = cli::time)]
    now: Option<Timestamp>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let now = arguments.now.unwrap_or_else(Timestamp::now);
    let side = |composition: &PathBuf| {
        let composition = render::composition(Some(composition))?;
        Side::new(documents::read(&arguments.claims), String::new(), &composition, now)
    };
    let (old, new) = (side(&arguments.old)?, side(&arguments.new)?);
    new.unreadable.iter().for_each(cli::say);
    if new.claims.is_empty() && new.unreadable.is_empty() {
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    let preview = compare::compare(&old, &new)?;
    let (mut text, mut failing) = (String::new(), 0);
    for change in &preview.changes {
        let failures = upgrade::failures(change);
        let Change { namespace, name, file, .. } = change;
        failing += usize::from(!failures.is_empty());
        for failure in failures {
            writeln!(text, "{}: {namespace}/{name}: {failure}", file.as_deref().unwrap_or_default())?;
        }
    }
    let (same, changed) = (preview.unchanged, preview.changes.len() - failing);
    writeln!(
        text,
        "{} claims: {failing} fail, {changed} change without harm, {same} stay as they are",
        new.claims.len()
    )?;
    cli::print(&text)?;
    Ok(if failing > 0 || !new.unreadable.is_empty() { Outcome::Problems } else { Outcome::Fine })
}
