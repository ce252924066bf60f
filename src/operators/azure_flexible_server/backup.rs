//! The last backup, which outlives the server: a dump by `pg_dump` into the platform's store. In: a generation and the
//! platform's settings. Out: what the job runs. Restoring is `pg_restore` into another database.

use super::{PASSWORD, Settings, USERNAME, azure_name, host};
use crate::api::record::Generation;
use crate::operators::backup_job::{Dump, FOLDER, from_secret, text};
use crate::operators::{password, postgresql};

pub fn dump<'a>(generation: &Generation, settings: &'a Settings) -> Dump<'a> {
    let secret = password::secret(generation);
    Dump {
        image: &settings.dump_image,
        script: format!("pg_dump --format=custom --file={FOLDER}/database.dump\n"),
        env: vec![
            text("PGHOST", &host(&azure_name(generation), settings)),
            text("PGDATABASE", &generation.database().inside),
            text("PGSSLMODE", "require"),
            from_secret("PGUSER", &secret, USERNAME),
            from_secret("PGPASSWORD", &secret, PASSWORD),
        ],
        port: postgresql::PORT,
    }
}
