//! Stand-ins for whoever makes something of what is composed: each database operator, Kubernetes' own controllers, External
//! Secrets, cert-manager. In: their resources. Out: what they would make of them, a step at a time: workloads, volumes,
//! secrets, backups, statuses. Must not know Crossplane, nor what is composed why.
//!
//! One file each. A stand-in writes what its model writes, as far as anybody here looks at it; its file says from where that
//! is known. What a model removes by a finalizer is owned here, and so goes as well.

mod objects;
mod kubernetes;
mod secrets;
mod cloudnative_pg;
mod zalando;
mod stackgres;
mod azure_service_operator;
mod percona_server_mongodb;
mod everest;
mod mongodb_community;
mod innodb_cluster;
mod vitess;
mod altinity;
mod ot_container_kit;
mod eck;

pub use objects::{encoded, owned};

use super::store::{Id, Store, text};
use crate::api::plan::Maintenance;
use crate::plan::calendar::{self, Side};
use crate::render::object;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Group, kind, and who looks after it. libSQL has no operator: Kubernetes does all.
type StandIn = (&'static str, &'static str, fn(&mut Turn, &Id));

/// In the order of their turns: operators first, then who makes what operators ask for.
const STAND_INS: [StandIn; 40] = [
    ("postgresql.cnpg.io", "Cluster", cloudnative_pg::cluster),
    ("postgresql.cnpg.io", "Backup", cloudnative_pg::backup),
    ("postgresql.cnpg.io", "ScheduledBackup", cloudnative_pg::scheduled_backup),
    ("postgresql.cnpg.io", "Pooler", cloudnative_pg::pooler),
    ("postgresql.cnpg.io", "Database", cloudnative_pg::database),
    ("acid.zalan.do", "postgresql", zalando::postgresql),
    ("stackgres.io", "SGCluster", stackgres::cluster),
    ("stackgres.io", "SGBackup", stackgres::backup),
    (azure_service_operator::POSTGRESQL, "FlexibleServer", azure_service_operator::server),
    (azure_service_operator::POSTGRESQL, "FlexibleServersDatabase", azure_service_operator::beside),
    (azure_service_operator::POSTGRESQL, "FlexibleServersConfiguration", azure_service_operator::beside),
    (azure_service_operator::POSTGRESQL, "FlexibleServersFirewallRule", azure_service_operator::beside),
    (azure_service_operator::POSTGRESQL, "FlexibleServersAdministrator", azure_service_operator::beside),
    (azure_service_operator::IDENTITY, "UserAssignedIdentity", azure_service_operator::identity),
    (azure_service_operator::IDENTITY, "FederatedIdentityCredential", azure_service_operator::beside),
    ("everest.percona.com", "DatabaseCluster", everest::cluster),
    ("everest.percona.com", "DatabaseClusterBackup", everest::backup),
    ("everest.percona.com", "DatabaseClusterRestore", everest::restore),
    ("psmdb.percona.com", "PerconaServerMongoDB", percona_server_mongodb::cluster),
    ("psmdb.percona.com", "PerconaServerMongoDBBackup", percona_server_mongodb::backup),
    ("psmdb.percona.com", "PerconaServerMongoDBRestore", percona_server_mongodb::restore),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity", mongodb_community::replica_set),
    ("mysql.oracle.com", "InnoDBCluster", innodb_cluster::cluster),
    ("mysql.oracle.com", "MySQLBackup", innodb_cluster::backup),
    ("planetscale.com", "VitessCluster", vitess::cluster),
    ("planetscale.com", "VitessBackupSchedule", vitess::schedule),
    ("clickhouse.altinity.com", "ClickHouseInstallation", altinity::installation),
    ("clickhouse-keeper.altinity.com", "ClickHouseKeeperInstallation", altinity::keeper),
    ("redis.redis.opstreelabs.in", "RedisReplication", ot_container_kit::replication),
    ("redis.redis.opstreelabs.in", "RedisSentinel", ot_container_kit::sentinel),
    ("redis.redis.opstreelabs.in", "RedisCluster", ot_container_kit::cluster),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch", eck::elasticsearch),
    ("external-secrets.io", "ExternalSecret", secrets::external_secret),
    ("external-secrets.io", "PushSecret", secrets::ready),
    ("cert-manager.io", "Certificate", secrets::certificate),
    ("apps", "StatefulSet", kubernetes::stateful_set),
    ("apps", "Deployment", kubernetes::deployment),
    ("batch", "Job", kubernetes::job),
    ("batch", "CronJob", kubernetes::cron_job),
    ("", "PersistentVolumeClaim", kubernetes::volume),
];

