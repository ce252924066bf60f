//! Transcripts of the command line: `tests/cli/<case>.txt` is a command as a person types it in the repository's folder,
//! and what they read then: standard output, standard error and the exit status, which in a pipe is the last command's.
//! `tests/cli/files` holds what the commands read.
//!
//! `UPDATE=1 cargo test --test cli` runs the first line of each file and rewrites the rest. A new case is a file with
//! `$ function-database ...` in it, and with `--now` where the answer changes with the day: `.ci/run` plays them again two
//! years from now. Read the difference as a first-time user would.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn transcripts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root.join("tests/cli")).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "txt")).collect();
    cases.sort();
    assert!(cases.len() >= 30, "the transcripts are missing: {}", cases.len());
    let update = std::env::var_os("UPDATE").is_some();
    let mut different = vec![];
    for case in cases {
        let expected = std::fs::read_to_string(&case).unwrap();
        let command = expected.lines().next().and_then(|line| line.strip_prefix("$ ")).expect("a first line with $");
        let text = play(root, command);
        if update {
            std::fs::write(&case, text).unwrap();
        } else if text != expected {
            let difference = pretty_assertions::StrComparison::new(&expected, &text).to_string();
            different.push(format!("{}\n{difference}", case.display()));
        }
    }
    let hint = "if this is what it shall be: UPDATE=1 cargo test --test cli";
    assert!(different.is_empty(), "{}\n{hint}", different.join("\n"));
}

fn play(root: &Path, command: &str) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_function-database")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(root).stdin(Stdio::null());
    shell
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("TLS_SERVER_CERTS_DIR")
        .env("USER", "you");
    let output = shell.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let status = output.status.code().unwrap();
    format!("$ {command}\n--- stdout\n{out}--- stderr\n{err}--- exit {status}\n")
}

/// Where the official schema is at hand, what code scanning gets is held to it.
#[test]
fn sarif_is_of_its_schema() {
    let Some(path) = std::env::var_os("FUNCTION_DATABASE_SARIF") else {
        return eprintln!("skipped: FUNCTION_DATABASE_SARIF names no file with the schema of SARIF 2.1.0");
    };
    // The pattern of a language closes a bracket that nothing opens.
    let text = std::fs::read_to_string(path).unwrap().replace("{2}]?$", "{2}$");
    let schema = serde_json::from_str(&text).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for files in ["tests/cli/files", "examples", "tests/cli/files/wrong.yaml missing.yaml"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
        command.arg("validate").args(files.split(' ')).args(["--format", "sarif"]);
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let printed = serde_json::from_slice(&output.stdout).unwrap();
        let problems: Vec<String> = schema.iter_errors(&printed).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{files}: {problems:?}");
    }
}
