//! What the function costs, beside echoes of the same bytes in the same run: `cargo bench`.
//!
//! Plays Crossplane against the real binary in a process of its own, and sends the very same requests to two other processes:
//! one that decodes and encodes all of them with plain tonic and prost, and one that leaves structs undecoded. CPU is what the
//! operating system accounts to each server, so the client does not count. Ratios can be trusted on a noisy machine; single
//! times cannot.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[path = "../../src/server/authority.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod authority;
#[expect(clippy::enum_variant_names, reason = "generated, with the names of the protocol")]
mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain/apiextensions.r#fn.proto.v1.rs"));
}

mod claims;
mod echo;
mod growth;
mod load;
mod request;
mod server;

use function_database::wire::proto::RunFunctionRequest;
use prost::Message;
use request::{World, claim, pipeline, resource, structure, yaml};
use serde_json::{Value as Json, json};
use server::{Caller, Client, Server};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const FUNCTION: &str = env!("CARGO_BIN_EXE_function-database");
const CALLS: u32 = 1000;
/// What a real production database has: about so many observed resources, mostly managed fields.
const RESOURCES: usize = 31;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("echo") => runtime.block_on(echo::serve(&arguments[2..])),
        _ => runtime.block_on(bench()),
    }
}

async fn bench() {
    sizes();
    cold_starts().await;

    let function = function(&["--insecure"]);
    let mut client = function.client().await;
    let steps = pipeline(&mut client, &World::ready(RESOURCES)).await;
    let steps: Vec<_> = steps.iter().map(|(name, request)| (name.as_str(), undecoded(request))).collect();
    each_step(&function, &steps).await;
    operators(&function, &mut client).await;
    signatures(&function, &mut client).await;
    growth::measure(&function, &mut client).await;
    let requests: Vec<_> = steps.into_iter().map(|(_, request)| request).collect();
    load::measure(&requests).await;
    claims::measure(&requests).await;
}

fn function(arguments: &[&str]) -> Server {
    Server::start(FUNCTION, &[&["serve"], arguments, &["--address"]].concat())
}

fn echo(arguments: &[&str]) -> Server {
    let own = std::env::current_exe().unwrap();
    Server::start(own.to_str().unwrap(), &[&["echo"], arguments].concat())
}

/// The same on the wire, and next to nothing to send again.
fn undecoded(request: &plain::RunFunctionRequest) -> RunFunctionRequest {
    RunFunctionRequest::decode(request.encode_to_vec().as_slice()).unwrap()
}

async fn each_step(function: &Server, steps: &[(&str, RunFunctionRequest)]) {
    let servers = [function, &echo(&["decoded"]), &echo(&["undecoded"])];
    let mut callers = vec![];
    for server in servers {
        callers.push(server.caller(None).await);
    }
    println!("\nCPU per call in microseconds, {CALLS} calls each; a budget is a share of the plain echo's");
    println!(
        "{:<22}{:>9}{:>10}{:>12}{:>8}{:>18}{:>8}  budget",
        "step", "request", "function", "plain echo", "ratio", "undecoded echo", "ratio"
    );
    let row = |name: &str, bytes: usize, [cost, plain, undecoded]: [f64; 3], budget: f64| {
        let (ratio, other) = (cost / plain, cost / undecoded);
        let costs = format!("{cost:>10.0}{plain:>12.0}{ratio:>8.2}{undecoded:>18.0}{other:>8.2}");
        println!("{name:<22}{bytes:>9}{costs}  {budget} {}", verdict(ratio <= budget));
    };
    let (mut bytes, mut sums) = (0, [0.0; 3]);
    for (name, request) in steps {
        let mut costs = [f64::MAX; 3];
        // In turn, and the lowest of each: what is above it is somebody else's noise.
        for _ in 0..3 {
            for ((cost, server), caller) in costs.iter_mut().zip(servers).zip(&mut callers) {
                *cost = cost.min(cpu(server, caller, request, CALLS).await);
            }
        }
        row(name, request.encoded_len(), costs, 0.25);
        bytes += request.encoded_len();
        sums.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
    }
    row("whole pipeline", bytes, sums, 0.2);
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "EXCEEDED" }
}

async fn cpu(server: &Server, caller: &mut Caller, request: &RunFunctionRequest, calls: u32) -> f64 {
    let before = server.cpu();
    for _ in 0..calls {
        caller.run_function(request.clone()).await.unwrap();
    }
    (server.cpu() - before) / f64::from(calls)
}

