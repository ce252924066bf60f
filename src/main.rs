//! The command line: arguments in, an exit code out. 0 fine, 1 the user's files have problems, 2 wrong usage, 3 our fault.

mod cli;

use std::process::ExitCode;

/// Of the static binary; a plain build has the C library's.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    cli::run()
}
