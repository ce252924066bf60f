//! What fuzzing found. In: the name of a folder of `fuzz/corpus`, and a check. Out: nothing, or the check's panic.

use std::path::Path;

/// Plays every file of the corpus, in the order of their names; the last one named is the one that failed.
pub fn play(name: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    assert!(files.len() > 10, "{} has lost its corpus", folder.display());
    for file in files {
        println!("{}", file.display());
        check(&std::fs::read(&file).expect("a readable file"));
    }
}
