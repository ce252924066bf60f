//! What is played. Each scenario has a database `orders` in a namespace of its own, in one environment.

use crate::cluster::{Edition, User, golden, root};
use crate::life::{CHANGE, DELETION, Life, Seen};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

/// Name and environment, and what happens.
pub type Scenario = (&'static str, &'static str, fn(&Life));

/// These mind nobody else's.
pub const BESIDE: [Scenario; 5] = [
    ("ordinary", "dev", an_ordinary_life),
    ("approval", "prod", production_runs_as_approved),
    ("deletion", "prod", a_deletion_is_refused_noted_approved_and_carried_out),
    ("retain", "dev", what_is_retained_is_taken_over),
    ("forgery", "prod", what_users_can_write_changes_nothing),
];

/// These change what all depend on.
pub const ALONE: [Scenario; 4] = [
    ("pipeline", "dev", a_broken_pipeline_touches_nothing),
    ("outage", "dev", while_the_function_is_down_nothing_is_lost),
    ("replicas", "dev", any_replica_answers_the_same),
    ("role", "dev", crossplane_may_do_all_that_is_composed),
];

fn an_ordinary_life(life: &Life) {
    let refused = life.claim(json!({"engine": "oracle"})).unwrap_err();
    assert!(refused.contains("spec.engine"), "{refused}");
    let seen = life.ready();
    assert_eq!((seen.members(), seen.is_calm()), (1, true));
    let before = seen.fingerprint();

    // Looked at again and again, nothing is written any more.
    let (last, times) = (RefCell::new(versions(&seen)), Cell::new(0));
    life.until("it settles", |now| {
        let now = versions(now);
        times.set(if *last.borrow() == now { times.get() + 1 } else { 0 });
        last.replace(now);
        times.get() == 10
    });
    life.stays(10, "nothing changes", |now| versions(now) == *last.borrow());

    let refused = life.claim(json!({"environment": "prod", "size": "medium"})).unwrap_err();
    assert!(refused.contains("environment"), "{refused}");
    life.claim(json!({"replicas": 9})).unwrap();
    life.until("the mistake is named", |seen| seen.condition("Validated") == "False Invalid");
    life.stays(5, "what runs goes on", |seen| seen.members() == 1 && seen.fingerprint() == before);

    life.claim(json!({"replicas": 2, "pooling": {"enabled": true}})).unwrap();
    // A look between what is composed and the status sees the new members and the old phase.
    let scaled = life.until("it has two members", |seen| {
        seen.phase() == "Ready" && seen.ready_members() == 2 && seen.has("Pooler", "orders-pgbouncer")
    });
    assert_eq!(scaled.fingerprint().len(), 3, "{:?}", scaled.names());
    life.claim(json!({})).unwrap();
    life.until("it is as before", |seen| {
        seen.phase() == "Ready" && seen.fingerprint() == before && !seen.has("Pooler", "orders-pgbouncer")
    });

    life.developer(&["delete", "databases.db.platform.io", "orders", "--timeout=60s"]).unwrap();
    life.until("all of it is gone", |seen| seen.names().is_empty());
}

fn production_runs_as_approved(life: &Life) {
    life.claim(json!({})).unwrap();
    life.until("it waits", |seen| seen.phase() == "AwaitingApproval" && seen.pending(CHANGE).is_object());
    assert!(!life.look().has("Cluster", "orders"));
    life.decide(CHANGE, "anna", false);
    life.until("the rejection is shown", |seen| seen.pending(CHANGE)["found"].to_string().contains("rejected"));
    life.decide(CHANGE, "ben", true);
    life.stays(5, "a rejection outweighs", |seen| !seen.has("Cluster", "orders"));
    let rejected = |value: &Value| value["spec"]["decision"] == "Rejected";
    for approval in life.look().of_kind("DatabaseApproval").filter(|approval| rejected(approval)) {
        let name = approval["metadata"]["name"].as_str().unwrap();
        let anna = User::Person("anna", crate::life::APPROVERS);
        life.cluster.run(anna, &["delete", "-n", &life.namespace, "databaseapproval", name], None).unwrap();
    }
    let seen =
        life.until("it is ready", |seen| seen.phase() == "Ready" && seen.condition("Approved").starts_with("True"));
    let before = seen.get("Cluster", "orders")["metadata"]["uid"].clone();
    assert_eq!(seen.members(), 3);

    // What nobody approved does not run, and an approval counts for one change only.
    life.claim(json!({"replicas": 5})).unwrap();
    life.until("it waits", |seen| seen.pending(CHANGE)["changes"].to_string().contains('5'));
    life.stays(5, "what was approved runs", |seen| seen.members() == 3 && seen.phase() == "Ready");
    life.decide(CHANGE, "anna", true);
    life.until("it has five members", |seen| {
        seen.phase() == "Ready" && seen.members() == 5 && seen.fingerprint().len() == 6
    });
    life.claim(json!({"replicas": 7})).unwrap();
    life.until("it waits", |seen| seen.pending(CHANGE)["changes"].to_string().contains('7'));
    life.decide(CHANGE, "ben", false);
    life.stays(5, "what was approved runs", |seen| seen.members() == 5);
    life.claim(json!({"replicas": 1})).unwrap();
    life.until("the mistake is named", |seen| seen.condition("Validated") == "False Invalid");
    life.claim(json!({"replicas": 5})).unwrap();
    let seen = life.until("nothing waits", |seen| {
        seen.condition("Approved").starts_with("True") && seen.pending(CHANGE).is_null()
    });
    assert_eq!((seen.members(), &seen.get("Cluster", "orders")["metadata"]["uid"]), (5, &before));
}

