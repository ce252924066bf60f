//! Further users of a database: those of the claim (`access.roles`), and the one that Vault makes users with. In: a
//! generation, and how the engine's client signs in. Out: a password for each, by External Secrets; and where the operator
//! makes no users itself a `CronJob` that puts them right every few minutes, and removes those that nobody asks for any
//! more. Must not know an operator.
//!
//! A job that runs again and again, because what a single job's pods are made of cannot change, and roles do. Once it was
//! there it stays, or nobody would remove the last of them.

use super::backup_job::from_secret;
use super::facts::{Labels, Peer, UserMaker, Workload, doors};
use super::password::{self, Value};
use super::{Engine, Holds, Resource, metadata, mongodb, mysql, pods, postgresql, rotation};
use crate::api::claim::{CredentialSource, Engine as EngineName, Privileges};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::wire::{Key, Object};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The key of the job, the workload's role and the value of its label. Permanent.
const ROLE: &str = "roles";
/// The keys of each user's secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";
/// The user that Vault signs in with. Permanent.
const MANAGER: &str = "platform_vault";
/// What no role of a claim may begin with.
pub const RESERVED_PREFIX: &str = "platform_";
/// Written beside each user in the engine, so that only our own are removed.
pub const MARK: &str = "db.platform.io/role";
pub const SIZE: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };

/// A user that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub may: May,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Everything that the claim calls so.
    Be(Privileges),
    /// Make users, and give them what the application's own may.
    MakeUsers,
    /// What the application's own may, with the credentials of this turn of a rotation.
    Serve(u32),
    /// Nothing, until it is his turn again; what he made stays.
    Rest,
}

/// The engine's client, and the server.
pub struct Client<'a> {
    /// With the client and a shell.
    pub image: String,
    pub image_pull_secrets: &'a [String],
    /// The user of the pod.
    pub user: i64,
    /// Where the server is; no secret.
    pub address: Vec<EnvVar>,
    /// A command that signs in with `USERNAME` and `PASSWORD`, and fails where that is refused.
    pub sign_in: String,
    /// The workload that it connects to, and the port of its pods.
    pub server: (&'a str, u16),
}

/// How it signs in as one who may make users.
pub struct Administrator {
    /// Run by `sh -eu`; finds the password of each user in `PASSWORD_0` and so on.
    pub script: String,
    pub env: Vec<EnvVar>,
    /// The role that owns the database, where the engine has such a one.
    pub owner: String,
}

/// In the order of the claim, then those of the platform.
pub fn users(generation: &Generation) -> Vec<User> {
    let terms = &generation.plan.terms;
    let asked = terms.access.roles.iter().map(|role| User { name: role.name.clone(), may: May::Be(role.privileges) });
    let manager = (terms.credentials == CredentialSource::VaultDynamic)
        .then(|| User { name: MANAGER.into(), may: May::MakeUsers });
    asked.chain(manager).chain(rotation::users(generation)).collect()
}

/// Vault's own, where it makes the application's; `owner` is the role that owns the database.
pub fn user_maker(generation: &Generation, owner: String) -> Option<UserMaker> {
    let manager = users(generation).into_iter().find(|user| user.may == May::MakeUsers)?;
    let secret = secret(generation, &manager);
    Some(UserMaker { secret, username: USERNAME.into(), password: PASSWORD.into(), owner })
}

/// Why the engine cannot have a role of this name.
pub fn taken(engine: EngineName, database: &str, name: &str) -> Option<String> {
    let own = match engine {
        EngineName::Mysql => mysql::user(database),
        EngineName::Mongodb => mongodb::USER.into(),
        _ => postgresql::owner(database),
    };
    let reserved = match engine {
        EngineName::Mysql => mysql::user(name) != name,
        EngineName::Mongodb => mongodb::is_reserved(name),
        _ => postgresql::owner(name) != name,
    };
    if name == own {
        return Some(format!("{name} is the application's own user"));
    }
    if name.starts_with(RESERVED_PREFIX) {
        return Some(format!("{RESERVED_PREFIX} begins the platform's own users"));
    }
    reserved.then(|| format!("{name} is a user that the engine or its operator keeps for itself"))
}

/// The name of the secret with a user's name and password.
pub fn secret(generation: &Generation, user: &User) -> String {
    password::secret_of(generation, Some(&secret_part(user)))
}

fn secret_part(user: &User) -> String {
    match user.may {
        May::Serve(turn) => rotation::part(turn),
        May::Be(_) | May::MakeUsers | May::Rest => part(user),
    }
}

