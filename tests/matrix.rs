//! The whole finite space of engine, operator, environment, size and feature: every combination either renders objects that
//! are valid against the operators' real CRDs, or is refused with a path, what is wrong and what would be right.
#![cfg(test)]

mod support {
    pub mod cel;
    pub mod crds;
    pub mod documents;
    pub mod kubernetes;
}

use function_database::api::claim::Environment;
use function_database::api::input::{Manifest, TierDefaults};
use function_database::api::plan::Operator;
use function_database::operators::{self, Encryption, name_of};
use function_database::render::{Composition, Rendered, render};
use function_database::wire::Object;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;
use support::crds::Crds;
use support::documents;

static MANIFEST: LazyLock<Value> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("compositions/database.yaml");
    documents::read(&path).remove(0)
});
static COMPOSITION: LazyLock<Composition> = LazyLock::new(|| Composition::read(&MANIFEST).unwrap());
static POLICY: LazyLock<TierDefaults> = LazyLock::new(|| {
    let input = Object::of(&MANIFEST["spec"]["pipeline"][0]["input"]);
    input.decode::<Manifest<TierDefaults>>("TierDefaults").unwrap().spec
});

/// What a claim can ask for beyond the smallest one.
fn features() -> Vec<(String, Value)> {
    let mut features: Vec<(String, Value)> = [
        json!({}),
        json!({"replicas": 1}),
        json!({"replicas": 2}),
        json!({"replicas": 3}),
        json!({"replicas": 5}),
        json!({"topology": "Standalone"}),
        json!({"topology": "Replicated"}),
        json!({"topology": "Cluster"}),
        json!({"topology": "Sharded"}),
        json!({"shards": 3}),
        json!({"pooling": {"enabled": true}}),
        json!({"backup": {"enabled": false}}),
        json!({"backup": {"continuous": true}}),
        json!({"backup": {"method": "Physical"}}),
        json!({"backup": {"method": "Dump"}}),
        json!({"backup": {"method": "Snapshot"}}),
        json!({"backup": {"schedule": "15 1,13 * * 1-5", "retention": "1w"}}),
        json!({"tls": {"enabled": true}}),
        json!({"storageClass": "fast-ssd"}),
        json!({"access": {"serviceType": "LoadBalancer", "allowedCIDRs": ["10.20.0.0/16"]}}),
        json!({"access": {"allowedNamespaces": ["elsewhere"]}}),
        json!({"access": {"roles": [{"name": "read_me", "privileges": "read"}, {"name": "all", "privileges": "admin"}]}}),
        json!({"access": {"console": true}}),
        json!({"credentials": {"source": "Secret", "rotation": {"interval": "30d"}}}),
        json!({"credentials": {"source": "Operator"}}),
        json!({"credentials": {"source": "ExternalSecret"}}),
        json!({"credentials": {"source": "VaultDynamic"}}),
        json!({"credentials": {"consul": {"path": "shop/orders"}}}),
        json!({"monitoring": {"enabled": false}}),
        json!({"monitoring": {"audit": true}}),
        json!({"monitoring": {"queries": "my-queries"}}),
        json!({"monitoring": {"logLevel": "debug"}}),
        json!({"lifecycle": {"hibernated": true}}),
        json!({"lifecycle": {"deletionPolicy": "Retain"}}),
        json!({"extensions": ["pgvector"]}),
    ]
    .into_iter()
    .map(|value| (value.to_string(), value))
    .collect();
    features.push(("all of the platform's".into(), json!({"owner": "group:default/shop", "system": "shop"})));
    features
}

struct Case<'a> {
    operator: Operator,
    environment: Environment,
    size: &'a str,
    feature: &'a Value,
}

