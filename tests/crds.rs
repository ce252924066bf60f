//! Holds every rendered object to the operators' real CRDs, and the check itself to its purpose.

#![cfg(test)]

mod support {
    pub mod cel;
    pub mod crds;
    pub mod documents;
    pub mod kubernetes;
    pub mod mutations;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use function_database::schema::Violation;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::crds::Crds;
use support::mutations::{Mutation, mutants};
use support::{documents, kubernetes};

/// The composed resources of every golden case, with the file and position they stand at.
fn golden() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let expected: Vec<PathBuf> =
        documents::files(&folder).into_iter().filter(|path| path.ends_with("expected.yaml")).collect();
    let numbered = |path: &PathBuf| {
        let name = path.strip_prefix(&folder).expect("a file in the folder").display().to_string();
        let documents = documents::read(path).into_iter().enumerate();
        documents.map(|(at, document)| (format!("{name}, document {}", at + 1), document)).collect::<Vec<_>>()
    };
    let found: Vec<_> = expected.iter().flat_map(numbered).filter(|(_, document)| is_composed(document)).collect();
    assert!(!folder.exists() || !found.is_empty(), "tests/golden has no composed resource in any expected.yaml");
    found
}

/// Neither the composite itself nor what `crossplane render` prints about the run.
fn is_composed(document: &Value) -> bool {
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    let composite =
        text("apiVersion").starts_with("db.platform.io/") && ["Database", "XDatabase"].contains(&text("kind"));
    !composite && !text("apiVersion").starts_with("render.crossplane.io/")
}

fn problems<'a>(crds: &Crds, objects: impl IntoIterator<Item = &'a (String, Value)>) -> Vec<String> {
    let told = |(name, object): &(String, Value)| {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        crds.check(object).into_iter().map(move |problem| format!("{name} ({kind}): {problem}")).collect::<Vec<_>>()
    };
    objects.into_iter().flat_map(told).collect()
}

#[test]
fn known_good_objects_of_every_operator_are_valid() {
    let Some(crds) = Crds::from_environment() else { return };
    let objects: Vec<_> = documents::read(&crds.folder().join("MINIMAL.yaml"))
        .into_iter()
        .enumerate()
        .map(|(at, object)| (format!("document {}", at + 1), object))
        .collect();
    assert!(objects.len() > 20, "only {} known good objects", objects.len());
    assert_eq!(problems(crds, &objects), Vec::<String>::new());
}

#[test]
fn every_rule_of_the_kinds_that_are_composed_can_be_compiled() {
    let Some(crds) = Crds::from_environment() else { return };
    let golden = golden().into_iter().map(|(_, object)| object);
    let objects = documents::read(&crds.folder().join("MINIMAL.yaml")).into_iter().chain(golden);
    for object in objects.filter(|object| kubernetes::check(object).is_none()) {
        assert_eq!(crds.schema(&object).err(), None);
    }
}

#[test]
fn every_composed_resource_is_valid() {
    let Some(crds) = Crds::from_environment() else { return };
    assert_eq!(problems(crds, &golden()), Vec::<String>::new());
}

