//! The table, row by row; approvals one by one; digests that are out in the world.

use super::approvals::{Need, Permission, permission};
use super::digest::{Operation, Promotion};
use super::*;
use crate::api::problem::Problem;
use crate::api::status::Class;
use crate::observed::Answer;
use crate::plan::example;
use crate::wire::Object;
use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An outcome in a word or two.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Fatal(Refusal::CoreTooOld) => "fatal: core too old",
        Outcome::Fatal(Refusal::RecordUnreadable(_)) => "fatal: record unreadable",
        Outcome::Fatal(Refusal::RunsUnrecorded(_)) => "fatal: runs unrecorded",
        Outcome::Fatal(Refusal::RunsUnapproved(_)) => "fatal: runs unapproved",
        Outcome::Hold => "hold",
        Outcome::Nothing(Because::Invalid(_)) => "nothing: invalid",
        Outcome::Nothing(Because::Asking) => "nothing: asking",
        Outcome::Nothing(Because::Unapproved(_)) => "nothing: unapproved",
        Outcome::Keep(Because::Invalid(_)) => "keep: invalid",
        Outcome::Keep(Because::Asking) => "keep: asking",
        Outcome::Keep(Because::Unapproved(_)) => "keep: unapproved",
        Outcome::Keep(Because::Waiting) => "keep: waiting",
        Outcome::Keep(Because::Restoring) => "keep: restoring",
        Outcome::Nothing(Because::Waiting | Because::Restoring) => "no row says that",
        Outcome::Restore(..) => "restore",
        Outcome::Promote(..) => "promote",
        Outcome::Apply(_, []) => "apply",
        Outcome::Apply(..) => "apply as approved",
        Outcome::Lost => "lost",
    }
}

#[test]
fn every_row_of_the_table() {
    use Data::*;
    let plan = example::plan("prod", json!({}));
    let problems = Problems(vec![Problem::new("spec.size", "it is wrong", "write another")]);
    let given = || Permission::Given(vec!["anna".into()]);
    let missing = || Permission::Missing(vec![]);
    let unrecorded = |data, claim| Situation::Unrecorded { data, claim };
    let recorded = |claim| Situation::Recorded { claim, course: Course::Change };
    let waits = |claim| Situation::Recorded { claim, course: Course::Window };
    let restores = |claim| Situation::Recorded { claim, course: Course::Restore };
    let promotes = |claim| Situation::Recorded { claim, course: Course::Promotion };
    let under_way = |claim| Situation::Recorded { claim, course: Course::UnderWay };
    let rows = [
        ("1", Situation::CoreTooOld, "fatal: core too old"),
        ("2", Situation::RecordNotAsked, "hold"),
        ("2", Situation::DataNotAsked, "hold"),
        ("2", unrecorded(NotAsked, Ok((&plan, given()))), "hold"),
        ("2a", Situation::RecordUnreadable("newer".into()), "fatal: record unreadable"),
        ("3", unrecorded(Absent, Err(problems.clone())), "nothing: invalid"),
        ("3", unrecorded(NotAsked, Err(problems.clone())), "nothing: invalid"),
        ("4", unrecorded(Absent, Ok((&plan, Permission::NotNeeded))), "apply"),
        ("5", unrecorded(Absent, Ok((&plan, Permission::NotAsked))), "nothing: asking"),
        ("5", unrecorded(Absent, Ok((&plan, missing()))), "nothing: unapproved"),
        ("5", unrecorded(Absent, Ok((&plan, given()))), "apply as approved"),
        ("6", unrecorded(Present, Err(problems.clone())), "fatal: runs unrecorded"),
        ("7", unrecorded(Present, Ok((&plan, Permission::NotNeeded))), "apply"),
        ("8", unrecorded(Present, Ok((&plan, Permission::NotAsked))), "hold"),
        ("8", unrecorded(Present, Ok((&plan, given()))), "apply as approved"),
        ("8", unrecorded(Present, Ok((&plan, missing()))), "fatal: runs unapproved"),
        ("9", recorded(Err(problems.clone())), "keep: invalid"),
        ("10", recorded(Ok((&plan, Permission::NotNeeded))), "apply"),
        ("11", recorded(Ok((&plan, Permission::NotAsked))), "keep: asking"),
        ("11", recorded(Ok((&plan, missing()))), "keep: unapproved"),
        ("9", waits(Err(problems.clone())), "keep: invalid"),
        ("11", waits(Ok((&plan, missing()))), "keep: unapproved"),
        ("12", waits(Ok((&plan, Permission::NotNeeded))), "keep: waiting"),
        ("12", waits(Ok((&plan, given()))), "keep: waiting"),
        ("13", recorded(Ok((&plan, given()))), "apply as approved"),
        ("15a", Situation::DataLost, "lost"),
        ("17", restores(Ok((&plan, Permission::NotAsked))), "keep: asking"),
        ("17", restores(Ok((&plan, missing()))), "keep: unapproved"),
        ("17", restores(Ok((&plan, Permission::NotNeeded))), "restore"),
        ("17", restores(Ok((&plan, given()))), "restore"),
        ("17", under_way(Ok((&plan, Permission::NotNeeded))), "keep: restoring"),
        ("19", promotes(Ok((&plan, Permission::NotAsked))), "keep: asking"),
        ("19", promotes(Ok((&plan, missing()))), "keep: unapproved"),
        ("19", promotes(Ok((&plan, Permission::NotNeeded))), "promote"),
        ("19", promotes(Ok((&plan, given()))), "promote"),
        ("18", under_way(Err(problems.clone())), "keep: invalid"),
    ];
    for (row, situation, expected) in &rows {
        assert_eq!(word(&decide(situation)), *expected, "row {row}");
    }
}

