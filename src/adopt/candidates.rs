//! What a claim could say. In: what is there, the platform's tables. Out: for each field the edits that are worth a try. Must
//! not judge them: what there can be no claim of is passed over later.

use crate::api::claim::{BackupMethod, DeletionPolicy, LogLevel, PoolMode, ServiceType, Topology};
use crate::api::input::TierDefaults;
use crate::api::input::tier_defaults::{EnginePolicy, Tier};
use crate::api::quantity::Bytes;
use crate::map;
use crate::operators::name_of;
use crate::render::object;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// More members than any operator has.
const MOST_MEMBERS: u32 = 20;
/// More shards than any operator has.
const MOST_SHARDS: u32 = 64;

/// Values by their paths below `spec`, or `metadata.name`; null takes a field away.
#[derive(Clone, Debug)]
pub struct Edit(Vec<(String, Value)>);

impl Edit {
    pub fn of(path: &str, value: Value) -> Edit {
        Edit(vec![(path.into(), value)])
    }

    pub fn on(&self, claim: &Value) -> Value {
        let mut claim = claim.clone();
        for (path, value) in &self.0 {
            let (root, path) = match path.as_str() {
                "metadata.name" => ("metadata", "name"),
                path => ("spec", path),
            };
            set(&mut claim[root], path, value);
        }
        claim
    }
}

/// A parameter's name has a dot only where it is the last.
fn set(value: &mut Value, path: &str, to: &Value) {
    let map = object(value);
    match path.split_once('.') {
        Some((section, rest)) => {
            let inner = map.entry(section).or_insert_with(|| Value::Object(Map::new()));
            match section {
                "parameters" => _ = object(inner).insert(rest.into(), to.clone()),
                _ => set(inner, rest, to),
            }
        }
        None if to.is_null() => _ = map.remove(path),
        None => _ = map.insert(path.into(), to.clone()),
    }
}

/// One after the other, most of what decides first.
pub fn dimensions(
    given: &[Value],
    name: &str,
    tiers: &TierDefaults,
    tier: &Tier,
    engine: &EnginePolicy,
) -> Vec<Vec<Edit>> {
    let there = Scalars::read(given);
    let each = |path: &str, values: Vec<Value>| values.into_iter().map(|value| Edit::of(path, value)).collect();
    let names = |values: Vec<String>| values.into_iter().map(Value::from).collect::<Vec<Value>>();
    let members: Vec<Value> = (1..=MOST_MEMBERS).map(Value::from).collect();
    let switch = || vec![true.into(), false.into(), Value::Null];
    let mut all: Vec<Vec<Edit>> = vec![
        each("metadata.name", names(parts(name))),
        each("version", names(engine.versions.keys().cloned().collect())),
        topologies(&there),
        each("replicas", members.clone()),
        each("size", names(tier.sizes.clone())),
        each("storage", names(there.amounts())),
        each("storageClass", names(tiers.storage_classes.clone())),
        each("tls.enabled", switch()),
        each("backup.enabled", switch()),
        each("backup.schedule", names(there.schedules())),
        each("backup.retention", names(there.retentions())),
        each("backup.continuous", switch()),
        each("backup.method", written(&[BackupMethod::Physical, BackupMethod::Dump, BackupMethod::Snapshot])),
        each("pooling.enabled", switch()),
        each("pooling.mode", written(&[PoolMode::Session, PoolMode::Transaction])),
        each("pooling.instances", members),
        each("monitoring.enabled", switch()),
        each("monitoring.audit", switch()),
        each("monitoring.logLevel", written(&[LogLevel::Error, LogLevel::Warning, LogLevel::Debug])),
        each("monitoring.queries", names(there.of("name"))),
        each("lifecycle.hibernated", switch()),
        each(
            "lifecycle.deletionPolicy",
            written(&[DeletionPolicy::Delete, DeletionPolicy::Snapshot, DeletionPolicy::Retain]),
        ),
        each("access.serviceType", written(&[ServiceType::LoadBalancer])),
        each("name", names(there.names())),
    ];
    for parameter in engine.parameters.keys() {
        all.push(each(&format!("parameters.{parameter}"), names(there.of(parameter))));
    }
    all.push(extensions(engine, &there));
    all
}

/// Either side of each hyphen: some operators name their resource after the claim and more.
fn parts(name: &str) -> Vec<String> {
    let sides = |(at, _): (usize, &str)| [name.get(..at), name.get(at + 1..)];
    name.match_indices('-').flat_map(sides).flatten().map(String::from).collect()
}

