//! A restore, as far as claims alone tell. In: plans before and after, the time. Out: whether one is asked for, what is wrong
//! with it, and what only the cluster knows. Must not guess the latter: no backup is known here.

use crate::api::claim::Restore;
use crate::api::plan::Plan;
use crate::api::problem::Problem;
use crate::gate::{overwrite, restore};
use crate::operators::name_of;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// What a restore brings.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restoration {
    /// It takes the place of data that runs; else a new database begins with it.
    pub replaces: bool,
    /// What only the cluster knows, in a sentence.
    pub unknown: String,
}

/// The one that an edit begins. `from`: none for a new database.
pub fn asked<'a>(from: Option<&Plan>, to: &'a Plan) -> Option<&'a Restore> {
    let begun = from.and_then(|plan| plan.requests.restore.as_ref()).map(|restore| &restore.id);
    to.requests.restore.as_ref().filter(|restore| Some(&restore.id) != begun)
}

pub fn restoration(restore: &Restore, from: Option<&Plan>, to: &Plan) -> Restoration {
    Restoration { replaces: from.is_some(), unknown: unknown(restore, from, to) }
}

/// Why it cannot be, whatever the cluster has.
pub fn problems(restore: &Restore, from: Option<&Plan>, to: &Plan, now: Timestamp) -> Vec<Problem> {
    let database = &to.terms.database;
    if let Some(problem) = overwrite::problem(None, false, false).filter(|_| restore.in_place && from.is_none()) {
        return vec![problem];
    }
    let (_, name) = match restore::whose(restore, database) {
        Ok(whose) => whose,
        Err(problem) => return vec![problem],
    };
    match from.filter(|_| name == database.identity().1) {
        Some(_) if may_be_kept(restore, to) => vec![],
        // What else is edited comes after it.
        Some(runs) if restore.in_place => restore::problems(restore, runs, runs, None, now),
        Some(runs) => restore::problems(restore, to, runs, None, now),
        None => restore::moment(restore, None, now).into_iter().collect(),
    }
}

fn unknown(restore: &Restore, from: Option<&Plan>, to: &Plan) -> String {
    let Restore { id, database, namespace, backup, point_in_time, in_place } = restore;
    let (home, own) = to.terms.database.identity();
    let (namespace, name) = (namespace.as_deref().unwrap_or(home), database.as_deref().unwrap_or(own));
    let source = format!("{namespace}/{name}");
    let is_there = match backup {
        Some(backup) if from.is_some() && may_be_kept(restore, to) => {
            format!("whether {backup} is a backup of {source} or what served before")
        }
        Some(backup) => format!("whether {source} has the backup {backup}"),
        None => format!("whether {source} has a backup"),
    };
    let fits = (from.is_none() || name != own).then(|| "whether it fits".to_owned());
    let reaches = point_in_time.as_ref().map(|moment| format!("whether {moment} can still be restored"));
    let begun = from.map(|_| format!("whether restore {id} has run before"));
    let lost = from.filter(|runs| !in_place && restore::unfenced(runs).is_some()).map(|runs| {
        let operator = name_of(&runs.terms.operator);
        format!("whether the data that runs is lost, since otherwise {operator} cannot replace it")
    });
    let whether: Vec<String> = [Some(is_there), fits, reaches, begun, lost].into_iter().flatten().collect();
    format!("only the cluster knows {}", whether.join(", "))
}

/// Whether what is asked for has the name of a generation of this database.
fn may_be_kept(restore: &Restore, to: &Plan) -> bool {
    let own = restore.database.is_none() && restore.namespace.is_none();
    let rest = restore.backup.as_ref().and_then(|backup| backup.strip_prefix(&to.terms.database.name));
    let is_number = |number: &str| number.parse::<u32>().is_ok();
    own && rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix("-g").is_some_and(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::plan;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn restored(restore: Value) -> Plan {
        plan("prod", json!({"restore": restore}))
    }

    #[test]
    fn an_id_asks_once() {
        let (first, second) = (restored(json!({"id": "1"})), restored(json!({"id": "2"})));
        assert_eq!(asked(Some(&first), &second).unwrap().id, "2");
        assert_eq!(asked(None, &first).unwrap().id, "1");
        assert_eq!(asked(Some(&first), &restored(json!({"id": "1", "backup": "other"}))), None);
        assert_eq!(asked(Some(&first), &plan("prod", json!({}))), None);
    }

    #[test]
    fn what_claims_do_not_tell_is_not_guessed() {
        let runs = plan("prod", json!({}));
        let cases = [
            (json!({"id": "1"}), true, "whether checkout/orders has a backup, whether restore 1 has run before"),
            (
                json!({"id": "1", "backup": "orders-g2"}),
                true,
                "whether orders-g2 is a backup of checkout/orders or what served before, whether restore 1 has run before",
            ),
            (
                json!({"id": "1", "database": "bills", "pointInTime": "2026-11-20T10:00:00Z"}),
                false,
                "whether checkout/bills has a backup, whether it fits, whether 2026-11-20T10:00:00Z can still be restored",
            ),
            (
                json!({"id": "1", "backup": "orders-20261119020000"}),
                false,
                "whether checkout/orders has the backup orders-20261119020000, whether it fits",
            ),
        ];
        for (restore, replaces, unknown) in cases {
            let to = restored(restore);
            let from = replaces.then_some(&runs);
            let restoration = restoration(asked(from, &to).unwrap(), from, &to);
            assert_eq!(restoration, Restoration { replaces, unknown: format!("only the cluster knows {unknown}") });
        }
    }

    #[test]
    fn what_claims_tell_is_refused() {
        let runs = plan("prod", json!({}));
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let future = "spec.restore.pointInTime: 2026-11-22T10:00:00Z is not over yet; write an earlier time";
        let version = "spec.version: 18 is not what the backup of orders holds; write 17, or restore another backup";
        let cases = [
            (json!({"restore": {"id": "1"}}), true, vec![]),
            (json!({"restore": {"id": "1", "pointInTime": "2026-11-22T10:00:00Z"}}), true, vec![future]),
            (json!({"restore": {"id": "1", "pointInTime": "2026-11-22T10:00:00Z"}}), false, vec![future]),
            (json!({"version": "18", "restore": {"id": "1"}}), true, vec![version]),
            (json!({"version": "18", "restore": {"id": "1", "backup": "orders"}}), true, vec![]),
            (json!({"version": "18", "restore": {"id": "1", "database": "bills"}}), true, vec![]),
            (
                json!({"restore": {"id": "1", "namespace": "shop"}}),
                true,
                vec!["spec.restore.namespace: a backup of the namespace shop cannot be restored here; leave it out"],
            ),
        ];
        for (changes, replaces, expected) in cases {
            let to = plan("prod", changes);
            let from = replaces.then_some(&runs);
            let found = problems(asked(from, &to).unwrap(), from, &to, now);
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
    }
}
