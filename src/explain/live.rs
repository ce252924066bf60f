//! Why a database is not ready. In: the claim and its composite as the cluster has them, and the warnings of its namespace.
//! Out: one cause: the resource, its message, the next step. Must not guess where nobody says anything.

use super::installation::{self, Missing};
use serde_json::Value;

/// The one thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub phase: String,
    /// Kind and name.
    pub resource: String,
    pub message: String,
    pub next: String,
}

/// `None`: it is ready, and nothing waits. What stops everything comes first, then what stops a change, then what runs.
/// `composite` is the database itself where nothing stands behind it: only there Crossplane says that it cannot go on.
pub fn cause(database: &Value, composite: &Value, warnings: &[Value]) -> Option<Cause> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, namespace) = (text(&database["metadata"]["name"]), text(&database["metadata"]["namespace"]));
    let status = &database["status"];
    let phase = text(&status["phase"]);
    let own = format!("Database {name}");
    let of = |resource: String, message: String, next: String| {
        Some(Cause {
            phase: if phase.is_empty() { "no status".into() } else { phase.clone() },
            resource,
            message,
            next,
        })
    };
    if let Some(message) = is_false(composite, "Synced") {
        let fallback = "the platform team looks at the Composition and the function's log";
        let missing = installation::missing(&message);
        let Missing { what, fix } = missing.unwrap_or(Missing { what: message, fix: fallback.into() });
        return of(own, what, fix);
    }
    if let Some(message) = is_false(database, "Validated") {
        return of(own, message, "correct the claim; function-database validate checks it before".into());
    }
    if let Some(message) = is_false(database, "Approved") {
        let command = text(&status["approval"]["pending"]["command"]);
        return of(own, message, if command.is_empty() { "an approver decides".into() } else { command });
    }
    if phase == "Ready" && is_false(database, "Ready").is_none() {
        return None;
    }
    if phase == "Lost" {
        let next = "restore a backup into a new database, or delete this one";
        return of(own, text(&status["message"]), next.into());
    }
    // What Kubernetes itself says of its pods, volumes and operator resources is nearer to the cause than the operator's phase.
    let is_its = |warning: &&Value| {
        let about = text(&warning["involvedObject"]["name"]);
        about == name || about.strip_prefix(&name).is_some_and(|rest| rest.starts_with('-'))
    };
    let when = |warning: &Value| [&warning["lastTimestamp"], &warning["eventTime"]].map(text).into_iter().max();
    // What was said before it was made is of an earlier one of its name.
    let made = Some(text(&database["metadata"]["creationTimestamp"]));
    // Crossplane has gone on since it said that it could not.
    let gone_on = condition(composite, "Synced").map(|synced| text(&synced["lastTransitionTime"]));
    let is_over = |warning: &Value| {
        let is_own = warning["involvedObject"]["uid"] == composite["metadata"]["uid"];
        when(warning) < made || (is_own && when(warning) < gone_on)
    };
    let latest = warnings.iter().filter(is_its).filter(|warning| !is_over(warning)).max_by_key(|warning| when(warning));
    if let Some(warning) = latest {
        let (kind, about) = (text(&warning["involvedObject"]["kind"]), text(&warning["involvedObject"]["name"]));
        let message = format!("{}: {}", text(&warning["reason"]), text(&warning["message"]));
        let next = format!("kubectl describe {} {about} -n {namespace}", kind.to_lowercase());
        return of(format!("{kind} {about}"), message, next);
    }
    let conditions = ["Provisioned", "StorageReady", "CredentialsReady", "BackupConfigured", "Monitored", "Ready"];
    let said = conditions.iter().find_map(|kind| is_false(database, kind));
    let message = match (text(&status["message"]), said) {
        (message, _) if !message.is_empty() => message,
        (_, Some(message)) => message,
        (_, None) => "nobody says anything yet".into(),
    };
    of(own, message, format!("kubectl get events -n {namespace}, and the operator's log"))
}

fn condition<'a>(database: &'a Value, kind: &str) -> Option<&'a Value> {
    database["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// The message of a condition that is false, or its reason.
fn is_false(database: &Value, kind: &str) -> Option<String> {
    let found = condition(database, kind).filter(|condition| condition["status"] == "False")?;
    let message = found["message"].as_str().filter(|message| !message.is_empty());
    Some(message.or(found["reason"].as_str()).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn database(phase: &str, conditions: Value) -> Value {
        json!({
            "metadata": {"name": "orders", "namespace": "shop"},
            "status": {"phase": phase, "conditions": conditions, "message": "orders: 1 of 3 members are ready",
                "approval": {"pending": {"command": "approve it"}}},
        })
    }

    #[test]
    fn what_stops_everything_comes_first() {
        let condition =
            |kind: &str, message: &str| json!({"type": kind, "status": "False", "reason": "No", "message": message});
        let warning = |name: &str, at: &str| json!({"involvedObject": {"kind": "Pod", "name": name}, "reason": "FailedScheduling", "message": at, "lastTimestamp": at});
        let (old, new) = (warning("orders-2", "2026-01-01T00:00:00Z"), warning("orders-3", "2026-01-02T00:00:00Z"));
        let strange = warning("ordersold-1", "2026-01-03T00:00:00Z");
        let warnings = [old, new, strange];
        let cases = [
            (json!([condition("Approved", "waits"), condition("Synced", "fatal")]), "Database orders", "fatal"),
            (json!([condition("Approved", "waits"), condition("Validated", "wrong")]), "Database orders", "wrong"),
            (json!([condition("Approved", "waits")]), "Database orders", "waits"),
            (json!([condition("Ready", "Creating")]), "Pod orders-3", "FailedScheduling: 2026-01-02T00:00:00Z"),
        ];
        for (conditions, resource, message) in cases {
            let database = database("Provisioning", conditions);
            let found = cause(&database, &database, &warnings).unwrap();
            assert_eq!((found.resource.as_str(), found.message.as_str()), (resource, message));
        }
        // What Crossplane could not do once, and has done since.
        let synced = json!([{"type": "Synced", "status": "True", "lastTransitionTime": "2026-01-04T00:00:10Z"}, condition("Ready", "Creating")]);
        let mut going_on = database("Provisioning", synced);
        going_on["metadata"]["uid"] = "u-1".into();
        let said = |at: &str| json!({"involvedObject": {"kind": "Database", "name": "orders", "uid": "u-1"}, "reason": "ComposeResources", "message": "cannot", "lastTimestamp": at});
        let found = |at: &str| cause(&going_on, &going_on, &[said(at)]).unwrap().message;
        assert_eq!(found("2026-01-04T00:00:09Z"), "orders: 1 of 3 members are ready");
        assert_eq!(found("2026-01-04T00:00:11Z"), "ComposeResources: cannot");
        let mut next = database("Provisioning", json!([]));
        next["metadata"]["creationTimestamp"] = "2026-01-02T12:00:00Z".into();
        assert_eq!(cause(&next, &next, &warnings).unwrap().message, "orders: 1 of 3 members are ready");
        let ready = database("Ready", json!([]));
        assert_eq!(cause(&ready, &ready, &warnings), None);
        let alone = database("Provisioning", json!([condition("Ready", "Creating")]));
        let alone = cause(&alone, &alone, &[]).unwrap();
        assert_eq!(alone.message, "orders: 1 of 3 members are ready");
    }
}
