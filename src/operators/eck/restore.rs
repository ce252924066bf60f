//! A restore into a new database: a job registers the other's repository, as one that nothing may write to, and has the
//! members restore the newest snapshot that is whole. In: a generation that begins with a snapshot. Out: the job, and why
//! there is none.
//!
//! Only what applications made: indices and data streams whose names begin with no dot, with their aliases. The state of the
//! old cluster would replace this one's settings, templates and policies (Elasticsearch 9, "Restore a snapshot", "Restore an
//! entire cluster"), its feature states the users that the operator has made; what begins with a dot is Elasticsearch's own,
//! is there already, and would fail the restore.

use super::{health, snapshots};
use crate::api::destination::Destination;
use crate::api::plan::Terms;
use crate::api::problem::Problem;
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::backup_job::{Settings, text};
use crate::operators::{Resource, restore_job};
use serde_json::json;

/// Of the other's repository, so that it is never this one's own.
const NAME: &str = "restore";

/// A try that lost its connection is followed by one that waits for what was begun: an index that is there would refuse to
/// be restored, and is never removed.
const SCRIPT: &str = r#"ask --request PUT "$SERVER/_snapshot/$NAME" --data "$REPOSITORY"
all=$(ask "$SERVER/_snapshot/$NAME/_all?sort=start_time&order=asc&filter_path=snapshots.snapshot,snapshots.state")
snapshot=$(printf '%s' "$all" | tr '{' '\n' |
  sed -n 's/.*"snapshot" *: *"\([^"]*\)".*"state" *: *"SUCCESS".*/\1/p' | tail -n 1)
[ -n "$snapshot" ] || { echo "there is no whole snapshot in $REPOSITORY" >&2; exit 1; }
indices=$(ask "$SERVER/_snapshot/$NAME/$snapshot?filter_path=snapshots.indices")
printf '%s' "$indices" | tr ',[' '\n\n' | sed -n 's/^ *"\([^"]*\)".*/\1/p' |
  awk '!/^\./ || (/^\.ds-/ && !/^\.ds-\./)' | sort >/tmp/wanted
look() {
  found=$(ask "$SERVER/_cat/indices?h=index&expand_wildcards=all")
  printf '%s\n' "$found" | tr -d ' ' | sort >/tmp/there
}
look
if ! grep -q -F -x -f /tmp/wanted /tmp/there; then
  answer=$(ask --max-time 86400 --keepalive-time 60 --request POST --data "$WANTED" \
    "$SERVER/_snapshot/$NAME/$snapshot/_restore?wait_for_completion=true")
  case "$answer" in
    *'"failed":0'*) ;;
    *) echo "snapshot $snapshot was not restored: $answer" >&2; exit 1 ;;
  esac
fi
until ask "$SERVER/_cluster/health?filter_path=status" | grep -q -e yellow -e green; do
  sleep 10
done
look
missing=$(grep -v -F -x -f /tmp/there /tmp/wanted || true)
[ -z "$missing" ] || { echo "not restored of snapshot $snapshot: $missing" >&2; exit 1; }
echo "snapshot $snapshot is restored"
"#;

/// One that hangs must end at some time.
const LONGEST_SECONDS: i64 = 24 * 3600;

pub fn compose(generation: &Generation, settings: &Settings, observed: &Observed) -> Option<Resource> {
    let is_up = || health::is_up(generation, observed).unwrap_or_default();
    let source = restore_job::begins(generation, observed, is_up)?;
    let place = &source.destination;
    let mut from = snapshots::place(place, &source.namespace, &source.name, &source.lineage, &source.generation());
    from["readonly"] = true.into();
    let mut wanted = json!({"indices": "*,-.*", "ignore_unavailable": true, "include_global_state": false,
        "feature_states": ["none"]});
    if generation.is_drill() {
        // A copy would wait for a second member for ever, and the database never be ready.
        wanted["index_settings"] = json!({"index.number_of_replicas": 0});
        wanted["ignore_index_settings"] = json!(["index.auto_expand_replicas"]);
    }
    let variables = vec![
        text("NAME", NAME),
        text("REPOSITORY", &json!({"type": "s3", "settings": from}).to_string()),
        text("WANTED", &wanted.to_string()),
    ];
    let mut pod = snapshots::asking(generation, settings, SCRIPT, variables);
    pod.active_deadline_seconds = Some(LONGEST_SECONDS);
    Some(restore_job::by(generation, pod))
}

/// Members know one store, and how they sign in there is in their settings.
pub fn problem(from: &Terms, to: &Terms) -> Option<Problem> {
    let client = |terms: &Terms| {
        terms.backup.as_ref().map(|backup| Destination { path: String::new(), ..backup.destination.clone() })
    };
    let wrong =
        "the members have the address and the keys of this database's own destination, and the backup lies in another";
    let differs = client(to).is_some() && client(from) != client(to);
    differs.then(|| Problem::new("spec.backup", wrong, "have the backups of both go to one destination"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::record::{DRILL, Source};
    use crate::plan::example;
    use crate::wire::{Key, Object};
    use serde_json::Value;

    /// What the members are asked to restore into the generation of this number.
    fn wanted(number: u32) -> Value {
        let mut generation = example::generation("staging", json!({"engine": "elasticsearch"}));
        generation.source = Source::of(&generation, None, None);
        generation.number = number;
        let mut observed = Observed::default();
        observed.composed.insert(Key(generation.key(restore_job::KEY)), Object::of(&json!({})));
        let job: Value =
            compose(&generation, &Settings::default(), &observed).unwrap().object.decode("restore").unwrap();
        let variables = job["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        let wanted = variables.into_iter().find(|variable| variable["name"] == "WANTED").unwrap();
        serde_json::from_str(wanted["value"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn one_member_keeps_no_copies() {
        assert_eq!(wanted(2).get("index_settings"), None);
        assert_eq!(wanted(DRILL)["index_settings"], json!({"index.number_of_replicas": 0}));
    }

    #[test]
    fn members_sign_in_to_one_store_only() {
        let from = example::plan("staging", json!({"engine": "elasticsearch"})).terms;
        let changed = |path: &str, value| {
            let plan = example::changed(&example::plan("staging", json!({"engine": "elasticsearch"})), path, value);
            problem(&from, &plan.terms).is_some()
        };
        assert!(!changed("/terms/backup/destination/path", json!("s3://elsewhere/folder")));
        assert!(!changed("/terms/backup", json!(null)), "it has what its source needs");
        assert!(changed("/terms/backup/destination/region", json!("eu-west-1")));
        assert!(changed("/terms/backup/destination/access", json!({"workloadIdentity": {}})));
    }
}
