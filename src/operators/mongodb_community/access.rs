//! Who may do what: the account under which members run, which the operator only takes for granted, and the passwords of the
//! database's users. In: a generation. Out: the resources, and the users as the `MongoDBCommunity` names them.

use super::{MOST_MEMBERS, key};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::password::{self, Value};
use crate::operators::{Holds, Resource, metadata, mongodb};
use crate::wire::{Key, Object, Undecodable};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use serde::Serialize;

/// The keys of a user's secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";

/// The database of users that belong to no application.
pub const ADMINISTRATION: &str = "admin";

/// A user of the database. Names are permanent.
pub struct User {
    pub name: &'static str,
    /// Of its secret; None: the application's own.
    pub role: Option<&'static str>,
    /// What it may do, and in which database; None: in its own.
    grants: &'static [(&'static str, Option<&'static str>)],
}

const APPLICATION: User =
    User { name: mongodb::USER, role: None, grants: &[(mongodb::ROLES[0], None), (mongodb::ROLES[1], None)] };
/// What mongodump needs (MongoDB 8.0, "Built-In Roles").
pub const BACKUP: User = User { name: "backup", role: Some("backup"), grants: &[("backup", None)] };
/// What mongodb_exporter needs (its README, "Permissions").
pub const MONITORING: User =
    User { name: "monitoring", role: Some("monitoring"), grants: &[("clusterMonitor", None), ("read", Some("local"))] };

/// The same while there is a dump to bring back, which it may do until that is done.
const RESTORE: User = User { grants: &[("backup", None), ("restore", None)], ..BACKUP };

/// Those that the plan needs. Who brought the data stays: what is taken away from a set that runs can go wrong.
fn users(generation: &Generation) -> impl Iterator<Item = User> {
    let terms = &generation.plan.terms;
    let backup = match generation.awaited() {
        Some(_) => Some(RESTORE),
        None => (terms.backup.is_some() || generation.source.is_some()).then_some(BACKUP),
    };
    let monitoring = (!terms.monitoring.off).then_some(MONITORING);
    [Some(APPLICATION), backup, monitoring].into_iter().flatten()
}

/// The name of the account, of its role and of the binding between them.
pub fn account(generation: &Generation) -> String {
    format!("{}-mongodb", generation.name())
}

pub fn compose(generation: &Generation) -> Vec<Resource> {
    let mut resources = pods(generation);
    for user in users(generation) {
        let values = [(USERNAME, Value::Text(user.name.into())), (PASSWORD, Value::Password)];
        resources.extend(password::compose_of(generation, user.role, "kubernetes.io/basic-auth", &values));
    }
    resources
}

/// What the chart of the operator's release gives the account of such pods (`database-roles.yaml`), but for this database
/// alone. The agent reads what it is to do and writes at its pod how far it is; after an upgrade a member deletes its own.
/// Rights stay for members that are about to go.
fn pods(generation: &Generation) -> Vec<Resource> {
    let name = account(generation);
    let rule = |kind: &str, verbs: &[&str], names: Vec<String>| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![kind.into()]),
        verbs: verbs.iter().map(|verb| (*verb).into()).collect(),
        resource_names: Some(names),
        ..Default::default()
    };
    let members = (0..MOST_MEMBERS).map(|number| format!("{}-{number}", generation.name()));
    let rules = vec![
        rule("secrets", &["get"], vec![format!("{}-config", generation.name())]),
        rule("pods", &["get", "patch", "delete"], members.collect()),
    ];
    let metadata = || metadata(generation, name.clone()).into();
    let account = ServiceAccount { metadata: metadata(), ..Default::default() };
    let role = Role { metadata: metadata(), rules: Some(rules) };
    let binding = RoleBinding {
        metadata: metadata(),
        role_ref: RoleRef { api_group: "rbac.authorization.k8s.io".into(), kind: "Role".into(), name: name.clone() },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".into(),
            name: name.clone(),
            namespace: Some(generation.database().namespace.clone()),
            ..Default::default()
        }]),
    };
    // Without them no member ever gets ready again.
    let resource = |role: &str, object| Resource { key: Key(generation.key(role)), holds: Holds::Archive, object };
    vec![
        resource(key::ACCOUNT, Object::of(&account)),
        resource(key::ROLE, Object::of(&role)),
        resource(key::BINDING, Object::of(&binding)),
    ]
}

/// Why a password is not there yet.
pub fn missing(generation: &Generation, observed: &Observed) -> Result<Option<String>, Undecodable> {
    for user in users(generation) {
        if let Some(why) = password::missing_of(generation, user.role, observed)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The readiness of all that makes passwords, by key.
pub fn readiness(generation: &Generation, observed: &Observed) -> Result<Vec<(Key, bool)>, Undecodable> {
    let mut ready = vec![];
    for user in users(generation) {
        ready.extend(password::readiness_of(generation, user.role, observed)?);
    }
    Ok(ready)
}

/// The users as the operator is told of them. It makes a secret of what it keeps of each password, and one that has the
/// address and the password, both under names that no other database's can meet.
pub fn section(generation: &Generation) -> Vec<Section<'_>> {
    let inside = generation.database().inside.as_str();
    let section = |user: User| {
        let database = if user.role.is_none() { inside } else { ADMINISTRATION };
        let grants = user.grants.iter();
        Section {
            name: user.name,
            db: database,
            password_secret_ref: Reference { name: password::secret_of(generation, user.role), key: PASSWORD },
            roles: grants.map(|(name, db)| Grant { name, db: db.unwrap_or(database) }).collect(),
            scram_credentials_secret_name: format!("{}-{}", generation.name(), user.name),
            connection_string_secret_name: format!("{}-{}-connection-string", generation.name(), user.name),
        }
    };
    users(generation).map(section).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section<'a> {
    name: &'static str,
    db: &'a str,
    password_secret_ref: Reference,
    roles: Vec<Grant<'a>>,
    scram_credentials_secret_name: String,
    connection_string_secret_name: String,
}

#[derive(Serialize)]
struct Reference {
    name: String,
    key: &'static str,
}

#[derive(Serialize)]
struct Grant<'a> {
    name: &'static str,
    db: &'a str,
}
