//! What must hold for every claim, whatever the platform's policy. In: a claim. Out: its problems.
//!
//! The schema says the same to whoever applies the claim; this is for claims that never met it. Must not read policy.

use super::calendar::{self, Side};
use super::schedule;
use crate::api::claim::name::{self, is_label, reserved_ending};
use crate::api::claim::{
    BackupMethod, Claim, DatabaseSpec, Engine, Environment, HibernationSchedule, Rotation, Topology,
};
use crate::api::plan::Maintenance;
use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use crate::operators::roles;
use jiff::Timestamp;

pub fn problems(claim: &Claim) -> Vec<Problem> {
    let spec = &claim.spec;
    let mut problems = identity(claim);
    let mut check = |wrong: bool, path: &str, what: String, right: &str| {
        if wrong {
            problems.push(Problem::new(path, what, right));
        }
    };
    let quoted = format!("{:?} is not a database name", spec.name);
    check(!is_database_name(&spec.name), "spec.name", quoted, "write up to 63 of a-z, 0-9, _ and -, a letter first");
    let engine = spec.engine.unwrap_or_default();
    let taken = engine.own_databases().contains(&spec.name.as_str());
    check(taken, "spec.name", format!("{} is a database that the engine has itself", spec.name), "write another name");
    if let Err(error) = Bytes::parse(&spec.storage) {
        check(true, "spec.storage", error.to_string(), "write an amount such as 100Gi");
    }
    members(spec, &mut check);
    backup(spec, &mut check);
    access(spec, &mut check);
    lifecycle(spec, &mut check);
    let rotation = spec.credentials.as_ref().and_then(|credentials| credentials.rotation.as_ref());
    if let Some(Rotation { interval }) = rotation {
        let wrong = format!("{interval:?} is no time between two rotations");
        let path = "spec.credentials.rotation.interval";
        check(schedule::interval(interval).is_none(), path, wrong, "write hours, days or weeks, such as 30d");
        let wrong = format!("{} is for the platform's own users", roles::RESERVED_PREFIX);
        let taken = spec.name.starts_with(roles::RESERVED_PREFIX);
        check(taken, "spec.name", wrong, "write another name, or leave credentials.rotation out");
    }
    let nowhere = spec.disaster_recovery.as_ref().is_some_and(|it| it.region.is_none() && it.primary.is_none());
    check(nowhere, "spec.disasterRecovery", "it names no region".into(), "write region, primary or both");
    let consul = spec.credentials.as_ref().and_then(|credentials| credentials.consul.as_ref());
    let path = consul.map_or("", |consul| consul.path.as_str());
    let wrong = format!("{path:?} is no path in a key-value store");
    let right = "write letters, digits, - and _, with / between the parts";
    check(consul.is_some() && !is_path(path), "spec.credentials.consul.path", wrong, right);
    problems
}

type Check<'a> = dyn FnMut(bool, &str, String, &str) + 'a;

fn identity(claim: &Claim) -> Vec<Problem> {
    let (namespace, name) = claim.identity();
    let mut problems = vec![];
    if claim.kind == "XDatabase" && claim.spec.claim_ref.is_none() {
        let right = "make a Database in a namespace, which brings its own XDatabase along";
        return vec![Problem::new("spec.claimRef", "an XDatabase without a claim is refused", right)];
    }
    if namespace.is_empty() {
        problems.push(Problem::new("metadata.namespace", "it is missing", "write the namespace of the team"));
    }
    if name.len() > name::LONGEST || !is_label(name) {
        let right = format!("write up to {} of a-z, 0-9 and -, a letter first", name::LONGEST);
        problems.push(Problem::new("metadata.name", format!("{name:?} is not a name for a database"), right));
    }
    if let Some(ending) = reserved_ending(name) {
        let wrong = format!("the ending {ending} is reserved for what is made for a database");
        problems.push(Problem::new("metadata.name", wrong, "write a name with another ending"));
    }
    problems
}

fn members(spec: &DatabaseSpec, check: &mut Check) {
    let engine = spec.engine.unwrap_or_default();
    let replicas = spec.replicas;
    let standalone = spec.topology == Some(Topology::Standalone);
    let more = replicas.is_some_and(|replicas| replicas > 1);
    let text = replicas.unwrap_or_default();
    check(replicas == Some(0), "spec.replicas", "0 is no database".into(), "write 1 or more");
    check(standalone && more, "spec.replicas", format!("{text} is too many for Standalone"), "write 1");
    check(engine == Engine::Sqlite && more, "spec.replicas", format!("{text} is too many for sqlite"), "write 1");
    let few = engine == Engine::Elasticsearch && replicas.is_some_and(|replicas| replicas < 3);
    check(few, "spec.replicas", format!("{text} is too few for elasticsearch"), "write 3 or more");
    let alone = engine == Engine::Elasticsearch && standalone;
    check(alone, "spec.topology", "elasticsearch has no Standalone".into(), "leave it out");
    check(spec.shards == Some(0), "spec.shards", "0 is no database".into(), "write 1 or more");
    if let Some(pooling) = &spec.pooling {
        let idle = !pooling.enabled && (pooling.instances.is_some() || pooling.mode.is_some());
        check(idle, "spec.pooling.enabled", "there is no pooler to set up".into(), "write true");
        check(pooling.instances == Some(0), "spec.pooling.instances", "0 is no pooler".into(), "write 1 or more");
    }
}

