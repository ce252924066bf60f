//! XRDs and CRDs, as they are committed. In: the files. Out: their names, and the schemas of what people write. A test holds
//! them equal to what `generate` makes of the types of the contract; they must not be edited by hand.

pub mod generate;
pub mod reference;
mod structural;
mod rules;
mod edits;

pub use structural::by_name;

use crate::carried;
use crate::schema::{BuildError, Schema};
use serde_json::{Value, json};

/// Every generated file, by its path in the repository; its text is [`carried`].
pub const FILES: [&str; 10] = [
    "apis/database.yaml",
    "editions/claims/apis/database.yaml",
    "editions/claims/compositions/database.yaml",
    "deploy/crds/databaseapprovals.yaml",
    "deploy/crds/databaserecords.yaml",
    "package/input/tierdefaults.yaml",
    "package/input/approvalgates.yaml",
    "package/input/engines.yaml",
    "package/input/integrations.yaml",
    "package/input/reports.yaml",
];

/// The schema of a claim as somebody writes it, Crossplane's own fields open, with its rules.
///
/// # Errors
/// None: the file is ours, and a test builds it.
pub fn claim() -> Result<Schema, BuildError> {
    let mut schema = of("claim.json");
    schema["properties"]["spec"]["properties"]["crossplane"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    // The XRD bounds the name for what Crossplane makes of it; a rule bounds it for people.
    schema["properties"]["metadata"] = json!({"type": "object"});
    Schema::build(&schema, rules::claim())
}

/// What the schema says of the fields of a claim's spec.
pub fn spec() -> Value {
    of("claim.json")["properties"]["spec"].take()
}

/// The schema of an approval, with its rules.
///
/// # Errors
/// None, as those of [`claim`].
pub fn approval() -> Result<Schema, BuildError> {
    Schema::build(&of("approval.json"), rules::approval())
}

/// The schema in a definition of one version, which the program carries. The files are ours, so they can be read.
fn of(definition: &str) -> Value {
    let mut definition: Value = serde_json::from_str(&carried::text(definition)).unwrap_or_default();
    definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").map(Value::take).unwrap_or_default()
}
