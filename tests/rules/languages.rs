//! Each rule of our own schemas stands there twice: in CEL for the API server, in Rust for `validate` and `simulate`. The
//! two say the same, with the same words at the same place.

use function_database::api::schema::{approval, claim};
use function_database::schema::{self, Violation, path::is_within};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::sync::LazyLock;

use crate::support::cel::Schema;
use crate::support::{self, documents};
use crate::{CASES, cases, messages, root};

/// The same schema, with its rules in Rust and in CEL.
struct Pair {
    rust: schema::Schema,
    cel: Schema,
}

impl Pair {
    fn of(rust: schema::Schema) -> Pair {
        Pair { cel: Schema::build(rust.source()).unwrap(), rust }
    }

    fn compare(&self, old: Option<&Value>, object: &Value) {
        let cel = self.cel.check(old, object);
        let rust = match old {
            Some(old) => self.rust.check_update(old, object),
            None => self.rust.check(object),
        };
        // A rule in CEL that finds neither true nor false refuses as well, in words that nobody wrote.
        let (stuck, cel): (Vec<Violation>, Vec<Violation>) =
            cel.into_iter().partition(|violation| violation.message.starts_with("the rule "));
        for violation in stuck {
            let told = rust.iter().any(|other| is_within(&other.path, &violation.path));
            assert!(told, "{violation}, but in Rust: {rust:?}\n{object}");
        }
        let unsaid: Vec<&Violation> = cel.iter().filter(|violation| !rust.contains(violation)).collect();
        assert!(unsaid.is_empty(), "{unsaid:?} in CEL only, of {object}, before {old:?}");
        let more: Vec<&Violation> = rust.iter().filter(|violation| !cel.contains(violation)).collect();
        assert!(
            more.iter().all(|violation| is_stricter(violation)),
            "in Rust only: {more:?}, of {object}, before {old:?}"
        );
    }
}

/// What Rust says and CEL does not: it refuses amounts of less than a byte or more than 8Pi, which the function refuses
/// too, and a name that is missing, which CEL cannot look at.
fn is_stricter(violation: &Violation) -> bool {
    violation.message.starts_with("storage only grows") || violation.message.starts_with("metadata.name is no name")
}

static CLAIM: LazyLock<Pair> = LazyLock::new(|| Pair::of(claim().unwrap()));
static APPROVAL: LazyLock<Pair> = LazyLock::new(|| Pair::of(approval().unwrap()));

fn pair(object: &Value) -> Option<&'static Pair> {
    match object["kind"].as_str()? {
        "Database" => Some(&CLAIM),
        "DatabaseApproval" => Some(&APPROVAL),
        _ => None,
    }
}

