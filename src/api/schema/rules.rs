//! What the schema says in CEL, so that `kubectl apply` refuses at once. Out: validation rules, each with what is wrong and
//! what would be right. `plan` says the same again. Must not depend on the platform's policy.

use crate::api::claim::Engine;
use serde_json::{Value, json};

/// A claim's name: operators and Crossplane add to it, and labels hold 63.
const LONGEST_NAME: u32 = 40;
/// Crossplane adds a dash and five letters to the name of a claim's composite.
pub const LONGEST_COMPOSITE: u32 = 46;

/// Left out, the engine is PostgreSQL; a rule cannot see a default.
const ENGINE: &str = "(has(self.engine) ? self.engine : 'postgresql')";

/// On `spec`.
pub fn spec() -> Value {
    let sharded = "['clickhouse', 'redis', 'mongodb', 'mysql']";
    let rules = [
        (
            ".replicas",
            format!("{ENGINE} != 'sqlite' || !has(self.replicas) || self.replicas == 1"),
            "sqlite has one member; write 1, or leave it out",
        ),
        (
            ".replicas",
            format!("{ENGINE} != 'elasticsearch' || !has(self.replicas) || self.replicas >= 3"),
            "elasticsearch has at least three members; write 3 or more",
        ),
        (
            ".replicas",
            "!has(self.topology) || self.topology != 'Standalone' || !has(self.replicas) || self.replicas == 1".into(),
            "Standalone has one member; write 1, or leave it out",
        ),
        (
            ".topology",
            format!("{ENGINE} != 'elasticsearch' || !has(self.topology) || self.topology != 'Standalone'"),
            "elasticsearch has no Standalone; leave it out",
        ),
        (
            ".topology",
            format!("!has(self.topology) || self.topology != 'Sharded' || {ENGINE} in {sharded}"),
            "this engine has no shards; leave it out",
        ),
        (
            ".shards",
            format!("!has(self.shards) || self.shards == 1 || {ENGINE} in {sharded}"),
            "this engine has no shards; write 1, or leave it out",
        ),
        (
            ".pooling",
            format!(
                "!has(self.pooling) || !has(self.pooling.enabled) || !self.pooling.enabled || \
                 {ENGINE} in ['postgresql', 'mysql', 'mongodb']"
            ),
            "this engine has no pooler; leave it out",
        ),
        (
            ".pooling",
            "!has(self.pooling) || (has(self.pooling.enabled) && self.pooling.enabled) || \
             (!has(self.pooling.mode) && !has(self.pooling.instances))"
                .into(),
            "there is no pooler to set up; write enabled: true",
        ),
        (
            ".backup",
            "!has(self.backup) || !has(self.backup.enabled) || self.backup.enabled || \
             !has(self.backup.continuous) || !self.backup.continuous"
                .into(),
            "there are no backups for continuous to go with; switch them on",
        ),
        (
            ".restore",
            "!has(self.restore) || !has(self.restore.backup) || !has(self.restore.pointInTime)".into(),
            "a backup and a point in time are two answers; write one of them",
        ),
        (
            ".credentials.source",
            format!(
                "!has(self.credentials) || !has(self.credentials.source) || self.credentials.source != 'VaultDynamic' || \
                 !({ENGINE} in ['clickhouse', 'sqlite'])"
            ),
            "Vault makes no users for this engine; write another source",
        ),
        (
            ".access.console",
            "self.environment != 'prod' || !has(self.access) || !has(self.access.console) || !self.access.console".into(),
            "there is none in prod; leave it out",
        ),
        (
            ".access.allowedCIDRs",
            "!has(self.access) || !has(self.access.allowedCIDRs) || self.access.allowedCIDRs.all(range, isCIDR(range))".into(),
            "each is an address range, such as 10.20.0.0/16",
        ),
        (
            ".access.roles",
            "!has(self.access) || !has(self.access.roles) || \
             !self.access.roles.exists(role, role.name in ['postgres', 'root', 'admin', 'default', 'elastic', 'streaming_replica'])"
                .into(),
            "this role belongs to the engine; write another name",
        ),
    ];
    let own_databases =
        own_databases().map(|rule| (".name", rule, "the engine has a database of this name itself; write another one"));
    own_databases
        .chain(rules)
        .map(|(path, rule, message)| {
            // A path that may be absent cannot be pointed at.
            let path = path.split('.').take(2).collect::<Vec<_>>().join(".");
            json!({"rule": rule, "message": message, "fieldPath": path})
        })
        .collect()
}

