//! Azure Service Operator 2.20, and Azure behind it. In: its resources. Out: their condition (Azure Service Operator,
//! "Conditions"), and of servers what Azure says (FlexibleServer_STATUS of v20250801). An outage takes the standby alone. Not
//! played: settings that wait for a restart, prices, names that are taken in the world.

use super::Turn;
use super::objects::owned;
use crate::render::object;
use crate::simulate::store::{Id, set_condition, text};
use serde_json::{Value, json};

pub const POSTGRESQL: &str = "dbforpostgresql.azure.com";
pub const IDENTITY: &str = "managedidentity.azure.com";

pub fn server(turn: &mut Turn, id: &Id) {
    let server = turn.get(id);
    let spec = &server["spec"];
    let secret = spec["administratorLoginPassword"]["name"].as_str();
    if let Some(secret) = secret.filter(|secret| turn.beside(id, "v1", "Secret", secret).is_null()) {
        let message = format!("{}/{secret} does not exist", id.namespace);
        return say(turn, id, &server, ("False", "Warning", "SecretNotFound", &message));
    }
    let source = spec["sourceServerResourceReference"]["name"].as_str();
    let source = source.map(|source| turn.get(&Id { name: source.into(), ..id.clone() }));
    if source.as_ref().is_some_and(|source| !is_ready(source)) {
        return say(turn, id, &server, ("False", "Warning", "ReferenceNotFound", "the source server is not there"));
    }
    if !reconcile(turn, id, &server) {
        return;
    }
    let server = turn.get(id);
    let mut status = server["status"].clone();
    let release = source.map_or_else(|| spec["version"].clone(), |source| source["status"]["version"].clone());
    let available = match (text(&spec["highAvailability"]["mode"]), text(&status["highAvailability"]["state"])) {
        ("" | "Disabled", _) => "NotEnabled",
        (_, "CreatingStandby" | "Healthy" | "ReplicatingData") if !turn.outage.members => "Healthy",
        (_, "" | "NotEnabled") => "CreatingStandby",
        _ => "ReplicatingData",
    };
    let now = turn.now.to_string();
    let begun = &status["backup"]["earliestRestoreDate"];
    let earliest = if begun.is_null() && !turn.outage.backups { now.into() } else { begun.clone() };
    let days = &spec["backup"]["backupRetentionDays"];
    object(&mut status).extend([
        ("state".into(), "Ready".into()),
        ("version".into(), release),
        ("minorVersion".into(), "6".into()),
        ("sku".into(), spec["sku"].clone()),
        ("storage".into(), spec["storage"].clone()),
        ("highAvailability".into(), json!({"mode": spec["highAvailability"]["mode"], "state": available})),
        ("backup".into(), json!({"backupRetentionDays": days, "earliestRestoreDate": earliest})),
        ("fullyQualifiedDomainName".into(), format!("{}.postgres.database.azure.com", text(&spec["azureName"])).into()),
    ]);
    turn.set_status(id, status);
}

/// What belongs to a server or to an identity, and waits for it.
pub fn beside(turn: &mut Turn, id: &Id) {
    let value = turn.get(id);
    let owner = text(&value["spec"]["owner"]["name"]);
    let kind = if id.group == IDENTITY { "UserAssignedIdentity" } else { "FlexibleServer" };
    let named = turn.get(&Id { kind: kind.into(), name: owner.into(), ..id.clone() });
    let map = value["spec"]["azureNameFromConfig"]["name"].as_str();
    let map_is_there = map.is_none_or(|map| !turn.beside(id, "v1", "ConfigMap", map).is_null());
    if is_ready(&named) && map_is_there {
        reconcile(turn, id, &value);
    } else {
        let message = format!("Owner {owner:?} cannot be found");
        say(turn, id, &value, ("False", "Warning", "WaitingForOwner", &message));
    }
}

/// Hands on the ids that it is asked for.
pub fn identity(turn: &mut Turn, id: &Id) {
    let identity = turn.get(id);
    if !reconcile(turn, id, &identity) {
        return;
    }
    let mut status = turn.get(id)["status"].clone();
    let uid = &identity["metadata"]["uid"];
    object(&mut status).extend([("clientId".into(), uid.clone()), ("principalId".into(), uid.clone())]);
    turn.set_status(id, status);
    let asked = &identity["spec"]["operatorSpec"]["configMaps"]["principalId"];
    if let (Some(name), Some(key)) = (asked["name"].as_str(), asked["key"].as_str()) {
        let mut map = owned(&identity, "v1", "ConfigMap", name);
        object(&mut map).insert("data".into(), json!({key: uid}));
        turn.apply(map);
    }
}

fn ready(value: &Value) -> Option<&Value> {
    value["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")
}

fn is_ready(value: &Value) -> bool {
    ready(value).is_some_and(|condition| condition["status"] == "True")
}

/// Azure takes one step for everything that it is asked for. Whether it is done.
fn reconcile(turn: &mut Turn, id: &Id, value: &Value) -> bool {
    let seen = ready(value).filter(|condition| condition["observedGeneration"] == value["metadata"]["generation"]);
    match seen.map(|condition| text(&condition["reason"])) {
        Some("Succeeded") => return true,
        Some("Reconciling") => say(turn, id, value, ("True", "", "Succeeded", "")),
        _ => {
            say(turn, id, value, ("False", "Info", "Reconciling", "The resource is in the process of being reconciled"))
        }
    }
    is_ready(&turn.get(id))
}

/// Status, severity, reason and message.
fn say(turn: &mut Turn, id: &Id, value: &Value, (status, severity, reason, message): (&str, &str, &str, &str)) {
    let generation = &value["metadata"]["generation"];
    let mut condition = json!({"type": "Ready", "status": status, "reason": reason, "message": message,
        "observedGeneration": generation});
    if !severity.is_empty() {
        object(&mut condition).insert("severity".into(), severity.into());
    }
    let mut all = value["status"].clone();
    set_condition(&mut all, condition, turn.now);
    turn.set_status(id, all);
}
