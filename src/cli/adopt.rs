//! `adopt`: from a resource of an operator to the claim that takes it over. In: resources as the cluster has them. Out: the
//! claim, and whatever it would change in them. Must not search: that is the library's.

use super::{GaveUp, Outcome, documents, plan, render, validate};
use clap::{Args, ValueEnum};
use function_database::adopt::{self, Adoption, Difference};
use function_database::api::claim;
use function_database::api::input::Step;
use function_database::api::schema;
use function_database::wire::Object;
use serde_json::Value;
use std::path::PathBuf;

/// Find the claim that takes over a database which an operator runs already: the one whose plan changes nothing in it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  kubectl get cluster orders -n checkout -o yaml | function-database adopt - --environment prod > databases/orders.yaml
  function-database adopt orders.yaml --environment staging --composition compositions/ours.yaml

Give the resource that holds the data, and with it what stands beside it: backups, a pooler. Each field that would change
is named, and the exit code is 1; a claim that changes nothing exits with 0. What no resource says, write into the claim:
who owns it, who may connect, where credentials go. An EnvironmentConfig database-platform among the files counts.")]
pub struct Arguments {
    /// Files or folders with an operator's resources; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The environment of the claim, which no resource says.
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Environment,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Environment {
    Dev,
    Staging,
    Prod,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let composition = render::composition(arguments.composition.as_deref())?;
    let files = documents::read(&arguments.paths);
    files.unreadable.iter().for_each(super::say);
    let (overlays, given): (Vec<_>, Vec<_>) = files.documents.into_iter().partition(validate::is_overlay);
    let overlay = overlays.first().map(|document| Object::try_of(&document.value)).transpose()?;
    let input = |why| GaveUp::Unreadable(format!("{why}; check it with function-database validate"));
    let tiers = composition.input(Step::TierDefaults, overlay.as_ref()).map_err(input)?;
    let engines = composition.input(Step::Engines, overlay.as_ref()).map_err(input)?;
    let environment = match arguments.environment {
        Environment::Dev => claim::Environment::Dev,
        Environment::Staging => claim::Environment::Staging,
        Environment::Prod => claim::Environment::Prod,
    };
    let given: Vec<Value> = given.into_iter().map(|document| document.value).collect();
    let adoption = adopt::adopt(&given, environment, (&tiers, &engines), &schema::claim()?)
        .map_err(|unknown| GaveUp::Unreadable(unknown.to_string()))?;
    super::print(&serde_saphyr::to_string(&adoption.claim)?)?;
    say(&adoption);
    let fits = adoption.differences.is_empty() && files.unreadable.is_empty();
    Ok(if fits { Outcome::Fine } else { Outcome::Problems })
}

fn say(Adoption { differences, stays, made, guessed, .. }: &Adoption) {
    for Difference { resource, path, is, becomes } in differences {
        let words = match (is, becomes) {
            (Some(is), Some(becomes)) => format!("{} would become {}", plan::short(is), plan::short(becomes)),
            (None, Some(becomes)) if path.is_empty() => {
                format!("would be made, and is to hold data: {}", plan::short(becomes))
            }
            (None, Some(becomes)) => format!("would become {}", plan::short(becomes)),
            (is, None) => format!("{} would go", is.as_ref().map(plan::short).unwrap_or_default()),
        };
        let at = if path.is_empty() { String::new() } else { format!(" {path}") };
        super::say(format_args!("{resource}{at}: {words}"));
    }
    if !stays.is_empty() {
        super::say(format_args!("note: stays as it is, because nothing is composed there: {}", stays.join(", ")));
    }
    if !made.is_empty() {
        super::say(format_args!("note: would be made beside it: {}", made.join(", ")));
    }
    for field in guessed {
        super::say(format_args!("note: {field} is a guess, because nothing says it; write what is right"));
    }
    super::hint("function-database validate checks the claim; once it is applied, it takes over what has its name");
}
