//! Limits against plans: who counts, what grows, and each refusal in its words.

use super::*;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

/// The database `name` of the namespace checkout, without backups: then a small member is 1 core, 2Gi and its volume.
fn plan(name: &str, environment: &str, changes: Value) -> Plan {
    let mut plan = example::plan("dev", changes);
    plan.terms.backup = None;
    plan.terms.database.name = name.into();
    plan.terms.environment = serde_json::from_value(environment.into()).unwrap();
    plan
}

fn dev(name: &str, changes: Value) -> Plan {
    plan(name, "dev", changes)
}

/// With the shipped prices.
fn quota(limits: Value) -> Quota {
    let mut quota: Quota = serde_json::from_value(limits).unwrap();
    quota.prices = example::policy().prices;
    quota
}

fn said(quota: &Quota, from: Option<&Plan>, to: &Plan, others: &[Plan]) -> Vec<String> {
    match check(quota, from, to, others) {
        Ok(()) => vec![],
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_new_database_must_fit_beside_the_others() {
    let mut foreign = dev("ledger", json!({"replicas": 3}));
    foreign.terms.database.namespace = "bank".into();
    let others = [
        foreign,
        dev("billing", json!({"replicas": 3, "storage": "30Gi"})),
        dev("audit", json!({"replicas": 2})),
        plan("elsewhere", "staging", json!({"replicas": 3})),
        // An answer may hold the database itself.
        dev("orders", json!({"replicas": 3})),
    ];
    let cases = [
        (json!({"cpu": "6"}), vec![]),
        (
            json!({"cpu": "5"}),
            vec![
                "spec.size: the namespace checkout in dev would use 6 cpu, the limit is 5 (billing 3, audit 2, this one 1); \
                 write less, or ask the platform team",
            ],
        ),
        (
            json!({"memory": "11Gi"}),
            vec![
                "spec.size: the namespace checkout in dev would use 12Gi of memory, the limit is 11Gi (billing 6Gi, audit \
                 4Gi, this one 2Gi); write less, or ask the platform team",
            ],
        ),
        (
            json!({"storage": "149Gi"}),
            vec![
                "spec.storage: the namespace checkout in dev would use 150Gi of storage, the limit is 149Gi (billing 90Gi, \
                 audit 40Gi, this one 20Gi); write less, or ask the platform team",
            ],
        ),
        (json!({"databases": 3}), vec![]),
        (
            json!({"databases": 2}),
            vec![
                "spec: the namespace checkout in dev would have 3 databases, the limit is 2 (audit, billing, this one); \
                 delete one, or ask the platform team",
            ],
        ),
        (
            json!({"monthlyCost": 200}),
            vec![
                "spec.size: the namespace checkout in dev would cost EUR 211 a month, the limit is EUR 200 (billing EUR \
                 107, audit EUR 69, this one EUR 35); write less, or ask the platform team",
            ],
        ),
        (
            json!({"databases": 0, "cpu": "0"}),
            vec![
                "spec: the namespace checkout in dev would have 3 databases, the limit is 0 (audit, billing, this one); \
                 delete one, or ask the platform team",
                "spec.size: the namespace checkout in dev would use 6 cpu, the limit is 0 (billing 3, audit 2, this one 1); \
                 write less, or ask the platform team",
            ],
        ),
    ];
    for (limits, expected) in cases {
        let quota = quota(json!({"namespace": limits}));
        assert_eq!(said(&quota, None, &dev("orders", json!({})), &others), expected, "{limits}");
    }
}

#[test]
fn a_running_database_is_refused_what_grows_and_nothing_else() {
    let one = json!({});
    let two = json!({"replicas": 2});
    let pooled = json!({"replicas": 2, "pooling": {"enabled": true, "instances": 1}});
    let larger = json!({"storage": "30Gi"});
    let words = |path: &str, sum: &str| {
        Some(format!("{path}: the namespace checkout in dev would use {sum}; write less, or ask the platform team"))
    };
    // Every one of these is over each limit from the start.
    let cases = [
        (&one, &one, None),
        (&two, &one, None),
        (&pooled, &two, None),
        (&one, &json!({"extensions": ["pgvector"], "owner": "group:default/checkout"}), None),
        (&one, &two, words("spec.replicas", "5 cpu, the limit is 1 (billing 3, this one 2 instead of 1)")),
        (&two, &pooled, words("spec.pooling", "5500m cpu, the limit is 1 (billing 3, this one 2500m instead of 2)")),
        (
            &two,
            &json!({"size": "medium", "replicas": 2}),
            words("spec.size", "7 cpu, the limit is 1 (billing 3, this one 4 instead of 2)"),
        ),
        (
            &one,
            &larger,
            words("spec.storage", "90Gi of storage, the limit is 1Gi (billing 60Gi, this one 30Gi instead of 20Gi)"),
        ),
        // Less of one thing is no room for more of another.
        (
            &two,
            &json!({"storage": "50Gi"}),
            words("spec.storage", "110Gi of storage, the limit is 1Gi (billing 60Gi, this one 50Gi instead of 40Gi)"),
        ),
    ];
    let others = [dev("billing", json!({"replicas": 3}))];
    let limits = quota(json!({"namespace": {"databases": 1, "cpu": "1", "storage": "1Gi"}}));
    for (from, to, expected) in cases {
        let (from, to) = (dev("orders", from.clone()), dev("orders", to.clone()));
        let found = said(&limits, Some(&from), &to, &others);
        match expected {
            Some(expected) => assert!(found.contains(&expected), "{found:?}"),
            None => {
                assert_eq!(found, [""; 0]);
                assert!(!grows(&limits, Some(&from), &to), "nobody is asked");
            }
        }
    }
}

#[test]
fn growth_within_the_limit_is_nobodys_problem() {
    let (from, to) = (dev("orders", json!({})), dev("orders", json!({"replicas": 3})));
    let limits = quota(json!({"namespace": {"cpu": "4"}}));
    assert!(grows(&limits, Some(&from), &to), "the others have to be asked for");
    assert_eq!(said(&limits, Some(&from), &to, &[dev("billing", json!({}))]), [""; 0]);
    assert!(!grows(&Quota::default(), None, &to), "without a limit nobody has to be");
}

#[test]
fn an_owners_databases_count_together() {
    let owned = |name: &str, owner: Option<&str>| {
        let mut plan = dev(name, json!({}));
        plan.notes.owner = owner.map(String::from);
        plan
    };
    let (shop, bank) = (Some("group:shop"), Some("group:bank"));
    let others = [owned("billing", shop), owned("audit", bank), owned("old", None)];
    let limits = quota(json!({"owner": {"databases": 1}}));
    let whose = |path: &str, whose: &str, with: &str, right: &str| {
        vec![format!("{path}: {whose} would have 2 databases, the limit is 1 ({with}, this one); {right}")]
    };
    let shops = "the owner group:shop in dev of the namespace checkout";
    let delete = "delete one, or ask the platform team";
    let keep = "keep the owner, or ask the platform team";
    let cases = [
        (None, shop, whose("spec", shops, "billing", delete)),
        (None, Some("group:new"), vec![]),
        // Leaving the owner out is no way around.
        (None, None, whose("spec", "what has no owner in dev of the namespace checkout", "old", delete)),
        (Some(shop), shop, vec![]),
        // With its new owner it is one more.
        (Some(bank), shop, whose("spec.owner", shops, "billing", keep)),
        (Some(bank), Some("group:new"), vec![]),
    ];
    for (from, to, expected) in cases {
        let from = from.map(|owner| owned("orders", owner));
        assert_eq!(said(&limits, from.as_ref(), &owned("orders", to), &others), expected, "{to:?}");
    }
}

#[test]
fn a_message_names_the_largest_and_counts_the_rest() {
    let others: Vec<Plan> = (1..=6)
        .map(|number| dev(&format!("d{number}"), json!({"replicas": if number == 6 { 3 } else { 1 }})))
        .collect();
    let found = said(&quota(json!({"namespace": {"cpu": "8"}})), None, &dev("orders", json!({})), &others);
    assert_eq!(
        found,
        [
            "spec.size: the namespace checkout in dev would use 9 cpu, the limit is 8 (d6 3, d1 1, d2 1, d3 1, 2 others 2, \
             this one 1); write less, or ask the platform team"
        ]
    );
}

/// The answer comes in any order.
#[test]
fn the_order_of_the_others_changes_nothing() {
    let mut others = [dev("a", json!({})), dev("b", json!({})), dev("c", json!({"replicas": 2}))];
    let limits = quota(json!({"namespace": {"cpu": "1", "databases": 1}}));
    let to = dev("orders", json!({}));
    let once = said(&limits, None, &to, &others);
    others.reverse();
    assert_eq!(once, said(&limits, None, &to, &others));
    assert_eq!(once.len(), 2);
}

#[test]
fn the_table_is_read_for_the_plan_and_must_make_sense() {
    let mut policy = example::policy();
    assert_eq!(of(&example::plan("prod", json!({})), &policy).namespace, Limits::default(), "shipped: no limits");
    policy.quotas = serde_json::from_value(json!({
        "namespaces": {"named": {"checkout": {"prod": {"databases": 2}}}},
        "owners": {"each": {"prod": {"monthlyCost": 100}}},
    }))
    .unwrap();
    let quota = of(&example::plan("prod", json!({})), &policy);
    assert_eq!((quota.namespace.databases, quota.owner.monthly_cost), (Some(2), Some(100)));
    assert_eq!(problem(&policy), None);
    policy.prices = None;
    let problems = crate::plan::resolve(&example::claim("dev", json!({})), &policy).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "TierDefaults.quotas: a monthlyCost is limited, but there are no prices; the platform team adds prices"
    );
}

/// Whoever takes the marks of comments away has something that works.
#[test]
fn the_example_in_the_shipped_composition_works() {
    let text = include_str!("../../compositions/database.yaml");
    let lines = text.lines().map(str::trim_start).skip_while(|line| *line != "# quotas:");
    let lines = lines.map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>().join("\n");
    let mut policy = example::policy();
    let example: Value = serde_saphyr::from_str(&lines).unwrap();
    policy.quotas = serde_json::from_value(example["quotas"].clone()).unwrap();
    let mut prod = example::plan("prod", json!({"owner": "group:default/checkout"}));
    let limits = |plan: &Plan| (of(plan, &policy).namespace.databases, of(plan, &policy).owner.monthly_cost);
    assert_eq!(limits(&prod), (Some(10), Some(10_000)));
    prod.notes.owner = None;
    assert_eq!(limits(&prod), (Some(10), Some(5_000)));
    assert_eq!(limits(&example::plan("dev", json!({}))), (Some(10), None));
}
