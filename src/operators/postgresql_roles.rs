//! Users of PostgreSQL in SQL. In: who is to be there. Out: a script for psql that puts all of them right. Must not hold a
//! password: psql reads them from its environment.
//!
//! What may be read and written is what the predefined roles of PostgreSQL 14 and newer say (PostgreSQL 17, "Predefined
//! Roles"): all tables, also those to come. Who may do all is a member of the role that owns the database.

use super::roles::{self, MARK, May, User};
use super::rotation;
use crate::api::claim::Privileges;
use crate::api::record::Generation;

const READ: &str = "pg_read_all_data";
const WRITE: &str = "pg_write_all_data";
const MONITOR: &str = "pg_monitor";

/// The roles that a user is a member of.
pub fn member_of(may: May, owner: &str) -> Vec<String> {
    match may {
        May::Be(Privileges::Read) => vec![READ.into()],
        May::Be(Privileges::Write) => vec![READ.into(), WRITE.into()],
        May::Be(Privileges::Admin) | May::Serve(_) => vec![owner.into()],
        May::Rest => vec![],
        // Whatever it is to give.
        May::MakeUsers => vec![owner.into(), READ.into(), MONITOR.into()],
    }
}

/// For psql: signs in with `USERNAME` and `PASSWORD`, and from then on the user works as the owner. Who signs in as one who does
/// so already has to stop it before he can say it again.
pub fn sign_in(owner: &str) -> String {
    format!(
        "PGUSER=\"$USERNAME\" PGPASSWORD=\"$PASSWORD\" psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \\\n\
         \x20 --command='SET ROLE NONE' --command=\"ALTER ROLE SESSION_USER SET role = '{owner}'\""
    )
}

/// Run by a superuser, in the application's database. Who rests is removed: nothing belongs to him.
pub fn script(generation: &Generation, owner: &str) -> String {
    let users = roles::users(generation);
    let mut statements = String::from(
        // A statement that fails would be logged, with the password.
        "SET log_statement = 'none';\nSET log_min_error_statement = 'panic';\nSET log_min_duration_statement = -1;\n\
         SET client_min_messages = 'error';\n",
    );
    for (at, user) in users.iter().enumerate().filter(|(_, user)| user.may != May::Rest) {
        statements.push_str(&one(at, user, owner));
    }
    statements.push_str(&removal(&users, owner));
    if rotation::replaced(generation) {
        statements.push_str(&format!("ALTER ROLE \"{owner}\" NOLOGIN;\n"));
    }
    format!("psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 <<'SQL'\n{statements}SQL\n")
}

/// Divides by zero where the role is somebody else's, which ends the script.
fn one(at: usize, User { name, may }: &User, owner: &str) -> String {
    let held = member_of(*may, owner);
    let all = [READ.to_string(), WRITE.to_string(), owner.to_string()];
    let option = if *may == May::MakeUsers { " WITH ADMIN OPTION" } else { "" };
    let creates = if *may == May::MakeUsers { "CREATEROLE" } else { "NOCREATEROLE" };
    let mut text = format!(
        "\\getenv password PASSWORD_{at}\n\
         SELECT 'CREATE ROLE \"{name}\"; COMMENT ON ROLE \"{name}\" IS ''{MARK}'''\n\
         WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec\n\
         SELECT 1 / count(*) AS ours FROM pg_roles\n\
         WHERE rolname = '{name}' AND shobj_description(oid, 'pg_authid') = '{MARK}' \\g /dev/null\n\
         ALTER ROLE \"{name}\" WITH LOGIN {creates} PASSWORD :'password';\n"
    );
    for role in all.iter().filter(|role| !held.contains(role)) {
        text.push_str(&format!("REVOKE \"{role}\" FROM \"{name}\";\n"));
    }
    for role in held {
        text.push_str(&format!("GRANT \"{role}\" TO \"{name}\"{option};\n"));
    }
    text
}

/// What they own goes to the owner, or PostgreSQL would refuse.
fn removal(users: &[User], owner: &str) -> String {
    let stay = users.iter().filter(|user| user.may != May::Rest);
    let names: Vec<String> = stay.map(|user| format!("'{}'", user.name)).collect();
    let kept = if names.is_empty() { "''".into() } else { names.join(", ") };
    format!(
        "SELECT format('REASSIGN OWNED BY %1$I TO \"{owner}\"; DROP OWNED BY %1$I; DROP ROLE %1$I', rolname)\n\
         FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = '{MARK}' AND rolname NOT IN ({kept}) \\gexec\n"
    )
}
