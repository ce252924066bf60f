//! What the function costs, beside a plain echo of the same bytes in the same run: `cargo bench`.
//!
//! Plays Crossplane against the real binary in a process of its own, and sends the very same requests to another process
//! that decodes and encodes them with plain tonic and prost. CPU is what the operating system accounts to each server, so
//! the client does not count. Ratios can be trusted on a noisy machine; single times cannot.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(clippy::all)] // generated
mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain/apiextensions.r#fn.proto.v1.rs"));
}

use plain::function_runner_service_client::FunctionRunnerServiceClient;
use plain::function_runner_service_server::{FunctionRunnerService, FunctionRunnerServiceServer};
use plain::{
    Capability, RequestMeta, Resource, Resources, ResponseMeta, RunFunctionRequest, RunFunctionResponse, State,
};
use prost::Message;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Value as Json, json};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

const FUNCTION: &str = env!("CARGO_BIN_EXE_function-database");
const CALLS: u32 = 1500;
/// What a real production database has: about so many observed resources, mostly managed fields.
const RESOURCES: usize = 31;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("echo") => runtime.block_on(echo(arguments[2].parse().unwrap())),
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

    let steps = pipeline(&mut ours, &observed(RESOURCES), "orders").await;
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

    signatures(&function, &mut ours).await;

    println!("\nCPU per call of the whole pipeline by the number of observed resources");
    for count in [1, 10, 100, 500] {
        let mut sum = 0.0;
        for (_, request) in pipeline(&mut ours, &observed(count), "orders").await {
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

async fn cpu(server: &Server, client: &mut FunctionRunnerServiceClient<Channel>, request: &RunFunctionRequest) -> f64 {
    let before = server.cpu();
    for _ in 0..CALLS {
        client.run_function(request.clone()).await.unwrap();
    }
    (server.cpu() - before) / f64::from(CALLS)
}

/// What the gate costs with a signed approval to look at, more than where nobody needs to approve.
async fn signatures(function: &Server, client: &mut FunctionRunnerServiceClient<Channel>) {
    println!("\nCPU per call of the gate with a signed approval, in microseconds more than without; the budget is 300");
    let (_, request) = pipeline(client, &[], "orders").await.remove(1);
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
    let composition = yaml(include_str!("../compositions/database.yaml")).remove(0);
    let composition = function_database::render::Composition::read(&composition).unwrap();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let rendered = function_database::render::render(&composition, &claim("orders"), &[], &[], now);
    rendered.composite["status"]["approval"]["pending"]["digest"].as_str().unwrap().into()
}

/// Plays the pipeline once and keeps the request that each step was answered for.
async fn pipeline(
    client: &mut FunctionRunnerServiceClient<Channel>,
    observed: &[(String, Json)],
    name: &str,
) -> Vec<(String, RunFunctionRequest)> {
    let composition: Json = yaml(include_str!("../compositions/database.yaml")).remove(0);
    let cluster = yaml(include_str!("../examples/postgresql/ready/cluster.yaml"));
    let (mut requests, mut desired, mut context) = (vec![], None, None);
    for step in composition["spec"]["pipeline"].as_array().unwrap() {
        let mut request = RunFunctionRequest {
            meta: Some(RequestMeta {
                tag: "bench".into(),
                capabilities: vec![Capability::Capabilities.into(), Capability::RequiredResources.into()],
            }),
            observed: Some(State {
                composite: Some(resource(&claim(name))),
                resources: observed.iter().map(|(key, value)| (key.clone(), resource(value))).collect(),
            }),
            desired: desired.take(),
            input: Some(structure(&step["input"])),
            context: context.take(),
            ..Default::default()
        };
        let mut response = RunFunctionResponse::default();
        for _ in 0..5 {
            response = client.run_function(request.clone()).await.unwrap().into_inner();
            assert!(response.results.iter().all(|result| result.severity != 1), "{:?}", response.results);
            let asked = response.requirements.clone().unwrap_or_default().resources;
            let answers = asked.into_iter().map(|(name, selector)| {
                let found = cluster.iter().filter(|value| matches(&selector, value)).map(resource);
                (name, Resources { items: found.collect() })
            });
            request.required_resources = answers.collect();
        }
        (desired, context) = (response.desired, response.context);
        requests.push((step["step"].as_str().unwrap().into(), request));
    }
    requests
}

fn matches(selector: &plain::ResourceSelector, value: &Json) -> bool {
    use plain::resource_selector::Match;
    let matched = match &selector.r#match {
        Some(Match::MatchName(name)) => value["metadata"]["name"] == name.as_str(),
        Some(Match::MatchLabels(labels)) => {
            labels.labels.iter().all(|(name, label)| value["metadata"]["labels"][name] == label.as_str())
        }
        None => true,
    };
    value["kind"] == selector.kind.as_str() && matched
}

fn renamed(request: &RunFunctionRequest, number: usize) -> RunFunctionRequest {
    let mut request = request.clone();
    let composite = request.observed.as_mut().and_then(|observed| observed.composite.as_mut()).unwrap();
    composite.resource = Some(structure(&claim(&format!("orders{number}"))));
    request
}

fn claim(name: &str) -> Json {
    managed(yaml(include_str!("../examples/postgresql/prod.yaml")).remove(0), name)
}

/// The ready example's resources and, up to `count`, others that hold nothing.
fn observed(count: usize) -> Vec<(String, Json)> {
    let mut found: Vec<(String, Json)> = yaml(include_str!("../examples/postgresql/ready/observed.yaml"))
        .into_iter()
        .map(|value| {
            let key = value["metadata"]["annotations"]["crossplane.io/composition-resource-name"]
                .as_str()
                .unwrap()
                .to_string();
            let name = value["metadata"]["name"].as_str().unwrap().to_string();
            (key, managed(value, &name))
        })
        .collect();
    // The record and the data first: without them the pipeline would do something else.
    found.sort_by_key(|(key, _)| !matches!(key.as_str(), "record" | "cluster"));
    found.truncate(count.max(2));
    for number in found.len()..count {
        let name = format!("filler-{number}");
        let data = json!({"settings": "a=1\nb=2\nc=3\n", "more": "x".repeat(200)});
        let value =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "checkout"}, "data": data});
        found.push((name.clone(), managed(value, &name)));
    }
    found
}

