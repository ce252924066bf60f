//! What the operator's resources, and what it makes of them, say of themselves, as far as anybody looks. In: observed
//! objects. Out: typed, where everything that can be missing is missing. Fields are Altinity operator 0.25.6's and
//! Kubernetes' own. Must not judge.

use crate::operators::pod_template::{Container, PodTemplate};
use serde::Deserialize;

/// Also of Keepers: both kinds have one form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Installation<'a> {
    #[serde(borrow)]
    pub spec: InstallationSpec<'a>,
    #[serde(borrow)]
    pub status: InstallationStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct InstallationSpec<'a> {
    #[serde(borrow)]
    templates: Templates<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Templates<'a> {
    #[serde(borrow)]
    pod_templates: Vec<PodTemplate<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstallationStatus<'a> {
    /// `InProgress`, `Completed`, `Aborted` or `Terminating`.
    pub status: Option<&'a str>,
    pub action: Option<&'a str>,
    pub error: Option<&'a str>,
    pub hosts: u32,
    pub hosts_completed: u32,
}

/// One member's.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StatefulSet<'a> {
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: StatefulSetSpec<'a>,
    status: StatefulSetStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Metadata<'a> {
    pub name: &'a str,
    pub generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatefulSetSpec<'a> {
    #[serde(borrow)]
    template: PodTemplate<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StatefulSetStatus {
    observed_generation: Option<i64>,
    replicas: Option<u32>,
    ready_replicas: u32,
    updated_replicas: u32,
}

impl<'a> InstallationSpec<'a> {
    /// Of the container of this name, in the only template there is.
    pub fn image(&self, container: &str) -> Option<&'a str> {
        self.templates.pod_templates.first().and_then(|template| template.container(container)).and_then(|it| it.image)
    }
}

impl InstallationStatus<'_> {
    /// Everything was applied, which says nothing about pods that stopped since.
    pub fn is_completed(&self) -> bool {
        self.status == Some("Completed")
    }
}

impl<'a> StatefulSet<'a> {
    pub fn container(&self, name: &str) -> Option<&Container<'a>> {
        self.spec.template.container(name)
    }

    /// Its pod is ready, and is the one that it is told of.
    pub fn is_ready(&self) -> bool {
        let StatefulSetStatus { observed_generation, ready_replicas, updated_replicas, .. } = self.status;
        let seen = observed_generation.is_some() && observed_generation == self.metadata.generation;
        seen && ready_replicas > 0 && updated_replicas > 0
    }

    /// There is no pod, and none is on its way out.
    pub fn is_stopped(&self) -> bool {
        self.status.replicas == Some(0)
    }
}
