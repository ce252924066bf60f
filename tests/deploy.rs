//! What `deploy/` installs is what the program does: names that refer to each other, the counters that alerts and dashboards
//! look at. Whether Kubernetes and Crossplane know it stands in `crds.rs`.
#![cfg(test)]

use function_database::wire::proto::{RunFunctionRequest, function_runner_service_client::FunctionRunnerServiceClient};
use pretty_assertions::assert_eq;
use regex_lite::Regex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Folders with what is applied.
const FOLDERS: [&str; 2] = ["deploy", "editions/claims/deploy"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple::<Value>(&text).unwrap().remove(0)
}

fn read(path: &str) -> Value {
    document(&root().join(path))
}

/// Every `.yaml` file below the folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    found
}

#[test]
fn every_file_is_applied() {
    for folder in FOLDERS {
        for file in files(&root().join(folder)) {
            let path = file.parent().unwrap();
            let owner = path.ancestors().find(|folder| folder.join("kustomization.yaml").exists()).unwrap();
            let kustomization = document(&owner.join("kustomization.yaml"));
            for resource in kustomization["resources"].as_array().into_iter().flatten() {
                assert!(owner.join(resource.as_str().unwrap()).exists(), "{}: {resource}", owner.display());
            }
            let name = file.strip_prefix(owner).unwrap().to_str().unwrap();
            let mut applied = kustomization["resources"].as_array().into_iter().flatten();
            let applied = applied.any(|resource| resource == name);
            assert!(applied || name == "kustomization.yaml", "{} is in no kustomization", file.display());
        }
    }
}

#[test]
fn names_refer_to_each_other() {
    let function = read("deploy/packages/function.yaml");
    let name = function["metadata"]["name"].clone();
    // What Crossplane calls a dependency that it installs itself. By another name it would install a second one beside ours,
    // and two of one package stop each other for ever.
    let dependency = read("crossplane.yaml")["spec"]["dependsOn"][0]["package"].clone();
    let (_, repository) = dependency.as_str().unwrap().split_once('/').unwrap();
    assert_eq!(name, repository.replace('/', "-"));
    for step in read("compositions/database.yaml")["spec"]["pipeline"].as_array().unwrap() {
        assert_eq!(step["functionRef"]["name"], name, "the Composition calls the Function by its name");
    }
    let runtime = read("deploy/runtime/deploymentruntimeconfig.yaml");
    assert_eq!(function["spec"]["runtimeConfigRef"]["name"], runtime["metadata"]["name"]);

    let pods = json!({"pkg.crossplane.io/function": name});
    let template = &runtime["spec"]["deploymentTemplate"]["spec"]["template"]["spec"];
    for spread in template["topologySpreadConstraints"].as_array().unwrap() {
        assert_eq!(spread["labelSelector"]["matchLabels"], pods);
    }
    let budget = read("deploy/runtime/poddisruptionbudget.yaml");
    let monitor = read("deploy/monitoring/podmonitor.yaml");
    assert_eq!(budget["spec"]["selector"]["matchLabels"], pods);
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], pods);

    let container = &template["containers"][0];
    assert_eq!(container["args"], json!(["--metrics-address=0.0.0.0:8080"]));
    assert_eq!(container["ports"], json!([{"name": "metrics", "containerPort": 8080}]));
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["port"], "metrics");
    for (probe, path) in [("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")] {
        assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "metrics"}));
    }
}

/// Each definition is protected in the edition that has it, also while a package is installed over it.
#[test]
fn the_definitions_are_protected() {
    let usage = &read("deploy/protection.yaml")["spec"]["of"];
    let namespaced = read("apis/database.yaml");
    assert_eq!(usage["apiVersion"], namespaced["apiVersion"]);
    assert_eq!(usage["kind"], namespaced["kind"]);
    assert_eq!(usage["resourceRef"]["name"], namespaced["metadata"]["name"]);

    let claims = read("editions/claims/apis/database.yaml");
    let patch = &read("editions/claims/deploy/kustomization.yaml")["patches"][0]["patch"];
    let patch: Value = serde_saphyr::from_str(patch.as_str().unwrap()).unwrap();
    assert_eq!(patch[0]["value"], claims["apiVersion"]);
    assert_eq!(patch[1]["value"], claims["metadata"]["name"]);
    for definition in [namespaced, claims] {
        assert_eq!(definition["metadata"]["labels"]["crossplane.io/in-use"], "true");
    }
}

/// Alerts and panels look at counters that there are, by labels that they have.
#[tokio::test]
async fn what_is_looked_at_is_counted() {
    let counted = scrape().await;
    assert!(counted.len() > 5, "{counted:?}");
    let labels: BTreeSet<&str> = counted.values().flatten().map(String::as_str).collect();
    let rule = std::fs::read_to_string(root().join("deploy/monitoring/prometheusrule.yaml")).unwrap();
    let dashboard = std::fs::read_to_string(root().join("deploy/monitoring/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut expressions: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().into()).collect();
    let rule: Value = serde_saphyr::from_str(&rule).unwrap();
    for alert in rule["spec"]["groups"][0]["rules"].as_array().unwrap() {
        expressions.push(alert["expr"].as_str().unwrap().into());
        for field in ["summary", "description"] {
            assert!(alert["annotations"][field].is_string(), "{alert}");
        }
    }
    let (name, by, matcher) = (
        Regex::new(r"function_database_\w+").unwrap(),
        Regex::new(r"by \(([\w, ]+)\)").unwrap(),
        Regex::new(r#"[{,](\w+)=""#).unwrap(),
    );
    for expression in &expressions {
        let names: Vec<&str> = name.find_iter(expression).map(|found| found.as_str()).collect();
        assert!(!names.is_empty(), "{expression}");
        assert!(names.iter().all(|name| counted.contains_key(*name)), "{expression} looks at what is not counted");
        let grouped = by
            .captures_iter(expression)
            .flat_map(|found| found.get(1).unwrap().as_str().split(", ").map(String::from).collect::<Vec<_>>());
        for label in grouped.chain(matcher.captures_iter(expression).map(|found| found[1].to_string())) {
            assert!(labels.contains(label.as_str()), "{expression}: there is no label {label}");
        }
    }
}

/// The names of what the program counts once it was called, with the labels of each.
async fn scrape() -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
    command.args(["serve", "--insecure", "--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"]);
    let mut running = command.env_clear().stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
    let mut address = || {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        line["address"].as_str().unwrap().to_owned()
    };
    let (metrics, calls) = (address(), address());
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{calls}")).unwrap().connect().await.unwrap();
    FunctionRunnerServiceClient::new(channel).run_function(RunFunctionRequest::default()).await.unwrap();
    let mut stream = TcpStream::connect(metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    running.kill().unwrap();
    running.wait().unwrap();

    let sample = Regex::new(r"^(function_database_\w+)\{(.*)\} [0-9.]+$").unwrap();
    let label = Regex::new(r#"(\w+)=""#).unwrap();
    let samples = page.lines().filter_map(|line| sample.captures(line));
    samples
        .map(|found| (found[1].into(), label.captures_iter(&found[2]).map(|label| label[1].into()).collect()))
        .collect()
}
