//! The operator as a whole: what a claim becomes, and what its status means.

use super::*;
use crate::operators::health::{BackupState, Storage};
use crate::operators::{State, account_job};
use crate::plan::example;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

fn generation() -> Generation {
    example::generation("staging", json!({"engine": "mysql"}))
}

/// Everything that is there when all is well.
struct World {
    cluster: Value,
    job: Value,
    secret: Value,
    members: Option<Value>,
    router: Option<Value>,
    volumes: Vec<Value>,
    backups: Vec<Value>,
}

fn volume(size: &str, made: &str) -> Value {
    json!({"metadata": {"name": "datadir-orders-0", "creationTimestamp": made}, "status": {"capacity": {"storage": size}}})
}

fn backup_at(start: &str, status: &str) -> Value {
    json!({"status": {"status": status, "startTime": start, "completionTime": start, "message": "no room"}})
}

fn world() -> World {
    let image = "example.org/mysql/community-server:8.4.7";
    World {
        cluster: json!({
            "metadata": {"creationTimestamp": "2026-11-20T08:00:00Z"},
            "spec": {"instances": 3, "version": "8.4.7", "router": {"instances": 2}},
            "status": {"cluster": {"status": "ONLINE", "onlineInstances": 3}, "createTime": "2026-11-20T08:01:00Z"},
        }),
        job: json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
        secret: json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
        members: Some(json!({
            "spec": {"template": {"spec": {"containers": [
                {"name": "mysql", "image": image, "resources": {"limits": {"cpu": "1", "memory": "2Gi"}}}]}}},
            "status": {"readyReplicas": 3, "updatedReplicas": 3},
        })),
        router: Some(json!({"status": {"readyReplicas": 2}})),
        volumes: vec![volume("20Gi", "2026-11-20T08:00:05Z"); 3],
        backups: vec![backup_at("2026-11-21T02:00:00Z", "Completed")],
    }
}

/// What is otherwise.
type Change = fn(&mut World);

impl World {
    fn observed(&self) -> Observed {
        let generation = generation();
        let composed = [
            (key::CLUSTER, &self.cluster),
            (account_job::KEY, &self.job),
            ("password", &self.secret),
            ("password-root", &self.secret),
            ("credentials", &self.secret),
            ("credentials-root", &self.secret),
            (aws_files::KEY, &self.secret),
            ("backup-prune", &self.secret),
        ];
        let found = [
            (question::members(&generation), Vec::from_iter(&self.members)),
            (question::router(&generation), Vec::from_iter(&self.router)),
            (question::volumes(&generation), Vec::from_iter(&self.volumes)),
            (question::backups(&generation), Vec::from_iter(&self.backups)),
        ];
        Observed {
            composed: composed.into_iter().map(|(key, value)| (Key(key.into()), Object::of(value))).collect(),
            found: found
                .into_iter()
                .map(|(question, values)| (question.name(), values.into_iter().map(Object::of).collect()))
                .collect(),
        }
    }

    fn health(&self) -> Health {
        InnoDbCluster.health(&generation(), &self.observed()).unwrap()
    }
}

#[test]
fn all_is_well() {
    let health = world().health();
    assert_eq!(health.state, State::Ready);
    assert_eq!(health.storage, Storage::AsPlanned);
    assert_eq!(health.backup.state, BackupState::AsPlanned);
    assert_eq!((health.ready_replicas, health.version.as_deref()), (3, Some("8.4.7")));
    assert!(health.resources.values().all(|ready| *ready), "{:?}", health.resources);
}

#[test]
fn nothing_that_is_missing_is_ready() {
    let takes: [Change; 9] = [
        |world| world.cluster["status"] = json!({}),
        |world| world.cluster["status"]["cluster"] = json!({}),
        |world| world.cluster["spec"] = json!({}),
        |world| world.job["status"] = json!({}),
        |world| world.members = None,
        |world| world.members = Some(json!({})),
        |world| world.members.as_mut().unwrap()["status"] = json!({}),
        |world| world.router = None,
        |world| world.router = Some(json!({})),
    ];
    for (index, take) in takes.into_iter().enumerate() {
        let mut world = world();
        take(&mut world);
        assert_ne!(world.health().state, State::Ready, "{index}");
    }
    let nothing = InnoDbCluster.health(&generation(), &Observed::default()).unwrap();
    assert_eq!(nothing.state, State::Absent);
    assert!(nothing.resources.values().all(|ready| !ready), "{:?}", nothing.resources);
}

#[test]
fn each_state_of_the_group_has_its_meaning() {
    let cases = [
        ("PENDING", State::Progressing("the group is PENDING; 3 of 3 members are online".into())),
        ("INITIALIZING", State::Progressing("the group is INITIALIZING; 3 of 3 members are online".into())),
        ("ONLINE_PARTIAL", State::Degraded("the group is ONLINE_PARTIAL; 3 of 3 members are online".into())),
        ("ONLINE_UNCERTAIN", State::Degraded("the group is ONLINE_UNCERTAIN; 3 of 3 members are online".into())),
        ("NO_QUORUM", State::Failed("the group is NO_QUORUM; 3 of 3 members are online".into())),
        ("SPLIT_BRAIN", State::Failed("the group is SPLIT_BRAIN; 3 of 3 members are online".into())),
        ("OF_A_LATER_RELEASE", State::Failed("the group is OF_A_LATER_RELEASE; 3 of 3 members are online".into())),
    ];
    for (status, expected) in cases {
        let mut world = world();
        world.cluster["status"]["cluster"]["status"] = status.into();
        assert_eq!(world.health().state, expected);
    }
}

