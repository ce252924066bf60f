//! What memory many different claims leave behind.

use crate::request::{claim, structure};
use crate::{function, verdict};
use function_database::wire::proto::RunFunctionRequest;
use prost::Message;
use std::time::Duration;

/// In MiB: in all, and above idle.
const BUDGET: (f64, f64) = (16.0, 10.0);

/// The whole pipeline for each, one call after the other.
pub async fn measure(requests: &[RunFunctionRequest]) {
    let server = function(&["--insecure"]);
    let mut caller = server.caller(None).await;
    caller.run_function(RunFunctionRequest::default()).await.unwrap();
    let idle = server.memory();
    println!("\nmemory in MiB; {} in all and {} above idle are the budget\nidle{:>27.1}", BUDGET.0, BUDGET.1, idle);
    let report = |name: &str| {
        let memory = server.memory();
        println!("{name:<24}{memory:>7.1}  {}", verdict(memory <= BUDGET.0 && memory - idle <= BUDGET.1));
    };
    for number in 0..10_000 {
        for request in renamed(requests, number) {
            caller.run_function(request).await.unwrap();
        }
        if number == 999 {
            report("with 1,000 claims");
        }
    }
    report("with 10,000 claims");
    drop(caller);
    tokio::time::sleep(Duration::from_secs(2)).await;
    report("when nobody calls");
    println!("{:<24}{:>7.1}", "at most", server.peak_memory());
}

/// The same calls for another claim.
fn renamed(requests: &[RunFunctionRequest], number: usize) -> Vec<RunFunctionRequest> {
    let mut claim = claim(&format!("orders{number}"));
    claim["metadata"]["uid"] = format!("ac03ad21-2888-4b19-a051-{number:012}").into();
    let claim = prost::bytes::Bytes::from(structure(&claim).encode_to_vec());
    let mut requests = requests.to_vec();
    for request in &mut requests {
        let composite = request.observed.as_mut().and_then(|observed| observed.composite.as_mut()).unwrap();
        composite.resource = vec![claim.clone()];
    }
    requests
}
