//! The life of a database on each operator.

use crate::back_ends::{BACK_ENDS, BackEnd, read};
use crate::life::{Edition, Life};
use function_database::api::approval::Decision;
use function_database::simulate::{Policy, Waits};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Created as approved, changed, scaled, in trouble, and gone after a last backup.
fn lives(back_end: &'static BackEnd, edition: Edition) {
    let name = back_end.operator;
    let mut life = Life::of(back_end, edition, back_end.environment);
    life.minutes(5);
    assert_eq!((life.phase().as_str(), life.data().len()), ("AwaitingApproval", 0), "{name}");
    life.approve();
    life.minutes(10);
    assert_eq!(
        (life.phase(), life.condition("Ready")),
        ("Ready".into(), "True Available".into()),
        "{name} {:#}",
        life.status()
    );
    let data = life.data();

    let mut asked = json!({});
    for edit in [back_end.change, back_end.scale] {
        asked.as_object_mut().unwrap().extend(read(edit).as_object().unwrap().clone());
        life.claim(asked.clone());
        life.minutes(10);
        assert_eq!(life.condition("Approved"), "False AwaitingApproval", "{name} {edit} {:#}", life.status());
        life.approve();
        life.minutes(15);
        let status = life.status();
        assert_eq!(
            (life.phase(), life.condition("Ready")),
            ("Ready".into(), "True Available".into()),
            "{name} {edit} {status:#}"
        );
        assert_eq!(life.condition("Approved"), "True Approved", "{name} {edit} {status:#}");
        assert_eq!(status["waiting"], json!(null), "{name} {edit} {status:#}");
    }
    life.minutes(24 * 60);
    // Spilo makes backups inside of the members, where nobody looks.
    let backups = if name == "Zalando" { "Unknown Unknown" } else { "True Configured" };
    assert_eq!(life.condition("BackupConfigured"), backups, "{name} {:#}", life.status());
    life.is_sound();

    let refused = life.world.delete(&life.database, Policy::Background).unwrap_err().to_string();
    assert!(refused.contains("is deleted by approval"), "{name} {refused}");
    life.minutes(10);
    assert_eq!(life.phase(), "Ready", "{name}");
    assert!(data.iter().all(|held| life.data().contains(held)), "{name}: {data:?} {:?}", life.data());
    for approver in ["anna", "ben"] {
        life.world.decide(&life.database, Waits::Deletion, approver, Decision::Approved, 7).unwrap();
    }
    life.minutes(10);
    assert!(life.world.get(&life.database).is_none(), "{name} {:#}", life.status());
    let last = life.last_backups();
    assert_eq!(last, usize::from(name != "Vitess"), "{name}: {:?}", life.everything());
    let left = life.data().len();
    assert_eq!(left > 0, back_end.leaves_volumes, "{name}: {:?}", life.everything());
    assert_eq!(life.world.circles, 0, "{name}");
}

#[test]
fn every_operator_is_lived_with() {
    BACK_ENDS.iter().for_each(|back_end| lives(back_end, Edition::Namespaced));
}

fn with_input(mut command: Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What a curious user plays first.
#[test]
fn every_example_becomes_ready_and_goes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("examples")).unwrap().flat_map(|folder| {
        let folder = folder.unwrap().path();
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path())
    });
    let is_claim = |file: &PathBuf| {
        file.extension().is_some_and(|ending| ending == "yaml")
            && std::fs::read_to_string(file).unwrap().contains("\nkind: Database\n")
    };
    let mut played = 0;
    for file in files.filter(is_claim) {
        let text = std::fs::read_to_string(&file).unwrap();
        let simulate = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
            command.arg("simulate").arg(&file).args(arguments);
            // Some are protected by a switch of their own, which an edit turns.
            let edited = text.replace("deletionProtection: true", "deletionProtection: false");
            let output = with_input(command, &edited);
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        if text.contains("kind: DatabaseApproval") {
            let (ready, story) = simulate(&["--until", "ready"]);
            assert!(ready, "{} never becomes ready:\n{story}", file.display());
        }
        let (ready, story) = simulate(&["-", "--approve", "--until", "ready", "--delete"]);
        assert!(ready && story.contains(": gone"), "{} does not become ready and go:\n{story}", file.display());
        played += 1;
    }
    assert!(played > 15, "the examples are missing: {played}");
}
