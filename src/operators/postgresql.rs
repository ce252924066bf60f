//! What every PostgreSQL operator shares. In: names and settings of a plan. Out: what PostgreSQL makes of them.
//! Must not name an operator's kinds.

use crate::api::claim::LogLevel;
use crate::api::plan::Monitoring;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::map::map;
use crate::operators::backup_job::text;
use crate::operators::facts::Signal;
use k8s_openapi::api::core::v1::EnvVar;
use std::collections::BTreeMap;

pub const PORT: u16 = 5432;
/// Connections of a server that nobody tuned.
const MAX_CONNECTIONS: u64 = 100;
/// The longest identifier, in bytes.
const LONGEST_NAME: usize = 63;

/// Roles that PostgreSQL or an operator keeps for itself, and the prefixes of more of them.
const RESERVED_ROLES: [&str; 6] = ["none", "postgres", "public", "replicator", "standby", "streaming_replica"];
const RESERVED_PREFIXES: [&str; 2] = ["pg_", "cnpg_"];

/// The role that owns the application's database: of the same name, or with `app_` before it where that is taken.
/// Permanent.
pub fn owner(database: &str) -> String {
    let reserved =
        RESERVED_ROLES.contains(&database) || RESERVED_PREFIXES.iter().any(|prefix| database.starts_with(prefix));
    let name = if reserved { format!("app_{database}") } else { database.into() };
    name.chars().take(LONGEST_NAME).collect()
}

/// Where PostgreSQL's own tools find the application's database; no secret.
pub fn address(generation: &Generation, host: &str) -> Vec<EnvVar> {
    vec![
        text("PGHOST", host),
        text("PGPORT", &PORT.to_string()),
        text("PGSSLMODE", "require"),
        text("PGDATABASE", &generation.database().inside),
    ]
}

/// What a client's address says of encryption.
pub fn uri_query(tls: bool) -> &'static str {
    if tls { "sslmode=require" } else { "" }
}

/// How much the server logs, which takes effect without a restart; and with audit who changed what, by the library
/// pgaudit (its README, "pgaudit.log").
pub fn log_settings(monitoring: &Monitoring) -> BTreeMap<&'static str, &'static str> {
    let least = match monitoring.log_level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug1",
    };
    let audit = [("pgaudit.log", "ddl,role,write"), ("pgaudit.log_catalog", "off")];
    let audit = audit.into_iter().filter(|_| monitoring.audit);
    map([("log_min_messages", least)].into_iter().chain(audit))
}

/// How many connections a server with these settings takes.
pub fn max_connections(settings: &BTreeMap<&str, &str>) -> u64 {
    settings.get("max_connections").and_then(|number| number.parse().ok()).unwrap_or(MAX_CONNECTIONS)
}

/// What pools may take of the server's connections; the rest is for who connects directly.
const POOLED_PERCENT: u64 = 80;

/// How many connections all pools together may hold.
pub fn pooled_connections(settings: &BTreeMap<&str, &str>) -> u64 {
    max_connections(settings) * POOLED_PERCENT / 100
}

/// Age of the oldest transaction at which PostgreSQL stops: 2^31.
pub const WRAPAROUND: &str = "2147483648";

