//! Who may talk to whom: the policies are evaluated over a table of everybody.

use super::*;
use crate::observed::Observed;
use crate::operators;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};

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

fn policies() -> Vec<NetworkPolicy> {
    let access = json!({"allowedNamespaces": ["checkout-web"], "allowedCIDRs": ["192.0.2.0/24"]});
    let generation = example::generation("prod", json!({"pooling": {"enabled": true}, "access": access}));
    let operator = operators::of(generation.plan.terms.operator);
    let facts = operator.compose(&generation, &Default::default(), &Observed::default()).facts;
    compose(&generation, &facts, &settings()).iter().map(|resource| resource.object.decode("policy").unwrap()).collect()
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

/// A pod, or an address outside of the cluster.
#[derive(Clone)]
enum Party {
    Pod { namespace: &'static str, labels: Labels },
    Address(Ipv4Addr),
}

fn pod(namespace: &'static str, labels: &[(&str, &str)]) -> Party {
    let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Party::Pod { namespace, labels }
}

fn member() -> Party {
    pod(
        "checkout",
        &[("cnpg.io/cluster", "orders"), ("db.platform.io/workload", "members"), ("cnpg.io/podRole", "instance")],
    )
}

fn joining() -> Party {
    pod(
        "checkout",
        &[("cnpg.io/cluster", "orders"), ("db.platform.io/workload", "members"), ("job-name", "orders-2-join")],
    )
}

fn pooler() -> Party {
    pod(
        "checkout",
        &[
            ("cnpg.io/poolerName", "orders-pgbouncer"),
            ("db.platform.io/workload", "pooler"),
            ("cnpg.io/cluster", "orders"),
        ],
    )
}

fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    assert!(selector.match_expressions.is_none(), "not evaluated here");
    selector.match_labels.iter().flatten().all(|(name, value)| labels.get(name) == Some(value))
}

fn is(peer: &NetworkPolicyPeer, party: &Party) -> bool {
    match (peer, party) {
        (NetworkPolicyPeer { ip_block: Some(block), .. }, Party::Address(address)) => {
            let (network, length) = block.cidr.split_once('/').unwrap();
            let (Ok(IpAddr::V4(network)), Ok(length)) = (network.parse(), length.parse::<u32>()) else { return false };
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            u32::from(network) & mask == u32::from(*address) & mask
        }
        (NetworkPolicyPeer { ip_block: None, namespace_selector, pod_selector }, Party::Pod { namespace, labels }) => {
            let own = Labels::from([(NAMESPACE.into(), (*namespace).into())]);
            let here = namespace_selector.as_ref().map_or(*namespace == "checkout", |selector| selects(selector, &own));
            here && pod_selector.as_ref().is_none_or(|selector| selects(selector, labels))
        }
        _ => false,
    }
}

fn opens(ports: &[NetworkPolicyPort], number: u16, protocol: &str) -> bool {
    let number = IntOrString::Int(number.into());
    ports.iter().any(|port| port.port == Some(number.clone()) && port.protocol.as_deref() == Some(protocol))
}

/// The policies that stand around a pod; without any, everything is open.
fn around(party: &Party) -> Vec<NetworkPolicySpec> {
    let Party::Pod { namespace: "checkout", labels } = party else { return vec![] };
    let specs = policies().into_iter().filter_map(|policy| policy.spec);
    specs.filter(|spec| spec.pod_selector.as_ref().is_some_and(|selector| selects(selector, labels))).collect()
}

fn connects(from: &Party, to: &Party, port: u16, protocol: &str) -> bool {
    let (leaving, entering) = (around(from), around(to));
    let left = leaving.is_empty()
        || leaving.iter().flat_map(|spec| spec.egress.iter().flatten()).any(|rule| {
            rule.to.iter().flatten().any(|peer| is(peer, to)) && opens(rule.ports.as_deref().unwrap(), port, protocol)
        });
    let entered = entering.is_empty()
        || entering.iter().flat_map(|spec| spec.ingress.iter().flatten()).any(|rule| {
            rule.from.iter().flatten().any(|peer| is(peer, from))
                && opens(rule.ports.as_deref().unwrap(), port, protocol)
        });
    left && entered
}

#[test]
fn exactly_these_connections_are_open() {
    let application = pod("checkout", &[("app", "shop")]);
    let visitor = pod("checkout-web", &[("app", "web")]);
    let stranger = pod("billing", &[("app", "bills")]);
    let operator = pod("cnpg-system", &[("app.kubernetes.io/name", "cloudnative-pg")]);
    let prometheus = pod("monitoring", &[("app", "prometheus")]);
    let vault = pod("vault", &[("app", "vault")]);
    let dns = pod("kube-system", &[("k8s-app", "kube-dns")]);
    let address = |text: &str| Party::Address(text.parse().unwrap());
    let cases = [
        ("an application to the members", &application, &member(), 5432, true),
        ("an application to the pooler", &application, &pooler(), 5432, true),
        ("an application to the status port", &application, &member(), 8000, false),
        ("an application to the metrics", &application, &member(), 9187, false),
        ("an allowed namespace", &visitor, &member(), 5432, true),
        ("another namespace", &stranger, &member(), 5432, false),
        ("another namespace to the pooler", &stranger, &pooler(), 5432, false),
        ("an allowed address", &address("192.0.2.7"), &member(), 5432, true),
        ("another address", &address("198.51.100.7"), &member(), 5432, false),
        ("Vault", &vault, &member(), 5432, true),
        ("Vault to the metrics", &vault, &member(), 9187, false),
        ("the platform's addresses", &address("198.18.0.9"), &member(), 5432, true),
        ("the operator to the status port", &operator, &member(), 8000, true),
        ("the operator to the database", &operator, &member(), 5432, true),
        ("the operator to the metrics", &operator, &member(), 9187, false),
        ("Prometheus to the metrics", &prometheus, &member(), 9187, true),
        ("Prometheus to the pooler's metrics", &prometheus, &pooler(), 9127, true),
        ("Prometheus to the database", &prometheus, &member(), 5432, false),
        ("a member to its peer", &member(), &member(), 5432, true),
        ("a member to its peer's status", &member(), &member(), 8000, true),
        ("a joining member to the primary", &joining(), &member(), 5432, true),
        ("the pooler to the members", &pooler(), &member(), 5432, true),
        ("the members to the pooler", &member(), &pooler(), 5432, false),
        ("a member to the API server", &member(), &address("10.0.0.1"), 6443, true),
        ("a member to the API server's neighbour", &member(), &address("10.0.0.2"), 6443, false),
        ("the pooler to the API server", &pooler(), &address("10.0.0.1"), 6443, true),
        ("a member to the backups", &member(), &address("203.0.113.9"), 443, true),
        ("the pooler to the backups", &pooler(), &address("203.0.113.9"), 443, false),
        ("a member to the world", &member(), &address("198.51.100.7"), 443, false),
        ("a member to an application", &member(), &application, 8080, false),
        ("a member to DNS by TCP", &member(), &dns, 53, true),
    ];
    for (what, from, to, port, expected) in cases {
        assert_eq!(connects(from, to, port, "TCP"), expected, "{what}");
    }
    assert!(connects(&member(), &dns, 53, "UDP"));
    assert!(connects(&pooler(), &address("169.254.20.10"), 53, "UDP"), "the cache on the node");
    assert!(!connects(&application, &member(), 5432, "UDP"));
}
