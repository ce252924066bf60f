//! The volumes of members, as Kubernetes has them. In: what Crossplane found of PersistentVolumeClaims. Out: how they
//! compare with the plan. Must not know an operator: which claims are looked at is its question.

use super::health::Storage;
use crate::api::plan::Terms;
use crate::api::quantity::Bytes;
use crate::observed::{Answer, Observed, Question};
use crate::wire::Undecodable;
use serde::Deserialize;

/// Every volume of a member is as large as planned, and every member has one.
pub fn storage(terms: &Terms, question: &Question, observed: &Observed) -> Result<Storage, Undecodable> {
    let volumes: Vec<Volume> = match observed.answer(question)? {
        Answer::NotAsked => return Ok(Storage::NotYet("nobody has looked at the volumes yet".into())),
        Answer::Nothing => return Ok(Storage::NotYet("there are no volumes yet".into())),
        Answer::Found(volumes) => volumes,
    };
    let size = |volume: &Volume| volume.status.capacity.as_ref().map(|capacity| capacity.storage).unwrap_or_default();
    if let Some(small) = volumes.iter().find(|volume| size(volume) < terms.storage) {
        let why = format!("volume {} has {} of {}", small.metadata.name, size(small), terms.storage);
        return Ok(Storage::NotYet(why));
    }
    Ok(match volumes.len() as u64 {
        count if count < u64::from(terms.replicas) => {
            Storage::NotYet(format!("{count} of {} members have a volume", terms.replicas))
        }
        _ => Storage::AsPlanned,
    })
}

#[derive(Deserialize)]
struct Volume {
    metadata: VolumeMetadata,
    #[serde(default)]
    status: VolumeStatus,
}

#[derive(Deserialize)]
struct VolumeMetadata {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeStatus {
    capacity: Option<Capacity>,
}

#[derive(Deserialize)]
struct Capacity {
    storage: Bytes,
}
