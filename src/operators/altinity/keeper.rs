//! The `ClickHouseKeeperInstallation`: what the servers agree in. In: a generation whose data is replicated. Out: one
//! resource, which holds the list of parts that the servers' data is made of, and so is data.
//!
//! The number of Keepers is for ever: the operator's own tests of changing it end where the leader should move (Altinity
//! operator 0.25.6, `test_020005`). So it follows from what is fixed at creation. `spec.stop` does nothing here, and
//! Keepers of a hibernated database go on.

use super::installation::{self, PodTemplate, StorageManagement, VolumeClaimTemplate};
use super::status::Installation;
use super::{CLUSTER, Settings, key, kind, label, reclaim_policy, volume};
use crate::api::claim::{Environment, Topology};
use crate::api::plan::Terms;
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Observed, Question};
use crate::operators::facts::labels;
use crate::operators::{Holds, Resource, pods, resource};
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec};
use serde::Serialize;
use std::collections::BTreeMap;

pub const CLIENTS: u16 = 2181;
pub const RAFT: u16 = 9444;
/// The name of the container, by which the operator knows it.
pub const CONTAINER: &str = "clickhouse-keeper";
const POD: &str = "keeper";

/// It holds everything in memory, and on its volume a log of it and snapshots.
pub const INSTANCE: Amounts =
    Amounts { cpu: Millicores(500), memory: Bytes(Bytes::GI), storage: Bytes(10 * Bytes::GI) };

/// One in dev, which may stand still while its node is drained; else three, of which one can be lost.
pub fn instances(terms: &Terms) -> u32 {
    match (terms.topology, terms.environment) {
        (Topology::Standalone, _) => 0,
        (_, Environment::Dev) => 1,
        (_, Environment::Staging | Environment::Prod) => 3,
    }
}

/// The operator's Service before them (Altinity operator 0.25.6, `chk/namer/patterns.go`).
pub fn service(generation: &Generation) -> String {
    format!("keeper-{}", generation.name())
}

/// Their StatefulSets: one each.
pub fn members(generation: &Generation) -> Question {
    let name = generation.name();
    let labels = [(label::KEEPER, name.as_str())];
    Question::by_labels("apps/v1", "StatefulSet", &generation.database().namespace, &labels)
}

pub fn compose(generation: &Generation, settings: &Settings) -> Resource {
    let terms = &generation.plan.terms;
    let spec = KeeperSpec {
        defaults: Defaults {
            storage_management: StorageManagement { provisioner: "Operator", reclaim_policy: reclaim_policy(terms) },
            templates: DefaultTemplates { pod_template: POD, data_volume_claim_template: volume(generation) },
        },
        configuration: Configuration {
            settings: map([("logger/level", "information")]),
            clusters: [Cluster {
                name: CLUSTER,
                pdb_max_unavailable: 1,
                layout: Layout { replicas_count: instances(terms) },
            }],
        },
        templates: Templates {
            pod_templates: [PodTemplate { name: POD, pod_distribution: vec![], spec: pod(generation, settings) }],
            volume_claim_templates: [VolumeClaimTemplate {
                name: volume(generation),
                reclaim_policy: reclaim_policy(terms),
                spec: pods::volume_claim(terms, INSTANCE.storage),
            }],
        },
    };
    resource(generation, key::KEEPER, kind::KEEPER, generation.name(), Holds::Data(INSTANCE.storage), spec)
}

/// Whether the Keepers, if there are any, are told of the planned release and the operator is done with them.
pub fn is_at(generation: &Generation, settings: &Settings, observed: &Observed) -> bool {
    match observed.get::<Installation>(&generation.key(key::KEEPER)) {
        Ok(Some(keeper)) => {
            let planned = image(generation, settings);
            keeper.spec.image(CONTAINER) == Some(planned.as_str()) && keeper.status.is_completed()
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

fn image(generation: &Generation, settings: &Settings) -> String {
    format!("{}:{}", settings.keeper_image, generation.plan.notes.release)
}

fn pod(generation: &Generation, settings: &Settings) -> PodSpec {
    let terms = &generation.plan.terms;
    let own = labels([(label::KEEPER, &generation.name())]);
    let container = Container {
        name: CONTAINER.into(),
        image: Some(image(generation, settings)),
        // As the operator has it in a container of its own making.
        env: Some(vec![EnvVar {
            name: "CLICKHOUSE_DATA_DIR".into(),
            value: Some("/var/lib/clickhouse-keeper".into()),
            ..Default::default()
        }]),
        resources: Some(pods::beside(terms, INSTANCE)),
        security_context: Some(pods::confined()),
        ..Default::default()
    };
    PodSpec {
        containers: vec![container],
        affinity: Some(pods::apart(terms.placement, own.clone())),
        topology_spread_constraints: Some(pods::spread(terms.placement, own)).filter(|spread| !spread.is_empty()),
        ..installation::surroundings(settings)
    }
}

#[derive(Serialize)]
struct KeeperSpec {
    defaults: Defaults,
    configuration: Configuration,
    templates: Templates,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Defaults {
    storage_management: StorageManagement,
    templates: DefaultTemplates,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DefaultTemplates {
    pod_template: &'static str,
    data_volume_claim_template: String,
}

#[derive(Serialize)]
struct Configuration {
    settings: BTreeMap<&'static str, &'static str>,
    clusters: [Cluster; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    name: &'static str,
    pdb_max_unavailable: u32,
    layout: Layout,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    replicas_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Templates {
    pod_templates: [PodTemplate; 1],
    volume_claim_templates: [VolumeClaimTemplate; 1],
}
