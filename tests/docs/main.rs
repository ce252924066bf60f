//! The documentation does what it says: every link leads somewhere, every command that needs no cluster is run and prints what
//! stands there, every YAML block is valid, and what the pages list is all that the code has.
//!
//! Of a page's blocks, ```` ```console ```` is a transcript, run in the page's own scratch folder, with the repository's folders
//! beside it; a ```` ```yaml ```` block that begins with `# path.yaml` is written there first. `...` on a line of its own stands
//! for any lines, `[..]` for any part of one, and `[exit 1]` for the exit status. ```` ```sh ```` is what needs a cluster or more.
//!
//! `UPDATE=1 cargo test --test docs` writes the outputs anew. Read the difference as a first-time user would.
#![cfg(test)]

mod book;
mod commands;
mod links;
mod pages;
mod states;
#[path = "../support"]
mod support {
    pub mod cel;
    pub mod crds;
    pub mod documents;
    pub mod kubernetes;
}
mod threats;
mod yaml;
