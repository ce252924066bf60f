//! What the golden cases do not reach: names, sizes, the class of each change, and the operator's words.

use super::*;
use crate::operators::State;
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

/// In staging, with the terms at `changes` changed.
fn terms(changes: Value) -> Terms {
    let mut terms = serde_json::to_value(example::plan("staging", json!({"size": "medium"})).terms).unwrap();
    for (path, value) in changes.as_object().unwrap() {
        let (parent, name) = path.rsplit_once('/').unwrap();
        terms.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    serde_json::from_value(terms).unwrap()
}

fn generation(changes: Value) -> Generation {
    let mut generation = example::generation("staging", json!({"size": "medium"}));
    generation.plan.terms = terms(changes);
    generation
}

fn composed(generation: &Generation, settings: Settings, observed: &Observed) -> Vec<Value> {
    let engines = Engines { azure_flexible_server: settings, ..Engines::default() };
    let resources = AzureFlexibleServer.compose(generation, &engines, observed).resources;
    resources.iter().map(|resource| resource.object.decode("resource").unwrap()).collect()
}

fn observed(key: &str, object: Value) -> Observed {
    let mut observed = Observed::default();
    observed.composed.insert(Key(key.into()), Object::of(&object));
    observed
}

#[test]
fn volumes_come_in_steps() {
    let cases = [(1, 32), (32, 32), (33, 64), (100, 128), (4096, 4096), (5000, 5000)];
    for (asked, expected) in cases {
        assert_eq!(AzureFlexibleServer.storage(Bytes(asked * Bytes::GI)), Bytes(expected * Bytes::GI), "{asked}Gi");
    }
}

#[test]
fn what_it_refuses_has_a_reason() {
    let cases = [
        (json!({}), vec![]),
        (
            json!({"/cpu": "1", "/memory": "2Gi"}),
            vec![
                "spec.size: Azure's burstable server Standard_B1ms has no standby and no replicas; write a larger size",
            ],
        ),
        (
            json!({"/cpu": "1", "/memory": "2Gi", "/replicas": 1, "/pooling": {"mode": "session", "instances": 1}}),
            vec![
                "spec.pooling: Azure's burstable server Standard_B1ms has no pooling; leave it out, or write a larger size",
            ],
        ),
        (
            json!({"/backup/retention": "60d"}),
            vec!["spec.backup.retention: Azure cannot keep backups for 60 days; write 7d to 35d"],
        ),
        (
            json!({"/backup/retention": "1d"}),
            vec!["spec.backup.retention: Azure cannot keep backups for 1 days; write 7d to 35d"],
        ),
        (
            json!({"/access": {"cidrs": ["10.0.0.0/8", "2001:db8::/32"]}}),
            vec![
                "spec.access.allowedCIDRs[1]: Azure's firewall knows IPv4 only, and 2001:db8::/32 is none; write one of IPv4",
            ],
        ),
        (json!({"/database/inside": "azure_sys"}), vec!["spec.name: azure_sys is Azure's own; write another name"]),
        (json!({"/storage": "5Ti"}), vec!["spec.storage: 5Ti is more than Azure has; write 4Ti or less"]),
    ];
    for (changes, expected) in cases {
        let found: Vec<String> = problems(&terms(changes.clone())).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{changes}");
    }
    let found = problems(&terms(json!({"/cpu": "3"})));
    assert!(
        found[0].to_string().starts_with("spec.size: Azure has no server of 3 cpu and 8Gi; write a size such as 1 cpu")
    );
}

#[test]
fn a_read_replica_waits_for_the_server_and_then_stays() {
    let names = |found: Observed| {
        let all = composed(&generation(json!({"/replicas": 4})), Settings::default(), &found);
        let servers = all.iter().filter(|it| it["kind"] == "FlexibleServer");
        servers.map(|it| it["metadata"]["name"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let condition = json!([{"type": "Ready", "status": "True", "observedGeneration": 1}]);
    let server =
        |state: &str| json!({"metadata": {"generation": 1}, "status": {"conditions": condition, "state": state}});
    assert_eq!(names(Observed::default()), ["orders"]);
    assert_eq!(names(observed("server", server("Updating"))), ["orders"]);
    assert_eq!(names(observed("server", server("Ready"))), ["orders", "orders-replica-1", "orders-replica-2"]);
    assert_eq!(names(observed("replica-1", server("Ready"))), ["orders", "orders-replica-1"]);
}

#[test]
fn the_service_account_waits_for_the_clients_id_and_then_keeps_it() {
    let cluster = WorkloadIdentity { issuer: "https://issuer.example".into(), tenant: "t".into() };
    let settings = Settings { workload_identity: Some(cluster), ..Settings::default() };
    let client = |found: Observed| {
        let all = composed(&generation(json!({"/replicas": 1})), settings.clone(), &found);
        let kinds: Vec<&str> = all.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert!(kinds.contains(&"FederatedIdentityCredential") && kinds.contains(&"FlexibleServersAdministrator"));
        let account = all.iter().find(|it| it["kind"] == "ServiceAccount")?;
        Some(account["metadata"]["annotations"]["azure.workload.identity/client-id"].as_str().unwrap().to_string())
    };
    let identity = json!({"status": {"clientId": "new"}});
    let account = json!({"metadata": {"annotations": {"azure.workload.identity/client-id": "old"}}});
    assert_eq!(client(Observed::default()), None);
    assert_eq!(client(observed("identity", json!({"status": {}}))), None);
    assert_eq!(client(observed("identity", identity.clone())).as_deref(), Some("new"));
    let mut both = observed("service-account", account);
    assert_eq!(client(both.clone()).as_deref(), Some("old"), "the identity's status is missing");
    both.composed.insert(Key("identity".into()), Object::of(&identity));
    assert_eq!(client(both).as_deref(), Some("new"));
}

#[test]
fn names_are_of_the_whole_world_and_accounts_are_allowed() {
    let mut first = generation(json!({}));
    first.lineage = "11111111-2222-4333-8444-555555555555".into();
    assert_eq!(azure_name(&first), "orders-11111111");
    for (inside, expected) in
        [("orders", "orders"), ("web-shop_2", "webshop2"), ("admin", "appadmin"), ("public", "apppublic")]
    {
        first.plan.terms.database.inside = inside.into();
        assert_eq!(administrator(&first), expected);
    }
}

#[test]
fn each_kind_of_change_has_its_class() {
    let changed = |from: Value, to: Value| {
        let (from, to) = (generation(from).plan, generation(to).plan);
        assert_eq!(change::class(&from, &from), Class::None);
        change::class(&from, &to)
    };
    let large = json!({"/cpu": "4", "/memory": "16Gi"});
    assert_eq!(changed(json!({}), large.clone()), Class::Failover);
    assert_eq!(changed(json!({"/replicas": 1}), json!({"/replicas": 1, "/cpu": "4"})), Class::Restart);
    assert_eq!(changed(json!({}), json!({"/replicas": 4})), Class::Online);
    assert_eq!(changed(json!({}), json!({"/storage": "64Gi"})), Class::Online);
    assert_eq!(changed(json!({}), json!({"/storage": "8Gi"})), Class::Refused);
    assert_eq!(changed(json!({}), json!({"/version": "18"})), Class::Restart);
    assert_eq!(changed(json!({}), json!({"/version": "16"})), Class::Refused);
    assert_eq!(changed(json!({"/replicas": 3}), json!({"/replicas": 3, "/version": "18"})), Class::Refused);
    assert_eq!(changed(json!({"/replicas": 2}), json!({"/replicas": 3, "/version": "18"})), Class::Refused);
    let pooled = json!({"/pooling": {"mode": "session", "instances": 1}});
    assert_eq!(changed(json!({}), pooled.clone()), Class::Online);
    assert_eq!(changed(pooled, json!({})), Class::Online);
    assert_eq!(changed(json!({}), json!({"/parameters": {"work_mem": "8MB"}})), Class::Online);
    assert_eq!(changed(json!({"/parameters": {"work_mem": "8MB"}}), json!({})), Class::Refused);
    assert_eq!(changed(json!({}), json!({"/parameters": {"max_connections": "50"}})), Class::Restart);
    assert_eq!(changed(json!({}), json!({"/lifecycle": {"hibernated": true}})), Class::Refused);
}

#[test]
fn what_is_fixed_says_what_would_be_right() {
    let fixed = |from: Value, to: Value| {
        let found = change::fixed(&terms(from), &terms(to));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(fixed(json!({}), json!({"/version": "18", "/parameters": {"work_mem": "8MB"}})).is_empty());
    assert_eq!(
        fixed(json!({"/parameters": {"work_mem": "8MB"}}), json!({})),
        [
            "spec.parameters.work_mem: Azure keeps the value of a setting that is left out; write the value that it shall \
             have"
        ]
    );
    assert_eq!(
        fixed(json!({"/replicas": 3}), json!({"/replicas": 3, "/version": "18"})),
        ["spec.version: Azure upgrades no server that has read replicas; write 2 replicas or less first, and more of \
             them afterwards"]
    );
}

#[test]
fn read_replicas_have_the_settings_of_the_server_but_no_pooler() {
    let pooled = json!({"/replicas": 3, "/pooling": {"mode": "session", "instances": 1}});
    let there = observed("replica-1", json!({"metadata": {"generation": 1}}));
    let all = composed(&generation(pooled), Settings::default(), &there);
    let of = |owner: &str| {
        let settings = all.iter().filter(|it| it["kind"] == "FlexibleServersConfiguration");
        let owned = settings.filter(|it| it["spec"]["owner"]["name"] == owner);
        owned.map(|it| it["spec"]["azureName"].as_str().unwrap()).collect::<Vec<_>>()
    };
    let shared = ["log_min_messages", "pg_stat_statements.track"];
    assert_eq!(of("orders-replica-1"), shared);
    assert_eq!(of("orders"), [shared.as_slice(), &["pgbouncer.enabled", "pgbouncer.pool_mode"]].concat());
}

/// A server alone, with everything that stands beside it.
fn ready() -> (Generation, Value) {
    let generation = generation(json!({"/replicas": 1, "/storage": "32Gi", "/backup/retention": "14d"}));
    let done = json!({
        "metadata": {"generation": 1},
        "status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]},
    });
    let mut server = done.clone();
    for (field, value) in [
        ("state", json!("Ready")),
        ("version", json!(generation.plan.terms.version)),
        ("sku", json!({"name": "Standard_D2ds_v5"})),
        ("storage", json!({"storageSizeGB": 32})),
        ("backup", json!({"backupRetentionDays": 14, "earliestRestoreDate": "2026-11-14T02:00:31Z"})),
    ] {
        server["status"][field] = value;
    }
    let mut all = json!({"server": server, "database": done, "firewall-10-0-0-0-8": done, "credentials": done});
    for role in access::roles(&generation.plan, Member::Primary) {
        all[role] = done.clone();
    }
    (generation, all)
}

fn health_of(generation: &Generation, all: &Value) -> Health {
    let objects = all.as_object().unwrap().iter();
    let composed = objects.map(|(key, object)| (Key(key.clone()), Object::of(object))).collect();
    AzureFlexibleServer.health(generation, &Observed { composed, ..Observed::default() }).unwrap()
}

#[test]
fn it_is_never_ready_because_something_is_missing() {
    let (generation, all) = ready();
    let whole = health_of(&generation, &all);
    assert!(whole.state == State::Ready && whole.is_settled(), "{whole:?}");
    for key in all.as_object().unwrap().keys().filter(|key| *key != "firewall-10-0-0-0-8" && *key != "credentials") {
        let mut without = all.clone();
        without.as_object_mut().unwrap().remove(key);
        assert_ne!(health_of(&generation, &without).state, State::Ready, "without {key}");
    }
    for path in ["/server/status", "/server/metadata", "/firewall-10-0-0-0-8/status", "/database/status/conditions"] {
        let mut without = all.clone();
        *without.pointer_mut(path).unwrap() = json!({});
        if path.ends_with("conditions") {
            *without.pointer_mut(path).unwrap() = json!([]);
        }
        assert_ne!(health_of(&generation, &without).state, State::Ready, "without {path}");
    }
    for field in ["state", "version", "sku", "storage", "backup", "conditions"] {
        let mut without = all.clone();
        without["server"]["status"].as_object_mut().unwrap().remove(field);
        assert!(!health_of(&generation, &without).is_settled(), "without the server's {field}");
    }
}

#[test]
fn what_the_operator_says_becomes_a_sentence() {
    let (generation, all) = ready();
    let refused = json!([{
        "type": "Ready", "status": "False", "severity": "Error", "reason": "Conflict", "message": "in use",
        "observedGeneration": 1,
    }]);
    let cases = [
        ("/server/status/conditions", refused.clone(), State::Degraded("Conflict: in use".into())),
        ("/server/status/state", json!("Updating"), State::Progressing("the server is Updating".into())),
        ("/server/status/state", json!("Stopped"), State::Failed("the server is Stopped".into())),
        ("/server/status/version", json!("16"), State::Progressing("it still runs release 16".into())),
        ("/server/status/sku/name", json!("Standard_B1ms"), State::Progressing("it is still a Standard_B1ms".into())),
        ("/database/status/conditions", refused, State::Degraded("database: Conflict: in use".into())),
    ];
    for (path, value, expected) in cases {
        let mut changed = all.clone();
        *changed.pointer_mut(path).unwrap() = value;
        assert_eq!(health_of(&generation, &changed).state, expected, "{path}");
    }
}
