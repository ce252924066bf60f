//! The volumes of members, looked up by their labels. In: the question that finds them, and the plan. Out: whether every
//! member has one of the planned size. Must not know an operator.

use super::health::Storage;
use crate::api::quantity::Bytes;
use crate::observed::{Answer, Observed, Question};
use crate::wire::Undecodable;
use serde::Deserialize;

/// Every volume is as large as planned, and every member has one.
pub fn storage(question: &Question, size: Bytes, members: u32, observed: &Observed) -> Result<Storage, Undecodable> {
    let volumes: Vec<Volume> = match observed.answer(question)? {
        Answer::NotAsked => return Ok(Storage::NotYet("nobody has looked at the volumes yet".into())),
        Answer::Nothing => return Ok(Storage::NotYet("there are no volumes yet".into())),
        Answer::Found(volumes) => volumes,
    };
    if let Some(small) = volumes.iter().find(|volume| volume.size() < size) {
        let why = format!("volume {} has {} of {size}", small.metadata.name, small.size());
        return Ok(Storage::NotYet(why));
    }
    Ok(match volumes.len() as u64 {
        count if count < u64::from(members) => Storage::NotYet(format!("{count} of {members} members have a volume")),
        _ => Storage::AsPlanned,
    })
}

/// Why a database that has never run cannot begin: a StatefulSet's volumes stay when it is deleted, and one of the same name
/// gets them, with the passwords of that time. `made`: when the database was.
pub fn left_over(question: &Question, made: &str, observed: &Observed) -> Result<Option<String>, Undecodable> {
    let Answer::Found(volumes) = observed.answer::<Volume>(question)? else { return Ok(None) };
    // Both are written by Kubernetes, in UTC and in one form, so that their texts compare like the times.
    let older = |volume: &&Volume| volume.metadata.creation_timestamp.as_deref().is_some_and(|time| time < made);
    Ok(volumes.iter().find(older).map(|Volume { metadata, .. }| {
        let name = &metadata.name;
        format!(
            "volume {name} is older than the database: it is of one that was deleted; delete it, or take its name back"
        )
    }))
}

/// A `PersistentVolumeClaim`.
#[derive(Deserialize)]
pub struct Volume {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

impl Volume {
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// What it really has; nothing until it is bound.
    pub fn size(&self) -> Bytes {
        self.status.capacity.as_ref().map(|capacity| capacity.storage).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    creation_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    capacity: Option<Capacity>,
}

#[derive(Deserialize)]
struct Capacity {
    storage: Bytes,
}
