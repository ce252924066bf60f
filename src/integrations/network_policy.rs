//! Default deny for the database's pods, with exactly the doors that its engine's facts name: one `NetworkPolicy` for each
//! group of pods.
//!
//! The API server is reached by address, since it is no pod. Cilium does not apply address rules to it (Cilium 1.18, "Known
//! issues"); where the platform says that it is Cilium, a `CiliumNetworkPolicy` opens that one door.

use super::of_role;
use crate::api::record::Generation;
use crate::operators::facts::{Door, Labels, Peer, Workload};
use crate::operators::{Facts, Holds, Resource, metadata};
use crate::wire::{Key, Object};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Every namespace carries it (Kubernetes 1.22 and newer).
const NAMESPACE: &str = "kubernetes.io/metadata.name";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Where Kubernetes' API answers.
    pub api_server: Addresses,
    /// Where backups go.
    pub object_store: Addresses,
    /// The namespace of Prometheus.
    #[schemars(length(min = 1, max = 63))]
    pub monitoring_namespace: String,
    /// The namespace of the cluster's DNS.
    #[serde(default = "kube_system")]
    #[schemars(length(min = 1, max = 63))]
    pub dns_namespace: String,
    /// The addresses of a DNS cache on each node, such as 169.254.20.10/32.
    #[serde(default)]
    #[schemars(length(max = 4), inner(length(max = 43)))]
    pub node_dns: Vec<String>,
    /// Who of the platform connects to every database, such as Vault or Teleport's agents.
    #[serde(default)]
    pub clients: Callers,
    /// True where Cilium keeps the rules: it applies no address to the API server.
    #[serde(default)]
    pub cilium: bool,
}

/// Who may connect beside those whom a claim lets in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Callers {
    /// Namespaces whose pods may connect to every database.
    #[schemars(length(max = 16), inner(length(max = 63)))]
    pub namespaces: Vec<String>,
    /// Such as 10.20.0.0/16.
    #[schemars(length(max = 16), inner(length(max = 43)))]
    pub cidrs: Vec<String>,
}

/// Address ranges and ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Addresses {
    /// Such as 10.0.0.1/32; 0.0.0.0/0 is everywhere.
    #[schemars(length(min = 1, max = 32), inner(length(max = 43)))]
    pub cidrs: Vec<String>,
    /// The ports there, such as 443.
    #[schemars(length(min = 1, max = 8))]
    pub ports: Vec<u16>,
}

fn kube_system() -> String {
    "kube-system".into()
}

pub fn compose(generation: &Generation, facts: &Facts, settings: &Settings) -> Vec<Resource> {
    let mut policies: Vec<Resource> =
        facts.workloads.iter().map(|workload| policy(generation, facts, workload, settings)).collect();
    if settings.cilium {
        policies.extend(facts.workloads.iter().filter_map(|workload| to_api_server(generation, workload, settings)));
    }
    policies
}

/// What Cilium knows the API server by, beside the policy that says everything else
/// (<https://docs.cilium.io/en/stable/security/policy/language/#entities-based>).
fn to_api_server(generation: &Generation, workload: &Workload, settings: &Settings) -> Option<Resource> {
    workload.reaches.iter().find(|door| door.peer == Peer::ApiServer)?;
    let ports: Vec<Value> =
        settings.api_server.ports.iter().map(|port| json!({"port": port.to_string(), "protocol": "TCP"})).collect();
    let policy = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": metadata(generation, of_role(&generation.name(), &workload.role)),
        "spec": {
            "endpointSelector": {"matchLabels": workload.pods},
            "egress": [{"toEntities": ["kube-apiserver"], "toPorts": [{"ports": ports}]}],
        },
    });
    let key = Key(of_role(&generation.key("cilium-network-policy"), &workload.role));
    Some(Resource { key, holds: Holds::Nothing, object: Object::of(&policy) })
}

fn policy(generation: &Generation, facts: &Facts, workload: &Workload, settings: &Settings) -> Resource {
    let name = of_role(&generation.name(), &workload.role);
    around(generation, facts, workload, settings, &of_role(&generation.key("network-policy"), &workload.role), name)
}

