//! How Vault makes users and takes them away again, per engine and by what they may. In: who owns the database. Out: texts for
//! Vault's database engine, in which `{{name}}`, `{{password}}` and `{{expiration}}` are Vault's own to fill in
//! (<https://developer.hashicorp.com/vault/docs/secrets/databases>). Must not hold a password.

use crate::operators::facts::UserMaker;
use serde_json::{Value, json};

/// What users of one role may. Its name is part of paths in Vault, and permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As the application's own user.
    Application,
    /// People who only look.
    Reader,
    /// People who run the database.
    Administrator,
}

impl Level {
    pub const ALL: [Level; 3] = [Level::Application, Level::Reader, Level::Administrator];

    pub fn name(self) -> &'static str {
        match self {
            Level::Application => "application",
            Level::Reader => "reader",
            Level::Administrator => "administrator",
        }
    }
}

/// How Vault calls an engine, and how it connects: a user and a password go into the address.
pub struct Plugin {
    pub name: &'static str,
    pub url: String,
    pub specific: Option<Value>,
}

pub fn plugin(service_type: &str, host: &str, port: u16, database: &str, query: &str) -> Option<Plugin> {
    let account = "{{username}}:{{password}}";
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    match service_type {
        "postgresql" => Some(Plugin {
            name: "postgresql-database-plugin",
            url: format!("postgresql://{account}@{host}:{port}/{database}{query}"),
            // What Vault sends is hashed already, so that no log of the server has a password.
            specific: Some(json!({"password_authentication": "scram-sha-256"})),
        }),
        "mysql" => Some(Plugin {
            name: "mysql-database-plugin",
            // As Go's driver writes it; servers sign for themselves.
            url: format!("{account}@tcp({host}:{port})/?tls=skip-verify"),
            specific: None,
        }),
        "mongodb" => Some(Plugin {
            name: "mongodb-database-plugin",
            url: format!("mongodb://{account}@{host}:{port}/{database}{query}"),
            specific: None,
        }),
        _ => None,
    }
}

/// Creation, then revocation.
pub fn statements(service_type: &str, maker: &UserMaker, database: &str, level: Level) -> (Vec<String>, Vec<String>) {
    match service_type {
        "mysql" => mysql(database, level),
        "mongodb" => mongodb(database, level),
        _ => postgresql(&maker.owner, level),
    }
}

/// What somebody makes belongs to the role that owns the database, as soon as he signs in: it is still there when the user is
/// gone. What is left is handed over, or PostgreSQL would refuse to drop the user.
fn postgresql(owner: &str, level: Level) -> (Vec<String>, Vec<String>) {
    let user = "\"{{name}}\"";
    let groups = match level {
        Level::Application => format!("\"{owner}\""),
        Level::Reader => "\"pg_read_all_data\"".into(),
        Level::Administrator => format!("\"{owner}\", \"pg_monitor\""),
    };
    let mut creation = vec![format!(
        "CREATE ROLE {user} WITH LOGIN PASSWORD '{{{{password}}}}' VALID UNTIL '{{{{expiration}}}}' IN ROLE {groups};"
    )];
    if level != Level::Reader {
        creation.push(format!("ALTER ROLE {user} SET role = '{owner}';"));
    }
    let revocation = [
        format!("ALTER ROLE {user} NOLOGIN;"),
        // From PostgreSQL 16 on whoever made a user is not yet a member of it.
        format!("GRANT {user} TO CURRENT_USER;"),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}';".into(),
        format!("REASSIGN OWNED BY {user} TO \"{owner}\";"),
        format!("DROP OWNED BY {user};"),
        format!("DROP ROLE {user};"),
    ];
    (creation, revocation.into())
}

fn mysql(database: &str, level: Level) -> (Vec<String>, Vec<String>) {
    let (user, on) = ("'{{name}}'@'%'", format!("`{}`.*", database.replace('_', r"\_")));
    let privileges = match level {
        Level::Reader => "SELECT, SHOW VIEW",
        Level::Application | Level::Administrator => {
            "SELECT, SHOW VIEW, INSERT, UPDATE, DELETE, EXECUTE, LOCK TABLES, CREATE TEMPORARY TABLES, CREATE, ALTER, DROP, \
             INDEX, REFERENCES, TRIGGER, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT"
        }
    };
    let creation = [
        format!("CREATE USER {user} IDENTIFIED BY '{{{{password}}}}';"),
        format!("GRANT {privileges} ON {on} TO {user};"),
    ];
    (creation.into(), vec![format!("DROP USER IF EXISTS {user};")])
}

fn mongodb(database: &str, level: Level) -> (Vec<String>, Vec<String>) {
    let roles: &[&str] = match level {
        Level::Application => &["readWrite", "dbAdmin"],
        Level::Reader => &["read"],
        Level::Administrator => &["dbOwner"],
    };
    let roles: Vec<Value> = roles.iter().map(|role| json!({"role": role})).collect();
    let creation = json!({"db": database, "roles": roles});
    (vec![creation.to_string()], vec![json!({"db": database}).to_string()])
}
