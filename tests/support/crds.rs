//! Checks rendered objects against the operators' real CRDs.
//!
//! In: the folder that the environment variable `FUNCTION_DATABASE_CRDS` names, with `*.yaml` files of CRDs in any
//! depth, and the CRDs and XRDs of our own group that this repository commits. Out: what is wrong with an object. A kind
//! for which there is no schema is wrong. A file is parsed and a schema is compiled when an object first asks for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use function_database::schema::Violation;
use serde_json::{Value, json};

use super::cel::Schema;
use super::{documents, kubernetes};

const VARIABLE: &str = "FUNCTION_DATABASE_CRDS";
/// Where this repository keeps definitions of its own kinds; a folder may be missing.
const OWN: [&str; 3] = ["deploy/crds", "apis", "editions/claims"];

/// Rules that cannot be compiled here, by the kind they are for; all of them are transition rules, and updates of these
/// kinds cannot be checked. Everything else can.
const UNCOMPILED: [(&str, &str); 1] = [("DatabaseCluster", "has(self.?status.recommendedCRVersion)")];

/// Group, version and kind.
type Kind = (String, String, String);

pub struct Crds {
    folder: PathBuf,
    files: Vec<File>,
    schemas: Mutex<HashMap<Kind, Arc<Schema>>>,
}

struct File {
    path: PathBuf,
    text: String,
    /// The groups it defines kinds of. Parsing is slow, so that only a file of the right group is parsed.
    groups: Vec<String>,
    definitions: OnceLock<Vec<Value>>,
}

impl Crds {
    /// The CRDs of the environment, shared by all tests of a file; `None`, with a line that says so, if the variable is
    /// not set.
    ///
    /// # Panics
    /// If the variable names a folder that is missing or has no YAML files, or if a file cannot be read.
    pub fn from_environment() -> Option<&'static Crds> {
        static SHARED: OnceLock<Option<Crds>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let folder = std::env::var_os(VARIABLE).map(PathBuf::from);
            if folder.is_none() {
                documents::say(&format!(
                    "skipped: operators' CRDs are not checked, {VARIABLE} names no folder of them"
                ));
            }
            folder.map(Crds::read)
        });
        shared.as_ref()
    }

    fn read(folder: PathBuf) -> Crds {
        let operators = documents::files(&folder);
        assert!(!operators.is_empty(), "{VARIABLE} is {}, where no *.yaml file is", folder.display());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let paths = OWN.iter().flat_map(|own| documents::files(&root.join(own))).chain(operators);
        Crds { files: paths.map(File::read).collect(), folder, schemas: Mutex::default() }
    }

    /// The folder that the environment names.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that is wrong with the object, and with the object that a provider-kubernetes `Object` carries.
    pub fn check(&self, object: &Value) -> Vec<String> {
        if let Some(found) = kubernetes::check(object) {
            return found;
        }
        let schema = match self.schema(object) {
            Ok(schema) => schema,
            Err(problem) => return vec![problem],
        };
        let mut found: Vec<String> = schema.check(None, object).iter().map(ToString::to_string).collect();
        if let Some(carried) = carried(object) {
            found.extend(self.check(carried).iter().map(|problem| format!("spec.forProvider.manifest.{problem}")));
        }
        found
    }

    /// The schema of the object's kind.
    pub fn schema(&self, object: &Value) -> Result<Arc<Schema>, String> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
        let kind: Kind = (group.into(), version.into(), text("kind").into());
        // Held while compiling, so that tests which run at the same time do not compile the same schema.
        let mut schemas = self.schemas.lock().map_err(|_| "another test failed while compiling a schema")?;
        if let Some(schema) = schemas.get(&kind) {
            return Ok(schema.clone());
        }
        let source = self.source(&kind).ok_or_else(|| {
            let own = if group == "db.platform.io" { ", not even among this repository's own" } else { "" };
            format!("no schema for {} {}{own}", text("apiVersion"), text("kind"))
        })?;
        let schema = Schema::build(&source).map_err(|error| format!("the schema of {kind:?}: {error}"))?;
        let is_known =
            |rule: &Violation| UNCOMPILED.iter().any(|(of, part)| kind.2 == *of && rule.message.contains(part));
        if let Some(rule) = schema.uncompiled().into_iter().find(|rule| !is_known(rule)) {
            return Err(format!("the schema of {kind:?}: {rule}"));
        }
        Ok(schemas.entry(kind).or_insert(Arc::new(schema)).clone())
    }

    fn source(&self, (group, version, kind): &Kind) -> Option<Value> {
        let candidates = self.files.iter().filter(|file| file.groups.contains(group) && file.text.contains(kind));
        candidates.flat_map(File::definitions).find_map(|definition| {
            let spec = definition.get("spec")?;
            let names = [spec.pointer("/names/kind"), spec.pointer("/claimNames/kind")];
            if spec.get("group")? != group || !names.iter().flatten().any(|name| *name == kind) {
                return None;
            }
            let version =
                spec.get("versions")?.as_array()?.iter().find(|v| v.get("name").is_some_and(|n| n == version))?;
            let schema = version.pointer("/schema/openAPIV3Schema")?.clone();
            Some(if definition["kind"] == "CompositeResourceDefinition" { with_machinery(schema) } else { schema })
        })
    }
}

impl File {
    fn read(path: PathBuf) -> File {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mark = "\n  group: ";
        let value = |(at, _)| text[at + mark.len()..].lines().next().unwrap_or_default().trim_matches(['"', '\'', ' ']);
        let groups = text.match_indices(mark).map(value).map(str::to_owned).collect();
        File { path, text, groups, definitions: OnceLock::new() }
    }

    /// The CRDs and XRDs of the file; any other document is left out.
    fn definitions(&self) -> &[Value] {
        self.definitions.get_or_init(|| {
            let is_definition = |document: &Value| {
                document["kind"] == "CustomResourceDefinition" || document["kind"] == "CompositeResourceDefinition"
            };
            documents::parse(&self.text, &self.path).into_iter().filter(is_definition).collect()
        })
    }
}

/// The fields that Crossplane adds to an XRD's schema, unchecked; `tests/schema.rs` checks with its own conversion.
fn with_machinery(mut schema: Value) -> Value {
    let anything = json!({"x-kubernetes-preserve-unknown-fields": true});
    for (parent, name) in [("spec", "crossplane"), ("status", "conditions")] {
        if let Some(fields) = schema.pointer_mut(&format!("/properties/{parent}/properties")) {
            fields[name] = anything.clone();
        }
    }
    schema
}

/// What a provider-kubernetes `Object` applies in another cluster.
fn carried(object: &Value) -> Option<&Value> {
    let group = object.get("apiVersion")?.as_str()?;
    let is_object =
        object.get("kind")? == "Object" && group.contains("kubernetes.") && group.contains(".crossplane.io/");
    is_object.then(|| object.pointer("/spec/forProvider/manifest")).flatten()
}