impl Case<'_> {
    fn name(&self, feature: &str) -> String {
        format!("{} {} {} {feature}", name_of(&self.operator), name_of(&self.environment), self.size)
    }

    fn run(&self) -> Rendered {
        render(&COMPOSITION, &self.claim(), &[], &[self.overlay()], "2026-11-21T12:00:00Z".parse().unwrap())
    }

    /// Nobody has to approve here; and the platform has an issuer, and a bucket of a known region.
    fn overlay(&self) -> Value {
        let engine = name_of(&operators::of(self.operator).features().engine);
        let environment = name_of(&self.environment);
        let exception = json!({"operator": name_of(&self.operator), "offered": true});
        json!({
            "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
            "metadata": {"name": "database-platform"},
            "data": {
                "TierDefaults": {"environments": {&environment: {
                    "engines": {&engine: exception},
                    "certificateIssuer": {"name": "databases", "kind": "ClusterIssuer"},
                    "offers": ["ExternalSecret", "VaultDynamic", "Consul", "Console"],
                }}, "destinations": {"default": {"region": "eu-north-1"}}},
                "ApprovalGate": {"environments": []},
                "Integrations": {
                    "podMonitor": {}, "prometheusRule": {},
                    "externalSecrets": {"secretStore": {"name": "databases"}},
                    "vault": {
                        "server": "https://vault.vault.svc:8200", "administrator": {"role": "databases", "serviceAccount": "vault-administrator"},
                        "delivery": "VaultSecretsOperator",
                        "keyValue": {"secretStore": {"name": "vault"}, "folder": "databases"},
                    },
                    "consul": {
                        "serviceSync": true, "keyValue": {"secretStore": {"name": "consul"}, "folder": "databases"},
                    },
                    "teleport": {"namespace": "teleport", "providerConfig": "in-cluster"},
                    "catalog": {"ownerLabel": "team"},
                    "console": {},
                },
            },
        })
    }

    fn claim(&self) -> Value {
        let engine = name_of(&operators::of(self.operator).features().engine);
        let environment = name_of(&self.environment);
        let tier = &POLICY.environments[&self.environment];
        let storage = tier.storage.minimum.0.max(100 << 30).min(tier.storage.maximum.0) >> 30;
        let mut claim = json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database",
            "metadata": {"name": "orders", "namespace": "checkout"},
            "spec": {"name": "orders", "engine": engine, "environment": environment, "size": self.size,
                "storage": format!("{storage}Gi")},
        });
        for (field, value) in self.feature.as_object().unwrap() {
            claim["spec"][field] = value.clone();
        }
        claim
    }
}

/// `path: what is wrong; what would be right`.
fn is_a_sentence(problem: &str) -> bool {
    problem.split_once(": ").is_some_and(|(path, rest)| {
        (path.starts_with("spec.") || path.starts_with("TierDefaults.")) && rest.contains("; ")
    })
}

fn problems(rendered: &Rendered) -> Option<String> {
    let validated = rendered.conditions.iter().find(|condition| condition.kind == "Validated")?;
    (validated.reason == "Invalid").then(|| validated.message.clone().unwrap_or_default())
}

/// What every production database has.
fn is_fit_for_production(rendered: &Rendered, operator: Operator) -> Vec<String> {
    let of_kind = |kind: &str| rendered.resources.iter().filter(|resource| resource["kind"] == kind).count();
    let record = rendered.resources.iter().find(|resource| resource["kind"] == "DatabaseRecord");
    let terms = record.map(|record| &record["spec"]["serving"]["plan"]["terms"]).cloned().unwrap_or_default();
    let encrypted = operators::of(operator).features().encryption != Encryption::Never;
    let replicas = terms["replicas"].as_u64().unwrap_or(0);
    let outside = rendered.resources.iter().any(|resource| !resource["spec"]["externalName"].is_null());
    let checks = [
        (terms["backup"].is_object(), "no backups"),
        (replicas >= 3 || (outside && replicas >= 2), "too few replicas"),
        (!encrypted || terms["tls"] == true, "no encryption"),
        (outside || of_kind("NetworkPolicy") > 0, "no network policy"),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, wrong)| wrong.to_string()).collect()
}

