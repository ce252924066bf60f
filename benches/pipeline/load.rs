//! Many calls at once, over mutual TLS as Crossplane makes them.

use crate::authority::Authority;
use crate::server::Server;
use crate::{echo, function};
use function_database::wire::proto::RunFunctionRequest;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tonic::transport::ClientTlsConfig;

/// What one connection may have in flight; each of Crossplane's pods opens one.
const ON_A_CONNECTION: usize = 64;
const CALLS: usize = 5000;

/// The steps' requests in turn, to the function and to each echo.
pub async fn measure(requests: &[RunFunctionRequest]) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.mount(folder.path(), SystemTime::now());
    let certificates = folder.path().to_str().unwrap();
    let servers = [
        ("function", function(&["--tls-certs-dir", certificates])),
        ("plain echo", echo(&["decoded", certificates])),
        ("undecoded echo", echo(&["undecoded", certificates])),
    ];
    let (tls, requests) = (authority.client(), Arc::from(requests));
    println!("\ncalls in flight over mutual TLS, the five steps in turn, {CALLS} calls; times in microseconds");
    println!("{:<11}{:<16}{:>9}{:>9}{:>9}{:>12}", "in flight", "server", "p50", "p99", "CPU", "calls/s");
    for (_, server) in &servers {
        at_once(server, &tls, &requests, 1, 200).await; // warm
    }
    let idle = servers[0].1.memory();
    for in_flight in [1, 16, 256] {
        for (name, server) in &servers {
            let (before, start) = (server.cpu(), Instant::now());
            let mut times = at_once(server, &tls, &requests, in_flight, CALLS).await;
            let (cpu, seconds) = ((server.cpu() - before) / CALLS as f64, start.elapsed().as_secs_f64());
            times.sort();
            let [p50, p99] = [50, 99].map(|percent| times[times.len() * percent / 100].as_micros());
            let rate = CALLS as f64 / seconds;
            println!("{in_flight:<11}{name:<16}{p50:>9}{p99:>9}{cpu:>9.0}{rate:>12.0}");
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (peak, after) = (servers[0].1.peak_memory(), servers[0].1.memory());
    println!("memory of the function in MiB: {idle:.1} before, {peak:.1} at most, {after:.1} after");
}

/// How long each call took.
async fn at_once(
    server: &Server,
    tls: &ClientTlsConfig,
    requests: &Arc<[RunFunctionRequest]>,
    in_flight: usize,
    calls: usize,
) -> Vec<Duration> {
    let mut connections = vec![];
    for _ in 0..in_flight.div_ceil(ON_A_CONNECTION) {
        connections.push(server.caller(Some(tls)).await);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..in_flight).map(|number| {
        let mut caller = connections[number % connections.len()].clone();
        let (next, requests) = (Arc::clone(&next), Arc::clone(requests));
        tokio::spawn(async move {
            let mut times = vec![];
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return times;
                }
                let (request, start) = (requests[number % requests.len()].clone(), Instant::now());
                caller.run_function(request).await.unwrap();
                times.push(start.elapsed());
            }
        })
    });
    let mut times = vec![];
    for worker in workers.collect::<Vec<_>>() {
        times.extend(worker.await.unwrap());
    }
    times
}
