//! `explain --live`: the database as the cluster has it. In: a name. Out: why it is not ready.

use crate::cli::{self, Outcome, kubectl};
use function_database::explain::live::{Cause, cause};
use serde_json::Value;

pub fn run(name: &str, namespace: Option<&str>) -> anyhow::Result<Outcome> {
    let database = kubectl::database(name, namespace)?;
    let namespace = database["metadata"]["namespace"].as_str();
    let composite = behind(&database);
    let warnings = kubectl::get(&["events", "--field-selector", "type=Warning"], namespace);
    // Who may not read events still hears what the database says of itself.
    let warnings = warnings.unwrap_or_else(|error| {
        cli::say(format_args!("note: without events: {error:#}"));
        Value::Null
    });
    let warnings = warnings["items"].as_array().cloned().unwrap_or_default();
    let named = format!("{}/{name}", namespace.unwrap_or_default());
    let Some(Cause { phase, resource, message, next }) = cause(&database, &composite, &warnings) else {
        cli::print(&format!("{named}: Ready\n"))?;
        return Ok(Outcome::Fine);
    };
    let bold = anstyle::Style::new().bold();
    let message = message.lines().collect::<Vec<_>>().join("\n  ");
    cli::print(&format!("{bold}{named}: {phase}{bold:#}\n  {resource}\n  {message}\n  next: {next}\n"))?;
    Ok(Outcome::Problems)
}

/// The composite behind a claim, for who may read it; else the database itself.
fn behind(database: &Value) -> Value {
    let name = database["spec"]["resourceRef"]["name"].as_str();
    let found = name.map(|name| kubectl::get(&["xdatabases.db.platform.io", name], None));
    found.and_then(|found| found.ok()).unwrap_or_else(|| database.clone())
}
