//! `schema`: the XRDs and CRDs, as the package has them, and the portal's forms, as the platform's policy has them.

use super::documents::{self, Document};
use super::{GaveUp, Outcome, render, validate};
use anyhow::Context;
use clap::{Args, ValueEnum};
use function_database::pipeline::OVERLAY;
use function_database::portal::{self, Repository};
use function_database::{api::schema::FILES, carried};
use std::path::PathBuf;

/// Print the XRDs and CRDs, or the templates of a portal, all or those whose path contains NAME.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database schema
  function-database schema apis/database.yaml
  function-database schema --write .
  function-database schema create --format backstage
  function-database schema --format backstage --values platform/values.yaml --repository acme/databases --write backstage/")]
pub struct Arguments {
    /// Part of a path, such as apis/database.yaml.
    name: Option<String>,
    /// What of: kubernetes has XRDs and CRDs, backstage software templates with the platform's own choices.
    #[arg(long, value_name = "FORMAT", default_value = "kubernetes")]
    format: Format,
    /// Another Composition than the shipped one, whose choices the forms have.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// The EnvironmentConfig database-platform, whose values go over the Composition's.
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// Where the forms open pull requests on GitHub.
    #[arg(long, value_name = "OWNER/NAME", default_value = "example/databases", value_parser = repository)]
    repository: (String, String),
    /// Write the files below this folder instead.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Kubernetes,
    Backstage,
}

fn repository(text: &str) -> Result<(String, String), String> {
    let parts =
        text.split_once('/').filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'));
    parts.map(|(owner, name)| (owner.into(), name.into())).ok_or_else(|| "write it as owner/name".into())
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let wanted = arguments.name.as_deref().unwrap_or_default();
    let all = match arguments.format {
        Format::Kubernetes => FILES.into_iter().map(|path| (path.to_string(), carried::text(path))).collect(),
        Format::Backstage => forms(arguments)?,
    };
    let (files, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(path, _)| path.contains(wanted));
    if files.is_empty() {
        let others: Vec<String> = others.into_iter().map(|(path, _)| path).collect();
        return Err(GaveUp::Usage(format!("there is no {wanted:?}; write part of one of {}", others.join(", "))).into());
    }
    match &arguments.write {
        Some(folder) => {
            for (path, text) in &files {
                let path = folder.join(path);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
                }
                std::fs::write(&path, text).with_context(|| path.display().to_string())?;
                super::say(format_args!("wrote {}", path.display()));
            }
        }
        None => {
            let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
            super::print(&texts.join("---\n"))?;
        }
    }
    Ok(Outcome::Fine)
}

fn forms(arguments: &Arguments) -> anyhow::Result<Vec<(String, String)>> {
    let composition = render::composition(arguments.composition.as_deref())?;
    let policy = match &arguments.values {
        None => validate::policy(&composition)?,
        Some(path) => {
            let files = documents::read(std::slice::from_ref(path));
            files.unreadable.iter().for_each(super::say);
            let overlay: Option<&Document> = files.documents.iter().find(|document| validate::is_overlay(document));
            let file = path.display();
            let document = overlay
                .ok_or_else(|| GaveUp::Unreadable(format!("{file}: there is no EnvironmentConfig {OVERLAY} in it")))?;
            validate::overlay(&composition, document).map_err(|stop| GaveUp::Unreadable(format!("{file}: {stop}")))?
        }
    };
    let (owner, name) = &arguments.repository;
    Ok(portal::files(&policy.tiers, &policy.gate, &Repository { owner, name }))
}
