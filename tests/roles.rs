//! Crossplane may do exactly what the function needs: every kind in the golden cases, and every kind that is asked for.
#![cfg(test)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Read as required resources, never composed.
const READ: [(&str, &str); 8] = [
    ("", "namespaces"),
    ("", "persistentvolumeclaims"),
    ("", "secrets"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("batch", "jobs"),
    ("db.platform.io", "databaseapprovals"),
    ("planetscale.com", "vitessbackups"),
];

/// What pods of a database may do, which nobody can grant who may not do it himself.
const GRANTED: [(&str, &str); 1] = [("", "pods")];

/// Composed, but in no golden case, because its CRD is not among those that these are held to.
const UNCHECKED: [(&str, &str); 1] = [("cilium.io", "ciliumnetworkpolicies")];

#[test]
fn the_role_has_every_kind_and_none_too_many() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let role: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(root.join("deploy/roles/crossplane.yaml")).unwrap()).unwrap();
    let mut granted = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for resource in rule["resources"].as_array().unwrap() {
            granted.insert((text(&rule["apiGroups"][0]), text(resource)));
        }
    }
    let mut needed: BTreeSet<(String, String)> = READ
        .iter()
        .chain(&GRANTED)
        .chain(&UNCHECKED)
        .map(|(group, kind)| (group.to_string(), kind.to_string()))
        .collect();
    collect(&root.join("tests/golden"), &mut needed);
    assert!(needed.len() > 10, "the golden cases were read");
    assert_eq!(granted, needed);
}

fn collect(folder: &Path, needed: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, needed);
        } else if path.ends_with("expected.yaml") {
            let documents: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(&path).unwrap()).unwrap();
            // The first is the composite itself.
            needed.extend(documents.iter().skip(1).map(|value| {
                let version = text(&value["apiVersion"]);
                let group = version.split_once('/').map_or("", |(group, _)| group).to_string();
                (group, plural(&text(&value["kind"])))
            }));
        }
    }
}

/// Kinds whose resource is not called by their plural.
const IRREGULAR: [(&str, &str); 4] = [
    ("mongodbcommunity", "mongodbcommunity"),
    ("teleportdatabasev3", "teleportdatabasesv3"),
    ("sgpoolingconfig", "sgpoolconfigs"),
    ("sgpostgresconfig", "sgpgconfigs"),
];

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    if let Some((_, resource)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == kind) {
        return (*resource).into();
    }
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with("ch") => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_string()
}
