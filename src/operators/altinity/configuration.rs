//! What the servers are told: users, profiles, settings, files. In: a generation. Out: maps in the operator's language,
//! where a slash is a level of ClickHouse's own XML (Altinity operator 0.25.6, "ClickHouseInstallation custom resource").
//! Nothing is escaped on the way, so no value may have `<`, `>` or `&`.

use super::{USER, keeper, ports, secret};
use crate::api::claim::LogLevel;
use crate::api::plan::{Plan, Terms};
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::password;
use crate::plan::parameters::memory;
use serde::Serialize;
use std::collections::BTreeMap;

pub const METRICS: u16 = 9363;
/// Where members fetch data from each other.
pub const INTERSERVER: u16 = 9009;
/// The user that clickhouse-backup signs in as, from within the pod.
pub const BACKUP_USER: &str = "backup";
/// Where the certificate is mounted.
pub const CERTIFICATE: &str = "/etc/clickhouse-server/certificate";

/// Settings of the server; all others are of a query, and stand in the profile that every user has.
const SERVER: [&str; 4] =
    ["max_server_memory_usage_to_ram_ratio", "mark_cache_size", "max_connections", "max_concurrent_queries"];
/// Those of them that a running server does not take over (Altinity operator 0.25.6, `configurationRestartPolicy`).
pub const RESTARTING: [&str; 2] = ["mark_cache_size", "max_connections"];

