//! Whether a new policy or release can be rolled out over running databases. In: what it changes. Out: what must not happen
//! by the way. Must not judge what somebody asked for: the claims are the same on both sides.

use super::Change;
use super::resources::{Field, ResourceChange};
use crate::api::approval::OperationKind;
use crate::api::status::Class;
use crate::operators::name_of;
use crate::schema::path::is_within;

/// One line for each failure.
pub fn failures(change: &Change) -> Vec<String> {
    let mut found: Vec<String> =
        change.problems.iter().map(|problem| format!("refused: {}", problem.message)).collect();
    if !matches!(change.class, Class::None | Class::Online | Class::Refused) {
        found.push(format!("{}: {}", name_of(&change.class).to_lowercase(), change.effect));
    }
    for ResourceChange { kind, name, operation, fields } in &change.resources {
        let renamed = |other: &&ResourceChange| other.kind == *kind && other.operation == OperationKind::Create;
        match operation {
            OperationKind::Delete => match change.resources.iter().find(renamed) {
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

/// What the API server takes no change of, in the kinds of Kubernetes that are composed.
fn is_immutable(kind: &str, field: &Field) -> bool {
    let within = |paths: &[&str]| paths.iter().any(|path| is_within(&field.path, path));
    match kind {
        "StatefulSet" => {
            let changeable = [
                "spec.replicas",
                "spec.template",
                "spec.updateStrategy",
                "spec.minReadySeconds",
                "spec.persistentVolumeClaimRetentionPolicy",
                "spec.revisionHistoryLimit",
                "spec.ordinals",
            ];
            within(&["spec"]) && !within(&changeable)
        }
        "PersistentVolumeClaim" => within(&["spec"]) && !within(&["spec.resources", "spec.volumeAttributesClassName"]),
        "Deployment" | "DaemonSet" => within(&["spec.selector"]),
        "Job" => within(&["spec.template", "spec.selector", "spec.completionMode"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::empty;
    use pretty_assertions::assert_eq;

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
            let change = Change { resources, ..empty(Changed, "shop".into(), "orders".into()) };
            assert_eq!(failures(&change), expected);
        }
        let restarts = Change { class: Class::Restart, effect: "x".into(), ..empty(Changed, "s".into(), "o".into()) };
        assert_eq!(failures(&restarts), ["restart: x"]);
    }
}
