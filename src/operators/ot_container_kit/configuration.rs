//! Redis' settings: a `ConfigMap` that each member reads at its start, after what the operator itself writes. In: a plan.
//! Out: the settings, one a line; and the resource.

use super::key;
use crate::api::claim::LogLevel;
use crate::api::plan::Plan;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::{Holds, Metadata, Resource, metadata};
use crate::wire::{Key, Object};
use serde::Serialize;
use std::collections::BTreeMap;

/// The key that the operator's configuration includes.
const FILE: &str = "redis-additional.conf";

/// Also the name that members give it by.
pub fn name(generation: &Generation) -> String {
    format!("{}-configuration", generation.name())
}

/// Members need it to start.
pub fn compose(generation: &Generation) -> Resource {
    let map = ConfigMap {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: metadata(generation, name(generation)),
        data: map([(FILE, text(&generation.plan))]),
    };
    Resource { key: Key(generation.key(key::CONFIGURATION)), holds: Holds::Archive, object: Object::of(&map) }
}

/// Sorted, so that the same plan has the same text.
pub fn text(plan: &Plan) -> String {
    settings(plan).iter().map(|(name, value)| format!("{name} {value}\n")).collect()
}

fn settings(plan: &Plan) -> BTreeMap<&str, String> {
    let terms = &plan.terms;
    let least = match terms.monitoring.log_level {
        LogLevel::Error | LogLevel::Warning => "warning",
        LogLevel::Info => "notice",
        LogLevel::Debug => "debug",
    };
    let mut settings = map([("loglevel", least.to_string())]);
    let number = terms.synchronous_replicas;
    // A primary that nobody follows, such as one that was cut off and replaced, refuses writes, which would be lost. No
    // commit waits for a copy: that is beyond Redis. Without a replica to spare the loss of one would stop all writes.
    if number > 0 && number + 1 < terms.replicas {
        settings.insert("min-replicas-to-write", number.to_string());
        settings.insert("min-replicas-max-lag", "10".into());
    }
    settings.extend(plan.parameters().into_iter().map(|(name, value)| (name, written(value))));
    settings
}

/// What is no single word stands in quotes; nothing that the platform allows has any of its own.
fn written(value: &str) -> String {
    if value.is_empty() || value.contains(' ') { format!("\"{value}\"") } else { value.into() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigMap {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    data: BTreeMap<&'static str, String>,
}
