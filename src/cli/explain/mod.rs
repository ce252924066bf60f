//! `explain`: the policy as people read it, what it promises, what it makes of a claim, and why a database is not ready. In: a
//! Composition, claims, a name. Out: tables. Must not know a rule.

mod live;
mod prove;

use super::documents::{self, Document};
use super::validate::{self, Kind, Policy};
use super::{GaveUp, Outcome, render, tables};
use clap::{Args, ValueEnum};
use function_database::explain::{self, Effective, Origin, Table};
use function_database::pipeline::OVERLAY;
use function_database::plan;
use std::path::PathBuf;

/// Show the policy as tables, what it promises, where each value of a claim comes from, or why a database is not ready.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database explain
  function-database explain platform/values.yaml --format markdown > docs/databases.md
  function-database explain databases/orders.yaml --composition compositions/ours.yaml
  function-database explain --prove platform/values.yaml
  function-database explain --live orders --namespace checkout

An EnvironmentConfig database-platform among the files counts, and is named where a value comes from it.")]
pub struct Arguments {
    /// Files or folders with claims or the platform's own values; - is standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// Try everything that a claim can ask of the policy, and say what holds for all of it, such as backups in production;
    /// exits with 1 if something does not.
    #[arg(long, conflicts_with = "live")]
    prove: bool,
    /// Why this database in the cluster is not ready; exits with 1 if it is not.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "composition", "format"])]
    live: Option<String>,
    /// The namespace of that database; that of kubectl's context if left out.
    #[arg(short, long, requires = "live")]
    namespace: Option<String>,
    /// The form of the output.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Html,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    if let Some(name) = &arguments.live {
        return live::run(name, arguments.namespace.as_deref());
    }
    let composition = render::composition(arguments.composition.as_deref())?;
    let files = documents::read(&arguments.paths);
    files.unreadable.iter().for_each(super::say);
    let mut trouble = !files.unreadable.is_empty();
    let overlays: Vec<&Document> = files.documents.iter().filter(|document| validate::is_overlay(document)).collect();
    if overlays.len() > 1 {
        let what = format!("there are {} EnvironmentConfigs {OVERLAY}; give the files of one platform", overlays.len());
        return Err(GaveUp::Usage(what).into());
    }
    if arguments.prove {
        return prove::run(&composition, overlays.first().copied(), arguments.format);
    }
    let policy = match overlays.first() {
        None => validate::policy(&composition)?,
        Some(document) => validate::overlay(&composition, document)
            .map_err(|stop| GaveUp::Unreadable(format!("{}: {stop}", document.file)))?,
    };
    let mut tables = vec![];
    for document in files.documents.iter().filter(|document| validate::kind(document) == Kind::Claim) {
        match claim(document, &policy, overlays.first().copied())? {
            Some(table) => tables.push(table),
            None => trouble = true,
        }
    }
    if tables.is_empty() && !trouble {
        if overlays.is_empty() && !arguments.paths.is_empty() {
            let what = format!("there is no Database, nor an EnvironmentConfig {OVERLAY}, in these files");
            return Err(GaveUp::Unreadable(what).into());
        }
        tables = explain::policy::tables(&policy.tiers, &policy.gate);
    }
    print(&tables, arguments.format)?;
    Ok(if trouble { Outcome::Problems } else { Outcome::Fine })
}

fn print(tables: &[Table], format: Format) -> anyhow::Result<()> {
    super::print(&match format {
        Format::Text => tables::text(tables),
        Format::Markdown => tables::markdown(tables),
        Format::Html => tables::html(tables),
    })?;
    Ok(())
}

/// `None`: the claim has mistakes, all of which were said.
fn claim(document: &Document, policy: &Policy, overlay: Option<&Document>) -> anyhow::Result<Option<Table>> {
    let plan = match validate::refused(document)?.is_empty() {
        true => validate::read(document).and_then(|claim| plan::resolve(&claim, &policy.tiers).ok()),
        false => None,
    };
    let Some(plan) = plan else {
        let found = validate::findings(document, policy)?;
        found.iter().flatten().for_each(|finding| super::say(finding.line(&document.file)));
        return Ok(None);
    };
    let (namespace, name) = plan.terms.database.identity();
    let row = |Effective { what, value, origin }: Effective| {
        let origin = match origin {
            Origin::Claim(path) => format!("{}:{} {path}", document.file, document.at(&path).0),
            Origin::Policy(path) => {
                match overlay.filter(|overlay| explain::at(&overlay.value["data"], &path).is_some()) {
                    Some(overlay) => format!("{}:{} {path}", overlay.file, overlay.at(&format!("data.{path}")).0),
                    None => path,
                }
            }
            Origin::Derived(why) => why,
        };
        vec![what.into(), value, origin]
    };
    let values = explain::values(&document.value, &plan, &policy.tiers, &policy.gate);
    Ok(Some(Table {
        title: format!("{namespace}/{name}: {}", function_database::preview::summary(&plan.terms)),
        columns: ["", "value", "comes from"].map(String::from).into(),
        rows: values.into_iter().map(row).collect(),
    }))
}
