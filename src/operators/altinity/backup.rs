//! Backups by clickhouse-backup 2.8, which needs the server's own files: it runs beside each member, and a job asks one
//! member of each shard. In: a generation that is backed up. Out: the container beside the server, the schedule.
//! <https://github.com/Altinity/clickhouse-backup/blob/v2.8.0/ReadMe.md>

use super::configuration::{BACKUP_USER, CERTIFICATE};
use super::{Settings, installation, member, ports, secret};
use crate::api::destination::{Destination, KeySecret};
use crate::api::plan::{Backup, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::backup_job::{self, from_secret, text};
use crate::operators::{Resource, certificate, password, pods};
use crate::plan::schedule;
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec};

/// Where it takes requests, and serves its metrics.
pub const PORT: u16 = 7171;

/// Beside each member. It copies what is compressed already; the memory is for parts of large uploads.
pub fn sidecar_size(terms: &Terms) -> Amounts {
    let cpu = terms.cpu.percent(25).max(Millicores(500));
    Amounts { cpu, memory: Bytes(512 * Bytes::MI), storage: Bytes(0) }
}

/// The operator mounts the server's data into it, as into every container.
pub fn sidecar(generation: &Generation, backup: &Backup, settings: &Settings) -> Container {
    let terms = &generation.plan.terms;
    Container {
        name: "clickhouse-backup".into(),
        image: Some(settings.backup_image.clone()),
        command: Some(["/bin/clickhouse-backup", "server"].map(String::from).into()),
        env: Some(environment(generation, backup)),
        resources: Some(pods::beside(terms, sidecar_size(terms))),
        security_context: Some(pods::confined()),
        volume_mounts: terms.tls.then(|| vec![installation::certificate_mount()]),
        ..Default::default()
    }
}

/// It keeps a number of backups, not those of a time: as many as the schedule makes in that time, and one more.
pub fn kept(backup: &Backup) -> u32 {
    schedule::most_runs(&backup.schedule, schedule::days(&backup.retention).unwrap_or_default()).saturating_add(1)
}

fn environment(generation: &Generation, backup: &Backup) -> Vec<EnvVar> {
    let terms = &generation.plan.terms;
    let credentials = password::secret(generation);
    let destination = &backup.destination;
    let (bucket, _) = destination.place();
    let path = folder(generation, destination);
    let tls = if terms.tls { "true" } else { "false" };
    let mut variables = vec![
        text("API_LISTEN", &format!("0.0.0.0:{PORT}")),
        text("API_USERNAME", BACKUP_USER),
        from_secret("API_PASSWORD", &credentials, secret::BACKUP),
        text("API_SECURE", tls),
        text("CLICKHOUSE_HOST", "localhost"),
        text("CLICKHOUSE_PORT", &ports(terms).native.to_string()),
        text("CLICKHOUSE_USERNAME", BACKUP_USER),
        from_secret("CLICKHOUSE_PASSWORD", &credentials, secret::BACKUP),
        text("CLICKHOUSE_SECURE", tls),
        // The certificate is not for localhost, which nobody else can be.
        text("CLICKHOUSE_SKIP_VERIFY", tls),
        // Uploaded is enough: what is kept here as well fills the volume.
        text("BACKUPS_TO_KEEP_LOCAL", "-1"),
        text("BACKUPS_TO_KEEP_REMOTE", &kept(backup).to_string()),
        text("REMOTE_STORAGE", "s3"),
        text("S3_BUCKET", bucket),
        text("S3_PATH", &path),
        // Buckets without access lists refuse objects with one.
        text("S3_ACL", ""),
    ];
    if terms.tls {
        let file = |name: &str| format!("{CERTIFICATE}/{name}");
        variables
            .extend([text("API_CERTIFICATE_FILE", &file("tls.crt")), text("API_PRIVATE_KEY_FILE", &file("tls.key"))]);
    }
    if let Some(endpoint) = &destination.endpoint {
        variables.extend([
            text("S3_ENDPOINT", endpoint),
            text("S3_FORCE_PATH_STYLE", "true"),
            // Compatible stores mostly do not know the checksums that Amazon's client adds by itself.
            text("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
            text("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required"),
        ]);
    }
    variables.extend(destination.region.iter().map(|region| text("S3_REGION", region)));
    if let Some(KeySecret { name, access_key_id, secret_access_key }) = destination.access.s3_keys() {
        variables.extend([
            from_secret("S3_ACCESS_KEY", name, access_key_id),
            from_secret("S3_SECRET_KEY", name, secret_access_key),
        ]);
    }
    variables
}

/// The generation's own folder, and in it one of each shard: `{shard}` is the server's own macro, and members of a shard have
/// the same data. clickhouse-backup counts whatever lies in it as a backup to keep or to remove.
fn folder(generation: &Generation, destination: &Destination) -> String {
    destination.folder(&format!("{}/shard-{{shard}}", generation.folder()))
}

pub fn schedule(generation: &Generation, backup: &Backup, settings: &Settings) -> Resource {
    backup_job::scheduled(generation, backup, request(generation, settings))
}

pub fn once(generation: &Generation, settings: &Settings, role: &str, name: String) -> Resource {
    backup_job::made_once(generation, request(generation, settings), role, name)
}

/// All shards at once, so that their backups are of about one moment. Of each shard the first member that takes it. In the
/// end all read their certificate anew, which they do no other way.
const SCRIPT: &str = r#"ask() {
  printf 'user = "%s:%s"\n' "$BACKUP_USER" "$BACKUP_PASSWORD" | curl --silent --show-error --fail --config - $AUTHORITY "$@"
}
AUTHORITY=
if [ -n "${CA:-}" ]; then
  printf '%s\n' "$CA" > /tmp/ca.crt
  AUTHORITY="--cacert /tmp/ca.crt"
