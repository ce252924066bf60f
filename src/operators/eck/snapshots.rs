//! Snapshots (Elasticsearch 9, "Snapshot and restore"). In: a generation that is backed up. Out: the pod of a job that
//! registers the object store as a repository, keeps the snapshot lifecycle policy in place, has the policy make a
//! snapshot, and waits for its end.
//!
//! The policy names snapshots and removes old ones; when one is made, the CronJob decides, so that one that fails is a job
//! that fails, and the same job is the last backup before a deletion. Only members see the object store.

use super::{PORT, USER, authority_secret, password_secret};
use crate::api::destination::Destination;
use crate::api::plan::{Backup, DatabaseName};
use crate::api::record::Generation;
use crate::operators::backup_job::{self, from_secret, text};
use crate::plan::schedule::days;
use k8s_openapi::api::core::v1::{EnvVar, PodSpec};
use serde_json::{Value, json};

/// Of the repository and of the policy.
const NAME: &str = "backup";
/// Elasticsearch demands a schedule of every policy, in a language of its own; this one is not there before the year 2099.
const NEVER: &str = "0 0 0 1 1 ? 2099";
/// So that snapshots that fail for longer than the retention never cost the last good one.
const FEWEST_KEPT: u32 = 2;

/// How every script here asks the members.
pub const ASK: &str = r#"ask() {
  curl --silent --show-error --fail-with-body --max-time 120 --cacert /tmp/ca.crt --user "$USERNAME:$PASSWORD" \
    --header "Content-Type: application/json" "$@"
}
printf '%s' "$AUTHORITY" > /tmp/ca.crt
"#;

/// A snapshot that some data is missing of is `PARTIAL`, and a failure; one that never begins is not listed.
const SCRIPT: &str = r#"ask --request PUT "$SERVER/_snapshot/$NAME" --data "$REPOSITORY"
ask --request PUT "$SERVER/_slm/policy/$NAME" --data "$POLICY"
answer=$(ask --request POST "$SERVER/_slm/policy/$NAME/_execute")
snapshot=$(printf '%s' "$answer" | sed -n 's/.*"snapshot_name" *: *"\([^"]*\)".*/\1/p')
[ -n "$snapshot" ] || { echo "no snapshot was begun: $answer" >&2; exit 1; }
unseen=0
while sleep 10; do
  found=$(ask "$SERVER/_snapshot/$NAME/$snapshot?ignore_unavailable=true&filter_path=snapshots.state,snapshots.failures")
  case "$found" in
    *'"state":"SUCCESS"'*) echo "snapshot $snapshot is complete"; exit 0 ;;
    *'"state":"IN_PROGRESS"'*) ;;
    *'"state"'*) echo "snapshot $snapshot failed: $found" >&2; exit 1 ;;
    *) unseen=$((unseen + 1)); [ "$unseen" -lt 30 ] || { echo "snapshot $snapshot never began" >&2; exit 1; } ;;
  esac
done
"#;

pub fn pod(generation: &Generation, backup: &Backup, settings: &backup_job::Settings) -> PodSpec {
    let DatabaseName { namespace, name, .. } = generation.database();
    let own = place(&backup.destination, namespace, name, &generation.lineage, &generation.name());
    let variables = vec![
        text("NAME", NAME),
        text("REPOSITORY", &json!({"type": "s3", "settings": own}).to_string()),
        text("POLICY", &policy(backup)),
    ];
    asking(generation, settings, SCRIPT, variables)
}

/// The pod of a script that goes by [`ASK`].
pub fn asking(
    generation: &Generation,
    settings: &backup_job::Settings,
    script: &str,
    variables: Vec<EnvVar>,
) -> PodSpec {
    let server = format!("https://{}-es-http.{}.svc:{PORT}", generation.name(), generation.database().namespace);
    let mut env = vec![text("SERVER", &server)];
    env.extend(variables);
    env.extend([
        text("USERNAME", USER),
        from_secret("PASSWORD", &password_secret(generation), USER),
        from_secret("AUTHORITY", &authority_secret(generation), "ca.crt"),
    ]);
    backup_job::asking(generation, &settings.curl_image, format!("{ASK}{script}"), env)
}

/// Where a repository is. Two clusters that write to one destroy it, so every generation has its own; the lineage keeps a
/// new database of an old name out of the old one's.
pub fn place(destination: &Destination, namespace: &str, name: &str, lineage: &str, generation: &str) -> Value {
    let (bucket, _) = destination.place();
    json!({"bucket": bucket, "base_path": destination.folder(&format!("{namespace}/{name}/{lineage}/{generation}"))})
}

/// All indices and the state of the cluster.
fn policy(backup: &Backup) -> String {
    let kept = days(&backup.retention).unwrap_or_default();
    json!({
        "name": "<backup-{now/d}>",
        "schedule": NEVER,
        "repository": NAME,
        "config": {"indices": ["*"], "include_global_state": true, "partial": false},
        "retention": {"expire_after": format!("{kept}d"), "min_count": FEWEST_KEPT},
    })
    .to_string()
}
