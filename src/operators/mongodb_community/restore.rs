//! A restore into a new database: a job has mongorestore of MongoDB's Database Tools 100 load the newest dump. In: a
//! generation that begins with a dump. Out: the job. <https://www.mongodb.com/docs/database-tools/mongorestore/>
//!
//! Only the application's database, without users: those of the old set have passwords that the operator of the new one
//! does not know. So what was written during the dump, which stands in its log, stays out: a log can only be brought back
//! with all of a dump, and by somebody who may do anything (mongorestore, `--oplogReplay`).

use super::{Settings, backup, health};
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::backup_job::{self, Dump, FOLDER, SIZE};
use crate::operators::{Resource, restore_job};

pub fn compose(
    generation: &Generation,
    settings: &Settings,
    jobs: &backup_job::Settings,
    observed: &Observed,
) -> Option<Resource> {
    let is_up = || health::is_up(generation, observed).unwrap_or_default();
    let source = restore_job::begins(generation, observed, is_up)?;
    Some(restore_job::compose(generation, source, &load(generation, settings), backup::FILE, SIZE.memory, jobs))
}

/// A second try begins anew with each collection; without `--stopOnError`, documents that are left out are no failure.
fn load<'a>(generation: &Generation, settings: &'a Settings) -> Dump<'a> {
    let inside = &generation.database().inside;
    let options = format!("--nsInclude='{inside}.*' --drop --stopOnError --gzip --archive={FOLDER}/{}", backup::FILE);
    backup::run(generation, settings, "mongorestore", &options)
}
