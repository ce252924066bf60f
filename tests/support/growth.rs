//! Whether a definition has only grown. In: an XRD or CRD of a release, and the one of today. Out: everything that somebody
//! could rely on and that is gone, each with its path. Descriptions and columns may change.

use serde_json::{Map, Value};

/// What an object of the old definition, or its reader, would stumble over.
pub fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut found = vec![];
    for path in ["/spec/group", "/spec/scope", "/spec/names/kind", "/spec/names/plural", "/spec/claimNames/kind"] {
        if old.pointer(path) != new.pointer(path) {
            found.push(format!("{}: was {}", path.trim_start_matches('/').replace('/', "."), shown(old.pointer(path))));
        }
    }
    for path in ["/spec/names/shortNames", "/spec/claimNames/shortNames"] {
        found.extend(missing(old.pointer(path), new.pointer(path)).map(|name| format!("short name {name} is gone")));
    }
    for version in list(old.pointer("/spec/versions")) {
        let name = shown(version.get("name"));
        let again = list(new.pointer("/spec/versions")).iter().find(|other| other["name"] == version["name"]);
        match again {
            Some(again) if again["served"] == true => {
                let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
                schemas(&schema(version), &schema(again), &name, &mut found);
            }
            _ => found.push(format!("version {name} is served no more")),
        }
    }
    found
}

fn schemas(old: &Value, new: &Value, path: &str, found: &mut Vec<String>) {
    let mut say = |what: String| found.push(format!("{path}: {what}"));
    for field in ["type", "pattern", "format"] {
        // A pattern that goes takes more; one that comes or changes may take less.
        if old.get(field) != new.get(field) && (field == "type" || new.get(field).is_some()) {
            say(format!("{field} was {}", shown(old.get(field))));
        }
    }
    if old.get("default") != new.get("default") {
        say(format!("default was {}", shown(old.get("default"))));
    }
    for field in ["x-kubernetes-preserve-unknown-fields", "nullable", "x-kubernetes-int-or-string"] {
        if old.get(field).is_some_and(|value| value == true) && new.get(field) != old.get(field) {
            say(format!("{field} is gone"));
        }
    }
    for (field, grows) in [
        ("maxLength", true),
        ("maxItems", true),
        ("maxProperties", true),
        ("maximum", true),
        ("minLength", false),
        ("minItems", false),
        ("minProperties", false),
        ("minimum", false),
    ] {
        let (before, now) = (number(old, field), number(new, field));
        let tighter = match (before, now) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(now)) => {
                if grows {
                    now < before
                } else {
                    now > before
                }
            }
        };
        if tighter {
            say(format!("{field} was {}", shown(old.get(field))));
        }
    }
    if new.get("enum").is_some() {
        match old.get("enum") {
            Some(values) => missing(Some(values), new.get("enum")).for_each(|value| say(format!("{value} is gone"))),
            None => say("takes only some values now".into()),
        }
    }
    missing(new.get("required"), old.get("required")).for_each(|name| say(format!("{name} is required now")));
    let rules = |schema: &Value| -> Vec<Value> {
        list(schema.get("x-kubernetes-validations")).iter().map(|rule| rule["rule"].clone()).collect()
    };
    let known = rules(old);
    for rule in rules(new).iter().filter(|rule| !known.contains(rule)) {
        say(format!("has a new rule, {rule}"));
    }
    for (name, property) in fields(old.get("properties")) {
        let path = format!("{path}.{name}");
        match new.pointer("/properties").and_then(|properties| properties.get(name)) {
            Some(again) => schemas(property, again, &path, found),
            None => found.push(format!("{path}: is gone")),
        }
    }
    for (field, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        match (old.get(field), new.get(field)) {
            (Some(old), Some(new)) => schemas(old, new, &format!("{path}{mark}"), found),
            (Some(_), None) => found.push(format!("{path}{mark}: is gone")),
            (None, _) => {}
        }
    }
}

fn fields(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(schema: &Value, field: &str) -> Option<f64> {
    schema.get(field).and_then(Value::as_f64)
}

/// The values of the first list that are not in the second.
fn missing<'a>(all: Option<&'a Value>, of: Option<&'a Value>) -> impl Iterator<Item = &'a Value> {
    list(all).iter().filter(move |value| !list(of).contains(value))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "not there".into(), ToString::to_string)
}
