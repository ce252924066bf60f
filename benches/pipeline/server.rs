//! The servers that are measured: any program in a process of its own, and the plain echo that ours is held against.

use crate::plain::function_runner_service_client::FunctionRunnerServiceClient;
use crate::plain::function_runner_service_server::{FunctionRunnerService, FunctionRunnerServiceServer};
use crate::plain::{ResponseMeta, RunFunctionRequest, RunFunctionResponse};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tonic::transport::Channel;

pub type Client = FunctionRunnerServiceClient<Channel>;

pub struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    pub fn start(program: &str, arguments: &[&str]) -> Server {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(address.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        Server { process: command.spawn().unwrap(), address }
    }

    pub async fn client(&self) -> Client {
        while TcpStream::connect(self.address).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let client = FunctionRunnerServiceClient::connect(format!("http://{}", self.address)).await.unwrap();
        client.max_decoding_message_size(64 << 20)
    }

    /// As Kubernetes ends it.
    pub fn end(mut self) {
        let ended = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(ended.unwrap().success() && self.process.wait().unwrap().success());
    }

    /// CPU time of the process so far, in microseconds: user and system, from the scheduler's own nanoseconds.
    pub fn cpu(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanoseconds = |task: std::fs::DirEntry| -> f64 {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
        };
        tasks.map(|task| nanoseconds(task.unwrap())).sum::<f64>() / 1000.0
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> f64 {
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

pub async fn echo(address: SocketAddr) {
    let service = FunctionRunnerServiceServer::new(Echo).max_decoding_message_size(64 << 20);
    tonic::transport::Server::builder().add_service(service).serve(address).await.unwrap();
}
