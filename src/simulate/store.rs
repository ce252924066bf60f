//! The API server: objects by kind and name. In: what somebody creates, edits, applies or removes. Out: objects with UIDs,
//! generations and owners, and which of them changed. Must not know Crossplane, an operator or one of our kinds.

use crate::render::object;
use crate::schema::fixed::is_fixed;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Which object. By group, not version, as the API server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub group: String,
    pub kind: String,
    /// Empty for kinds without.
    pub namespace: String,
    pub name: String,
}

impl Id {
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Id {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Id { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    pub fn of(object: &Value) -> Id {
        let metadata = &object["metadata"];
        Id::new(
            text(&object["apiVersion"]),
            text(&object["kind"]),
            text(&metadata["namespace"]),
            text(&metadata["name"]),
        )
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Id { kind, namespace, name, .. } = self;
        match namespace.as_str() {
            "" => write!(out, "{kind} {name}"),
            _ => write!(out, "{kind} {namespace}/{name}"),
        }
    }
}

/// The text, or none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An object that was created, changed or removed, and who controls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    pub id: Id,
    pub controller: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Store {
    objects: BTreeMap<Id, Value>,
    /// What each field owner applied last.
    applied: BTreeMap<(Id, String), Value>,
    made: u64,
    touched: Vec<Touched>,
}

impl Store {
    pub fn get(&self, id: &Id) -> Option<&Value> {
        self.objects.get(id)
    }

    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    pub fn ids(&self) -> Vec<Id> {
        self.objects.keys().cloned().collect()
    }

    /// Every object of a kind, in the order of namespaces and names.
    pub fn of_kind(&self, group: &str, kind: &str) -> Vec<Id> {
        self.objects.keys().filter(|id| id.group == group && id.kind == kind).cloned().collect()
    }

    /// What changed since it was asked last.
    pub fn take_touched(&mut self) -> Vec<Touched> {
        std::mem::take(&mut self.touched)
    }

    /// Creates it with a UID and the time, or replaces what is there.
    pub fn put(&mut self, mut value: Value, now: Timestamp) {
        let id = Id::of(&value);
        let before = self.objects.get(&id);
        if before.is_none() {
            self.made += 1;
        }
        let fresh = || json!({"uid": format!("{:08}-0000-4000-8000-000000000000", self.made), "creationTimestamp": now.to_string()});
        let identity = before.map_or_else(fresh, |before| before["metadata"].clone());
        let generation = before.map_or(Some(1), |before| {
            let number = before["metadata"]["generation"].as_u64();
            if body(before) == body(&value) { number } else { number.map(|number| number + 1) }
        });
        let metadata = object(&mut value["metadata"]);
        for field in ["uid", "creationTimestamp"] {
            metadata.insert(field.into(), identity[field].clone());
        }
        metadata.insert("generation".into(), generation.into());
        if before != Some(&value) {
            self.touch(&id, &value);
            self.objects.insert(id, value);
        }
    }

    /// Whatever somebody does to an object, its identity stays.
    pub fn edit(&mut self, id: &Id, edit: impl FnOnce(&mut Value)) {
        let Some(mut value) = self.objects.get(id).cloned() else { return };
        let kept = value.clone();
        edit(&mut value);
        for field in ["apiVersion", "kind"] {
            object(&mut value).insert(field.into(), kept[field].clone());
        }
        let metadata = object(&mut value["metadata"]);
        for field in ["name", "namespace", "uid", "creationTimestamp", "generation"] {
            match &kept["metadata"][field] {
                Value::Null => metadata.remove(field),
                kept => metadata.insert(field.into(), kept.clone()),
            };
        }
        let now = Timestamp::default(); // Not needed: what is there was created before.
        self.put(value, now);
    }

    pub fn forget_when_made(&mut self, id: &Id) {
        let Some(mut value) = self.objects.remove(id) else { return };
        object(&mut value["metadata"]).remove("creationTimestamp");
        self.touch(id, &value);
        self.objects.insert(id.clone(), value);
    }

    pub fn remove(&mut self, id: &Id) -> Option<Value> {
        let value = self.objects.remove(id)?;
        self.applied.retain(|(of, _), _| of != id);
        self.touch(id, &value);
        Some(value)
    }

    /// Server-side apply, by force: what this owner applied before and no more is removed, and what others set stays. Lists are
    /// replaced, but owners are kept by UID.
    ///
    /// # Errors
    /// If somebody else controls the object, or a field of it stays as it was made.
    pub fn apply(&mut self, owner: &str, mut wanted: Value, now: Timestamp) -> Result<(), String> {
        let id = Id::of(&wanted);
        let before = self.applied.get(&(id.clone(), owner.into())).cloned().unwrap_or_default();
        let mut live = self.objects.get(&id).cloned().unwrap_or_default();
        let references = owners(&live, &before, &wanted);
        if references.iter().filter(|reference| reference["controller"] == true).count() > 1 {
            return Err(format!("{id} is controlled by somebody else"));
        }
        let applied = wanted.clone();
        object(&mut wanted["metadata"]).remove("ownerReferences");
        let made = live["spec"].clone();
        merge(&mut live, &before, &wanted);
        let mut changed =
            made.as_object().into_iter().flatten().filter(|(field, value)| live["spec"][*field] != **value);
        if let Some((field, _)) = changed.find(|(field, _)| is_fixed(&id.kind, field)) {
            return Err(format!("{id}: spec.{field} cannot change"));
        }
        let metadata = object(&mut live["metadata"]);
        match references.is_empty() {
            true => metadata.remove("ownerReferences"),
            false => metadata.insert("ownerReferences".into(), references.into()),
        };
        self.put(live, now);
        self.applied.insert((id, owner.into()), applied);
        Ok(())
    }

    /// The same of an object's status only.
    pub fn apply_status(&mut self, owner: &str, id: &Id, status: &Value) {
        let key = (id.clone(), format!("{owner}/status"));
        let before = self.applied.get(&key).cloned().unwrap_or_default();
        self.edit(id, |value| merge(object(value).entry("status").or_insert(Value::Null), &before, status));
        self.applied.insert(key, status.clone());
    }

    fn touch(&mut self, id: &Id, value: &Value) {
        self.touched.push(Touched { id: id.clone(), controller: controller(value).map(String::from) });
    }
}

/// The UID of who controls an object.
pub fn controller(value: &Value) -> Option<&str> {
    let references = value["metadata"]["ownerReferences"].as_array()?;
    references.iter().find(|reference| reference["controller"] == true)?["uid"].as_str()
}

/// All but what a new generation does not count.
fn body(value: &Value) -> Value {
    let mut body = value.clone();
    let fields = object(&mut body);
    fields.remove("metadata");
    fields.remove("status");
    body
}

fn owners(live: &Value, before: &Value, wanted: &Value) -> Vec<Value> {
    let list = |value: &Value| value["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let (before, wanted) = (list(before), list(wanted));
    let is_in = |one: &Value, others: &[Value]| others.iter().any(|other| other["uid"] == one["uid"]);
    let mut owners = list(live);
    owners.retain(|owner| !is_in(owner, &before) && !is_in(owner, &wanted));
    owners.splice(0..0, wanted);
    owners
}

fn merge(live: &mut Value, before: &Value, wanted: &Value) {
    let Value::Object(wanted) = wanted else {
        *live = wanted.clone();
        return;
    };
    let fields = object(live);
    for (name, old) in before.as_object().into_iter().flatten().filter(|(name, _)| !wanted.contains_key(*name)) {
        if fields.get_mut(name).is_some_and(|field| is_left_empty(field, old)) {
            fields.remove(name);
        }
    }
    for (name, value) in wanted {
        merge(fields.entry(name).or_insert(Value::Null), &before[name], value);
    }
}

/// Takes out what was applied; whether nothing of anybody else is left.
fn is_left_empty(field: &mut Value, before: &Value) -> bool {
    let (Value::Object(fields), Value::Object(before)) = (field, before) else { return true };
    for (name, old) in before {
        if fields.get_mut(name).is_some_and(|field| is_left_empty(field, old)) {
            fields.remove(name);
        }
    }
    fields.is_empty()
}

/// Puts a condition into a status; the time of its transition stays while its status does.
pub fn set_condition(status: &mut Value, mut condition: Value, now: Timestamp) {
    let list = object(status).entry("conditions").or_insert(Value::Null);
    let mut conditions = list.as_array().cloned().unwrap_or_default();
    let place = conditions.iter().position(|other| other["type"] == condition["type"]);
    let before = place.map(|place| conditions.remove(place));
    let same = before.as_ref().filter(|before| before["status"] == condition["status"]);
    let since = same.map_or_else(|| now.to_string().into(), |before| before["lastTransitionTime"].clone());
    object(&mut condition).insert("lastTransitionTime".into(), since);
    conditions.insert(place.unwrap_or(conditions.len()), condition);
    *list = conditions.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> Id {
        Id::new("v1", "ConfigMap", "team", "it")
    }

    fn it(data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "team", "name": "it"}, "data": data})
    }

