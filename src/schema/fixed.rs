//! What the API server takes no change of in objects that exist, in the kinds of Kubernetes that are composed (1.35,
//! `ValidateJobUpdate`, `ValidateStatefulSetUpdate`, `ValidatePersistentVolumeClaimUpdate`, `ValidateDeploymentUpdate`). In: a
//! kind, and a field of its spec. Out: whether it stays as it was made. Must not compare objects.

/// `field`: its name, such as `template`.
pub fn is_fixed(kind: &str, field: &str) -> bool {
    match kind {
        "StatefulSet" => {
            let changeable = [
                "replicas",
                "template",
                "updateStrategy",
                "minReadySeconds",
                "persistentVolumeClaimRetentionPolicy",
                "revisionHistoryLimit",
                "ordinals",
            ];
            !changeable.contains(&field)
        }
        "PersistentVolumeClaim" => !["resources", "volumeAttributesClassName"].contains(&field),
        "Deployment" | "DaemonSet" => field == "selector",
        "Job" => ["template", "selector", "completionMode"].contains(&field),
        _ => false,
    }
}
