//! SQLite behind libsql-server 0.24 (<https://github.com/tursodatabase/libsql>), without an operator. In: a generation. Out:
//! a volume, which holds the data, a `StatefulSet` of one pod, its password, and a `CronJob` that dumps the database; facts;
//! health.
//!
//! The server takes a password (its HTTP basic authentication) or tokens that somebody signs with a key of his own. Nobody
//! here can sign, so it is a password. Its client libraries take one text, which the server accepts in a bearer's place as
//! well: the secret `<name>-credentials` has it under the key `token`.
//!
//! Connections are not encrypted: the server cannot. A continuous backup is the server's own (bottomless), which knows a
//! bucket and no folder in it; a pod that finds its volume empty brings the newest state back from there.
//!
//! Must not know an integration.

mod change;
mod facts;
mod health;
mod restore;
mod server;

use super::backup_job::{self, Dump, from_secret, text};
use super::password::{self, Value};
use super::{
    AtRest, BackupRun, Encryption, Engine, EngineName, Features, Health, Holds, Operator, Reference, Resource,
    Restores, pods, resource,
};
use crate::api::claim::{self, BackupMethod, Topology};
use crate::api::destination::{DestinationAccess, Store};
use crate::api::input::Engines;
use crate::api::plan::{Delivery, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::observed::{Observed, Question};
use crate::wire::{Key, Object, Undecodable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the server is rendered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Secrets with the credentials of the image registry, in the database's namespace.
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<String>,
    /// The priority class of the server's pod.
    #[schemars(length(min = 1, max = 253))]
    pub priority_class: Option<String>,
}

pub struct LibSql;

impl Operator for LibSql {
    fn features(&self) -> Features {
        Features {
            engine: EngineName::Sqlite,
            topologies: &[Topology::Standalone],
            most_replicas: 1,
            read_replicas: false,
            shards: None,
            odd_replicas: false,
            pooling: false,
            backup_methods: &[BackupMethod::Auto, BackupMethod::Dump],
            backup_on_demand: true,
            point_in_time: true,
            extensions: false,
            hibernation: true,
            restore: Restores::Archive,
            in_place: false,
            standby: None,
            stores: &[Store::S3],
            // What is not encrypted stays inside.
            load_balancer: false,
            encryption: Encryption::Never,
            audit: false,
            custom_queries: false,
            roles: false,
            console: false,
            at_rest: AtRest::Volume,
            restricted: true,
        }
    }

    fn change(&self, from: &Plan, to: &Plan) -> Class {
        change::class(from, to)
    }

    fn problems(&self, terms: &Terms) -> Vec<Problem> {
        let keyless = terms.backup.as_ref().is_some_and(|backup| {
            backup.continuous && backup.destination.access == DestinationAccess::WorkloadIdentity {}
        });
        let problem = || {
            let wrong = "libsql-server signs in to the object store with keys, and the destination has none";
            Problem::new("spec.backup.continuous", wrong, "write false, or let the platform name a secret with keys")
        };
        keyless.then(problem).into_iter().collect()
    }

    fn helpers(&self, _terms: &Terms) -> Amounts {
        Amounts::default()
    }

    fn requirements(&self, generation: &Generation) -> Vec<Question> {
        let terms = &generation.plan.terms;
        let looks = terms.backup.is_some() && terms.delivery == Delivery::Direct;
        looks.then(|| backup_job::question(generation)).into_iter().collect()
    }

    fn data(&self, generation: &Generation) -> Vec<Reference> {
        let (api_version, kind) = VOLUME;
        vec![Reference { key: Key(generation.key(VOLUME_KEY)), api_version, kind, name: name(generation) }]
    }

    fn compose(&self, generation: &Generation, settings: &Engines, observed: &Observed) -> Engine {
        let mut resources = vec![volume(generation)];
        resources.extend(server::compose(generation, &settings.lib_sql));
        resources.extend(password::compose(generation, "Opaque", &credentials(generation)));
        if let Some(backup) = &generation.plan.terms.backup {
            let dump = dump(generation, &settings.backup_jobs);
            resources.push(backup_job::schedule(generation, backup, &dump, &settings.backup_jobs));
        }
        resources.extend(restore::compose(generation, &settings.backup_jobs, observed));
        Engine { resources, facts: facts::facts(generation) }
    }

    fn backup(&self, generation: &Generation, settings: &Engines, role: &str, name: String) -> Option<Resource> {
        let backup = generation.plan.terms.backup.as_ref()?;
        let dump = dump(generation, &settings.backup_jobs);
        Some(backup_job::once(generation, backup, &dump, &settings.backup_jobs, role, name))
    }

    fn unrestorable(&self, restore: &claim::Restore, _from: &Terms, _to: &Terms) -> Vec<Problem> {
        restore::problem(restore).into_iter().collect()
    }

    fn backed_up(&self, backup: &Object) -> Result<BackupRun, Undecodable> {
        backup_job::run(backup)
    }

    fn health(&self, generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
        health::health(generation, observed)
    }
}

/// The permanent keys; a generation adds its number.
const VOLUME_KEY: &str = "volume";
const SERVER_KEY: &str = "server";
const VOLUME: (&str, &str) = ("v1", "PersistentVolumeClaim");
const SERVER: (&str, &str) = ("apps/v1", "StatefulSet");
/// HTTP, for everything.
const PORT: u16 = 8080;

/// Of everything that is not named after a secret or a job: these are kinds that applications have too, under their own
/// plain names.
fn name(generation: &Generation) -> String {
    format!("{}-libsql", generation.name())
}

/// Keys of the secret.
mod credential {
    pub const USERNAME: &str = "username";
    pub const PASSWORD: &str = "password";
    /// Both, as HTTP has them.
    pub const TOKEN: &str = "token";
}

fn credentials(generation: &Generation) -> [(&'static str, Value); 3] {
    let username = &generation.database().inside;
    let token = format!(r#"{{{{ printf "%s:%s" "{username}" (index . "{}") | b64enc }}}}"#, credential::PASSWORD);
    [
        (credential::USERNAME, Value::Text(username.clone())),
        (credential::PASSWORD, Value::Password),
        (credential::TOKEN, Value::Text(token)),
    ]
}

/// A claim of its own and not the `StatefulSet`'s, so that it can grow, and stay.
fn volume(generation: &Generation) -> Resource {
    let terms = &generation.plan.terms;
    let spec = pods::volume_claim(terms, terms.storage);
    resource(generation, VOLUME_KEY, VOLUME, name(generation), Holds::Data(terms.storage), spec)
}

/// What a dump consists of.
const FILE: &str = "dump.sql.gz";

/// The server writes the whole database as SQL; one that was cut off does not end with the transaction.
const SCRIPT: &str = r#"curl --silent --show-error --fail-with-body --speed-limit 1 --speed-time 300 \
  --user "$USERNAME:$PASSWORD" --output /backup/dump.sql "$SERVER/dump"
tail -n 1 /backup/dump.sql | grep -q '^COMMIT' || { echo "the dump is not whole" >&2; exit 1; }
gzip /backup/dump.sql
"#;

fn dump<'a>(generation: &Generation, settings: &'a backup_job::Settings) -> Dump<'a> {
    let secret = password::secret(generation);
    let address = format!("http://{}.{}.svc:{PORT}", name(generation), generation.database().namespace);
    Dump {
        image: &settings.curl_image,
        script: SCRIPT.into(),
        env: vec![
            text("SERVER", &address),
            from_secret("USERNAME", &secret, credential::USERNAME),
            from_secret("PASSWORD", &secret, credential::PASSWORD),
        ],
        port: PORT,
    }
}

#[cfg(test)]
mod tests;
