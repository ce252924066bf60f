//! What every MongoDB operator shares. In: names and settings of a plan. Out: what MongoDB makes of them.
//! Must not name an operator's kinds.

use super::backup_job::{from_secret, text};
use super::roles::{self, Administrator, MARK, May, User};
use super::rotation;
use crate::api::claim::{LogLevel, Privileges, ServiceType, Topology};
use crate::api::plan::{Monitoring, Plan, Terms};
use crate::api::problem::Problem;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::map::map;
use crate::operators::facts::{Signal, Uri};
use crate::operators::{Shards, name_of, pods};
use crate::plan::tuning::mongodb::CACHE;
use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const PORT: u16 = 27017;
/// The application's user. It is always the same: operators make names of secrets and annotations of it, which are short,
/// and names such as `backup` are their own. Permanent.
pub const USER: &str = "app";
/// What it may do in the application's database, and nowhere else.
pub const ROLES: [&str; 2] = ["readWrite", "dbAdmin"];
/// Users that operators make for themselves.
const RESERVED_USERS: [&str; 6] = ["admin", "app", "backup", "metrics", "monitoring", "root"];

pub fn is_reserved(name: &str) -> bool {
    RESERVED_USERS.contains(&name)
}

/// For mongosh: puts all users right, and removes those of ours that are not among them. Passwords come from the environment.
fn roles_statements(generation: &Generation) -> String {
    let (users, database) = (roles::users(generation), &generation.database().inside);
    let awake = users.iter().enumerate().filter(|(_, user)| user.may != May::Rest);
    let listed = awake.map(|(at, User { name, may })| {
        let roles: &[&str] = match may {
            May::Be(Privileges::Read) => &["read"],
            May::Be(Privileges::Write) => &["readWrite"],
            May::Be(Privileges::Admin) => &["dbOwner"],
            May::MakeUsers => &["userAdmin"],
            May::Serve(_) => &ROLES,
            May::Rest => &[],
        };
        let roles: Vec<String> = roles.iter().map(|role| format!("'{role}'")).collect();
        format!("  '{name}': {{pwd: process.env.PASSWORD_{at}, roles: [{}]}},\n", roles.join(", "))
    });
    let listed: String = listed.collect();
    let replaced = match rotation::replaced(generation) {
        true => format!("if (own.getUser('{USER}')) {{ own.dropUser('{USER}'); }}\n"),
        false => String::new(),
    };
    format!(
        "db.getSiblingDB('admin').auth(process.env.ADMINISTRATOR, process.env.ADMINISTRATOR_PASSWORD);\n\
         const own = db.getSiblingDB('{database}');\n\
         const users = {{\n{listed}}};\n\
         for (const [name, user] of Object.entries(users)) {{\n\
         \x20 const wanted = {{...user, customData: {{mark: '{MARK}'}}}};\n\
         \x20 if (own.getUser(name)) {{ own.updateUser(name, wanted); }} else {{ own.createUser({{user: name, ...wanted}}); }}\n\
         }}\n\
         for (const {{user, customData}} of own.getUsers().users) {{\n\
         \x20 if (customData?.mark === '{MARK}' && !(user in users)) {{ own.dropUser(user); }}\n\
         }}\n\
         {replaced}"
    )
}

/// For mongosh, as `sign_in` of `roles::Client`: who signs in belongs to the application's database.
pub fn sign_in(database: &str) -> String {
    format!(
        "mongosh --quiet --norc \"$ADDRESS\" \\\n\
         \x20 --eval \"db.getSiblingDB('{database}').auth(process.env.USERNAME, process.env.PASSWORD)\""
    )
}

/// Who makes users. `secret`: the operator's, of the system's users.
pub fn administrator(generation: &Generation, secret: &str) -> Administrator {
    Administrator {
        script: "mongosh --quiet --norc \"$ADDRESS\" --eval \"$STATEMENTS\"\n".into(),
        env: vec![
            text("STATEMENTS", &roles_statements(generation)),
            from_secret("ADMINISTRATOR", secret, "MONGODB_USER_ADMIN_USER"),
            from_secret("ADMINISTRATOR_PASSWORD", secret, "MONGODB_USER_ADMIN_PASSWORD"),
        ],
        owner: String::new(),
    }
}

/// The keys of a secret that backup tools made for Amazon's store read.
pub const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
pub const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";

/// The exporter of metrics beside each member.
pub const EXPORTER: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
pub const METRICS: u16 = 9216;
pub const METRICS_PORT: &str = "metrics";

