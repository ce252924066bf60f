//! How things go: requests to delete, finalizers, the garbage collector. In: what somebody wants gone, and owners. Out: a
//! world without it, or a refusal. Must not decide who protects what.

use super::store::{Id, text};
use super::usage::{self, Policy};
use super::{Refused, World, crossplane, remote};
use crate::map::map;
use crate::render::object;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The finalizer of what waits for what it owns to go first.
const FOREGROUND: &str = "foregroundDeletion";

impl World {
    /// A request to delete, which the webhook sees.
    pub(super) fn request_deletion(&mut self, id: &Id, policy: Policy) -> Result<(), Refused> {
        if self.store.get(id).is_none() {
            return Err(Refused::NotFound(id.clone()));
        }
        if let Some(why) = usage::refusal(&mut self.store, id, policy) {
            return Err(Refused::InUse { id: id.clone(), why });
        }
        self.carry_out(id, policy);
        Ok(())
    }

    /// A deletion that nobody refuses. A claim goes after its composite, whatever the policy.
    pub(super) fn carry_out(&mut self, id: &Id, policy: Policy) {
        let Some(value) = self.store.get(id).cloned() else { return };
        let uid = &value["metadata"]["uid"];
        let is_claim = self.is_claim(id);
        if policy == Policy::Orphan && !is_claim {
            for dependent in self.store.ids() {
                self.disown(&dependent, |owner| owner["uid"] == *uid);
            }
        }
        let waits = match policy {
            _ if is_claim => crossplane::CLAIM,
            Policy::Foreground => FOREGROUND,
            _ if waits_for(&value, remote::FINALIZER) => remote::FINALIZER,
            Policy::Background | Policy::Orphan => return self.remove(id),
        };
        let now = self.now.to_string();
        self.store.edit(id, |value| {
            let metadata = object(&mut value["metadata"]);
            metadata.entry("deletionTimestamp").or_insert_with(|| now.into());
            let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
            if let Some(finalizers) = finalizers.as_array_mut()
                && !finalizers.contains(&waits.into())
            {
                finalizers.push(waits.into());
            }
        });
    }

    pub(super) fn remove(&mut self, id: &Id) {
        if let Some(removed) = self.store.remove(id)
            && usage::is_usage(id)
        {
            self.release(&removed);
        }
    }

    fn disown(&mut self, id: &Id, from: impl Fn(&Value) -> bool) {
        self.store.edit(id, |value| {
            if let Some(Value::Array(owners)) = value["metadata"].get_mut("ownerReferences") {
                owners.retain(|owner| !from(owner));
            }
        });
    }

    /// The garbage collector: what has owners, of which none is left, is deleted; a webhook may refuse, then it tries again.
    pub(super) fn collect(&mut self) {
        let uids: BTreeMap<&str, bool> =
            map(self.store.all().map(|value| (text(&value["metadata"]["uid"]), goes(value))));
        let is_gone = |owner: &Value| uids.get(text(&owner["uid"])).copied().unwrap_or(true);
        let mut orphans = vec![];
        let mut freed = vec![];
        for value in self.store.all() {
            let Some(owners) = value["metadata"]["ownerReferences"].as_array().filter(|owners| !owners.is_empty())
            else {
                continue;
            };
            let gone: Vec<Value> = owners.iter().filter(|owner| is_gone(owner)).cloned().collect();
            match gone.len() {
                0 => {}
                count if count == owners.len() => orphans.push(Id::of(value)),
                _ => freed.push((Id::of(value), gone)),
            }
        }
        for (id, gone) in freed {
            self.disown(&id, |owner| gone.contains(owner));
        }
        for id in orphans {
            // Refused: the attempt is on the object, and the next tick tries again.
            let _ = self.request_deletion(&id, Policy::Background);
        }
        for id in self.store.ids() {
            let Some(value) = self.store.get(&id).filter(|value| goes(value)) else { continue };
            if waits_for(value, remote::FINALIZER) {
                continue;
            }
            let uid = &value["metadata"]["uid"];
            let blocks = |owner: &Value| owner["uid"] == *uid && owner["blockOwnerDeletion"] == true;
            let owners = self.store.all().filter_map(|value| value["metadata"]["ownerReferences"].as_array());
            if !owners.flatten().any(blocks) {
                self.remove(&id);
            }
        }
    }
}

fn goes(value: &Value) -> bool {
    waits_for(value, FOREGROUND)
}

fn waits_for(value: &Value, finalizer: &str) -> bool {
    value["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|it| it == finalizer))
}