/// What goes wrong for as long as somebody lets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// One member of each database is down, and none gets ready.
    pub members: bool,
    /// Backups fail.
    pub backups: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Operators {
    pub outage: Outage,
    memory: Memory,
}

/// What is in nobody's status. By UID.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// Of operators that make pods themselves.
    members: BTreeMap<String, Members>,
    /// Schedules, and when each is due next.
    schedules: BTreeMap<String, (String, Timestamp)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Members {
    ready: u64,
    /// What the pods are made of.
    rolled_out: Value,
}

impl Operators {
    /// When something on a schedule is due next.
    pub fn wake(&self) -> Option<Timestamp> {
        self.memory.schedules.values().map(|(_, next)| *next).min()
    }

    /// One step of everything that is not yet as it was asked for. Returns what shall be deleted.
    pub fn step(&mut self, store: &mut Store, now: Timestamp) -> Vec<Id> {
        let known = std::mem::take(&mut self.memory.schedules);
        let mut turn = Turn { store, now, outage: self.outage, memory: &mut self.memory, known, gone: vec![] };
        for (group, kind, look_after) in STAND_INS {
            for id in turn.store.of_kind(group, kind) {
                look_after(&mut turn, &id);
            }
        }
        turn.gone
    }
}

/// What a stand-in has to work with.
struct Turn<'a> {
    store: &'a mut Store,
    now: Timestamp,
    outage: Outage,
    memory: &'a mut Memory,
    /// The schedules of the step before.
    known: BTreeMap<String, (String, Timestamp)>,
    gone: Vec<Id>,
}

impl Turn<'_> {
    /// Null: it does not exist.
    fn get(&self, id: &Id) -> Value {
        self.store.get(id).cloned().unwrap_or_default()
    }

    /// One of the same namespace.
    fn beside(&self, of: &Id, api_version: &str, kind: &str, name: &str) -> Value {
        self.get(&Id::new(api_version, kind, &of.namespace, name))
    }

    /// Makes it, or makes it so. What somebody else controls stays as it is.
    fn apply(&mut self, value: Value) {
        let _ = self.store.apply("operator", value, self.now);
    }

    fn set_status(&mut self, id: &Id, status: Value) {
        self.store.edit(id, |value| {
            object(value).insert("status".into(), status);
        });
    }

    fn delete(&mut self, id: Id) {
        self.gone.push(id);
    }

    /// Whether the schedule of `of`, a cron expression of five fields, is due; it is asked once in a step. None: there is
    /// none now.
    fn is_due(&mut self, of: &Value, schedule: Option<&str>) -> bool {
        let Some(schedule) = schedule else { return false };
        let uid = text(&of["metadata"]["uid"]).to_owned();
        let next = self.known.remove(&uid).filter(|(known, _)| known == schedule).map(|(_, next)| next);
        let due = next.is_some_and(|next| next <= self.now);
        let soon = || calendar::fires(schedule, &Maintenance::default(), self.now, Side::After);
        let following = if due { None } else { next }.or_else(soon);
        self.memory.schedules.extend(following.map(|next| (uid, (schedule.into(), next))));
        due
    }

    /// When it is due next, after it was asked whether it is due now.
    fn due_at(&self, of: &Value) -> Option<Timestamp> {
        self.memory.schedules.get(text(&of["metadata"]["uid"])).map(|(_, next)| *next)
    }
}
