//! What the operator behind an engine can. In: a claim and the operator's features. Out: one problem for each thing that is
//! asked for and not there, with the operators that have it. Must not name an operator: features are data.

use crate::api::claim::{BackupMethod, CredentialSource, DatabaseSpec, Engine, ServiceType, Topology};
use crate::api::destination::Store;
use crate::api::plan::Operator;
use crate::api::problem::Problem;
use crate::operators::{self, Encryption, Features, Restores, name_of};

type Able = fn(&Features) -> bool;

pub fn problems(spec: &DatabaseSpec, features: &Features, operator: Operator) -> Vec<Problem> {
    let monitoring = spec.monitoring.clone().unwrap_or_default();
    let access = spec.access.clone().unwrap_or_default();
    let backup = spec.backup.clone().unwrap_or_default();
    let tls = spec.tls.as_ref().and_then(|tls| tls.enabled);
    let lifecycle = spec.lifecycle.clone().unwrap_or_default();
    let source = spec.credentials.as_ref().and_then(|credentials| credentials.source);
    let rotation = spec.credentials.as_ref().is_some_and(|credentials| credentials.rotation.is_some());
    let leave = "leave it out";
    let restores = spec.restore.is_some();
    let in_place = spec.restore.as_ref().is_some_and(|restore| restore.in_place);
    let (restore, otherwise) = match features.in_place {
        true => ("restore but over running data", "write inPlace: true for that, which has no way back"),
        false => ("restore", leave),
    };
    let beside = match features.restore {
        Restores::Never => leave,
        Restores::Archive | Restores::Backup if !features.hibernation => {
            "leave it out, and restore into a new database"
        }
        Restores::Archive | Restores::Backup => "leave it out: what runs is replaced, with a way back",
    };
    let asked: [(bool, &str, &str, &str, Able); 20] = [
        (spec.shards.unwrap_or(1) > 1, "spec.shards", "shards", "write 1, or leave it out", |it| it.shards.is_some()),
        (spec.pooling.as_ref().is_some_and(|it| it.enabled), "spec.pooling", "pooling", leave, |it| it.pooling),
        (!spec.extensions.is_empty(), "spec.extensions", "extensions", leave, |it| it.extensions),
        (monitoring.queries.is_some(), "spec.monitoring.queries", "custom queries", leave, |it| it.custom_queries),
        (monitoring.audit == Some(true), "spec.monitoring.audit", "audit log", leave, |it| it.audit),
        (!access.roles.is_empty(), "spec.access.roles", "roles of a claim", leave, |it| it.roles),
        (source == Some(CredentialSource::VaultDynamic), "spec.credentials.source", "users by Vault", leave, |it| {
            it.roles
        }),
        (access.console, "spec.access.console", "web console", leave, |it| it.console),
        (rotation, "spec.credentials.rotation", "rotation of credentials", leave, |it| it.roles),
        (backup.continuous == Some(true), "spec.backup.continuous", "continuous backup", leave, |it| it.point_in_time),
        (backup.request.is_some(), "spec.backup.request", "backup on demand", leave, |it| it.backup_on_demand),
        (tls == Some(true), "spec.tls.enabled", "encrypted connections", leave, |it| {
            it.encryption != Encryption::Never
        }),
        (
            access.service_type == Some(ServiceType::LoadBalancer),
            "spec.access.serviceType",
            "load balancer",
            leave,
            |it| it.load_balancer,
        ),
        (lifecycle.hibernated, "spec.lifecycle.hibernated", "hibernation", leave, |it| it.hibernation),
        (restores && !in_place, "spec.restore", restore, otherwise, |it| it.restore != Restores::Never),
        (in_place, "spec.restore.inPlace", "restore over running data", beside, |it| it.in_place),
        (spec.disaster_recovery.is_some(), "spec.disasterRecovery", "standby in another region", leave, |it| {
            it.standby.is_some()
        }),
        (
            spec.restore.as_ref().is_some_and(|restore| restore.point_in_time.is_some()),
            "spec.restore.pointInTime",
            "point-in-time recovery",
            leave,
            |it| it.point_in_time,
        ),
        (lifecycle.schedule.is_some(), "spec.lifecycle.schedule", "hibernation", leave, |it| it.hibernation),
        (lifecycle.expires.is_some(), "spec.lifecycle.expires", "hibernation", leave, |it| it.hibernation),
    ];
    let missing = asked.into_iter().filter(|(asked, .., able)| *asked && !able(features));
    let mut problems: Vec<Problem> = missing
        .map(|(_, path, what, right, able)| {
            let right = format!("{right}{}", hint(&able_operators(features.engine, able)));
            Problem::new(path, format!("{} has no {what}", name_of(&operator)), right)
        })
        .collect();
    problems.extend(topology_problem(spec, features, operator));
    problems.extend(replicas_problem(spec, features, operator));
    problems.extend(method_problem(backup.method.unwrap_or_default(), features, operator));
    problems
}

