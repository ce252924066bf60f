//! The function as a gRPC server. In: an address, certificates, and the step to run. Out: answers to Crossplane until
//! a signal ends it.
//!
//! This is where the clock is read, where a panic ends, where logs are written and calls are counted. Must not know what a step does, nor
//! log any value out of a request.

#[cfg(test)]
mod authority;
mod bounds;
mod connection;
mod log;
mod metrics;
mod runner;
mod tls;
mod waiting;
#[cfg(test)]
mod tests;

pub use runner::Run;

use crate::wire::proto::{self, function_runner_service_server::FunctionRunnerServiceServer};
use bounds::{Bounded, LIMITS, Limits};
use connection::bounded;
use metrics::Metrics;
use runner::Runner;
use std::{
    fmt::Display,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tls::Certificates;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tokio_stream::Stream;
use tonic::transport::server::{Server, TcpIncoming};
pub use tracing::Level;

/// Where Crossplane expects a function.
pub const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9443);

/// The largest request. Most are below 100 KiB; required resources can make it megabytes.
const MESSAGE_BYTES: usize = 16 << 20;
/// How much of a request a peer may send before it hears of us: nearly all arrive without a wait in between.
const WINDOW_BYTES: u32 = 1 << 20;
/// Calls at once on one connection, of which each of Crossplane's pods opens one.
const CALLS: u32 = 64;
/// After how long a silent peer is asked whether it still lives, and how long it has to answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long calls may go on after the signal to end: less than the 30 s that Kubernetes waits.
const GRACE: Duration = Duration::from_secs(25);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    pub address: SocketAddr,
    /// Where Prometheus and Kubernetes' probes ask, without TLS; nowhere unless given.
    pub metrics: Option<SocketAddr>,
    pub transport: Transport,
    pub log: Log,
}

/// What is logged, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    pub level: Level,
    /// For people, also where nobody sits at a terminal; else as JSON.
    pub readable: bool,
}

#[derive(Clone, Debug)]
pub enum Transport {
    /// For development: anyone may call.
    Plaintext,
    /// Only a client with a certificate of the authority `ca.crt` may call. The folder also has the server's own
    /// `tls.crt` and `tls.key`; when they rotate, new connections use the new ones.
    MutualTls { certificates: PathBuf },
}

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {message}", path.display())]
    Certificate { path: PathBuf, message: String },
    #[error("cannot listen on {address}: {source}")]
    Address { address: SocketAddr, source: io::Error },
    #[error("cannot start: {0}")]
    Start(String),
    #[error("serving failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

fn start_error(error: impl Display) -> Error {
    Error::Start(error.to_string())
}

/// Serves until SIGTERM or SIGINT, with a runtime and logs of its own. Calls in flight are finished.
pub fn start(options: &Options, run: Run) -> Result<(), Error> {
    log::start(options.log);
    // One thread answers thousands of calls a second, where handing them to others would cost more than answering them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(start_error)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(start_error)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(start_error)?;
        let end = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let listener = listen(options.address).await?;
        let metrics = match options.metrics {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        serve(listener, metrics, &options.transport, run, end).await
    })
}

/// Takes the address.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Address { address, source })
}

/// Serves until `end`, and counts on `metrics`. Calls in flight are finished, within 25 s.
pub async fn serve(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    transport: &Transport,
    run: Run,
    end: impl Future<Output = ()>,
) -> Result<(), Error> {
    serve_within(LIMITS, listener, metrics, transport, run, end).await
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    transport: &Transport,
    run: Run,
    end: impl Future<Output = ()>,
) -> Result<(), Error> {
    let address = listener.local_addr().map_err(start_error)?;
    let runner = Runner { run, metrics: Arc::new(Metrics::default()) };
    let (counted, ending) = (Arc::clone(&runner.metrics), Arc::clone(&runner.metrics));
    let end = async move {
        end.await;
        ending.end();
    };
    if let Some(address) = metrics.as_ref().and_then(|listener| listener.local_addr().ok()) {
        tracing::info!(%address, "counting for Prometheus");
    }
    let scrapes = async {
        match metrics {
            Some(listener) => metrics::serve(listener, counted).await,
            None => std::future::pending().await,
        }
    };
    let serving = async {
        match transport {
            Transport::Plaintext => {
                tracing::warn!(%address, "serving without TLS: anyone may call");
                answer(TcpIncoming::from(listener).with_nodelay(Some(true)), runner, limits, end).await
            }
            Transport::MutualTls { certificates } => {
                let connections = tls::connections(listener, Certificates::load(certificates)?);
                tracing::info!(%address, certificates = %certificates.display(), "serving");
                answer(connections, runner, limits, end).await
            }
        }
    };
    tokio::select! {
        result = serving => result,
        () = scrapes => Err(start_error("the port of metrics is closed")),
    }
}

/// Answers on all connections until `end`.
async fn answer<IO>(
    connections: impl Stream<Item = io::Result<IO>>,
    runner: Runner,
    limits: Limits,
    end: impl Future<Output = ()>,
) -> Result<(), Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let runner = FunctionRunnerServiceServer::new(runner).max_decoding_message_size(MESSAGE_BYTES);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<FunctionRunnerServiceServer<Runner>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(start_error)?;

    let runner = Bounded::new(runner, limits);
    let reflection = runner.with(reflection);

    let (ended, has_ended) = oneshot::channel();
    let end = async {
        end.await;
        tracing::info!("ending: finishing the calls in flight");
        let _ = ended.send(()); // nobody waits once the server is through
    };
    let overdue = async {
        match has_ended.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    let serving = Server::builder()
        .max_concurrent_streams(CALLS)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(runner)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming_shutdown(bounded(connections, limits), end);
    tokio::select! {
        result = serving => Ok(result?),
        () = overdue => {
            tracing::warn!("ended with calls in flight");
            Ok(())
        }
    }
}