/// `set`: the replica set, or none where clients meet a router. Members tell drivers the names of all of them, which their
/// certificates have; the Service that clients begin with is ours, so that they must not look for its name where the operator
/// makes the certificates.
pub fn uri(terms: &Terms, set: Option<&str>) -> Uri {
    let database = &terms.database.inside;
    let set = set.map(|set| format!("&replicaSet={set}")).unwrap_or_default();
    let tls = match (terms.tls, &terms.issuer) {
        (false, _) => "",
        (true, None) => "&tls=true&tlsAllowInvalidHostnames=true",
        (true, Some(_)) => "&tls=true",
    };
    Uri { scheme: "mongodb".into(), path: database.clone(), query: format!("authSource={database}{set}{tls}") }
}

/// What becoming release line `to` does to a server of line `from`: members restart one by one, and MongoDB goes up one
/// line at a time (MongoDB 8.0, "Upgrade a Replica Set").
pub fn upgrade(from: &str, to: &str) -> Class {
    let major = |line: &str| line.strip_suffix(".0")?.parse::<u32>().ok();
    match (major(from), major(to)) {
        (Some(from), Some(to)) if from == to => Class::None,
        (Some(from), Some(to)) if from + 1 == to => Class::Restart,
        _ => Class::Refused,
    }
}

/// The plan's settings and what is logged, as a configuration file has them: dots are levels. `cache`: whether the size of
/// the cache is among them, which some operators work out themselves.
pub fn configuration(plan: &Plan, cache: bool) -> Map<String, Value> {
    let mut settings = log_settings(&plan.terms.monitoring);
    let planned = plan.parameters().into_iter().filter(|(name, _)| cache || *name != CACHE);
    settings.extend(planned.map(|(name, value)| (name, typed(value))));
    let mut file = Map::new();
    for (name, value) in settings {
        insert(&mut file, name, value);
    }
    file
}

fn log_settings(monitoring: &Monitoring) -> Vec<(&'static str, Value)> {
    match monitoring.log_level {
        LogLevel::Error | LogLevel::Warning => vec![("systemLog.quiet", true.into())],
        LogLevel::Info => vec![],
        LogLevel::Debug => vec![("systemLog.verbosity", 1.into())],
    }
}

/// Parameters of a claim are texts.
fn typed(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        text => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => text.into(),
        },
    }
}

/// Puts a value where its dotted name says; what stands in the way gives way.
pub fn insert(file: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            file.insert(name.into(), value);
        }
        Some((section, rest)) => {
            let below = file.entry(section).or_insert_with(|| Map::new().into());
            if !below.is_object() {
                *below = Map::new().into();
            }
            if let Value::Object(below) = below {
                insert(below, rest, value);
            }
        }
    }
}

/// A configuration file. Scalars are written as JSON, which YAML reads.
pub fn yaml(file: &Map<String, Value>) -> String {
    fn write(text: &mut String, file: &Map<String, Value>, depth: usize) {
        for (name, value) in file {
            let indent = "  ".repeat(depth);
            match value {
                Value::Object(below) => {
                    text.push_str(&format!("{indent}{name}:\n"));
                    write(text, below, depth + 1);
                }
                scalar => text.push_str(&format!("{indent}{name}: {scalar}\n")),
            }
        }
    }
    let mut text = String::new();
    write(&mut text, file, 0);
    text
}

/// Percona's mongodb_exporter. `user`: the variables MONGODB_USER and MONGODB_PASSWORD, of one who may see how the server is.
pub fn exporter(terms: &Terms, image: &str, tls: bool, user: [EnvVar; 2]) -> Container {
    let query = if tls { "?tls=true&tlsInsecure=true" } else { "" };
    Container {
        name: "exporter".into(),
        image: Some(image.into()),
        args: Some(vec![
            format!("--mongodb.uri=mongodb://localhost:{PORT}/{query}"),
            "--collector.diagnosticdata".into(),
            "--collector.replicasetstatus".into(),
            // The lag of replicas has a metric under its old name only.
            "--compatible-mode".into(),
        ]),
        env: Some(user.into()),
        ports: Some(vec![ContainerPort {
            name: Some(METRICS_PORT.into()),
            container_port: METRICS.into(),
            ..Default::default()
        }]),
        resources: Some(pods::beside(terms, EXPORTER)),
        security_context: Some(pods::confined_by_itself()),
        ..Default::default()
    }
}