/// With what the API server adds: identity, and who manages which field.
fn managed(mut value: Json, name: &str) -> Json {
    let fields = fields(&value);
    value["metadata"]["name"] = name.into();
    value["metadata"]["uid"] = "ac03ad21-2888-4b19-a051-8ab1a32df1bd".into();
    value["metadata"]["resourceVersion"] = "48121550".into();
    value["metadata"]["creationTimestamp"] = "2026-10-02T08:14:31Z".into();
    value["metadata"]["managedFields"] = json!([{
        "apiVersion": value["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields, "operation": "Apply",
        "manager": "apiextensions.crossplane.io/composed", "time": "2026-11-20T08:14:31Z",
    }]);
    value
}

fn fields(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect::<serde_json::Map<_, _>>().into()
        }
        _ => json!({}),
    }
}

fn yaml(text: &str) -> Vec<Json> {
    serde_saphyr::from_multiple(text).unwrap()
}

fn resource(value: &Json) -> Resource {
    Resource { resource: Some(structure(value)), ..Default::default() }
}

fn structure(value: &Json) -> Struct {
    let fields = value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), self::value(value)));
    Struct { fields: fields.collect() }
}

fn value(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(self::value).collect() }),
        Json::Object(_) => Kind::StructValue(structure(value)),
    };
    Value { kind: Some(kind) }
}

// ---- the servers

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &str, arguments: &[&str]) -> Server {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(address.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        Server { process: command.spawn().unwrap(), address }
    }

    async fn client(&self) -> FunctionRunnerServiceClient<Channel> {
        while TcpStream::connect(self.address).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let client = FunctionRunnerServiceClient::connect(format!("http://{}", self.address)).await.unwrap();
        client.max_decoding_message_size(64 << 20)
    }

    /// CPU time of the process so far, in microseconds: user and system, from the scheduler's own nanoseconds.
    fn cpu(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanoseconds = |task: std::fs::DirEntry| -> f64 {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
        };
        tasks.map(|task| nanoseconds(task.unwrap())).sum::<f64>() / 1000.0
    }

    /// Resident memory in MiB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn cold_starts() -> String {
    let mut times = vec![];
    for _ in 0..15 {
        let start = Instant::now();
        let server = Server::start(FUNCTION, &["serve", "--insecure", "--address"]);
        let mut client = server.client().await;
        client.run_function(RunFunctionRequest::default()).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    format!("{:.1} (median of 15)", times[7])
}

/// What tonic and prost do with nobody's help: everything decoded, everything encoded.
struct Echo;

#[tonic::async_trait]
impl FunctionRunnerService for Echo {
    async fn run_function(
        &self,
        request: tonic::Request<RunFunctionRequest>,
    ) -> Result<tonic::Response<RunFunctionResponse>, tonic::Status> {
        let request = request.into_inner();
        let meta = ResponseMeta { tag: request.meta.unwrap_or_default().tag, ttl: None };
        let (desired, context) = (request.observed, request.context);
        Ok(tonic::Response::new(RunFunctionResponse { meta: Some(meta), desired, context, ..Default::default() }))
    }
}

async fn echo(address: SocketAddr) {
    let service = FunctionRunnerServiceServer::new(Echo).max_decoding_message_size(64 << 20);
    tonic::transport::Server::builder().add_service(service).serve(address).await.unwrap();
}
