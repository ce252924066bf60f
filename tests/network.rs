//! Who may talk to whom: the policies around each operator's database, evaluated over everybody.
//!
//! `tests/connections/OPERATOR.txt` lists every connection that is open, and there is no other. `UPDATE=1 cargo test --test network`
//! rewrites it; read the difference as a reviewer would. What holds for every operator is said below, in code.
#![cfg(test)]

mod support {
    pub mod firewall;
}

use function_database::api::claim::Environment;
use function_database::api::plan::Operator;
use function_database::operators::{self, name_of};
use function_database::render::{Composition, render};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;
use support::firewall::{Firewall, Labels, Party};

/// Where `Integrations.networkPolicy` below says that they are.
const API_SERVER: &str = "10.0.0.1";
const OBJECT_STORE: &str = "203.0.113.9";
const NODE_DNS: &str = "169.254.20.10";

/// What a claim can ask for that opens or closes a door. Each is taken where the operator can.
fn wishes() -> [Value; 11] {
    [
        json!({"access": {"allowedNamespaces": ["checkout-web"]}}),
        json!({"access": {"serviceType": "LoadBalancer", "allowedCIDRs": ["192.0.2.0/24"]}}),
        json!({"access": {"roles": [{"name": "reporting", "privileges": "read"}]}}),
        json!({"access": {"console": true}}),
        json!({"backup": {"enabled": true}}),
        json!({"backup": {"continuous": true}}),
        json!({"credentials": {"source": "VaultDynamic"}}),
        json!({"credentials": {"source": "Secret", "rotation": {"interval": "30d"}}}),
        json!({"monitoring": {"audit": true}}),
        json!({"pooling": {"enabled": true}}),
        json!({"shards": 3}),
    ]
}

static COMPOSITION: LazyLock<Composition> = LazyLock::new(|| {
    let manifest: Value = serde_saphyr::from_str(include_str!("../compositions/database.yaml")).unwrap();
    Composition::read(&manifest).unwrap()
});

struct Case {
    environment: String,
    spec: Value,
    resources: Vec<Value>,
    /// The same where Cilium keeps the rules.
    with_cilium: Vec<Value>,
}

fn merged(mut one: Value, other: &Value) -> Value {
    for (field, value) in other.as_object().unwrap() {
        let known = one[field].take();
        one[field] = if known.is_object() { merged(known, value) } else { value.clone() };
    }
    one
}

/// What is composed; `None`: the claim is refused.
fn composed(operator: Operator, environment: Environment, spec: &Value, cilium: bool) -> Option<Vec<Value>> {
    let engine = name_of(&operators::of(operator).features().engine);
    let overlay = json!({
        "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
        "metadata": {"name": "database-platform"},
        "data": {
            "TierDefaults": {"environments": {name_of(&environment): {
                "engines": {&engine: {"operator": name_of(&operator), "offered": true}},
                "certificateIssuer": {"name": "databases", "kind": "ClusterIssuer"},
                "offers": ["VaultDynamic", "Console"],
            }}, "destinations": {"default": {"region": "eu-north-1"}}},
            "ApprovalGate": {"environments": []},
            "Integrations": {
                "podMonitor": {}, "prometheusRule": {}, "console": {},
                "vault": {
                    "server": "https://vault.vault.svc:8200", "delivery": "VaultSecretsOperator",
                    "administrator": {"role": "databases", "serviceAccount": "vault-administrator"},
                },
                "networkPolicy": {
                    "apiServer": {"cidrs": [format!("{API_SERVER}/32")], "ports": [6443]},
                    "objectStore": {"cidrs": ["203.0.113.0/24"], "ports": [443]},
                    "monitoringNamespace": "monitoring",
                    "nodeDns": [format!("{NODE_DNS}/32")],
                    "clients": {"namespaces": ["vault"], "cidrs": ["198.18.0.0/24"]},
                    "cilium": cilium,
                },
            },
        },
    });
    let small = json!({"name": "orders", "engine": engine, "environment": name_of(&environment), "size": "medium", "storage": "50Gi"});
    let claim = json!({
        "apiVersion": "db.platform.io/v1", "kind": "Database",
        "metadata": {"name": "orders", "namespace": "checkout"}, "spec": merged(small, spec),
    });
    let rendered = render(&COMPOSITION, &claim, &[], &[overlay], "2026-11-21T12:00:00Z".parse().unwrap());
    assert_eq!(rendered.fatal, None, "{claim}");
    let invalid = rendered.conditions.iter().any(|it| it.kind == "Validated" && it.reason == "Invalid");
    (!invalid).then_some(rendered.resources)
}

/// The smallest, and what asks for all that the operator can, in each environment that has it.
fn cases(operator: Operator) -> Vec<Case> {
    let bare = json!({"backup": {"enabled": false}, "monitoring": {"enabled": false}});
    let environments = [Environment::Dev, Environment::Staging, Environment::Prod];
    let everything = |environment| {
        let wanted = |spec: Value, wish: &Value| {
            let more = merged(spec.clone(), wish);
            if composed(operator, environment, &more, false).is_some() { more } else { spec }
        };
        wishes().iter().fold(json!({}), wanted)
    };
    let mut asked = vec![(Environment::Dev, bare)];
    asked.extend(environments.map(|environment| (environment, everything(environment))));
    let case = |(environment, spec): (Environment, Value)| {
        let resources = composed(operator, environment, &spec, false)?;
        let with_cilium = composed(operator, environment, &spec, true)?;
        Some(Case { environment: name_of(&environment), spec, resources, with_cilium })
    };
    asked.into_iter().filter_map(case).collect()
}

