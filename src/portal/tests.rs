//! Forms of the example policy, and of others that lack something.

use super::*;
use crate::plan::example;
use serde_json::json;

fn made(change: impl FnOnce(&mut TierDefaults)) -> Vec<(String, Value)> {
    let mut tiers = example::policy();
    change(&mut tiers);
    let repository = Repository { owner: "acme", name: "databases" };
    let files = files(&tiers, &ApprovalGate::default(), &repository);
    let templates = files.into_iter().filter(|(path, _)| path.ends_with("/template.yaml"));
    templates.map(|(path, text)| (path, serde_saphyr::from_str(&text).unwrap())).collect()
}

fn page<'a>(templates: &'a [(String, Value)], path: &str, page: usize) -> &'a Value {
    &templates.iter().find(|(known, _)| known == path).unwrap().1["spec"]["parameters"][page]
}

/// What the page shows for an engine beyond what it always shows.
fn branch<'a>(page: &'a Value, environment: &str, engine: &str) -> Option<&'a Value> {
    let about = |one: &Value| {
        one["properties"]["environment"]["const"] == environment
            && one["properties"]["engine"]["enum"].as_array().unwrap().contains(&engine.into())
    };
    let mut branches = page["allOf"].as_array().unwrap().iter();
    branches.find(|branch| branch["if"]["anyOf"].as_array().unwrap().iter().any(about)).map(|branch| &branch["then"])
}

#[test]
fn nothing_is_left_to_fill_in() {
    for (path, template) in made(|_| {}) {
        let text = template.to_string();
        for word in
            ["\"claim\":", "\"offers\":", "\"needs\":", "GATED", "OFFERED", "FOLDER", "ENTITY", "PATTERN", "OWNER"]
        {
            assert!(!text.contains(word), "{path}: {word}");
        }
        assert!(text.contains("acme"), "{path}");
    }
}

#[test]
fn a_platforms_own_sizes_and_engines_are_the_choices() {
    let templates = made(|tiers| {
        let tier = tiers.environments.get_mut(&crate::api::claim::Environment::Dev).unwrap();
        tier.sizes = vec!["tiny".into()];
        tier.engines.entry(crate::api::claim::Engine::Redis).or_default().offered = Some(false);
        tiers.sizes.insert("tiny".into(), serde_json::from_value(json!({"cpu": "500m", "memory": "2Gi"})).unwrap());
    });
    for path in ["create/template.yaml", "resize/template.yaml"] {
        let page = page(&templates, path, if path.starts_with("create") { 1 } else { 0 });
        let dev = &branch(page, "dev", "postgresql").unwrap()["properties"];
        assert_eq!(dev["size"]["enum"], json!(["tiny"]), "{path}");
        assert_eq!(dev["size"]["enumNames"], json!(["tiny: 500m cpu, 2Gi of memory"]));
        assert!(branch(page, "dev", "redis").is_none());
        assert!(branch(page, "staging", "redis").is_some());
    }
}

#[test]
fn fields_are_there_where_the_engine_has_them() {
    let templates = made(|_| {});
    let size = page(&templates, "create/template.yaml", 1);
    let had = |engine: &str, field: &str| !branch(size, "staging", engine).unwrap()["properties"][field].is_null();
    assert!(had("postgresql", "extensions") && !had("postgresql", "shards"));
    assert!(had("mongodb", "shards") && !had("mongodb", "extensions"));
    let access = page(&templates, "create/template.yaml", 3);
    let had = |engine: &str, field: &str| {
        branch(access, "staging", engine).is_some_and(|then| !then["properties"][field].is_null())
    };
    assert!(had("postgresql", "pooling") && !had("redis", "pooling"));
    assert!(had("postgresql", "roles") && !had("elasticsearch", "roles"));
    assert_eq!(branch(size, "dev", "mongodb").unwrap()["properties"]["replicas"]["enum"], json!([1, 3]));
}

#[test]
fn an_approval_is_announced_where_it_follows() {
    let templates = made(|_| {});
    let review = page(&templates, "create/template.yaml", 4);
    let prod = branch(review, "prod", "postgresql").unwrap();
    assert_eq!(prod["required"], json!(["reason", "ticket"]));
    assert!(prod["properties"]["approval"]["description"].as_str().unwrap().contains("agreed to exactly that"));
    assert!(branch(review, "dev", "postgresql").is_none());
}

#[test]
fn what_no_engine_can_do_has_no_form() {
    use crate::api::claim::Engine;
    let paths = |templates: Vec<(String, Value)>| templates.into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert!(paths(made(|_| {})).contains(&"restore/template.yaml".to_string()));
    let elsewhere = made(|tiers| tiers.engines.retain(|engine, _| *engine == Engine::Clickhouse));
    assert!(!paths(elsewhere).contains(&"restore/template.yaml".to_string()));
}

#[test]
fn a_field_of_the_claim_is_known_by_the_forms_title() {
    let titles = Titles::read();
    let known = [
        ("spec.storage", Some("Storage in GiB")),
        ("spec.environment", Some("Environment")),
        ("spec.access.roles[1].name", Some("Further users")),
        ("spec.restore.pointInTime", Some("Point in time")),
        ("spec.restore.id", Some("Restore")),
        ("spec.storageClassName", None),
        ("spec", None),
        ("", None),
    ];
    for (path, title) in known {
        assert_eq!(titles.of(path), title, "{path}");
    }
}
