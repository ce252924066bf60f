//! What a claim means. In: a claim and the platform's policy. Out: a plan with nothing left open, or all of the claim's
//! problems together.
//!
//! Must not know what runs already: what a plan would do to that is `transition`, and the gate asks it.

pub mod rules;
pub mod capability;
pub mod surroundings;
pub mod delivered;
pub mod placed;
pub mod labels;
pub mod schedule;
pub mod calendar;
pub mod backup;
pub mod standby;
pub mod promotion;
pub mod parameters;
pub mod tuning;
pub mod usage;
pub mod cost;
pub mod quota;
pub mod transition;

use crate::api::claim::name;
use crate::api::claim::{Claim, CredentialSource, DatabaseSpec, DeletionPolicy, Promotion, Topology};
use crate::api::input::TierDefaults;
use crate::api::input::tier_defaults::{EnginePolicy, ObjectDelivery, Range, Size, Tier, Version};
use crate::api::plan::{
    Access, DatabaseName, Issuer, Lifecycle, Maintenance, Monitoring, Notes, Operator, Pooling, Requests, Terms,
};
use crate::api::problem::{Problem, Problems};
use crate::api::quantity::Bytes;
use crate::map::{map, sort};
use crate::operators::{self, Encryption, Features, name_of};
use std::collections::BTreeMap;

pub use crate::api::plan::Plan;
pub use transition::{Found, adoption, creation, transition};

type Labels = BTreeMap<String, String>;

/// Every default resolved and every rule checked. The plan depends on nothing but the two arguments.
pub fn resolve(claim: &Claim, policy: &TierDefaults) -> Result<Plan, Problems> {
    let mut problems = rules::problems(claim);
    problems.extend(quota::problem(policy));
    match Tables::find(&claim.spec, policy, &mut problems) {
        Some(tables) => resolve_with(claim, policy, &tables, problems),
        None => Err(sorted(problems)),
    }
}

/// The rows of the policy that this claim is about.
struct Tables<'a> {
    tier: &'a Tier,
    engine: &'a EnginePolicy,
    operator: Operator,
    features: Features,
    /// None: there is no such size, which is a problem already.
    size: Option<&'a Size>,
    /// None: a problem already.
    version: Option<Line<'a>>,
    replicas: Range,
    minimum_memory: Option<Bytes>,
    destination: String,
}

/// A release line, what the platform says of it, and the patch release that the operator runs.
struct Line<'a> {
    name: &'a str,
    version: &'a Version,
    release: &'a str,
}

impl<'a> Tables<'a> {
    /// Every name that leads to no row is a problem of its own. Without a tier or an engine nothing more can be said.
    fn find(spec: &'a DatabaseSpec, policy: &'a TierDefaults, problems: &mut Vec<Problem>) -> Option<Tables<'a>> {
        let environment = name_of(&spec.environment);
        let engine_name = spec.engine.unwrap_or_default();
        let tier = policy.environments.get(&spec.environment);
        if tier.is_none() {
            let known = policy.environments.keys().map(name_of);
            problems.push(unknown("spec.environment", "environment", &environment, known));
        }
        let exception = tier.and_then(|tier| tier.engines.get(&engine_name)).cloned().unwrap_or_default();
        let engine = policy.engines.get(&engine_name).filter(|_| exception.offered != Some(false));
        if engine.is_none() {
            let here = |engine: &&crate::api::claim::Engine| {
                tier.and_then(|tier| tier.engines.get(*engine)).is_none_or(|row| row.offered != Some(false))
            };
            let known = policy.engines.keys().filter(here).map(name_of).collect::<Vec<_>>().join(", ");
            let wrong = format!("{} is not offered in {environment}", name_of(&engine_name));
            problems.push(Problem::new("spec.engine", wrong, format!("write one of {known}")));
        }
        let size = match tier {
            Some(tier) if tier.sizes.contains(&spec.size) => policy.sizes.get(&spec.size),
            _ => None,
        };
        if let (Some(tier), None) = (tier, size) {
            let here = format!("size in {environment}");
            problems.push(unknown("spec.size", &here, &spec.size, tier.sizes.iter().cloned()));
        }
        let (tier, engine) = tier.zip(engine)?;
        let operator = exception.operator.unwrap_or(engine.operator);
        Some(Tables {
            tier,
            engine,
            operator,
            features: operators::of(operator).features(),
            size,
            version: find_version(spec, engine, operator, problems),
            replicas: exception.replicas.unwrap_or(tier.replicas),
            minimum_memory: exception.minimum_memory.or(engine.minimum_memory),
            destination: exception.destination.unwrap_or_else(|| tier.backup.destination.clone()),
        })
    }
}

