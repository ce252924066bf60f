//! Checks objects of Kubernetes' own kinds, for which there is no CRD.
//!
//! In: an object. Out: what is wrong, or `None` if its kind is not known here. An object is read into its `k8s-openapi`
//! type (types of fields, Kubernetes 1.33) and written again: what got lost is an unknown field, what appeared was
//! required. Values of enumerations, patterns and bounds are not checked.

use k8s_openapi::api::{
    admissionregistration::v1 as admission, apps::v1 as apps, batch::v1 as batch, core::v1 as core,
    networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub fn check(object: &Value) -> Option<Vec<String>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    Some(match (text("apiVersion"), text("kind")) {
        ("v1", "ConfigMap") => strictly::<core::ConfigMap>(object),
        ("v1", "LimitRange") => strictly::<core::LimitRange>(object),
        ("v1", "Namespace") => strictly::<core::Namespace>(object),
        ("v1", "PersistentVolumeClaim") => strictly::<core::PersistentVolumeClaim>(object),
        ("v1", "ResourceQuota") => strictly::<core::ResourceQuota>(object),
        ("v1", "Secret") => strictly::<core::Secret>(object),
        ("v1", "Service") => strictly::<core::Service>(object),
        ("v1", "ServiceAccount") => strictly::<core::ServiceAccount>(object),
        ("apps/v1", "Deployment") => strictly::<apps::Deployment>(object),
        ("apps/v1", "StatefulSet") => strictly::<apps::StatefulSet>(object),
        ("batch/v1", "CronJob") => strictly::<batch::CronJob>(object),
        ("batch/v1", "Job") => strictly::<batch::Job>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => strictly::<networking::NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => strictly::<policy::PodDisruptionBudget>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => strictly::<rbac::Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => strictly::<rbac::RoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => strictly::<rbac::ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => strictly::<rbac::ClusterRoleBinding>(object),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy") => {
            strictly::<admission::ValidatingAdmissionPolicy>(object)
        }
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding") => {
            strictly::<admission::ValidatingAdmissionPolicyBinding>(object)
        }
        _ => return None,
    })
}

fn strictly<T: DeserializeOwned + Serialize>(object: &Value) -> Vec<String> {
    let typed: T = match serde_path_to_error::deserialize(object) {
        Ok(typed) => typed,
        Err(error) => return vec![error.to_string()],
    };
    let again = serde_json::to_value(typed).unwrap_or_else(|error| json!({"error": error.to_string()}));
    let mut found = Vec::new();
    compare(object, &again, "", &mut found);
    found
}

fn compare(given: &Value, known: &Value, path: &str, found: &mut Vec<String>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (name, value) in given {
                let path = format!("{path}.{name}");
                match known.get(name) {
                    Some(known) => compare(value, known, &path, found),
                    None if value.is_null() => {}
                    None => found.push(format!("{}: unknown field", path.trim_start_matches('.'))),
                }
            }
            let missing = known.keys().filter(|name| !given.contains_key(*name) && *name != "metadata");
            found.extend(
                missing.map(|name| format!("{}: is required", format!("{path}.{name}").trim_start_matches('.'))),
            );
        }
        (Value::Array(given), Value::Array(known)) if given.len() == known.len() => {
            for (at, (given, known)) in given.iter().zip(known).enumerate() {
                compare(given, known, &format!("{path}[{at}]"), found);
            }
        }
        _ if given == known => {}
        _ => found.push(format!("{}: {given} is read as {known}", path.trim_start_matches('.'))),
    }
}
