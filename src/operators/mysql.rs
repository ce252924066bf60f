//! What every MySQL operator shares. In: names and settings of a plan. Out: what MySQL makes of them.
//! Must not name an operator's kinds.

use super::roles::{self, MARK, May, User};
use super::rotation;
use crate::api::claim::{LogLevel, Privileges};
use crate::api::record::Generation;
use crate::plan::parameters::memory;
use std::borrow::Cow;
use std::collections::BTreeMap;

pub const PORT: u16 = 3306;

/// What the settings of group replication begin with.
pub const GROUP_SETTINGS: &str = "group_replication_";

/// Accounts that MySQL or an operator keeps for itself, and the prefixes of more of them.
const RESERVED_USERS: [&str; 7] =
    ["localroot", "mysqladmin", "mysqlbackup", "mysqlhealthchecker", "mysqlmetrics", "mysqlrouter", "root"];
const RESERVED_PREFIXES: [&str; 3] = ["mysql_", "orc_", "vt_"];
/// The longest user name, in characters (MySQL 8.4, "Account User Names and Passwords").
const LONGEST_USER: usize = 32;

/// The application's user: of the same name as its database, or with `app_` before it where that is taken. Permanent.
pub fn user(database: &str) -> String {
    let reserved =
        RESERVED_USERS.contains(&database) || RESERVED_PREFIXES.iter().any(|prefix| database.starts_with(prefix));
    let name = if reserved { format!("app_{database}") } else { database.into() };
    name.chars().take(LONGEST_USER).collect()
}

/// Makes the database and its user, or puts both right; `password` is letters and digits. The user may do everything in
/// this database and nothing outside of it.
pub fn account(database: &str, password: &str) -> String {
    let user = user(database);
    // In a grant `_` stands for any letter, unless it is escaped (MySQL 8.4, "GRANT Statement").
    let granted = database.replace('_', r"\_");
    format!(
        "CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4;\n\
         CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';\n\
         ALTER USER '{user}'@'%' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON `{granted}`.* TO '{user}'@'%';\n"
    )
}

/// Puts all users right, and removes those of ours that are not among them: a script for a shell with MySQL's client, which
/// signs in by itself. Passwords are letters and digits. MySQL writes none into its logs.
pub fn roles_script(generation: &Generation) -> String {
    let (users, database) = (roles::users(generation), &generation.database().inside);
    let mut statements = String::new();
    if rotation::replaced(generation) {
        statements.push_str(&lock(&user(database)));
    }
    for (at, user) in users.iter().enumerate() {
        statements.push_str(&role(at, user, database));
    }
    let names: Vec<String> = users.iter().map(|user| format!("'{}'", user.name)).collect();
    let kept = if names.is_empty() { "''".into() } else { names.join(", ") };
    format!(
        "mysql <<SQL\n{statements}SQL\n\
         mysql --skip-column-names --batch <<'SQL' | mysql\n\
         SELECT CONCAT('DROP USER ', QUOTE(USER), '@', QUOTE(HOST), ';') FROM information_schema.USER_ATTRIBUTES\n\
         WHERE JSON_VALUE(ATTRIBUTE, '$.mark') = '{MARK}' AND USER NOT IN ({kept});\n\
         SQL\n"
    )
}

/// What he defined goes on working, which it would not without him.
fn lock(user: &str) -> String {
    format!("ALTER USER IF EXISTS '{user}'@'%' ACCOUNT LOCK;\n")
}

/// For MySQL's client, as `sign_in` of `roles::Client`.
pub const SIGN_IN: &str =
    "MYSQL_PWD=\"$PASSWORD\" mysql --host=\"$HOST\" --user=\"$USERNAME\" --execute='SELECT CURRENT_USER()'";

