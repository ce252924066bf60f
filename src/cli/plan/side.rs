//! One side of a comparison. In: files and a Composition. Out: its claims, and the rules that each is held to. Must not
//! compare.

use crate::cli::documents::{Document, Files};
use crate::cli::validate::{self, Kind, Policy};
use function_database::api::input::Quotas;
use function_database::pipeline::stop::Stop;
use function_database::preview::composer::Composer;
use function_database::preview::pairs::Place;
use function_database::render::Composition;
use function_database::wire::Object;
use jiff::Timestamp;
use std::path::Path;

pub struct Side {
    pub claims: Vec<Document>,
    /// One line for each file, or platform's own values, that cannot be read.
    pub unreadable: Vec<String>,
    /// The time that it is composed for.
    pub now: Timestamp,
    /// What stands before a file's name that is compared: the folder, or the revision.
    prefix: String,
    /// By the Composition alone.
    plain: Rules,
    /// With each of the platform's own values over it, and the file of those.
    laid_over: Vec<(String, Rules)>,
}

/// What a claim is held to.
#[derive(PartialEq)]
pub struct Rules {
    pub policy: Policy,
    pub composer: Composer,
}

impl Side {
    pub fn new(files: Files, prefix: String, composition: &Composition, now: Timestamp) -> anyhow::Result<Side> {
        let policy = validate::policy(composition)?;
        let composer = Composer::new(composition, None)?;
        let (plain, mut laid_over) = (Rules { policy, composer }, vec![]);
        let mut unreadable = files.unreadable;
        for document in files.documents.iter().filter(|document| validate::is_overlay(document)) {
            match rules(composition, document) {
                Ok(rules) => laid_over.push((document.file.clone(), rules)),
                Err(stop) => {
                    let (line, column) = document.at("data");
                    unreadable.push(format!("{}:{line}:{column}: {stop}", document.file));
                }
            }
        }
        let claims = files.documents.into_iter().filter(|document| validate::kind(document) == Kind::Claim).collect();
        Ok(Side { claims, unreadable, now, prefix, plain, laid_over })
    }

    /// Where each claim stands, relative to what is compared.
    pub fn places<'a>(&'a self) -> Vec<Place<'a>> {
        let place = |document: &'a Document| {
            let metadata = &document.value["metadata"];
            Place {
                file: self.relative(&document.file),
                namespace: metadata["namespace"].as_str().unwrap_or("default"),
                name: metadata["name"].as_str().unwrap_or_default(),
            }
        };
        self.claims.iter().map(place).collect()
    }

    /// The platform's own values count for the claims in the same file; those of a file of their own for all others, if
    /// there is only one.
    pub fn rules(&self, document: &Document) -> &Rules {
        let own = self.laid_over.iter().find(|(file, _)| *file == document.file);
        let only = self.laid_over.first().filter(|_| self.laid_over.len() == 1);
        own.or(only).map_or(&self.plain, |(_, rules)| rules)
    }

    /// Whether anything is limited.
    pub fn has_quotas(&self) -> bool {
        let all = self.laid_over.iter().map(|(_, rules)| rules).chain([&self.plain]);
        all.into_iter().any(|rules| rules.policy.tiers.quotas != Quotas::default())
    }

    /// Whether there was such a file, or one below it.
    pub fn has(&self, path: &str) -> bool {
        self.claims.iter().any(|document| Path::new(self.relative(&document.file)).starts_with(path))
    }

    /// Of a file as it is shown.
    pub fn relative<'a>(&self, file: &'a str) -> &'a str {
        file.strip_prefix(&self.prefix).unwrap_or(file).trim_start_matches('/')
    }
}

fn rules(composition: &Composition, overlay: &Document) -> Result<Rules, Stop> {
    let policy = validate::overlay(composition, overlay)?;
    Ok(Rules { policy, composer: Composer::new(composition, Some(&Object::try_of(&overlay.value)?))? })
}
