//! What the function did, for Prometheus. In: one call after the other. Out: counters since the process began, and how many
//! databases wait, as text, on a port of its own, which is also where Kubernetes asks whether the function lives, and whether it
//! takes calls.
//!
//! Labels are steps, engines, severities and reasons, of which there are few. Must not hold a database's name nor any other
//! value out of a request.

use super::waiting::{Waiting, Waits};
use crate::map::set;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// Upper bounds of the durations' buckets, in seconds. A step takes well below a millisecond.
const BOUNDS: [f64; 8] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1.0];

/// How much of an HTTP request is read, and how long it may take.
const REQUEST_BYTES: usize = 8 << 10;
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Requests at once; others wait to be accepted.
const REQUESTS: usize = 16;
/// How long to wait after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What was called for what.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Source {
    pub step: &'static str,
    pub engine: String,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Outcome {
    Answered,
    Fatal,
    Panicked,
}

/// One call, as far as it is counted.
#[derive(Debug)]
pub(super) struct Call {
    pub source: Source,
    pub outcome: Outcome,
    pub duration: Duration,
    /// Severity and reason of each result.
    pub results: Vec<(&'static str, String)>,
    /// What the whole pipeline came to, which its last step knows.
    pub said: Option<Said>,
}

/// What was said of a database.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// A number that stands for it, if it has an identity.
    pub database: Option<u64>,
    pub waits: Waits,
    /// Its claim asks for something that is not carried out: it waits for somebody, or for its time.
    pub held: bool,
    /// Somebody tried to delete it, was refused, and did not take it back.
    pub deletion_refused: bool,
}

impl Call {
    /// A call of which there is nothing more to say.
    pub fn new(source: Source, duration: Duration) -> Call {
        Call { source, outcome: Outcome::Answered, duration, results: vec![], said: None }
    }
}

#[derive(Clone, Debug, Default)]
struct Counters {
    outcomes: BTreeMap<Outcome, u64>,
    /// One for each bound, each without those below.
    buckets: [u64; BOUNDS.len()],
    calls: u64,
    duration: Duration,
    results: BTreeMap<(&'static str, String), u64>,
    held: u64,
    deletions_refused: u64,
}

/// All that this process counts.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    counts: Mutex<Counts>,
    ends: AtomicBool,
}

#[derive(Debug, Default)]
struct Counts {
    sources: BTreeMap<Source, Counters>,
    waiting: Waiting,
}

impl Metrics {
    pub fn count(&self, call: Call) {
        let mut counts = self.counts();
        let Counts { sources, waiting } = &mut *counts;
        let said = call.said.unwrap_or_default();
        if let Some(database) = said.database {
            waiting.hear(database, &call.source.engine, said.waits, Instant::now());
        }
        let counters = sources.entry(call.source).or_default();
        *counters.outcomes.entry(call.outcome).or_default() += 1;
        let seconds = call.duration.as_secs_f64();
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            counters.buckets[bucket] += 1;
        }
        counters.calls += 1;
        counters.duration += call.duration;
        for result in call.results {
            *counters.results.entry(result).or_default() += 1;
        }
        counters.held += u64::from(said.held);
        counters.deletions_refused += u64::from(said.deletion_refused);
    }

    /// Nothing is left half-counted by a panic: counting does not panic.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No call is taken on any more.
    pub fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// In Prometheus' text format, version 0.0.4.
    pub fn text(&self) -> String {
        let mut counts = self.counts();
        counts.waiting.forget(Instant::now());
        let Counts { sources: all, waiting } = &*counts;
        let mut page = Page::default();
        page.family("build_info", "gauge", "The release that runs.");
        page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);

        page.family("calls_total", "counter", "Calls by how they ended; fatal is a reconcile that was stopped.");
        for (source, counters) in all.iter() {
            for (outcome, label) in
                [(Outcome::Answered, "answered"), (Outcome::Fatal, "fatal"), (Outcome::Panicked, "panicked")]
            {
                let count = counters.outcomes.get(&outcome).copied().unwrap_or_default();
                page.sample("calls_total", &[&source.labels()[..], &[("outcome", label)]].concat(), count);
            }
        }

        page.family("call_duration_seconds", "histogram", "How long calls took, decoding and encoding included.");
        for (source, counters) in all.iter() {
            let mut below = 0;
            for (bound, count) in BOUNDS.iter().zip(counters.buckets) {
                below += count;
                let bound = bound.to_string();
                let labels = [&source.labels()[..], &[("le", &bound)]].concat();
                page.sample("call_duration_seconds_bucket", &labels, below);
            }
            let labels = [&source.labels()[..], &[("le", "+Inf")]].concat();
            page.sample("call_duration_seconds_bucket", &labels, counters.calls);
            page.sample("call_duration_seconds_sum", &source.labels(), counters.duration.as_secs_f64());
            page.sample("call_duration_seconds_count", &source.labels(), counters.calls);
        }

        page.family("results_total", "counter", "Results, which become events of the database.");
        for (source, counters) in all.iter() {
            for ((severity, reason), count) in &counters.results {
                let labels = [&source.labels()[..], &[("severity", severity), ("reason", reason)]].concat();
                page.sample("results_total", &labels, count);
            }
        }

        type Count = fn(&Counters) -> u64;
        let answers: [(&str, &str, Count); 2] = [
            ("held_total", "Answers for a database whose claim asks for what is not carried out yet.", |found| {
                found.held
            }),
            (
                "refused_deletions_total",
                "Answers for a database whose deletion was refused and not taken back.",
                |found| found.deletions_refused,
            ),
        ];
        for (name, help, count) in answers {
            page.family(name, "counter", help);
            for (source, counters) in all.iter() {
                page.sample(name, &source.labels(), count(counters));
            }
        }

        let engines = set(all.keys().map(|source| source.engine.as_str()));
        type Which = fn(Waits) -> bool;
        let states: [(&str, &str, Which); 2] = [
            ("approvals_pending", "Databases of which a change, or the deletion, waits for an approval.", |waits| {
                waits.approval
            }),
            ("problems", "Databases whose claim has mistakes, so that it is not carried out.", |waits| {
                waits.correction
            }),
        ];
        for (name, help, which) in states {
            page.family(name, "gauge", help);
            for engine in &engines {
                page.sample(name, &[("engine", engine)], waiting.count(engine, which));
            }
        }
        page.0
    }
}

