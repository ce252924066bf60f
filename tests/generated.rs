//! The committed XRDs, CRDs, the matrix of features and the schema of plans are what the types say. `UPDATE=1 cargo test --test generated` rewrites them.
#![cfg(test)]

use function_database::api::schema::{FILES, generate};
use function_database::operators::matrix;
use function_database::preview::Preview;
use std::path::Path;

#[test]
fn committed_files_are_the_generated_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut different = vec![];
    let generated = generate::files();
    assert!(generated.iter().map(|(path, _)| path).eq(FILES.iter().map(|(path, _)| path)), "FILES has other files");
    let documents = [("docs/operators.md", matrix::markdown()), ("docs/plan.schema.json", plan_schema())];
    for (path, text) in generated.into_iter().chain(documents) {
        let file = root.join(path);
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
