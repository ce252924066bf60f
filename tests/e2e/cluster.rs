//! The cluster, through `kubectl`. In: a kubeconfig, a folder of CRDs, what to do. Out: what the API server says. It installs
//! what `deploy` and the packages hold; it must not touch anything of the cluster that it did not make.

use crate::documents::{files, parse, read, say};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KUBECONFIG: &str = "FUNCTION_DATABASE_KUBECONFIG";
const CRDS: &str = "FUNCTION_DATABASE_CRDS";
/// A command to which the number of the function's replicas is added.
const SCALE: &str = "FUNCTION_DATABASE_SCALE";

/// So long definitions may take until they are served.
const PATIENCE: Duration = Duration::from_secs(120);

const FUNCTION: &str = "function-database-function-database";

/// What the lives need of the operators' kinds.
const GROUPS: [&str; 3] = ["postgresql.cnpg.io", "barmancloud.cnpg.io", "monitoring.coreos.com"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edition {
    Namespaced,
    Claims,
}

impl Edition {
    pub fn definition(self) -> &'static str {
        match self {
            Edition::Namespaced => "databases.db.platform.io",
            Edition::Claims => "xdatabases.db.platform.io",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Edition::Namespaced => ".",
            Edition::Claims => "editions/claims",
        }
    }
}

/// Who asks.
#[derive(Clone, Copy)]
pub enum User<'a> {
    /// Of the kubeconfig.
    Administrator,
    /// A name and a group.
    Person(&'a str, &'a str),
}

pub struct Cluster {
    kubeconfig: PathBuf,
    crds: PathBuf,
}

impl Cluster {
    /// `None`, with a line that says so, if no cluster is named. The user's own current context is never taken.
    ///
    /// # Panics
    /// If the cluster cannot be used for this.
    pub fn from_environment() -> Option<Cluster> {
        let Some(kubeconfig) = std::env::var_os(KUBECONFIG) else {
            say(&format!(
                "skipped: no lives in a real cluster, {KUBECONFIG} names no kubeconfig of one with Crossplane"
            ));
            return None;
        };
        let crds = std::env::var_os(CRDS).unwrap_or_else(|| panic!("{CRDS} names no folder of the operators' CRDs"));
        let cluster = Cluster { kubeconfig: kubeconfig.into(), crds: crds.into() };
        let label = format!("pkg.crossplane.io/package={FUNCTION}");
        let function = cluster.json(&["get", "functionrevisions", "-l", &label]);
        assert!(
            function["items"].as_array().is_some_and(|revisions| !revisions.is_empty()),
            "the cluster has no Function {FUNCTION}; start it by tests/e2e/kind or tests/e2e/live"
        );
        Some(cluster)
    }

    pub fn run(&self, user: User, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        if let User::Person(name, group) = user {
            command.args(["--as", name, "--as-group", group, "--as-group", "system:authenticated"]);
        }
        command.current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("kubectl: {error}"));
        let mut stdin = process.stdin.take().expect("it is piped");
        let input = input.unwrap_or_default().to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = process.wait_with_output().expect("kubectl ends");
        // Its own words say why it did not read all of it.
        let _ = writer.join();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// As administrator, where nothing may go wrong.
    pub fn kubectl(&self, arguments: &[&str], input: Option<&Value>) -> String {
        let input = input.map(Value::to_string);
        self.run(User::Administrator, arguments, input.as_deref())
            .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
    }