#[test]
fn the_two_agree_on_every_case() {
    let mut compared = 0;
    for case in cases(&root().join(CASES)) {
        let Some(pair) = pair(&case.object) else { continue };
        pair.compare(case.old.as_ref(), &case.object);
        pair.compare(None, &case.object);
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

/// The edition with claims has rules of its own about Crossplane's fields; to `validate` these are unknown fields.
#[test]
fn what_the_other_edition_refuses_is_refused() {
    let definition = documents::read(&root().join("editions/claims/apis/database.yaml")).remove(0);
    let mut source = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    for field in ["compositionUpdatePolicy", "compositionRevisionSelector"] {
        source["properties"]["spec"]["properties"][field] = json!({"x-kubernetes-preserve-unknown-fields": true});
    }
    let (other, rules) = (Schema::build(&source).unwrap(), messages(&definition));
    let more = [("compositionUpdatePolicy", json!("Manual")), ("compositionRevisionSelector", json!({}))];
    let more = more.map(|(field, value)| {
        let spec = json!({"name": "orders", "environment": "dev", "size": "small", "storage": "1Gi", field: value});
        json!({"apiVersion": "db.platform.io/v1", "kind": "Database", "metadata": {"name": "orders"}, "spec": spec})
    });
    let written = cases(&root().join(CASES)).into_iter().map(|case| case.object).filter(|it| it["kind"] == "Database");
    let mut refused = 0;
    for object in written.chain(more) {
        let rust = CLAIM.rust.check(&object);
        for violation in other.check(None, &object).into_iter().filter(|it| rules.contains(&it.message)) {
            refused += 1;
            let told = rust.iter().any(|other| is_within(&other.path, &violation.path));
            assert!(told, "{violation}, but in Rust: {rust:?}");
        }
    }
    assert!(refused > 30, "{refused}");
}

/// A field, and what may stand there, right or wrong; `null`: nothing.
fn field() -> impl Strategy<Value = (&'static str, Value)> {
    let engines =
        json!(["postgresql", "mysql", "mongodb", "clickhouse", "redis", "elasticsearch", "sqlite", "cobol", 3, null]);
    let numbers = json!([0, 1, 2, 3, 1.0, 1.5, "1", "many", null]);
    let flags = json!([true, false, "yes", null]);
    let fixed = [
        ("/metadata", json!([{}, null, "orders"])),
        (
            "/metadata/name",
            json!([
                "orders",
                "o",
                "Orders",
                "1orders",
                "orders-",
                "-",
                "",
                "orders-primary",
                "orders-g2",
                "orders-g",
                "orders-gg2",
                "orders-barman-cloud",
                "orders-cloud",
                "orders-r",
                "r",
                "primary",
                "örders",
                "a123456789012345678901234567890123456789",
                "a1234567890123456789012345678901234567890",
                3,
                null,
            ]),
        ),
        ("/spec", json!(["nothing", {}])),
        (
            "/spec/name",
            json!([
                "orders",
                "postgres",
                "template0",
                "mysql",
                "sys",
                "admin",
                "local",
                "default",
                "system",
                "",
                3,
                null
            ]),
        ),
        ("/spec/environment", json!(["dev", "staging", "prod", "test", 1, null])),
        ("/spec/engine", engines.clone()),
        ("/spec/engine", engines),
        ("/spec/replicas", numbers.clone()),
        ("/spec/shards", numbers.clone()),
        ("/spec/topology", json!(["Standalone", "Replicated", "Cluster", "Sharded", "Ring", 1, null])),
        ("/spec/storageClass", json!(["fast", "slow", 1, null])),
        ("/spec/pooling", json!([{}, {"enabled": true}, {"mode": "session"}, "yes", null])),
        ("/spec/pooling/enabled", flags.clone()),
        ("/spec/pooling/mode", json!(["session", "transaction", "always", null])),
        ("/spec/pooling/instances", numbers),
        ("/spec/backup", json!([{}, "daily", null])),
        ("/spec/backup/enabled", flags.clone()),
        ("/spec/backup/continuous", flags.clone()),
        ("/spec/disasterRecovery", json!([{}, {"promotion": "Failover"}, {"region": "west"}, 3, null])),
        ("/spec/disasterRecovery/primary", json!(["west", 3, null])),
        ("/spec/restore", json!([{"id": "1"}, {}, 3, null])),
        ("/spec/restore/backup", json!(["orders-1", 3, null])),
        ("/spec/restore/pointInTime", json!(["2026-01-31T12:00:00Z", "yesterday", null])),
        ("/spec/credentials", json!([{"source": "Operator"}, {"source": "VaultDynamic"}, {"source": 3}, [], null])),
        ("/spec/access", json!([{}, {"console": true}, "open", null])),
        ("/spec/access/console", flags),
        (
            "/spec/access/roles",
            json!([
                [], [{"name": "reader", "privileges": "read"}], [{"name": "root", "privileges": "read"}], [{"name": 3}, {"name": "postgres"}], [{}], "all", null,
            ]),
        ),
        (
            "/spec/crossplane",
            json!([
                {}, {"compositionUpdatePolicy": "Manual"}, {"compositionUpdatePolicy": "Automatic"}, {"compositionUpdatePolicy": null},
                {"compositionRevisionSelector": {}}, {"compositionRevisionSelector": null}, {"compositionRef": {"name": "mine"}}, null,
            ]),
        ),
    ];
    let fixed: Vec<(&str, Value)> = fixed
        .iter()
        .flat_map(|(at, values)| values.as_array().unwrap().iter().map(|value| (*at, value.clone())))
        .collect();
    // No number begins with a zero: the evaluator takes such addresses, Go and Rust do not.
    let octet = "(0|[1-9][0-9]{0,2})";
    let range = format!(
        "{octet}(\\.{octet}){{3}}/{octet}|[1-9a-f]{{0,4}}::[1-9a-f]{{0,4}}/{octet}|::ffff:10\\.0\\.0\\.0/{octet}|[1-9./:]{{0,12}}"
    );
    let range = proptest::string::string_regex(&range).unwrap();
    let ranges = prop::collection::vec(range.prop_map(Value::from), 0..3);
    let amount =
        "[0-9]{1,3}(\\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?|[0-9]{1,20}|[0-9]{1,3}(E|Ei|m|n|e3)|[A-Za-z0-9.]{0,5}";
    prop_oneof![
        8 => select(fixed),
        1 => ranges.prop_map(|ranges| ("/spec/access/allowedCIDRs", json!(ranges))),
        2 => amount.prop_map(|amount| ("/spec/storage", json!(amount))),
    ]
}

/// Writes the field where there is a place for it, and makes the section that it stands in.
fn put(object: &mut Value, at: &str, value: &Value) {
    let (parent, name) = at.rsplit_once('/').unwrap();
    if object.pointer(parent).is_none() {
        put(object, parent, &json!({}));
    }
    match object.pointer_mut(parent).and_then(Value::as_object_mut) {
        Some(fields) if value.is_null() => _ = fields.remove(name),
        Some(fields) => _ = fields.insert(name.into(), value.clone()),
        None => {}
    }
}

fn smallest() -> Value {
    json!({"apiVersion": "db.platform.io/v1", "kind": "Database", "metadata": {"name": "orders", "namespace": "checkout"},
        "spec": {"name": "orders", "environment": "dev", "size": "small", "storage": "10Gi"}})
}

fn mutated(fields: &[(&str, Value)]) -> Value {
    let mut object = smallest();
    fields.iter().for_each(|(at, value)| put(&mut object, at, value));
    object
}

fn status() -> impl Strategy<Value = Option<Value>> {
    let resolved = |storage: &str| Some(json!({"resolved": {"storage": storage}}));
    select(vec![
        None,
        Some(json!({})),
        resolved("10Gi"),
        resolved("1.5Gi"),
        resolved("20Gi"),
        resolved("10737418241"),
        Some(json!({"resolved": {}})),
        Some(json!({"resolved": {
            "name": "orders", "environment": "prod", "engine": "mysql", "topology": "Sharded", "storage": "10Gi",
            "storageClass": "slow",
        }})),
    ])
}

proptest! {
    #![proptest_config(support::cases::cases(500))]

    #[test]
    fn the_two_agree_on_claims_of_any_shape(fields in prop::collection::vec(field(), 1..8)) {
        CLAIM.compare(None, &mutated(&fields));
    }

    /// What is there was taken once, so that its structure is right.
    #[test]
    fn the_two_agree_on_edits(
        before in prop::collection::vec(field(), 0..4), after in prop::collection::vec(field(), 0..4), status in status(),
    ) {
        let mut old = mutated(&before);
        if CLAIM.cel.check(None, &old).is_empty() {
            let mut new = old.clone();
            after.iter().for_each(|(at, value)| put(&mut new, at, value));
            if let Some(status) = status {
                old["status"] = status;
            }
            // Of a spec that is none, the evaluator says of each field that it was changed.
            if new["spec"].is_object() {
                CLAIM.compare(Some(&old), &new);
            }
        }
    }

    #[test]
    fn the_two_agree_on_edits_of_approvals(approver in "anna|ben", decision in "Approved|Rejected|Maybe", reason in "|why") {
        let word = |approver: &str, decision: &str, reason: &str| json!({
            "apiVersion": "db.platform.io/v1", "kind": "DatabaseApproval", "metadata": {"name": "orders-1"},
            "spec": {"database": "orders", "operation": "Create", "digest": "0f".repeat(32), "decision": decision,
                "approver": approver, "reason": reason, "expires": "2026-12-01T00:00:00Z"},
        });
        APPROVAL.compare(Some(&word("anna", "Approved", "why")), &word(&approver, &decision, &reason));
    }
}
