//! What commands cost as processes, beside their budgets: `cargo bench --bench commands`.
//!
//! Runs the real binary from exec to exit, output thrown away, and takes the lowest of several runs: what is above it is
//! somebody else's noise. The budgets are for two cores.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

const FUNCTION: &str = env!("CARGO_BIN_EXE_function-database");
const CLAIMS: usize = 10_000;
const CHANGED: usize = 1_000;
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/postgresql");

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (files, stream) = (folder.path().join("files"), folder.path().join("stream.yaml"));
    let (before, grown) = (folder.path().join("before"), folder.path().join("grown"));
    write(&files, CLAIMS, "20Gi", Some(&stream));
    write(&before, CHANGED, "20Gi", None);
    write(&grown, CHANGED, "30Gi", None);
    let (before, grown) = (before.to_str().unwrap(), grown.to_str().unwrap());
    let prod = format!("{EXAMPLES}/prod-unapproved.yaml");

    println!("from exec to exit in ms, on {} cores", available_parallelism().unwrap());
    println!("{:<40}{:>9}{:>9}", "command", "time", "budget");
    row("--help", 20, Some(5), &["--help"]);
    row("render, one claim", 20, Some(10), &["render", &prod]);
    row("validate, one claim", 20, None, &["validate", &prod]);
    row("validate, 10,000 claims, a file each", 5, Some(1000), &["validate", files.to_str().unwrap()]);
    row("validate, 10,000 claims in one file", 5, Some(1000), &["validate", stream.to_str().unwrap()]);
    row("plan, 1,000 changed claims", 5, Some(1000), &["plan", before, grown]);
}

/// The budget is in milliseconds.
fn row(name: &str, runs: usize, budget: Option<u64>, arguments: &[&str]) {
    let time = (0..runs).map(|_| run(arguments)).min().unwrap();
    let verdict = budget.map(|budget| {
        let kept = time <= Duration::from_millis(budget);
        format!("{budget:>9} {}", if kept { "kept" } else { "EXCEEDED" })
    });
    println!("{name:<40}{:>9.1}{}", time.as_secs_f64() * 1000.0, verdict.unwrap_or_default());
}

fn run(arguments: &[&str]) -> Duration {
    let start = Instant::now();
    let status = Command::new(FUNCTION).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{arguments:?}: {status}");
    start.elapsed()
}

/// Valid claims of every environment, as teams have them: a folder each, a few of the optional fields.
/// `stream`: all of them in one file, too.
fn write(files: &Path, claims: usize, storage: &str, stream: Option<&Path>) {
    let mut all = String::new();
    for number in 0..claims {
        let (environment, size, replicas) =
            [("dev", "small", 1), ("staging", "small", 3), ("prod", "medium", 3)][number % 3];
        let team = number / 100;
        let claim = format!(
            "apiVersion: db.platform.io/v1
kind: Database
metadata:
  name: orders-{number}x
  namespace: team-{team}
spec:
  name: orders
  environment: {environment}
  engine: postgresql
  size: {size}
  storage: {storage}
  replicas: {replicas}
  backup:
    retention: 14d
  parameters:
    work_mem: 4MB
  access:
    allowedNamespaces: [web, jobs]
"
        );
        let folder = files.join(format!("team-{team}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("orders-{number}.yaml")), &claim).unwrap();
        all += "---\n";
        all += &claim;
    }
    stream.into_iter().for_each(|stream| fs::write(stream, &all).unwrap());
}
