//! What this process has used. In: its own files in `/proc`. Out: a line, different at each run, so that it stands beside the
//! report and never in it.

use std::fmt;
use std::fs;
use std::time::Duration;

/// Of CPU time in `/proc/self/stat`, in a second, on every Linux (USER_HZ, proc(5)).
const TICKS: f64 = 100.0;

pub struct Measured {
    pub lives: usize,
    /// Of the function, in the lives that were played.
    pub calls: u64,
    pub took: Duration,
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { lives, calls, took } = self;
        let took = took.as_secs_f64();
        write!(out, "measured: {lives} lives with {calls} calls in {took:.1} s")?;
        let (Some(cpu), Some(memory)) = (cpu(), most_memory()) else { return Ok(()) };
        // The cast loses nothing below 2^53 calls.
        let each = cpu * 1e6 / (*calls).max(1) as f64;
        write!(out, ", {cpu:.1} s of CPU ({each:.0} us for a call with the cluster around it), {memory} MiB at most")
    }
}

/// Seconds of CPU, of all threads, in user mode and in the kernel.
fn cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the command may hold anything, but it ends with the last bracket.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// The most that was in memory at once, in MiB.
fn most_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}