impl Source {
    fn labels(&self) -> [(&str, &str); 2] {
        [("step", self.step), ("engine", &self.engine)]
    }
}

/// Names of metrics begin with the program's.
const PREFIX: &str = "function_database_";

/// Writing to a string does not fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
    }

    /// Labels are words: nothing in them has to be escaped.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let _ = writeln!(self.0, "{PREFIX}{name}{{{}}} {value}", labels.join(","));
    }
}

/// Answers scrapes and probes for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let requests = Arc::new(Semaphore::new(REQUESTS));
    loop {
        let Ok(permit) = Arc::clone(&requests).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            // A client that is slow, or gone, is no news.
            let _ = timeout(REQUEST_TIME, answer(stream, &metrics)).await;
            drop(permit);
        });
    }
}

/// One request of HTTP/1.1: a whole client is not needed for three pages, nor is a whole server.
async fn answer(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let mut request = Vec::new();
    let mut limited = (&mut stream).take(REQUEST_BYTES as u64);
    while !request.ends_with(b"\r\n\r\n") {
        if limited.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, body) = match line {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => ("200 OK", metrics.text()),
        b"GET /healthz HTTP/1.1" | b"GET /healthz HTTP/1.0" => ("200 OK", "ok\n".into()),
        b"GET /readyz HTTP/1.1" | b"GET /readyz HTTP/1.0" if metrics.ends.load(Ordering::Relaxed) => {
            ("503 Service Unavailable", "ending\n".into())
        }
        b"GET /readyz HTTP/1.1" | b"GET /readyz HTTP/1.0" => ("200 OK", "ok\n".into()),
        _ => ("404 Not Found", "there is GET /metrics, GET /healthz and GET /readyz\n".into()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(step: &'static str, microseconds: u64) -> Call {
        Call::new(Source { step, engine: "mysql".into() }, Duration::from_micros(microseconds))
    }

    async fn ask(request: &str) -> String {
        let metrics = Arc::new(Metrics::default());
        metrics.count(call("integrate", 100));
        metrics.count(Call {
            results: vec![("warning", "AwaitingApproval".into())],
            said: Some(Said {
                database: Some(7),
                waits: Waits { approval: true, correction: false },
                held: true,
                deletion_refused: true,
            }),
            ..call("report", 300)
        });
        metrics.count(Call {
            outcome: Outcome::Fatal,
            results: vec![("fatal", "InvalidInput".into())],
            ..call("report", 2_000_000)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, metrics));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serving.abort();
        answer
    }

    #[tokio::test]
    async fn a_scrape_reads_what_was_counted() {
        let answer = ask("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4;"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        for line in [
            "# TYPE function_database_calls_total counter",
            "function_database_calls_total{step=\"integrate\",engine=\"mysql\",outcome=\"answered\"} 1",
            "function_database_calls_total{step=\"report\",engine=\"mysql\",outcome=\"fatal\"} 1",
            "function_database_calls_total{step=\"report\",engine=\"mysql\",outcome=\"panicked\"} 0",
            "function_database_call_duration_seconds_bucket{step=\"integrate\",engine=\"mysql\",le=\"0.0001\"} 1",
            "function_database_call_duration_seconds_bucket{step=\"report\",engine=\"mysql\",le=\"0.00025\"} 0",
            "function_database_call_duration_seconds_bucket{step=\"report\",engine=\"mysql\",le=\"1\"} 1",
            "function_database_call_duration_seconds_bucket{step=\"report\",engine=\"mysql\",le=\"+Inf\"} 2",
            "function_database_call_duration_seconds_sum{step=\"report\",engine=\"mysql\"} 2.0003",
            "function_database_results_total{step=\"report\",engine=\"mysql\",severity=\"warning\",reason=\"AwaitingApproval\"} 1",
            "function_database_held_total{step=\"report\",engine=\"mysql\"} 1",
            "function_database_refused_deletions_total{step=\"report\",engine=\"mysql\"} 1",
            "# TYPE function_database_approvals_pending gauge",
            "function_database_approvals_pending{engine=\"mysql\"} 1",
            "function_database_problems{engine=\"mysql\"} 0",
        ] {
            assert!(body.lines().any(|found| found == line), "no {line} in\n{body}");
        }
        assert!(body.lines().all(|line| line.starts_with("# ") || line.starts_with(PREFIX)), "{body}");
    }

    #[tokio::test]
    async fn answers_probes_and_nothing_else() {
        let healthy = ask("GET /healthz HTTP/1.1\r\n\r\n").await;
        assert!(healthy.starts_with("HTTP/1.1 200 OK\r\n") && healthy.ends_with("\r\n\r\nok\n"), "{healthy}");
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(REQUEST_BYTES - 26));
        for other in ["GET / HTTP/1.1\r\n\r\n", "POST /metrics HTTP/1.1\r\n\r\n", "\x16\x03\x01\r\n\r\n"] {
            let answer = ask(other).await;
            assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{other}: {answer}");
        }
        assert!(ask(&long).await.starts_with("HTTP/1.1 200 OK\r\n"), "it reads no more than its limit");
    }
}
