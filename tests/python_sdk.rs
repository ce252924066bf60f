//! A client that is not ours: the Python function SDK plays Crossplane over mutual TLS, against the real binary, and gets
//! what `render` shows. `FUNCTION_DATABASE_PYTHON` is a Python with `tests/python/requirements.txt`; where it is not set,
//! the test says that it was skipped.
#![cfg(test)]

use function_database::render::{Composition, render};
use pretty_assertions::assert_eq;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn the_python_sdks_client_gets_what_render_shows() {
    let Some(python) = std::env::var_os("FUNCTION_DATABASE_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "FUNCTION_DATABASE_PYTHON is not set");
        println!("skipped: FUNCTION_DATABASE_PYTHON names no Python with the function SDK");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let certificates = tempfile::tempdir().unwrap();
    write_certificates(certificates.path());
    let address = free_address();
    let _server = Server(
        Command::new(env!("CARGO_BIN_EXE_function-database"))
            .args(["serve", "--address", &address.to_string(), "--tls-certs-dir"])
            .arg(certificates.path())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_for(address);

    let manifest = &documents(&root.join("compositions/database.yaml"))[0];
    let steps: Vec<&Value> =
        manifest["spec"]["pipeline"].as_array().unwrap().iter().map(|step| &step["input"]).collect();
    for case in
        ["examples/postgresql/dev.yaml", "examples/postgresql/prod.yaml", "examples/postgresql/prod-unapproved.yaml"]
    {
        let (claims, mut cluster): (Vec<Value>, Vec<Value>) =
            documents(&root.join(case)).into_iter().partition(|document| document["kind"] == "Database");
        let mut claim = claims[0].clone();
        claim["metadata"]["uid"] = "u-1".into();
        let mut observed = Map::new();
        if case.ends_with("prod.yaml") {
            cluster.extend(documents(&root.join("examples/postgresql/ready/cluster.yaml")));
            for resource in documents(&root.join("examples/postgresql/ready/observed.yaml")) {
                let key = resource["metadata"]["annotations"]["crossplane.io/composition-resource-name"].clone();
                observed.insert(key.as_str().unwrap().into(), resource);
            }
        }
        let play = json!({
            "address": format!("localhost:{}", address.port()), "certificates": certificates.path(), "steps": steps,
            "composite": claim, "observed": observed, "cluster": cluster,
        });
        let seen = call(&python, &root.join("tests/python/pipeline.py"), &play);

        let now = jiff::Timestamp::now();
        let observed: Vec<Value> = observed.values().cloned().collect();
        let ours = render(&Composition::read(manifest).unwrap(), &claim, &observed, &cluster, now);
        let mut status = ours.composite["status"].clone();
        let conditions = status.as_object_mut().unwrap().remove("conditions").unwrap();
        assert_eq!(whole(seen["composite"]["status"].clone()), status, "{case}");
        assert_eq!(seen["resources"].as_object().unwrap().len(), ours.resources.len(), "{case}");
        for resource in &ours.resources {
            let key = resource["metadata"]["annotations"]["crossplane.io/composition-resource-name"].as_str().unwrap();
            let theirs = whole(seen["resources"][key].clone());
            for part in ["apiVersion", "kind", "spec", "data", "type"] {
                assert_eq!(theirs[part], resource[part], "{case}: {part} of {key}");
            }
            let ready = if ours.ready[key] { "READY_TRUE" } else { "READY_FALSE" };
            assert_eq!(seen["ready"][key], ready, "{case}: {key}");
        }
        for condition in conditions.as_array().unwrap() {
            assert_eq!(seen["conditions"][condition["type"].as_str().unwrap()], condition["reason"], "{case}");
        }
        let events: Vec<&str> = ours.events.iter().map(|event| event.message.as_str()).collect();
        assert_eq!(seen["results"], json!(events), "{case}");
    }
}

/// Protobuf's struct knows no integers, so JSON made of one says `3.0`.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => (float as i64).into(),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, whole(value))).collect()),
        other => other,
    }
}

fn documents(path: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn call(python: &std::ffi::OsStr, script: &Path, play: &Value) -> Value {
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python starts");
    child.stdin.take().unwrap().write_all(play.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the client failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One authority for both sides, as Crossplane has it.
fn write_certificates(folder: &Path) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Of the same name as the leaf, OpenSSL would take the leaf for its own issuer.
    authority.distinguished_name.push(DnType::CommonName, "authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(["localhost".to_string()]).unwrap();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    for (name, text) in [("ca.crt", authority.pem()), ("tls.crt", leaf.pem()), ("tls.key", key.serialize_pem())] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn wait_for(address: SocketAddr) {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "the server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ended with the test, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
