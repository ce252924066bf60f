//! `plan`: what an edit would do. In: claims before and after, the policy before and after. Out: for each database what
//! happens to it, whose leave it needs and what it costs. Must not know what runs: the claim before stands for it.

mod compare;
mod git;
mod markdown;
mod program;
mod side;
mod text;
pub mod upgrade;

use super::documents::{self, Files};
use super::{GaveUp, Outcome, render, validate};
use clap::{Args, ValueEnum};
use function_database::api::claim::Claim;
use function_database::api::plan::DatabaseName;
use function_database::api::status::Class;
use function_database::preview::{Change, Preview};
use function_database::render::Composition;
use jiff::Timestamp;
use side::Side;
use std::path::{Path, PathBuf};

pub use text::short;

/// With `--exit-code`, where something needs an approval.
const NEEDS_APPROVAL: u8 = 4;
/// With `--exit-code`, where data would be lost.
const LOSES_DATA: u8 = 5;

/// Show what an edit of claims, or of the platform's policy, does to each database, before it is merged.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database plan --base origin/main databases/
  function-database plan --base origin/main --composition compositions/ours.yaml databases/
  function-database plan --base origin/main databases/ --format markdown | gh pr comment --body-file -
  function-database plan before/ after/
  kubectl get sdb orders -n checkout -o yaml | function-database plan - databases/orders.yaml

What runs is taken to be the claim before. Signs: + is new, - is gone, ~ changes, ! is refused.
An EnvironmentConfig database-platform among the files counts for the claims of its file, or for all if it is the only one.

Exit codes: 1 if a change is refused or a file cannot be read; with --exit-code also 4 if something needs an approval,
and 5 if data would be lost.")]
pub struct Arguments {
    /// Files or folders before and after; with --base, those to compare. - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Compare with this git revision.
    #[arg(long, value_name = "REVISION")]
    base: Option<String>,
    /// Instead of the files as they are now, those of this git revision.
    #[arg(long, value_name = "REVISION", requires = "base")]
    head: Option<String>,
    /// Another Composition than the shipped one; before the edit, as it was in the base.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// The Composition before the edit, if it was another one.
    #[arg(long, value_name = "FILE", conflicts_with = "base")]
    composition_before: Option<PathBuf>,
    /// The form of the output; markdown fits the comment of a pull request.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Exit with 4 if something needs an approval, with 5 if data would be lost.
    #[arg(long)]
    exit_code: bool,
    /// The time to compose for, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    now: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Json,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let now = arguments.now.unwrap_or_else(Timestamp::now);
    let [before, after] = match &arguments.base {
        Some(base) => revisions(arguments, base, now)?,
        None => folders(arguments, now)?,
    };
    let preview = preview(&before, &after)?;
    super::print(&match arguments.format {
        Format::Text => text::text(&preview),
        Format::Markdown => markdown::markdown(&preview),
        Format::Json => serde_json::to_string_pretty(&preview)? + "\n",
    })?;
    Ok(outcome(&preview, arguments.exit_code, !after.unreadable.is_empty()))
}

