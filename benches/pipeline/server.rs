//! The servers that are measured: any program in a process of its own.

use crate::plain::function_runner_service_client::FunctionRunnerServiceClient as PlainClient;
use function_database::wire::proto::function_runner_service_client::FunctionRunnerServiceClient as UndecodedClient;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

/// Plays Crossplane: looks at what is answered.
pub type Client = PlainClient<Channel>;
/// Sends what is measured, and leaves undecoded what it gets: it takes little of the processor from the server.
pub type Caller = UndecodedClient<Channel>;

/// The largest message that is sent or answered here.
pub const MESSAGE_BYTES: usize = 64 << 20;

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
        Client::new(self.channel(None).await).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub async fn caller(&self, tls: Option<&ClientTlsConfig>) -> Caller {
        Caller::new(self.channel(tls).await).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// A connection, as soon as it listens.
    async fn channel(&self, tls: Option<&ClientTlsConfig>) -> Channel {
        while TcpStream::connect(self.address).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{}", self.address)).unwrap();
        let endpoint = match tls {
            Some(tls) => endpoint.tls_config(tls.clone()).unwrap(),
            None => endpoint,
        };
        endpoint.connect().await.unwrap()
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
        self.memory_line("VmRSS")
    }

    /// The most that it ever was, in MiB.
    pub fn peak_memory(&self) -> f64 {
        self.memory_line("VmHWM")
    }

    fn memory_line(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