/// Pod Security Standards, level `restricted`. Containers without an image are merged into the operator's own.
#[test]
fn our_containers_fit_into_a_restricted_namespace() {
    fn pods<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        if value["containers"][0]["image"].is_string() {
            found.push(value);
        }
        value.as_array().into_iter().flatten().for_each(|item| pods(item, found));
        value.as_object().into_iter().flat_map(|fields| fields.values()).for_each(|field| pods(field, found));
    }
    let mut seen = 0;
    for (name, object) in golden() {
        let mut found = vec![];
        pods(&object, &mut found);
        for pod in found {
            let lists = ["containers", "initContainers"].map(|list| pod[list].as_array());
            for container in lists.into_iter().flatten().flatten().filter(|container| container["image"].is_string()) {
                let own = &container["securityContext"];
                let non_root = [&own["runAsNonRoot"], &pod["securityContext"]["runAsNonRoot"]];
                assert_eq!(own["allowPrivilegeEscalation"], false, "{name}: {container}");
                assert_eq!(own["capabilities"]["drop"], json!(["ALL"]), "{name}: {container}");
                assert!(non_root.iter().any(|it| **it == true), "{name}: {container}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// Nobody can ask for a port, so that only we could let two clash: in a pod, or in a Service.
#[test]
fn no_two_ports_clash() {
    fn lists<'a>(value: &'a Value, found: &mut Vec<(&'a str, Vec<&'a Value>)>) {
        let ports = |of: &'a Value| of["ports"].as_array().into_iter().flatten();
        if let Some(containers) = value["containers"].as_array() {
            found.push(("containerPort", containers.iter().flat_map(ports).collect()));
        }
        value.as_array().into_iter().flatten().for_each(|item| lists(item, found));
        value.as_object().into_iter().flatten().for_each(|(_, field)| lists(field, found));
    }
    let mut seen = 0;
    for (name, object) in golden() {
        let mut found = vec![];
        lists(&object, &mut found);
        if object["kind"] == "Service" {
            found.push(("port", object["spec"]["ports"].as_array().into_iter().flatten().collect()));
        }
        for (field, ports) in found {
            let all: Vec<String> = ports.iter().map(|port| format!("{}/{}", port[field], port["protocol"])).collect();
            let different: std::collections::BTreeSet<&String> = all.iter().collect();
            assert_eq!(different.len(), all.len(), "{name}: {all:?}");
            seen += all.len();
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn examples_for_other_operators_are_valid() {
    let Some(crds) = Crds::from_environment() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["examples/teleport", "examples/gitops/argocd"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| documents::files(folder));
    let examples: Vec<_> = files
        .flat_map(|path| documents::read(&path))
        .map(application)
        .map(|object| (object["metadata"]["name"].to_string(), object))
        .collect();
    assert!(!examples.is_empty());
    assert_eq!(problems(crds, &examples), Vec::<String>::new());
}

/// Of what makes applications, one of them.
fn application(object: Value) -> Value {
    if object["kind"] != "ApplicationSet" {
        return object;
    }
    let template = &object["spec"]["template"];
    json!({
        "apiVersion": object["apiVersion"], "kind": "Application", "metadata": template["metadata"], "spec": template["spec"],
    })
}

/// Whether a violation is about what the mutation did.
fn tells(violation: &Violation, mutation: Mutation) -> bool {
    let Violation { path, message } = violation;
    match mutation {
        Mutation::UnknownField => path.ends_with("noSuchField") && message.starts_with("unknown field"),
        Mutation::TextForNumber => message.starts_with("\"many\" is a text; write"),
        Mutation::RequiredFieldDropped => message.starts_with("is required"),
        Mutation::EnumValueBroken => message.starts_with("\"no-such-value\" is not allowed; write"),
    }
}

#[test]
fn broken_objects_are_caught() {
    let Some(crds) = Crds::from_environment() else { return };
    let minimal = documents::read(&crds.folder().join("MINIMAL.yaml"));
    let objects = minimal.into_iter().map(|object| ("known good".to_owned(), object)).chain(golden());
    let mut counts: BTreeMap<Mutation, (usize, usize)> = BTreeMap::new();
    let mut escaped = Vec::new();
    for (name, object) in objects.filter(|(_, object)| kubernetes::check(object).is_none()) {
        let schema = crds.schema(&object).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        for mutant in mutants(&object, &schema.source) {
            let (made, caught) = counts.entry(mutant.mutation).or_default();
            *made += 1;
            match schema.check(None, &mutant.object).iter().any(|violation| tells(violation, mutant.mutation)) {
                true => *caught += 1,
                false => escaped.push(format!("{name}: {} {:?} at {}", object["kind"], mutant.mutation, mutant.at)),
            }
        }
    }
    println!("caught of made: {counts:?}");
    assert_eq!(escaped, Vec::<String>::new());
    assert!(counts.len() == 4 && counts.values().all(|(made, _)| *made >= 10), "too few mutations: {counts:?}");
}

#[test]
fn an_unknown_kind_is_a_problem() {
    let Some(crds) = Crds::from_environment() else { return };
    let cases = [
        (json!({"apiVersion": "example.org/v1", "kind": "Cluster"}), "no schema for example.org/v1 Cluster"),
        (
            json!({"apiVersion": "postgresql.cnpg.io/v9", "kind": "Cluster"}),
            "no schema for postgresql.cnpg.io/v9 Cluster",
        ),
        (json!({"apiVersion": "v1", "kind": "Secrets"}), "no schema for v1 Secrets"),
        (json!({"kind": "Secret"}), "no schema for  Secret"),
        (
            json!({"apiVersion": "db.platform.io/v9", "kind": "Database"}),
            "no schema for db.platform.io/v9 Database, not even among this repository's own",
        ),
    ];
    for (object, expected) in cases {
        assert_eq!(crds.check(&object), [expected]);
    }
}

#[test]
fn what_a_wrapper_carries_is_checked_too() {
    let Some(crds) = Crds::from_environment() else { return };
    let carrying = |manifest: Value| {
        json!({"apiVersion": "kubernetes.m.crossplane.io/v1alpha1", "kind": "Object",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"forProvider": {"manifest": manifest}, "providerConfigRef": {"kind": "ProviderConfig", "name": "c"}}})
    };
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "datas": {}});
    assert_eq!(crds.check(&carrying(secret)), ["spec.forProvider.manifest.datas: unknown field"]);
    let pooler = json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Pooler", "metadata": {"name": "a"},
        "spec": {"cluster": {"name": "a"}, "pgbouncer": {"poolMode": "sessions"}}});
    assert_eq!(
        crds.check(&carrying(pooler)),
        [
            "spec.forProvider.manifest.spec.pgbouncer.poolMode: \"sessions\" is not allowed; write session or transaction (did you mean session?)"
        ]
    );
}

#[test]
fn kubernetes_own_kinds_are_read_strictly() {
    let policy = |spec: Value| json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": spec});
    let job = |container: Value| {
        let pod = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}});
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": pod})
    };
    let cases: Vec<(Value, &[&str])> = vec![
        (
            policy(
                json!({"podSelector": {}, "egress": [], "ingress": [{"ports": [{"port": 5432}, {"port": "metrics"}]}]}),
            ),
            &[],
        ),
        (policy(json!({"podSelector": {}, "ingres": []})), &["spec.ingres: unknown field"]),
        (
            policy(json!({"podSelector": {}, "ingress": [{"ports": [{"port": 1.5}]}]})),
            &["spec.ingress[0].ports[0].port: invalid type: floating point `1.5`, expected IntOrString"],
        ),
        (job(json!({"name": "a", "image": "b", "resources": {"requests": {"cpu": "1"}}})), &[]),
        (job(json!({"image": "b"})), &["spec.template.spec.containers[0].name: is required"]),
        (job(json!({"name": "a", "img": "b"})), &["spec.template.spec.containers[0].img: unknown field"]),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "label": {}}, "data": {"a": "QUJD"}}),
            &["metadata.label: unknown field"],
        ),
    ];
    for (object, expected) in cases {
        assert_eq!(
            kubernetes::check(&object).as_deref(),
            Some(expected.iter().map(|s| s.to_string()).collect::<Vec<_>>().as_slice())
        );
    }
}

