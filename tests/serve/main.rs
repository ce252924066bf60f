//! The program itself as a server: how it starts and why it does not, ended and killed while it is called, and attacked.
#![cfg(test)]

#[path = "../../src/server/authority.rs"]
mod authority;
#[path = "../properties/crossplane.rs"]
mod crossplane;
#[path = "../support/documents.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod documents;
mod hostile;
mod said;
mod start;
mod tls;
mod waiting;
#[path = "../properties/world.rs"]
#[expect(dead_code, reason = "what is done to it there is another kind of harm")]
mod world;

use function_database::wire::proto::{
    RunFunctionRequest, RunFunctionResponse, State, function_runner_service_client::FunctionRunnerServiceClient,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use world::World;

type Client = FunctionRunnerServiceClient<Channel>;

struct Server {
    process: Child,
    address: SocketAddr,
    metrics: SocketAddr,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Server {
    fn start(address: SocketAddr) -> Server {
        Server::with(address, &["--insecure"], Stdio::null())
    }

    fn with(address: SocketAddr, arguments: &[&str], log: Stdio) -> Server {
        let metrics = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
        command.args(["serve", "--address", &address.to_string(), "--metrics-address", &metrics.to_string()]);
        Server { process: command.args(arguments).stderr(log).spawn().unwrap(), address, metrics }
    }

    async fn client(&self) -> Client {
        self.client_with(|endpoint| endpoint).await
    }

    async fn client_with(&self, settings: fn(Endpoint) -> Endpoint) -> Client {
        FunctionRunnerServiceClient::new(self.channel(settings).await).max_decoding_message_size(64 << 20)
    }

    async fn channel(&self, settings: fn(Endpoint) -> Endpoint) -> Channel {
        let endpoint = settings(Endpoint::from_shared(format!("http://{}", self.address)).unwrap());
        for _ in 0..1000 {
            if let Ok(channel) = endpoint.connect().await {
                return channel;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server does not start")
    }

    /// In MiB: a line of what Linux knows of the process.
    fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }

    /// What Kubernetes and Prometheus see: nothing, or an answer of HTTP.
    fn page(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.metrics) {
            _ = write!(stream, "GET {path} HTTP/1.1\r\n\r\n").and_then(|()| stream.read_to_string(&mut answer));
        }
        answer
    }

    fn is_healthy(&self) -> bool {
        self.page("/healthz").starts_with("HTTP/1.1 200 OK")
    }

    fn is_ready(&self) -> bool {
        self.page("/readyz").starts_with("HTTP/1.1 200 OK")
    }

    /// As Kubernetes ends it.
    fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// What the five steps get for a production database that runs.
fn requests() -> Vec<RunFunctionRequest> {
    requests_for(&World::ready())
}

fn requests_for(world: &World) -> Vec<RunFunctionRequest> {
    let mut requests = vec![];
    crossplane::run(world, Clone::clone, |request, _| requests.push(request.clone()));
    assert_eq!(requests.len(), 5);
    requests
}

/// What the server answered, by its own log, is what its callers got: each call was answered and its answer arrived, or no step
/// ever saw it, so that Crossplane may call another replica as if nothing had been.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_under_load_loses_no_call() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let logged = File::create(log.path()).unwrap().into();
    let mut server = Server::with(free_address(), &["--insecure", "--log-level", "debug"], logged);
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);
    let mut callers = vec![];
    for caller in 0..8 {
        let (mut client, requests) = (server.client().await, requests());
        callers.push(tokio::spawn(async move {
            let mut answered = vec![];
            for (number, request) in requests.iter().cycle().enumerate() {
                let mut request = request.clone();
                let tag = format!("{caller}-{number}");
                request.meta.get_or_insert_default().tag.clone_from(&tag);
                match client.run_function(request).await {
                    Ok(_) => answered.push(tag),
                    Err(status) => return (answered, status),
                }
                ANSWERED.fetch_add(1, Ordering::Relaxed);
            }
            unreachable!()
        }));
    }
    while ANSWERED.load(Ordering::Relaxed) < 40 {
        assert!(callers.iter().all(|caller| !caller.is_finished()), "calls fail before the signal");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(server.is_healthy() && server.is_ready());
    server.terminate();
    let mut answered = BTreeSet::new();
    for caller in callers {
        let (answers, status) = caller.await.unwrap();
        answered.extend(answers);
        // Not taken on any more, or never sent, as hyper says it of a connection that closed before.
        let never_sent = (status.code(), status.message()) == (Code::Cancelled, "operation was canceled");
        // Or sent after the last that the server said it would answer (RFC 9113, 6.8), which a client may send to another.
        let never_taken =
            status.code() == Code::Internal && format!("{status:?}").contains("GoAway(b\"\", NO_ERROR, Remote)");
        assert!(status.code() == Code::Unavailable || never_sent || never_taken, "{status:?}");
    }
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    assert!(!server.is_healthy() && TcpStream::connect(server.address).is_err());

    let lines: Vec<Value> =
        std::fs::read_to_string(log.path()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let taken: BTreeSet<String> = lines.iter().filter_map(|line| line["tag"].as_str()).map(String::from).collect();
    let lost: Vec<&String> = taken.difference(&answered).collect();
    assert!(lost.is_empty(), "answered, and nobody got it: {lost:?}");
    assert!(taken == answered, "got by somebody, and not in the log: {:?}", answered.difference(&taken));
    assert!(lines.iter().all(|line| line["message"] != "ended with calls in flight"), "it gave up waiting");
}

/// A call goes on, whose request has not arrived, so that the program cannot end: it lives, and takes no other call.
#[tokio::test(flavor = "multi_thread")]
async fn who_ends_is_not_ready() {
    let mut server = Server::start(free_address());
    let channel = server.channel(|endpoint| endpoint).await;
    let slow = tokio::spawn(async move {
        let path = PathAndQuery::from_static("/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction");
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.unwrap();
        let request = tonic::Request::new(tokio_stream::pending());
        let codec = tonic_prost::ProstCodec::<RunFunctionRequest, RunFunctionResponse>::default();
        grpc.client_streaming(request, path, codec).await.map(drop)
    });
    while !server.page("/metrics").contains("build_info") || !server.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.terminate();
    for _ in 0..500 {
        if !server.is_ready() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(server.page("/readyz").starts_with("HTTP/1.1 503 Service Unavailable"));
    assert!(server.is_healthy());
    assert_eq!(server.process.try_wait().unwrap(), None);
    slow.abort();
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

/// Nothing is kept between calls, so that whoever answers next answers the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_from_one_that_was_killed_wants_the_same() {
    let (address, requests) = (free_address(), requests());
    let mut expected: Vec<Option<State>> = vec![];
    for round in 0..4 {
        let mut server = Server::start(address);
        let mut client = server.client().await;
        let mut desired = vec![];
        for request in &requests {
            desired.push(client.run_function(request.clone()).await.unwrap().into_inner().desired);
        }
        if round == 0 {
            expected.clone_from(&desired);
        }
        assert!(expected == desired, "round {round}");
        // While it answers: sent to many, and to the process before they are read.
        let in_flight = requests.iter().cycle().take(50).cloned().map(|request| {
            let mut client = client.clone();
            tokio::spawn(async move { client.run_function(request).await })
        });
        let in_flight: Vec<_> = in_flight.collect();
        tokio::time::sleep(Duration::from_millis(round * 5)).await;
        server.process.kill().unwrap();
        for (call, expected) in in_flight.into_iter().zip(expected.iter().cycle()) {
            // Whole or not at all.
            if let Ok(answer) = call.await.unwrap() {
                assert!(answer.into_inner().desired == *expected, "round {round}");
            }
        }
    }
}
