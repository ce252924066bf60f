//! The `StatefulSet` of members whose operator does not say how they are. In: what Crossplane found of it. Out: how it
//! compares with the plan. Must not know an operator: its name and its main container are given.

use crate::api::plan::Terms;
use crate::api::quantity::{Bytes, Millicores};
use crate::api::record::Generation;
use crate::observed::{Answer, Observed, Question};
use crate::operators::health::State;
use crate::wire::Undecodable;
use serde::Deserialize;

pub fn question(generation: &Generation, name: &str) -> Question {
    Question::by_name("apps/v1", "StatefulSet", &generation.database().namespace, name)
}

/// None: nobody has looked, or there is none.
pub fn found<'a>(observed: &'a Observed, question: &Question) -> Result<Option<StatefulSet<'a>>, Undecodable> {
    Ok(match observed.answer(question)? {
        Answer::NotAsked | Answer::Nothing => None,
        Answer::Found(sets) => sets.into_iter().next(),
    })
}

impl StatefulSet<'_> {
    /// Members that answer their probes.
    pub fn ready(&self) -> u32 {
        self.status.ready_replicas
    }

    /// The members that were there when the controller looked last.
    pub fn is_empty(&self) -> bool {
        self.spec.replicas == Some(0) && self.is_seen() && self.status.replicas == Some(0)
    }

    /// The members, held against the plan. `container` is the main one; `image` only where the plan names it.
    pub fn members(&self, terms: &Terms, container: &str, image: Option<&str>) -> State {
        let planned = terms.replicas;
        let main = self.spec.template.spec.containers.iter().find(|it| it.name == container);
        let limits = main.and_then(|main| main.resources.as_ref()).and_then(|resources| resources.limits.as_ref());
        let as_planned = [
            self.spec.replicas == Some(planned),
            image.is_none() || main.and_then(|main| main.image) == image,
            limits.and_then(|limits| limits.cpu) == Some(terms.cpu),
            limits.and_then(|limits| limits.memory) == Some(terms.memory),
            self.is_seen(),
        ];
        if as_planned.contains(&false) {
            return State::Progressing("the StatefulSet is not the planned one yet".into());
        }
        let count = format!("{} of {planned} members are ready", self.ready());
        if self.ready() == 0 {
            return State::Progressing(count);
        }
        if self.status.updated_replicas < planned && self.ready() >= planned {
            let updated = self.status.updated_replicas;
            return State::Progressing(format!("{updated} of {planned} members run as planned"));
        }
        if self.ready() < planned { State::Degraded(count) } else { State::Ready }
    }

    fn is_seen(&self) -> bool {
        self.metadata.generation.is_some() && self.status.observed_generation >= self.metadata.generation
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StatefulSet<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    spec: Spec<'a>,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    generation: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    replicas: Option<u32>,
    #[serde(borrow)]
    template: Template<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template<'a> {
    #[serde(borrow)]
    spec: PodSpec<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec<'a> {
    #[serde(borrow)]
    containers: Vec<Container<'a>>,
}

#[derive(Deserialize)]
struct Container<'a> {
    name: &'a str,
    image: Option<&'a str>,
    resources: Option<Resources>,
}

#[derive(Deserialize)]
struct Resources {
    limits: Option<Limits>,
}

#[derive(Deserialize)]
struct Limits {
    cpu: Option<Millicores>,
    memory: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    replicas: Option<u32>,
    ready_replicas: u32,
    updated_replicas: u32,
}
