//! `explain --prove`. In: a Composition, the platform's own values. Out: a table of promises, and whether all of them hold. Must
//! not know a promise.

use super::{Document, Format, GaveUp, Outcome, print};
use function_database::api::input::Step;
use function_database::explain::Table;
use function_database::explain::prove::{Policy, Promise, Proof};
use function_database::pipeline::stop::Stop;
use function_database::render::Composition;
use function_database::wire::Object;

pub fn run(composition: &Composition, overlay: Option<&Document>, format: Format) -> anyhow::Result<Outcome> {
    let place = overlay.map_or("the Composition", |overlay| overlay.file.as_str());
    let policy = policy(composition, overlay)
        .map_err(|why| GaveUp::Unreadable(format!("{place}: {why}; check it with function-database validate")))?;
    let Proof { claims, databases, promises } = policy.prove().ok_or_else(|| {
        GaveUp::Unreadable(format!("{place} has no environment prod, of which there is anything to prove"))
    })?;
    let holds = promises.iter().all(|promise| promise.broken.is_none());
    let title = format!("What prod promises: {claims} claims tried, {databases} accepted");
    let columns = ["promise", "cases", "holds"].map(String::from).into();
    print(&[Table { title, columns, rows: promises.into_iter().map(row).collect() }], format)?;
    Ok(if holds { Outcome::Fine } else { Outcome::Problems })
}

fn policy(composition: &Composition, overlay: Option<&Document>) -> Result<Policy, Stop> {
    let overlay = overlay.map(|document| Object::try_of(&document.value)).transpose()?;
    let overlay = overlay.as_ref();
    Ok(Policy {
        tiers: composition.input(Step::TierDefaults, overlay)?,
        gate: composition.input(Step::ApprovalGate, overlay)?,
        engines: composition.input(Step::Engines, overlay)?,
        integrations: composition.input(Step::Integrations, overlay)?,
    })
}

fn row(Promise { text, cases, broken }: Promise) -> Vec<String> {
    let holds = broken.map_or("yes".into(), |broken| format!("not for {broken}"));
    vec![text.into(), cases.to_string(), holds]
}
