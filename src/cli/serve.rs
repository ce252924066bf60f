//! `serve`: the function itself.

use super::{GaveUp, Outcome};
use clap::{Args, ValueEnum};
use function_database::pipeline;
use function_database::server::{self, Level};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Serve the function to Crossplane.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  function-database serve --tls-certs-dir /tls/server\n  function-database serve --insecure --debug --address 127.0.0.1:9443"
)]
pub struct Arguments {
    /// Where to listen.
    #[arg(long, default_value_t = server::ADDRESS)]
    address: SocketAddr,
    /// Where to answer GET /metrics, GET /healthz and GET /readyz, in plain HTTP, such as 0.0.0.0:8080; nowhere if left out.
    #[arg(long, value_name = "ADDRESS")]
    metrics_address: Option<SocketAddr>,
    /// The folder with tls.crt, tls.key and ca.crt; Crossplane sets it in the environment.
    #[arg(long, env = "TLS_SERVER_CERTS_DIR", required_unless_present = "insecure")]
    tls_certs_dir: Option<PathBuf>,
    /// Without TLS, for development: anyone may call.
    #[arg(long)]
    insecure: bool,
    /// The least that is logged.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// Log each call, and for people: --log-level debug, as text.
    #[arg(long, conflicts_with = "log_level")]
    debug: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogLevel {
    /// Bugs, and certificates that cannot be used.
    Error,
    /// Also reconciles that were stopped, and clients that were refused.
    Warn,
    /// Also what the server does by itself.
    Info,
    /// Also each call.
    Debug,
}

impl LogLevel {
    fn level(self) -> Level {
        match self {
            LogLevel::Error => Level::ERROR,
            LogLevel::Warn => Level::WARN,
            LogLevel::Info => Level::INFO,
            LogLevel::Debug => Level::DEBUG,
        }
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let transport = match &arguments.tls_certs_dir {
        Some(certificates) if !arguments.insecure => {
            server::Transport::MutualTls { certificates: certificates.clone() }
        }
        _ => server::Transport::Plaintext,
    };
    let options = server::Options {
        address: arguments.address,
        metrics: arguments.metrics_address,
        transport,
        log: server::Log {
            level: if arguments.debug { Level::DEBUG } else { arguments.log_level.level() },
            readable: arguments.debug,
        },
    };
    match server::start(&options, pipeline::run) {
        Ok(()) => Ok(Outcome::Fine),
        Err(error @ server::Error::Certificate { .. }) => {
            let right = "give the folder that Crossplane mounts, or --insecure for development";
            Err(GaveUp::Unreadable(format!("{error}; {right}")).into())
        }
        Err(error @ server::Error::Address { .. }) => {
            Err(GaveUp::Usage(format!("{error}; give another one with --address or --metrics-address")).into())
        }
        Err(error @ (server::Error::Start(_) | server::Error::Serve(_))) => Err(error.into()),
    }
}
