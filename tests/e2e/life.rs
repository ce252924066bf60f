//! One database in a namespace of its own. In: what people do. Out: what the cluster shows then. While it is waited for
//! anything, the stand-in for its operator works.

use crate::cluster::{Cluster, Edition, User};
use crate::operator;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const DEVELOPER: User = User::Person("dora", "e2e-developers");
pub const APPROVERS: &str = "database-approvers";

/// Whatever is waited for comes within this time. Where a watch begins too late, the function is asked again after 60 s; and
/// a call that nobody answered is tried again after two minutes.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(300);

/// All kinds in which a database shows.
const KINDS: &str = "databases.db.platform.io,clusters.postgresql.cnpg.io,scheduledbackups.postgresql.cnpg.io,\
                     backups.postgresql.cnpg.io,poolers.postgresql.cnpg.io,databases.postgresql.cnpg.io,\
                     objectstores.barmancloud.cnpg.io,persistentvolumeclaims,secrets,databaserecords,databaseapprovals,\
                     usages.protection.crossplane.io,networkpolicies,podmonitors,prometheusrules";

/// What of a database waits for an approval: a field of `status.approval`.
pub const CHANGE: &str = "pending";
pub const DELETION: &str = "deletion";

pub struct Life<'a> {
    pub cluster: &'a Cluster,
    pub edition: Edition,
    pub namespace: String,
    environment: &'a str,
}

