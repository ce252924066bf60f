//! How Redis is dumped: `redis-cli --rdb`, which has the server make a snapshot and checks that it came whole. In: a
//! generation. Out: what the job runs. <https://redis.io/docs/latest/develop/tools/cli/>

use super::pod::PORT;
use super::{PASSWORD, cluster, sharded};
use crate::api::record::Generation;
use crate::operators::backup_job::{Dump, FOLDER, from_secret};
use crate::operators::{certificate, password};

/// Where the certificate authority is written to in the pod.
pub const AUTHORITY: &str = "/tmp/ca.crt";
/// The dump of what is no Redis Cluster.
pub const FILE: &str = "dump.rdb";

pub fn dump(generation: &Generation) -> Dump<'_> {
    let terms = &generation.plan.terms;
    // redis-cli takes the password from there.
    let mut env = vec![from_secret("REDISCLI_AUTH", &password::secret(generation), PASSWORD)];
    let mut script = String::new();
    if terms.tls {
        env.push(from_secret("AUTHORITY", &certificate::secret(generation), "ca.crt"));
        script = format!("{}set -- --tls --cacert {AUTHORITY}\n", write_authority());
    }
    script += &match sharded(terms) {
        true => of_shards(generation),
        false => of_primary(generation),
    };
    Dump { image: &generation.plan.notes.release, script, env, port: PORT }
}

/// From the variable of that name.
pub fn write_authority() -> String {
    format!("printf '%s\\n' \"$AUTHORITY\" >{AUTHORITY}\n")
}

/// The Service that the operator keeps at the primary.
pub fn primary(generation: &Generation) -> String {
    format!("{}-master", generation.name())
}

/// Of the primary: a replica that lost its connection would give what it had then, and nobody would notice.
fn of_primary(generation: &Generation) -> String {
    let primary = primary(generation);
    format!(
        "redis-cli -h {primary} -p {PORT} \"$@\" --rdb {FOLDER}/{FILE}\n\
         test \"$(head -c 5 {FOLDER}/{FILE})\" = REDIS\n"
    )
}

/// Of the primary of each shard, wherever it is now. A shard without one fails the backup.
fn of_shards(generation: &Generation) -> String {
    let leaders = cluster::leaders(&generation.name());
    let shards = generation.plan.terms.shards;
    format!(
        "redis-cli -h {leaders} -p {PORT} \"$@\" cluster nodes >/tmp/nodes\n\
         primaries=$(awk '$3 ~ /master/ && $3 !~ /fail|handshake|noaddr/ && NF > 8 {{ sub(/:[0-9]+@.*/, \"\", $2); \
         print $2 }}' /tmp/nodes)\n\
         shard=0\n\
         for primary in $primaries; do\n  \
         redis-cli -h \"$primary\" -p {PORT} \"$@\" --rdb \"{FOLDER}/shard-$shard.rdb\"\n  \
         test \"$(head -c 5 \"{FOLDER}/shard-$shard.rdb\")\" = REDIS\n  \
         shard=$((shard + 1))\n\
         done\n\
         test \"$shard\" -eq {shards}\n"
    )
}
