//! The command line: arguments in, an exit code out. 0 fine, 1 the user's files have problems, 2 wrong usage, 3 our fault.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
