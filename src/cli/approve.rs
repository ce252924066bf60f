//! `approve`: writes the approval of exactly one operation. Must not talk to a cluster: the output is for `kubectl create`
//! or a Git repository.

use super::Outcome;
use anyhow::Context;
use clap::{Args, ValueEnum};
use function_database::api::approval::{ApprovalSpec, DIGEST_LABEL, Decision, KIND, OperationKind};
use function_database::gate::signature;
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Write the approval of an operation, as `status.approval.pending` of the database asks for it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  function-database approve checkout/orders --operation Change --digest DIGEST --approver anna | kubectl create -f -"
)]
pub struct Arguments {
    /// The database, as namespace/name.
    #[arg(value_parser = database)]
    database: (String, String),
    /// What is approved.
    #[arg(long)]
    operation: Operation,
    /// The digest: 64 hexadecimal digits.
    #[arg(long, value_parser = digest)]
    digest: String,
    /// Your user name in the cluster.
    #[arg(long, env = "USER")]
    approver: String,
    /// Reject it instead.
    #[arg(long)]
    reject: bool,
    /// Why, in one sentence.
    #[arg(long, required_if_eq("reject", "true"))]
    reason: Option<String>,
    /// The change record that this belongs to.
    #[arg(long)]
    ticket: Option<String>,
    /// Days until it expires.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// The time to count the days from, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    now: Option<Timestamp>,
    /// Sign it with this key: a private key, or the public one of a key in the agent.
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Operation {
    Create,
    Change,
    Restore,
    Delete,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let (namespace, name) = &arguments.database;
    // Fractions of a second would only make the file longer.
    let now = Timestamp::from_second(arguments.now.unwrap_or_else(Timestamp::now).as_second())?;
    let expires = now.checked_add((i64::from(arguments.days) * 24).hours()).context("--days is too far away")?;
    let mut spec = ApprovalSpec {
        database: name.clone(),
        operation: match arguments.operation {
            Operation::Create => OperationKind::Create,
            Operation::Change => OperationKind::Change,
            Operation::Restore => OperationKind::Restore,
            Operation::Delete => OperationKind::Delete,
        },
        digest: arguments.digest.clone(),
        decision: if arguments.reject { Decision::Rejected } else { Decision::Approved },
        approver: arguments.approver.clone(),
        reason: arguments.reason.clone(),
        ticket: arguments.ticket.clone(),
        expires: expires.to_string(),
        signature: None,
    };
    if let Some(key) = &arguments.sign {
        spec.signature = Some(sign(&signature::canonical(&spec), key)?);
    }
    let label = arguments.digest.get(..32).unwrap_or_default();
    let approval = json!({
        "apiVersion": function_database::api::API_VERSION,
        "kind": KIND,
        "metadata": {"generateName": format!("{name}-"), "namespace": namespace, "labels": {DIGEST_LABEL: label}},
        "spec": spec,
    });
    super::print(&serde_saphyr::to_string(&approval)?)?;
    super::hint("function-database approve ... | kubectl create -f -");
    Ok(Outcome::Fine)
}

/// By the real `ssh-keygen`, which asks for passphrases, knows the agent and waits for a touch of the security key.
fn sign(text: &str, key: &Path) -> anyhow::Result<String> {
    let mut process = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", signature::NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("--sign needs ssh-keygen of OpenSSH 8.0 or newer")?;
    // Dropped at the end of the statement, so that ssh-keygen sees the end of the text. If it has stopped already, its
    // exit code says more than a broken pipe.
    let written = process.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let output = process.wait_with_output().context("ssh-keygen")?;
    anyhow::ensure!(output.status.success(), "ssh-keygen did not sign with {}: {}", key.display(), output.status);
    written.transpose().context("ssh-keygen did not read what to sign")?;
    String::from_utf8(output.stdout).context("ssh-keygen wrote no text")
}

fn database(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.into(), name.into()))
        }
        _ => Err("write namespace/name, such as checkout/orders".into()),
    }
}

fn digest(text: &str) -> Result<String, String> {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.len() == 64 && text.bytes().all(hexadecimal) {
        true => Ok(text.into()),
        false => Err("write all 64 hexadecimal digits, in lower case".into()),
    }
}
