//! Links. In: the pages. Out: every one that leads nowhere. Other sites are not asked, only their addresses' form is checked.

use crate::pages::{self, Page};
use pulldown_cmark::{Event, Tag};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = vec![];
    for page in pages::all() {
        for (target, line) in links(&page) {
            if let Err(why) = follow(&page, &target) {
                wrong.push(format!("{}:{line}: {target}: {why}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A page that the book leaves out is found by nobody.
#[test]
fn the_book_has_every_page() {
    let summary = pages::read("docs/SUMMARY.md");
    let listed: Vec<String> = links(&summary).into_iter().map(|(target, _)| format!("docs/{target}")).collect();
    let once: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "docs/SUMMARY.md lists a page twice");
    let pages = pages::all();
    let missing: Vec<&str> = pages
        .iter()
        .map(|page| page.path.as_str())
        .filter(|path| path.starts_with("docs/") && *path != "docs/SUMMARY.md")
        .filter(|path| !listed.iter().any(|listed| listed == path))
        .collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md does not list {missing:?}");
}

pub fn links(page: &Page) -> Vec<(String, usize)> {
    page.events()
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((dest_url.to_string(), page.line(range.start)))
            }
            _ => None,
        })
        .collect()
}

fn follow(page: &Page, target: &str) -> Result<(), String> {
    if let Some((scheme, rest)) = target.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let fine = scheme == "https" && host.contains('.') && !target.contains(char::is_whitespace);
        return if fine { Ok(()) } else { Err("write https://HOST/PATH".into()) };
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = match path {
        "" => PathBuf::from(&page.path),
        _ => within(&Path::new(&page.path).parent().unwrap().join(path)).ok_or("it leaves the repository")?,
    };
    if !pages::root().join(&file).exists() {
        return Err(format!("there is no {}", file.display()));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let anchors = pages::read(file.to_str().unwrap()).anchors();
    if anchors.iter().any(|known| known == anchor) {
        return Ok(());
    }
    Err(format!("{} has only {}", file.display(), anchors.join(", ")))
}

/// Without `..`.
fn within(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if !clean.pop() => return None,
            Component::Normal(name) => clean.push(name),
            _ => {}
        }
    }
    Some(clean)
}