    /// What is left of `data` when `first` and then `second` were applied, with `between` set by somebody else.
    fn check(first: Value, between: Value, second: Value, expected: Value) {
        let mut store = Store::default();
        store.apply("us", it(first), Timestamp::default()).unwrap();
        store.apply("them", it(between), Timestamp::default()).unwrap();
        store.apply("us", it(second), Timestamp::default()).unwrap();
        assert_eq!(store.get(&id()).unwrap()["data"], expected);
    }

    #[test]
    fn what_is_no_longer_applied_goes_and_what_others_set_stays() {
        check(json!({"a": 1, "b": 2}), json!({}), json!({"a": 3}), json!({"a": 3}));
        check(json!({"a": 1}), json!({"c": 1}), json!({}), json!({"c": 1}));
        check(json!({"a": {"x": 1}}), json!({"a": {"y": 1}}), json!({}), json!({"a": {"y": 1}}));
        check(json!({"a": [1, 2]}), json!({}), json!({"a": [3]}), json!({"a": [3]}));
    }

    #[test]
    fn two_cannot_control_one_object_but_many_can_own_it() {
        let owned = |uid: &str, controller: bool| {
            let mut value = it(json!({}));
            value["metadata"]["ownerReferences"] = json!([{"uid": uid, "controller": controller}]);
            value
        };
        let mut store = Store::default();
        store.apply("one", owned("1", true), Timestamp::default()).unwrap();
        assert!(store.apply("two", owned("2", true), Timestamp::default()).is_err());
        store.apply("two", owned("2", false), Timestamp::default()).unwrap();
        assert_eq!(store.get(&id()).unwrap()["metadata"]["ownerReferences"].as_array().unwrap().len(), 2);
        assert_eq!(controller(store.get(&id()).unwrap()), Some("1"));
    }

    #[test]
    fn only_what_changes_is_touched_and_only_a_new_spec_is_a_new_generation() {
        let mut store = Store::default();
        let touched = |store: &mut Store| store.take_touched().len();
        store.put(it(json!({"a": 1})), Timestamp::default());
        assert_eq!(touched(&mut store), 1);
        store.put(it(json!({"a": 1})), Timestamp::default());
        assert_eq!(touched(&mut store), 0);
        store.edit(&id(), |value| value["status"] = json!({"phase": "x"}));
        assert_eq!((touched(&mut store), store.get(&id()).unwrap()["metadata"]["generation"].as_u64()), (1, Some(1)));
        store.edit(&id(), |value| value["data"]["a"] = 2.into());
        assert_eq!(store.get(&id()).unwrap()["metadata"]["generation"].as_u64(), Some(2));
        assert_eq!(store.get(&id()).unwrap()["metadata"]["uid"], "00000001-0000-4000-8000-000000000000");
    }
}
