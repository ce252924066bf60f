//! A restore by a job of ours, into a database that is up and has nothing in it: the engine's own tool takes the newest dump,
//! or the engine is asked to read the object store itself. In: a generation that begins with a backup, and how its engine is
//! filled. Out: the resource, how it went. Must not know an operator. [`super::backup_job`] made the backup.

use super::backup_job::{self, Dump, FOLDER, SIZE, Settings};
use super::health::State;
use super::{Holds, Resource, pods};
use crate::api::quantity::{Amounts, Bytes};
use crate::api::record::{Generation, Source};
use crate::observed::Observed;
use crate::wire::{Key, Undecodable};
use k8s_openapi::api::core::v1::PodSpec;
use std::collections::BTreeMap;

/// The permanent key of the job, and the ending of its name.
pub const KEY: &str = "restore";

/// What the job begins with, once the database is up; one that is there stays until it has done its work.
pub fn begins<'a>(generation: &'a Generation, observed: &Observed, is_up: impl FnOnce() -> bool) -> Option<&'a Source> {
    let source = generation.awaited()?;
    let begun = observed.composed.contains_key(&Key(generation.key(KEY)));
    (begun || is_up()).then_some(source)
}

/// Fetches the newest dump, and has the engine's tool take it. `whole`: the file that is in each; `memory`: what the tool
/// needs.
pub fn compose(
    generation: &Generation,
    source: &Source,
    load: &Dump,
    whole: &str,
    memory: Bytes,
    settings: &Settings,
) -> Resource {
    let terms = &generation.plan.terms;
    let script = format!(
        "newest=$(rclone lsf --recursive --files-only --include '/*/{whole}' \"$TARGET\" | sort | tail -n 1)\n\
         [ -n \"$newest\" ] || {{ echo \"there is no backup in $TARGET\" >&2; exit 1; }}\n\
         rclone copy \"$TARGET/${{newest%/*}}\" {FOLDER}\n"
    );
    let env = backup_job::store(&source.destination, &source.folder());
    let fetch = pods::shell("fetch", settings.image.clone(), script, env, pods::beside(terms, SIZE));
    let size = pods::whole(Amounts { memory, ..SIZE });
    let load = pods::shell("load", load.image.into(), load.script.clone(), load.env.clone(), size);
    by(generation, backup_job::in_turn(generation, fetch, load))
}

/// The same by a pod of the engine's own, such as one by [`backup_job::asking`].
pub fn by(generation: &Generation, pod: PodSpec) -> Resource {
    let name = format!("{}-{KEY}", generation.name());
    Resource { holds: Holds::Nothing, ..backup_job::made_once(generation, pod, KEY, name) }
}

/// How the database is while its data is brought back: nothing of it serves before that has ended. `state`: as it would be.
pub fn state(
    generation: &Generation,
    state: State,
    observed: &Observed,
    resources: &mut BTreeMap<Key, bool>,
) -> Result<State, Undecodable> {
    if generation.awaited().is_none() {
        return Ok(state);
    }
    let key = generation.key(KEY);
    let job: Option<backup_job::Observation> = observed.get(&key)?;
    let state = state.restoring(job.map(|job| job.status.run()), None);
    resources.insert(Key(key), state == State::Ready);
    Ok(state)
}