/// A line that is no longer offered stays known: databases that run it must go on.
fn find_version<'a>(
    spec: &'a DatabaseSpec,
    engine: &'a EnginePolicy,
    operator: Operator,
    problems: &mut Vec<Problem>,
) -> Option<Line<'a>> {
    let line = spec.version.as_deref().unwrap_or(&engine.default_version);
    let found = engine.versions.get_key_value(line);
    let found =
        found.and_then(|(name, version)| Some(Line { name, version, release: version.releases.get(&operator)? }));
    if found.is_none() {
        let offered = |version: &Version| version.offered && version.releases.contains_key(&operator);
        let offered = engine.versions.iter().filter(|(_, version)| offered(version)).map(|(line, _)| line.clone());
        let what = match engine.versions.contains_key(line) {
            true => format!("version on {}", name_of(&operator)),
            false => "version".into(),
        };
        problems.push(unknown("spec.version", &what, line, offered));
    }
    found
}

fn resolve_with(
    claim: &Claim,
    policy: &TierDefaults,
    tables: &Tables,
    mut problems: Vec<Problem>,
) -> Result<Plan, Problems> {
    let spec = &claim.spec;
    let Tables { tier, engine, operator, features, size, version, .. } = tables;
    let storage = storage(spec, tables, &mut problems);
    let replicas = replicas(spec, tables, &mut problems);
    let primary = standby::primary(claim, policy, tier, features, &mut problems);
    let destination = match primary {
        Some((name, region)) => (region.destination.as_str(), format!("TierDefaults.regions.{name}.destination")),
        None => {
            let environment = name_of(&spec.environment);
            (tables.destination.as_str(), format!("TierDefaults.environments.{environment}.backup.destination"))
        }
    };
    let backup = backup::resolve(spec, policy, tier, destination, features, *operator, &mut problems);
    let storage_class = storage_class(spec, policy, tier, &mut problems);
    let out_of_bounds = parameters::problems(spec, engine);
    // A sum over what is refused anyway would be a second error for the same mistake.
    let sums = out_of_bounds.is_empty();
    problems.extend(out_of_bounds);
    let tuned = size.map(|size| tuned(spec, tables, size, storage, sums, &mut problems));
    problems.extend(capability::problems(spec, features, *operator));
    problems.extend(surroundings::problems(spec, tier));
    problems.extend(delivered::problems(tier, spec.environment));
    let row = match primary {
        Some((name, region)) => delivered::to(name, region),
        None => delivered::of(tier, spec.environment, &claim.metadata.labels),
    };
    let delivery = ObjectDelivery::delivery(row.there);
    let place = placed::of(row.there, &row.path, claim).map_err(|problem| problems.push(problem)).unwrap_or_default();
    let is_placed = place.0.as_ref().is_some_and(|place| place != claim.identity().0);
    let followed = standby::Followed { delivery: &delivery, is_placed, backup: backup.as_ref() };
    let standby = standby::resolve(claim, policy, tier, followed, (features, *operator), &mut problems);
    let served_from = std::iter::once(&delivery).chain(standby.as_ref().map(|standby| &standby.delivery));
    let source = credentials(spec, tier, features);
    problems.extend(served_from.filter_map(|there| surroundings::rotation(spec, there, source)).next());
    let extensions = spec.extensions.iter().filter_map(|name| match engine.extensions.get(name) {
        Some(extension) => Some((name.clone(), extension.name.clone())),
        None => {
            problems.push(unknown("spec.extensions", "extension", name, engine.extensions.keys().cloned()));
            None
        }
    });
    let extensions = map(extensions);
    let issuer = encryption(spec, tables, &mut problems);
    let lifecycle = lifecycle(spec, tier);
    let maintenance = maintenance(spec, tier, &lifecycle, &mut problems);
    if lifecycle.deletion_policy == DeletionPolicy::Snapshot && backup.is_none() && problems.is_empty() {
        let wrong = "Snapshot makes a last backup, and backups are off";
        problems.push(Problem::new(
            "spec.lifecycle.deletionPolicy",
            wrong,
            "write Delete or Retain, or switch them on",
        ));
    }

    // The one place where "no problems" becomes "everything is there", so that no default is invented twice.
    let (Some(storage), Some(replicas), Some(size), Some(tuned), Some(version), true) =
        (storage, replicas, size, tuned, version, problems.is_empty())
    else {
        return Err(sorted(problems));
    };
    let (namespace, name) = claim.identity();
    let database = DatabaseName::new(namespace, name, spec.name.clone()).placed(place.0.as_deref());
    let topology = capability::topology(spec, features);
    let sharded = matches!(topology, Topology::Sharded | Topology::Cluster);
    let least_shards = features.shards.map_or(1, |shards| shards.least);
    let access = spec.access.clone().unwrap_or_default();
    let monitoring = spec.monitoring.clone().unwrap_or_default();
    let terms = Terms {
        database,
        environment: spec.environment,
        engine: spec.engine.unwrap_or_default(),
        operator: *operator,
        version: version.name.into(),
        topology,
        replicas,
        shards: spec.shards.unwrap_or(if sharded { least_shards } else { 1 }),
        synchronous_replicas: tier.synchronous_replicas.min(replicas - 1),
        cpu: size.cpu,
        memory: size.memory,
        cpu_request: size.cpu.percent(tier.cpu_request.into()),
        storage,
        storage_class,
        placement: tier.placement,
        backup,
        pooling: pooling(spec, replicas),
        parameters: spec.parameters.clone(),
        extensions,
        credentials: credentials(spec, tier, features),
        rotation: spec.credentials.as_ref().and_then(|it| it.rotation.as_ref()).map(|it| it.interval.clone()),
        consul: spec.credentials.as_ref().and_then(|it| it.consul.as_ref()).map(|consul| consul.path.clone()),
        access: Access {
            namespaces: access.allowed_namespaces,
            cidrs: access.allowed_cidrs,
            service_type: access.service_type.unwrap_or_default(),
            roles: access.roles,
            console: access.console,
        },
        tls: encrypted(spec, tier),
        issuer: issuer.cloned(),
        monitoring: Monitoring {
            off: monitoring.enabled == Some(false),
            silent: monitoring.alerts == Some(false),
            log_level: monitoring.log_level.unwrap_or_default(),
            audit: monitoring.audit == Some(true),
            queries: monitoring.queries,
        },
        maintenance,
        lifecycle,
        delivery,
        standby,
    };
    let recovery = tier.disaster_recovery.as_ref().filter(|_| terms.standby.is_some());
    let notes = Notes {
        drill_days: backup::drill_days(tier, features, &terms),
        delivered_by: row.by,
        primary: primary.map(|(name, _)| name.into()),
        placed_by: place.1,
        new_namespace: row.there.and_then(|there| there.create_namespace.clone()),
        standby_namespace: terms.standby.as_ref().and_then(|standby| {
            policy.regions.get(&standby.region)?.object_delivery.as_ref()?.create_namespace.clone()
        }),
        release: version.release.into(),
        tuned,
        owner: spec.owner.clone(),
        system: spec.system.clone(),
        description: spec.description.clone(),
        retired: !version.version.offered,
        end_of_life: Some(version.version.end_of_life.clone()),
        recovery_time: recovery.and_then(|recovery| recovery.recovery_time_objective.clone()),
        monthly_cost: policy
            .prices
            .as_ref()
            .map(|prices| format!("{} {}", prices.currency, cost::monthly(&terms, prices))),
    };
    let mut problems = operators::of(*operator).problems(&terms);
    problems.extend(too_long(&terms.database));
    problems.extend(standby::terms(&terms).and_then(|standby| too_long(&standby.database)));
    if problems.is_empty() {
        return Ok(Plan { terms, requests: requests(spec), notes });
    }
    // An operator that cannot go there knows no labels.
    let by_nobody = delivered::path(spec.environment, &BTreeMap::new());
    for problem in problems.iter_mut().filter(|problem| problem.path == by_nobody) {
        problem.path = match &notes.primary {
            Some(name) => delivered::of_region(name),
            None => delivered::path(spec.environment, &notes.delivered_by),
        };
    }
    // Nor does it know whose name it is.
    let placed = terms.database.claim.is_some() || terms.standby.is_some_and(|standby| standby.namespace.is_some());
    for problem in problems.iter_mut().filter(|problem| placed && problem.path == "metadata.name") {
        problem.right += &format!(", with the {} characters that are added where it is placed", name::ADDED);
    }
    Err(sorted(problems))
}