fn pod(namespace: &str, labels: &[(&str, &str)]) -> Party {
    let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Party::Pod { namespace: namespace.into(), labels }
}

fn address(text: &str) -> Party {
    Party::Address(text.parse().unwrap())
}

/// Everybody who is not of the database.
fn others(firewall: &Firewall) -> BTreeMap<String, Party> {
    let named = |(name, party): (&str, Party)| (name.to_string(), party);
    let mut others: BTreeMap<String, Party> = BTreeMap::from_iter(
        [
            ("an application", pod("checkout", &[("app", "shop")])),
            ("the allowed namespace", pod("checkout-web", &[("app", "web")])),
            ("a stranger", pod("billing", &[("app", "bills")])),
            ("Prometheus", pod("monitoring", &[("app", "prometheus")])),
            ("Vault", pod("vault", &[("app", "vault")])),
            ("DNS", pod("kube-system", &[("k8s-app", "kube-dns")])),
            ("the node's DNS", address(NODE_DNS)),
            ("the allowed addresses", address("192.0.2.7")),
            ("the platform's addresses", address("198.18.0.9")),
            ("another address", address("198.51.100.7")),
            ("the API server", Party::ApiServer(API_SERVER.parse().unwrap())),
            ("its neighbour", address("10.0.0.2")),
            ("the backups", address(OBJECT_STORE)),
        ]
        .map(named),
    );
    let known: BTreeSet<String> = others.values().filter_map(Party::namespace).map(String::from).collect();
    let unknown = firewall.namespaces().into_iter().filter(|namespace| !known.contains(namespace));
    others.extend(
        unknown.map(|namespace| (format!("the operator in {namespace}"), pod(&namespace, &[("app", "operator")]))),
    );
    others
}

/// Every pod that we make ourselves, with the labels that it really has, stands behind exactly one policy.
fn unguarded(firewall: &Firewall, resources: &[Value]) -> Vec<String> {
    let templates = resources.iter().filter_map(|resource| match resource["kind"].as_str()? {
        "Deployment" | "StatefulSet" | "Job" => Some((resource, &resource["spec"]["template"])),
        "CronJob" => Some((resource, &resource["spec"]["jobTemplate"]["spec"]["template"])),
        _ => None,
    });
    let wrong = templates.filter_map(|(resource, template)| {
        let labels: Labels = serde_json::from_value(template["metadata"]["labels"].clone()).unwrap();
        let around = firewall.around(&Party::Pod { namespace: "checkout".into(), labels }).count();
        (around != 1).then(|| format!("{around} policies around {} {}", resource["kind"], resource["metadata"]["name"]))
    });
    wrong.collect()
}

/// Each open connection, in lines of one pair each; and those that nobody may ever have.
fn open(firewall: &Firewall) -> (String, Vec<String>) {
    let (own, others): (BTreeMap<_, _>, _) = (firewall.groups().into_iter().collect(), others(firewall));
    let all: Vec<(&String, &Party)> = others.iter().chain(&own).collect();
    let never = ["a stranger", "another address", "its neighbour"];
    let (mut text, mut wrong) = (String::new(), vec![]);
    for (from, one) in &all {
        for (to, other) in all.iter().filter(|(to, _)| own.contains_key(*from) || own.contains_key(*to)) {
            let doors = firewall.doors(one, other);
            if doors.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{from:<28} -> {to}: {}", doors.join(", "));
            if [from, to].iter().any(|name| never.contains(&name.as_str())) {
                wrong.push(format!("{from} reaches {to}"));
            }
        }
    }
    (text, wrong)
}

#[test]
fn exactly_these_connections_are_open() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connections");
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = vec![];
    for operator in Operator::ALL {
        let name = name_of(&operator);
        let mut tables: Vec<(String, Vec<String>)> = vec![];
        for Case { environment, spec, resources, with_cilium } in cases(operator) {
            let firewall = Firewall::of(&resources, false);
            let (table, found) = open(&firewall);
            let found = found.into_iter().chain(unguarded(&firewall, &resources));
            wrong.extend(found.map(|why| format!("{name} {environment} {spec}: {why}")));
            let (same, _) = open(&Firewall::of(&with_cilium, true));
            if table != same {
                let difference = pretty_assertions::StrComparison::new(&table, &same).to_string();
                wrong.push(format!("{name} {environment} {spec}: not the same with Cilium\n{difference}"));
            }
            let title = format!("# {environment} {spec}");
            match tables.iter_mut().find(|(known, _)| *known == table) {
                Some((_, titles)) => titles.push(title),
                None => tables.push((table, vec![title])),
            }
        }
        let tables = tables.into_iter().map(|(table, titles)| {
            format!(
                "{}\n{}",
                titles.join("\n"),
                if table.is_empty() { "nothing runs in this cluster\n" } else { &table }
            )
        });
        let text = tables.collect::<Vec<_>>().join("\n");
        let file = folder.join(format!("{name}.txt"));
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if expected != text && update {
            std::fs::write(&file, text).unwrap();
        } else if expected != text {
            let difference = pretty_assertions::StrComparison::new(&expected, &text).to_string();
            wrong.push(format!("{}\n{difference}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nif this is what it shall be: UPDATE=1 cargo test --test network", wrong.join("\n"));
}