/// Around pods that need not be among those of the facts.
pub fn around(
    generation: &Generation,
    facts: &Facts,
    workload: &Workload,
    settings: &Settings,
    key: &str,
    name: String,
) -> Resource {
    let who = Who { generation, facts, settings };
    let metadata = metadata(generation, name);
    let ingress = by_peer(&workload.accepts).into_iter().map(|(peer, ports)| NetworkPolicyIngressRule {
        from: Some(who.peers(peer)),
        ports: Some(who.ports(peer, &ports)),
    });
    let egress = by_peer(&workload.reaches).into_iter().map(|(peer, ports)| NetworkPolicyEgressRule {
        to: Some(who.peers(peer)),
        ports: Some(who.ports(peer, &ports)),
    });
    let policy = NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(metadata.name),
            namespace: Some(metadata.namespace),
            labels: Some(metadata.labels),
            ..Default::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labelled(&workload.pods)),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: Some(ingress.collect()),
            egress: Some(egress.chain([dns(settings)]).collect()),
        }),
    };
    Resource { key: Key(key.into()), holds: Holds::Nothing, object: Object::of(&policy) }
}

/// One rule for each peer, in the order in which the facts name them first.
fn by_peer(doors: &[Door]) -> Vec<(&Peer, Vec<u16>)> {
    let mut rules: Vec<(&Peer, Vec<u16>)> = vec![];
    for Door { peer, port } in doors {
        match rules.iter_mut().find(|(known, _)| *known == peer) {
            Some((_, ports)) => ports.push(*port),
            None => rules.push((peer, vec![*port])),
        }
    }
    rules
}

/// Who is behind a peer's name.
struct Who<'a> {
    generation: &'a Generation,
    facts: &'a Facts,
    settings: &'a Settings,
}

impl Who<'_> {
    fn peers(&self, peer: &Peer) -> Vec<NetworkPolicyPeer> {
        match peer {
            Peer::Workload(role) => {
                self.facts.workload(role).map(|workload| pods(&workload.pods)).into_iter().collect()
            }
            Peer::Clients => self.clients(),
            Peer::Operator => vec![namespace(&self.facts.operator_namespace)],
            Peer::Monitoring => vec![namespace(&self.settings.monitoring_namespace)],
            Peer::ApiServer => blocks(&self.settings.api_server.cidrs),
            Peer::ObjectStore => blocks(&self.settings.object_store.cidrs),
        }
    }

    /// The platform knows the ports of what is its own.
    fn ports(&self, peer: &Peer, ports: &[u16]) -> Vec<NetworkPolicyPort> {
        match peer {
            Peer::ApiServer => tcp(&self.settings.api_server.ports),
            Peer::ObjectStore => tcp(&self.settings.object_store.ports),
            Peer::Workload(_) | Peer::Clients | Peer::Operator | Peer::Monitoring => tcp(ports),
        }
    }

    /// The database's own namespace, whom the claim lets in, and the platform's own.
    fn clients(&self) -> Vec<NetworkPolicyPeer> {
        let access = &self.generation.plan.terms.access;
        let own = &self.settings.clients;
        let mut peers = vec![pods(&Labels::new())];
        peers.extend(access.namespaces.iter().chain(&own.namespaces).map(|name| namespace(name)));
        peers.extend(blocks(&access.cidrs));
        peers.extend(blocks(&own.cidrs));
        peers
    }
}

fn dns(settings: &Settings) -> NetworkPolicyEgressRule {
    let mut to = vec![namespace(&settings.dns_namespace)];
    to.extend(blocks(&settings.node_dns));
    let ports = ["UDP", "TCP"].map(|protocol| port(53, protocol));
    NetworkPolicyEgressRule { to: Some(to), ports: Some(ports.into()) }
}

/// In the policy's own namespace.
fn pods(labels: &Labels) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(labelled(labels)), ..Default::default() }
}

fn namespace(name: &str) -> NetworkPolicyPeer {
    let labels = Labels::from([(NAMESPACE.into(), name.into())]);
    NetworkPolicyPeer { namespace_selector: Some(labelled(&labels)), ..Default::default() }
}

fn blocks(cidrs: &[String]) -> Vec<NetworkPolicyPeer> {
    let block = |cidr: &String| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.clone(), except: None }),
        ..Default::default()
    };
    cidrs.iter().map(block).collect()
}

fn labelled(labels: &Labels) -> LabelSelector {
    LabelSelector { match_labels: Some(labels.clone()).filter(|labels| !labels.is_empty()), ..Default::default() }
}

fn tcp(ports: &[u16]) -> Vec<NetworkPolicyPort> {
    ports.iter().map(|number| port(*number, "TCP")).collect()
}

fn port(number: u16, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.into()),
        ..Default::default()
    }
}

#[cfg(test)]
#[path = "network_policy_tests.rs"]
mod tests;