/// Operators and Crossplane add to a name wherever it stands.
fn too_long(database: &DatabaseName) -> Option<Problem> {
    let DatabaseName { name, .. } = database;
    let wrong = format!("{name:?} is not a name for a database");
    (name.len() > name::LONGEST)
        .then(|| Problem::new("metadata.name", wrong, format!("write up to {} characters", name::LONGEST)))
}

/// Where nobody can make users for an hour, the tier's default is what comes closest.
fn credentials(spec: &DatabaseSpec, tier: &Tier, features: &Features) -> CredentialSource {
    let default = match tier.credentials {
        CredentialSource::VaultDynamic if !features.roles => CredentialSource::Secret,
        source => source,
    };
    spec.credentials.as_ref().and_then(|it| it.source).unwrap_or(default)
}

fn encrypted(spec: &DatabaseSpec, tier: &Tier) -> bool {
    tier.tls_required || spec.tls.as_ref().and_then(|tls| tls.enabled).unwrap_or(false)
}

/// Who issues the certificates, where the operator needs somebody.
fn encryption<'a>(spec: &DatabaseSpec, tables: &Tables<'a>, problems: &mut Vec<Problem>) -> Option<&'a Issuer> {
    let Tables { tier, features, operator, .. } = tables;
    let (environment, operator) = (name_of(&spec.environment), name_of(operator));
    if spec.tls.as_ref().and_then(|tls| tls.enabled) == Some(false) && tier.tls_required {
        let wrong = format!("{environment} refuses connections that are not encrypted");
        problems.push(Problem::new("spec.tls.enabled", wrong, "leave it out, or write true"));
    }
    match features.encryption {
        _ if !encrypted(spec, tier) => None,
        Encryption::Own => None,
        Encryption::Never => {
            let wrong = format!("{environment} encrypts connections, and {operator} cannot");
            tier.tls_required.then(|| problems.push(Problem::new("spec.engine", wrong, "write another engine")));
            None
        }
        Encryption::Issued => {
            if tier.certificate_issuer.is_none() {
                let path = format!("TierDefaults.environments.{environment}.certificateIssuer");
                let wrong = format!("{operator} takes certificates from an issuer, and there is none");
                problems.push(Problem::new(path, wrong, "the platform team names an issuer of cert-manager"));
            }
            tier.certificate_issuer.as_ref()
        }
    }
}

