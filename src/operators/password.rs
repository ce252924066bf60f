//! Credentials for operators that want a secret made beforehand: a `Password` generator and an `ExternalSecret` of the
//! External Secrets operator (2.x, <https://external-secrets.io/latest/api/generator/password/>), which makes the secret once
//! and then leaves it. In: a generation and what stands in the secret. Out: both resources; later whether it is there.
//!
//! The function itself has no randomness, and never sees a value. Names and keys are the database's, not the generation's:
//! restored data has the old passwords. `role` tells secrets of one database apart: the application's own has none, and one
//! that applications must not see, such as the administrator's, is another secret. Must not know an operator.

use super::{Holds, Metadata, Resource, metadata};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::wire::{Key, Object, Undecodable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Permanent.
const GENERATOR_KEY: &str = "password";
const SECRET_KEY: &str = "credentials";
const GENERATOR: (&str, &str) = ("generators.external-secrets.io/v1alpha1", "Password");
const SECRET: (&str, &str) = ("external-secrets.io/v1", "ExternalSecret");
/// Letters and digits only: passwords stand in addresses, shell scripts and configuration files.
const LENGTH: u32 = 32;
const DIGITS: u32 = 8;

/// What stands under a key of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// A password of its own.
    Password,
}

/// The name of the secret.
pub fn secret(generation: &Generation) -> String {
    secret_of(generation, None)
}

pub fn secret_of(generation: &Generation, role: Option<&str>) -> String {
    of_role(&format!("{}-credentials", generation.database().name), role)
}

/// `kind`: the type of the secret, such as `Opaque`.
pub fn compose(generation: &Generation, kind: &str, values: &[(&str, Value)]) -> [Resource; 2] {
    compose_of(generation, None, kind, values)
}

pub fn compose_of(generation: &Generation, role: Option<&str>, kind: &str, values: &[(&str, Value)]) -> [Resource; 2] {
    let name = || secret_of(generation, role);
    let passwords = values.iter().filter(|(_, value)| *value == Value::Password).map(|(key, _)| (*key).into());
    let generator = GeneratorSpec {
        length: LENGTH,
        digits: DIGITS,
        symbols: 0,
        no_upper: false,
        allow_repeat: true,
        secret_keys: passwords.collect(),
    };
    let data = values.iter().map(|(key, value)| {
        let text = match value {
            Value::Text(text) => text.clone(),
            Value::Password => placeholder(key),
        };
        ((*key).into(), text)
    });
    let secret = SecretSpec {
        refresh_policy: "CreatedOnce",
        target: Target {
            name: name(),
            creation_policy: "Owner",
            deletion_policy: "Retain",
            template: Template { engine_version: "v2", r#type: kind, data: map(data) },
        },
        data_from: [Source {
            source_ref: SourceRef {
                generator_ref: GeneratorRef { api_version: GENERATOR.0, kind: GENERATOR.1, name: name() },
            },
        }],
    };
    [
        resource(generation, name(), key_of(generation, GENERATOR_KEY, role), GENERATOR, generator),
        resource(generation, name(), key_of(generation, SECRET_KEY, role), SECRET, secret),
    ]
}

/// What stands for the password of this key in the text of another one, such as a statement that needs it.
pub fn placeholder(key: &str) -> String {
    format!("{{{{ index . {key:?} }}}}")
}

fn key_of(generation: &Generation, key: &str, role: Option<&str>) -> String {
    generation.shared_key(&of_role(key, role))
}

fn of_role(text: &str, role: Option<&str>) -> String {
    role.map_or_else(|| text.into(), |role| format!("{text}-{role}"))
}

/// Why the secret is not there yet.
pub fn missing(generation: &Generation, observed: &Observed) -> Result<Option<String>, Undecodable> {
    missing_of(generation, None, observed)
}

pub fn missing_of(
    generation: &Generation,
    role: Option<&str>,
    observed: &Observed,
) -> Result<Option<String>, Undecodable> {
    let name = secret_of(generation, role);
    let made: Option<Made> = observed.get(&key_of(generation, SECRET_KEY, role))?;
    let ready =
        made.as_ref().and_then(|made| made.status.conditions.iter().find(|condition| condition.kind == "Ready"));
    Ok(match ready {
        Some(condition) if condition.status == "True" => None,
        Some(condition) if condition.status == "False" => Some(format!(
            "External Secrets cannot make the secret {name}: {}",
            condition.message.unwrap_or("no reason given")
        )),
        _ => Some(format!("External Secrets has not made the secret {name} yet")),
    })
}

/// Their readiness by key.
pub fn readiness(generation: &Generation, observed: &Observed) -> Result<[(Key, bool); 2], Undecodable> {
    readiness_of(generation, None, observed)
}

pub fn readiness_of(
    generation: &Generation,
    role: Option<&str>,
    observed: &Observed,
) -> Result<[(Key, bool); 2], Undecodable> {
    let made = missing_of(generation, role, observed)?.is_none();
    let generator = Key(key_of(generation, GENERATOR_KEY, role));
    let there = observed.composed.contains_key(&generator);
    Ok([(generator, there), (Key(key_of(generation, SECRET_KEY, role)), made)])
}

/// The data needs it to be read.
fn resource(generation: &Generation, name: String, key: String, kind: (&str, &str), spec: impl Serialize) -> Resource {
    let manifest = Manifest { api_version: kind.0, kind: kind.1, metadata: metadata(generation, name), spec };
    Resource { key: Key(key), holds: Holds::Archive, object: Object::of(&manifest) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a, Spec> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeneratorSpec {
    length: u32,
    digits: u32,
    symbols: u32,
    no_upper: bool,
    allow_repeat: bool,
    secret_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretSpec<'a> {
    refresh_policy: &'static str,
    target: Target<'a>,
    data_from: [Source; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    name: String,
    creation_policy: &'static str,
    deletion_policy: &'static str,
    template: Template<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Template<'a> {
    engine_version: &'static str,
    r#type: &'a str,
    data: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    source_ref: SourceRef,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceRef {
    generator_ref: GeneratorRef,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeneratorRef {
    api_version: &'static str,
    kind: &'static str,
    name: String,
}

#[derive(Deserialize)]
struct Made<'a> {
    #[serde(default, borrow)]
    status: MadeStatus<'a>,
}

#[derive(Default, Deserialize)]
struct MadeStatus<'a> {
    #[serde(default, borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    message: Option<&'a str>,
}
