//! What pods are told to be, as Kubernetes and operators have it. In: observed objects that have a pod template in them. Out:
//! its containers, their images and what they may use, where everything that can be missing is missing. Must not judge, and
//! knows no operator.

use crate::api::quantity::{Bytes, Millicores};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PodTemplate<'a> {
    #[serde(borrow)]
    spec: PodSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec<'a> {
    #[serde(borrow)]
    containers: Vec<Container<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Container<'a> {
    pub name: &'a str,
    pub image: Option<&'a str>,
    pub resources: Resources,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub limits: Option<Limits>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub cpu: Option<Millicores>,
    pub memory: Option<Bytes>,
}

impl<'a> PodTemplate<'a> {
    pub fn containers(&self) -> &[Container<'a>] {
        &self.spec.containers
    }

    pub fn container(&self, name: &str) -> Option<&Container<'a>> {
        self.spec.containers.iter().find(|container| container.name == name)
    }
}

impl Resources {
    /// Whether the limits are exactly these.
    pub fn are(&self, cpu: Millicores, memory: Bytes) -> bool {
        self.limits.is_some_and(|limits| limits.are(cpu, memory))
    }
}

impl Limits {
    pub fn are(&self, cpu: Millicores, memory: Bytes) -> bool {
        (self.cpu, self.memory) == (Some(cpu), Some(memory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Object;
    use serde_json::json;

    #[test]
    fn what_is_missing_is_not_as_planned() {
        let (cpu, memory) = (Millicores(1000), Bytes(2 * Bytes::GI));
        let cases = [
            (json!({"limits": {"cpu": "1", "memory": "2Gi"}}), true),
            (json!({"limits": {"cpu": "1000m", "memory": "2048Mi"}}), true),
            (json!({"limits": {"cpu": "1"}}), false),
            (json!({"limits": {"cpu": "2", "memory": "2Gi"}}), false),
            (json!({"requests": {"cpu": "1", "memory": "2Gi"}}), false),
            (json!({}), false),
        ];
        for (resources, expected) in cases {
            let template =
                json!({"spec": {"containers": [{"name": "other"}, {"name": "main", "resources": resources}]}});
            let template = Object::of(&template);
            let template: PodTemplate = template.decode("template").unwrap();
            assert_eq!(template.container("main").unwrap().resources.are(cpu, memory), expected, "{resources}");
            assert!(!template.container("other").unwrap().resources.are(cpu, memory));
            assert!(template.container("none").is_none());
        }
    }
}