#[test]
fn what_differs_from_the_plan_is_said() {
    let changes: [(Change, &str); 7] = [
        (|world| world.cluster["spec"]["version"] = "8.4.6".into(), "the operator has not been told of the plan yet"),
        (|world| world.cluster["status"]["cluster"]["onlineInstances"] = 2.into(), "2 of 3 members are online"),
        (
            |world| {
                let server = "/spec/template/spec/containers/0/image";
                *world.members.as_mut().unwrap().pointer_mut(server).unwrap() = "mysql:8.4.6".into();
            },
            "the members are to run 8.4.6 instead of 8.4.7",
        ),
        (
            |world| {
                let server = "/spec/template/spec/containers/0/resources/limits/memory";
                *world.members.as_mut().unwrap().pointer_mut(server).unwrap() = "1Gi".into();
            },
            "the members have 1 cpu and 1Gi of memory instead of 1 and 2Gi, and the operator never changes it",
        ),
        (|world| world.members.as_mut().unwrap()["status"]["readyReplicas"] = 2.into(), "2 of 3 members are ready"),
        (
            |world| world.router.as_mut().unwrap()["status"]["readyReplicas"] = 1.into(),
            "1 of 2 instances of MySQL Router are ready",
        ),
        (
            |world| {
                world.job["status"] = json!({"conditions": [{"type": "Failed", "status": "True", "message": "no"}]})
            },
            "the application's database and user could not be made: no",
        ),
    ];
    for (change, expected) in changes {
        let mut world = world();
        change(&mut world);
        let state = world.health().state;
        let (State::Progressing(why) | State::Degraded(why) | State::Failed(why)) = &state else {
            panic!("{expected}: {state:?}")
        };
        assert_eq!(why, expected);
    }
}

#[test]
fn volumes_of_a_deleted_database_are_told_apart() {
    let mut world = world();
    world.cluster["status"] = json!({"cluster": {"status": "PENDING"}});
    assert!(matches!(world.health().state, State::Progressing(_)));
    world.volumes[0] = volume("20Gi", "2026-11-01T08:00:05Z");
    let why = "volume datadir-orders-0 is older than the database: it is of one that was deleted; delete it, or take its name \
               back";
    assert_eq!(world.health().state, State::Failed(why.into()));
    // A database that was made lives with the volumes that it has.
    world.cluster["status"] = self::world().cluster["status"].clone();
    assert_eq!(world.health().state, State::Ready);
}

#[test]
fn volumes_and_backups_are_held_against_the_plan() {
    let mut world = world();
    world.volumes[1] = volume("10Gi", "2026-11-20T08:00:05Z");
    world.backups.push(backup_at("2026-11-22T02:00:00Z", "Error"));
    let health = world.health();
    assert_eq!(health.storage, Storage::NotYet("volume datadir-orders-0 has 10Gi of 20Gi".into()));
    let failed = "the backup of 2026-11-22T02:00:00Z failed: no room";
    assert_eq!(health.backup.state, BackupState::Trouble(failed.into()));
    assert_eq!(health.backup.last_success.as_deref(), Some("2026-11-21T02:00:00Z"));
    // A later one makes good for it.
    world.backups.push(backup_at("2026-11-23T02:00:00Z", "Completed"));
    assert_eq!(world.health().backup.state, BackupState::AsPlanned);
    world.backups.clear();
    assert_eq!(world.health().backup.state, BackupState::NotYet("there is no full backup yet".into()));
}

#[test]
fn a_single_backup_says_how_it_stands() {
    let deleted = json!({"metadata": {"deletionTimestamp": "x"}, "status": {"status": "Completed"}});
    let cases = [
        (json!({}), BackupRun::Running),
        (json!({"status": {"status": "Running"}}), BackupRun::Running),
        (json!({"status": {"status": "Completed"}}), BackupRun::Completed),
        (json!({"status": {"status": "Error", "message": "no room"}}), BackupRun::Failed("no room".into())),
        (deleted, BackupRun::Running),
    ];
    for (backup, expected) in cases {
        assert_eq!(InnoDbCluster.backed_up(&Object::of(&backup)).unwrap(), expected, "{backup}");
    }
}

#[test]
fn the_keys_of_the_object_store_are_kept_when_they_cannot_be_read() {
    let files = |observed: &Observed| {
        let resources = InnoDbCluster.compose(&generation(), &Engines::default(), observed).resources;
        let files = resources.into_iter().find(|resource| resource.key.0 == aws_files::KEY);
        files.map(|files| serde_json::to_value(&files.object).unwrap()["data"].clone())
    };
    let question = InnoDbCluster.ingredients(&generation()).remove(0);
    let mut observed = Observed::default();
    assert_eq!(files(&observed), None);
    let half = json!({"data": {"ACCESS_KEY_ID": "QUtJQQ=="}});
    observed.found.insert(question.name(), vec![Object::of(&half)]);
    assert_eq!(files(&observed), None);
    let whole = json!({"data": {"ACCESS_KEY_ID": "QUtJQQ==", "SECRET_ACCESS_KEY": "aHVudGVyMg=="}});
    observed.found.insert(question.name(), vec![Object::of(&whole)]);
    let made = files(&observed).unwrap();
    observed.found.clear();
    observed.composed.insert(Key(aws_files::KEY.into()), Object::of(&json!({"data": made})));
    assert_eq!(files(&observed), Some(made));
}
