//! What the schema says in rules, each with what is wrong and what would be right, in two languages: in CEL, so that
//! `kubectl apply` refuses at once, and in Rust for `validate` and `simulate`. `tests/rules` holds the two to each other.
//! `plan` says the same again. Must not depend on the platform's policy.

use super::edits;
use crate::api::claim::{Engine, name};
use crate::operators::name_of;
use crate::schema::{self, Holds};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Crossplane adds a dash and five letters to the name of a claim's composite.
pub const LONGEST_COMPOSITE: usize = 46;

/// Left out, the engine is PostgreSQL; a rule cannot see a default.
const ENGINE: &str = "(has(self.engine) ? self.engine : 'postgresql')";

/// Engines that share the data among shards.
const SHARDED: [&str; 4] = ["clickhouse", "redis", "mongodb", "mysql"];
/// Engines with a pooler, multiplexer or router.
const POOLED: [&str; 3] = ["postgresql", "mysql", "mongodb"];
/// Engines that Vault makes no users for.
const WITHOUT_VAULT: [&str; 2] = ["clickhouse", "sqlite"];
/// Users that an engine or its operator brings along.
const OWN_ROLES: [&str; 6] = ["postgres", "root", "admin", "default", "elastic", "streaming_replica"];

/// One rule in both languages.
pub struct Rule {
    /// On the node of the schema that it stands in.
    pub cel: String,
    /// On the whole object.
    pub rust: schema::Rule,
}

/// Of a claim, in Rust.
pub fn claim() -> Vec<schema::Rule> {
    let rules = own_databases().chain(spec()).chain(names()).chain(chosen()).chain(edits::claim());
    rules.map(|rule| rule.rust).collect()
}

/// Of an approval, in Rust.
pub fn approval() -> Vec<schema::Rule> {
    edits::approval().into_iter().map(|rule| rule.rust).collect()
}

/// On `spec`, in CEL.
pub fn on_spec() -> Value {
    own_databases().chain(spec()).map(|rule| written(&rule, "spec")).collect()
}

/// On the root of the namespaced edition, in CEL.
pub fn on_root_namespaced() -> Value {
    names().into_iter().chain(chosen()).chain(edits::claim()).map(|rule| written(&rule, "")).collect()
}

/// On the root of the claims edition, for the claim and for the composite behind it, in CEL.
pub fn on_root_claims() -> Value {
    let own = |rule: Rule, cel: String| written(&Rule { cel, ..rule }, "");
    let [longest, form, ending] = names();
    let [policy, selector] = chosen();
    let [longest, ending] = [
        own(
            longest,
            format!("size(self.metadata.name) <= (self.kind == 'XDatabase' ? {LONGEST_COMPOSITE} : {})", name::LONGEST),
        ),
        {
            let cel = format!("self.kind == 'XDatabase' || {}", ending.cel);
            own(ending, cel)
        },
    ];
    let machinery = [
        own(policy, "!has(self.spec.compositionUpdatePolicy) || self.spec.compositionUpdatePolicy != 'Manual'".into()),
        own(selector, "!has(self.spec.compositionRevisionSelector)".into()),
    ];
    let edits = edits::claim().into_iter().map(|rule| written(&rule, ""));
    [longest, written(&form, ""), ending].into_iter().chain(machinery).chain(edits).collect()
}

/// On the spec of an approval, in CEL.
pub fn on_approval() -> Value {
    edits::approval().iter().map(|rule| written(rule, "spec")).collect()
}

/// As it stands in a schema, at the node of this path.
fn written(rule: &Rule, node: &str) -> Value {
    let mut value = json!({"rule": rule.cel, "message": rule.rust.message});
    let field = rule.rust.path.strip_prefix(node).map(|field| field.trim_start_matches('.')).unwrap_or_default();
    if !field.is_empty() {
        value["fieldPath"] = format!(".{field}").into();
    }
    value
}

/// One rule for each engine that brings databases along; in Rust, all of them say the same.
fn own_databases() -> impl Iterator<Item = Rule> {
    let named = Engine::ALL.into_iter().map(|engine| (engine, engine.own_databases()));
    named.filter(|(_, names)| !names.is_empty()).map(|(engine, names)| {
        let cel = format!("{ENGINE} != '{}' || !(self.name in [{}])", name_of(&engine), quoted(names));
        let message = "the engine has a database of this name itself; write another one";
        object("spec.name", message, cel, |claim| {
            let own =
                Engine::ALL.iter().find(|known| engine_is(claim, &[&name_of(*known)])).map(|it| it.own_databases());
            !own.is_some_and(|own| is_one_of(&claim["spec"]["name"], own))
        })
    })
}