/// What composing everything costs with each operator, beside CloudNativePG: the golden cases `everything`.
async fn operators(function: &Server, client: &mut Client) {
    println!(
        "\nCPU per call of compose-engine by operator, in microseconds; a budget is a multiple of CloudNativePG's"
    );
    println!("{:<22}{:>9}{:>10}{:>10}{:>8}  budget", "operator", "request", "function", "cnpg", "ratio");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folders = |folder: &Path| -> Vec<PathBuf> {
        let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let operators: Vec<_> =
        folders(&golden).iter().filter(|engine| engine.is_dir()).flat_map(|it| folders(it)).collect();
    let cases: Vec<_> = operators.iter().map(|operator| operator.join("everything")).filter(|it| it.is_dir()).collect();
    let mut caller = function.caller(None).await;
    let (_, baseline) =
        pipeline(client, &World::golden(&golden.join("postgresql/cloudnative-pg/everything"))).await.remove(2);
    let baseline = undecoded(&baseline);
    for case in cases {
        let (_, request) = pipeline(client, &World::golden(&case)).await.remove(2);
        let request = undecoded(&request);
        let (mut cost, mut cost_of_baseline) = (f64::MAX, f64::MAX);
        for _ in 0..3 {
            cost = cost.min(cpu(function, &mut caller, &request, CALLS).await);
            cost_of_baseline = cost_of_baseline.min(cpu(function, &mut caller, &baseline, CALLS).await);
        }
        let operator = case.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let (bytes, ratio) = (request.encoded_len(), cost / cost_of_baseline);
        let kept = verdict(ratio <= 2.0);
        println!("{operator:<22}{bytes:>9}{cost:>10.0}{cost_of_baseline:>10.0}{ratio:>8.2}  2 {kept}");
    }
}

/// What the gate costs with a signed approval to look at, more than where nobody needs to approve.
async fn signatures(function: &Server, client: &mut Client) {
    println!("\nCPU per call of the gate with a signed approval, in microseconds more than without; the budget is 300");
    let (_, request) = pipeline(client, &World { observed: vec![], ..World::ready(0) }).await.remove(1);
    let (folder, mut caller) = (tempfile::tempdir().unwrap(), function.caller(None).await);
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = folder.path().join(kind);
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(&key).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: ssh-keygen does not run");
            return;
        }
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let gate = |environments: Json| {
            let signers = json!([{"approver": "anna", "key": public.trim()}]);
            let spec = json!({"environments": environments, "signatures": "Required", "signers": signers});
            structure(&json!({"apiVersion": "fn.db.platform.io/v1", "kind": "ApprovalGate", "spec": spec}))
        };
        let without = plain::RunFunctionRequest { input: Some(gate(json!([]))), ..request.clone() };
        let mut with = plain::RunFunctionRequest { input: Some(gate(json!(["prod"]))), ..request.clone() };
        let approval = Command::new(FUNCTION)
            .args(["approve", "checkout/orders", "--operation", "Create", "--approver", "anna", "--digest"])
            .args([&digest(), "--sign"])
            .arg(&key)
            .output()
            .unwrap();
        let mut approval = yaml(&String::from_utf8(approval.stdout).unwrap()).remove(0);
        approval["metadata"]["name"] = "orders-1".into();
        for (name, found) in &mut with.required_resources {
            if name.contains("DatabaseApproval") {
                found.items = vec![resource(&approval)];
            }
        }
        let answer = client.run_function(with.clone()).await.unwrap().into_inner();
        assert!(answer.desired.unwrap().resources.contains_key("record"), "it counts");
        let (with, without) = (undecoded(&with), undecoded(&without));
        let (mut cost, mut cost_without) = (f64::MAX, f64::MAX);
        for _ in 0..3 {
            cost = cost.min(cpu(function, &mut caller, &with, CALLS).await);
            cost_without = cost_without.min(cpu(function, &mut caller, &without, CALLS).await);
        }
        let more = cost - cost_without;
        println!("{kind:<10}{more:>7.0}  {}", verdict(more <= 300.0));
    }
}

/// Of creating the database of the example.
fn digest() -> String {
    let composition = yaml(include_str!("../../compositions/database.yaml")).remove(0);
    let composition = function_database::render::Composition::read(&composition).unwrap();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let rendered = function_database::render::render(&composition, &claim("orders"), &[], &[], now);
    rendered.composite["status"]["approval"]["pending"]["digest"].as_str().unwrap().into()
}

/// Of the program that is measured, and of the static one that ships, if `just release` was run.
fn sizes() {
    let megabytes = |path: &Path| std::fs::metadata(path).map(|found| found.len() as f64 / 1e6);
    println!("the program that is measured here, in MB: {:.2}", megabytes(Path::new(FUNCTION)).unwrap());
    let target = format!("target/{}-unknown-linux-musl/release/function-database", std::env::consts::ARCH);
    match megabytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join(target)) {
        Ok(size) => println!("the static one that ships, in MB: {size:.2}; budget 10 {}", verdict(size < 10.0)),
        Err(_) => println!("the static one that ships: just release makes it"),
    }
}

async fn cold_starts() {
    let mut times = vec![];
    for _ in 0..15 {
        let start = Instant::now();
        let server = function(&["--insecure"]);
        let mut caller = server.caller(None).await;
        caller.run_function(RunFunctionRequest::default()).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        server.end();
    }
    times.sort_by(f64::total_cmp);
    let median = times[7];
    println!(
        "from exec to the first answered call, in ms: {median:.1} (median of 15); budget 10 {}",
        verdict(median <= 10.0)
    );
}
