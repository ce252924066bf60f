//! Commands. In: the pages' blocks. Out: every transcript that is not what happens, every command that nobody runs, though it
//! needs no cluster, and every option or path of the others that does not exist. A command whose answer changes with the day
//! has `--now`: `.ci/run` plays the transcripts again two years from now.

use crate::pages::{self, Block, Page};
use crate::yaml;
use snapbox::Data;
use snapbox::filter::NormalizeToExpected;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What commands need that cannot be expected: a cluster, a registry, a portal, a toolchain, somebody's keys.
const OUTSIDE: [&str; 13] = [
    "kubectl",
    "kind",
    "helm",
    "crossplane",
    "cosign",
    "docker",
    "argocd",
    "cargo",
    "just",
    "npm",
    "git",
    "ssh-keygen",
    "grep",
];
/// What the commands of a page find where they run, as in a checkout.
const FOLDERS: [&str; 6] = ["apis", "compositions", "deploy", "editions", "examples", "tests"];
/// Blocks that nothing is done with.
const SHOWN: [&str; 4] = ["text", "hcl", "mermaid", ""];

#[test]
fn transcripts_are_what_happens() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut different = vec![];
    let mut played = 0;
    for page in pages::all() {
        let folder = scratch();
        let mut text = page.text.clone();
        let mut shift = 0;
        for block in page.blocks() {
            if let Some(path) = yaml::file(&block.text).filter(|_| block.language == "yaml") {
                let file = folder.path().join(path);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, &block.text).unwrap();
            }
            if block.language != "console" {
                continue;
            }
            let printed = play(&block, folder.path());
            played += 1;
            if printed == block.text {
                continue;
            }
            let difference = pretty_assertions::StrComparison::new(&block.text, &printed).to_string();
            different.push(format!("{}:{}\n{difference}", page.path, block.line));
            let indented: String =
                printed.lines().map(|line| format!("{}{line}", block.indent).trim_end().to_string() + "\n").collect();
            let (start, end) = (block.range.start.strict_add_signed(shift), block.range.end.strict_add_signed(shift));
            text.replace_range(start..end, &indented);
            shift += indented.len() as isize - (block.range.end - block.range.start) as isize;
        }
        if update && text != page.text {
            std::fs::write(pages::root().join(&page.path), text).unwrap();
        }
    }
    assert!(played > 10, "the transcripts are missing: {played}");
    let hint = "if this is what it shall be: UPDATE=1 cargo test --test docs";
    assert!(update || different.is_empty(), "\n{}\n{hint}", different.join("\n"));
}

fn scratch() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in FOLDERS {
        std::os::unix::fs::symlink(pages::root().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// The block as it would be if each of its commands were run now.
fn play(block: &Block, folder: &Path) -> String {
    let mut printed = String::new();
    let mut lines = block.text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no $ before {line:?}")).to_string();
        printed += &format!("{line}\n");
        while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
            printed += &format!("{more}\n");
            command += &format!("\n{}", more.trim_start_matches("> "));
        }
        let mut expected = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected += &format!("{line}\n");
        }
        let (mut actual, status) = run(&command, folder);
        if status != 0 {
            actual += &format!("[exit {status}]\n");
        }
        printed += &NormalizeToExpected::new().redact().normalize(actual.into(), &Data::text(expected)).to_string();
    }
    printed
}

/// What is printed, as at a terminal, and the status.
fn run(command: &str, folder: &Path) -> (String, i32) {
    let binaries = Path::new(env!("CARGO_BIN_EXE_function-database")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .envs([("PATH", path.as_str()), ("LC_ALL", "C"), ("USER", "you"), ("HOME", folder.to_str().unwrap())])
        .envs([("GIT_AUTHOR_NAME", "you"), ("GIT_AUTHOR_EMAIL", "you@example.com")])
        .envs([("GIT_COMMITTER_NAME", "you"), ("GIT_COMMITTER_EMAIL", "you@example.com")])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("TLS_SERVER_CERTS_DIR")
        .output()
        .unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn every_command_is_run_or_needs_more_than_a_checkout() {
    let mut helps = BTreeMap::new();
    let mut wrong = vec![];
    for page in pages::all() {
        for block in page.blocks() {
            let known = ["console", "sh", "yaml"].iter().chain(&SHOWN).any(|known| *known == block.language);
            if !known {
                wrong.push(format!("{}:{}: what is {:?}?", page.path, block.line, block.language));
            }
            if block.language == "sh" {
                wrong.extend(shell(&page, &block, &mut helps));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn shell(page: &Page, block: &Block, helps: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = vec![];
    let joined = block.text.replace("\\\n", " ");
    for line in joined.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("export ")) {
        let line = line.split(" # ").next().unwrap_or_default();
        let mut say = |what: String| wrong.push(format!("{}:{}: {line}: {what}", page.path, block.line));
        let words: Vec<&str> = line.split_whitespace().collect();
        // A cluster, a key, or the program of another release.
        let more = words.iter().any(|word| ["--live", "--apply", "--sign", "--binary"].contains(word));
        if !more && !words.iter().any(|word| OUTSIDE.contains(word)) {
            say("it needs no cluster: make it a console block, with what it prints".into());
        }
        if let Some((_, arguments)) = line.split_once("cargo run ").and_then(|(_, rest)| rest.split_once("-- ")) {
            let (printed, status) = run(&format!("function-database {arguments}"), pages::root());
            if status != 0 {
                say(format!("it exits with {status}: {printed}"));
            }
        }
        for call in line.split('|').filter_map(|part| part.split_once("function-database ")) {
            let mut words = call.1.split_whitespace();
            let Some(command) =
                words.next().filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'))
            else {
                continue;
            };
            let help = helps
                .entry(command.into())
                .or_insert_with(|| run(&format!("function-database {command} --help"), pages::root()).0);
            for option in words.filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap_or_default();
                if !help.contains(option) {
                    say(format!("{command} has no {option}"));
                }
            }
        }
        for pair in words.windows(2).filter(|pair| ["-k", "-f"].contains(&pair[0])) {
            let first = pair[1].split('/').next().unwrap_or_default();
            if FOLDERS.contains(&first) && !pages::root().join(pair[1]).exists() {
                say(format!("there is no {}", pair[1]));
            }
        }
    }
    wrong
}
