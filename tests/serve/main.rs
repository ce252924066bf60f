//! The program itself as a server: how it starts and why it does not, ended and killed while it is called, and attacked.
#![cfg(test)]

#[path = "../properties/crossplane.rs"]
mod crossplane;
mod hostile;
#[path = "../properties/world.rs"]
#[expect(dead_code, reason = "what is done to it there is another kind of harm")]
mod world;

use function_database::wire::proto::{
    RunFunctionRequest, State, function_runner_service_client::FunctionRunnerServiceClient,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::Code;
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
        let metrics = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
        command.args(["serve", "--insecure", "--address", &address.to_string()]);
        command.args(["--metrics-address", &metrics.to_string()]).stderr(Stdio::null());
        Server { process: command.spawn().unwrap(), address, metrics }
    }

    async fn client(&self) -> Client {
        self.client_with(|endpoint| endpoint).await
    }

    async fn client_with(&self, settings: fn(Endpoint) -> Endpoint) -> Client {
        let endpoint = settings(Endpoint::from_shared(format!("http://{}", self.address)).unwrap());
        for _ in 0..1000 {
            if let Ok(channel) = endpoint.connect().await {
                return FunctionRunnerServiceClient::new(channel).max_decoding_message_size(64 << 20);
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

    /// What a probe of Kubernetes sees.
    fn is_healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.metrics) else { return false };
        let mut answer = String::new();
        let asked =
            stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").and_then(|()| stream.read_to_string(&mut answer));
        asked.is_ok() && answer.starts_with("HTTP/1.1 200 OK")
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
    let mut requests = vec![];
    crossplane::run(&World::ready(), Clone::clone, |request, _| requests.push(request.clone()));
    assert_eq!(requests.len(), 5);
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_under_load_loses_no_call() {
    let mut server = Server::start(free_address());
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);
    let mut callers = vec![];
    for _ in 0..8 {
        let (mut client, requests) = (server.client().await, requests());
        callers.push(tokio::spawn(async move {
            for request in requests.iter().cycle() {
                if let Err(status) = client.run_function(request.clone()).await {
                    return status;
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
    assert!(server.is_healthy());
    let process = server.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    for caller in callers {
        let status = caller.await.unwrap();
        // Not taken on any more, or never sent, as hyper says it of a connection that closed before; Crossplane calls again,
        // another replica. Anything else would be a call that was lost.
        let never_sent = (Code::Cancelled, "operation was canceled");
        assert!(status.code() == Code::Unavailable || (status.code(), status.message()) == never_sent, "{status:?}");
    }
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    assert!(!server.is_healthy() && TcpStream::connect(server.address).is_err());
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