fi
now=$(date -u +%Y%m%dT%H%M%SZ)
running=
for shard in $SHARDS; do
  operation=
  for member in $(echo "$shard" | tr , ' '); do
    if answer=$(ask --request POST "$member/backup/create_remote?name=$now&rbac=true"); then
      operation=$(echo "$answer" | sed -n 's/.*"operation_id":"\([^"]*\)".*/\1/p')
      break
    fi
  done
  if [ -z "$operation" ]; then
    echo "no member of $shard takes a backup" >&2
    exit 1
  fi
  running="$running $member/backup/status?operationid=$operation"
done
for operation in $running; do
  while true; do
    answer=$(ask --retry 10 --retry-connrefused "$operation")
    case "$answer" in
      *'"status":"success"'*) break ;;
      *'"status":"in progress"'*) sleep 10 ;;
      *) echo "$operation: $answer" >&2; exit 1 ;;
    esac
  done
done
if [ -n "$AUTHORITY" ]; then
  for member in $(echo "$SHARDS" | tr , ' '); do
    ask --request POST "$member/restart" || true
  done
fi
"#;

/// One that hangs must not keep the next ones from being tried for ever.
const LONGEST_SECONDS: i64 = 24 * 3600;

fn request(generation: &Generation, settings: &Settings) -> PodSpec {
    let terms = &generation.plan.terms;
    let scheme = if terms.tls { "https" } else { "http" };
    let of_shard = |shard| {
        let members = (0..terms.replicas).map(|replica| member(generation, shard, replica));
        members.map(|member| format!("{scheme}://{member}:{PORT}")).collect::<Vec<_>>().join(",")
    };
    let shards = (0..terms.shards).map(of_shard).collect::<Vec<_>>().join(" ");
    let mut env = vec![
        text("SHARDS", &shards),
        text("BACKUP_USER", BACKUP_USER),
        from_secret("BACKUP_PASSWORD", &password::secret(generation), secret::BACKUP),
    ];
    if terms.tls {
        env.push(from_secret("CA", &certificate::secret(generation), "ca.crt"));
    }
    let pod = backup_job::asking(generation, &settings.backup_image, SCRIPT.into(), env);
    PodSpec { active_deadline_seconds: Some(LONGEST_SECONDS), ..pod }
}