/// What Prometheus' own exporter, beside each member, says of them (postgres_exporter 0.20). `pods` and `volumes` are
/// expressions of their names.
pub fn exporter_signals(generation: &Generation, pods: &str, volumes: &str) -> BTreeMap<Signal, String> {
    let terms = &generation.plan.terms;
    let namespace = &terms.database.namespace;
    let members = format!(r#"namespace="{namespace}",pod=~"{pods}""#);
    let volumes = format!(r#"namespace="{namespace}",persistentvolumeclaim=~"{volumes}""#);
    let used = format!("sum by (pod) (pg_stat_database_numbackends{{{members}}})");
    let most = format!("sum by (pod) (pg_settings_max_connections{{{members}}})");
    let longest = format!(r#"max(pg_stat_activity_max_tx_duration{{{members},backend_type="client backend"}})"#);
    let oldest = format!("max(pg_database_wraparound_age_datfrozenxid_seconds{{{members}}})");
    let mut signals = map([
        // A member that is gone has no value, and no members at all are no vector.
        (Signal::MembersUp, format!("sum(pg_up{{{members}}}) or vector(0)")),
        (Signal::ConnectionsUsed, format!("max({used} / {most})")),
        (Signal::LongestTransaction, longest),
        // The exporter calls the age seconds, but it is a number of transactions.
        (Signal::TransactionIdsUsed, format!("{oldest} / {WRAPAROUND}")),
        (Signal::Queries, format!("pg_stat_database_xact_commit{{{members}}}")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if terms.replicas > 1 {
        signals.insert(Signal::ReplicationLag, format!("max(pg_replication_lag_seconds{{{members}}})"));
    }
    if terms.backup.is_some() {
        // A bare counter, so that a range can follow it.
        signals.insert(Signal::ArchiveFailures, format!("pg_stat_archiver_failed_count{{{members}}}"));
    }
    signals
}

/// What becoming release line `to` does to a server of line `from`: an upgrade in place stops it, and nothing goes
/// back.
pub fn upgrade(from: &str, to: &str) -> Class {
    match (from.parse::<u32>(), to.parse::<u32>()) {
        (Ok(from), Ok(to)) if from == to => Class::None,
        (Ok(from), Ok(to)) if from < to => Class::Restart,
        _ => Class::Refused,
    }
}

/// What going from one set of settings to another does to a running server.
pub fn settings_change(from: &BTreeMap<&str, &str>, to: &BTreeMap<&str, &str>) -> Class {
    let changed = from.keys().chain(to.keys()).filter(|name| from.get(*name) != to.get(*name));
    let classes = changed.map(|name| {
        let preloaded = library(name).is_some_and(|library| loads(from, library) != loads(to, library));
        if preloaded || NEEDS_RESTART.contains(name) { Class::Restart } else { Class::Online }
    });
    classes.max().unwrap_or(Class::None)
}

/// Settings with a dot belong to a library, which the first of them loads and the last unloads: both only at a start.
fn library(setting: &str) -> Option<&str> {
    setting.split_once('.').map(|(library, _)| library)
}

fn loads(settings: &BTreeMap<&str, &str>, name: &str) -> bool {
    settings.keys().any(|setting| library(setting) == Some(name))
}

/// Settings that are only read at the start: context `postmaster` in `pg_settings`, of any of PostgreSQL 14 to 18.
const NEEDS_RESTART: [&str; 55] = [
    "archive_mode",
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_worker_slots",
    "cluster_name",
    "commit_timestamp_buffers",
    "data_sync_retry",
    "debug_io_direct",
    "dynamic_shared_memory_type",
    "event_source",
    "hot_standby",
    "huge_page_size",
    "huge_pages",
    "ignore_invalid_pages",
    "io_max_combine_limit",
    "io_max_concurrency",
    "io_method",
    "jit_provider",
    "listen_addresses",
    "logging_collector",
    "max_active_replication_origins",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_notify_queue_pages",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "min_dynamic_shared_memory",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "notify_buffers",
    "old_snapshot_threshold",
    "pg_stat_statements.max",
    "port",
    "reserved_connections",
    "serializable_buffers",
    "shared_buffers",
    "shared_memory_type",
    "shared_preload_libraries",
    "subtransaction_buffers",
    "superuser_reserved_connections",
    "track_activity_query_size",
    "track_commit_timestamp",
    "transaction_buffers",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "wal_buffers",
    "wal_decode_buffer_size",
    "wal_level",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_never_a_role_that_is_taken() {
        let long = "pg_".to_string() + &"x".repeat(60);
        let cases = [
            ("orders", "orders"),
            ("web-shop_2", "web-shop_2"),
            ("public", "app_public"),
            ("streaming_replica", "app_streaming_replica"),
            ("pg_sales", "app_pg_sales"),
            ("cnpg_pooler_pgbouncer", "app_cnpg_pooler_pgbouncer"),
            ("pgsales", "pgsales"),
        ];
        for (database, expected) in cases {
            assert_eq!(owner(database), expected, "{database}");
        }
        assert_eq!(owner(&long).len(), LONGEST_NAME);
    }

    #[test]
    fn releases_only_go_up() {
        let cases = [
            ("17", "17", Class::None),
            ("16", "18", Class::Restart),
            ("9", "17", Class::Restart),
            ("18", "17", Class::Refused),
            ("17", "seventeen", Class::Refused),
        ];
        for (from, to, expected) in cases {
            assert_eq!(upgrade(from, to), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn settings_restart_the_server_only_where_it_reads_them_at_its_start() {
        let one = |name, value| BTreeMap::from([(name, value)]);
        let none = BTreeMap::new();
        let statements = one("pg_stat_statements.track", "top");
        let cases = [
            (none.clone(), none.clone(), Class::None),
            (one("work_mem", "4MB"), one("work_mem", "4MB"), Class::None),
            (one("work_mem", "4MB"), one("work_mem", "8MB"), Class::Online),
            (none.clone(), one("work_mem", "8MB"), Class::Online),
            (one("shared_buffers", "1GB"), one("shared_buffers", "2GB"), Class::Restart),
            (one("shared_buffers", "1GB"), none.clone(), Class::Restart),
            (none.clone(), statements.clone(), Class::Restart),
            (statements.clone(), none, Class::Restart),
            (statements, one("pg_stat_statements.track", "all"), Class::Online),
        ];
        for (from, to, expected) in cases {
            assert_eq!(settings_change(&from, &to), expected, "{from:?} -> {to:?}");
        }
    }

    #[test]
    fn the_list_of_settings_is_sorted_and_has_no_name_twice() {
        assert!(NEEDS_RESTART.is_sorted_by(|before, after| before < after));
    }
}
