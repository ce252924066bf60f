//! How the database is dumped: mongodump of MongoDB's Database Tools 100, with what is written meanwhile, so that the dump is
//! of one moment. In: a generation. Out: what the job runs. <https://www.mongodb.com/docs/database-tools/mongodump/>

use super::access::{ADMINISTRATION, BACKUP, PASSWORD};
use super::{Settings, service};
use crate::api::record::Generation;
use crate::operators::backup_job::{Dump, FOLDER, from_secret};
use crate::operators::mongodb::PORT;
use crate::operators::{certificate, password};

/// Where the password and the certificate authority are written to in the pod: arguments can be seen from outside.
const CONFIGURATION: &str = "/tmp/mongodump.yaml";
const AUTHORITY: &str = "/tmp/ca.crt";

/// What is in each dump.
pub const FILE: &str = "dump.archive.gz";

pub fn dump<'a>(generation: &Generation, settings: &'a Settings) -> Dump<'a> {
    let options = format!("--readPreference=secondaryPreferred --oplog --gzip --archive={FOLDER}/{FILE}");
    run(generation, settings, "mongodump", &options)
}

/// A tool that signs in to the set as the backups' user.
pub fn run<'a>(generation: &Generation, settings: &'a Settings, tool: &str, options: &str) -> Dump<'a> {
    let mut env = vec![from_secret("PASSWORD", &password::secret_of(generation, BACKUP.role), PASSWORD)];
    let mut script = format!("printf 'password: %s\\n' \"$PASSWORD\" >{CONFIGURATION}\n");
    let mut encryption = String::new();
    if generation.plan.terms.tls {
        env.push(from_secret("AUTHORITY", &certificate::secret(generation), "ca.crt"));
        script += &format!("printf '%s\\n' \"$AUTHORITY\" >{AUTHORITY}\n");
        encryption = format!(" --ssl --sslCAFile={AUTHORITY}");
    }
    script += &format!(
        "{tool} --config={CONFIGURATION} --host={} --username={} --authenticationDatabase={ADMINISTRATION}{encryption} \
         {options}\n",
        hosts(generation),
        BACKUP.name,
    );
    Dump { image: &settings.tools_image, script, env, port: PORT }
}

/// The set and its members, under the names that they have for each other.
fn hosts(generation: &Generation) -> String {
    let (name, namespace) = (generation.name(), &generation.database().namespace);
    let domain = format!("{}.{namespace}.svc.cluster.local:{PORT}", service(generation));
    let members = (0..generation.plan.terms.replicas).map(|number| format!("{name}-{number}.{domain}"));
    format!("{name}/{}", members.collect::<Vec<_>>().join(","))
}