    /// What it prints as JSON; null if it prints nothing.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.kubectl(&[arguments, &["-o", "json"]].concat(), None);
        if output.is_empty() { Value::Null } else { serde_json::from_str(&output).expect("kubectl prints JSON") }
    }

    /// Lets the function run so many times; `false`, with a line that says so, if nobody told how.
    pub fn scale(&self, replicas: u32) -> bool {
        let Ok(scale) = std::env::var(SCALE) else {
            say(&format!("skipped: {SCALE} names no command that sets how many replicas of the function run"));
            return false;
        };
        let command = format!("{scale} {replicas}");
        let done = Command::new("sh").args(["-c", &command]).env("KUBECONFIG", &self.kubeconfig).output();
        let done = done.unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        true
    }

    /// Everything that packages and `deploy` bring, in one edition.
    pub fn install(&self, edition: Edition) {
        for other in [Edition::Namespaced, Edition::Claims] {
            let definition = self.json(&["get", "xrd", other.definition(), "--ignore-not-found"]);
            assert!(
                definition["metadata"]["ownerReferences"].is_null(),
                "{} is installed from a package; give the scenarios a cluster of their own",
                other.definition()
            );
            // What a run that was broken off left.
            if other != edition && definition.is_object() {
                self.uninstall(other);
            }
        }
        self.define(|group, _| GROUPS.contains(&group));
        let folder = edition.folder();
        self.kubectl(&["apply", "-k", &format!("{folder}/deploy")], None);
        let file = |name: &str| format!("{folder}/{name}/database.yaml");
        self.kubectl(&["apply", "-f", &file("apis"), "-f", &file("compositions")], None);
        let definition = format!("xrd/{}", edition.definition());
        let conditions: &[&str] =
            if edition == Edition::Claims { &["Established", "Offered"] } else { &["Established"] };
        for condition in conditions {
            self.kubectl(&["wait", &definition, &format!("--for=condition={condition}"), "--timeout=60s"], None);
        }
        // The kind is served a moment after its definition says so.
        self.kubectl(&["wait", "crd/databases.db.platform.io", "--for=condition=Established", "--timeout=60s"], None);
    }

    pub fn uninstall(&self, edition: Edition) {
        let definition = edition.definition();
        self.kubectl(&["delete", "clusterusage", "function-database-definition", "--ignore-not-found"], None);
        self.kubectl(&["delete", "xrd", definition, "--ignore-not-found", "--timeout=60s"], None);
        self.kubectl(&["delete", "composition", "--ignore-not-found", "database"], None);
        self.kubectl(
            &["wait", "--for=delete", &format!("crd/{definition}"), "crd/databases.db.platform.io", "--timeout=60s"],
            None,
        );
    }

    /// Makes those CRDs of the folder that are not there, by group and kind. Gives their names.
    pub fn define(&self, wanted: impl Fn(&str, &str) -> bool) -> BTreeSet<String> {
        let there = self.kubectl(&["get", "crd", "-o", "name"], None);
        let mut made = BTreeSet::new();
        let mut items = vec![];
        for file in files(&self.crds) {
            let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            // Parsing takes a second where there are megabytes of it.
            let group = |line: &str| line.strip_prefix("  group: ").map(|group| group.trim_matches('"').to_owned());
            if !text.lines().filter_map(group).any(|group| wanted(&group, "")) {
                continue;
            }
            for document in parse(&text, &file) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (name, spec) = (text(&document["metadata"]["name"]), &document["spec"]);
                let is_new = !there.lines().any(|line| line.ends_with(&format!("/{name}")));
                let is_wanted = wanted(&text(&spec["group"]), &text(&spec["names"]["kind"]));
                if document["kind"] == "CustomResourceDefinition" && is_new && is_wanted && made.insert(name) {
                    items.push(document);
                }
            }
        }
        if !items.is_empty() {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            self.kubectl(&["create", "-f", "-"], Some(&list));
            let end = Instant::now() + PATIENCE;
            while !self.are_served(&made) {
                assert!(Instant::now() < end, "these CRDs do not establish: {made:?}");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        made
    }

    fn are_served(&self, definitions: &BTreeSet<String>) -> bool {
        let established = |definition: &Value| {
            let mut conditions = definition["status"]["conditions"].as_array().into_iter().flatten();
            conditions.any(|condition| condition["type"] == "Established" && condition["status"] == "True")
        };
        let served = self.json(&["get", "crd"]);
        let served = served["items"].as_array().into_iter().flatten().filter(|definition| established(definition));
        let names: BTreeSet<&str> = served.filter_map(|definition| definition["metadata"]["name"].as_str()).collect();
        definitions.iter().all(|name| names.contains(name.as_str()))
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents of every case below a folder of `tests/golden`, each with its file.
pub fn golden() -> Vec<(PathBuf, Vec<Value>)> {
    let expected = files(&root().join("tests/golden")).into_iter().filter(|file| file.ends_with("expected.yaml"));
    expected.map(|file| (file.clone(), read(&file))).collect()
}