/// What is applied beside the packages. Our own definitions are checked by `schema.rs`.
#[test]
fn what_is_deployed_is_known_to_kubernetes_and_crossplane() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["deploy", "editions/claims/deploy"].map(|folder| documents::files(&root.join(folder))).concat();
    let read = |file: &PathBuf| {
        documents::read(file).into_iter().map(|object| (file.display().to_string(), object)).collect::<Vec<_>>()
    };
    let objects: Vec<(String, Value)> = files.iter().flat_map(read).collect();
    let other = |kind: &Value| ["Kustomization", "Component", "CustomResourceDefinition"].iter().any(|it| kind == *it);
    let objects: Vec<_> = objects.into_iter().filter(|(_, object)| !other(&object["kind"])).collect();
    assert!(objects.len() > 12, "{} objects", objects.len());
    let (own, others): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(|(_, object)| kubernetes::check(object).is_some());
    let found = own.iter().flat_map(|(_, object)| kubernetes::check(object).unwrap_or_default());
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
    if let Some(crds) = Crds::from_environment() {
        assert_eq!(problems(crds, &others), Vec::<String>::new());
    }
}

/// The template of a DeploymentRuntimeConfig is a Deployment but for what Crossplane adds.
#[test]
fn the_runtime_is_a_deployment() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/runtime/deploymentruntimeconfig.yaml");
    let mut deployment = documents::read(&path)[0]["spec"]["deploymentTemplate"].clone();
    deployment["apiVersion"] = "apps/v1".into();
    deployment["kind"] = "Deployment".into();
    assert_eq!(kubernetes::check(&deployment), Some(vec![]));
}

/// The versions in the table are those whose CRDs everything was checked against.
#[test]
fn the_table_of_tested_versions_is_true() {
    let Some(crds) = Crds::from_environment() else { return };
    let sources = std::fs::read_dir(crds.folder()).unwrap().map(|entry| entry.unwrap().path().join("SOURCE.md"));
    let versions: Vec<String> = sources
        .filter_map(|source| std::fs::read_to_string(source).ok())
        .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("- Version (tag): ")).map(String::from))
        .collect();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md")).unwrap();
    let (_, tables) = page.split_once("| engine | operator |").unwrap();
    let version = regex_lite::Regex::new(r"[0-9]+\.[0-9]+\.[0-9]+[0-9a-z.-]*").unwrap();
    let rows = tables.lines().filter(|line| line.starts_with('|'));
    let told: Vec<&str> = rows.flat_map(|row| version.find_iter(row)).map(|found| found.as_str()).collect();
    assert!(told.len() > 12, "{told:?}");
    for version in told {
        let known = versions.iter().any(|tag| {
            tag.split([' ', 'v', '-']).any(|part| part == version)
                || tag == version
                || tag.trim_start_matches('v') == version
        });
        assert!(known, "{version} is none of {versions:?}");
    }
}
