//! How many databases wait, as Prometheus reads it of the program while a platform goes on.

use super::world::World;
use super::{Client, Server, free_address, requests_for};
use function_database::wire::{Object, proto::RunFunctionRequest};
use serde_json::{Value, json};

/// Crossplane's note of an attempt to delete what is protected.
const ATTEMPT: &str = "usage.crossplane.io/deletion-attempt-with-policy";
/// A minute: the function is called so much oftener than what it knows of a database is forgotten.
const AGAIN: i64 = 60;

fn edited(field: &str, value: Value) -> Vec<RunFunctionRequest> {
    let mut world = World::ready();
    world.claim["spec"][field] = value;
    requests_for(&world)
}

/// Of another database, as far as the last step sees.
fn another(requests: &[RunFunctionRequest], uid: &str) -> Vec<RunFunctionRequest> {
    let mut requests = requests.to_vec();
    for request in &mut requests {
        let claim = request.observed.get_or_insert_default().composite.get_or_insert_default();
        let object = Object::from(std::mem::take(&mut claim.resource));
        let uid = Object::of(&json!({"metadata": {"uid": uid}}));
        claim.resource = object.merge(&uid).into();
    }
    requests
}

/// How soon the steps ask to be called again.
async fn answer(client: &mut Client, requests: &[RunFunctionRequest]) -> Option<i64> {
    let mut again = None;
    for request in requests {
        let answer = client.run_function(request.clone()).await.unwrap().into_inner();
        let asked = answer.meta.unwrap().ttl.map(|ttl| ttl.seconds);
        again = again.into_iter().chain(asked).min();
    }
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_wait_are_counted_once_and_no_longer_than_they_wait() {
    let server = Server::start(free_address());
    let mut client = server.client().await;
    let counts = || {
        let page = server.page("/metrics");
        ["approvals_pending", "problems"].map(|name| {
            let line = format!("function_database_{name}{{engine=\"postgresql\"}} ");
            page.lines().find_map(|found| found.strip_prefix(&line)?.parse::<u32>().ok()).unwrap()
        })
    };
    let (sound, pending) = (requests_for(&World::ready()), edited("replicas", json!(5)));
    let wrong = edited("version", json!("99"));
    let mut attempted = World::ready();
    attempted.claim["metadata"]["annotations"] = json!({ATTEMPT: "Foreground"});
    let attempted = requests_for(&attempted);
    for (what, requests, expected, waits) in [
        ("as approved", sound.clone(), [0, 0], false),
        ("an edit", pending.clone(), [1, 0], true),
        ("the same again", pending.clone(), [1, 0], true),
        ("another database's edit", another(&pending, "other"), [2, 0], true),
        ("a mistake instead of the edit", wrong.clone(), [1, 1], true),
        ("another database's mistake", another(&wrong, "third"), [1, 2], true),
        ("what was approved once more", sound.clone(), [1, 1], false),
        ("and of the others", another(&sound, "other"), [0, 1], false),
        ("all of them", another(&sound, "third"), [0, 0], false),
        ("a deletion", attempted, [1, 0], true),
        ("that is taken back", sound, [0, 0], false),
    ] {
        let again = answer(&mut client, &requests).await;
        assert_eq!(counts(), expected, "{what}");
        assert!(!waits || again.is_some_and(|seconds| seconds <= AGAIN), "{what}: {again:?}");
    }
}