pub type Section = BTreeMap<String, Setting>;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    Text(String),
    #[serde(rename_all = "camelCase")]
    Secret {
        value_from: ValueFrom,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueFrom {
    secret_key_ref: SecretKeyRef,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecretKeyRef {
    name: String,
    key: &'static str,
}

fn text(value: impl Into<String>) -> Setting {
    Setting::Text(value.into())
}

/// The operator makes a variable of the server's container of it, so that a pod waits for its secret. Its older form,
/// `k8s_secret_password`, falls back to a password that everybody knows while there is no secret.
fn from_secret(generation: &Generation, key: &'static str) -> Setting {
    Setting::Secret {
        value_from: ValueFrom { secret_key_ref: SecretKeyRef { name: password::secret(generation), key } },
    }
}

fn section(settings: impl IntoIterator<Item = (String, Setting)>) -> Section {
    map(settings)
}

/// Users from anywhere: the network's rules decide who comes that far. The backup's has the operator's default, its own pod.
pub fn users(generation: &Generation) -> Section {
    let mut users = section([
        (format!("{USER}/password"), from_secret(generation, secret::PASSWORD)),
        (format!("{USER}/networks/ip"), text("::/0")),
        (format!("{USER}/profile"), text("default")),
        (format!("{USER}/quota"), text("default")),
    ]);
    if generation.plan.terms.backup.is_some() {
        users.extend([
            (format!("{BACKUP_USER}/password"), from_secret(generation, secret::BACKUP)),
            // It backs up users as well.
            (format!("{BACKUP_USER}/access_management"), text("1")),
            (format!("{BACKUP_USER}/profile"), text("default")),
            (format!("{BACKUP_USER}/quota"), text("default")),
        ]);
    }
    users
}

pub fn profiles(plan: &Plan) -> Section {
    let terms = &plan.terms;
    let of_queries = plan.parameters().into_iter().filter(|(name, _)| !SERVER.contains(name));
    let mut profile: BTreeMap<&str, String> = map(of_queries.map(|(name, value)| (name, plain(value))));
    if keeper::instances(terms) > 0 {
        profile.insert("default_table_engine", "ReplicatedMergeTree".into());
        // A member that is down takes part once it is back, see ClickHouse, "Replicated".
        profile.insert("distributed_ddl_output_mode", "null_status_on_timeout".into());
    }
    // Without a replica to spare, the loss of one would stop all inserts, so they go on without a copy.
    let copies = terms.synchronous_replicas + 1;
    if copies > 1 && copies < terms.replicas {
        profile.insert("insert_quorum", copies.to_string());
    }
    section(profile.into_iter().map(|(name, value)| (format!("default/{name}"), text(value))))
}

pub fn settings(generation: &Generation) -> Section {
    let plan = &generation.plan;
    let terms = &plan.terms;
    let of_server = plan.parameters().into_iter().filter(|(name, _)| SERVER.contains(name));
    let mut settings = section(of_server.map(|(name, value)| (name.into(), text(plain(value)))));
    let fixed = [
        ("logger/level", level(terms.monitoring.log_level)),
        // They go to the console as well; the operator's own 10 GB of files would be the node's.
        ("logger/size", "100M"),
        ("logger/count", "2"),
        ("prometheus/endpoint", "/metrics"),
        ("prometheus/metrics", "true"),
        ("prometheus/events", "true"),
        ("prometheus/asynchronous_metrics", "true"),
        // A server without its database must not take its place among the others.
        ("startup_scripts/throw_on_error", "true"),
        ("interserver_http_credentials/user", "interserver"),
    ];
    settings.extend(fixed.map(|(name, value)| (name.into(), text(value))));
    settings.extend([
        ("prometheus/port".into(), text(METRICS.to_string())),
        ("startup_scripts/scripts/query".into(), text(creation(terms))),
        ("interserver_http_credentials/password".into(), from_secret(generation, secret::INTERSERVER)),
    ]);
    if terms.monitoring.audit {
        let session_log =
            [("database", "system"), ("table", "session_log"), ("ttl", "event_date + INTERVAL 30 DAY DELETE")];
        settings.extend(session_log.map(|(name, value)| (format!("session_log/{name}"), text(value))));
    }
    if terms.tls {
        let open = [
            ("tcp_port_secure", ports(terms).native),
            ("https_port", ports(terms).http),
            ("interserver_https_port", INTERSERVER),
        ];
        settings.extend(open.map(|(name, port)| (name.into(), text(port.to_string()))));
        let closed = ["tcp_port", "http_port", "interserver_http_port", "mysql_port", "postgresql_port"];
        settings.extend(closed.map(|name| (name.into(), text(REMOVED))));
    }
    settings
}

/// The operator's word for taking a setting out of ClickHouse's own file ("ClickHouse operator hardening guide").
const REMOVED: &str = "_removed_";

/// It runs at each start, and does nothing once the database is there. The operator makes the same of it on new members.
fn creation(terms: &Terms) -> String {
    let name = &terms.database.inside;
    let engine = match keeper::instances(terms) {
        0 => "Atomic".into(),
        _ => format!("Replicated('/clickhouse/databases/{name}', '{{shard}}', '{{replica}}')"),
    };
    format!("CREATE DATABASE IF NOT EXISTS `{name}` ENGINE = {engine}")
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "information",
        LogLevel::Debug => "debug",
    }
}

/// Plans write amounts as `64MB`, ClickHouse takes bytes.
fn plain(value: &str) -> String {
    memory(value).map_or_else(|| value.into(), |Bytes(bytes)| bytes.to_string())
}

pub fn files(terms: &Terms) -> BTreeMap<&'static str, String> {
    // Its password is empty, and nobody needs it: members know each other by a secret of their own. The name comes after
    // that of the operator's file, which makes it.
    let mut files = map([(
        "users.d/remove_default_user.xml",
        "<clickhouse>\n  <users>\n    <default remove=\"1\"/>\n  </users>\n</clickhouse>\n".to_string(),
    )]);
    if terms.tls {
        files.insert("config.d/certificate.xml", openssl());
    }
    files
}

/// Servers show their certificate, and hold each other's to the authority that issued it.
fn openssl() -> String {
    format!(
        "<clickhouse>
  <openSSL>
    <server>
      <certificateFile>{CERTIFICATE}/tls.crt</certificateFile>
      <privateKeyFile>{CERTIFICATE}/tls.key</privateKeyFile>
      <verificationMode>none</verificationMode>
      <disableProtocols>sslv2,sslv3,tlsv1,tlsv1_1</disableProtocols>
      <preferServerCiphers>true</preferServerCiphers>
    </server>
    <client>
      <caConfig>{CERTIFICATE}/ca.crt</caConfig>
      <loadDefaultCAFile>true</loadDefaultCAFile>
      <verificationMode>strict</verificationMode>
      <disableProtocols>sslv2,sslv3,tlsv1,tlsv1_1</disableProtocols>
    </client>
  </openSSL>
</clickhouse>
"
    )
}