impl<'a> Life<'a> {
    /// An empty namespace with what its people may do.
    pub fn begin(cluster: &'a Cluster, edition: Edition, name: &str, environment: &'a str) -> Life<'a> {
        let namespace = format!("e2e-{name}");
        let life = Life { cluster, edition, namespace, environment };
        // What a run that was broken off left.
        life.end();
        let binding = |role: &str, group: &str| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": group, "namespace": life.namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
            })
        };
        let items = [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": life.namespace}}),
            binding("function-database:developer", "e2e-developers"),
            binding("function-database:approver", APPROVERS),
        ];
        cluster.kubectl(&["apply", "-f", "-"], Some(&json!({"apiVersion": "v1", "kind": "List", "items": items})));
        life
    }

    /// Claimed, approved where it has to be, and ready.
    pub fn ready(&self) -> Seen {
        self.claim(json!({})).unwrap();
        if self.environment == "prod" {
            self.until("an approval is asked for", |seen| seen.pending(CHANGE).is_object());
            self.decide(CHANGE, "anna", true);
        }
        self.until("it is ready", |seen| seen.phase() == "Ready" && seen.condition("Ready") == "True Available")
    }

    /// As the developer, through `kubectl` with these arguments and behind them what is meant.
    pub fn developer(&self, arguments: &[&str]) -> Result<String, String> {
        self.cluster.run(DEVELOPER, &[&["-n", &self.namespace], arguments].concat(), None)
    }

    /// `kubectl apply` of the smallest claim, with some fields more.
    pub fn claim(&self, more: Value) -> Result<String, String> {
        let (size, storage) = if self.environment == "prod" { ("medium", "100Gi") } else { ("small", "10Gi") };
        let mut spec = json!({"name": "orders", "environment": self.environment, "size": size, "storage": storage});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let claim = json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database",
            "metadata": {"name": "orders", "namespace": self.namespace}, "spec": spec,
        });
        self.cluster.run(DEVELOPER, &["apply", "-f", "-"], Some(&claim.to_string()))
    }

    /// What somebody who may do anything, or an accident, does to an object: a merge patch.
    pub fn patch(&self, object: &str, patch: Value, subresource: Option<&str>) {
        let patch = patch.to_string();
        let mut arguments = vec!["-n", &self.namespace, "patch", object, "--type=merge", "-p", &patch];
        arguments.extend(subresource.map(|_| "--subresource=status"));
        self.cluster.kubectl(&arguments, None);
    }

    pub fn nudge(&self) {
        let now = format!("e2e/looked-at={}", jiff::Timestamp::now().as_nanosecond());
        self.cluster.kubectl(&["annotate", &self.composite(), "-n", &self.namespace, "--overwrite", &now], None);
    }

    /// The approval, or the rejection, as the command line writes it and a person makes it.
    pub fn decide(&self, what: &str, approver: &str, approve: bool) {
        let pending = self.look().pending(what).clone();
        let field =
            |name: &str| pending[name].as_str().unwrap_or_else(|| panic!("nothing waits: {pending}")).to_owned();
        let (operation, digest) = (field("operation"), field("digest"));
        let database = format!("{}/orders", self.namespace);
        let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
        command.args(["approve", &database, "--operation", &operation, "--digest", &digest, "--approver", approver]);
        if !approve {
            command.args(["--reject", "--reason", "not now"]);
        }
        let approval = command.stdin(Stdio::null()).output().unwrap();
        let approval = String::from_utf8(approval.stdout).unwrap();
        let made = self.cluster.run(User::Person(approver, APPROVERS), &["create", "-f", "-"], Some(&approval));
        made.unwrap_or_else(|error| panic!("{approver}: {error}"));
        // A Crossplane that does not watch approvals would look within a minute.
        self.nudge();
    }

    /// What Crossplane reconciles, as `kubectl` calls it: in the claims edition not what people write.
    pub fn composite(&self) -> String {
        match self.edition {
            Edition::Namespaced => "databases.db.platform.io/orders".into(),
            Edition::Claims => format!(
                "xdatabases.db.platform.io/{}",
                self.look().composite()["metadata"]["name"].as_str().unwrap_or_default()
            ),
        }
    }

    /// Everything of it that there is now.
    pub fn look(&self) -> Seen {
        let kinds = if self.edition == Edition::Claims { format!("{KINDS},xdatabases") } else { KINDS.into() };
        let found = self.cluster.json(&["get", "-n", &self.namespace, &kinds]);
        let ours = |value: &&Value| {
            value["kind"] != "XDatabase" || value["spec"]["claimRef"]["namespace"] == self.namespace.as_str()
        };
        Seen(found["items"].as_array().into_iter().flatten().filter(ours).cloned().collect())
    }

    /// Waits for it. What was seen last is shown if it does not come.
    pub fn until(&self, what: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.look();
            if is_so(&seen) {
                return seen;
            }
            if Instant::now() > end {
                panic!("after {} s not so: {what}\n{}", PATIENCE.as_secs(), self.describe(&seen));
            }
            operator::work(self, &seen);
            std::thread::sleep(PAUSE);
        }
    }

    /// Looks on while nothing may change.
    pub fn stays(&self, seconds: u64, what: &str, is_so: impl Fn(&Seen) -> bool) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let seen = self.look();
            assert!(is_so(&seen), "no longer so: {what}\n{}", self.describe(&seen));
            operator::work(self, &seen);
            std::thread::sleep(PAUSE);
        }
    }

    fn describe(&self, seen: &Seen) -> String {
        let mut text = vec![];
        for value in [seen.database(), seen.composite()] {
            let _ = writeln!(text, "{} {}", value["kind"], value["metadata"]["name"]);
            let _ = writeln!(
                text,
                "  spec {}\n  phase {} message {}",
                value["spec"], value["status"]["phase"], value["status"]["message"]
            );
            let _ = writeln!(text, "  approval {}", value["status"]["approval"]);
            for condition in value["status"]["conditions"].as_array().into_iter().flatten() {
                let part = |name: &str| condition[name].as_str().unwrap_or_default();
                let _ = writeln!(text, "  {} {} {}: {}", part("type"), part("status"), part("reason"), part("message"));
            }
        }
        for value in &seen.0 {
            let _ = writeln!(
                text,
                "{} {} {}",
                value["kind"], value["metadata"]["name"], value["metadata"]["deletionTimestamp"]
            );
        }
        let events = self.cluster.kubectl(&["get", "events", "-n", &self.namespace, "--sort-by=.lastTimestamp"], None);
        String::from_utf8_lossy(&text).into_owned() + &events
    }

    /// Everything goes, also what is protected: paused, nothing composes the protection anew. What is not there is no
    /// trouble, nor is a cluster that does not answer: it may be what made the scenario fail.
    fn end(&self) {
        let namespace = self.namespace.as_str();
        let all = |arguments: &[&str]| self.cluster.run(User::Administrator, arguments, None).unwrap_or_default();
        let list = |kind: &str, field: &str, is: &str| -> Vec<String> {
            let found: Value = serde_json::from_str(&all(&["get", kind, "-o", "json"])).unwrap_or_default();
            let found = found["items"].as_array().into_iter().flatten();
            let ours = found.filter(|value| value["spec"].pointer(field).is_some_and(|value| value == is));
            ours.filter_map(|value| Some(format!("{kind}/{}", value["metadata"]["name"].as_str()?))).collect()
        };
        let mut owners = vec!["databases.db.platform.io/orders".to_owned()];
        if self.edition == Edition::Claims {
            owners.extend(list("xdatabases.db.platform.io", "/claimRef/namespace", namespace));
        }
        for owner in &owners {
            all(&["annotate", "-n", namespace, owner, "--overwrite", "crossplane.io/paused=true"]);
        }
        all(&["delete", "-n", namespace, "usages.protection.crossplane.io", "--all", "--timeout=20s"]);
        for owner in &owners {
            let name = owner.rsplit('/').next().unwrap_or_default();
            if self.edition == Edition::Claims {
                for usage in list("clusterusages.protection.crossplane.io", "/of/resourceRef/name", name) {
                    all(&["delete", &usage, "--timeout=20s"]);
                }
            }
            all(&["delete", "-n", namespace, owner, "--wait=false"]);
            all(&["annotate", "-n", namespace, owner, "crossplane.io/paused-"]);
        }
        all(&["delete", "namespace", namespace, "--timeout=60s"]);
        all(&["delete", "persistentvolume", "-l", &format!("{}={namespace}", operator::CLASS), "--timeout=20s"]);
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// What there was at one moment.
#[derive(Clone)]
pub struct Seen(pub Vec<Value>);

impl Seen {
    /// Null: it does not exist.
    pub fn get(&self, kind: &str, name: &str) -> &Value {
        let is_it = |value: &&Value| value["kind"] == kind && value["metadata"]["name"] == name;
        self.0.iter().find(is_it).unwrap_or(&Value::Null)
    }

    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.get(kind, name).is_object()
    }

    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |value| value["kind"] == kind)
    }

    /// What people write; CloudNativePG has a kind of that name, too.
    pub fn database(&self) -> &Value {
        let ours =
            |value: &&Value| value["apiVersion"].as_str().is_some_and(|version| version.starts_with("db.platform.io/"));
        self.of_kind("Database").find(ours).unwrap_or(&Value::Null)
    }

    /// What Crossplane reconciles.
    pub fn composite(&self) -> &Value {
        self.of_kind("XDatabase").next().unwrap_or(self.database())
    }

    pub fn status(&self) -> &Value {
        &self.database()["status"]
    }

    pub fn phase(&self) -> &str {
        self.status()["phase"].as_str().unwrap_or_default()
    }

    pub fn pending(&self, what: &str) -> &Value {
        &self.status()["approval"][what]
    }

    fn said<'a>(of: &'a Value, kind: &str) -> &'a Value {
        let mut conditions = of["status"]["conditions"].as_array().into_iter().flatten();
        conditions.find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
    }

    /// Status and reason.
    pub fn condition(&self, kind: &str) -> String {
        let said = Seen::said(self.database(), kind);
        format!("{} {}", said["status"].as_str().unwrap_or_default(), said["reason"].as_str().unwrap_or_default())
    }

    /// Whether Crossplane has not yet slowed down for all that is written.
    pub fn is_calm(&self) -> bool {
        Seen::said(self.composite(), "Responsive")["status"] != "False"
    }

    /// The message of `Synced`, which a claim does not show; none while it is true.
    pub fn trouble(&self) -> &str {
        let said = Seen::said(self.composite(), "Synced");
        if said["status"] == "True" { "" } else { said["message"].as_str().unwrap_or_default() }
    }

    pub fn members(&self) -> u64 {
        self.get("Cluster", "orders")["spec"]["instances"].as_u64().unwrap_or(0)
    }

    /// The same as the operator has it.
    pub fn ready_members(&self) -> u64 {
        self.get("Cluster", "orders")["status"]["readyInstances"].as_u64().unwrap_or(0)
    }

    /// Whatever would be another one if the data were another's.
    pub fn fingerprint(&self) -> Vec<String> {
        let holds = |value: &&Value| value["kind"] == "Cluster" || value["kind"] == "PersistentVolumeClaim";
        self.0.iter().filter(holds).map(|value| value["metadata"]["uid"].to_string()).collect()
    }

    /// All of it that is neither people's nor made one by one.
    pub fn names(&self) -> Vec<String> {
        let is_made =
            |value: &&Value| !["Backup", "DatabaseApproval"].contains(&value["kind"].as_str().unwrap_or_default());
        let name = |value: &Value| {
            format!(
                "{} {}",
                value["kind"].as_str().unwrap_or_default(),
                value["metadata"]["name"].as_str().unwrap_or_default()
            )
        };
        self.0.iter().filter(is_made).map(name).collect()
    }
}
