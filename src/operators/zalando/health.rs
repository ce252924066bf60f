//! How the database is. In: the observed `postgresql`, whose status is one word, and the StatefulSet and volumes that the
//! operator makes of it. Out: its health, held against the plan. A word that is missing was not written yet.

use super::{KEY, volumes};
use crate::api::plan::Plan;
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators;
use crate::operators::health::{BackupHealth, BackupState, Health, State, Storage};
use crate::operators::pod_template::Resources;
use crate::operators::stateful_set::{self, Rollout, Wanted};
use crate::wire::{Key, Undecodable};
use serde::Deserialize;

pub fn health(generation: &Generation, observed: &Observed) -> Result<Health, Undecodable> {
    let key = generation.key(KEY);
    let cluster: Option<Cluster> = observed.get(&key)?;
    let Plan { terms, notes, .. } = &generation.plan;
    let replicas = if terms.lifecycle.hibernated { 0 } else { terms.replicas };
    let wanted = Wanted { replicas, image: Some(&notes.release), cpu: terms.cpu, memory: terms.memory };
    let rollout = stateful_set::rollout(generation, &generation.name(), &wanted, observed)?;
    let storage = operators::volumes::storage(&volumes(generation), terms.storage, terms.replicas, observed)?;
    let state = cluster.as_ref().map_or(State::Absent, |cluster| state(&generation.plan, cluster, &rollout));
    let sized = !matches!(storage, Storage::NotYet(_));
    let whole = state == State::Hibernated || (state == State::Ready && sized);
    Ok(Health {
        ready_replicas: rollout.ready(),
        // Nothing in Kubernetes says which release runs.
        version: None,
        resources: map([(Key(key), whole)]),
        backup: BackupHealth::of(backup(&generation.plan, &state)),
        storage,
        state,
    })
}

fn state(plan: &Plan, cluster: &Cluster, rollout: &Rollout) -> State {
    let Cluster { metadata, status, .. } = cluster;
    let (ready, planned) = (rollout.ready(), plan.terms.replicas);
    let count = format!("{ready} of {planned} members are ready");
    let trouble = |why: String| if ready > 0 { State::Degraded(why) } else { State::Failed(why) };
    match status.word {
        None | Some("") => State::Progressing("the operator has not seen it yet".into()),
        Some("Running") if plan.terms.lifecycle.hibernated => match rollout {
            Rollout::Done { ready: 0 } => State::Hibernated,
            _ => State::Progressing(format!("it is being hibernated: {count}")),
        },
        Some("Running") => {
            if let Some(difference) = unlike(plan, cluster) {
                return State::Progressing(difference.into());
            }
            if let Some(when) = metadata.annotations.upgrade_failure {
                return State::Degraded(format!(
                    "the upgrade to {} failed at {when}, and is not tried again while the annotation {UPGRADE_FAILURE} is \
                     there",
                    plan.terms.version
                ));
            }
            match rollout {
                Rollout::Under { way, .. } => State::Progressing(way.clone()),
                Rollout::Done { ready: 0 } => State::Progressing(count),
                Rollout::Done { ready } if *ready < planned => State::Degraded(count),
                Rollout::Done { .. } => State::Ready,
            }
        }
        Some(word @ ("CreateFailed" | "UpdateFailed" | "SyncFailed")) => {
            trouble(format!("the operator says {word}, and why in its log and in the events; {count}"))
        }
        Some("Invalid") => trouble("the operator refuses the manifest; its log says why".into()),
        Some(word) => State::Progressing(format!("the operator says {word}; {count}")),
    }
}

/// Where a `postgresql` that calls itself running is not the planned one: the plan has only just changed.
fn unlike(Plan { terms, notes, .. }: &Plan, Cluster { spec, .. }: &Cluster) -> Option<&'static str> {
    let as_planned = [
        spec.number_of_instances == Some(terms.replicas),
        spec.docker_image == Some(notes.release.as_str()),
        spec.postgresql.version == Some(terms.version.as_str()),
        spec.volume.size == Some(terms.storage),
        spec.resources.as_ref().is_some_and(|resources| resources.are(terms.cpu, terms.memory)),
    ];
    as_planned.contains(&false).then_some("the operator has not been told of the plan yet")
}

/// Spilo makes backups inside of the primary; they fail there as well, and only its log and metrics know.
fn backup(plan: &Plan, state: &State) -> BackupState {
    match state {
        _ if plan.terms.backup.is_none() => BackupState::AsPlanned,
        State::Hibernated => BackupState::AsPlanned,
        State::Ready | State::Degraded(_) => BackupState::Unknown(
            "the members make backups themselves, and only their log says how that went; a failing archive of the log is in \
             the metrics"
                .into(),
        ),
        _ => BackupState::NotYet("there are no backups yet".into()),
    }
}

const UPGRADE_FAILURE: &str = "last-major-upgrade-failure";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cluster<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    annotations: Annotations<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations<'a> {
    #[serde(rename = "last-major-upgrade-failure")]
    upgrade_failure: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    number_of_instances: Option<u32>,
    docker_image: Option<&'a str>,
    #[serde(borrow)]
    postgresql: PostgreSql<'a>,
    volume: Volume,
    resources: Option<Resources>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PostgreSql<'a> {
    version: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Volume {
    size: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(rename = "PostgresClusterStatus")]
    word: Option<&'a str>,
}
