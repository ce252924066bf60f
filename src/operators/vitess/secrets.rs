//! Who signs in. In: a generation. Out: the application's secret, from which vtgate reads its only user, and the statements
//! that make Vitess' own accounts in a new member, which hold no password: all but replication answer on a socket only.

use super::key;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::password::{self, Value};
use crate::operators::{Holds, Metadata, Resource, metadata, mysql};
use crate::wire::{Key, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::BTreeMap;

/// The keys of the application's secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";
/// vtgate's file of users.
pub const USERS: &str = "users.json";
/// The key of the statements.
pub const INIT_SCRIPT: &str = "init_db.sql";

pub fn init_script(generation: &Generation) -> String {
    format!("{}-init-script", generation.name())
}

pub fn compose(generation: &Generation) -> Vec<Resource> {
    let user = mysql::user(&generation.database().inside);
    // External Secrets puts the password in.
    let users = format!(r#"{{"{user}":[{{"UserData":"{user}","Password":"{{{{ index . "{PASSWORD}" }}}}"}}]}}"#);
    let values = [(USERNAME, Value::Text(user)), (PASSWORD, Value::Password), (USERS, Value::Text(users))];
    let mut resources = Vec::from(password::compose(generation, "Opaque", &values));
    let script = Secret {
        api_version: "v1",
        kind: "Secret",
        metadata: metadata(generation, init_script(generation)),
        r#type: "Opaque",
        data: map([(INIT_SCRIPT, STANDARD.encode(statements()))]),
    };
    let key = Key(generation.key(key::INIT_SCRIPT));
    resources.push(Resource { key, holds: Holds::Archive, object: Object::of(&script) });
    resources
}

/// What Vitess' accounts may do (Vitess 24, "init_db.sql").
const READ_WRITE: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, FILE, REFERENCES, INDEX, ALTER, \
     SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, \
     CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER";

/// Run in every new member alone, so nothing of it may go to the others: what one has and another has not would stop
/// replication.
fn statements() -> String {
    let accounts = [
        ("vt_dba", "ALL".to_string(), " WITH GRANT OPTION"),
        ("vt_app", READ_WRITE.into(), ""),
        ("vt_appdebug", "SELECT, SHOW DATABASES, PROCESS".into(), ""),
        ("vt_allprivs", format!("{READ_WRITE}, REPLICATION SLAVE"), ""),
        ("vt_filtered", format!("{READ_WRITE}, REPLICATION SLAVE"), ""),
        ("vt_monitoring", "SELECT, PROCESS, SUPER, REPLICATION CLIENT, RELOAD".into(), ""),
    ];
    let accounts = accounts.map(|(user, privileges, option)| {
        format!("CREATE USER '{user}'@'localhost';\nGRANT {privileges} ON *.* TO '{user}'@'localhost'{option};\n")
    });
    format!(
        "SET @original_super_read_only = IF(@@global.super_read_only = 1, 'ON', 'OFF');\n\
         SET GLOBAL super_read_only = 'OFF';\n\
         SET sql_log_bin = 0;\n\
         DROP USER IF EXISTS ''@'%', ''@'localhost', 'root'@'%';\n\
         DROP DATABASE IF EXISTS test;\n\
         CREATE DATABASE IF NOT EXISTS _vt;\n\
         {}\
         GRANT PROXY ON ''@'' TO 'vt_dba'@'localhost' WITH GRANT OPTION;\n\
         GRANT SELECT, UPDATE, DELETE, DROP ON performance_schema.* TO 'vt_monitoring'@'localhost';\n\
         CREATE USER 'vt_repl'@'%';\n\
         GRANT REPLICATION SLAVE ON *.* TO 'vt_repl'@'%';\n\
         SET GLOBAL super_read_only = IFNULL(@original_super_read_only, 'ON');\n",
        accounts.concat()
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    r#type: &'static str,
    data: BTreeMap<&'static str, String>,
}
