//! The shipped policy against claims: what they mean, and every mistake with its one sentence.

use super::example::{claim, policy};
use super::*;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn problems(environment: &str, changes: Value) -> Vec<String> {
    match resolve(&claim(environment, changes), &policy()) {
        Ok(_) => vec![],
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_smallest_claim_means_what_its_tier_says() {
    let terms = |environment| resolve(&claim(environment, json!({})), &policy()).unwrap().terms;
    let (dev, staging, prod) = (terms("dev"), terms("staging"), terms("prod"));
    assert_eq!([dev.replicas, staging.replicas, prod.replicas], [1, 2, 3]);
    assert_eq!([dev.cpu_request.0, staging.cpu_request.0, prod.cpu_request.0], [250, 500, 2000]);
    let retention = |terms: &Terms| terms.backup.as_ref().map(|backup| (backup.retention.clone(), backup.continuous));
    assert_eq!(retention(&dev), Some(("7d".into(), false)));
    assert_eq!(retention(&staging), Some(("14d".into(), true)));
    assert_eq!(retention(&prod), Some(("30d".into(), true)));
    assert_eq!([dev.tls, staging.tls, prod.tls], [false, false, true]);
    assert_eq!([dev.synchronous_replicas, prod.synchronous_replicas], [0, 1]);
    assert_eq!(dev.lifecycle, Lifecycle::default());
    assert_eq!(prod.lifecycle.deletion_policy, DeletionPolicy::Snapshot);
    assert!(prod.lifecycle.deletion_protection, "Snapshot protects");
    assert_eq!(prod.version, "17");
}

#[test]
fn every_mistake_has_its_sentence() {
    let cases = [
        ("dev", json!({"replicas": 4}), "spec.replicas: 4 is outside of dev; write 1 to 3"),
        ("prod", json!({"replicas": 1}), "spec.replicas: 1 is outside of prod; write 3 to 9"),
        ("prod", json!({"topology": "Standalone"}), "spec.topology: 1 is outside of prod; write 3 to 9"),
        ("dev", json!({"size": "huge"}), "spec.size: there is no size in dev \"huge\"; write one of small, medium"),
        ("dev", json!({"storage": "1Ti"}), "spec.storage: 1Ti is outside of dev; write 1Gi to 50Gi"),
        (
            "dev",
            json!({"storage": "lots"}),
            "spec.storage: \"lots\" is not an amount of bytes, such as 100Gi; write an amount such as 100Gi",
        ),
        (
            "prod",
            json!({"engine": "sqlite"}),
            "spec.engine: sqlite is not offered in prod; write one of postgresql, mysql, mongodb, clickhouse, redis, elasticsearch",
        ),
        ("dev", json!({"version": "9.6"}), "spec.version: there is no version \"9.6\"; write one of 15, 16, 17, 18"),
        (
            "dev",
            json!({"name": "Orders"}),
            "spec.name: \"Orders\" is not a database name; write up to 63 of a-z, 0-9, _ and -, a letter first",
        ),
        (
            "dev",
            json!({"name": "postgres"}),
            "spec.name: postgres is a database that the engine has itself; write another name",
        ),
        (
            "dev",
            json!({"backup": {"schedule": "daily"}}),
            "spec.backup.schedule: \"daily\" is not a cron expression; write five fields, such as \"0 2 * * *\"",
        ),
        (
            "dev",
            json!({"backup": {"retention": "30d"}}),
            "spec.backup.retention: 30d is outside of dev; write 1d to 14d",
        ),
        (
            "prod",
            json!({"backup": {"enabled": false}}),
            "spec.backup.enabled: prod requires backups; leave it out, or write true",
        ),
        (
            "prod",
            json!({"backup": {"continuous": false}}),
            "spec.backup.continuous: prod requires continuous backups; leave it out, or write true",
        ),
        (
            "dev",
            json!({"backup": {"enabled": false}, "lifecycle": {"deletionPolicy": "Snapshot"}}),
            "spec.lifecycle.deletionPolicy: Snapshot makes a last backup, and backups are off; write Delete or Retain, or \
             switch them on",
        ),
        (
            "dev",
            json!({"backup": {"method": "Dump"}}),
            "spec.backup.method: CloudNativePG makes no backups by Dump; write Auto or Physical",
        ),
        (
            "prod",
            json!({"tls": {"enabled": false}}),
            "spec.tls.enabled: prod refuses connections that are not encrypted; leave it out, or write true",
        ),
        ("dev", json!({"shards": 2}), "spec.shards: CloudNativePG has no shards; write 1, or leave it out"),
        (
            "dev",
            json!({"topology": "Sharded"}),
            "spec.topology: CloudNativePG has no topology Sharded; write Standalone or Replicated, or leave it out",
        ),
        (
            "dev",
            json!({"pooling": {"enabled": false, "instances": 2}}),
            "spec.pooling.enabled: there is no pooler to set up; write true",
        ),
        (
            "dev",
            json!({"storageClass": "floppy"}),
            "spec.storageClass: there is no storage class \"floppy\"; write one of standard, fast-ssd",
        ),
        (
            "dev",
            json!({"parameters": {"work_mem": "much"}}),
            "spec.parameters.work_mem: \"much\" is not an amount of memory; write 1MB to 1GB",
        ),
        (
            "dev",
            json!({"parameters": {"max_connections": "9000"}}),
            "spec.parameters.max_connections: 9000 is outside of what the platform allows; write 20 to 2000",
        ),
        (
            "dev",
            json!({"parameters": {"jit": "yes"}}),
            "spec.parameters.jit: \"yes\" is not on or off; write \"on\" or \"off\", in quotes",
        ),
        (
            "dev",
            json!({"parameters": {"statement_timeout": "5"}}),
            "spec.parameters.statement_timeout: \"5\" is not a time; write 100ms to 86400000ms, in ms, s, min or h",
        ),
        (
            "dev",
            json!({"access": {"allowedCIDRs": ["10.1.2.3/8"]}}),
            "spec.access.allowedCIDRs[0]: \"10.1.2.3/8\" is not an address range; write one such as 10.20.0.0/16",
        ),
        (
            "dev",
            json!({"access": {"allowedNamespaces": ["Web"]}}),
            "spec.access.allowedNamespaces[0]: \"Web\" is not the name of a namespace; write one such as checkout-web",
        ),
        (
            "dev",
            json!({"restore": {"id": "1", "inPlace": true}}),
            "spec.restore.inPlace: CloudNativePG has no restore over running data; leave it out: what runs is replaced, with a way back",
        ),
        (
            "dev",
            json!({"engine": "clickhouse", "restore": {"id": "1"}}),
            "spec.restore: Altinity has no restore; leave it out",
        ),
        (
            "dev",
            json!({"backup": {"enabled": false, "request": "1"}}),
            "spec.backup.request: there are no backups; leave it out, or switch them on",
        ),
    ];
    for (environment, changes, expected) in cases {
        assert_eq!(problems(environment, changes.clone()), [expected], "{environment} {changes}");
    }
}

#[test]
fn parameters_and_extensions_outside_of_the_lists_name_what_there_is() {
    let unknown = problems("dev", json!({"parameters": {"fsync": "off"}, "extensions": ["timescaledb"]}));
    let [extension, parameter] = unknown.as_slice() else { panic!("{unknown:?}") };
    assert!(
        extension.starts_with("spec.extensions: there is no extension \"timescaledb\"; write one of"),
        "{extension}"
    );
    assert!(parameter.starts_with("spec.parameters.fsync: there is no such setting on offer, \"fsync\"; write one of"));
}

#[test]
fn all_mistakes_are_said_together_and_in_order() {
    let changes = json!({"size": "huge", "storage": "9Ti", "replicas": 9, "version": "9", "extensions": ["none"], "backup": {"schedule": "daily"}, "restore": {"id": "1", "inPlace": true}});
    let paths: Vec<String> =
        problems("dev", changes).iter().map(|problem| problem.split(':').next().unwrap_or_default().into()).collect();
    assert_eq!(
        paths,
        [
            "spec.backup.schedule",
            "spec.extensions",
            "spec.replicas",
            "spec.restore.inPlace",
            "spec.size",
            "spec.storage",
            "spec.version"
        ]
    );
}

#[test]
fn names_that_could_meet_what_is_made_for_another_database_are_refused() {
    let name = |name: &str| {
        let mut claim = claim("dev", json!({}));
        claim.metadata.name = name.into();
        resolve(&claim, &policy()).is_ok()
    };
    for good in ["orders", "orders-2", "primary", "orders-game", "g2", "o"] {
        assert!(name(good), "{good}");
    }
    let long = "o".repeat(41);
    for bad in ["orders-primary", "orders-rw", "orders-g2", "Orders", "2orders", "orders-", "a.b", "", &long] {
        assert!(!name(bad), "{bad}");
    }
}

#[test]
fn a_composite_without_a_claim_is_refused() {
    let mut claim = claim("dev", json!({}));
    claim.kind = "XDatabase".into();
    let problems = resolve(&claim, &policy()).unwrap_err();
    assert!(problems.to_string().contains("an XDatabase without a claim is refused"), "{problems}");
}

#[test]
fn what_cannot_change_while_the_data_lives_is_refused_with_the_old_value() {
    let plan = |changes| resolve(&claim("prod", changes), &policy()).unwrap();
    let from = plan(json!({}));
    let said = |to: Value| match transition(&from, &plan(to)) {
        Ok(class) => format!("{class:?}"),
        Err(problems) => problems.to_string(),
    };
    assert_eq!(said(json!({"owner": "group:default/checkout"})), "None");
    assert_eq!(
        said(json!({"name": "bills"})),
        "spec.name: it is fixed at creation; write orders, or make another database"
    );
    let class = "spec.storageClass: it is fixed at creation; write no storage class, or make another database";
    assert_eq!(said(json!({"storageClass": "fast-ssd"})), class);
    assert_eq!(
        said(json!({"version": "16"})),
        "spec.version: 16 is older than what runs; no engine goes back; write 17, or restore a backup"
    );
    let smaller = transition(&plan(json!({"storage": "40Gi"})), &from).unwrap_err().to_string();
    assert_eq!(smaller, "spec.storage: 20Gi is less than what runs; storage only grows; write 40Gi or more");
}

#[test]
fn a_retired_release_line_is_for_existing_databases_only() {
    let old = resolve(&claim("dev", json!({"version": "14"})), &policy()).unwrap();
    let refused = creation(&old).unwrap_err().to_string();
    let expected = "spec.version: postgresql 14 is for existing databases only; write a newer one, or leave it out";
    assert_eq!(refused, expected);
    assert!(transition(&old, &old).is_ok());
}

#[test]
fn amounts_that_are_the_same_are_the_same_terms() {
    let terms = |storage: &str| resolve(&claim("dev", json!({"storage": storage})), &policy()).unwrap().terms;
    assert_eq!(terms("20Gi"), terms("20480Mi"));
}