fn backup(spec: &DatabaseSpec, check: &mut Check) {
    let Some(backup) = &spec.backup else { return };
    if let Some(text) = &backup.schedule
        && let Err(wrong) = schedule::cron(text)
    {
        check(true, "spec.backup.schedule", wrong, "write five fields, such as \"0 2 * * *\"");
    }
    if let Some(text) = &backup.retention {
        let wrong = format!("{text:?} is not a time to keep backups for");
        check(
            schedule::days(text).is_none(),
            "spec.backup.retention",
            wrong,
            "write days, weeks or months, such as 30d",
        );
    }
    let off = backup.enabled == Some(false);
    let path = "spec.backup.continuous";
    check(off && backup.continuous == Some(true), path, "there are no backups to go with it".into(), "switch them on");
    let path = "spec.backup.request";
    check(off && backup.request.is_some(), path, "there are no backups".into(), "leave it out, or switch them on");
    let method = backup.method.unwrap_or_default();
    let path = "spec.backup.method";
    check(off && method != BackupMethod::Auto, path, "there are no backups".into(), "leave it out, or switch them on");
}

fn access(spec: &DatabaseSpec, check: &mut Check) {
    let Some(access) = &spec.access else { return };
    for (index, cidr) in access.allowed_cidrs.iter().enumerate() {
        let path = format!("spec.access.allowedCIDRs[{index}]");
        check(!is_cidr(cidr), &path, format!("{cidr:?} is not an address range"), "write one such as 10.20.0.0/16");
    }
    for (index, namespace) in access.allowed_namespaces.iter().enumerate() {
        let path = format!("spec.access.allowedNamespaces[{index}]");
        let wrong = namespace.len() > 63 || !is_label(namespace);
        check(wrong, &path, format!("{namespace:?} is not the name of a namespace"), "write one such as checkout-web");
    }
    let engine = spec.engine.unwrap_or_default();
    for (index, role) in access.roles.iter().enumerate() {
        let path = format!("spec.access.roles[{index}].name");
        let name = &role.name;
        let wrong = format!("{name:?} is no name for a role");
        check(
            !is_role_name(name),
            &path,
            wrong,
            "write up to 32 of a-z, 0-9 and _, a letter first, with no _ and no _g1 or the like at the end",
        );
        if let Some(wrong) = roles::taken(engine, &spec.name, name) {
            check(true, &path, wrong, "write another name");
        }
        let twice = access.roles[..index].iter().any(|before| before.name == *name);
        check(twice, &path, format!("{name} is there twice"), "write each role once");
    }
    let prod = spec.environment == Environment::Prod;
    check(access.console && prod, "spec.access.console", "there is none in prod".into(), "leave it out");
}

fn lifecycle(spec: &DatabaseSpec, check: &mut Check) {
    let Some(lifecycle) = &spec.lifecycle else { return };
    if let Some(HibernationSchedule { sleep, wake }) = &lifecycle.schedule {
        for (path, text) in [("spec.lifecycle.schedule.sleep", sleep), ("spec.lifecycle.schedule.wake", wake)] {
            match schedule::cron(text) {
                Err(wrong) => check(true, path, wrong, "write five fields, such as \"0 20 * * 1-5\""),
                Ok(()) => {
                    let always = Maintenance::default();
                    let never = calendar::fires(text, &always, Timestamp::UNIX_EPOCH, Side::After).is_none();
                    check(never, path, format!("{text:?} never comes"), "write a day that there is");
                }
            }
        }
        let same = "it falls asleep when it wakes up".into();
        check(sleep == wake, "spec.lifecycle.schedule.wake", same, "write another time than that of sleep");
    }
    if let Some(day) = &lifecycle.expires {
        let wrong = calendar::beginning(day, &Maintenance::default()).is_none();
        check(wrong, "spec.lifecycle.expires", format!("{day:?} is no day"), "write one such as 2027-01-31");
    }
}

/// MySQL takes no more than 32, and names of secrets are made of it.
fn is_role_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let first = name.starts_with(|first: char| first.is_ascii_lowercase());
    let generation = name.rsplit_once("_g").is_some_and(|(_, last)| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 32 && first && !name.ends_with('_') && !generation && name.bytes().all(rest)
}

fn is_path(path: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    path.split('/').all(|part| !part.is_empty() && part.bytes().all(letter))
}

fn is_database_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    name.len() <= 63 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(rest)
}

/// An IPv4 or IPv6 range without host bits, as Kubernetes' network policies take them.
fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let canonical = !length.is_empty() && (length == "0" || !length.starts_with('0'));
    match (address.parse(), length.parse::<u32>()) {
        (Ok(std::net::IpAddr::V4(address)), Ok(length)) if canonical && length <= 32 => {
            length == 32 || u32::from(address) << length == 0
        }
        (Ok(std::net::IpAddr::V6(address)), Ok(length)) if canonical && length <= 128 => {
            length == 128 || u128::from(address) << length == 0
        }
        _ => false,
    }
}
