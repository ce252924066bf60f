//! Packages as a reader finds them: layer by layer, by labels and digests, in the form that Crossplane reads, and the program
//! out of its own layer.
//!
//! `FUNCTION_DATABASE_BINARY` names another program for this machine than the one that the tests are built with, such as
//! the static one of a release.
#![cfg(test)]

use flate2::read::GzDecoder;
use function_database::wire::proto::{
    RunFunctionRequest, Severity, function_runner_service_client::FunctionRunnerServiceClient,
};
use function_database::xpkg::{Package, configurations, elf::Architecture, function};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file in an archive.
struct File {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

struct Layer {
    file: File,
    /// What Crossplane calls the layer, by the config's label.
    annotation: Option<String>,
}

struct Contents {
    config: Value,
    layers: Vec<Layer>,
}

fn archive(bytes: &[u8]) -> Vec<File> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert!(header.as_ustar().is_some() && header.entry_type().is_file());
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!((header.username(), header.groupname()), (Ok(Some("")), Ok(Some(""))));
        let mut bytes = vec![];
        entry.read_to_end(&mut bytes).unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        File { path, mode: header.mode().unwrap(), bytes }
    });
    entries.collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// As `docker load` and `crossplane xpkg push` go through it: the manifest names the config, which names the layers.
fn read(package: &Package) -> Contents {
    let files = archive(&package.bytes);
    let found: BTreeMap<&str, &File> = files.iter().map(|file| (file.path.as_str(), file)).collect();
    assert_eq!(found.len(), files.len(), "no path twice");
    let manifest: Value = serde_json::from_slice(&found["manifest.json"].bytes).unwrap();
    assert_eq!(manifest.as_array().unwrap().len(), 1, "one image");
    let manifest = &manifest[0];
    let config = found[manifest["Config"].as_str().unwrap()];
    assert_eq!(config.path, digest(&config.bytes));
    let config: Value = serde_json::from_slice(&config.bytes).unwrap();
    let labels = config["config"]["Labels"].as_object().unwrap();

    let names = manifest["Layers"].as_array().unwrap();
    let differences = config["rootfs"]["diff_ids"].as_array().unwrap();
    assert_eq!(names.len(), differences.len());
    let layers = names.iter().zip(differences).map(|(name, difference)| {
        let compressed = &found[name.as_str().unwrap()].bytes;
        assert_eq!(format!("{}.tar.gz", digest(compressed).trim_start_matches("sha256:")), name.as_str().unwrap());
        assert_eq!(compressed[4..8], [0; 4], "the time in the head of gzip");
        let mut content = vec![];
        GzDecoder::new(compressed.as_slice()).read_to_end(&mut content).unwrap();
        assert_eq!(digest(&content), difference.as_str().unwrap());
        let mut files = archive(&content);
        assert_eq!(files.len(), 1);
        let label = labels.get(&format!("io.crossplane.xpkg:{}", digest(compressed)));
        Layer { file: files.remove(0), annotation: label.map(|label| label.as_str().unwrap().into()) }
    });
    let layers: Vec<Layer> = layers.collect();
    assert_eq!(files.len(), layers.len() + 2, "nothing else lies in the archive");
    assert_eq!(labels.keys().filter(|label| label.starts_with("io.crossplane.xpkg:")).count(), 2);
    Contents { layers, config }
}

fn documents(layer: &Layer) -> Vec<Value> {
    serde_saphyr::from_multiple(std::str::from_utf8(&layer.file.bytes).unwrap()).unwrap()
}

fn kinds(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| document["kind"].as_str().unwrap()).collect()
}

fn outline(package: &Contents) -> Vec<(&str, u32, Option<&str>)> {
    let layers = package.layers.iter();
    layers.map(|layer| (layer.file.path.as_str(), layer.file.mode, layer.annotation.as_deref())).collect()
}

const LATEST: &str = env!("CARGO_PKG_VERSION");

#[test]
fn the_function_package_holds_the_program_and_the_inputs() {
    for architecture in Architecture::ALL {
        let package = function(architecture, b"a program").unwrap();
        assert_eq!(package.file, format!("function-database-{architecture}.xpkg"));
        let package = read(&package);
        assert_eq!(
            outline(&package),
            [
                ("function-database", 0o755, None),
                ("package.yaml", 0o644, Some("base")),
                (".up/examples.yaml", 0o644, Some("upbound")),
            ]
        );
        assert_eq!(package.layers[0].file.bytes, b"a program");
        let config = &package.config;
        assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!(architecture.to_string())));
        assert_eq!(config["created"], "1970-01-01T00:00:00Z");
        let run = &config["config"];
        assert_eq!(run["Entrypoint"], json!(["/function-database", "serve"]));
        assert_eq!(run["User"], "65532:65532", "not root");
        assert_eq!(run["ExposedPorts"], json!({"9443/tcp": {}}));
        assert_eq!(run["Labels"]["org.opencontainers.image.version"], LATEST);

        let documents = documents(&package.layers[1]);
        assert_eq!(documents[0]["apiVersion"], "meta.pkg.crossplane.io/v1");
        assert_eq!(documents[0]["spec"]["capabilities"], json!(["composition"]));
        assert_eq!(kinds(&documents), [&["Function"][..], &["CustomResourceDefinition"; 5]].concat());
        assert_eq!(kinds(&self::documents(&package.layers[2])), ["Composition"]);
    }
}

