//! `approve`: writes the approval of exactly one operation, or has `kubectl` make it. In: a digest; or a claim whose plan is
//! shown first; or what waits in the cluster, which is shown first. Out: a `DatabaseApproval`. Must not approve anything but
//! what was shown.

use super::{GaveUp, Outcome, kubectl, plan};
use anyhow::Context;
use clap::{Args, ValueEnum};
use function_database::api::approval::{ApprovalSpec, DIGEST_LABEL, Decision, KIND, OperationKind};
use function_database::api::plan::DatabaseName;
use function_database::api::status::Pending;
use function_database::gate::{digest, signature};
use function_database::operators::name_of;
use function_database::preview::{Approval, Change};
use function_database::wire::Object;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Write the approval of an operation, as `status.approval.pending` of the database asks for it, or of a claim's plan.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database approve checkout/orders --operation Change --digest DIGEST --apply
  function-database approve --claim databases/orders.yaml --base origin/main > approvals/orders.yaml
  function-database approve --claim new.yaml --from old.yaml --apply
  function-database approve --claim new.yaml --reject --reason 'one member is enough'
  function-database approve --claim databases/orders.yaml --delete --uid UID --sign ~/.ssh/id_ed25519
  function-database approve --live orders --namespace checkout --apply

With --claim, the plan is shown on standard error, and at a terminal you are asked; without --from or --base it is a new
database. An approval counts for exactly that plan, by the same Composition as in the cluster. With --live, what the
cluster says that waits is shown. The UID of a database: kubectl get sdb NAME -o jsonpath='{.metadata.uid}'; in the claims
edition, that of the XDatabase behind it.")]
pub struct Arguments {
    /// The database, as namespace/name; with --claim, which one of several.
    #[arg(value_parser = database, required_unless_present_any = ["claim", "live"])]
    database: Option<(String, String)>,
    /// What is approved.
    #[arg(long, required_unless_present_any = ["claim", "live"], conflicts_with_all = ["claim", "live"])]
    operation: Option<Operation>,
    /// The digest: 64 hexadecimal digits.
    #[arg(long, value_parser = digest, required_unless_present_any = ["claim", "live"], conflicts_with_all = ["claim", "live"])]
    digest: Option<String>,
    /// A file or folder with the claim as it shall be.
    #[arg(long, value_name = "PATH")]
    claim: Option<PathBuf>,
    /// The claim as it runs; - is standard input.
    #[arg(long, value_name = "PATH", requires = "claim", conflicts_with = "base")]
    from: Option<PathBuf>,
    /// The git revision with the claim as it runs.
    #[arg(long, value_name = "REVISION", requires = "claim")]
    base: Option<String>,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE", requires = "claim")]
    composition: Option<PathBuf>,
    /// What waits for this database in the cluster, which kubectl is asked for.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["database", "claim"])]
    live: Option<String>,
    /// The namespace of that database; that of kubectl's context if left out.
    #[arg(short, long, requires = "live")]
    namespace: Option<String>,
    /// The deletion of the database: of --claim with its --uid, or as it waits --live.
    #[arg(long, conflicts_with_all = ["from", "base", "operation"])]
    delete: bool,
    /// The UID of the very database that is deleted.
    #[arg(long, requires = "delete", conflicts_with = "live")]
    uid: Option<String>,
    /// Your user name in the cluster. If left out, who kubectl says that you are where the cluster is asked for anything
    /// (--apply, --live), and else $USER.
    #[arg(long)]
    approver: Option<String>,
    /// Reject it instead.
    #[arg(long)]
    reject: bool,
    /// Why, in one sentence.
    #[arg(long, required_if_eq("reject", "true"))]
    reason: Option<String>,
    /// The change record that this belongs to.
    #[arg(long)]
    ticket: Option<String>,
    /// Days until it expires.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// The time to count the days from, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    now: Option<Timestamp>,
    /// Sign it with this key: a private key, or the public one of a key in the agent.
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// Make it in the cluster, with kubectl, instead of printing it.
    #[arg(long)]
    apply: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// What is decided on.
struct Subject {
    namespace: String,
    name: String,
    operation: OperationKind,
    digest: String,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Operation {
    Create,
    Change,
    Restore,
    Delete,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    // Fractions of a second would only make the file longer.
    let now = Timestamp::from_second(arguments.now.unwrap_or_else(Timestamp::now).as_second())?;
    let expires = now.checked_add((i64::from(arguments.days) * 24).hours()).context("--days is too far away")?;
    let Subject { namespace, name, operation, digest } = subject(arguments, now)?;
    let decision = if arguments.reject { Decision::Rejected } else { Decision::Approved };
    let was_shown = arguments.claim.is_some() || arguments.live.is_some();
    if (was_shown || arguments.apply) && !arguments.yes && !agreed(decision, &namespace, &name)? {
        super::say("nothing was written");
        return Ok(Outcome::Problems);
    }
    let label = digest.get(..32).unwrap_or_default().to_owned();
    let approver = approver(arguments)?;
    let mut spec = ApprovalSpec {
        database: name.clone(),
        operation,
        digest,
        decision,
        approver,
        reason: arguments.reason.clone(),
        ticket: arguments.ticket.clone(),
        expires: expires.to_string(),
        signature: None,
    };
    if let Some(key) = &arguments.sign {
        spec.signature = Some(sign(&signature::canonical(&spec), key)?);
    }
    let approval = json!({
        "apiVersion": function_database::api::API_VERSION,
        "kind": KIND,
        "metadata": {"generateName": format!("{name}-"), "namespace": namespace, "labels": {DIGEST_LABEL: label}},
        "spec": spec,
    });
    let approval = serde_saphyr::to_string(&approval)?;
    if arguments.apply {
        kubectl::create(&approval)?;
        return Ok(Outcome::Fine);
    }
    super::print(&approval)?;
    super::hint("function-database approve ... --apply");
    Ok(Outcome::Fine)
}

/// Who decides. The cluster takes an approval only in the name of who brings it.
fn approver(arguments: &Arguments) -> anyhow::Result<String> {
    match &arguments.approver {
        Some(name) => Ok(name.clone()),
        None if arguments.apply || arguments.live.is_some() => kubectl::user(),
        None => std::env::var("USER").ok().filter(|name| !name.is_empty()).ok_or_else(|| {
            GaveUp::Usage("nobody knows who you are; write --approver and your user name in the cluster".into()).into()
        }),
    }
}

/// What the arguments name, or the one change of the claim's plan that needs an approval, after it was shown.
fn subject(arguments: &Arguments, now: Timestamp) -> anyhow::Result<Subject> {
    let Arguments { database, operation, digest, claim, from, base, composition, .. } = arguments;
    let named = database.clone();
    if let (Some((namespace, name)), Some(operation), Some(digest)) = (named, operation, digest) {
        let operation = match operation {
            Operation::Create => OperationKind::Create,
            Operation::Change => OperationKind::Change,
            Operation::Restore => OperationKind::Restore,
            Operation::Delete => OperationKind::Delete,
        };
        return Ok(Subject { namespace, name, operation, digest: digest.clone() });
    }
    if let Some(name) = &arguments.live {
        return waiting(&kubectl::database(name, arguments.namespace.as_deref())?, arguments.delete);
    }
    let claim = claim.as_deref().context("clap lets nothing else through")?;
    if arguments.delete {
        let uid = arguments.uid.as_deref();
        let uid = uid.ok_or_else(|| GaveUp::Usage("a deletion is bound to one database; write its --uid".into()))?;
        return deletion(arguments, claim, uid, now);
    }
    let preview = plan::of_claim(claim, from.as_deref(), base.as_deref(), composition.as_deref(), now)?;
    let with_digest = |change: &Change| change.approval.as_ref()?.digest.clone();
    let (change, digest) = the_one(database.as_ref(), &preview.changes, with_digest)?;
    super::say(plan::shown(change).trim_end());
    let Change { namespace, name, operation, .. } = change;
    Ok(Subject { namespace: namespace.clone(), name: name.clone(), operation: *operation, digest })
}

/// Of several changes, the one that can be approved, with its digest.
fn the_one<'a>(
    database: Option<&(String, String)>,
    changes: &'a [Change],
    digest: impl Fn(&Change) -> Option<String>,
) -> anyhow::Result<(&'a Change, String)> {
    let is_meant = |change: &&Change| {
        database.is_none_or(|(namespace, name)| (namespace, name) == (&change.namespace, &change.name))
    };
    let meant: Vec<&Change> = changes.iter().filter(is_meant).collect();
    let mut asked: Vec<_> = meant.iter().filter_map(|change| Some((*change, digest(change)?))).collect();
    match (asked.pop(), asked.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => {
            meant.iter().for_each(|change| super::say(plan::shown(change).trim_end()));
            Err(GaveUp::Unreadable("nothing here waits for an approval that can be given offline".into()).into())
        }
        (Some(last), _) => {
            asked.push(last);
            let names: Vec<String> = asked.iter().map(|(it, _)| format!("{}/{}", it.namespace, it.name)).collect();
            let (count, names) = (names.len(), names.join(", "));
            Err(GaveUp::Usage(format!("{count} changes need an approval; name one of {names}")).into())
        }
    }
}

/// What waits in the cluster: a deletion, or anything else.
fn waiting(found: &Value, delete: bool) -> anyhow::Result<Subject> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&found["metadata"]["namespace"]), text(&found["metadata"]["name"]));
    let approval = &found["status"]["approval"];
    let (asked, other) = match delete {
        true => (&approval["deletion"], "without --delete, what else waits is approved"),
        false => (&approval["pending"], "a deletion is approved with --delete"),
    };
    let pending = Object::try_of(asked).and_then(|asked| asked.decode::<Pending>("approval"));
    let Ok(pending) = pending else {
        return Err(GaveUp::Unreadable(format!("{namespace}/{name}: nothing waits for an approval; {other}")).into());
    };
    let Pending { operation, digest, changes, class, approvers_needed, found, .. } = pending;
    super::say(format_args!("{} of {namespace}/{name}: {}", name_of(&operation), name_of(&class)));
    changes.iter().chain(&found).for_each(|line| super::say(format_args!("    {line}")));
    super::say(format_args!("    approvers needed: {approvers_needed}; digest {digest}"));
    Ok(Subject { namespace, name, operation, digest })
}