/// The passwords of all.
pub fn secrets(generation: &Generation) -> Vec<Resource> {
    let made = |user: &User| {
        let values = [(USERNAME, Value::Text(user.name.clone())), (PASSWORD, Value::Password)];
        password::compose_of(generation, Some(&secret_part(user)), "kubernetes.io/basic-auth", &values)
    };
    users(generation).iter().filter(|user| user.may != May::Rest).flat_map(made).collect()
}

/// A user in keys and names. No claim's role has a hyphen, so that no two users meet in one.
pub fn part(user: &User) -> String {
    format!("role-{}", user.name.replace('_', "-"))
}

/// Passwords and job, and the doors between job and server.
pub fn add(
    engine: &mut Engine,
    generation: &Generation,
    client: Client,
    administrator: Administrator,
    observed: &Observed,
) {
    let key = Key(generation.key(ROLE));
    if users(generation).is_empty() && !observed.composed.contains_key(&key) {
        return;
    }
    rotation::add(engine, generation, &client);
    connect(engine, generation, &client);
    engine.facts.user_maker = user_maker(generation, administrator.owner.clone());
    engine.resources.extend(secrets(generation));
    engine.resources.push(job(generation, key, client, administrator));
}

/// The doors between the jobs and the server, once.
pub fn connect(engine: &mut Engine, generation: &Generation, client: &Client) {
    if engine.facts.workload(ROLE).is_some() {
        return;
    }
    let (server, port) = client.server;
    for workload in engine.facts.workloads.iter_mut().filter(|workload| workload.role == server) {
        workload.accepts.extend(doors([(Peer::Workload(ROLE.into()), port)]));
    }
    engine.facts.workloads.push(Workload {
        role: ROLE.into(),
        pods: own(generation),
        accepts: vec![],
        reaches: doors([(Peer::Workload(server.into()), port)]),
        metrics_port: None,
    });
}

/// The labels of the jobs' pods.
pub fn own(generation: &Generation) -> Labels {
    pods::labels(generation, ROLE)
}

fn job(generation: &Generation, key: Key, client: Client, administrator: Administrator) -> Resource {
    let terms = &generation.plan.terms;
    let mut env = client.address;
    env.extend(administrator.env);
    let passwords = users(generation).into_iter().enumerate().filter(|(_, user)| user.may != May::Rest);
    env.extend(
        passwords.map(|(at, user)| from_secret(&format!("PASSWORD_{at}"), &secret(generation, &user), PASSWORD)),
    );
    let pod = PodSpec {
        restart_policy: Some("Never".into()),
        containers: vec![pods::shell(ROLE, client.image, administrator.script, env, pods::whole(SIZE))],
        ..pods::own(client.user, None, client.image_pull_secrets)
    };
    let object = CronJob {
        metadata: metadata(generation, format!("{}-roles", generation.name())).into(),
        spec: Some(CronJobSpec {
            schedule: "*/5 * * * *".into(),
            concurrency_policy: Some("Forbid".into()),
            starting_deadline_seconds: Some(200),
            successful_jobs_history_limit: Some(1),
            failed_jobs_history_limit: Some(1),
            suspend: Some(terms.lifecycle.hibernated),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(own(generation)), ..Default::default() }),
                spec: Some(JobSpec {
                    // The next one tries again.
                    backoff_limit: Some(0),
                    active_deadline_seconds: Some(240),
                    template: PodTemplateSpec {
                        metadata: Some(ObjectMeta { labels: Some(own(generation)), ..Default::default() }),
                        spec: Some(pod),
                    },
                    ..Default::default()
                }),
            },
            ..Default::default()
        }),
        ..Default::default()
    };
    Resource { key, holds: Holds::Nothing, object: Object::of(&object) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_never_somebody_elses_user() {
        let cases = [
            (EngineName::Postgresql, "reporting", None),
            (EngineName::Postgresql, "orders", Some("orders is the application's own user")),
            (EngineName::Postgresql, "pg_me", Some("pg_me is a user that the engine or its operator keeps for itself")),
            (
                EngineName::Postgresql,
                "postgres",
                Some("postgres is a user that the engine or its operator keeps for itself"),
            ),
            (EngineName::Postgresql, "platform_vault", Some("platform_ begins the platform's own users")),
            (EngineName::Mysql, "root", Some("root is a user that the engine or its operator keeps for itself")),
            (EngineName::Mongodb, "app", Some("app is the application's own user")),
            (EngineName::Mongodb, "orders", None),
            (EngineName::Mongodb, "backup", Some("backup is a user that the engine or its operator keeps for itself")),
        ];
        for (engine, name, expected) in cases {
            assert_eq!(taken(engine, "orders", name).as_deref(), expected, "{name}");
        }
    }
}
