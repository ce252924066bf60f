//! A restore into a new database: a job loads the newest dump into a server of its own, and hands its keys to the primary. In: a
//! generation that begins with a dump. Out: the job, and why there is none.
//!
//! A dump beside the log of a member would be left aside, since the log goes first (Redis, "Persistence"), and members become
//! replicas of a primary that the operator chooses. So the keys come in by commands (`DUMP`, `RESTORE`), once it is up: with
//! the time that they have left, over encrypted connections, and as often as it takes.

use super::{PASSWORD, backup, health, sharded};
use crate::api::plan::Terms;
use crate::api::problem::Problem;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::backup_job::{Dump, FOLDER, Settings, from_secret, text};
use crate::operators::{Resource, certificate, password, restore_job};

/// For the server with the dump: a page of its keys as commands that bring them, and where the next one begins in the key
/// `cursor` of a database that no dump has.
const PAGE: &str = include_str!("page.lua");

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Option<Resource> {
    let is_up = || health::is_up(generation, observed).unwrap_or_default();
    let source = restore_job::begins(generation, observed, is_up)?;
    let memory = generation.plan.terms.memory;
    Some(restore_job::compose(generation, source, &load(generation), backup::FILE, memory, settings))
}

pub fn problem(from: &Terms) -> Option<Problem> {
    let wrong = "the dumps of a Redis Cluster are of single shards, and nothing puts them back";
    let right = "load them yourself: NAMESPACE/NAME/LINEAGE in the object store has one for each shard";
    sharded(from).then(|| Problem::new("spec.restore", wrong, right))
}

/// Ends well only if all keys that last are there: an evicted one, or a failover meanwhile, fails it.
fn load(generation: &Generation) -> Dump<'_> {
    let mut env = vec![
        from_secret("PASSWORD", &password::secret(generation), PASSWORD),
        text("PRIMARY", &backup::primary(generation)),
        text("PAGE", PAGE),
    ];
    let mut script = String::from("tls=\n");
    if generation.plan.terms.tls {
        env.push(from_secret("AUTHORITY", &certificate::secret(generation), "ca.crt"));
        script = format!("{}tls='--tls --cacert {}'\n", backup::write_authority(), backup::AUTHORITY);
    }
    script += &SCRIPT.replace("FOLDER", FOLDER).replace("FILE", backup::FILE);
    Dump { image: &generation.plan.notes.release, script, env, port: super::pod::PORT }
}

const SCRIPT: &str = r#"from() { redis-cli -s /tmp/dump.sock "$@"; }
into() { REDISCLI_AUTH="$PASSWORD" redis-cli -h "$PRIMARY" $tls "$@"; }
lasting() { awk -F '[=,]' '/^db/ { keys += $2 - $4 } END { print keys + 0 }'; }
redis-server --port 0 --unixsocket /tmp/dump.sock --dir FOLDER --dbfilename FILE --databases 17 --save '' --appendonly no &
until [ "$(from ping 2>&1)" = PONG ]; do
  kill -0 $!
  sleep 1
done
wanted=$(from info keyspace | lasting)
for number in $(from info keyspace | sed -n 's/^db\([0-9]*\):.*/\1/p'); do
  cursor=0
  while :; do
    from -n "$number" --raw eval "$PAGE" 0 "$number" "$cursor"
    cursor=$(from -n 16 get cursor)
    [ "$cursor" != 0 ] || break
  done
done | into --pipe
test "$(into info keyspace | lasting)" -ge "$wanted"
from shutdown nosave
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::claim::Topology;
    use crate::plan::example;
    use serde_json::json;

    #[test]
    fn clusters_are_left_to_people() {
        let mut terms = example::plan("dev", json!({"engine": "redis"})).terms;
        assert_eq!(problem(&terms), None);
        terms.topology = Topology::Sharded;
        assert!(problem(&terms).is_some());
    }
}
