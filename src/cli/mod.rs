//! The commands. In: arguments, files, the clock. Out: text and an exit code. The same library code as the server's.
//! Must not know a rule.

mod adopt;
mod approve;
mod catalog;
mod completions;
mod cores;
mod documents;
mod explain;
mod kubectl;
mod mermaid;
mod plan;
mod render;
mod schema;
mod serve;
mod simulate;
mod tables;
mod validate;
mod xpkg;

use clap::{CommandFactory, Parser, Subcommand};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::process::ExitCode;

/// Self-service databases for Kubernetes: a Crossplane composition function and its command line.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
#[command(after_help = "\
Examples:
  function-database validate databases/
  function-database render databases/orders.yaml

Exit codes: 0 fine, 1 your files have problems, 2 wrong usage, 3 a bug or the machine.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Render(render::Arguments),
    Simulate(simulate::Arguments),
    Validate(validate::Arguments),
    Plan(plan::Arguments),
    Explain(explain::Arguments),
    UpgradeCheck(plan::upgrade::Arguments),
    Adopt(adopt::Arguments),
    Approve(Box<approve::Arguments>),
    Catalog(catalog::Arguments),
    Schema(schema::Arguments),
    Xpkg(xpkg::Arguments),
    Serve(serve::Arguments),
    Completions(completions::Arguments),
    Man(completions::ManArguments),
}

/// How a command ended, if it ended well.
pub enum Outcome {
    Fine,
    /// The user's files have problems, all of which were said.
    Problems,
    /// An exit code of its own that was asked for.
    Asked(u8),
}

/// Why a command gave up, where it was not our fault.
#[derive(Debug, thiserror::Error)]
pub enum GaveUp {
    /// Something of the user's cannot be read; said in one line.
    #[error("{0}")]
    Unreadable(String),
    /// Arguments that the parser lets pass.
    #[error("{0}")]
    Usage(String),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let command = Arguments::parse().command;
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        // The message stays away: it could repeat what it choked on.
        say(format_args!("error: this is a bug of function-database{place}; please report it"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            say(backtrace);
        }
    }));
    match panic::catch_unwind(|| dispatch(&command)) {
        Ok(Ok(Outcome::Fine)) => ExitCode::SUCCESS,
        Ok(Ok(Outcome::Problems)) => ExitCode::from(1),
        Ok(Ok(Outcome::Asked(code))) => ExitCode::from(code),
        Ok(Err(error)) => {
            say(format_args!("error: {error:#}"));
            ExitCode::from(match error.downcast_ref::<GaveUp>() {
                Some(GaveUp::Unreadable(_)) => 1,
                Some(GaveUp::Usage(_)) => 2,
                None => 3,
            })
        }
        Err(_) => ExitCode::from(3),
    }
}

fn dispatch(command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Render(arguments) => render::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Validate(arguments) => validate::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::UpgradeCheck(arguments) => plan::upgrade::run(arguments),
        Command::Adopt(arguments) => adopt::run(arguments),
        Command::Approve(arguments) => approve::run(arguments),
        Command::Catalog(arguments) => catalog::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Xpkg(arguments) => xpkg::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Completions(arguments) => completions::run(arguments, Arguments::command()),
        Command::Man(_) => completions::run_man(Arguments::command()),
    }
}

/// The command's output. Whoever closes the pipe has seen enough.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A line for the person in front of it; there is nobody to tell if that fails.
pub fn say(line: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// The next command, for a person at a terminal; scripts and pipes have no use for it.
pub fn hint(line: &str) {
    if io::stdout().is_terminal() && io::stderr().is_terminal() {
        let style = anstyle::Style::new().dimmed();
        say(format_args!("{style}next: {line}{style:#}"));
    }
}

fn time(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "write a time of RFC 3339, such as 2026-12-24T18:00:00Z".into())
}