/// Settings that follow from the size, against which the claim's own are checked.
fn tuned(
    spec: &DatabaseSpec,
    tables: &Tables,
    size: &Size,
    storage: Option<Bytes>,
    sums: bool,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let engine = spec.engine.unwrap_or_default();
    let tuned = tuning::tune(engine, size.memory, storage.unwrap_or_default(), size.connections);
    if sums {
        problems.extend(tuning::check(engine, size.memory, &tuned, &spec.parameters));
    }
    if let Some(minimum) = tables.minimum_memory.filter(|minimum| size.memory < *minimum) {
        let wrong = format!("{} has {} of memory", spec.size, size.memory);
        problems.push(Problem::new("spec.size", wrong, format!("write a size with {minimum} or more")));
    }
    tuned
}

fn storage(spec: &DatabaseSpec, tables: &Tables, problems: &mut Vec<Problem>) -> Option<Bytes> {
    // A text that is no quantity is a problem of `rules` already.
    let storage = Bytes::parse(&spec.storage).ok()?;
    let range = &tables.tier.storage;
    if (range.minimum..=range.maximum).contains(&storage) {
        return Some(operators::of(tables.operator).storage(storage));
    }
    let wrong = format!("{storage} is outside of {}", name_of(&spec.environment));
    problems.push(Problem::new("spec.storage", wrong, format!("write {} to {}", range.minimum, range.maximum)));
    None
}