fn topologies(there: &Scalars) -> Vec<Edit> {
    let with = |topology: Topology, shards: Value| {
        Edit(vec![("topology".into(), name_of(&topology).into()), ("shards".into(), shards)])
    };
    let alone = [Topology::Standalone, Topology::Replicated].map(|topology| with(topology, Value::Null));
    let shards: Vec<Value> = there.numbers().into_iter().map(Value::from).chain([Value::Null]).collect();
    let sharded = [Topology::Cluster, Topology::Sharded];
    let sharded = sharded.into_iter().flat_map(|topology| shards.iter().map(move |it| with(topology, it.clone())));
    alone.into_iter().chain(sharded).collect()
}

/// All of those that are named.
fn extensions(engine: &EnginePolicy, there: &Scalars) -> Vec<Edit> {
    let texts = there.texts();
    let named = engine.extensions.iter().filter(|(_, extension)| texts.contains(extension.name.as_str()));
    let named: Vec<Value> = named.map(|(name, _)| name.as_str().into()).collect();
    if named.is_empty() { vec![] } else { vec![Edit::of("extensions", named.into())] }
}

fn written<T: serde::Serialize>(values: &[T]) -> Vec<Value> {
    values.iter().map(|value| name_of(value).into()).collect()
}

/// What stands in the resources: the name of its field, and the value as text.
struct Scalars(BTreeSet<(String, String)>);

impl Scalars {
    fn read(given: &[Value]) -> Scalars {
        let mut found = BTreeSet::new();
        for value in given {
            let own = value.as_object().into_iter().flatten();
            own.filter(|(field, _)| *field != "status").for_each(|(field, value)| collect(field, value, &mut found));
        }
        Scalars(found)
    }

    /// The values of fields of that name.
    fn of(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(field, _)| field == name).map(|(_, text)| text.clone()).collect()
    }

    fn texts(&self) -> BTreeSet<&str> {
        map::set(self.0.iter().map(|(_, text)| text.as_str()))
    }

    /// Some operators write whole Gi as a plain number.
    fn amounts(&self) -> Vec<String> {
        let amount = |text: &str| match text.parse::<u32>() {
            Ok(number) => Some(format!("{number}Gi")),
            Err(_) => Bytes::parse(text).ok().map(|bytes| bytes.to_string()),
        };
        map::set(self.texts().into_iter().filter_map(amount)).into_iter().collect()
    }

    /// Some operators have a field for seconds in front.
    fn schedules(&self) -> Vec<String> {
        let schedule = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            let words = words.get(words.len().checked_sub(5)?..).filter(|_| words.len() <= 6)?;
            Some(words.join(" "))
        };
        self.texts().into_iter().filter_map(schedule).collect()
    }

    /// A number alone is one of days.
    fn retentions(&self) -> Vec<String> {
        let retention = |text: &str| match text.parse::<u16>() {
            Ok(days) => Some(format!("{days}d")),
            Err(_) => {
                text.strip_suffix(['d', 'w', 'm']).and_then(|number| number.parse::<u16>().ok()).map(|_| text.into())
            }
        };
        self.texts().into_iter().filter_map(retention).collect()
    }

    /// What could be the name of a database inside the engine.
    fn names(&self) -> Vec<String> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let name = |text: &&str| {
            text.len() <= 63 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(plain)
        };
        self.texts().into_iter().filter(name).map(String::from).collect()
    }

    fn numbers(&self) -> Vec<u32> {
        let numbers = self.texts().into_iter().filter_map(|text| text.parse().ok());
        numbers.filter(|number| (1..=MOST_SHARDS).contains(number)).collect()
    }
}

/// Lists have their items under the list's name; settings in a text are lines of a name and a value.
fn collect(field: &str, value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| collect(field, value, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(field, item, found)),
        Value::String(text) => {
            let lines = text.lines().filter_map(|line| line.split_once(['=', ':', ' ']));
            found.extend(lines.map(|(name, value)| (name.trim().into(), value.trim().into())));
            found.insert((field.into(), text.clone()));
        }
        Value::Number(number) => _ = found.insert((field.into(), number.to_string())),
        Value::Bool(truth) => _ = found.insert((field.into(), truth.to_string())),
        Value::Null => {}
    }
}
