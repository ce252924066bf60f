//! The book builds, and no link in it leads nowhere. In: `book.toml` and the pages. Out: `target/book`. mdBook is a hundred
//! crates, so that this is skipped, with a message, except where `CI` is `true` or somebody asks for it with `just book`.

use crate::pages;
use crate::support::documents;
use std::process::Command;

#[test]
fn the_book_builds() {
    if std::env::var("CI").as_deref() != Ok("true") {
        return documents::say("skipped: the book is not built; just book does it");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "run",
        "--quiet",
        "--locked",
        "--manifest-path",
        "tests/book/Cargo.toml",
        "--target-dir",
        "target/book-builder",
    ]);
    let output = cargo.args(["--", "."]).current_dir(pages::root()).output().unwrap();
    assert!(output.status.success(), "\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(pages::root().join("target/book/index.html").exists());
}
