//! The application's user, for operators that make none but their own: a `Job` with the engine's own client, which signs in as
//! the administrator. In: a generation, and what makes the user. Out: the resource, the pods' network, how it went. Must not
//! know an operator.

use super::facts::{Labels, Peer, Workload, doors};
use super::health::State;
use super::{Holds, Resource, metadata, pods};
use crate::api::quantity::Amounts;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::wire::{Key, Object, Undecodable};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{EnvVar, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// Permanent.
pub const KEY: &str = "account";
/// The workload's role, and the value of its label on the pods. Permanent.
pub const ROLE: &str = "account";

/// How the user is made.
pub struct Account<'a> {
    /// With the engine's client and a shell.
    pub image: String,
    pub image_pull_secrets: &'a [String],
    /// The user of the pod; one of the image's, where it would start as root.
    pub user: i64,
    /// Run by `sh -eu`; waits for the database, and may run again.
    pub script: &'a str,
    pub env: Vec<EnvVar>,
    pub size: Amounts,
}

/// The labels of its pods.
pub fn own(generation: &Generation) -> Labels {
    pods::labels(generation, ROLE)
}

/// The pods of the job, for the network's rules. `server`: the role of those that it connects to.
pub fn workload(generation: &Generation, server: &str, port: u16) -> Workload {
    Workload {
        role: ROLE.into(),
        pods: own(generation),
        accepts: vec![],
        reaches: doors([(Peer::Workload(server.into()), port)]),
        metrics_port: None,
    }
}

/// The application's user, see `once`.
pub fn compose(generation: &Generation, account: Account) -> Resource {
    once(generation, KEY, own(generation), account)
}

/// One that exists stays as it was made, so whoever writes another one gives it another key.
/// `part`: its key, and the ending of its name.
pub fn once(generation: &Generation, part: &str, pods: Labels, account: Account) -> Resource {
    let container = pods::shell(ROLE, account.image, account.script.into(), account.env, pods::whole(account.size));
    let object = Job {
        metadata: metadata(generation, format!("{}-{part}", generation.name())).into(),
        spec: Some(JobSpec {
            // A pod that was evicted is not the end.
            backoff_limit: Some(100),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(pods), ..Default::default() }),
                spec: Some(PodSpec {
                    restart_policy: Some("OnFailure".into()),
                    containers: vec![container],
                    ..pods::own(account.user, None, account.image_pull_secrets)
                }),
            },
            ..Default::default()
        }),
        ..Default::default()
    };
    Resource { key: Key(generation.key(part)), holds: Holds::Nothing, object: Object::of(&object) }
}

pub fn key(generation: &Generation) -> Key {
    Key(generation.key(KEY))
}

/// Ready once it has ended well (Kubernetes, "Jobs": conditions Complete and Failed). `part`: see `once`.
pub fn state(generation: &Generation, part: &str, observed: &Observed) -> Result<State, Undecodable> {
    let job: Option<Made> = observed.get(&generation.key(part))?;
    let holds = |kind: &str| {
        job.as_ref().and_then(|job| job.status.conditions.iter().find(|it| it.kind == kind && it.status == "True"))
    };
    if holds("Complete").is_some() {
        return Ok(State::Ready);
    }
    Ok(match holds("Failed") {
        Some(failed) => {
            let why = failed.message.unwrap_or("no reason given");
            State::Failed(format!("the application's database and user could not be made: {why}"))
        }
        None => State::Progressing("the application's database and user are not made yet".into()),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Made<'a> {
    #[serde(borrow)]
    status: MadeStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MadeStatus<'a> {
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    message: Option<&'a str>,
}
