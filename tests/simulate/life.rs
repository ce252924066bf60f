//! One database in a world of its own, and what a test wants to know of it.

use crate::back_ends::{BACK_ENDS, BackEnd, read};
use function_database::api::approval::Decision;
use function_database::operators::{self, BackupRun, STATEFUL};
use function_database::render::Composition;
use function_database::simulate::{Id, Waits, World};
use function_database::wire::Object;
use jiff::SignedDuration;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edition {
    Namespaced,
    Claims,
}

pub fn composition(edition: Edition) -> Composition {
    let text = match edition {
        Edition::Namespaced => include_str!("../../compositions/database.yaml"),
        Edition::Claims => include_str!("../../editions/claims/compositions/database.yaml"),
    };
    Composition::read(&serde_saphyr::from_str::<Value>(text).unwrap()).unwrap()
}

/// The platform's own values of one environment.
pub fn overlay(environment: &str, tier: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
        "metadata": {"name": "database-platform"},
        "data": {"TierDefaults": {"environments": {environment: tier}}},
    })
}

#[derive(Clone)]
pub struct Life {
    pub world: World,
    pub database: Id,
    environment: &'static str,
    pub back_end: &'static BackEnd,
}

impl Life {
    /// Claimed, and nothing else happened yet.
    pub fn begin(edition: Edition, environment: &'static str) -> Life {
        let world = World::new(composition(edition), "2026-01-05T08:00:00Z".parse().unwrap()).unwrap();
        let database = Id::new("db.platform.io/v1", "Database", "checkout", "orders");
        let mut life = Life { world, database, environment, back_end: &BACK_ENDS[0] };
        life.claim(json!({}));
        life
    }

    /// The same where the platform's own values of the environment are these, with these labels.
    pub fn with(edition: Edition, environment: &'static str, tier: &Value, labels: Value) -> Life {
        let mut world = World::new(composition(edition), "2026-01-05T08:00:00Z".parse().unwrap()).unwrap();
        world.apply(&overlay(environment, tier)).unwrap();
        let database = Id::new("db.platform.io/v1", "Database", "checkout", "orders");
        let mut life = Life { world, database, environment, back_end: &BACK_ENDS[0] };
        let mut claim = life.manifest(json!({}));
        claim["metadata"]["labels"] = labels;
        life.world.apply(&claim).unwrap();
        life
    }

    /// On an operator. In that operator's own environment everything is approved.
    pub fn of(back_end: &'static BackEnd, edition: Edition, environment: &'static str) -> Life {
        let mut world = World::new(composition(edition), "2026-01-05T08:00:00Z".parse().unwrap()).unwrap();
        world.apply(&back_end.overlay()).unwrap();
        world.hand_out_keys("checkout");
        let database = Id::new("db.platform.io/v1", "Database", "checkout", "orders");
        let mut life = Life { world, database, environment, back_end };
        life.claim(json!({}));
        life
    }

    /// Approved where it has to be, and ready.
    pub fn ready(edition: Edition, environment: &'static str) -> Life {
        let mut life = Life::begin(edition, environment);
        if environment == "prod" {
            life.approve();
        }
        life.minutes(5);
        assert_eq!(life.phase(), "Ready");
        life
    }

    /// The smallest claim, with some fields more.
    pub fn manifest(&self, more: Value) -> Value {
        let (size, storage) = if self.environment == "dev" { ("small", "10Gi") } else { ("medium", "100Gi") };
        let mut spec = json!({"name": "orders", "environment": self.environment, "size": size, "storage": storage});
        if self.back_end.operator != "CloudNativePG" {
            spec["engine"] = self.back_end.engine.into();
        }
        if self.environment == self.back_end.environment {
            spec.as_object_mut().unwrap().extend(read(self.back_end.claim).as_object().unwrap().clone());
        }
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({
            "apiVersion": "db.platform.io/v1", "kind": "Database",
            "metadata": {"name": "orders", "namespace": "checkout"}, "spec": spec,
        })
    }

    pub fn claim(&mut self, more: Value) {
        self.world.apply(&self.manifest(more)).unwrap();
    }

    pub fn minutes(&mut self, minutes: i64) {
        self.world.advance(SignedDuration::from_mins(minutes));
    }

    pub fn get(&self, id: &Id) -> &Value {
        self.world.get(id).unwrap_or_else(|| panic!("there is no {id}"))
    }

