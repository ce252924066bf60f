//! A production database that runs, and what can happen to what the function sees of it. Out: a [`World`] that is whole, and
//! strategies for the [`Damage`] that is done to it.

use function_database::render::{Composition, KEY, Rendered, render};
use function_database::wire::Object;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const STATEFUL: &str = "db.platform.io/stateful";

#[derive(Clone)]
pub struct World {
    pub composition: Composition,
    pub claim: Value,
    pub observed: Vec<Value>,
    pub cluster: Vec<Value>,
    pub now: Timestamp,
}

impl World {
    /// `examples/postgresql/prod.yaml`, approved and ready.
    pub fn ready() -> World {
        let composition = &yaml(include_str!("../../compositions/database.yaml"))[0];
        let (claims, mut cluster): (Vec<Value>, Vec<Value>) = yaml(include_str!("../../examples/postgresql/prod.yaml"))
            .into_iter()
            .partition(|document| document["kind"] == "Database");
        cluster.extend(yaml(include_str!("../../examples/postgresql/ready/cluster.yaml")));
        World {
            composition: Composition::read(composition).unwrap(),
            claim: claims[0].clone(),
            observed: yaml(include_str!("../../examples/postgresql/ready/observed.yaml")),
            cluster,
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
        }
    }

    /// By engine and operator: the golden case `everything`, as it stands once it was composed. Nobody needs to approve.
    pub fn of_each_operator() -> BTreeMap<String, World> {
        let mut golden = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/golden"));
        let golden = golden.find(|folder| folder.is_dir()).unwrap();
        let folders = |folder: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
        };
        let operators = folders(&golden).into_iter().flat_map(|engine| folders(&engine));
        let with_everything = operators.filter(|operator| operator.join("everything").is_dir());
        with_everything
            .map(|operator| {
                let read = |file: &str| {
                    yaml(&std::fs::read_to_string(operator.join("everything").join(file)).unwrap_or_default())
                };
                let mut world = World {
                    claim: read("claim.yaml").remove(0),
                    observed: vec![],
                    cluster: read("cluster.yaml"),
                    ..World::ready()
                };
                for step in world.composition.steps.iter_mut().filter(|step| step.name == "production-approval") {
                    step.input = step.input.merge(&Object::of(&json!({"spec": {"environments": []}})));
                }
                // What the gate learns from what is there stands in the record from the next run on.
                for _ in 0..2 {
                    world.observed = world.run().resources;
                }
                (operator.strip_prefix(&golden).unwrap().display().to_string(), world)
            })
            .collect()
    }

    pub fn run(&self) -> Rendered {
        render(&self.composition, &self.claim, &self.observed, &self.cluster, self.now)
    }

    pub fn after(&self, damage: &[Damage]) -> World {
        let mut world = self.clone();
        damage.iter().for_each(|damage| damage.befall(&mut world));
        world
    }
}