#[test]
fn the_configuration_packages_hold_definition_and_composition() {
    let editions = [("configuration-database", "v2", "Database"), ("configuration-database-claims", "v1", "XDatabase")];
    for (package, (name, version, kind)) in configurations().unwrap().iter().zip(editions) {
        assert_eq!(package.file, format!("{name}.xpkg"));
        let package = read(package);
        assert_eq!(
            outline(&package),
            [("package.yaml", 0o644, Some("base")), (".up/examples.yaml", 0o644, Some("upbound"))]
        );
        assert_eq!(package.config["config"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Labels"]);

        let documents = documents(&package.layers[0]);
        assert_eq!(kinds(&documents), ["Configuration", "CompositeResourceDefinition", "Composition"]);
        assert_eq!(documents[0]["metadata"]["name"], name);
        assert_eq!(documents[1]["apiVersion"], format!("apiextensions.crossplane.io/{version}"));
        assert_eq!(documents[1]["spec"]["names"]["kind"], kind);
        assert_eq!(documents[2]["spec"]["compositeTypeRef"]["kind"], kind);
        let examples = self::documents(&package.layers[1]);
        let engines: Vec<&str> = examples.iter().filter_map(|example| example["spec"]["engine"].as_str()).collect();
        assert_eq!(engines, ["mysql", "mongodb", "clickhouse", "redis", "elasticsearch", "sqlite"]);
    }
}

/// What a package asks for is this release or a newer one; without the -0, Crossplane would refuse its own prereleases.
#[test]
fn a_package_asks_for_versions_that_exist() {
    let metadata = |package: &Package, layer: usize| documents(&read(package).layers[layer]).remove(0);
    let function = metadata(&function(Architecture::Amd64, b"").unwrap(), 1);
    assert_eq!(function["spec"]["crossplane"]["version"], ">=v2.0.0-0");
    for package in configurations().unwrap() {
        let configuration = metadata(&package, 0);
        assert_eq!(configuration["spec"]["crossplane"]["version"], ">=v2.0.0-0");
        assert_eq!(
            configuration["spec"]["dependsOn"],
            json!([{
                "apiVersion": "pkg.crossplane.io/v1", "kind": "Function",
                "package": "ghcr.io/function-database/function-database", "version": format!(">=v{LATEST}-0"),
            }])
        );
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let all = || {
        let functions = Architecture::ALL.map(|architecture| function(architecture, b"a program").unwrap());
        functions.into_iter().chain(configurations().unwrap()).map(|package| package.bytes).collect::<Vec<_>>()
    };
    assert!(all() == all());
}

/// The image that the Dockerfile makes is started like ours.
#[test]
fn the_dockerfile_makes_the_same_image() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile")).unwrap();
    let package = read(&function(Architecture::Amd64, b"").unwrap());
    let run = &package.config["config"];
    let last_stage = text.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.starts_with("scratch\n"), "{last_stage}");
    let line = |instruction: &str| last_stage.lines().find_map(|line| line.strip_prefix(instruction)).unwrap().trim();
    assert_eq!(line("USER"), run["User"]);
    assert_eq!(serde_json::from_str::<Value>(line("ENTRYPOINT")).unwrap(), run["Entrypoint"]);
    assert_eq!(run["ExposedPorts"], json!({format!("{}/tcp", line("EXPOSE")): {}}));
    assert_eq!(line("COPY --from=build"), "/function-database /function-database");
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert!(text.contains(&format!("\nFROM rust:{rust} AS build\n")), "the Dockerfile builds with Rust {rust}");
}

#[tokio::test]
async fn the_program_starts_out_of_its_own_layer() {
    let built = env!("CARGO_BIN_EXE_function-database");
    let program = std::env::var_os("FUNCTION_DATABASE_BINARY").map_or_else(|| PathBuf::from(built), PathBuf::from);
    let architecture = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::Amd64 };
    let package = read(&function(architecture, &std::fs::read(program).unwrap()).unwrap());
    let file = &package.layers[0].file;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join(&file.path);
    std::fs::write(&path, &file.bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file.mode)).unwrap();

    let entrypoint = package.config["config"]["Entrypoint"].as_array().unwrap();
    assert_eq!(entrypoint[0], format!("/{}", file.path));
    let mut command = Command::new(&path);
    command.args(entrypoint[1..].iter().filter_map(Value::as_str)).args(["--insecure", "--address", "127.0.0.1:0"]);
    let mut running = command.env_clear().current_dir("/").stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = serde_json::from_str::<Value>(&line).unwrap()["address"].as_str().unwrap().to_owned();

    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let answer = FunctionRunnerServiceClient::new(channel).run_function(RunFunctionRequest::default()).await;
    running.kill().unwrap();
    running.wait().unwrap();
    let results = answer.unwrap().into_inner().results;
    assert_eq!(results[0].severity(), Severity::Fatal);
    assert!(results[0].message.starts_with("this step has no input"), "{}", results[0].message);
}
