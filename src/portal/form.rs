//! The pages of a form. In: a page as `templates.yaml` has it, what the claim's schema says, what the platform offers. Out: the
//! page as react-jsonschema-form takes it. Must not know a field by name, but for the three on which others depend.

use super::offer::Offer;
use crate::map::entries;
use crate::operators::name_of;
use serde_json::{Map, Value, json};

/// What of the claim's schema means the same to a form.
const WORDS: [&str; 4] = ["type", "description", "enum", "maxItems"];
/// The same of what is no choice from a list.
const BOUNDS: [&str; 5] = ["pattern", "minLength", "maxLength", "minimum", "maximum"];

/// A page with nothing left to fill in. `spec` is the schema of a claim's spec.
pub fn page(page: &mut Value, spec: &Value, offers: &[Offer]) {
    let needed = page.as_object_mut().and_then(|page| page.remove("needs"));
    let needed = needed.as_ref().and_then(Value::as_str);
    let offers: Vec<&Offer> =
        offers.iter().filter(|offer| needed.is_none_or(|field| offer.choice(field).is_some())).collect();
    let fields = page.as_object_mut().and_then(|page| page.remove("offers")).unwrap_or_default();
    if !page["properties"]["environment"].is_null() {
        environments(page, &offers);
    }
    let mut branches: Vec<(Value, Vec<&Offer>)> = vec![];
    for offer in offers {
        let then = then(&fields, offer);
        match branches.iter_mut().find(|(same, _)| *same == then) {
            _ if then.is_null() => {}
            Some((_, of)) => of.push(offer),
            None => branches.push((then, vec![offer])),
        }
    }
    if !branches.is_empty() {
        let branch = |(then, of): &(Value, Vec<&Offer>)| json!({"if": condition(of), "then": then});
        page["allOf"] = branches.iter().map(branch).collect();
    }
    claimed(page, spec);
}

/// The environments, and in each the engines.
fn environments(page: &mut Value, offers: &[&Offer]) {
    let (mut names, mut branches, mut all) = (vec![], vec![], vec![]);
    for of in offers.chunk_by(|one, other| one.environment == other.environment) {
        let Some(environment) = of.first().map(|offer| name_of(&offer.environment)) else { continue };
        let engines: Vec<String> = of.iter().map(|offer| name_of(&offer.engine)).collect();
        branches.push(json!({"properties": {"environment": {"enum": [environment]}, "engine": {"enum": &engines}}}));
        let others: Vec<String> = engines.into_iter().filter(|engine| !all.contains(engine)).collect();
        all.extend(others);
        names.push(environment);
    }
    page["properties"]["environment"]["enum"] = names.into();
    page["properties"]["engine"]["enum"] = all.into();
    page["dependencies"]["environment"] = json!({"oneOf": branches});
}

/// Whether the form is about one of these.
fn condition(offers: &[&Offer]) -> Value {
    let of = offers.chunk_by(|one, other| one.environment == other.environment).map(|of| {
        let engines: Vec<String> = of.iter().map(|offer| name_of(&offer.engine)).collect();
        let environment = of.first().map(|offer| name_of(&offer.environment));
        json!({"properties": {"environment": {"const": environment}, "engine": {"enum": engines}}})
    });
    json!({"required": ["environment", "engine"], "anyOf": of.collect::<Vec<Value>>()})
}

/// The fields that are to be had there; null if there are none.
fn then(fields: &Value, offer: &Offer) -> Value {
    let (mut properties, required) = offered(fields, offer);
    // Where backups can be switched off, the rest of the page depends on whether they are.
    if let Some(backups) = properties.remove("backups") {
        let (mut off, _) = match offer.with(json!({"backup": {"enabled": false}})) {
            Some(without) => offered(fields, &without),
            None => Default::default(),
        };
        properties.insert("backups".into(), json!({"enum": [true]}));
        off.insert("backups".into(), json!({"enum": [false]}));
        return json!({
            "properties": {"backups": backups},
            "dependencies": {"backups": {"oneOf": [part(properties, required), part(off, vec![])]}},
        });
    }
    let stored = properties.contains_key("storage");
    let mut rules: Vec<Value> = offer.hungry().into_iter().filter(|_| stored).map(more_storage).collect();
    if let Some(sharded) = offer.sharded() {
        let not_there = |name: &String| sharded.choice(name).is_none();
        let (whole, all) = properties.into_iter().partition(|(name, _)| not_there(name));
        properties = all;
        rules.extend(unsharded(whole));
    }
    let mut part = part(properties, required);
    if !rules.is_empty() {
        part["allOf"] = rules.into();
    }
    part
}

/// What is to be had where the data is not divided.
fn unsharded(properties: Map<String, Value>) -> Option<Value> {
    let then = part(properties, vec![]);
    (!then.is_null()).then(|| json!({"if": {"not": {"required": ["shards"]}}, "then": then}))
}

/// On some engines a volume has to be a multiple of the memory.
fn more_storage((size, storage): (&str, u64)) -> Value {
    json!({
        "if": {"properties": {"size": {"const": size}}, "required": ["size"]},
        "then": {"properties": {"storage": {"minimum": storage}}},
    })
}

fn offered(fields: &Value, offer: &Offer) -> (Map<String, Value>, Vec<Value>) {
    let (mut properties, mut required) = (Map::new(), vec![]);
    for (name, field) in fields.as_object().into_iter().flatten() {
        let Some(choice) = offer.choice(name) else { continue };
        let mut field = field.clone();
        if let (Some(field), Value::Object(choice)) = (field.as_object_mut(), choice) {
            if field.remove("required").is_some() {
                required.push(name.as_str().into());
            }
            field.extend(choice);
        }
        properties.insert(name.clone(), field);
    }
    (properties, required)
}

fn part(properties: Map<String, Value>, required: Vec<Value>) -> Value {
    if properties.is_empty() {
        return Value::Null;
    }
    let mut part = json!({"properties": properties});
    if !required.is_empty() {
        part["required"] = required.into();
    }
    part
}

/// In place of `claim: FIELD`, what the claim's schema says; what stands beside it goes before.
fn claimed(node: &mut Value, spec: &Value) {
    match node {
        Value::Object(fields) => {
            fields.remove("fills");
            if let Some(Value::String(path)) = fields.remove("claim") {
                let about = path.split('.').fold(spec, |node, name| &node["properties"][name]);
                copy(fields, about);
            }
            fields.values_mut().for_each(|field| claimed(field, spec));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| claimed(item, spec)),
        _ => {}
    }
}

fn copy(fields: &mut Map<String, Value>, about: &Value) {
    let listed = fields.contains_key("enum") || about["enum"].is_array();
    for word in WORDS.iter().chain(BOUNDS.iter().filter(|_| !listed)).copied() {
        if let Some(value) = about.get(word) {
            fields.entry(word).or_insert_with(|| value.clone());
        }
    }
    if let Some(items) = about.get("items") {
        let mut item = Map::new();
        copy(&mut item, items);
        fields.entry("items").or_insert(item.into());
    }
    if let Some(Value::Object(properties)) = about.get("properties") {
        let copied = properties.iter().map(|(name, about)| {
            let mut field = Map::new();
            copy(&mut field, about);
            (name.clone(), field.into())
        });
        fields.insert("properties".into(), entries(copied).into());
        fields.insert("required".into(), about["required"].clone());
    }
}