#[test]
fn every_combination_is_valid_or_refused_with_a_reason() {
    let crds = Crds::from_environment();
    let (mut rendered_well, mut refused, mut wrong) = (0, 0, vec![]);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for operator in Operator::ALL {
        let mut works = false;
        for environment in [Environment::Dev, Environment::Staging, Environment::Prod] {
            for (at, size) in POLICY.sizes.keys().enumerate() {
                for (feature, value) in &features() {
                    // Features do not depend on the size; two sizes are enough for all of them.
                    if at > 1 && *feature != "{}" {
                        continue;
                    }
                    let case = Case { operator, environment, size, feature: value };
                    let rendered = case.run();
                    let name = case.name(feature);
                    if let Some(why) = &rendered.fatal {
                        wrong.push(format!("{name}: FATAL {why}"));
                    } else if let Some(problems) = problems(&rendered) {
                        refused += 1;
                        let said = problems.lines().filter(|line| !is_a_sentence(line));
                        wrong.extend(said.map(|line| format!("{name}: is that clear? {line}")));
                        if !rendered.resources.is_empty() {
                            wrong.push(format!("{name}: refused, and still something is composed"));
                        }
                    } else {
                        (works, rendered_well) = (true, rendered_well + 1);
                        if environment == Environment::Prod {
                            let unfit = is_fit_for_production(&rendered, operator);
                            wrong.extend(unfit.into_iter().map(|why| format!("{name}: {why}")));
                        }
                        let fresh = rendered.resources.iter().filter(|resource| seen.insert(resource.to_string()));
                        let broken = fresh.flat_map(|resource| {
                            let found = crds.map(|crds| crds.check(resource)).unwrap_or_default();
                            found.into_iter().map(|why| format!("{name}: {}: {why}", resource["kind"]))
                        });
                        wrong.extend(broken);
                    }
                }
            }
        }
        assert!(works, "{} renders nothing at all", name_of(&operator));
    }
    let checked = crds.map_or("unchecked".into(), |crds| format!("valid by {}", crds.folder().display()));
    println!("{rendered_well} render, {checked}; {refused} are refused");
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

/// What is carried, as text, by key; none where the claim is refused.
fn carried(case: &Case, claim: &Value, there: Value) -> Option<BTreeMap<String, String>> {
    let mut overlay = case.overlay();
    overlay["data"]["TierDefaults"]["environments"][name_of(&case.environment)]["objectDelivery"] = there;
    // Both know the database as its claim is called, wherever it stands.
    overlay["data"]["Integrations"]["consul"]["keyValue"] = Value::Null;
    overlay["data"]["Integrations"]["catalog"] = Value::Null;
    let rendered = render(&COMPOSITION, claim, &[], &[overlay], "2026-11-21T12:00:00Z".parse().unwrap());
    assert_eq!(rendered.fatal, None);
    let carriers = rendered.resources.iter().filter(|resource| resource["kind"] == "Object");
    let text = |carrier: &Value| {
        let key = carrier["metadata"]["annotations"]["crossplane.io/composition-resource-name"].as_str().unwrap();
        let mut parts =
            [&carrier["spec"]["forProvider"]["manifest"], &carrier["spec"]["connectionDetails"]].map(Clone::clone);
        if let Some(labels) = parts[0]["metadata"]["labels"].as_object_mut() {
            labels.remove("db.platform.io/claim-namespace");
        }
        (key.to_owned(), Value::from(parts.to_vec()).to_string())
    };
    problems(&rendered).is_none().then(|| carriers.map(text).collect())
}

/// No operator and no integration knows that there are other namespaces than that of the claim: in one, a database is composed
/// like one that was claimed there by the name that it has there. So nothing of it can meet another one's.
#[test]
fn what_is_placed_is_as_if_it_were_claimed_there() {
    let (mut compared, mut refused) = (0, BTreeSet::new());
    for operator in Operator::ALL {
        for (feature, value) in &features() {
            let case = Case { operator, environment: Environment::Staging, size: "medium", feature: value };
            let name = case.name(feature);
            let mut claim = case.claim();
            claim["metadata"]["labels"] = json!({"org": "acme", "project": "shop"});
            let there = json!({"providerConfig": "west", "namespace": "tenant-{org}-{project}"});
            let placed = carried(&case, &claim, there);
            let (ending, like) = ("-nwp8h9x29xl", "-xwp8h9x29xl");
            (claim["metadata"]["namespace"], claim["metadata"]["name"]) =
                ("tenant-acme-shop".into(), format!("orders{like}").into());
            let claimed = carried(&case, &claim, json!({"providerConfig": "west"}));
            assert_eq!(placed.is_some(), claimed.is_some(), "{name}");
            let Some((placed, claimed)) = placed.zip(claimed) else {
                refused.insert(operator);
                continue;
            };
            compared += 1;
            assert!(placed.values().any(|text| text.contains(ending)), "{name}");
            let renamed = |text: &str| text.replace(like, ending);
            let claimed: BTreeMap<_, _> = claimed.iter().map(|(key, text)| (renamed(key), renamed(text))).collect();
            assert_eq!(placed.keys().collect::<Vec<_>>(), claimed.keys().collect::<Vec<_>>(), "{name}");
            for (key, text) in &placed {
                assert_eq!(*text, claimed[key], "{name}: {key}");
            }
        }
    }
    println!("{compared} stand in another namespace as if they were claimed there");
    assert!(compared > 100, "{compared}, {refused:?}");
}
