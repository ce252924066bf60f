//! Where clients connect: one `Service` per endpoint, `<name>-primary`, `<name>-replica`, `<name>-pooler`.
//!
//! Their names never change: a restore puts another generation's pods behind them.

use super::consul;
use crate::api::claim::ServiceType;
use crate::api::record::Generation;
use crate::operators::facts::{Endpoint, EndpointRole, Target};
use crate::operators::{Facts, Holds, Resource, metadata, name_of};
use crate::wire::{Key, Object};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub fn compose(generation: &Generation, facts: &Facts, settings: &consul::Settings) -> Vec<Resource> {
    facts.endpoints.iter().map(|endpoint| service(generation, facts, endpoint, settings)).collect()
}

/// The name within the cluster, as status and the connection secret give it.
pub fn host(generation: &Generation, role: EndpointRole) -> String {
    format!("{}.{}.svc", name(generation, role), generation.database().namespace)
}

fn name(generation: &Generation, role: EndpointRole) -> String {
    format!("{}-{}", generation.database().name, name_of(&role))
}

fn service(generation: &Generation, facts: &Facts, endpoint: &Endpoint, settings: &consul::Settings) -> Resource {
    let access = &generation.plan.terms.access;
    // Replicas are for clients inside: nobody asked to show them to the outside as well.
    let outside = access.service_type == ServiceType::LoadBalancer && endpoint.role != EndpointRole::Replica;
    let mut metadata = metadata(generation, name(generation, endpoint.role));
    metadata.annotations = consul::annotations(generation, endpoint.role, settings);
    let spec = match &endpoint.target {
        Target::Pods { labels, port } | Target::Sticky { labels, port } => ServiceSpec {
            type_: Some(if outside { "LoadBalancer" } else { "ClusterIP" }.into()),
            selector: Some(labels.clone()),
            ports: Some(vec![ServicePort {
                name: Some(facts.service_type.clone()),
                port: endpoint.port.into(),
                target_port: Some(IntOrString::Int((*port).into())),
                protocol: Some("TCP".into()),
                ..Default::default()
            }]),
            load_balancer_source_ranges: Some(access.cidrs.clone()).filter(|cidrs| outside && !cidrs.is_empty()),
            session_affinity: matches!(endpoint.target, Target::Sticky { .. }).then(|| "ClientIP".into()),
            ..Default::default()
        },
        Target::Host(host) => {
            ServiceSpec { type_: Some("ExternalName".into()), external_name: Some(host.clone()), ..Default::default() }
        }
    };
    let service = Service { metadata: metadata.into(), spec: Some(spec), ..Default::default() };
    let key = Key(generation.shared_key(&format!("service-{}", name_of(&endpoint.role))));
    Resource { key, holds: Holds::Nothing, object: Object::of(&service) }
}
