//! What the function costs, beside a plain echo of the same bytes in the same run: `cargo bench`.
//!
//! Plays Crossplane against the real binary in a process of its own, and sends the very same requests to another process
//! that decodes and encodes them with plain tonic and prost. CPU is what the operating system accounts to each server, so
//! the client does not count. Ratios can be trusted on a noisy machine; single times cannot.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[expect(clippy::enum_variant_names, reason = "generated, with the names of the protocol")]
mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain/apiextensions.r#fn.proto.v1.rs"));
}

mod request;
mod server;

use plain::RunFunctionRequest;
use prost::Message;
use request::{World, claim, pipeline, renamed, resource, structure, yaml};
use serde_json::{Value as Json, json};
use server::{Client, Server};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const FUNCTION: &str = env!("CARGO_BIN_EXE_function-database");
const CALLS: u32 = 1500;
/// What a real production database has: about so many observed resources, mostly managed fields.
const RESOURCES: usize = 31;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("echo") => runtime.block_on(server::echo(arguments[2].parse().unwrap())),
        _ => runtime.block_on(bench()),
    }
}

async fn bench() {
    let function = Server::start(FUNCTION, &["serve", "--insecure", "--address"]);
    let own = std::env::current_exe().unwrap();
    let echo = Server::start(own.to_str().unwrap(), &["echo"]);
    let (mut ours, mut theirs) = (function.client().await, echo.client().await);

    println!("binary: {:.1} MB", std::fs::metadata(FUNCTION).unwrap().len() as f64 / 1e6);
    println!("from exec to the first answered call, in ms: {}", cold_starts().await);

    let steps = pipeline(&mut ours, &World::ready(RESOURCES)).await;
    println!("\nCPU per call in microseconds, {CALLS} calls each; a budget is a share of the echo's");
    println!("{:<22}{:>9}{:>10}{:>10}{:>8}  budget", "step", "request", "function", "echo", "ratio");
    let (mut sum, mut sum_of_echo) = (0.0, 0.0);
    for (name, request) in &steps {
        let (mut cost, mut cost_of_echo) = (f64::MAX, f64::MAX);
        // In turn, and the lowest of each: what is above it is somebody else's noise.
        for _ in 0..3 {
            cost = cost.min(cpu(&function, &mut ours, request).await);
            cost_of_echo = cost_of_echo.min(cpu(&echo, &mut theirs, request).await);
        }
        (sum, sum_of_echo) = (sum + cost, sum_of_echo + cost_of_echo);
        row(name, request.encoded_len(), cost, cost_of_echo, 0.25);
    }
    row("average", 0, sum / 5.0, sum_of_echo / 5.0, 0.2);

    operators(&function, &mut ours).await;
    signatures(&function, &mut ours).await;

    println!("\nCPU per call of the whole pipeline by the number of observed resources");
    for count in [1, 10, 100, 500] {
        let mut sum = 0.0;
        for (_, request) in pipeline(&mut ours, &World::ready(count)).await {
            let calls = 200;
            let before = function.cpu();
            for _ in 0..calls {
                ours.run_function(request.clone()).await.unwrap();
            }
            sum += (function.cpu() - before) / f64::from(calls);
        }
        println!("{count:>4} resources: {sum:>7.0} us");
    }

    let fresh = Server::start(FUNCTION, &["serve", "--insecure", "--address"]);
    let mut client = fresh.client().await;
    let idle = fresh.memory();
    for number in 0..1000 {
        let named = steps.iter().map(|(_, request)| renamed(request, number));
        for request in named {
            client.run_function(request).await.unwrap();
        }
    }
    println!("\nmemory: {idle:.1} MiB idle, {:.1} MiB after 1000 different claims", fresh.memory());
}

fn row(name: &str, bytes: usize, cost: f64, cost_of_echo: f64, budget: f64) {
    let ratio = cost / cost_of_echo;
    let verdict = if ratio <= budget { "kept" } else { "EXCEEDED" };
    println!("{name:<22}{bytes:>9}{cost:>10.0}{cost_of_echo:>10.0}{ratio:>8.2}  {budget} {verdict}");
}

async fn cpu(server: &Server, client: &mut Client, request: &RunFunctionRequest) -> f64 {
    let before = server.cpu();
    for _ in 0..CALLS {
        client.run_function(request.clone()).await.unwrap();
    }
    (server.cpu() - before) / f64::from(CALLS)
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
    let (_, baseline) =
        pipeline(client, &World::golden(&golden.join("postgresql/cloudnative-pg/everything"))).await.remove(2);
    for case in cases {
        let (_, request) = pipeline(client, &World::golden(&case)).await.remove(2);
        let (mut cost, mut cost_of_baseline) = (f64::MAX, f64::MAX);
        for _ in 0..3 {
            cost = cost.min(cpu(function, client, &request).await);
            cost_of_baseline = cost_of_baseline.min(cpu(function, client, &baseline).await);
        }
        let operator = case.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        row(&operator, request.encoded_len(), cost, cost_of_baseline, 2.0);
    }
}

/// What the gate costs with a signed approval to look at, more than where nobody needs to approve.
async fn signatures(function: &Server, client: &mut Client) {
    println!("\nCPU per call of the gate with a signed approval, in microseconds more than without; the budget is 300");
    let (_, request) = pipeline(client, &World { observed: vec![], ..World::ready(0) }).await.remove(1);
    let folder = tempfile::tempdir().unwrap();
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
        let without = RunFunctionRequest { input: Some(gate(json!([]))), ..request.clone() };
        let mut with = RunFunctionRequest { input: Some(gate(json!(["prod"]))), ..request.clone() };
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
        let (mut cost, mut cost_without) = (f64::MAX, f64::MAX);
        for _ in 0..3 {
            cost = cost.min(cpu(function, client, &with).await);
            cost_without = cost_without.min(cpu(function, client, &without).await);
        }
        let more = cost - cost_without;
        println!("{kind:<10}{more:>7.0}  {}", if more <= 300.0 { "kept" } else { "EXCEEDED" });
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

async fn cold_starts() -> String {
    let mut times = vec![];
    for _ in 0..15 {
        let start = Instant::now();
        let server = Server::start(FUNCTION, &["serve", "--insecure", "--address"]);
        let mut client = server.client().await;
        client.run_function(RunFunctionRequest::default()).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        server.end();
    }
    times.sort_by(f64::total_cmp);
    format!("{:.1} (median of 15)", times[7])
}
