//! Evaluates `NetworkPolicy` and `CiliumNetworkPolicy` as the cluster would, as far as this repository writes them; anything else
//! fails the test. In: composed resources. Out: which doors are open between two parties.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const NAMESPACE: &str = "kubernetes.io/metadata.name";
/// Nobody opens it.
const CLOSED: u16 = 9;

pub type Labels = BTreeMap<String, String>;

/// A pod, or an address outside of the cluster.
pub enum Party {
    Pod {
        namespace: String,
        labels: Labels,
    },
    Address(Ipv4Addr),
    /// An address, and to Cilium an entity that no range of addresses covers.
    ApiServer(Ipv4Addr),
}

impl Party {
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Party::Pod { namespace, .. } => Some(namespace),
            Party::Address(_) | Party::ApiServer(_) => None,
        }
    }
}

pub struct Firewall<'a> {
    policies: Vec<&'a Value>,
    of_cilium: Vec<&'a Value>,
    cilium: bool,
}

fn labels(selector: &Value) -> Labels {
    let known = selector.as_object().into_iter().flatten().all(|(field, _)| field == "matchLabels");
    assert!(known, "not evaluated here: {selector}");
    serde_json::from_value(selector["matchLabels"].clone()).unwrap_or_default()
}

fn selects(selector: &Value, pod: &Labels) -> bool {
    labels(selector).iter().all(|(name, value)| pod.get(name) == Some(value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("everybody is meant where there is no list, {value}"))
}

fn covers(block: &Value, address: Ipv4Addr) -> bool {
    assert!(block["except"].is_null(), "not evaluated here: {block}");
    let (network, length) = block["cidr"].as_str().unwrap().split_once('/').unwrap();
    let mask = u32::MAX.checked_shl(32 - length.parse::<u32>().unwrap()).unwrap_or(0);
    u32::from(network.parse::<Ipv4Addr>().unwrap()) & mask == u32::from(address) & mask
}

impl<'a> Firewall<'a> {
    pub fn of(resources: &'a [Value], cilium: bool) -> Firewall<'a> {
        let of = |kind: &str| resources.iter().filter(|resource| resource["kind"] == kind).collect();
        Firewall { policies: of("NetworkPolicy"), of_cilium: of("CiliumNetworkPolicy"), cilium }
    }

    /// For each policy the pods that it is about, by its name.
    pub fn groups(&self) -> Vec<(String, Party)> {
        let group = |policy: &&Value| {
            let metadata = &policy["metadata"];
            let party = Party::Pod {
                namespace: metadata["namespace"].as_str().unwrap().into(),
                labels: labels(&policy["spec"]["podSelector"]),
            };
            (metadata["name"].as_str().unwrap().into(), party)
        };
        self.policies.iter().map(group).collect()
    }

    /// Every namespace that a policy names.
    pub fn namespaces(&self) -> BTreeSet<String> {
        let rules = self.policies.iter().flat_map(|policy| {
            let spec = &policy["spec"];
            let from = list(&spec["ingress"]).iter().flat_map(|rule| list(&rule["from"]));
            from.chain(list(&spec["egress"]).iter().flat_map(|rule| list(&rule["to"])))
        });
        rules
            .filter_map(|peer| peer["namespaceSelector"]["matchLabels"][NAMESPACE].as_str())
            .map(String::from)
            .collect()
    }

    /// The specs of the policies around a pod.
    pub fn around<'b>(&'b self, party: &'b Party) -> impl Iterator<Item = &'a Value> + 'b {
        let about = move |policy: &&&'a Value| match party {
            Party::Pod { namespace, labels } => {
                policy["metadata"]["namespace"] == namespace.as_str() && selects(&policy["spec"]["podSelector"], labels)
            }
            Party::Address(_) | Party::ApiServer(_) => false,
        };
        self.policies.iter().filter(about).map(|policy| {
            assert_eq!(policy["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
            &policy["spec"]
        })
    }

    fn is(&self, peer: &Value, party: &Party, home: &str) -> bool {
        match (party, peer["ipBlock"].is_object()) {
            (Party::Address(address), true) => covers(&peer["ipBlock"], *address),
            // https://docs.cilium.io/en/stable/security/policy/language/#ip-cidr-based: not to what Cilium knows by identity.
            (Party::ApiServer(address), true) => !self.cilium && covers(&peer["ipBlock"], *address),
            (Party::Pod { namespace, labels }, false) => {
                let of_namespace = Labels::from([(NAMESPACE.into(), namespace.clone())]);
                let there = match &peer["namespaceSelector"] {
                    Value::Null => namespace == home,
                    selector => selects(selector, &of_namespace),
                };
                there && selects(&peer["podSelector"], labels)
            }
            _ => false,
        }
    }

    fn passes(&self, rules: &Value, side: &str, party: &Party, (port, protocol): (u16, &str)) -> bool {
        list(rules).iter().any(|rule| {
            let opens = |it: &Value| it["port"] == port && it["protocol"] == protocol && it["endPort"].is_null();
            list(&rule["ports"]).iter().any(opens)
                && list(&rule[side]).iter().any(|peer| self.is(peer, party, "checkout"))
        })
    }

    /// What Cilium's own policies add for a pod that leaves.
    fn leaves_by_cilium(&self, from: &Party, to: &Party, (port, protocol): (u16, &str)) -> bool {
        let (Party::Pod { labels, .. }, Party::ApiServer(_), true) = (from, to, self.cilium) else { return false };
        let policies = self.of_cilium.iter().map(|policy| &policy["spec"]);
        let rules =
            policies.filter(|spec| selects(&spec["endpointSelector"], labels)).flat_map(|spec| list(&spec["egress"]));
        let number = port.to_string();
        let opens = |it: &Value| it["port"] == number.as_str() && it["protocol"] == protocol;
        rules
            .filter(|rule| list(&rule["toEntities"]).contains(&"kube-apiserver".into()))
            .any(|rule| list(&rule["toPorts"]).iter().flat_map(|ports| list(&ports["ports"])).any(opens))
    }

    fn connects(&self, from: &Party, to: &Party, door: (u16, &str)) -> bool {
        let leaves = self.around(from).next().is_none()
            || self.around(from).any(|spec| self.passes(&spec["egress"], "to", to, door))
            || self.leaves_by_cilium(from, to, door);
        let enters = self.around(to).next().is_none()
            || self.around(to).any(|spec| self.passes(&spec["ingress"], "from", from, door));
        leaves && enters
    }

    fn ports(&self) -> BTreeSet<u16> {
        fn collect(value: &Value, found: &mut BTreeSet<u16>) {
            found.extend(value["port"].as_u64().map(|port| u16::try_from(port).unwrap()));
            value.as_array().into_iter().flatten().for_each(|item| collect(item, found));
            value.as_object().into_iter().flatten().for_each(|(_, field)| collect(field, found));
        }
        let mut found = BTreeSet::from([CLOSED]);
        self.policies.iter().for_each(|policy| collect(&policy["spec"], &mut found));
        found
    }

    /// What is open from the one to the other, such as `5432` and `53/UDP`.
    pub fn doors(&self, from: &Party, to: &Party) -> Vec<String> {
        let opened = |port: u16| {
            let protocols = [("TCP", format!("{port}")), ("UDP", format!("{port}/UDP"))];
            protocols
                .into_iter()
                .filter(move |(protocol, _)| self.connects(from, to, (port, protocol)))
                .map(|(_, name)| name)
        };
        self.ports().into_iter().flat_map(opened).collect()
    }
}
