//! `schema`: the XRDs and CRDs, as the package has them.

use super::{GaveUp, Outcome};
use anyhow::Context;
use clap::Args;
use function_database::{api::schema::FILES, carried};
use std::path::PathBuf;

/// Print the XRDs and CRDs, all or those whose path contains NAME.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  function-database schema\n  function-database schema apis/database.yaml\n  function-database schema --write ."
)]
pub struct Arguments {
    /// Part of a path, such as apis/database.yaml.
    name: Option<String>,
    /// Write the files below this folder instead.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let wanted = arguments.name.as_deref().unwrap_or_default();
    let named = FILES.into_iter().filter(|path| path.contains(wanted));
    let files: Vec<(&str, String)> = named.map(|path| (path, carried::text(path))).collect();
    if files.is_empty() {
        return Err(GaveUp::Usage(format!("there is no {wanted:?}; write part of one of {}", FILES.join(", "))).into());
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
