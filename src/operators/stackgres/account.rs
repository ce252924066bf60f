//! The application's own role, database and extensions, which the operator makes as `SGScript` says. In: a generation. Out:
//! the secret that External Secrets makes, and the script.
//!
//! The statement with the password is a key of the secret itself, and the script refers to it. An entry runs once, by its
//! `id`; one that fails is tried again.

use super::{key, kind, name};
use crate::api::record::Generation;
use crate::operators::password::{self, Value};
use crate::operators::{Holds, Resource, postgresql, resource};
use serde::Serialize;

/// The keys of the secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";
const STATEMENT: &str = "create-role.sql";

/// The role that the operator's pooler looks passwords up with.
const TAKEN_ROLE: &str = "authenticator";

/// The place of our script in `managedSql`: the operator's own stands before it. Permanent.
pub const SCRIPT: u32 = 1;
const DEFAULT: u32 = 0;

/// The entries of the script. Permanent.
const ROLE: u32 = 0;
const DATABASE: u32 = 1;
const EXTENSIONS: u32 = 10;

/// What PostgreSQL brings along (PostgreSQL 17, appendix F), which needs no download. An extension's place is the `id` of
/// its entry: permanent, so that new ones stand at the end.
const EXTENSION_NAMES: [&str; 30] = [
    "amcheck",
    "autoinc",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_stat_statements",
    "pg_trgm",
    "pg_visibility",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "postgres_fdw",
    "tablefunc",
    "unaccent",
    "uuid-ossp",
];

/// The role that owns the application's database. Permanent.
pub fn owner(database: &str) -> String {
    if database == TAKEN_ROLE { format!("app_{database}") } else { postgresql::owner(database) }
}

/// Where an extension stands in the list of those that need no download.
pub fn position(extension: &str) -> Option<u32> {
    let place = EXTENSION_NAMES.iter().position(|name| *name == extension)?;
    u32::try_from(place).ok()
}

/// The ids of all entries that are to be applied.
pub fn entries(generation: &Generation) -> Vec<u32> {
    let extensions = generation.plan.terms.extensions.values().filter_map(|name| position(name));
    let database = makes_database(generation).then_some(DATABASE);
    [ROLE].into_iter().chain(database).chain(extensions.map(|place| EXTENSIONS + place)).collect()
}

/// What was restored has it.
fn makes_database(generation: &Generation) -> bool {
    generation.source.is_none()
}

pub fn compose(generation: &Generation) -> Vec<Resource> {
    let database = &generation.database().inside;
    let owner = owner(database);
    let values = [
        (USERNAME, Value::Text(owner.clone())),
        (PASSWORD, Value::Password),
        (STATEMENT, Value::Text(create_role(&owner, generation.source.is_some()))),
    ];
    let mut scripts = vec![Entry {
        name: "role",
        id: ROLE,
        text: Text::Secret { secret_key_ref: SecretKey { name: password::secret(generation), key: STATEMENT } },
        ..entry()
    }];
    if makes_database(generation) {
        let text = Text::Script(format!("CREATE DATABASE \"{database}\" OWNER \"{owner}\""));
        scripts.push(Entry { name: "database", id: DATABASE, text, ..entry() });
    }
    for name in generation.plan.terms.extensions.values() {
        scripts.extend(position(name).map(|place| Entry {
            name,
            id: EXTENSIONS + place,
            database: Some(database),
            text: Text::Script(format!("CREATE EXTENSION IF NOT EXISTS \"{name}\"")),
            ..entry()
        }));
    }
    // The operator would count versions up itself, and Crossplane would take that back.
    let spec = SgScriptSpec { managed_versions: false, continue_on_error: false, scripts };
    let script = resource(generation, key::SCRIPT, kind::SCRIPT, script_name(generation), Holds::Archive, spec);
    let mut resources = Vec::from(password::compose(generation, "kubernetes.io/basic-auth", &values));
    resources.push(script);
    resources
}

/// Also where the operator has forgotten that it ran before. `restored`: the role that is there may have the password of
/// another database.
fn create_role(owner: &str, restored: bool) -> String {
    let password = password::placeholder(PASSWORD);
    let otherwise =
        if restored { format!("ELSE\nALTER ROLE \"{owner}\" LOGIN PASSWORD '{password}';\n") } else { String::new() };
    format!(
        "DO $create$ BEGIN\n\
         IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{owner}') THEN\n\
         CREATE ROLE \"{owner}\" LOGIN PASSWORD '{password}';\n\
         {otherwise}END IF;\n\
         END $create$\n"
    )
}

/// It must not end like the operator's own.
fn script_name(generation: &Generation) -> String {
    format!("{}-account", name(generation))
}

/// Both are named with their ids: the operator would add its own, and Crossplane would take that back.
pub fn managed(generation: &Generation) -> ManagedSql {
    let own = Script { id: DEFAULT, sg_script: format!("{}-default", name(generation)) };
    ManagedSql { scripts: [own, Script { id: SCRIPT, sg_script: script_name(generation) }] }
}

fn entry<'a>() -> Entry<'a> {
    Entry { name: "", id: 0, version: 0, database: None, retry_on_error: true, text: Text::Script(String::new()) }
}

#[derive(Serialize)]
pub struct ManagedSql {
    scripts: [Script; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Script {
    id: u32,
    sg_script: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SgScriptSpec<'a> {
    managed_versions: bool,
    continue_on_error: bool,
    scripts: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    name: &'a str,
    id: u32,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    retry_on_error: bool,
    #[serde(flatten)]
    text: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Text {
    Script(String),
    #[serde(rename = "scriptFrom")]
    Secret {
        #[serde(rename = "secretKeyRef")]
        secret_key_ref: SecretKey,
    },
}

#[derive(Serialize)]
struct SecretKey {
    name: String,
    key: &'static str,
}