#[test]
fn the_record_remembers_what_was_applied_and_by_whose_leave() {
    let (old, new) = (example::plan("prod", json!({})), example::plan("prod", json!({"replicas": 5})));
    let origin = Origin { number: 1, place: 1, lineage: "u-1".into(), found: false, restored: None };
    let people = ["anna".to_string()];
    let first = settle(&Outcome::Apply(&old, &people), None, &origin, false).unwrap();
    assert_eq!((first.serving.number, first.serving.lineage.as_str(), first.was_ready), (1, "u-1", false));
    assert_eq!(first.approved_by, people);

    let adopted =
        settle(&Outcome::Apply(&old, &people), None, &Origin { found: true, ..origin.clone() }, false).unwrap();
    assert!(adopted.was_ready, "or a last backup would not be made of data that nobody remembers");

    let kept = settle(&Outcome::Keep(Because::Asking), Some(first.clone()), &origin, true).unwrap();
    assert_eq!((kept.serving.plan.clone(), kept.was_ready), (old.clone(), true), "what runs goes on");
    let same = settle(&Outcome::Apply(&old, &[]), Some(kept.clone()), &origin, false).unwrap();
    assert_eq!(same, kept, "ready once is ready once, and the approval stays with what it approved");

    let elsewhere = Origin { number: 7, place: 1, lineage: "u-2".into(), found: true, restored: None };
    let changed = settle(&Outcome::Apply(&new, &["ben".into()]), Some(kept.clone()), &elsewhere, false).unwrap();
    assert_eq!(changed.serving, Generation { plan: new, ..first.serving.clone() }, "the same life of the data");
    assert_eq!(changed.approved_by, ["ben"]);
    for outcome in [Outcome::Hold, Outcome::Nothing(Because::Asking), Outcome::Fatal(Refusal::CoreTooOld)] {
        assert_eq!(settle(&outcome, Some(kept.clone()), &origin, true), None);
    }
}

