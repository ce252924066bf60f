//! The examples are what they say: a newcomer's first look must not be wrong.
#![cfg(test)]

use function_database::render::{Composition, Rendered, render};
use serde_json::{Value, json};
use std::path::Path;

fn documents(path: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path);
    serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// As the command line renders a file: whatever is no claim in it counts as existing.
fn rendered(file: &str, observed: &[Value], cluster: &[Value]) -> Rendered {
    let composition = serde_saphyr::from_str(include_str!("../compositions/database.yaml")).unwrap();
    let (claims, others): (Vec<Value>, Vec<Value>) =
        documents(file).into_iter().partition(|document| document["kind"] == "Database");
    let cluster: Vec<Value> = others.into_iter().chain(cluster.iter().cloned()).collect();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    render(&Composition::read(&composition).unwrap(), &claims[0], observed, &cluster, now)
}

fn kinds(rendered: &Rendered) -> Vec<&str> {
    rendered.resources.iter().filter_map(|resource| resource["kind"].as_str()).collect()
}

#[test]
fn each_example_composes_what_it_promises() {
    let cases = [
        ("postgresql/dev.yaml", "Provisioning", Some("Cluster")),
        ("postgresql/staging.yaml", "Provisioning", Some("Pooler")),
        ("postgresql/prod.yaml", "Provisioning", Some("Usage")),
        ("postgresql/everything.yaml", "Provisioning", Some("Database")),
        ("mysql/dev.yaml", "Provisioning", Some("InnoDBCluster")),
        ("mysql/staging.yaml", "Provisioning", Some("InnoDBCluster")),
        ("mysql/prod.yaml", "Provisioning", Some("Usage")),
        ("postgresql/prod-unapproved.yaml", "AwaitingApproval", None),
        ("mongodb/dev.yaml", "Provisioning", Some("PerconaServerMongoDB")),
        ("mongodb/sharded.yaml", "Provisioning", Some("PerconaServerMongoDB")),
        ("mongodb/prod.yaml", "Provisioning", Some("Usage")),
        ("elasticsearch/dev.yaml", "Provisioning", Some("Elasticsearch")),
        ("elasticsearch/prod.yaml", "Provisioning", Some("CronJob")),
        ("sqlite/dev.yaml", "Provisioning", Some("StatefulSet")),
        ("sqlite/staging.yaml", "Provisioning", Some("ExternalSecret")),
        ("clickhouse/dev.yaml", "Provisioning", Some("ClickHouseKeeperInstallation")),
        ("clickhouse/prod.yaml", "Provisioning", Some("Usage")),
        ("redis/dev.yaml", "Provisioning", Some("RedisReplication")),
        ("redis/cluster.yaml", "Provisioning", Some("RedisCluster")),
        ("redis/prod.yaml", "Provisioning", Some("RedisSentinel")),
    ];
    for (file, phase, kind) in cases {
        let rendered = rendered(file, &[], &[]);
        assert_eq!(rendered.fatal, None, "{file}");
        assert_eq!(rendered.composite["status"]["phase"], phase, "{file}");
        match kind {
            Some(kind) => assert!(kinds(&rendered).contains(&kind), "{file}: {:?}", kinds(&rendered)),
            None => assert_eq!(kinds(&rendered), [""; 0], "{file}"),
        }
    }
}

#[test]
fn the_ready_example_is_ready() {
    let (observed, cluster) = (documents("postgresql/ready/observed.yaml"), documents("postgresql/ready/cluster.yaml"));
    let rendered = rendered("postgresql/prod.yaml", &observed, &cluster);
    assert_eq!(rendered.composite["status"]["phase"], "Ready");
    assert_eq!(rendered.composite["status"]["stage"], "Completed");
    assert_eq!(
        rendered.composite["status"]["approval"],
        json!({"approvedBy": ["anna"]}),
        "what runs is what is asked for"
    );
    assert_eq!(rendered.ready.values().filter(|ready| !**ready).count(), 0, "{:?}", rendered.ready);
}

/// What stands in the example repository is what its own pipeline asks for.
#[test]
fn the_gitops_repository_is_valid_and_its_catalog_is_generated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gitops");
    let run = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_function-database");
        let output = std::process::Command::new(program).current_dir(&root).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let now = ["--now", "2026-11-21T12:00:00Z"];
    let (_, said) = run(&["validate", "databases", "approvals", now[0], now[1]]);
    assert!(said.starts_with("4 checked"), "{said}");
    for folder in ["dev/checkout-dev/orders", "staging/billing/ledger", "prod/checkout/orders"] {
        let folder = format!("databases/{folder}");
        let committed = std::fs::read_to_string(root.join(&folder).join("catalog-info.yaml")).unwrap();
        assert_eq!(run(&["catalog", &folder]).0, committed, "{folder}");
        let (rendered, _) = run(&["render", &folder, "--cluster", "approvals", now[0], now[1]]);
        assert!(rendered.contains("phase: Provisioning"), "{folder}: {rendered}");
    }
}