/// A path that may be absent cannot be pointed at, so that no rule has more than a section.
fn spec() -> [Rule; 15] {
    [
        object(
            "spec.replicas",
            "sqlite has one member; write 1, or leave it out",
            format!("{ENGINE} != 'sqlite' || !has(self.replicas) || self.replicas == 1"),
            |claim| !engine_is(claim, &["sqlite"]) || is_one(&claim["spec"]["replicas"]),
        ),
        object(
            "spec.replicas",
            "elasticsearch has at least three members; write 3 or more",
            format!("{ENGINE} != 'elasticsearch' || !has(self.replicas) || self.replicas >= 3"),
            |claim| {
                !engine_is(claim, &["elasticsearch"]) || claim["spec"]["replicas"].as_f64().is_none_or(|it| it >= 3.0)
            },
        ),
        object(
            "spec.replicas",
            "Standalone has one member; write 1, or leave it out",
            "!has(self.topology) || self.topology != 'Standalone' || !has(self.replicas) || self.replicas == 1".into(),
            |claim| claim["spec"]["topology"] != "Standalone" || is_one(&claim["spec"]["replicas"]),
        ),
        object(
            "spec.topology",
            "elasticsearch has no Standalone; leave it out",
            format!("{ENGINE} != 'elasticsearch' || !has(self.topology) || self.topology != 'Standalone'"),
            |claim| !engine_is(claim, &["elasticsearch"]) || claim["spec"]["topology"] != "Standalone",
        ),
        object(
            "spec.topology",
            "this engine has no shards; leave it out",
            format!("!has(self.topology) || self.topology != 'Sharded' || {ENGINE} in [{}]", quoted(&SHARDED)),
            |claim| claim["spec"]["topology"] != "Sharded" || engine_is(claim, &SHARDED),
        ),
        object(
            "spec.shards",
            "this engine has no shards; write 1, or leave it out",
            format!("!has(self.shards) || self.shards == 1 || {ENGINE} in [{}]", quoted(&SHARDED)),
            |claim| is_one(&claim["spec"]["shards"]) || engine_is(claim, &SHARDED),
        ),
        object(
            "spec.pooling",
            "this engine has no pooler; leave it out",
            format!(
                "!has(self.pooling) || !has(self.pooling.enabled) || !self.pooling.enabled || {ENGINE} in [{}]",
                quoted(&POOLED)
            ),
            |claim| claim["spec"]["pooling"]["enabled"] != true || engine_is(claim, &POOLED),
        ),
        object(
            "spec.pooling",
            "there is no pooler to set up; write enabled: true",
            "!has(self.pooling) || (has(self.pooling.enabled) && self.pooling.enabled) || \
             (!has(self.pooling.mode) && !has(self.pooling.instances))"
                .into(),
            |claim| {
                let pooling = &claim["spec"]["pooling"];
                let off = pooling["enabled"].is_null() || pooling["enabled"] == false;
                !off || (pooling["mode"].is_null() && pooling["instances"].is_null())
            },
        ),
        object(
            "spec.backup",
            "there are no backups for continuous to go with; switch them on",
            "!has(self.backup) || !has(self.backup.enabled) || self.backup.enabled || \
             !has(self.backup.continuous) || !self.backup.continuous"
                .into(),
            |claim| claim["spec"]["backup"]["enabled"] != false || claim["spec"]["backup"]["continuous"] != true,
        ),
        object(
            "spec.restore",
            "a backup and a point in time are two answers; write one of them",
            "!has(self.restore) || !has(self.restore.backup) || !has(self.restore.pointInTime)".into(),
            |claim| {
                let restore = &claim["spec"]["restore"];
                restore["backup"].is_null() || restore["pointInTime"].is_null()
            },
        ),
        object(
            "spec.disasterRecovery",
            "it names no region; write region, primary or both",
            "!has(self.disasterRecovery) || has(self.disasterRecovery.region) || has(self.disasterRecovery.primary)"
                .into(),
            |claim| {
                let recovery = &claim["spec"]["disasterRecovery"];
                recovery.is_null() || !recovery["region"].is_null() || !recovery["primary"].is_null()
            },
        ),
        object(
            "spec.credentials",
            "Vault makes no users for this engine; write another source",
            format!(
                "!has(self.credentials) || !has(self.credentials.source) || self.credentials.source != 'VaultDynamic' || \
                 !({ENGINE} in [{}])",
                quoted(&WITHOUT_VAULT)
            ),
            |claim| claim["spec"]["credentials"]["source"] != "VaultDynamic" || !engine_is(claim, &WITHOUT_VAULT),
        ),
        object(
            "spec.access",
            "there is none in prod; leave it out",
            "self.environment != 'prod' || !has(self.access) || !has(self.access.console) || !self.access.console"
                .into(),
            |claim| claim["spec"]["environment"] != "prod" || claim["spec"]["access"]["console"] != true,
        ),
        object(
            "spec.access",
            "each is an address range, such as 10.20.0.0/16",
            "!has(self.access) || !has(self.access.allowedCIDRs) || self.access.allowedCIDRs.all(range, isCIDR(range))"
                .into(),
            |claim| items(&claim["spec"]["access"]["allowedCIDRs"]).filter_map(Value::as_str).all(is_range),
        ),
        object(
            "spec.access",
            "this role belongs to the engine; write another name",
            format!(
                "!has(self.access) || !has(self.access.roles) || !self.access.roles.exists(role, role.name in [{}])",
                quoted(&OWN_ROLES)
            ),
            |claim| !items(&claim["spec"]["access"]["roles"]).any(|role| is_one_of(&role["name"], &OWN_ROLES)),
        ),
    ]
}