fn yaml(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

pub fn key(value: &Value) -> &str {
    value["metadata"]["annotations"][KEY].as_str().unwrap_or_default()
}

/// What a user, an operator, an API server or a restart can do.
#[derive(Clone, Debug)]
pub enum Damage {
    /// A composed resource is not observed; it may still be there to be found by name.
    Unobserved { which: Index, there: bool },
    /// What an operator says is something else, or nothing.
    OtherStatus { which: Index, status: Value },
    /// Somewhere in a composed resource stands something else.
    Garbled { which: Index, place: Index, value: Value },
    /// Something else that could be looked up is gone.
    Gone { which: Index },
    /// The claim's status is written by somebody else.
    ForgedStatus(Value),
    /// The claim is edited, well or badly.
    Edited { field: &'static str, value: Value },
    /// Somebody tried to delete it, or wrote down that somebody did.
    Attempted,
    /// So much time passes, in hours.
    Later(u16),
    /// A step was taken out of the Composition.
    WithoutStep(Index),
    /// Everything is listed the other way round.
    Reversed,
}

impl Damage {
    fn befall(&self, world: &mut World) {
        match self {
            Damage::Unobserved { which, there } if !world.observed.is_empty() => {
                let taken = world.observed.remove(which.index(world.observed.len()));
                world.cluster.extend(there.then_some(taken));
            }
            Damage::OtherStatus { which, status } if !world.observed.is_empty() => {
                let at = which.index(world.observed.len());
                world.observed[at]["status"] = status.clone();
            }
            Damage::Garbled { which, place, value } if !world.observed.is_empty() => {
                let at = which.index(world.observed.len());
                let key = key(&world.observed[at]).to_owned();
                replace(&mut world.observed[at], *place, value);
                // Crossplane itself finds resources by this annotation: without it there is no resource under the key.
                if world.observed[at].is_object() && world.observed[at]["metadata"].is_object() {
                    let annotations = &mut world.observed[at]["metadata"]["annotations"];
                    if !annotations.is_object() {
                        *annotations = json!({});
                    }
                    annotations[KEY] = key.into();
                } else {
                    world.observed.remove(at);
                }
            }
            Damage::Gone { which } if !world.cluster.is_empty() => {
                world.cluster.remove(which.index(world.cluster.len()));
            }
            Damage::ForgedStatus(status) => world.claim["status"] = status.clone(),
            Damage::Edited { field, value } => world.claim["spec"][*field] = value.clone(),
            Damage::Attempted => {
                let annotation = "usage.crossplane.io/deletion-attempt-with-policy";
                world.claim["metadata"]["annotations"] = json!({annotation: "Foreground"});
            }
            Damage::Later(hours) => world.now += jiff::Span::new().hours(i64::from(*hours)),
            Damage::WithoutStep(which) => {
                world.composition.steps.remove(which.index(world.composition.steps.len()));
            }
            Damage::Reversed => {
                world.cluster.reverse();
                world.observed.reverse();
            }
            Damage::Unobserved { .. } | Damage::OtherStatus { .. } | Damage::Garbled { .. } | Damage::Gone { .. } => {}
        }
    }
}

/// Puts a value into the place of one of those inside.
pub fn replace(inside: &mut Value, place: Index, value: &Value) {
    fn count(value: &Value) -> usize {
        match value {
            Value::Object(fields) => fields.values().map(|field| 1 + count(field)).sum(),
            Value::Array(items) => items.iter().map(|item| 1 + count(item)).sum(),
            _ => 0,
        }
    }
    fn walk(inside: &mut Value, left: &mut usize, value: &Value) -> bool {
        let below: Vec<&mut Value> = match inside {
            Value::Object(fields) => fields.values_mut().collect(),
            Value::Array(items) => items.iter_mut().collect(),
            _ => vec![],
        };
        for field in below {
            if *left == 0 {
                *field = value.clone();
                return true;
            }
            *left -= 1;
            if walk(field, left, value) {
                return true;
            }
        }
        false
    }
    let places = count(inside);
    if places > 0 {
        walk(inside, &mut place.index(places), value);
    }
}

/// Words that mean something here.
const WORDS: &[&str] = &[
    "",
    "Ready",
    "True",
    "prod",
    "dev",
    "Approved",
    "orders",
    "Cluster",
    "10Gi",
    "0",
    "-1",
    "10Pi",
    "2026-11-21T12:00:00Z",
    "phase",
    "currentPrimary",
    "readyInstances",
    "kubernetes.m.crossplane.io/v1alpha1",
    "Object",
];

/// Any JSON value, with such words among its texts.
pub fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (0..5).prop_map(Value::from),
        any::<f32>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
        "[a-z0-9:/.-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((prop_oneof![select(WORDS).prop_map(String::from), "[a-z]{1,8}"], inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Edits of which none is approved.
fn edit() -> impl Strategy<Value = Damage> {
    let edits = [
        ("size", json!("large")),
        ("size", json!("enormous")),
        ("replicas", json!(5)),
        ("replicas", json!(1)),
        ("storage", json!("200Gi")),
        ("storage", json!("1Gi")),
        ("version", json!("16")),
        ("version", json!("99")),
        ("engine", json!("mysql")),
        ("environment", json!("dev")),
        ("name", json!("other")),
        ("storageClass", json!("other")),
        ("parameters", json!({"work_mem": "64MB"})),
        ("parameters", json!({"fsync": "off"})),
        ("backup", json!({"enabled": false})),
        ("backup", json!({"retention": "60d"})),
        ("extensions", json!(["pgvector"])),
        ("pooling", json!({"enabled": true})),
        ("lifecycle", json!({"deletionProtection": false})),
        ("lifecycle", json!({"hibernated": true})),
        ("access", json!({"allowedNamespaces": ["elsewhere"]})),
        ("restore", json!({"id": "one"})),
    ];
    select(edits.to_vec()).prop_map(|(field, value)| Damage::Edited { field, value })
}

/// All that those can do who write no record and no approval.
pub fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let index = any::<Index>;
    let one = prop_oneof![
        3 => (index(), any::<bool>()).prop_map(|(which, there)| Damage::Unobserved { which, there }),
        2 => (index(), json()).prop_map(|(which, status)| Damage::OtherStatus { which, status }),
        1 => index().prop_map(|which| Damage::Gone { which }),
        1 => json().prop_map(Damage::ForgedStatus),
        3 => edit(),
        1 => (0..2000_u16).prop_map(Damage::Later),
        1 => Just(Damage::Attempted),
        1 => Just(Damage::Reversed),
    ];
    vec(one, 1..8)
}

/// The same, and damage to what composed resources say of themselves, and to the Composition.
pub fn heavy_damage() -> impl Strategy<Value = Vec<Damage>> {
    let index = any::<Index>;
    let heavy = prop_oneof![
        3 => (index(), index(), json()).prop_map(|(which, place, value)| Damage::Garbled { which, place, value }),
        1 => index().prop_map(Damage::WithoutStep),
    ];
    (vec(heavy, 0..3), damage()).prop_map(|(mut heavy, light)| {
        // Without two steps there is neither who composes the data nor who sees that it is not composed.
        let steps = heavy.iter().filter(|damage| matches!(damage, Damage::WithoutStep(_))).count();
        if steps > 1 {
            heavy.retain(|damage| !matches!(damage, Damage::WithoutStep(_)));
        }
        heavy.extend(light);
        heavy
    })
}
