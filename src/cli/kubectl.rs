//! The cluster, by `kubectl`, which knows where it is and who asks. In: what to get or to make. Out: objects. Must not decide
//! what they mean.

use super::GaveUp;
use anyhow::Context;
use function_database::explain::installation::{self, Missing};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// Our kind by its full name: others have databases too.
const DATABASE: &str = "databases.db.platform.io";

/// A claim with its status; without a namespace, in that of kubectl's context.
pub fn database(name: &str, namespace: Option<&str>) -> anyhow::Result<Value> {
    get(&[DATABASE, name], namespace)
}

pub fn get(what: &[&str], namespace: Option<&str>) -> anyhow::Result<Value> {
    let mut command = Command::new("kubectl");
    command.arg("get").args(what);
    if let Some(namespace) = namespace {
        command.args(["-n", namespace]);
    }
    json(command)
}

/// The name by which the cluster knows whoever asks.
pub fn user() -> anyhow::Result<String> {
    let mut command = Command::new("kubectl");
    command.args(["auth", "whoami"]);
    let found = json(command)?;
    let name = found["status"]["userInfo"]["username"].as_str();
    Ok(name.ok_or_else(|| GaveUp::Unreadable("kubectl does not say who you are; write --approver".into()))?.to_owned())
}

fn json(mut command: Command) -> anyhow::Result<Value> {
    let output = command.args(["-o", "json"]).stdin(Stdio::null()).output();
    let output = output.map_err(|_| GaveUp::Usage("this needs kubectl, which is not here".into()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or("said nothing").to_owned();
        let said = match installation::definition(&said) {
            Some(Missing { what, fix }) => format!("{what}; {fix}"),
            None => format!("kubectl: {said}"),
        };
        return Err(GaveUp::Unreadable(said).into());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| GaveUp::Unreadable(format!("kubectl printed no JSON: {error}")).into())
}

/// What there is already is never overwritten.
pub fn create(manifest: &str) -> anyhow::Result<()> {
    let started = Command::new("kubectl").args(["create", "-f", "-"]).stdin(Stdio::piped()).spawn();
    let missing = |_| GaveUp::Usage("--apply needs kubectl; without it, what would be made is printed".into());
    let mut process = started.map_err(missing)?;
    // Its own words say why it did not read all of it.
    let _ = process.stdin.take().map(|mut input| input.write_all(manifest.as_bytes()));
    match process.wait().context("kubectl")?.success() {
        true => Ok(()),
        false => Err(GaveUp::Unreadable("kubectl did not make it".into()).into()),
    }
}
