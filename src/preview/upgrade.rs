//! Whether a new policy or release can be rolled out over running databases. In: what the one and the other make of the same
//! claim. Out: what must not happen by the way. Must not judge what somebody asked for: the claims are the same on both sides.

use super::effect;
use super::resources::{Field, ResourceChange, compare};
use crate::api::approval::OperationKind;
use crate::api::plan::Plan;
use crate::api::record::{self, DatabaseRecord};
use crate::api::status::Class;
use crate::operators::name_of;
use crate::plan::transition;
use crate::render::key_of;
use crate::schema::fixed::is_fixed;
use crate::wire::{Key, Object, Undecodable};
use serde_json::Value;
use std::collections::BTreeMap;

/// What one side makes of a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// What runs by it; none: nothing.
    pub plan: Option<Plan>,
    pub resources: BTreeMap<Key, Object>,
    /// What it has against the claim.
    pub problems: Vec<String>,
}

impl Side {
    /// `resources` as they are rendered, each with its key; what runs stands in the record among them.
    pub fn of(resources: &[Value], problems: Vec<String>) -> Result<Side, Undecodable> {
        let mut side = Side { problems, ..Side::default() };
        for value in resources {
            let (key, object) = (key_of(value).unwrap_or_default(), Object::try_of(value)?);
            match key == record::KEY {
                true => side.plan = Some(object.decode::<DatabaseRecord>("record")?.spec.serving.plan),
                false => _ = side.resources.insert(Key(key.into()), object),
            }
        }
        Ok(side)
    }
}

/// One line for each failure.
pub fn failures(from: &Side, to: &Side) -> Vec<String> {
    let mut found: Vec<String> = to.problems.iter().map(|problem| format!("refused: {problem}")).collect();
    let class = from.plan.as_ref().zip(to.plan.as_ref()).map(|(from, to)| transition(from, to));
    match class {
        None | Some(Ok(Class::None | Class::Online)) => {}
        Some(Ok(class)) => found.push(format!("{}: {}", name_of(&class).to_lowercase(), effect(class))),
        Some(Err(problems)) => found.extend(problems.0.iter().map(|problem| format!("refused: {problem}"))),
    }
    found.extend(losses(&compare(&from.resources, &to.resources)));
    found
}

fn losses(resources: &[ResourceChange]) -> Vec<String> {
    let mut found = vec![];
    for ResourceChange { kind, name, operation, fields } in resources {
        let renamed = |other: &&ResourceChange| other.kind == *kind && other.operation == OperationKind::Create;
        match operation {
            OperationKind::Delete => match resources.iter().find(renamed) {
                Some(other) => found.push(format!("{kind} {name} would be replaced by {}", other.name)),
                None => found.push(format!("{kind} {name} would be deleted")),
            },
            OperationKind::Change | OperationKind::Restore => {
                let fixed = fields.iter().filter(|field| is_immutable(kind, field));
                found.extend(fixed.map(|field| format!("{kind} {name}: {} cannot change", field.path)));
            }
            OperationKind::Create => {}
        }
    }
    found
}

/// Whether it lies in a field of the spec that stays as it was made.
fn is_immutable(kind: &str, field: &Field) -> bool {
    let inside = field.path.strip_prefix("spec.").and_then(|inside| inside.split(['.', '[']).next());
    inside.is_some_and(|name| is_fixed(kind, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::plan;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn resource(kind: &str, name: &str, operation: OperationKind, paths: &[&str]) -> ResourceChange {
        let field = |path: &&str| Field { path: path.to_string(), before: None, after: None };
        let fields = paths.iter().map(field).collect();
        ResourceChange { kind: kind.into(), name: name.into(), operation, fields }
    }

    #[test]
    fn deletions_renames_restarts_and_fixed_fields_fail() {
        use OperationKind::{Change as Changed, Create, Delete};
        let cases = [
            (vec![resource("Service", "a", Delete, &[])], vec!["Service a would be deleted"]),
            (
                vec![resource("Service", "a", Delete, &[]), resource("Service", "b", Create, &[])],
                vec!["Service a would be replaced by b"],
            ),
            (
                vec![resource("StatefulSet", "a", Changed, &["spec.replicas", "spec.volumeClaimTemplates[data].spec"])],
                vec!["StatefulSet a: spec.volumeClaimTemplates[data].spec cannot change"],
            ),
            (
                vec![resource("Cluster", "a", Changed, &["spec.instances"]), resource("Service", "b", Create, &[])],
                vec![],
            ),
        ];
        for (resources, expected) in cases {
            assert_eq!(losses(&resources), expected);
        }
        let runs = |changes| Side { plan: Some(plan("prod", changes)), ..Side::default() };
        let restart = "restart: its members restart, and connections break";
        assert_eq!(failures(&runs(json!({})), &runs(json!({"size": "large"}))), [restart]);
        let fixed = "refused: spec.name: it is fixed at creation; write orders, or make another database";
        assert_eq!(failures(&runs(json!({})), &runs(json!({"name": "other"}))), [fixed]);
        assert_eq!(failures(&runs(json!({})), &runs(json!({"replicas": 5}))), Vec::<String>::new());
    }
}
