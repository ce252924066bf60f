//! Files of a git revision. In: a revision, paths of the working tree. Out: the manifests that stood there. Calls the `git`
//! program; must not change the repository.

use crate::cli::{GaveUp, documents};
use anyhow::Context;
use function_database::map::sort;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// By path as it would be written in the working tree. Paths that were not there hold nothing.
pub fn read(revision: &str, paths: &[PathBuf]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut texts = vec![];
    for path in paths {
        let (folder, below) = existing(path);
        let commit = commit(&folder, revision)?;
        let mut blobs = list(&folder, &commit, &below)?;
        // A file that is named is read whatever it is called.
        blobs.retain(|(name, _)| Path::new(name) == below || documents::is_manifest(Path::new(name)));
        let shown = |name: &str| folder.join(name).strip_prefix(".").map_or_else(|_| folder.join(name), Path::to_owned);
        let names = blobs.iter().map(|(name, _)| shown(name).display().to_string());
        texts.extend(names.zip(contents(&folder, &blobs)?));
    }
    sort(&mut texts, Ord::cmp);
    texts.dedup();
    Ok(texts)
}

/// The nearest folder that is there now, and what comes below it: what is asked for may be gone since.
fn existing(path: &Path) -> (PathBuf, PathBuf) {
    let folder = path.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new(""));
    let below = path.strip_prefix(folder).unwrap_or(path).to_owned();
    (if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() }, below)
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).stdin(Stdio::null()).env("LC_ALL", "C");
    command
}

fn commit(folder: &Path, revision: &str) -> anyhow::Result<String> {
    if revision.is_empty() || revision.starts_with('-') {
        return Err(GaveUp::Usage(format!("{revision:?} is no git revision")).into());
    }
    let asked = git(folder).args(["rev-parse", "--verify", "--quiet"]).arg(format!("{revision}^{{commit}}")).output();
    let output = asked.map_err(|_| GaveUp::Usage("revisions need the program git, which is not here".into()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(GaveUp::Unreadable(match said.lines().next() {
        // It is quiet only about a revision that is not there.
        None => format!("there is no git revision {revision:?} here; fetch it, in CI with its history"),
        Some(line) => format!("{}: {}", folder.display(), line.trim_start_matches("fatal: ")),
    })
    .into())
}

/// Name, relative to the folder, and id of each file; links and submodules are left out.
fn list(folder: &Path, commit: &str, below: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut command = git(folder);
    command.args(["ls-tree", "-r", "-z", commit]);
    if !below.as_os_str().is_empty() {
        command.arg("--").arg(below);
    }
    let output = command.output().context("git ls-tree")?;
    anyhow::ensure!(output.status.success(), "git ls-tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let entry = |entry: &str| {
        let (about, name) = entry.split_once('\t')?;
        let [mode, "blob", id] = about.split(' ').collect::<Vec<_>>()[..] else { return None };
        mode.starts_with("100").then(|| (name.to_owned(), id.to_owned()))
    };
    Ok(text.split('\0').filter_map(entry).collect())
}

/// One process for all of them.
fn contents(folder: &Path, blobs: &[(String, String)]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut command = git(folder);
    command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().context("git cat-file")?;
    let (input, output) = (process.stdin.take(), process.stdout.take());
    let (mut input, output) = input.zip(output).context("git cat-file has no pipes")?;
    let asked: String = blobs.iter().map(|(_, id)| format!("{id}\n")).collect();
    // It answers while it is asked: neither side may wait for the other.
    let asking = std::thread::spawn(move || input.write_all(asked.as_bytes()));
    let mut output = BufReader::new(output);
    let mut contents = vec![];
    for (name, _) in blobs {
        let mut header = String::new();
        output.read_line(&mut header).context("git cat-file")?;
        let size = header.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
        let size = size.with_context(|| format!("git cat-file: {name}: {}", header.trim_end()))?;
        let mut content = vec![];
        // With the line end that closes each answer.
        output.by_ref().take(size + 1).read_to_end(&mut content).context("git cat-file")?;
        content.pop();
        contents.push(content);
    }
    let asked = asking.join().map_err(|_| anyhow::anyhow!("git cat-file was not asked"))?;
    asked.context("git cat-file")?;
    process.wait().context("git cat-file")?;
    Ok(contents)
}