/// Of the claim as it stands: what a deletion is bound to is the database, and no plan.
fn deletion(arguments: &Arguments, claim: &Path, uid: &str, now: Timestamp) -> anyhow::Result<Subject> {
    let (preview, databases) = plan::of_deletion(claim, arguments.composition.as_deref(), now)?;
    let with_digest = |change: &Change| {
        change.approval.as_ref()?;
        let is_its = |it: &&DatabaseName| (&it.namespace, &it.name) == (&change.namespace, &change.name);
        let database = databases.iter().find(is_its)?;
        Some(digest::Operation::Delete { database, uid }.digest().to_string())
    };
    let (change, digest) = the_one(arguments.database.as_ref(), &preview.changes, with_digest)?;
    let with_digest = |approval: Approval| Approval { digest: Some(digest.clone()), ..approval };
    let change = Change { approval: change.approval.clone().map(with_digest), ..change.clone() };
    super::say(plan::shown(&change).trim_end());
    let Change { namespace, name, operation, .. } = change;
    Ok(Subject { namespace, name, operation, digest })
}

/// Where there is a person to ask; a script has decided already.
fn agreed(decision: Decision, namespace: &str, name: &str) -> anyhow::Result<bool> {
    let (input, error) = (io::stdin(), io::stderr());
    if !input.is_terminal() || !error.is_terminal() {
        return Ok(true);
    }
    let verb = match decision {
        Decision::Approved => "approve",
        Decision::Rejected => "reject",
    };
    write!(error.lock(), "{verb} this for {namespace}/{name}? [y/N] ")?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// By the real `ssh-keygen`, which asks for passphrases, knows the agent and waits for a touch of the security key.
fn sign(text: &str, key: &Path) -> anyhow::Result<String> {
    let mut process = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", signature::NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("--sign needs ssh-keygen of OpenSSH 8.0 or newer")?;
    // Dropped at the end of the statement, so that ssh-keygen sees the end of the text. If it has stopped already, its
    // exit code says more than a broken pipe.
    let written = process.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let output = process.wait_with_output().context("ssh-keygen")?;
    anyhow::ensure!(output.status.success(), "ssh-keygen did not sign with {}: {}", key.display(), output.status);
    written.transpose().context("ssh-keygen did not read what to sign")?;
    String::from_utf8(output.stdout).context("ssh-keygen wrote no text")
}

fn database(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.into(), name.into()))
        }
        _ => Err("write namespace/name, such as checkout/orders".into()),
    }
}

fn digest(text: &str) -> Result<String, String> {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.len() == 64 && text.bytes().all(hexadecimal) {
        true => Ok(text.into()),
        false => Err("write all 64 hexadecimal digits, in lower case".into()),
    }
}
