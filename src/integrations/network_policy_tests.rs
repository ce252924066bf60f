//! What Cilium is told; who may talk to whom, on every operator, stands in `tests/network.rs`.

use super::*;
use crate::observed::Observed;
use crate::operators;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::json;

fn settings() -> Settings {
    let text = json!({
        "apiServer": {"cidrs": ["10.0.0.1/32"], "ports": [6443]},
        "objectStore": {"cidrs": ["203.0.113.0/24"], "ports": [443]},
        "monitoringNamespace": "monitoring",
        "nodeDns": ["169.254.20.10/32"],
        "clients": {"namespaces": ["vault"], "cidrs": ["198.18.0.0/24"]},
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn cilium_knows_the_api_server_by_name() {
    let generation = example::generation("prod", json!({"pooling": {"enabled": true}}));
    let operator = operators::of(generation.plan.terms.operator);
    let facts = operator.compose(&generation, &Default::default(), &Observed::default()).facts;
    let composed = compose(&generation, &facts, &Settings { cilium: true, ..settings() });
    let of_cilium: Vec<&Resource> = composed.iter().filter(|it| it.key.0.starts_with("cilium-")).collect();
    let keys: Vec<&str> = of_cilium.iter().map(|resource| resource.key.0.as_str()).collect();
    assert_eq!(keys, ["cilium-network-policy", "cilium-network-policy-pooler"]);
    let policy: Value = of_cilium[0].object.decode("policy").unwrap();
    let expected = json!([{
        "toEntities": ["kube-apiserver"], "toPorts": [{"ports": [{"port": "6443", "protocol": "TCP"}]}],
    }]);
    assert_eq!(policy["spec"]["egress"], expected);
    assert_eq!(compose(&generation, &facts, &settings()).len(), 2, "and only where the platform says so");
}