/// What the claim says, else what follows from its shards, else the operator's own way.
pub fn topology(spec: &DatabaseSpec, features: &Features) -> Topology {
    let derived = if spec.shards.is_some_and(|shards| shards > 1) { Topology::Sharded } else { Topology::Replicated };
    let first = features.topologies.first().copied().unwrap_or_default();
    spec.topology.unwrap_or(if features.topologies.contains(&derived) { derived } else { first })
}

fn topology_problem(spec: &DatabaseSpec, features: &Features, operator: Operator) -> Option<Problem> {
    let asked = spec.topology.filter(|topology| !features.topologies.contains(topology))?;
    let known = features.topologies.iter().map(name_of).collect::<Vec<_>>().join(" or ");
    let able = able_operators(features.engine, |features| features.topologies.contains(&asked));
    let wrong = format!("{} has no topology {}", name_of(&operator), name_of(&asked));
    Some(Problem::new("spec.topology", wrong, format!("write {known}, or leave it out{}", hint(&able))))
}

fn replicas_problem(spec: &DatabaseSpec, features: &Features, operator: Operator) -> Option<Problem> {
    let even = spec.replicas.filter(|replicas| replicas.is_multiple_of(2) && features.odd_replicas)?;
    let wrong = format!("{} has an odd number of members, and {even} is even", name_of(&operator));
    Some(Problem::new("spec.replicas", wrong, format!("write {}", even + 1)))
}

fn method_problem(method: BackupMethod, features: &Features, operator: Operator) -> Option<Problem> {
    if features.backup_methods.contains(&method) {
        return None;
    }
    let known = features.backup_methods.iter().map(name_of).collect::<Vec<_>>().join(" or ");
    let able = able_operators(features.engine, |features| features.backup_methods.contains(&method));
    let wrong = format!("{} makes no backups by {}", name_of(&operator), name_of(&method));
    Some(Problem::new("spec.backup.method", wrong, format!("write {known}{}", hint(&able))))
}

/// Where the platform's backups go is its own choice, made at `path`.
pub fn store_problem(path: String, store: Store, features: &Features, operator: Operator) -> Option<Problem> {
    if features.stores.contains(&store) {
        return None;
    }
    let wrong = format!("{} makes no backups to {}", name_of(&operator), name_of(&store));
    let known = features.stores.iter().map(name_of).collect::<Vec<_>>().join(" or ");
    let able = able_operators(features.engine, |features| features.stores.contains(&store));
    Some(Problem::new(path, wrong, format!("the platform team names one in {known}{}", hint(&able))))
}

fn able_operators(engine: Engine, able: impl Fn(&Features) -> bool) -> Vec<String> {
    let of_engine = Operator::ALL.into_iter().map(|operator| (operator, operators::of(operator).features()));
    let able = of_engine.filter(|(_, features)| features.engine == engine && able(features));
    able.map(|(operator, _)| name_of(&operator)).collect()
}

/// The operator is the platform's choice, so that this is for whoever the developer asks.
fn hint(able: &[String]) -> String {
    match able {
        [] => String::new(),
        [.., _] => format!("; on {} it could be had", able.join(" or ")),
    }
}
