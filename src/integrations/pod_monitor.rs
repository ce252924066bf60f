//! Metrics for the Prometheus operator: one `PodMonitor` (monitoring.coreos.com/v1, Prometheus operator 0.80 and newer) for
//! each group of pods that serves any.

use super::of_role;
use crate::api::record::Generation;
use crate::operators::facts::{Labels, Workload};
use crate::operators::{Facts, Holds, Metadata, Resource, metadata};
use crate::wire::{Key, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// What the Prometheus object selects monitors by, such as `release: prometheus`.
    pub labels: Labels,
    /// How often metrics are fetched, such as 30s; Prometheus' own default if left out.
    #[schemars(regex(pattern = r"^[1-9][0-9]*(ms|s|m)$"), length(max = 8))]
    pub interval: Option<String>,
}

pub fn compose(generation: &Generation, facts: &Facts, settings: &Settings) -> Vec<Resource> {
    facts.workloads.iter().filter_map(|workload| monitor(generation, workload, settings)).collect()
}

fn monitor(generation: &Generation, workload: &Workload, settings: &Settings) -> Option<Resource> {
    let port = workload.metrics_port.as_deref()?;
    let mut metadata = metadata(generation, of_role(&generation.name(), &workload.role));
    metadata.labels.extend(settings.labels.clone());
    let monitor = PodMonitor {
        api_version: "monitoring.coreos.com/v1",
        kind: "PodMonitor",
        metadata,
        spec: Spec {
            selector: Selector { match_labels: &workload.pods },
            pod_metrics_endpoints: [Endpoint { port, interval: settings.interval.as_deref() }],
        },
    };
    let key = Key(of_role(&generation.key("pod-monitor"), &workload.role));
    Some(Resource { key, holds: Holds::Nothing, object: Object::of(&monitor) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodMonitor<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    selector: Selector<'a>,
    pod_metrics_endpoints: [Endpoint<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector<'a> {
    match_labels: &'a Labels,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    port: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<&'a str>,
}
