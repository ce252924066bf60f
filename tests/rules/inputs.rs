//! What the CRDs of the inputs say in CEL, the steps say when they read an input: nobody installs those CRDs.

use function_database::pipeline::{check_input, stop::Stop};
use function_database::schema::path::{is_within, key};
use function_database::wire::Object;
use serde_json::{Value, json};

use crate::support::cel::Schema;
use crate::support::documents;
use crate::{CASES, cases, root};

/// Where a step says that it cannot read the input; `None`: it can.
fn refused(input: &Value) -> Option<String> {
    match check_input(&Object::of(input), None) {
        Ok(()) => None,
        Err(Stop::Input { source, .. }) => Some(source.path),
        Err(stop) => panic!("{stop}"),
    }
}

fn schema(kind: &Value) -> Schema {
    let definitions =
        documents::files(&root().join("package/input")).into_iter().flat_map(|path| documents::read(&path));
    let definition = definitions.into_iter().find(|definition| definition["spec"]["names"]["kind"] == *kind);
    Schema::build(&definition.expect("a CRD")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]).unwrap()
}

/// Copies of the value with one more name in each map whose schema has a rule, and the path of that map.
fn foreign(schema: &Value, value: &Value, at: &str) -> Vec<(String, Value)> {
    let Value::Object(fields) = value else { return vec![] };
    let mut found = vec![];
    if schema["x-kubernetes-validations"].is_array() {
        let mut broken = fields.clone();
        broken.insert("foreign".into(), fields.values().next().cloned().unwrap_or_else(|| json!({})));
        found.push((at.to_owned(), broken.into()));
    }
    for (name, value) in fields {
        let inner = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
        for (at, broken) in foreign(inner, value, &key(at, name)) {
            let mut fields = fields.clone();
            fields.insert(name.clone(), broken);
            found.push((at, fields.into()));
        }
    }
    found
}

#[test]
fn whatever_a_rule_refuses_in_an_input_a_step_refuses() {
    let shipped = documents::read(&root().join("compositions/database.yaml")).remove(0);
    let steps = shipped["spec"]["pipeline"].as_array().unwrap();
    let mut inputs: Vec<Value> = steps.iter().map(|step| step["input"].clone()).collect();
    // The shipped policy limits nobody.
    inputs[0]["spec"]["quotas"] = json!({"namespaces": {
        "each": {"prod": {"databases": 3}}, "named": {"checkout": {"dev": {"databases": 3}}},
    }});
    let written = cases(&root().join(CASES)).into_iter().map(|case| case.object);
    inputs.extend(written.filter(|object| object["apiVersion"] == "fn.db.platform.io/v1"));
    let mut broken = 0;
    for input in inputs {
        let schema = schema(&input["kind"]);
        let own = std::iter::once((String::new(), input.clone()));
        for (at, input) in own.chain(foreign(&schema.source, &input, "")) {
            let Some(violation) =
                schema.check(None, &input).into_iter().find(|it| it.message.starts_with("write names out of"))
            else {
                assert_eq!(at, "", "the rule refuses what is foreign");
                continue;
            };
            broken += 1;
            let place = refused(&input).unwrap_or_else(|| panic!("not refused: {violation}"));
            // A step that reads an input writes every name after a dot.
            let map = violation.path.replace("[\"", ".").replace("\"]", "");
            assert!(is_within(&place, &map), "{place} is not in {map}");
        }
    }
    assert!(broken > 20, "{broken}");
}
