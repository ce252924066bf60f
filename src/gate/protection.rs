//! What refuses a deletion. In: the applied generation and what is observed. Out: `Usage` objects of
//! protection.crossplane.io/v1beta1 (Crossplane 2.0 and newer). Must not decide whether they stand: `deletion` does.
//!
//! Functions are not run for a composite that is being deleted, so the protection stands before anyone tries.

use super::deletion::{ATTEMPT, Protection};
use crate::api::claim::{self, Composite};
use crate::api::record::{Fate, Generation, Record};
use crate::delivery;
use crate::observed::Observed;
use crate::operators::{self, Reference};
use crate::wire::{Key, Object, Undecodable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const API_VERSION: &str = "protection.crossplane.io/v1beta1";
/// The permanent keys.
const OF_DATABASE: &str = "usage";
const OF_COMPOSITE: &str = "usage-composite";
const OF_DATA: &str = "usage-data";
/// Crossplane's webhook looks at objects with this label only; `kubectl replace` takes it away.
const IN_USE: &str = "crossplane.io/in-use";
/// Changes when the label is missing, because any change of a Usage's metadata makes its controller put it back.
const LABEL: &str = "db.platform.io/in-use-label";

/// All of them, of what runs. `composite`: what is read of it, and itself. `claim`: what users delete, once it is found.
/// `by_approval`: what opens the way, which the user who is refused reads. `armed`: what was refused is carried out when the
/// Usage of the database goes.
pub fn usages(
    (composite, object): (&Composite, &Object),
    claim: Option<&Object>,
    record: &Record,
    observed: &Observed,
    by_approval: bool,
    armed: bool,
) -> Result<Vec<(Key, Object)>, Undecodable> {
    let generation = &record.serving;
    let (_, name) = generation.database().identity();
    let way_out = match by_approval {
        true => format!(
            "the database {name} is deleted by approval; the attempt is noted, and its status.approval.deletion says what an \
             approver runs; to take it back, remove the annotation {ATTEMPT}"
        ),
        false => format!(
            "the database {name} is protected; to delete it, set spec.lifecycle.deletionProtection to false, wait until \
             that is applied, and delete it again"
        ),
    };
    let database = Reference {
        key: Key(OF_DATABASE.into()),
        api_version: crate::api::API_VERSION,
        kind: claim::KIND,
        name: name.into(),
    };
    let mut usages = vec![usage(generation, &database, "Usage", "claim", &way_out, claim, armed)?];
    if composite.spec.claim_ref.is_some() {
        let behind = Reference {
            key: Key(OF_COMPOSITE.into()),
            kind: "XDatabase",
            name: composite.metadata.name.clone(),
            ..database
        };
        let reason = format!("it stands behind the Database {name}; delete that one");
        usages.push(usage(generation, &behind, "ClusterUsage", "composite", &reason, Some(object), false)?);
    }
    // What is released goes soon.
    let kept = record.beside.iter().filter(|beside| beside.fate != Fate::Released).map(|beside| &beside.generation);
    for generation in std::iter::once(generation).chain(kept) {
        usages.extend(of_data(generation, observed)?);
    }
    Ok(usages)
}

fn of_data(generation: &Generation, observed: &Observed) -> Result<Vec<(Key, Object)>, Undecodable> {
    let terms = &generation.plan.terms;
    let (_, name) = terms.database.identity();
    let mut usages = vec![];
    for (index, data) in operators::of(terms.operator).data(generation).into_iter().enumerate() {
        // A Usage of something that does not exist yet would only fail.
        let Some(there) = observed.composed.get(&data.key) else { continue };
        let beside = delivery::locate(&terms.delivery, &terms.database, &data);
        // The first has the plain key and name; each of the others has those of its own resource behind them.
        let (key, role) = match index {
            0 => (generation.key(OF_DATA), "data".into()),
            _ => (format!("{OF_DATA}-{}", data.key.0), format!("data-{}", data.key.0)),
        };
        let data = Reference { key: Key(key), ..beside };
        let reason = format!("it holds the data of the database {name}; an empty one would take its place");
        let kind = if delivery::is_cluster_scoped(&terms.delivery) { "ClusterUsage" } else { "Usage" };
        usages.push(usage(generation, &data, kind, &role, &reason, Some(there), false)?);
    }
    Ok(usages)
}

/// The Usage of the database, as it is observed.
pub fn observed(observed: &Observed) -> Result<Protection, Undecodable> {
    let usage: Option<Standing> = observed.get(OF_DATABASE)?;
    Ok(match usage {
        None => Protection::Absent,
        Some(Standing { spec }) if spec.replay_deletion => Protection::Armed,
        Some(_) => Protection::Standing,
    })
}

#[derive(Deserialize)]
struct Standing {
    #[serde(default)]
    spec: StandingSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StandingSpec {
    replay_deletion: bool,
}

/// `of.key` is the key of the Usage itself.
fn usage(
    generation: &Generation,
    of: &Reference,
    kind: &str,
    role: &str,
    reason: &str,
    used: Option<&Object>,
    replay_deletion: bool,
) -> Result<(Key, Object), Undecodable> {
    let cluster_scoped = kind == "ClusterUsage";
    // Without a namespace of its own its name carries the namespace. A dot stands in no claim's name.
    // A key without the generation's number has a name without it.
    let of_data = of.key.0.starts_with(OF_DATA);
    let (namespace, own) = generation.database().identity();
    let name = if of_data { generation.name() } else { own.into() };
    let name = match cluster_scoped {
        true => format!("{namespace}.{name}.{role}"),
        false => format!("{name}.{role}"),
    };
    let mut metadata = operators::metadata(generation, name);
    if let Some(used) = used {
        let labelled = used.text(&of.name, &["metadata", "labels", IN_USE])? == Some("true");
        metadata.annotations.insert(LABEL.into(), if labelled { "present" } else { "missing" }.into());
    }
    let usage = Usage {
        api_version: API_VERSION,
        kind,
        metadata: UsageMetadata {
            name: metadata.name,
            namespace: (!cluster_scoped).then(|| namespace.into()),
            labels: metadata.labels,
            annotations: metadata.annotations,
        },
        spec: UsageSpec {
            of: Of { api_version: of.api_version, kind: of.kind, resource_ref: ResourceRef { name: &of.name } },
            reason,
            replay_deletion,
        },
    };
    Ok((of.key.clone(), Object::of(&usage)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: UsageMetadata,
    spec: UsageSpec<'a>,
}

#[derive(Serialize)]
struct UsageMetadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// With `replayDeletion`, any deletion that was ever refused would be carried out whenever the Usage goes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageSpec<'a> {
    of: Of<'a>,
    reason: &'a str,
    replay_deletion: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Of<'a> {
    api_version: &'a str,
    kind: &'a str,
    resource_ref: ResourceRef<'a>,
}

#[derive(Serialize)]
struct ResourceRef<'a> {
    name: &'a str,
}
