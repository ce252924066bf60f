//! The `DatabaseCluster`. In: a generation. Out: one resource, which holds the data. The structs read like Everest's manual,
//! in its order.

use super::{backup, key, kind, wrapped};
use crate::api::plan::Plan;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::{Holds, Resource, resource};
use serde::Serialize;

/// The backup agent that Everest puts beside each member in any case.
pub const AGENT: Amounts = Amounts { cpu: Millicores(300), memory: Bytes(1_000_000_000), storage: Bytes(0) };

pub fn compose(generation: &Generation) -> Resource {
    let Plan { terms, notes, .. } = &generation.plan;
    let spec = Spec {
        engine: Engine {
            r#type: "psmdb",
            version: &notes.release,
            replicas: terms.replicas,
            resources: Resources { cpu: terms.cpu.to_string(), memory: terms.memory.to_string() },
            storage: Storage { size: terms.storage.to_string(), class: terms.storage_class.as_deref() },
            config: wrapped::configuration(&generation.plan),
        },
        // Without routers this is how members are exposed, and it has no default.
        proxy: Proxy { r#type: "mongos", expose: Expose { r#type: "internal" } },
        backup: terms.backup.as_ref().map(|plan| backup::section(generation, plan)),
        paused: terms.lifecycle.hibernated,
    };
    resource(generation, key::CLUSTER, kind::CLUSTER, generation.name(), Holds::Data(terms.storage), spec)
}

#[derive(Serialize)]
struct Spec<'a> {
    engine: Engine<'a>,
    proxy: Proxy,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<backup::Section<'a>>,
    paused: bool,
}

#[derive(Serialize)]
struct Engine<'a> {
    r#type: &'static str,
    version: &'a str,
    replicas: u32,
    resources: Resources,
    storage: Storage<'a>,
    config: String,
}

#[derive(Serialize)]
struct Resources {
    cpu: String,
    memory: String,
}

#[derive(Serialize)]
struct Storage<'a> {
    size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
}

#[derive(Serialize)]
struct Proxy {
    r#type: &'static str,
    expose: Expose,
}

#[derive(Serialize)]
struct Expose {
    r#type: &'static str,
}
