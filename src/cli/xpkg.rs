//! `xpkg`: the packages that Crossplane installs, without Docker.

use super::{GaveUp, Outcome};
use anyhow::Context;
use clap::Args;
use function_database::xpkg::elf::{self, Architecture};
use function_database::xpkg::{Package, configurations, function};
use std::fs;
use std::path::{Path, PathBuf};

/// Write the packages that Crossplane installs: both Configurations, and the Function for each program given.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database xpkg packages
  function-database xpkg packages --binary amd64=target/x86_64-unknown-linux-musl/release/function-database \\
      --binary arm64=target/aarch64-unknown-linux-musl/release/function-database
  crossplane xpkg push -f packages/function-database-amd64.xpkg,packages/function-database-arm64.xpkg REGISTRY/NAME:TAG

The same version with the same programs gives the same bytes, on every machine.")]
pub struct Arguments {
    /// The folder to write them into.
    folder: PathBuf,
    /// A static build of this program for amd64 or arm64.
    #[arg(long, value_name = "ARCHITECTURE=FILE", value_parser = binary)]
    binary: Vec<(Architecture, PathBuf)>,
}

fn binary(text: &str) -> Result<(Architecture, PathBuf), String> {
    let (architecture, path) = text.split_once('=').ok_or("write amd64=FILE or arm64=FILE")?;
    Ok((architecture.parse()?, path.into()))
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let architectures = arguments.binary.iter().map(|(architecture, _)| *architecture);
    for architecture in Architecture::ALL {
        if architectures.clone().filter(|given| *given == architecture).count() > 1 {
            return Err(GaveUp::Usage(format!("--binary {architecture} is given twice; give one of them")).into());
        }
    }
    let mut packages = vec![];
    for (architecture, path) in &arguments.binary {
        packages.push(function(*architecture, &fit(path, *architecture)?)?);
    }
    packages.extend(configurations()?);
    fs::create_dir_all(&arguments.folder).map_err(|error| unreadable(&arguments.folder, error))?;
    for Package { file, bytes } in packages {
        let path = arguments.folder.join(file);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        super::say(format_args!("wrote {}", path.display()));
    }
    Ok(Outcome::Fine)
}

/// The program, if it runs in an image that holds nothing else.
fn fit(path: &Path, architecture: Architecture) -> Result<Vec<u8>, GaveUp> {
    let program = fs::read(path).map_err(|error| unreadable(path, error))?;
    elf::check(&program, architecture).map_err(|unfit| unreadable(path, unfit))?;
    Ok(program)
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> GaveUp {
    GaveUp::Unreadable(format!("{}: {why}", path.display()))
}
