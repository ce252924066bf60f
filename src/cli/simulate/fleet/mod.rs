//! `simulate --fleet`. In: how many databases, a policy, what the platform team does to it. Out: what that costs and touches.
//! Must not know a rule: the lives are played by the library, and `plan` judges the mistakes.

mod measured;
mod report;
mod text;

use crate::cli::cores::on_every_core;
use crate::cli::documents::{self, Files};
use crate::cli::{self, GaveUp, Outcome, plan, render, validate};
use clap::{Args, ValueEnum};
use function_database::preview::Change;
use function_database::render::Composition;
use function_database::simulate::World;
use function_database::simulate::fleet::life::{self, Life};
use function_database::simulate::fleet::{Organisation, Role, changes};
use jiff::Timestamp;
use measured::Measured;
use report::{Control, Lived, Mistake, Report};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

#[derive(Args)]
pub struct Fleet {
    /// Play an organisation of so many databases instead.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub fleet: Option<u64>,
    /// The Composition that is rolled out, environment by environment; new patch releases of every line if left out.
    #[arg(long, value_name = "FILE", conflicts_with = "claims")]
    upgrade: Option<PathBuf>,
    /// A Composition that would be a mistake; three that happen to platform teams if left out.
    #[arg(long, value_name = "FILE", conflicts_with = "claims")]
    mistake: Option<PathBuf>,
    /// Crossplane's --max-reconcile-rate: how many databases it works on at once.
    #[arg(long, value_name = "NUMBER", conflicts_with = "claims", default_value = "100", value_parser = positive())]
    max_reconcile_rate: u64,
    /// How many writes of Crossplane the API server takes in a second.
    #[arg(long, value_name = "NUMBER", conflicts_with = "claims", default_value = "200", value_parser = positive())]
    writes_per_second: u64,
    /// The form of the output, with --fleet.
    #[arg(long, value_name = "FORMAT", conflicts_with = "claims", default_value = "text")]
    format: Format,
}

fn positive() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=1_000_000)
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(databases: u64, arguments: &Fleet, composition: Composition) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let policy = validate::policy(&composition)?;
    let upgrade = match &arguments.upgrade {
        Some(path) => render::composition(Some(path))?,
        None => changes::patch_releases(&composition, &policy.tiers),
    };
    let mistakes = match &arguments.mistake {
        Some(path) => vec![(path.display().to_string(), render::composition(Some(path))?)],
        None => changes::mistakes(&composition, &policy.tiers),
    };
    let roles = Organisation::new(&policy.tiers, &policy.gate).draw(databases);
    if roles.is_empty() {
        return Err(GaveUp::Unreadable("the Composition offers no database, so there is no organisation".into()).into());
    }
    let start: Timestamp = life::START.parse()?;
    let lives = played(&roles, &World::new(composition.clone(), start)?, &upgrade)?;
    let lived: Vec<Lived> = roles.iter().zip(&lives).map(|(role, life)| Lived { role, life }).collect();
    let mut judged = vec![];
    for (name, wrong) in mistakes {
        judged.push(Mistake::of(name, &lived, &touched(&lived, &composition, &wrong, start)?));
    }
    let control = Control { workers: arguments.max_reconcile_rate, writes_per_second: arguments.writes_per_second };
    let steps = composition.steps.iter().map(|step| step.name.clone()).collect();
    let report = Report::of(steps, &lived, judged, control);
    cli::print(&match arguments.format {
        Format::Text => text::text(&report),
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
    })?;
    // Different at each run, so never among the rest.
    let calls = lives.iter().flat_map(|life| &life.stages).map(|(_, played)| played.counts.all_calls()).sum();
    cli::say(Measured { lives: lives.len(), calls, took: began.elapsed() });
    Ok(Outcome::Fine)
}

/// Each life once, in a world that is gone afterwards.
fn played(roles: &[Role], empty: &World, upgrade: &Composition) -> anyhow::Result<Vec<Life>> {
    let (done, shows) = (AtomicUsize::new(0), std::io::stderr().is_terminal());
    let lives = on_every_core(roles, |role| {
        let life = life::play(empty, upgrade, role).map_err(anyhow::Error::from);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if shows {
            // There is nobody to tell if that fails.
            let _ = write!(std::io::stderr(), "\r{done} of {} lives", roles.len());
        }
        life
    });
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    lives.into_iter().collect()
}

/// What `plan` says of each life that has come to run, under the other Composition; none: nothing happens to it.
fn touched(
    lived: &[Lived],
    composition: &Composition,
    wrong: &Composition,
    now: Timestamp,
) -> anyhow::Result<Vec<Option<Change>>> {
    let name = |index: usize| format!("life-{index}x");
    let files = || -> anyhow::Result<Files> {
        let mut texts = vec![];
        for (index, runs) in lived.iter().map(Lived::runs).enumerate() {
            let Some(mut claim) = runs.cloned() else { continue };
            claim["metadata"]["name"] = name(index).into();
            texts.push((name(index), serde_json::to_vec(&claim)?));
        }
        Ok(documents::of_texts(texts))
    };
    let preview = plan::of_policy([files()?, files()?], [composition, wrong], now)?;
    let mut touched: Vec<Option<Change>> = lived.iter().map(|_| None).collect();
    for change in preview.changes {
        let index = (0..lived.len()).find(|index| name(*index) == change.name);
        if let Some(place) = index.and_then(|index| touched.get_mut(index)) {
            *place = Some(change);
        }
    }
    Ok(touched)
}
