//! What pods of every operator share: how they are sized, kept apart and confined. In: terms and labels. Out: Kubernetes'
//! own types. Must not know an operator.

use super::DATABASE;
use super::facts::{self, Labels};
use crate::api::plan::{Placement, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::map;
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, EnvVar, LocalObjectReference, PersistentVolumeClaimSpec, PodAffinityTerm,
    PodAntiAffinity, PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext,
    TopologySpreadConstraint, VolumeResourceRequirements, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Labels of pods that are ours: the workload that they belong to, see `Workload::role`, and the name of the generation.
/// Permanent.
pub const WORKLOAD: &str = "db.platform.io/workload";
pub const GENERATION: &str = "db.platform.io/generation-name";

/// What pods that are ours carry, and no others do.
pub fn labels(generation: &Generation, workload: &str) -> Labels {
    let database = &generation.database().name;
    facts::labels([(DATABASE, database), (WORKLOAD, workload), (GENERATION, &generation.name())])
}

/// Of a member's main container.
pub fn member(terms: &Terms) -> ResourceRequirements {
    resources(terms.cpu_request, terms.cpu, terms.memory)
}

/// The size of a container beside a member. It is reserved to the same share as the member, so that pods whose members
/// are guaranteed everything are guaranteed everything.
pub fn beside(terms: &Terms, size: Amounts) -> ResourceRequirements {
    let Amounts { cpu, memory, .. } = size;
    let reserved = (cpu.0 * terms.cpu_request.0).div_ceil(terms.cpu.0.max(1));
    resources(Millicores(reserved), cpu, memory)
}

/// The size of a container that has nothing to do with the members' size, such as one of a job: a job's pods cannot change.
pub fn whole(size: Amounts) -> ResourceRequirements {
    resources(size.cpu, size.cpu, size.memory)
}

/// Memory is always reserved whole: a member that the kernel kills for memory is a failover.
fn resources(cpu_request: Millicores, cpu: Millicores, memory: Bytes) -> ResourceRequirements {
    let amounts = |cpu: Millicores| {
        map([("cpu".to_string(), Quantity(cpu.to_string())), ("memory".to_string(), Quantity(memory.to_string()))])
    };
    ResourceRequirements { requests: Some(amounts(cpu_request)), limits: Some(amounts(cpu)), ..Default::default() }
}

/// Of a claim of a volume.
pub fn storage(size: Bytes) -> VolumeResourceRequirements {
    let request = map([("storage".to_string(), Quantity(size.to_string()))]);
    VolumeResourceRequirements { requests: Some(request), ..Default::default() }
}

/// On different nodes: where possible, or else the pod waits. `own`: the labels of the pods that keep apart.
pub fn apart(placement: Placement, own: Labels) -> Affinity {
    let term = PodAffinityTerm {
        label_selector: Some(LabelSelector { match_labels: Some(own), ..Default::default() }),
        topology_key: "kubernetes.io/hostname".into(),
        ..Default::default()
    };
    let apart = match placement {
        Placement::Preferred => PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: term,
            }]),
            ..Default::default()
        },
        Placement::Required => PodAntiAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![term]),
            ..Default::default()
        },
    };
    Affinity { pod_anti_affinity: Some(apart), ..Default::default() }
}

/// Zones are a wish even where nodes are a must: a cluster of two zones can still hold three members.
pub fn spread(placement: Placement, own: Labels) -> Vec<TopologySpreadConstraint> {
    match placement {
        Placement::Preferred => vec![],
        Placement::Required => vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "topology.kubernetes.io/zone".into(),
            when_unsatisfiable: "ScheduleAnyway".into(),
            label_selector: Some(LabelSelector { match_labels: Some(own), ..Default::default() }),
            ..Default::default()
        }],
    }
}

/// The same as [`apart`], for operators that take no affinity of ours. `most`: no database has more members, so that as
/// long as there are fewer nodes, or one without a member, no node gets a second one.
pub fn one_per_node(placement: Placement, most: u32, own: Labels) -> TopologySpreadConstraint {
    let must = placement == Placement::Required;
    TopologySpreadConstraint {
        max_skew: 1,
        min_domains: i32::try_from(most).ok().filter(|_| must),
        topology_key: "kubernetes.io/hostname".into(),
        when_unsatisfiable: if must { "DoNotSchedule" } else { "ScheduleAnyway" }.into(),
        label_selector: Some(LabelSelector { match_labels: Some(own), ..Default::default() }),
        ..Default::default()
    }
}

/// What a namespace of the level "restricted" asks of a pod, and OpenShift with its own user ids; `group` owns the volumes
/// where Kubernetes has to be told.
pub fn confined_pod(group: Option<i64>) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        fs_group: group,
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// The same of a container.
pub fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), ..Default::default() }),
        ..Default::default()
    }
}

/// The same of a container in a pod whose own context is somebody else's.
pub fn confined_by_itself() -> SecurityContext {
    SecurityContext {
        run_as_non_root: Some(true),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
        ..confined()
    }
}

/// A pod that we write ourselves, as this user: confined, and without a way into Kubernetes' API. Its containers are still to
/// come. `group`: see [`confined_pod`]. `pull_secrets`: with the credentials of the image registry.
pub fn own(user: i64, group: Option<i64>, pull_secrets: &[String]) -> PodSpec {
    let pull_secrets = pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext { run_as_user: Some(user), ..confined_pod(group) }),
        image_pull_secrets: Some(pull_secrets.collect()).filter(|list: &Vec<_>| !list.is_empty()),
        ..Default::default()
    }
}

/// A container of such a pod that runs a script, by `sh -eu`.
pub fn shell(
    name: &str,
    image: String,
    script: String,
    env: Vec<EnvVar>,
    resources: ResourceRequirements,
) -> Container {
    Container {
        name: name.into(),
        image: Some(image),
        command: Some(["sh", "-eu", "-c"].map(String::from).into()),
        args: Some(vec![script]),
        env: Some(env),
        resources: Some(resources),
        security_context: Some(confined()),
        ..Default::default()
    }
}

/// A claim to a volume of the database's storage class.
pub fn volume_claim(terms: &Terms, size: Bytes) -> PersistentVolumeClaimSpec {
    PersistentVolumeClaimSpec {
        access_modes: Some(vec!["ReadWriteOnce".into()]),
        resources: Some(storage(size)),
        storage_class_name: terms.storage_class.clone(),
        ..Default::default()
    }
}