/// An approval of the operation, with `changes` laid over it.
fn approval(operation: &Operation, changes: Value) -> Object {
    Object::of(&json!({
        "apiVersion": "db.platform.io/v1", "kind": "DatabaseApproval",
        "metadata": {"name": "one", "namespace": "checkout", "creationTimestamp": "2026-11-21T10:00:00Z"},
        "spec": {
            "database": "orders", "operation": operation.kind(), "digest": operation.digest().to_string(),
            "decision": "Approved", "approver": "anna", "expires": "2026-11-28T00:00:00Z",
        },
    }))
    .merge(&Object::of(&changes))
}

#[test]
fn each_approval_says_whether_it_counts() {
    let plan = example::plan("prod", json!({}));
    let operation = Operation::Create { plan: &plan.terms };
    let need =
        Need { approvers: 1, requester: Some("carl"), valid_days: 14, signatures: Default::default(), signers: &[] };
    let cases = [
        (json!({}), "one by anna: approved"),
        (json!({"spec": {"decision": "Rejected", "reason": "too dear"}}), "one by anna: rejected: too dear"),
        (
            json!({"spec": {"expires": "2026-11-21T11:59:59Z"}}),
            "one by anna: does not count: it expired at 2026-11-21T11:59:59Z",
        ),
        (
            json!({"spec": {"expires": "2027-11-21T11:59:59Z"}}),
            "one by anna: does not count: it is valid for more than 14 days",
        ),
        (json!({"spec": {"expires": "tomorrow"}}), "one by anna: does not count: its expiry \"tomorrow\" is no time"),
        (json!({"spec": {"digest": "0".repeat(64)}}), "one by anna: does not count: it is of another plan"),
        (json!({"spec": {"database": "bills"}}), "one by anna: does not count: it is of another database"),
        (json!({"spec": {"operation": "Delete"}}), "one by anna: does not count: it is of another operation"),
        (json!({"metadata": {"namespace": "web"}}), "one by anna: does not count: it is of another namespace"),
        (json!({"spec": {"approver": "carl"}}), "one by carl: does not count: who asks for a change cannot approve it"),
        (
            json!({"spec": {"decision": "Maybe"}}),
            "one by somebody: does not count: approval.spec.decision: is not allowed; write one of Approved, Rejected",
        ),
    ];
    for (changes, expected) in cases {
        let found = [approval(&operation, changes.clone())];
        let sentence = match permission(&operation, &need, Answer::Found(&found), now()) {
            Permission::Given(people) => format!("one by {}: approved", people.join(",")),
            Permission::Missing(findings) => findings[0].sentence(),
            other => panic!("{other:?}"),
        };
        assert_eq!(sentence, expected, "{changes}");
    }
}

#[test]
fn as_many_different_people_as_needed_and_nobody_against_it() {
    let plan = example::plan("prod", json!({}));
    let operation = Operation::Create { plan: &plan.terms };
    let need =
        |approvers| Need { approvers, requester: None, valid_days: 14, signatures: Default::default(), signers: &[] };
    let by = |name: &str, approver: &str, decision: &str| {
        approval(&operation, json!({"metadata": {"name": name}, "spec": {"approver": approver, "decision": decision}}))
    };
    let permitted = |approvers, found: &[Object]| {
        matches!(permission(&operation, &need(approvers), Answer::Found(found), now()), Permission::Given(_))
    };
    let (anna, again, ben) = (by("a", "anna", "Approved"), by("b", "anna", "Approved"), by("c", "ben", "Approved"));
    assert!(permitted(1, std::slice::from_ref(&anna)));
    assert!(!permitted(2, std::slice::from_ref(&anna)));
    assert!(!permitted(2, &[anna.clone(), again]), "the same person twice is one person");
    assert!(permitted(2, &[anna.clone(), ben.clone()]));
    assert!(!permitted(1, &[anna, ben, by("d", "dora", "Rejected")]), "one rejection outweighs");
    assert_eq!(permission(&operation, &need(0), Answer::NotAsked, now()), Permission::NotNeeded);
    assert_eq!(permission(&operation, &need(1), Answer::NotAsked, now()), Permission::NotAsked);
    assert_eq!(permission(&operation, &need(1), Answer::Nothing, now()), Permission::Missing(vec![]));
}

