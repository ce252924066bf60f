//! Logs, on standard error. In: what the rest of the program says through `tracing`. Out: a line each, for humans on a
//! terminal or when they want it, else as JSON.

use super::Log;
use std::{io::IsTerminal, panic};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging, for the whole process.
pub(super) fn start(log: Log) {
    let level = LevelFilter::from_level(log.level);
    let ours = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(env!("CARGO_CRATE_NAME"), level);
    let terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if log.readable || terminal {
        lines.with_ansi(terminal).boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    };
    // Somebody who embeds the server may log already; theirs stays.
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();

    // The standard hook prints the message, which may hold what was read from a request.
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panicked, which is a bug in this function: please report it");
    }));
}
