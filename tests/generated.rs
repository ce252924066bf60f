//! The committed XRDs, CRDs, the matrix of features and the schema of plans are what the types say, and the portal's example
//! templates what the shipped policy says. `UPDATE=1 cargo test --test generated` rewrites them.
#![cfg(test)]

use function_database::api::claim::Claim;
use function_database::api::input::{Manifest, Step, TierDefaults};
use function_database::api::plan::{DatabaseName, Operator};
use function_database::api::record::Generation;
use function_database::api::schema::{FILES, generate, reference};
use function_database::integrations::dashboard::dashboard;
use function_database::operators::{self, Encryption, matrix, name_of};
use function_database::portal::{self, Repository};
use function_database::preview::Preview;
use function_database::render::Composition;
use function_database::wire::Object;
use serde_json::{Value, json};
use std::path::Path;

/// One for each operator whose databases say anything: its file, and what is in it.
fn dashboards() -> Vec<(String, String)> {
    let composition: Value = serde_saphyr::from_str(include_str!("../compositions/database.yaml")).unwrap();
    let tables = Object::of(&composition["spec"]["pipeline"][0]["input"]);
    let made = Operator::ALL.into_iter().map(|operator| {
        let features = operators::of(operator).features();
        let (engine, name) = (name_of(&features.engine), name_of(&operator));
        let tier = json!({
            "engines": {&engine: {"operator": name}},
            "certificateIssuer": {"name": "databases", "kind": "ClusterIssuer"},
        });
        let policy = tables.merge(&Object::of(&json!({"spec": {
            "environments": {"staging": tier}, "destinations": {"default": {"region": "eu-north-1"}},
        }})));
        let policy = policy.decode::<Manifest<TierDefaults>>("TierDefaults").unwrap().spec;
        let claim = Object::of(&json!({
            "kind": "Database", "metadata": {"name": "orders", "namespace": "checkout"},
            "spec": {
                "name": "orders", "engine": engine, "environment": "staging", "size": "medium", "storage": "100Gi",
                "tls": {"enabled": features.encryption == Encryption::Issued},
            },
        }));
        let mut plan = function_database::plan::resolve(&claim.decode::<Claim>("claim").unwrap(), &policy).unwrap();
        plan.terms.database = DatabaseName::new("$namespace", "$database", "$database");
        let generation = Generation::first("", plan);
        let facts = operators::of(operator).compose(&generation, &Default::default(), &Default::default()).facts;
        let identifier = format!("database-{}", name.to_lowercase());
        let file = format!("deploy/dashboards/{identifier}.json");
        let shown =
            (!facts.signals.is_empty()).then(|| dashboard(&format!("{engine} on {name}"), &identifier, &facts))?;
        Some((file, serde_json::to_string_pretty(&shown).unwrap() + "\n"))
    });
    made.flatten().collect()
}

/// What a platform with the shipped policy gives to Backstage.
fn forms() -> Vec<(String, String)> {
    let composition: Value = serde_saphyr::from_str(include_str!("../compositions/database.yaml")).unwrap();
    let composition = Composition::read(&composition).unwrap();
    let tiers = composition.input(Step::TierDefaults, None).unwrap();
    let gate = composition.input(Step::ApprovalGate, None).unwrap();
    let files = portal::files(&tiers, &gate, &Repository { owner: "example", name: "databases" });
    files.into_iter().map(|(path, text)| (format!("examples/backstage/{path}"), text)).collect()
}

#[test]
fn committed_files_are_the_generated_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut different = vec![];
    let generated = generate::files();
    assert!(generated.iter().map(|(path, _)| path).eq(FILES.iter()), "FILES has other files");
    let documents = [
        ("docs/operators.md", matrix::markdown()),
        ("docs/plan.schema.json", plan_schema()),
        ("docs/claim.md", reference::claim()),
        ("docs/inputs.md", reference::inputs()),
    ];
    let own = generated.into_iter().chain(documents);
    for (path, text) in own.map(|(path, text)| (path.to_string(), text)).chain(dashboards()).chain(forms()) {
        let file = root.join(&path);
        if std::fs::read_to_string(&file).unwrap_or_default() == text {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
        } else {
            different.push(path);
        }
    }
    assert!(different.is_empty(), "{different:?} differ from the types; UPDATE=1 cargo test --test generated");
}

/// Of what `plan --format json` prints.
fn plan_schema() -> String {
    serde_json::to_string_pretty(&schemars::schema_for!(Preview)).unwrap() + "\n"
}
