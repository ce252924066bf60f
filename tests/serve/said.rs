//! What the program says of its calls: the tag, the step, how it went, and no value of a request.

use super::{Server, free_address, requests};
use bytes::Bytes;
use function_database::wire::Object;
use function_database::wire::proto::{CredentialData, Credentials, credentials::Source};
use serde_json::{Value, json};
use std::fs::File;

const SECRET: &str = "a-password-that-is-planted";

/// Calls with a secret wherever one can be, and in the names; also one that is stopped. Out: what was logged, and the metrics.
async fn said(arguments: &[&str]) -> (String, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let arguments = [&["--insecure"], arguments].concat();
    let mut server = Server::with(free_address(), &arguments, File::create(log.path()).unwrap().into());
    let mut client = server.client().await;
    let planted = || Object::of(&json!({"kind": "Secret", "data": {SECRET: SECRET}, "spec": {"engine": SECRET}}));
    for (number, mut request) in requests().into_iter().enumerate() {
        request.meta.get_or_insert_default().tag = format!("tag-{number}");
        let data = [(SECRET.to_owned(), Bytes::from(SECRET))];
        let data = CredentialData { data: data.into_iter().collect() };
        let credentials = Credentials { source: Some(Source::CredentialData(data)) };
        request.credentials.insert("store".into(), credentials);
        let observed = request.observed.get_or_insert_default();
        observed.resources.entry(SECRET.into()).or_default().resource = planted().into();
        let claim = observed.composite.get_or_insert_default();
        claim.connection_details.insert(SECRET.into(), SECRET.into());
        for found in request.required_resources.values_mut().flat_map(|found| &mut found.items) {
            found.connection_details.insert(SECRET.into(), SECRET.into());
        }
        client.run_function(request.clone()).await.unwrap();
        // And once as nobody can read it.
        request.observed.get_or_insert_default().composite.get_or_insert_default().resource = planted().into();
        request.input = Object::of(&json!({"kind": SECRET, "spec": SECRET})).into();
        request.meta.get_or_insert_default().tag = format!("wrong-{number}");
        client.run_function(request).await.unwrap();
    }
    let metrics = server.page("/metrics");
    server.terminate();
    server.process.wait().unwrap();
    (std::fs::read_to_string(log.path()).unwrap(), metrics)
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_metrics_have_no_secret() {
    let (json, metrics) = said(&["--log-level", "debug"]).await;
    let (text, _) = said(&["--debug"]).await;
    let (warnings, _) = said(&["--log-level", "warn"]).await;
    let (errors, _) = said(&["--log-level", "error"]).await;
    for said in [&json, &text, &warnings, &metrics] {
        assert!(!said.contains(SECRET), "{said}");
    }
    assert_eq!(errors, "");
    let tags = ["tag-0", "tag-4", "wrong-0", "wrong-4"];
    assert!(tags.iter().all(|tag| json.contains(tag) && text.contains(tag)), "{json}{text}");
    let read = |log: &str| -> Vec<Value> { log.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let levels = |log: &str, level: &str| read(log).iter().filter(|line| line["level"] == level).count();
    assert_eq!((levels(&json, "DEBUG"), levels(&json, "ERROR")), (5, 0), "{json}");
    assert_eq!((levels(&warnings, "DEBUG"), levels(&warnings, "INFO")), (0, 0), "{warnings}");
    assert!(read(&warnings).iter().any(|line| line["tag"] == "wrong-0" && line["message"] == "stopped"), "{warnings}");
    assert!(text.contains("answered tag=\"tag-0\"") && !text.starts_with('{'), "{text}");
    for name in [
        "calls_total",
        "call_duration_seconds",
        "results_total",
        "held_total",
        "refused_deletions_total",
        "approvals_pending",
        "problems",
    ] {
        assert!(metrics.contains(&format!("# TYPE function_database_{name} ")), "{metrics}");
    }
    assert!(metrics.contains("step=\"report\",engine=\"postgresql\",outcome=\"answered\"} 1"), "{metrics}");
}