    /// What can be looked up by kind and name alone.
    pub fn id(&self, kind: &str, name: &str) -> Id {
        let found = self.world.all().map(Id::of).find(|id| id.kind == kind && id.name == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.world.all().any(|value| value["kind"] == kind && value["metadata"]["name"] == name)
    }

    /// What Crossplane reconciles: in the claims edition not what people write.
    pub fn composite(&self) -> Id {
        let composite = self.world.all().find(|value| value["kind"] == "XDatabase").map(Id::of);
        composite.unwrap_or_else(|| self.database.clone())
    }

    pub fn status(&self) -> Value {
        self.world.get(&self.database).map(|value| value["status"].clone()).unwrap_or_default()
    }

    pub fn phase(&self) -> String {
        self.status()["phase"].as_str().unwrap_or_default().into()
    }

    fn said(&self, of: &Id, kind: &str) -> Value {
        let conditions = self.get(of)["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
    }

    /// Status and reason.
    pub fn condition(&self, kind: &str) -> String {
        let said = self.said(&self.database, kind);
        format!("{} {}", said["status"].as_str().unwrap_or_default(), said["reason"].as_str().unwrap_or_default())
    }

    /// The same of `Synced`, which a claim does not show.
    pub fn synced(&self) -> String {
        let said = self.said(&self.composite(), "Synced");
        format!("{} {}", said["status"].as_str().unwrap_or_default(), said["reason"].as_str().unwrap_or_default())
    }

    pub fn message(&self, kind: &str) -> String {
        self.said(&self.database, kind)["message"].as_str().unwrap_or_default().into()
    }

    /// How many the Cluster is told to have.
    pub fn members(&self) -> u64 {
        self.get(&self.id("Cluster", "orders"))["spec"]["instances"].as_u64().unwrap()
    }

    pub fn volumes(&self) -> usize {
        self.world.all().filter(|value| value["kind"] == "PersistentVolumeClaim").count()
    }

    /// Every object, but backups and approvals, of which there are more with time.
    pub fn everything(&self) -> Vec<String> {
        let ids = self.world.all().map(Id::of).filter(|id| !["Backup", "DatabaseApproval"].contains(&id.kind.as_str()));
        ids.map(|id| id.to_string()).collect()
    }

    /// Whatever would be another one if the data were another's.
    pub fn fingerprint(&self) -> Vec<(String, Value)> {
        let holds = |value: &&Value| ["Cluster", "PersistentVolumeClaim"].contains(&value["kind"].as_str().unwrap());
        self.world
            .all()
            .filter(holds)
            .map(|value| (Id::of(value).to_string(), value["metadata"]["uid"].clone()))
            .collect()
    }

    /// The UIDs of what holds data, and of the volumes.
    pub fn data(&self) -> Vec<(String, Value)> {
        let holds = |value: &&Value| {
            value["metadata"]["annotations"][STATEFUL].is_string() || value["kind"] == "PersistentVolumeClaim"
        };
        let held = self.world.all().filter(holds);
        held.map(|value| (Id::of(value).to_string(), value["metadata"]["uid"].clone())).collect()
    }

    /// Those that are there and complete.
    pub fn last_backups(&self) -> usize {
        let operator = serde_json::from_value(self.back_end.operator.into()).unwrap();
        let is_last = |value: &&Value| {
            let name = value["metadata"]["name"].as_str().unwrap();
            name.contains("last-") && operators::of(operator).backed_up(&Object::of(*value)) == Ok(BackupRun::Completed)
        };
        self.world.all().filter(is_last).count()
    }

    /// By as many as it needs.
    pub fn approve(&mut self) {
        let needed = self.status()["approval"]["pending"]["approversNeeded"].as_u64().expect("something waits");
        for approver in ["anna", "ben", "cleo"].iter().take(needed as usize) {
            self.world.decide(&self.database, Waits::Change, approver, Decision::Approved, 7).expect("it waits");
        }
    }

    pub fn digest(&self) -> String {
        self.status()["approval"]["pending"]["digest"].as_str().expect("something waits").into()
    }

    pub fn approval(&self, operation: &str, digest: &str, days: i64) -> Value {
        let expires = self.world.now() + SignedDuration::from_hours(24 * days);
        json!({
            "apiVersion": "db.platform.io/v1", "kind": "DatabaseApproval",
            "metadata": {"name": format!("by-hand-{}", &digest[..8]), "namespace": "checkout",
                "labels": {"db.platform.io/digest": &digest[..32]}},
            "spec": {"database": "orders", "operation": operation, "digest": digest, "decision": "Approved",
                "approver": "anna", "expires": expires.to_string()},
        })
    }

    pub fn remove_approvals(&mut self) {
        let approvals: Vec<Id> = self.world.all().map(Id::of).filter(|id| id.kind == "DatabaseApproval").collect();
        for approval in approvals {
            self.world.destroy(&approval);
        }
    }

    /// Nothing runs in circles, and whoever looks again sees the same.
    pub fn is_sound(&mut self) {
        let before: Vec<Value> = self.world.all().cloned().collect();
        self.world.restart();
        assert!(self.world.all().eq(before.iter()), "another look changes something");
        assert_eq!(self.world.circles, 0);
    }
}
