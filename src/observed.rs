//! What exists: composed resources, and what Crossplane found when asked. In: the request. Out: typed looks at single
//! objects. Must not decide what a missing one means: not having asked is not the same as there being nothing.

use crate::map::map;
use crate::wire::{Key, Match, Object, Selector, Undecodable};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub composed: BTreeMap<Key, Object>,
    /// By the question's name.
    pub found: BTreeMap<String, Vec<Object>>,
}

/// What a step asks Crossplane for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub selector: Selector,
}

/// Never an `Option`, see the module's doc.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    NotAsked,
    Nothing,
    Found(T),
}

impl<T> Answer<Vec<T>> {
    /// The same of what each is.
    pub fn each<U>(self, of: impl FnMut(&T) -> U) -> Answer<Vec<U>> {
        match self {
            Answer::NotAsked => Answer::NotAsked,
            Answer::Nothing => Answer::Nothing,
            Answer::Found(found) => Answer::Found(found.iter().map(of).collect()),
        }
    }
}

impl Question {
    pub fn by_name(api_version: &str, kind: &str, namespace: &str, name: &str) -> Question {
        Question::of(api_version, kind, Some(namespace), Match::Name(name.into()))
    }

    pub fn by_labels(api_version: &str, kind: &str, namespace: &str, labels: &[(&str, &str)]) -> Question {
        let labels = map(labels.iter().map(|(label, value)| (label.to_string(), value.to_string())));
        Question::of(api_version, kind, Some(namespace), Match::Labels(labels))
    }

    /// Of a kind without namespaces.
    pub fn cluster_scoped(api_version: &str, kind: &str, name: &str) -> Question {
        Question::of(api_version, kind, None, Match::Name(name.into()))
    }

    /// The namespace itself.
    pub fn namespace(name: &str) -> Question {
        Question::cluster_scoped("v1", "Namespace", name)
    }

    fn of(api_version: &str, kind: &str, namespace: Option<&str>, matching: Match) -> Question {
        let namespace = namespace.map(String::from);
        Question { selector: Selector { api_version: api_version.into(), kind: kind.into(), namespace, matching } }
    }

    /// Everything that distinguishes it: Crossplane seeds the next run's answer by this name alone.
    pub fn name(&self) -> String {
        let Selector { kind, namespace, matching, api_version } = &self.selector;
        let group = api_version.split_once('/').map_or("core", |(group, _)| group);
        let namespace = namespace.as_deref().unwrap_or("-");
        let matching = match matching {
            Match::Name(name) => name.clone(),
            Match::Labels(labels) => {
                labels.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>().join(",")
            }
        };
        format!("{group}/{kind}/{namespace}/{matching}")
    }
}

impl Observed {
    /// The composed resource under this key, typed; an object that is not what its key promises is an error.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<Option<T>, Undecodable> {
        self.composed.get(&Key(key.into())).map(|object| object.decode(key)).transpose()
    }

    /// What Crossplane found for a question, unread.
    pub fn objects(&self, question: &Question) -> Answer<&[Object]> {
        match self.found.get(&question.name()).map(Vec::as_slice) {
            None => Answer::NotAsked,
            Some([]) => Answer::Nothing,
            Some(items) => Answer::Found(items),
        }
    }

    /// The same, typed.
    pub fn answer<'a, T: Deserialize<'a>>(&'a self, question: &Question) -> Result<Answer<Vec<T>>, Undecodable> {
        match self.objects(question) {
            Answer::NotAsked => Ok(Answer::NotAsked),
            Answer::Nothing => Ok(Answer::Nothing),
            Answer::Found(items) => {
                let name = question.name();
                items.iter().map(|item| item.decode(&name)).collect::<Result<_, _>>().map(Answer::Found)
            }
        }
    }
}