/// One rule for each engine that brings databases along.
fn own_databases() -> impl Iterator<Item = String> {
    let named = Engine::ALL.into_iter().map(|engine| (engine, engine.own_databases()));
    named.filter(|(_, names)| !names.is_empty()).map(|(engine, names)| {
        let engine = crate::operators::name_of(&engine);
        let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        format!("{ENGINE} != '{engine}' || !(self.name in [{names}])")
    })
}

/// On the root: what an edit cannot change. These are for whoever edits; the function itself holds against the applied plan.
///
/// While nothing runs, everything can be corrected. Storage is held against what runs, or an edit beyond the limit could
/// never be taken back.
fn edits() -> Vec<Value> {
    let free = "has(oldSelf.status) && !has(oldSelf.status.resolved)";
    let fixed = "it is fixed at creation; write the value it had, or make another database";
    let optional = |field: &str| {
        format!(
            "has(self.spec.{field}) == has(oldSelf.spec.{field}) && \
             (!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field})"
        )
    };
    let engine = |of: &str| format!("(has({of}.spec.engine) ? {of}.spec.engine : 'postgresql')");
    let runs = "(has(oldSelf.status) ? oldSelf.status.resolved.storage : oldSelf.spec.storage)";
    let rules = [
        ("name", "self.spec.name == oldSelf.spec.name".to_string(), fixed),
        ("environment", "self.spec.environment == oldSelf.spec.environment".into(), fixed),
        ("engine", format!("{} == {}", engine("self"), engine("oldSelf")), fixed),
        ("topology", optional("topology"), fixed),
        ("storageClass", optional("storageClass"), fixed),
        (
            "storage",
            format!(
                "self.spec.storage == oldSelf.spec.storage || (isQuantity(self.spec.storage) && isQuantity({runs}) && \
                 quantity(self.spec.storage).compareTo(quantity({runs})) >= 0)"
            ),
            "storage only grows; write the amount it had, or more",
        ),
    ];
    let rule = |(field, rule, message): (&str, String, &str)| json!({"rule": format!("({free}) || ({rule})"), "message": message, "fieldPath": format!(".spec.{field}")});
    rules.into_iter().map(rule).collect()
}

/// On the root of the namespaced edition.
pub fn root_namespaced() -> Value {
    let machinery = "!has(self.spec.crossplane) || !has(self.spec.crossplane.";
    let rules = list(&[
        (format!("size(self.metadata.name) <= {LONGEST_NAME}"), LONG),
        (NAME.into(), FORM),
        (ENDING.into(), RESERVED),
        (
            format!("{machinery}compositionUpdatePolicy) || self.spec.crossplane.compositionUpdatePolicy != 'Manual'"),
            MANUAL,
        ),
        (format!("{machinery}compositionRevisionSelector)"), SELECTOR),
    ]);
    rules.into_iter().chain(edits()).collect()
}

/// On the root of the claims edition, for the claim and for the composite behind it.
pub fn root_claims() -> Value {
    let longest =
        format!("size(self.metadata.name) <= (self.kind == 'XDatabase' ? {LONGEST_COMPOSITE} : {LONGEST_NAME})");
    let manual = "!has(self.spec.compositionUpdatePolicy) || self.spec.compositionUpdatePolicy != 'Manual'";
    let rules = list(&[
        (longest, LONG),
        (NAME.into(), FORM),
        (format!("self.kind == 'XDatabase' || {ENDING}"), RESERVED),
        (manual.into(), MANUAL),
        ("!has(self.spec.compositionRevisionSelector)".into(), SELECTOR),
    ]);
    rules.into_iter().chain(edits()).collect()
}

/// On the spec of an approval.
pub fn approval() -> Value {
    list(&[("self == oldSelf".into(), "an approval cannot be changed; delete it and make another one")]).into()
}

const NAME: &str = "self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')";
const ENDING: &str =
    "!self.metadata.name.matches('-(primary|replica|pooler|pgbouncer|barman-cloud|roles|rw|ro|r|g[0-9]+)$')";

const LONG: &str = "metadata.name is too long; write up to 40 characters";
const FORM: &str = "metadata.name is no name for a database; write a-z, 0-9 and -, a letter first";
const RESERVED: &str =
    "metadata.name has an ending that is reserved for what is made for a database; write another one";
const MANUAL: &str = "the platform chooses the Composition's revision; leave compositionUpdatePolicy out";
const SELECTOR: &str = "the platform chooses the Composition's revision; leave compositionRevisionSelector out";

fn list(rules: &[(String, &str)]) -> Vec<Value> {
    rules.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}
