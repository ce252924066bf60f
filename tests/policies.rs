//! The admission policies of `deploy/`, evaluated as the API server would: each rule takes and refuses what it should.
#![cfg(test)]

use kube_cel::KubeCelExt;
use kube_cel::cel::{Context, Program, Value as Cel};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

const COURIER: &str = "system:serviceaccount:argocd:argocd-application-controller";

fn policy(courier: bool) -> Value {
    read("approvals.yaml", |text| if courier { text.replace("\"['']\"", &format!("\"['{COURIER}']\"")) } else { text })
}

fn read(file: &str, change: impl Fn(String) -> String) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/policies").join(file);
    let text = change(std::fs::read_to_string(file).unwrap());
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    assert_eq!(documents[1]["spec"]["policyName"], documents[0]["metadata"]["name"]);
    assert_eq!(documents[1]["spec"]["validationActions"], json!(["Deny"]));
    documents[0]["spec"].clone()
}

/// The numbers of the validations that refuse. An error refuses too: the policy fails closed.
fn refusals(policy: &Value, request: &Value, object: &Value, old: &Value) -> Vec<usize> {
    refusals_with(policy, request, object, old, &Value::Null)
}

fn refusals_with(policy: &Value, request: &Value, object: &Value, old: &Value, params: &Value) -> Vec<usize> {
    let mut variables: HashMap<String, Cel> = HashMap::new();
    let evaluate = |expression: &Value, variables: &HashMap<String, Cel>| {
        let mut context = Context::default();
        context.register_all();
        for (name, value) in [("request", request), ("object", object), ("oldObject", old), ("params", params)] {
            context.add_variable(name, value).unwrap();
        }
        context.add_variable_from_value("variables", variables.clone());
        let program = Program::compile(expression.as_str().unwrap()).unwrap();
        program.execute(&context)
    };
    for condition in policy["matchConditions"].as_array().into_iter().flatten() {
        if evaluate(&condition["expression"], &variables) == Ok(Cel::Bool(false)) {
            return vec![];
        }
    }
    for variable in policy["variables"].as_array().unwrap() {
        let value = evaluate(&variable["expression"], &variables).unwrap();
        variables.insert(variable["name"].as_str().unwrap().into(), value);
    }
    let rules = policy["validations"].as_array().unwrap().iter();
    let refused = rules.enumerate().filter(|(_, rule)| {
        assert!(rule["message"].as_str().is_some_and(|message| !message.is_empty()));
        evaluate(&rule["expression"], &variables) != Ok(Cel::Bool(true))
    });
    refused.map(|(number, _)| number).collect()
}

fn request(operation: &str, user: &str, groups: Value) -> Value {
    json!({"operation": operation, "userInfo": {"username": user, "groups": groups}})
}

fn approval(label: Value, signature: Option<&str>) -> Value {
    let digest = "5f".repeat(32);
    let mut spec = json!({"database": "orders", "operation": "Change", "digest": digest, "decision": "Approved",
        "approver": "anna", "expires": "2026-11-28T00:00:00Z"});
    if let Some(signature) = signature {
        spec["signature"] = signature.into();
    }
    json!({"metadata": {"name": "one", "namespace": "checkout", "labels": label}, "spec": spec})
}

