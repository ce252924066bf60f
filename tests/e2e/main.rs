//! Whole lives of databases in a real cluster with Crossplane, in both editions: what people and accidents do, and what
//! exists then. `FUNCTION_DATABASE_KUBECONFIG` names the cluster, which has Crossplane and the function and is used for
//! nothing else; without it these checks say that they were skipped. `tests/e2e/kind` makes one with Docker, and
//! `tests/e2e/live` without.
#![cfg(test)]

#[path = "../support/documents.rs"]
mod documents;
mod cluster;
mod life;
mod operator;
mod scenarios;

use cluster::{Cluster, Edition};
use documents::say;
use life::Life;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

/// Two editions do not fit into one cluster.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn lives_of_namespaced_databases() {
    play(Edition::Namespaced);
}

#[test]
fn lives_of_claims() {
    play(Edition::Claims);
}

fn play(edition: Edition) {
    let Some(cluster) = Cluster::from_environment() else { return };
    let _turn = ONE_AT_A_TIME.lock();
    cluster.install(edition);
    let live = |(name, environment, scenario): scenarios::Scenario| {
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| scenario(&Life::begin(&cluster, edition, name, environment))));
        let seconds = began.elapsed().as_secs();
        match done {
            Ok(()) => say(&format!("{edition:?} {name}: ok, {seconds} s")),
            Err(why) => {
                // What was asserted, and what was seen then.
                let text = why.downcast_ref::<&str>().copied();
                let why = why.downcast_ref::<String>().map(String::as_str).or(text).unwrap_or("it panicked");
                say(&format!("{edition:?} {name}: FAILED, {seconds} s\n{why}"));
                return Some(name);
            }
        }
        None
    };
    let mut failed: Vec<&str> = std::thread::scope(|scope| {
        let beside = scenarios::BESIDE.map(|scenario| scope.spawn(move || live(scenario)));
        beside.into_iter().filter_map(|one| one.join().expect("it catches what happens")).collect()
    });
    failed.extend(scenarios::ALONE.into_iter().filter_map(live));
    cluster.uninstall(edition);
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}