/// About the name: its length, its form, its ending.
fn names() -> [Rule; 3] {
    [
        object(
            "",
            "metadata.name is too long; write up to 40 characters",
            format!("size(self.metadata.name) <= {}", name::LONGEST),
            |claim| claim["metadata"]["name"].as_str().is_none_or(|it| it.chars().count() <= name::LONGEST),
        ),
        object(
            "",
            "metadata.name is no name for a database; write a-z, 0-9 and -, a letter first",
            "self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')".into(),
            |claim| claim["metadata"]["name"].as_str().is_some_and(name::is_label),
        ),
        object(
            "",
            "metadata.name has an ending that is reserved for what is made for a database; write another one",
            format!("!self.metadata.name.matches('-({})$')", name::reserved_pattern()),
            |claim| claim["metadata"]["name"].as_str().and_then(name::reserved_ending).is_none(),
        ),
    ]
}

/// What the platform chooses.
fn chosen() -> [Rule; 2] {
    let machinery = "!has(self.spec.crossplane) || !has(self.spec.crossplane.";
    [
        object(
            "",
            "the platform chooses the Composition's revision; leave compositionUpdatePolicy out",
            format!("{machinery}compositionUpdatePolicy) || self.spec.crossplane.compositionUpdatePolicy != 'Manual'"),
            |claim| claim["spec"]["crossplane"]["compositionUpdatePolicy"] != "Manual",
        ),
        object(
            "",
            "the platform chooses the Composition's revision; leave compositionRevisionSelector out",
            format!("{machinery}compositionRevisionSelector)"),
            |claim| claim["spec"]["crossplane"].get("compositionRevisionSelector").is_none(),
        ),
    ]
}

fn object(path: &'static str, message: &'static str, cel: String, holds: fn(&Value) -> bool) -> Rule {
    Rule { cel, rust: schema::Rule { path, message, holds: Holds::Object(holds) } }
}

/// The engine of a claim, which it may leave out; one of another shape is none.
pub fn engine(claim: &Value) -> Option<&str> {
    claim["spec"].get("engine").map_or(Some("postgresql"), Value::as_str)
}

fn engine_is(claim: &Value, engines: &[&str]) -> bool {
    engine(claim).is_some_and(|engine| engines.contains(&engine))
}

/// 1, or left out.
fn is_one(number: &Value) -> bool {
    number.is_null() || number.as_f64() == Some(1.0)
}

fn is_one_of(text: &Value, texts: &[&str]) -> bool {
    text.as_str().is_some_and(|text| texts.contains(&text))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// `isCIDR` of Kubernetes' CEL, which takes an address in the range for the range.
fn is_range(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let canonical = length == "0" || length.starts_with(|first: char| matches!(first, '1'..='9'));
    match (address.parse::<IpAddr>(), length.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(length)) => canonical && length <= 32,
        (Ok(IpAddr::V6(address)), Ok(length)) => canonical && length <= 128 && address.to_ipv4_mapped().is_none(),
        _ => false,
    }
}

/// A list of texts in CEL, without its brackets.
fn quoted(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
}