/// What mongodb_exporter 0.47 and the kubelet say. `members` and `volumes` choose them, such as `namespace="a",pod=~"b-[0-9]+"`.
pub fn signals(terms: &Terms, members: &str, volumes: &str) -> BTreeMap<Signal, String> {
    let connections = |kind: &str| format!(r#"sum by (pod) (mongodb_ss_connections{{{members},conn_type="{kind}"}})"#);
    let (used, free) = (connections("current"), connections("available"));
    // In microseconds (MongoDB 8.0, serverStatus).
    let spent = |what: &str| {
        format!(r#"sum by (pod) (rate(mongodb_ss_opLatencies_{what}{{{members},op_type=~"reads|writes"}}[5m]))"#)
    };
    let mut signals = map([
        (Signal::MembersUp, members_up(members)),
        (Signal::ConnectionsUsed, format!("max({used} / ({used} + {free}))")),
        (Signal::QueryTime, format!("max({} / {}) / 1e6", spent("latency"), spent("ops"))),
        (Signal::Queries, format!("mongodb_ss_opcounters{{{members}}}")),
        (Signal::VolumeFree, format!("kubelet_volume_stats_available_bytes{{{volumes}}}")),
        (Signal::VolumeSize, format!("kubelet_volume_stats_capacity_bytes{{{volumes}}}")),
    ]);
    if terms.replicas > 1 {
        let lag = format!("max(mongodb_mongod_replset_member_replication_lag{{{members}}})");
        signals.insert(Signal::ReplicationLag, lag);
    }
    signals
}

/// A member that is gone has no value, and no members at all are no vector.
pub fn members_up(members: &str) -> String {
    format!("sum(mongodb_up{{{members}}}) or vector(0)")
}

/// Shards and topology must fit each other, and outside of the cluster only a router can be met: a replica set tells clients the names
/// of its members, which are unknown there.
pub fn topology_problems(terms: &Terms, range: Shards) -> Vec<Problem> {
    let mut problems = vec![];
    let sharded = terms.topology == Topology::Sharded;
    let Shards { least, most } = range;
    if sharded && !(least..=most).contains(&terms.shards) {
        let wrong = format!("{} is outside of what {} shards into", terms.shards, name_of(&terms.operator));
        problems.push(Problem::new("spec.shards", wrong, format!("write {least} to {most}")));
    }
    let topology = name_of(&terms.topology);
    if terms.shards > 1 && !sharded {
        let wrong = format!("{} are too many for {topology}", terms.shards);
        problems.push(Problem::new("spec.shards", wrong, "write 1, or the topology Sharded"));
    }
    if terms.pooling.is_some() && !sharded {
        let wrong = format!("{topology} has no router that clients could share");
        problems.push(Problem::new("spec.pooling", wrong, "leave it out, or write the topology Sharded"));
    }
    if terms.access.service_type == ServiceType::LoadBalancer && !sharded {
        let wrong = format!("the members of {topology} are unknown outside of the cluster");
        problems.push(Problem::new("spec.access.serviceType", wrong, "write ClusterIP, or the topology Sharded"));
    }
    problems
}

/// For operators that read two keys of the destination's secret and no others.
pub fn key_problem(terms: &Terms) -> Option<Problem> {
    let secret = terms.backup.as_ref()?.destination.access.s3_keys()?;
    if secret.access_key_id == ACCESS_KEY && secret.secret_access_key == SECRET_KEY {
        return None;
    }
    let operator = name_of(&terms.operator);
    let wrong =
        format!("{operator} reads {ACCESS_KEY} and {SECRET_KEY} of the secret {}, and no other keys", secret.name);
    let right = "the platform team gives this engine a destination whose secret has these keys";
    Some(Problem::new("TierDefaults.destinations", wrong, right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::json;

    #[test]
    fn releases_go_up_one_at_a_time() {
        let cases = [
            ("8.0", "8.0", Class::None),
            ("7.0", "8.0", Class::Restart),
            ("6.0", "8.0", Class::Refused),
            ("8.0", "7.0", Class::Refused),
            ("8.0", "8.2", Class::Refused),
        ];
        for (from, to, expected) in cases {
            assert_eq!(upgrade(from, to), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn settings_are_levels_of_a_file_and_claims_go_over_tuned_ones() {
        let parameters = json!({
            "net.maxIncomingConnections": "300",
            "setParameter.ttlMonitorEnabled": "false",
            "operationProfiling.mode": "off",
        });
        let changes = json!({"engine": "mongodb", "parameters": parameters, "monitoring": {"logLevel": "debug"}});
        let plan = example::plan("dev", changes);
        let expected = "net:\n  maxIncomingConnections: 300\noperationProfiling:\n  mode: \"off\"\nsetParameter:\n  \
            ttlMonitorEnabled: false\nsystemLog:\n  verbosity: 1\n";
        assert_eq!(yaml(&configuration(&plan, false)), expected);
        let with_cache = configuration(&plan, true);
        assert_eq!(with_cache["storage"], json!({"wiredTiger": {"engineConfig": {"cacheSizeGB": 0.5}}}));
    }

    #[test]
    fn what_stands_in_the_way_gives_way() {
        let mut file = Map::new();
        insert(&mut file, "net", 1.into());
        insert(&mut file, "net.port", 2.into());
        assert_eq!(Value::from(file), json!({"net": {"port": 2}}));
    }
}
