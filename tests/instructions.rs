//! What a call of each step costs in instructions, which neither a slow machine nor other work on it changes. In: the program as
//! it is released, the benchmark's requests, and `tests/instructions.yaml`. Out: steps that got more than 5 % dearer.
//!
//! `UPDATE=1 cargo test --test instructions` writes what got cheaper; what got dearer only with `WHY="…"`, a sentence that is
//! kept in the file. Without valgrind, on another architecture or without a build of what stands here it is skipped, with a
//! message, except where `CI` is `true`.
#![cfg(test)]

#[path = "support/documents.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod documents;
#[expect(clippy::enum_variant_names, reason = "generated, with the names of the protocol")]
mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain/apiextensions.r#fn.proto.v1.rs"));
}
#[path = "../benches/pipeline/request.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod request;
#[path = "../benches/pipeline/server.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod server;

use plain::RunFunctionRequest;
use request::World;
use serde::{Deserialize, Serialize};
use server::Server;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

const FUNCTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/function-database");
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/instructions.yaml");
const HEAD: &str =
    "# Thousands of instructions of a call of each step; the head of tests/instructions.rs has the rules.\n";
/// In percent; from run to run it is one.
const TOLERANCE: u64 = 5;
/// What so many calls cost more than so few, is what calls cost: beginning and ending do not count.
const FEW: u32 = 20;
const MANY: u32 = 70;
/// As in the benchmark.
const RESOURCES: usize = 31;
/// The C library copies and compares bytes as the processor can: here all do it in one way, and not with the one instruction
/// that valgrind counts for each byte.
const ONE_WAY: &str = "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM";

#[derive(Default, Deserialize, Serialize)]
struct Baseline {
    /// By step.
    thousands: BTreeMap<String, u64>,
    /// Each time that a step got dearer, the first time included.
    why: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_gets_dearer_without_a_note() {
    if let Some(what) = lacks() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
        return documents::say(&format!("skipped: instructions are not counted, {what}"));
    }
    let plain = Server::start(FUNCTION, &["serve", "--insecure", "--address"]);
    let mut counted = BTreeMap::new();
    for (step, request) in request::pipeline(&mut plain.client().await, &World::ready(RESOURCES)).await {
        let (few, many) = (instructions(&request, FEW).await, instructions(&request, MANY).await);
        counted.insert(step, (many - few) / u64::from(MANY - FEW) / 1000);
    }
    let mut baseline: Baseline =
        std::fs::read_to_string(BASELINE).map(|text| serde_saphyr::from_str(&text).unwrap()).unwrap_or_default();
    if std::env::var_os("UPDATE").is_some() {
        baseline.update(&counted, std::env::var("WHY").ok().filter(|why| !why.is_empty()));
        std::fs::write(BASELINE, format!("{HEAD}{}", serde_saphyr::to_string(&baseline).unwrap())).unwrap();
    }
    let dearer = baseline.compare(&counted, &mut documents::say);
    assert!(
        dearer.is_empty(),
        "\n{}\nwhere that is worth it: UPDATE=1 WHY=\"…\" cargo test --test instructions",
        dearer.join("\n")
    );
}

impl Baseline {
    /// Without a reason nothing rises.
    fn update(&mut self, counted: &BTreeMap<String, u64>, why: Option<String>) {
        match why {
            Some(why) => {
                self.thousands.clone_from(counted);
                self.why.push(why);
            }
            None => {
                for (step, before) in &mut self.thousands {
                    *before = counted.get(step).map_or(*before, |now| *now.min(before));
                }
            }
        }
    }

    /// What got dearer, or is new. What got cheaper is said.
    fn compare(&self, counted: &BTreeMap<String, u64>, say: &mut dyn FnMut(&str)) -> Vec<String> {
        let mut dearer = vec![];
        for (step, now) in counted {
            let Some(before) = self.thousands.get(step) else {
                dearer.push(format!("{step}: {now}k instructions, and is not in the baseline"));
                continue;
            };
            let line = format!("{step}: {now}k instructions, {before}k in the baseline");
            if now * 100 > before * (100 + TOLERANCE) {
                dearer.push(line);
            } else if now * 100 < before * (100 - TOLERANCE) {
                say(&format!("{line}: UPDATE=1 cargo test --test instructions keeps it that way"));
            }
        }
        dearer
    }
}

/// Why it cannot be counted here.
fn lacks() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some("the baseline is one of Linux on x86_64".into());
    }
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        return Some(format!("valgrind does not run: {error}"));
    }
    let build = "cargo build --release makes it";
    let Some(built) = modified(Path::new(FUNCTION)) else { return Some(format!("there is no {FUNCTION}: {build}")) };
    let sources = std::fs::read_to_string(format!("{FUNCTION}.d")).unwrap_or_default();
    let newer = |file: &&str| modified(Path::new(file)).is_none_or(|changed| changed > built);
    let newer = sources.split_whitespace().skip(1).find(newer)?;
    Some(format!("{newer} is newer than {FUNCTION}: {build}"))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|found| found.modified()).ok()
}

/// Of a whole process that answers so many calls.
async fn instructions(request: &RunFunctionRequest, calls: u32) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts");
    let file = format!("--callgrind-out-file={}", counts.display());
    let server = Server::start(
        "env",
        &[ONE_WAY, "valgrind", "--tool=callgrind", &file, FUNCTION, "serve", "--insecure", "--address"],
    );
    let mut client = server.client().await;
    for _ in 0..calls {
        client.run_function(request.clone()).await.unwrap();
    }
    server.end();
    let counts = std::fs::read_to_string(counts).unwrap();
    counts.lines().find_map(|line| line.strip_prefix("summary: ")?.trim().parse().ok()).unwrap()
}

/// The rules, on a step that cost a million.
#[test]
fn what_is_dearer_cheaper_and_written() {
    let counted = |thousands: u64| BTreeMap::from([("report".to_owned(), thousands)]);
    let baseline = || Baseline { thousands: counted(1000), why: vec!["the first".into()] };
    let mut said = vec![];
    let mut compare = |now: u64| baseline().compare(&counted(now), &mut |line| said.push(line.to_owned()));
    assert!(compare(1050).is_empty() && compare(950).is_empty());
    assert_eq!(compare(1051), ["report: 1051k instructions, 1000k in the baseline"]);
    assert!(compare(949).is_empty());
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        Baseline::default().compare(&counted(7), &mut |_| {}),
        ["report: 7k instructions, and is not in the baseline"]
    );

    let update = |now: u64, why: Option<&str>| {
        let mut updated = baseline();
        updated.update(&counted(now), why.map(str::to_owned));
        (updated.thousands["report"], updated.why.len())
    };
    assert_eq!(update(2000, None), (1000, 1));
    assert_eq!(update(900, None), (900, 1));
    assert_eq!(update(2000, Some("it does twice as much")), (2000, 2));
}