#[test]
fn approvals_are_made_in_ones_own_name_and_never_edited() {
    let right = || json!({"db.platform.io/digest": "5f".repeat(16)});
    let plain = || approval(right(), None);
    let signed = || approval(right(), Some("-----BEGIN SSH SIGNATURE-----"));
    let approvers = || json!(["system:authenticated", "database-approvers"]);
    let create = |user: &str| request("CREATE", user, approvers());
    let mut without_labels = plain();
    without_labels["metadata"].as_object_mut().unwrap().remove("labels");
    let mut edited = plain();
    edited["spec"]["decision"] = "Rejected".into();
    let mut later = plain();
    later["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": "x"});
    let no_groups = json!({"operation": "CREATE", "userInfo": {"username": "anna"}});
    let update = || request("UPDATE", "system:controller", json!([]));
    let (none, shipped, with_courier) = (Value::Null, policy(false), policy(true));
    let no_rule: [usize; 0] = [];
    type Case<'a> = (&'a str, &'a Value, Value, Value, Value, &'a [usize]);
    let cases: [Case; 16] = [
        ("own name, in the group", &shipped, create("anna"), plain(), none.clone(), &no_rule),
        ("another's name", &shipped, create("ben"), plain(), none.clone(), &[0]),
        ("not in the group", &shipped, request("CREATE", "anna", json!(["devs"])), plain(), none.clone(), &[0]),
        ("no groups at all", &shipped, no_groups, plain(), none.clone(), &[0]),
        ("signed, for another", &shipped, create("ben"), signed(), none.clone(), &[0]),
        ("nobody is a courier as shipped", &shipped, create(COURIER), signed(), none.clone(), &[0]),
        ("nobody without a name is one", &shipped, request("CREATE", "", json!([])), signed(), none.clone(), &[0]),
        ("a courier, signed", &with_courier, request("CREATE", COURIER, json!([])), signed(), none.clone(), &no_rule),
        ("a courier, unsigned", &with_courier, create(COURIER), plain(), none.clone(), &[0]),
        ("a courier, empty", &with_courier, create(COURIER), approval(right(), Some("")), none.clone(), &[0]),
        ("no labels", &shipped, create("anna"), without_labels, none.clone(), &[1]),
        ("another label", &shipped, create("anna"), approval(json!({"a": "b"}), None), none.clone(), &[1]),
        (
            "the label of another digest",
            &shipped,
            create("anna"),
            approval(json!({"db.platform.io/digest": "0".repeat(32)}), None),
            none,
            &[1],
        ),
        ("an annotation comes later", &shipped, update(), later, plain(), &no_rule),
        ("relabelled", &shipped, update(), approval(json!({}), None), plain(), &[1]),
        ("edited", &shipped, update(), edited, plain(), &[2]),
    ];
    for (name, policy, request, object, old, expected) in cases {
        assert_eq!(refusals(policy, &request, &object, &old), expected, "{name}");
    }
}

#[test]
fn deleting_an_approval_is_free() {
    let rules = &policy(false)["matchConstraints"]["resourceRules"];
    assert_eq!(rules[0]["operations"], json!(["CREATE", "UPDATE"]), "so a DELETE never gets here");
    assert_eq!(rules[0]["resources"], json!(["databaseapprovals"]));
    assert_eq!(policy(false)["failurePolicy"], "Fail");
}

#[test]
fn a_protected_database_is_deleted_by_the_way_that_leads_there() {
    let policy = read("databases.yaml", |text| text);
    let database = |labels: Value| json!({"metadata": {"name": "orders", "namespace": "checkout", "labels": labels}});
    let watched = || database(json!({"crossplane.io/in-use": "true"}));
    let bare = || json!({"metadata": {"name": "orders", "namespace": "checkout"}});
    let record = |name: &str, environment: &str, lifecycle: Value| {
        let terms = json!({"environment": environment, "lifecycle": lifecycle});
        json!({"metadata": {"name": name}, "spec": {"serving": {"plan": {"terms": terms}}}})
    };
    let prod = || record("orders", "prod", json!({}));
    let (delete, update) = (request("DELETE", "dev", json!([])), request("UPDATE", "dev", json!([])));
    let crossplane = request("DELETE", "system:serviceaccount:crossplane-system:crossplane", json!([]));
    let administrator = request("DELETE", "admin", json!(["system:masters", "system:authenticated"]));
    let no_lifecycle =
        json!({"metadata": {"name": "orders"}, "spec": {"serving": {"plan": {"terms": {"environment": "dev"}}}}});
    let switched_on = record("orders", "staging", json!({"deletionProtection": true}));
    let no_rule: [usize; 0] = [];
    type Case<'a> = (&'a str, &'a Value, Value, Value, Value, &'a [usize]);
    let cases: [Case; 12] = [
        ("the webhook sees it", &delete, Value::Null, watched(), prod(), &no_rule),
        ("the webhook does not see it", &delete, Value::Null, bare(), prod(), &[0]),
        ("with other labels", &delete, Value::Null, database(json!({"a": "b"})), prod(), &[0]),
        ("another's record", &delete, Value::Null, bare(), record("baskets", "prod", json!({})), &no_rule),
        ("dev", &delete, Value::Null, bare(), no_lifecycle, &no_rule),
        ("switched on elsewhere", &delete, Value::Null, bare(), switched_on, &[0]),
        ("Crossplane", &crossplane, Value::Null, bare(), prod(), &no_rule),
        ("an administrator", &administrator, Value::Null, bare(), prod(), &no_rule),
        ("an edit", &update, watched(), watched(), prod(), &no_rule),
        ("a replacement", &update, bare(), watched(), prod(), &[1]),
        ("another value", &update, database(json!({"crossplane.io/in-use": "no"})), watched(), prod(), &[1]),
        ("an edit of one that is not watched yet", &update, bare(), bare(), prod(), &no_rule),
    ];
    for (name, request, object, old, record, expected) in cases {
        assert_eq!(refusals_with(&policy, request, &object, &old, &record), expected, "{name}");
    }
}
