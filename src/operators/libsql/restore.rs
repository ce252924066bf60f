//! A restore: a job hands the newest dump to the server as commands, in one transaction. In: a generation that begins with a
//! dump. Out: the job, and why there is none.
//!
//! The server's own loader takes dumps only where nothing asks for a password, and stumbles over triggers of several lines
//! (libsql-server 0.24, `load_dump`); another program's files are none of its replication's, and know nothing of its vectors.

use super::{FILE, dump, health};
use crate::api::claim;
use crate::api::problem::Problem;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::backup_job::{Dump, SIZE, Settings, text};
use crate::operators::{Resource, restore_job};

/// For awk: the dump's requests.
const BATCHES: &str = include_str!("batches.awk");

/// Nothing is ever removed to make room for a dump: what is there, a client has made, or a try that did not learn of its end.
const SCRIPT: &str = r#"cat >/tmp/send <<'END'
answer=$(curl --silent --show-error --fail-with-body --speed-limit 1 --speed-time 3600 --user "$USERNAME:$PASSWORD" \
  --header "Content-Type: application/json" --data-binary @/tmp/request "$SERVER/v2/pipeline")
case "$answer" in
  *'"type":"error"'*) echo "$answer" >&2; exit 1 ;;
esac
printf '%s' "$answer" | sed -n 's/^{"baton":\("[^"]*"\).*/\1/p' >/tmp/baton
printf '%s' "$answer" >/tmp/answer
END
: >/tmp/baton
tables='{"type":"execute","stmt":{"sql":"SELECT count(*) FROM sqlite_schema"}}'
printf '{"requests":[%s,{"type":"close"}]}' "$tables" >/tmp/request
sh -eu /tmp/send
grep -q '"value":"0"' /tmp/answer || { echo "the database is not empty: $(cat /tmp/answer)" >&2; exit 1; }
gunzip -c /backup/dump.sql.gz | tail -n 1 | grep -q '^COMMIT;' || { echo "the dump is not whole" >&2; exit 1; }
gunzip -c /backup/dump.sql.gz | LC_ALL=C awk "$BATCHES"
"#;

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Option<Resource> {
    let is_up = || health::is_up(generation, observed).unwrap_or_default();
    let source = restore_job::begins(generation, observed, is_up)?;
    let Dump { image, mut env, port, .. } = dump(generation, settings);
    env.push(text("BATCHES", BATCHES));
    let load = Dump { image, script: SCRIPT.into(), env, port };
    Some(restore_job::compose(generation, source, &load, FILE, SIZE.memory, settings))
}

/// Dumps are of the moments of the schedule.
pub fn problem(restore: &claim::Restore) -> Option<Problem> {
    let wrong = "what the server replicates all the time cannot be read as of a moment, only dumps are restored";
    let right = "leave it out: the newest dump is restored";
    restore.point_in_time.as_ref().map(|_| Problem::new("spec.restore.pointInTime", wrong, right))
}
