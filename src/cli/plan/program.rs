//! Another release of this program, as far as `upgrade-check` asks it. In: claims and what exists. Out: what it renders. Must
//! not leave its files behind.

use crate::cli::GaveUp;
use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// One that is called for each claim.
pub struct Program {
    binary: PathBuf,
    folder: PathBuf,
    now: Timestamp,
    calls: AtomicU32,
}

impl Program {
    pub fn new(binary: &Path, composition: &Value, now: Timestamp) -> anyhow::Result<Program> {
        let folder = std::env::temp_dir().join(format!("function-database-{}", std::process::id()));
        // What is observed may be secret.
        fs::DirBuilder::new().mode(0o700).create(&folder).with_context(|| folder.display().to_string())?;
        let program = Program { binary: binary.into(), folder, now, calls: AtomicU32::new(0) };
        program.write("composition.json", std::slice::from_ref(composition))?;
        Ok(program)
    }

    /// What is wrong, and what is composed.
    pub fn render(
        &self,
        claim: &Value,
        observed: &[Value],
        cluster: &[Value],
    ) -> anyhow::Result<(Vec<String>, Vec<Value>)> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let composition = self.folder.join("composition.json");
        let observed = self.write(&format!("observed-{call}.json"), observed)?;
        let cluster = self.write(&format!("cluster-{call}.json"), cluster)?;
        let mut command = Command::new(&self.binary);
        command.args(["render", "-", "-o", "json", "--now"]).arg(self.now.to_string());
        command.arg("--composition").arg(composition).arg("--observed").arg(observed).arg("--cluster").arg(cluster);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let binary = self.binary.display();
        let started = command.spawn().map_err(|error| GaveUp::Unreadable(format!("{binary}: {error}")));
        let mut process = started?;
        // Its own words say why it did not read all of it.
        let _ = process.stdin.take().map(|mut input| input.write_all(claim.to_string().as_bytes()));
        let output = process.wait_with_output().with_context(|| binary.to_string())?;
        let mut printed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if printed.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Ok((said.lines().map(String::from).collect(), vec![]));
        }
        let resources = printed.split_off(1);
        Ok((printed.first().map(problems).unwrap_or_default(), resources))
    }

    fn write(&self, name: &str, values: &[Value]) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        let text: Vec<String> = values.iter().map(Value::to_string).collect();
        fs::write(&path, text.join("\n---\n")).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a composite's own conditions have against it.
pub fn problems(composite: &Value) -> Vec<String> {
    let conditions = composite["status"]["conditions"].as_array().into_iter().flatten();
    let invalid = conditions.filter(|it| it["type"] == "Validated" && it["status"] == "False");
    let messages = invalid.filter_map(|it| it["message"].as_str());
    messages.flat_map(str::lines).map(String::from).collect()
}