fn replicas(spec: &DatabaseSpec, tables: &Tables, problems: &mut Vec<Problem>) -> Option<u32> {
    let range = &tables.replicas;
    let standalone = spec.topology == Some(Topology::Standalone);
    let replicas = spec.replicas.unwrap_or(if standalone { 1 } else { range.default });
    let most = range.maximum.min(tables.features.most_replicas);
    if (range.minimum..=most).contains(&replicas) {
        return Some(replicas);
    }
    let path = if spec.replicas.is_none() { "spec.topology" } else { "spec.replicas" };
    let wrong = format!("{replicas} is outside of {}", name_of(&spec.environment));
    problems.push(Problem::new(path, wrong, format!("write {} to {most}", range.minimum)));
    None
}

fn storage_class(
    spec: &DatabaseSpec,
    policy: &TierDefaults,
    tier: &Tier,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    if let Some(class) = &spec.storage_class
        && !policy.storage_classes.contains(class)
    {
        problems.push(unknown("spec.storageClass", "storage class", class, policy.storage_classes.iter().cloned()));
    }
    spec.storage_class.clone().or_else(|| tier.storage_class.clone())
}

fn pooling(spec: &DatabaseSpec, replicas: u32) -> Option<Pooling> {
    let asked = spec.pooling.as_ref().filter(|pooling| pooling.enabled)?;
    Some(Pooling { mode: asked.mode.unwrap_or_default(), instances: asked.instances.unwrap_or(replicas.min(3)) })
}

/// Each of them is the tier's unless the claim has its own. A time zone without a time in it says nothing.
fn maintenance(spec: &DatabaseSpec, tier: &Tier, lifecycle: &Lifecycle, problems: &mut Vec<Problem>) -> Maintenance {
    let asked = spec.maintenance.clone().unwrap_or_default();
    let policy = &tier.maintenance;
    let windows = if asked.windows.is_empty() { policy.windows.clone() } else { asked.windows };
    let (path, time_zone) = match asked.time_zone {
        Some(zone) => ("spec.maintenance.timeZone".into(), Some(zone)),
        None => {
            let path = format!("TierDefaults.environments.{}.maintenance.timeZone", name_of(&spec.environment));
            (path, policy.time_zone.clone())
        }
    };
    if calendar::zone(time_zone.as_deref()).is_none() {
        let wrong = format!("there is no time zone {:?}", time_zone.as_deref().unwrap_or_default());
        problems.push(Problem::new(path, wrong, "write a name of the tz database, such as Europe/Oslo"));
    }
    let timed = lifecycle.schedule.is_some() || lifecycle.expires.is_some();
    Maintenance {
        time_zone: time_zone.filter(|_| timed || !windows.is_empty()),
        windows,
        pinned: asked.auto_upgrade.or(policy.auto_upgrade) == Some(false),
    }
}

/// What the claim asks for once.
fn requests(spec: &DatabaseSpec) -> Requests {
    let urgent = spec.maintenance.as_ref().is_some_and(|maintenance| maintenance.urgent);
    Requests {
        backup: spec.backup.as_ref().and_then(|backup| backup.request.clone()),
        urgent,
        failover: spec.disaster_recovery.as_ref().is_some_and(|it| it.promotion == Some(Promotion::Failover)),
        restore: spec.restore.clone(),
    }
}

/// Protection is on by default where deleting would make a last backup, because somebody must wait for that.
fn lifecycle(spec: &DatabaseSpec, tier: &Tier) -> Lifecycle {
    let asked = spec.lifecycle.clone().unwrap_or_default();
    let deletion_policy = asked.deletion_policy.unwrap_or(tier.deletion_policy);
    Lifecycle {
        hibernated: asked.hibernated,
        deletion_policy,
        deletion_protection: asked.deletion_protection.unwrap_or(deletion_policy == DeletionPolicy::Snapshot),
        schedule: asked.schedule,
        expires: asked.expires,
    }
}

fn unknown(path: &str, what: &str, name: &str, known: impl Iterator<Item = String>) -> Problem {
    let known: Vec<String> = known.collect();
    let right = match known.as_slice() {
        [] => "leave it out: the platform offers none".into(),
        known => format!("write one of {}", known.join(", ")),
    };
    Problem::new(path, format!("there is no {what} {name:?}"), right)
}

/// By path, each once: the same order however the rules are arranged.
fn sorted(mut problems: Vec<Problem>) -> Problems {
    sort(&mut problems, Ord::cmp);
    problems.dedup();
    Problems(problems)
}

#[cfg(test)]
pub mod example;
#[cfg(test)]
mod tests;
