//! The contract only grows: what a release took and showed, every later one takes and shows. `schemas/` has a folder for each
//! release, with its definitions and its Composition.
//!
//! The folder of the version in Cargo.toml is not released yet: `UPDATE=1 cargo test --test compatibility` writes it anew.
//! The others are never changed.
#![cfg(test)]

mod support {
    pub mod growth;
}

use function_database::api::schema::FILES;
use function_database::render::{Composition, render};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Once;
use support::growth;

const COMPOSITION: &str = "compositions/database.yaml";

/// Definitions, and the Composition that called the function of that release.
fn contract() -> Vec<&'static str> {
    let definitions = FILES.into_iter().filter(|path| !path.contains("compositions"));
    definitions.chain([COMPOSITION]).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.yaml` file below the folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    found.sort();
    found
}

fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap()
}

fn releases() -> Vec<PathBuf> {
    static UPDATED: Once = Once::new();
    UPDATED.call_once(|| {
        for path in contract().into_iter().filter(|_| std::env::var_os("UPDATE").is_some()) {
            let file = next().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::copy(root().join(path), file).unwrap();
        }
    });
    assert!(next().exists(), "{} is missing: UPDATE=1 cargo test --test compatibility", next().display());
    let entries = std::fs::read_dir(root().join("schemas")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn next() -> PathBuf {
    root().join("schemas").join(concat!("v", env!("CARGO_PKG_VERSION")))
}

#[test]
fn the_contract_only_grows() {
    for release in releases() {
        let name = release.file_name().unwrap().to_string_lossy().into_owned();
        for file in files(&release).iter().filter(|file| !file.ends_with(COMPOSITION)) {
            let path = file.strip_prefix(&release).unwrap();
            let now = documents(&root().join(path)).remove(0);
            let broken = growth::broken(&documents(file)[0], &now);
            let way_out = match release == next() {
                true => "; it is not released yet, so if this is meant: UPDATE=1 cargo test --test compatibility",
                false => "; keep what it had",
            };
            assert!(broken.is_empty(), "{} of {name}:\n{}\n{way_out}", path.display(), broken.join("\n"));
        }
    }
}

/// Packages are upgraded one after the other: the Composition of any release calls the function of today.
#[test]
fn every_released_composition_runs() {
    let claims: Vec<PathBuf> = files(&root().join("examples"))
        .into_iter()
        .filter(|file| file.ends_with("dev.yaml") || file.ends_with("staging.yaml"))
        .collect();
    assert!(claims.len() >= 7, "{claims:?}");
    for release in releases() {
        let composition = Composition::read(&documents(&release.join(COMPOSITION))[0]).unwrap();
        for file in &claims {
            let (claims, others): (Vec<Value>, Vec<Value>) =
                documents(file).into_iter().partition(|document| document["kind"] == "Database");
            let rendered = render(&composition, &claims[0], &[], &others, "2026-11-21T12:00:00Z".parse().unwrap());
            assert_eq!(rendered.fatal, None, "{} with {}", file.display(), release.display());
            assert_eq!(rendered.composite["status"]["phase"], "Provisioning", "{}", file.display());
        }
    }
}

/// The comparison itself: one change each, and what is said of it.
#[test]
fn whatever_shrinks_is_found() {
    let definition = |schema: Value| {
        json!({"spec": {
            "group": "db.platform.io", "scope": "Namespaced",
            "names": {"kind": "Database", "plural": "databases", "shortNames": ["sdb"]},
            "versions": [{"name": "v1", "served": true, "schema": {"openAPIV3Schema": schema}}],
        }})
    };
    let schema = || {
        json!({"type": "object", "required": ["size"], "properties": {
            "size": {"type": "string", "maxLength": 10, "pattern": "^[a-z]+$"},
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "ports": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 1}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }, "x-kubernetes-validations": [{"rule": "self.size != 'x'", "message": "no"}]})
    };
    let change = |path: &str, value: Value| {
        let mut new = definition(schema());
        let path = format!("/spec/versions/0/schema/openAPIV3Schema{path}");
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = new.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value.is_null() {
            true => drop(parent.remove(name)),
            false => drop(parent.insert(name.into(), value)),
        }
        growth::broken(&definition(schema()), &new)
    };
    let gone = Value::Null;
    for (path, value, expected) in [
        ("/properties/size", gone.clone(), "\"v1\".size: is gone"),
        ("/properties/size/type", json!("integer"), "\"v1\".size: type was \"string\""),
        ("/properties/size/maxLength", json!(9), "\"v1\".size: maxLength was 10"),
        ("/properties/size/minLength", json!(1), "\"v1\".size: minLength was not there"),
        ("/properties/size/pattern", json!("^[a-c]+$"), "\"v1\".size: pattern was \"^[a-z]+$\""),
        ("/properties/size/enum", json!(["s"]), "\"v1\".size: takes only some values now"),
        ("/properties/mode/enum", json!(["a", "c"]), "\"v1\".mode: \"b\" is gone"),
        ("/properties/mode/default", json!("b"), "\"v1\".mode: default was \"a\""),
        ("/properties/ports/maxItems", json!(2), "\"v1\".ports: maxItems was 3"),
        ("/properties/ports/items/minimum", json!(2), "\"v1\".ports[]: minimum was 1"),
        ("/properties/labels/additionalProperties", gone, "\"v1\".labels.*: is gone"),
        ("/required", json!(["size", "mode"]), "\"v1\": \"mode\" is required now"),
        (
            "/x-kubernetes-validations",
            json!([{"rule": "self.size != 'x'"}, {"rule": "self.mode != 'a'"}]),
            "\"v1\": has a new rule, \"self.mode != 'a'\"",
        ),
    ] {
        assert_eq!(change(path, value), [expected], "{path}");
    }
    for (path, value) in [
        ("/properties/more", json!({"type": "string"})),
        ("/properties/size/maxLength", json!(11)),
        ("/properties/size/pattern", Value::Null),
        ("/properties/size/description", json!("words")),
        ("/properties/mode/enum", json!(["a", "b", "c"])),
        ("/required", json!([])),
        ("/x-kubernetes-validations", json!([])),
    ] {
        assert_eq!(change(path, value), [""; 0], "{path}");
    }
    let mut another = definition(schema());
    another["spec"]["versions"][0]["served"] = false.into();
    another["spec"]["names"]["shortNames"] = json!([]);
    assert_eq!(
        growth::broken(&definition(schema()), &another),
        ["short name \"sdb\" is gone", "version \"v1\" is served no more"]
    );
}
