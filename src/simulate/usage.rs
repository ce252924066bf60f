//! Crossplane's protection (protection.crossplane.io/v1beta1). In: Usages, and who wants to delete what. Out: refusals, the
//! label that the webhook goes by, deletions that are replayed.

use super::World;
use super::store::{Id, Store, text};
use crate::render::object;
use serde_json::Value;

pub const GROUP: &str = "protection.crossplane.io";
const KINDS: [&str; 2] = ["Usage", "ClusterUsage"];
/// The webhook looks at objects with this label only.
pub const IN_USE: &str = "crossplane.io/in-use";
/// A refused deletion leaves it, with how it should have been carried out.
pub const ATTEMPT: &str = "usage.crossplane.io/deletion-attempt-with-policy";

/// What becomes of what is owned when the owner is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    #[default]
    Background,
    Foreground,
    Orphan,
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Policy::Background => "Background",
            Policy::Foreground => "Foreground",
            Policy::Orphan => "Orphan",
        }
    }

    fn read(name: &str) -> Option<Policy> {
        [Policy::Background, Policy::Foreground, Policy::Orphan].into_iter().find(|policy| policy.name() == name)
    }
}

pub fn is_usage(id: &Id) -> bool {
    id.group == GROUP && KINDS.contains(&id.kind.as_str())
}

/// What a Usage protects. One of a namespace protects there; a ClusterUsage what has none.
pub fn used(usage: &Value) -> Id {
    let of = &usage["spec"]["of"];
    let namespace = text(&usage["metadata"]["namespace"]);
    Id::new(text(&of["apiVersion"]), text(&of["kind"]), namespace, text(&of["resourceRef"]["name"]))
}

fn usages_of(store: &Store, id: &Id) -> Vec<Id> {
    let usages = KINDS.iter().flat_map(|kind| store.of_kind(GROUP, kind));
    usages.filter(|usage| store.get(usage).is_some_and(|usage| used(usage) == *id)).collect()
}

/// The webhook: why a deletion is refused, in its words. It leaves the attempt on the object, also when it was a dry run.
pub fn refusal(store: &mut Store, id: &Id, policy: Policy) -> Option<String> {
    let labelled = store.get(id).is_some_and(|object| object["metadata"]["labels"][IN_USE] == "true");
    let usages = if labelled { usages_of(store, id) } else { vec![] };
    let first = usages.first()?;
    let reason = store.get(first).map(|usage| text(&usage["spec"]["reason"]).to_owned()).unwrap_or_default();
    store.edit(id, |value| {
        let annotations = object(object(&mut value["metadata"]).entry("annotations").or_insert(Value::Null));
        annotations.insert(ATTEMPT.into(), policy.name().into());
    });
    let (count, kind, name) = (usages.len(), &first.kind, &first.name);
    Some(format!("it is in use by {count} usage(s), including the {kind} {name:?} with the reason: {reason}"))
}

impl World {
    /// Puts the label on what is used. A Usage whose object is not there yet is tried again.
    pub(super) fn protect(&mut self) {
        for usage in std::mem::take(&mut self.usages) {
            let Some(id) = self.store.get(&usage).map(used) else { continue };
            if self.store.get(&id).is_none() {
                self.usages.insert(usage);
                continue;
            }
            self.store.edit(&id, |value| {
                let labels = object(object(&mut value["metadata"]).entry("labels").or_insert(Value::Null));
                labels.insert(IN_USE.into(), "true".into());
            });
        }
    }

    /// What a Usage leaves when it goes: the last one takes the label, and a deletion that was attempted is replayed if the
    /// Usage said so.
    pub(super) fn release(&mut self, usage: &Value) {
        let id = used(usage);
        if !usages_of(&self.store, &id).is_empty() {
            return;
        }
        self.store.edit(&id, |value| {
            if let Some(Value::Object(labels)) = value["metadata"].get_mut("labels") {
                labels.remove(IN_USE);
            }
        });
        let attempt = self.store.get(&id).and_then(|object| object["metadata"]["annotations"][ATTEMPT].as_str());
        if let Some(policy) = attempt.and_then(Policy::read)
            && usage["spec"]["replayDeletion"] == true
        {
            self.carry_out(&id, policy);
        }
    }
}