fn preview(before: &Side, after: &Side) -> anyhow::Result<Preview> {
    // What could not be read before is what this edit may well repair.
    before.unreadable.iter().for_each(|line| super::say(format_args!("note: before: {line}")));
    after.unreadable.iter().for_each(super::say);
    if before.claims.is_empty() && after.claims.is_empty() && after.unreadable.is_empty() {
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    compare::compare(before, after)
}

/// What `approve` shows and is bound to: the edit that makes `claim` of `from`; without that, a new database.
pub fn of_claim(
    claim: &Path,
    from: Option<&Path>,
    base: Option<&str>,
    composition: Option<&Path>,
    now: Timestamp,
) -> anyhow::Result<Preview> {
    let arguments = Arguments {
        paths: from.into_iter().chain([claim]).map(Path::to_owned).collect(),
        base: base.map(String::from),
        head: None,
        composition: composition.map(Path::to_owned),
        composition_before: None,
        format: Format::Text,
        exit_code: false,
        now: Some(now),
    };
    let [before, after] = match (base, from) {
        (Some(base), _) => revisions(&arguments, base, now)?,
        (None, Some(_)) => folders(&arguments, now)?,
        (None, None) => {
            let composition = render::composition(composition)?;
            let side = |files: Files| Side::new(files, String::new(), &composition, now);
            [side(Files::default())?, side(documents::read(&[claim.to_owned()]))?]
        }
    };
    preview(&before, &after)
}

/// What `approve --delete` shows: the claims are gone. With the names that deletions are bound to.
pub fn of_deletion(
    claim: &Path,
    composition: Option<&Path>,
    now: Timestamp,
) -> anyhow::Result<(Preview, Vec<DatabaseName>)> {
    let composition = render::composition(composition)?;
    let side = |files: Files| Side::new(files, String::new(), &composition, now);
    let (before, after) = (side(documents::read(&[claim.to_owned()]))?, side(Files::default())?);
    let preview = preview(&before, &after)?;
    let claims = before.claims.iter().filter_map(validate::read);
    let name = |claim: Claim| {
        let (namespace, name) = claim.identity();
        DatabaseName::new(namespace, name, claim.spec.name.clone())
    };
    Ok((preview, claims.map(name).collect()))
}

/// What `simulate --fleet` shows: the same claims under one Composition and under another.
pub fn of_policy(files: [Files; 2], compositions: [&Composition; 2], now: Timestamp) -> anyhow::Result<Preview> {
    let ([before, after], [from, to]) = (files, compositions);
    preview(&Side::new(before, String::new(), from, now)?, &Side::new(after, String::new(), to, now)?)
}

/// One change, as the plan shows it.
pub fn shown(change: &Change) -> String {
    text::change(change)
}

fn outcome(preview: &Preview, asked: bool, unreadable: bool) -> Outcome {
    let any = |class| preview.changes.iter().any(|change| change.class == class);
    match () {
        () if unreadable || any(Class::Refused) => Outcome::Problems,
        () if asked && any(Class::DataLoss) => Outcome::Asked(LOSES_DATA),
        () if asked && preview.changes.iter().any(|change| change.approval.is_some()) => Outcome::Asked(NEEDS_APPROVAL),
        () => Outcome::Fine,
    }
}

fn folders(arguments: &Arguments, now: Timestamp) -> anyhow::Result<[Side; 2]> {
    let [old, new] = &arguments.paths[..] else {
        let what = "write two files or folders, before and after, or --base and a git revision";
        return Err(GaveUp::Usage(what.into()).into());
    };
    let after = render::composition(arguments.composition.as_deref())?;
    let before = match &arguments.composition_before {
        Some(path) => render::composition(Some(path))?,
        None => after.clone(),
    };
    let side = |path: &PathBuf, composition: &Composition| {
        Side::new(documents::read(std::slice::from_ref(path)), path.display().to_string(), composition, now)
    };
    Ok([side(old, &before)?, side(new, &after)?])
}

fn revisions(arguments: &Arguments, base: &str, now: Timestamp) -> anyhow::Result<[Side; 2]> {
    let paths = &arguments.paths;
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(GaveUp::Usage("standard input has no git revisions; write a path".into()).into());
    }
    let at = |revision: &str| -> anyhow::Result<Side> {
        let composition = composition_at(revision, arguments.composition.as_deref())?;
        Side::new(files_at(revision, paths)?, format!("{revision}:"), &composition, now)
    };
    let after = match &arguments.head {
        Some(head) => at(head)?,
        None => {
            let composition = render::composition(arguments.composition.as_deref())?;
            let is_there = |path: &&PathBuf| path.exists();
            // What is gone now is what the edit deletes.
            let there: Vec<PathBuf> = paths.iter().filter(is_there).cloned().collect();
            Side::new(documents::read(&there), String::new(), &composition, now)?
        }
    };
    let before = at(base)?;
    let nowhere = |path: &&PathBuf| {
        let path = path.display().to_string();
        arguments.head.is_none() && !Path::new(&path).exists() && !before.has(&path)
    };
    if let Some(path) = paths.iter().find(nowhere) {
        return Err(GaveUp::Unreadable(format!("{}: is neither here nor in {base}", path.display())).into());
    }
    Ok([before, after])
}

fn files_at(revision: &str, paths: &[PathBuf]) -> anyhow::Result<Files> {
    let texts = git::read(revision, paths)?;
    Ok(documents::of_texts(texts.into_iter().map(|(name, text)| (format!("{revision}:{name}"), text)).collect()))
}

fn composition_at(revision: &str, path: Option<&Path>) -> anyhow::Result<Composition> {
    let Some(path) = path else { return render::composition(None) };
    let texts = git::read(revision, &[path.into()])?;
    if texts.is_empty() {
        let path = path.display();
        super::say(format_args!("note: {path} is not in {revision}, where the shipped Composition counts"));
        return render::composition(None);
    }
    let shown = format!("{revision}:{}", path.display());
    let files = texts.into_iter().map(|(_, text)| (shown.clone(), text)).collect();
    render::composition_of(&documents::of_texts(files), &shown)
}