/// Within a document of the shell, where a backtick must be escaped.
fn role(at: usize, User { name, may }: &User, database: &str) -> String {
    const READ: &str = "SELECT, SHOW VIEW";
    const WRITE: &str = "INSERT, UPDATE, DELETE, EXECUTE, LOCK TABLES, CREATE TEMPORARY TABLES";
    const ADMIN: &str =
        "CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT";
    if *may == May::Rest {
        return lock(name);
    }
    let on = format!(r"\`{}\`.*", database.replace('_', r"\\_"));
    let user = format!("'{name}'@'%'");
    let mut text = format!(
        "CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '$PASSWORD_{at}';\n\
         ALTER USER {user} IDENTIFIED BY '$PASSWORD_{at}';\n\
         ALTER USER {user} ATTRIBUTE '{{\"mark\": \"{MARK}\"}}';\n"
    );
    let (held, lost): (&[&str], &[&str]) = match may {
        May::Be(Privileges::Read) => (&[READ], &[WRITE, ADMIN]),
        May::Be(Privileges::Write) => (&[READ, WRITE], &[ADMIN]),
        May::Be(Privileges::Admin) | May::MakeUsers => (&[READ, WRITE, ADMIN], &[]),
        May::Serve(_) => (&["ALL PRIVILEGES"], &[]),
        May::Rest => (&[], &[]),
    };
    if matches!(may, May::Serve(_)) {
        text.push_str(&format!("ALTER USER {user} ACCOUNT UNLOCK;\n"));
    }
    let option = if *may == May::MakeUsers { " WITH GRANT OPTION" } else { "" };
    for privileges in held {
        text.push_str(&format!("GRANT {privileges} ON {on} TO {user}{option};\n"));
    }
    for privileges in lost {
        text.push_str(&format!("REVOKE IF EXISTS {privileges} ON {on} FROM {user};\n"));
    }
    if *may == May::MakeUsers {
        text.push_str(&format!("GRANT CREATE USER ON *.* TO {user};\n"));
    }
    text
}

/// What a client's address says of encryption, as MySQL's own clients read it (MySQL 8.4, "Connecting to the Server Using
/// URI-Like Strings").
pub fn uri_query(tls: bool) -> &'static str {
    if tls { "ssl-mode=REQUIRED" } else { "" }
}

/// How much the server writes into its error log.
pub fn log_error_verbosity(level: LogLevel) -> u32 {
    match level {
        LogLevel::Error => 1,
        LogLevel::Warning => 2,
        LogLevel::Info | LogLevel::Debug => 3,
    }
}

/// The lines of an option file. Settings of group replication are `loose`: the plugin that knows them is not loaded while
/// the data directory is made, and an unknown setting stops the server.
pub fn option_lines(settings: &BTreeMap<&str, &str>) -> String {
    let mut lines = String::new();
    for (name, value) in settings {
        let loose = if name.starts_with(GROUP_SETTINGS) { "loose_" } else { "" };
        lines.extend([loose, name, "=", &option(value), "\n"]);
    }
    lines
}

/// `64MB` as MySQL writes it, `64M`: its units are powers of 1024 too (MySQL 8.4, "Program Option Modifiers").
fn option(value: &str) -> Cow<'_, str> {
    match (value.strip_suffix('B'), memory(value)) {
        (Some(amount), Some(_)) => amount.to_uppercase().into(),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_never_an_account_that_is_taken() {
        let cases = [
            ("orders", "orders"),
            ("web-shop_2", "web-shop_2"),
            ("root", "app_root"),
            ("mysqlrouter", "app_mysqlrouter"),
            ("mysql_innodb", "app_mysql_innodb"),
            ("vt_app", "app_vt_app"),
        ];
        for (database, expected) in cases {
            assert_eq!(user(database), expected, "{database}");
        }
        assert_eq!(user(&"x".repeat(60)).len(), LONGEST_USER);
    }

    #[test]
    fn a_grant_is_for_one_database_only() {
        let statements = account("web_shop", "secret");
        assert!(statements.contains(r"GRANT ALL PRIVILEGES ON `web\_shop`.* TO 'web_shop'@'%';"), "{statements}");
        assert!(statements.contains("CREATE DATABASE IF NOT EXISTS `web_shop` "), "{statements}");
        assert!(!statements.contains("*.*"), "{statements}");
    }

    #[test]
    fn settings_are_written_as_mysql_reads_them() {
        let settings = BTreeMap::from([
            ("group_replication_message_cache_size", "128MB"),
            ("innodb_buffer_pool_size", "2GB"),
            ("join_buffer_size", "512kB"),
            ("max_connections", "150"),
            ("transaction_isolation", "READ-COMMITTED"),
        ]);
        let expected = "loose_group_replication_message_cache_size=128M\n\
                        innodb_buffer_pool_size=2G\n\
                        join_buffer_size=512K\n\
                        max_connections=150\n\
                        transaction_isolation=READ-COMMITTED\n";
        assert_eq!(option_lines(&settings), expected);
    }
}