#[test]
fn a_signature_is_checked_if_it_is_there_and_needed_if_the_platform_says_so() {
    use crate::api::input::Signatures::{self, Optional, Required};
    let plan = example::plan("prod", json!({}));
    let operation = Operation::Create { plan: &plan.terms };
    let sentence = |signatures: Signatures, changes: Value| {
        let need = Need { approvers: 1, requester: None, valid_days: 14, signatures, signers: &[] };
        match permission(&operation, &need, Answer::Found(&[approval(&operation, changes)]), now()) {
            Permission::Given(people) => format!("approved by {}", people.join(",")),
            Permission::Missing(findings) => findings[0].sentence(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sentence(Optional, json!({})), "approved by anna");
    let unsigned = "one by anna: does not count: it is not signed, and the platform counts only signed ones";
    assert_eq!(sentence(Required, json!({})), unsigned);
    for signatures in [Optional, Required] {
        let forged = sentence(signatures, json!({"spec": {"signature": "anna"}}));
        assert!(forged.starts_with("one by anna: does not count: its signature cannot be read"), "{forged}");
        let rejected = json!({"spec": {"decision": "Rejected", "reason": "too dear"}});
        assert_eq!(sentence(signatures, rejected), "one by anna: rejected: too dear", "which needs no proof");
    }
}

/// Digests of released plans. They never change: whoever approved one of these approved exactly that.
#[test]
fn released_digests_stay() {
    let corpus: Value = serde_json::from_str(include_str!("../../tests/digests.json")).unwrap();
    let entries = corpus.as_array().unwrap();
    assert!(entries.len() >= 5);
    for entry in entries {
        let terms = |name: &str| serde_json::from_value(entry[name].clone());
        let digest = match entry["operation"].as_str().unwrap() {
            "Create" => Operation::Create { plan: &terms("plan").unwrap() }.digest(),
            "Change" => Operation::Change {
                from: &terms("from").unwrap(),
                to: &terms("to").unwrap(),
                promotion: entry["promotes"]
                    .as_u64()
                    .map(|number| Promotion { generation: number as u32, failover: entry["failover"] == true }),
            }
            .digest(),
            "Delete" => {
                let database = serde_json::from_value(entry["database"].clone()).unwrap();
                Operation::Delete { database: &database, uid: entry["uid"].as_str().unwrap() }.digest()
            }
            other => panic!("{other}"),
        };
        assert_eq!(digest.to_string(), entry["digest"], "{}", entry["name"]);
    }
}

/// `UPDATE=1` adds to the corpus what it has no name for. What stands in it was released, and stays as it is.
#[test]
fn the_corpus_has_every_case() {
    let plan = |environment, changes| example::plan(environment, changes).terms;
    let create = |name, terms: crate::api::plan::Terms| {
        let digest = Operation::Create { plan: &terms }.digest().to_string();
        json!({"name": name, "operation": "Create", "plan": terms, "digest": digest})
    };
    let (from, to) = (plan("prod", json!({})), plan("prod", json!({"replicas": 5, "storage": "200Gi"})));
    let standby = json!({"object": {"providerConfig": "west"}});
    let moved = crate::api::plan::Terms { delivery: serde_json::from_value(standby).unwrap(), ..from.clone() };
    let promotion = |failover| Some(Promotion { generation: 2, failover });
    let database = &from.database;
    let full = json!({
        "replicas": 5, "version": "18", "pooling": {"enabled": true}, "parameters": {"work_mem": "16MB"},
        "extensions": ["pgvector"], "access": {"allowedNamespaces": ["web"], "allowedCIDRs": ["10.0.0.0/8"]},
        "monitoring": {"logLevel": "debug", "alerts": false}, "storageClass": "fast-ssd", "description": "Ümläute",
    });
    let cases = [
        create("the smallest in dev", plan("dev", json!({}))),
        create("the smallest in prod", from.clone()),
        create("everything on", plan("prod", full)),
        json!({
            "name": "a change", "operation": "Change", "from": from, "to": to,
            "digest": Operation::Change { from: &from, to: &to, promotion: None }.digest().to_string(),
        }),
        json!({
            "name": "a promotion", "operation": "Change", "from": from, "to": moved, "promotes": 2,
            "digest": Operation::Change { from: &from, to: &moved, promotion: promotion(false) }.digest().to_string(),
        }),
        json!({
            "name": "the same by a failover", "operation": "Change", "from": from, "to": moved, "promotes": 2, "failover": true,
            "digest": Operation::Change { from: &from, to: &moved, promotion: promotion(true) }.digest().to_string(),
        }),
        json!({
            "name": "a deletion", "operation": "Delete", "database": database, "uid": "u-1",
            "digest": Operation::Delete { database, uid: "u-1" }.digest().to_string(),
        }),
    ];
    let mut corpus: Vec<Value> = serde_json::from_str(include_str!("../../tests/digests.json")).unwrap();
    let released = corpus.len();
    for case in cases {
        if corpus.iter().all(|entry| entry["name"] != case["name"]) {
            corpus.push(case);
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&corpus).unwrap() + "\n";
        std::fs::write("tests/digests.json", text).unwrap();
    } else {
        assert_eq!(corpus.len(), released, "if a release adds to them: UPDATE=1 cargo test --lib corpus");
    }
}

#[test]
fn the_canonical_form_is_that_of_rfc_8785() {
    // Keys sorted, no space, escapes as ECMAScript writes them; non-ASCII stays.
    let value: Value =
        serde_json::from_str(r#"{"b": "\u20ac\u000f\nA'B\"\\", "a": [1, true, null], "A": 10}"#).unwrap();
    assert_eq!(value.to_string(), "{\"A\":10,\"a\":[1,true,null],\"b\":\"€\\u000f\\nA'B\\\"\\\\\"}");
}

#[test]
fn a_digest_covers_terms_and_nothing_else() {
    let mut plan = example::plan("prod", json!({}));
    let digest = |plan: &Plan| Operation::Create { plan: &plan.terms }.digest();
    let before = digest(&plan);
    plan.notes.release = "another patch".into();
    plan.notes.tuned.clear();
    plan.notes.owner = Some("somebody".into());
    assert_eq!(digest(&plan), before);
    plan.terms.replicas = 4;
    assert_ne!(digest(&plan), before);
}

#[test]
fn changes_in_words() {
    let from = example::plan("prod", json!({"storage": "100Gi", "parameters": {"work_mem": "8MB"}}));
    let to = example::plan("prod", json!({"replicas": 5, "storage": "200Gi", "extensions": ["pgvector"]}));
    let expected = [
        "extensions.pgvector vector",
        "parameters.work_mem 8MB -> default",
        "replicas 3 -> 5",
        "storage 100Gi -> 200Gi",
    ];
    assert_eq!(changes::words(Some(&from.terms), &to.terms), expected);
}

#[test]
fn heavy_changes_need_more_people() {
    use crate::api::approval::OperationKind::*;
    use crate::api::claim::Environment::*;
    let policy = crate::api::input::ApprovalGate::default();
    assert_eq!(policy.approvers_needed(Dev, Delete, Class::DataLoss), 0);
    assert_eq!(policy.approvers_needed(Prod, Create, Class::None), 1);
    assert_eq!(policy.approvers_needed(Prod, Change, Class::Restart), 1);
    assert_eq!(policy.approvers_needed(Prod, Change, Class::Rebuild), 2);
    assert_eq!(policy.approvers_needed(Prod, Delete, Class::None), 2);
}