fn a_deletion_is_refused_noted_approved_and_carried_out(life: &Life) {
    let before = life.ready().fingerprint();
    life.until("it is protected", |seen| {
        seen.has("Usage", "orders.claim") && in_use(seen.database()) && in_use(seen.get("Cluster", "orders"))
    });
    let delete = ["delete", "databases.db.platform.io", "orders", "--wait=false"];
    let refused = life.developer(&delete).unwrap_err();
    assert!(refused.contains("is deleted by approval"), "{refused}");
    let refused = life
        .cluster
        .run(
            User::Administrator,
            &["-n", &life.namespace, "delete", "clusters.postgresql.cnpg.io", "orders", "--wait=false"],
            None,
        )
        .unwrap_err();
    assert!(refused.contains("an empty one would take its place"), "{refused}");
    if life.edition == Edition::Claims {
        let refused =
            life.cluster.run(User::Administrator, &["delete", &life.composite(), "--wait=false"], None).unwrap_err();
        assert!(refused.contains("stands behind the Database orders"), "{refused}");
    }
    life.until("the attempt is shown", |seen| seen.pending(DELETION).is_object());
    life.decide(DELETION, "anna", true);
    life.stays(5, "one approval is not enough", |seen| seen.phase() == "Ready" && seen.fingerprint() == before);
    life.decide(DELETION, "ben", true);
    life.until("it is gone, and its last backup stays", |seen| {
        let mut backups = seen.of_kind("Backup");
        let last = backups
            .any(|backup| backup["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("orders.last-")));
        seen.database().is_null() && seen.composite().is_null() && seen.fingerprint().is_empty() && last
    });
}

fn what_is_retained_is_taken_over(life: &Life) {
    life.ready();
    life.claim(json!({"lifecycle": {"deletionPolicy": "Retain"}})).unwrap();
    let second_owner = |seen: &Seen| {
        let owners = seen.get("Cluster", "orders")["metadata"]["ownerReferences"].to_string();
        owners.contains("Namespace")
    };
    let seen = life.until("the namespace owns it too", |seen| second_owner(seen) && seen.phase() == "Ready");
    let before = seen.get("Cluster", "orders")["metadata"]["uid"].clone();
    let composite = seen.composite()["metadata"]["name"].clone();
    life.developer(&["delete", "databases.db.platform.io", "orders", "--timeout=60s"]).unwrap();
    life.until("only what is kept stays", |seen| !seen.has("ScheduledBackup", "orders") && seen.composite().is_null());
    life.stays(10, "the data stays", |seen| {
        let cluster = seen.get("Cluster", "orders");
        cluster["metadata"]["uid"] == before
            && cluster["metadata"]["deletionTimestamp"].is_null()
            && seen.has("DatabaseRecord", "orders")
    });
    // Of the same name, so that its fields have the same owner.
    let more = match life.edition {
        Edition::Namespaced => json!({}),
        Edition::Claims => {
            json!({"resourceRef": {"apiVersion": "db.platform.io/v1", "kind": "XDatabase", "name": composite}})
        }
    };
    life.claim(more).unwrap();
    let seen = life.until("it is ready", |seen| seen.phase() == "Ready" && seen.condition("Ready") == "True Available");
    assert_eq!(seen.get("Cluster", "orders")["metadata"]["uid"], before);
}

fn what_users_can_write_changes_nothing(life: &Life) {
    let seen = life.ready();
    let (before, members) = (seen.fingerprint(), seen.members());
    life.claim(json!({"replicas": 5})).unwrap();
    life.until("a change waits", |seen| seen.pending(CHANGE).is_object());
    let is_same = |seen: &Seen| seen.fingerprint() == before && seen.members() == members;
    let is_told =
        |seen: &Seen| is_same(seen) && seen.phase() == "Ready" && seen.condition("Approved").starts_with("False");
    let composite = life.composite();

    let forged = json!({
        "phase": "Lost", "endpoint": null,
        "approval": {"approvedBy": ["mallory"], "pending": null},
        "conditions": [{"type": "Approved", "status": "True", "reason": "Approved", "lastTransitionTime": "2026-01-05T00:00:00Z"}],
    });
    life.patch(&composite, json!({"status": forged}), Some("status"));
    life.nudge();
    life.until("the truth is told again", |seen| is_told(seen) && seen.status()["endpoint"].is_string());
    life.stays(5, "nothing changes", is_same);
    life.patch(&composite, json!({"status": null}), Some("status"));
    life.nudge();
    life.until("the truth is told again", |seen| is_told(seen) && seen.status()["endpoint"].is_string());

    let references = match life.edition {
        Edition::Namespaced => json!({"spec": {"crossplane": {"resourceRefs": []}}}),
        Edition::Claims => json!({"spec": {"resourceRefs": []}}),
    };
    let listed = |seen: &Seen| {
        let spec = &seen.composite()["spec"];
        let references =
            if life.edition == Edition::Claims { &spec["resourceRefs"] } else { &spec["crossplane"]["resourceRefs"] };
        references.as_array().is_some_and(|references| references.len() > 3)
    };
    life.patch(&composite, references, None);
    life.until("Crossplane knows its resources again", |seen| listed(seen) && is_told(seen));
    life.stays(5, "nothing changes", is_same);

    let cluster = "clusters.postgresql.cnpg.io/orders";
    life.patch(cluster, json!({"status": null}), Some("status"));
    life.until("the operator is heard again", is_told);

    // The record is proof, and nobody's to write.
    let refused = life.developer(&["delete", "databaserecord", "orders"]).unwrap_err();
    assert!(refused.to_lowercase().contains("forbidden"), "{refused}");
    let approval = ["create", "--dry-run=server", "-f", "-"];
    let own = json!({
        "apiVersion": "db.platform.io/v1", "kind": "DatabaseApproval",
        "metadata": {"name": "forged", "namespace": life.namespace},
        "spec": {"database": "orders", "operation": "Change", "digest": "0".repeat(64), "decision": "Approved",
            "approver": "anna", "expires": "2099-01-01T00:00:00Z"},
    });
    let refused = life.cluster.run(crate::life::DEVELOPER, &approval, Some(&own.to_string())).unwrap_err();
    assert!(refused.to_lowercase().contains("forbidden"), "{refused}");
    let refused =
        life.cluster.run(User::Person("ben", crate::life::APPROVERS), &approval, Some(&own.to_string())).unwrap_err();
    assert!(refused.contains("your own user name"), "{refused}");
}

fn a_broken_pipeline_touches_nothing(life: &Life) {
    let before = life.ready().fingerprint();
    let whole = life.cluster.json(&["get", "composition", "database"]);
    let steps = whole["spec"]["pipeline"].as_array().unwrap();
    let install = |steps: Vec<&Value>| {
        let patch = json!({"spec": {"pipeline": steps}}).to_string();
        life.cluster.kubectl(&["patch", "composition", "database", "--type=merge", "-p", &patch], None);
    };
    install(steps.iter().filter(|step| step["step"] != "compose-engine").collect());
    life.until("the step that is missing is named", |seen| {
        seen.trouble().contains("put the step compose-engine before")
    });
    life.stays(10, "nothing changes", |seen| seen.fingerprint() == before);
    install(steps.iter().collect());
    life.until("it is as before", |seen| {
        seen.trouble().is_empty() && seen.phase() == "Ready" && seen.fingerprint() == before
    });
}

fn while_the_function_is_down_nothing_is_lost(life: &Life) {
    let before = life.ready().fingerprint();
    if !life.cluster.scale(0) {
        return;
    }
    let down = || {
        life.claim(json!({"replicas": 2})).unwrap();
        // Crossplane waits two minutes for an answer before it says so.
        life.stays(20, "nothing changes", |seen| seen.fingerprint() == before && seen.members() == 1);
    };
    whatever_comes(down, || assert!(life.cluster.scale(1)));
    life.until("the edit comes through", |seen| {
        seen.phase() == "Ready" && seen.members() == 2 && seen.trouble().is_empty()
    });
}

fn any_replica_answers_the_same(life: &Life) {
    if !life.cluster.scale(2) {
        return;
    }
    let two = || {
        life.ready();
        life.claim(json!({"replicas": 2})).unwrap();
        // A claim says later than its composite what is.
        let is_ready = |seen: &Seen| seen.composite()["status"]["phase"] == "Ready" && seen.ready_members() == 2;
        life.until("it has two members", is_ready);
        life.stays(5, "it is ready", is_ready);
        let composed = |seen: &Seen| -> Vec<String> {
            versions(seen).into_iter().filter(|version| !version.contains("Database\"")).collect()
        };
        let settled = composed(&life.look());
        for _ in 0..10 {
            life.nudge();
            life.stays(1, "whoever answers, nothing composed is written", |seen| composed(seen) == settled);
        }
    };
    whatever_comes(two, || assert!(life.cluster.scale(1)));
    life.claim(json!({})).unwrap();
    life.until("one is enough", |seen| seen.phase() == "Ready" && seen.members() == 1);
}

/// With nothing but the role of `deploy/roles`, and against the real schemas: everything that any golden case composes.
fn crossplane_may_do_all_that_is_composed(life: &Life) {
    let cases = golden();
    let composed: Vec<&Value> = cases.iter().flat_map(|(_, documents)| &documents[1..]).collect();
    let kinds: BTreeSet<(String, String)> = composed
        .iter()
        .map(|value| {
            let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
            (text("apiVersion").split_once('/').map_or(String::new(), |(group, _)| group.into()), text("kind"))
        })
        .collect();
    let made = life
        .cluster
        .define(|group, kind| kinds.iter().any(|known| known.0 == group && (kind.is_empty() || known.1 == kind)));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": life.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "function-database:crossplane"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "e2e-crossplane"}],
    });
    life.cluster.kubectl(&["apply", "-f", "-"], Some(&binding));
    let apply = ["apply", "--server-side", "--dry-run=server", "--field-manager=e2e", "--force-conflicts", "-f", "-"];
    let mut refused = vec![];
    for (operator, mut items) in by_operator(&cases) {
        for metadata in items.iter_mut().filter_map(|value| value["metadata"].as_object_mut()) {
            metadata.insert("namespace".into(), life.namespace.as_str().into());
            // What has owners that are not there, the garbage collector takes away at once.
            metadata.remove("ownerReferences");
        }
        let list = |items: &[Value]| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let crossplane = User::Person("e2e-crossplane", "e2e");
        // Nobody may bind a role that is not there, which a dry run would leave it.
        let roles: Vec<Value> = items.iter().filter(|value| value["kind"] == "Role").cloned().collect();
        if !roles.is_empty() {
            let make = apply.into_iter().filter(|argument| *argument != "--dry-run=server");
            let made = life.cluster.run(crossplane, &make.collect::<Vec<_>>(), Some(&list(&roles)));
            refused.extend(made.err().map(|error| format!("{operator}: {error}")));
        }
        let applied = life.cluster.run(crossplane, &apply, Some(&list(&items)));
        refused.extend(applied.err().map(|error| format!("{operator}: {error}")));
    }
    life.cluster.kubectl(&["delete", "clusterrolebinding", &life.namespace], None);
    let made: Vec<String> = made.iter().map(|name| format!("crd/{name}")).collect();
    let made = made.iter().map(String::as_str);
    let delete: Vec<&str> =
        ["delete", "--ignore-not-found", "--timeout=120s", "crd/none"].into_iter().chain(made).collect();
    life.cluster.kubectl(&delete, None);
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// What the cases of each folder of an operator compose, each object once.
fn by_operator(cases: &[(PathBuf, Vec<Value>)]) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (file, documents) in cases {
        let operator = file.strip_prefix(root().join("tests/golden")).expect("it was found there");
        let operator = operator.iter().take(2).collect::<PathBuf>().display().to_string();
        let items = all.entry(operator).or_default();
        let new: Vec<Value> = documents[1..].iter().filter(|value| !items.contains(value)).cloned().collect();
        items.extend(new);
    }
    all.retain(|_, items| !items.is_empty());
    all
}

/// What all depend on is put right again.
fn whatever_comes(play: impl FnOnce(), then: impl FnOnce()) {
    let played = catch_unwind(AssertUnwindSafe(play));
    then();
    if let Err(why) = played {
        resume_unwind(why);
    }
}

fn in_use(value: &Value) -> bool {
    value["metadata"]["labels"]["crossplane.io/in-use"] == "true"
}

/// Of every object: what changes with each write.
fn versions(seen: &Seen) -> Vec<String> {
    let version = |value: &Value| {
        let metadata = &value["metadata"];
        format!("{} {} {}", value["kind"], metadata["name"], metadata["resourceVersion"])
    };
    seen.0.iter().map(version).collect()
}
