//! `validate`: every problem of claims, approvals and Compositions, with its place.

mod approval;
mod output;
mod together;

use super::cores::on_every_core;
use super::documents::{self, Document};
use super::{GaveUp, Outcome, render};
use clap::Args;
use function_database::api::approval::OperationKind;
use function_database::api::claim::{Claim, KIND};
use function_database::api::input::{ApprovalGate, Step, TierDefaults};
use function_database::api::problem::Problem;
use function_database::api::{self, schema};
use function_database::gate::deletion;
use function_database::map::entries;
use function_database::map::sort;
use function_database::pipeline::{self, stop::Stop};
use function_database::plan::{self, quota};
use function_database::portal::Titles;
use function_database::render::Composition;
use function_database::schema::{BuildError, Schema, Violation, path};
use function_database::wire::Object;
use jiff::Timestamp;
use output::{Format, Located};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Check claims, approvals and Compositions: every problem with its file, line and column.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database validate databases/
  function-database validate claim.yaml --composition compositions/ours.yaml
  function-database validate databases/ --format sarif > databases.sarif
  kubectl get sdb -A -o yaml | function-database validate -
  git diff --name-only origin/main -- '*.yaml' | xargs function-database validate

An EnvironmentConfig database-platform among the files counts for the claims of its file, or for all if it is the only one.")]
pub struct Arguments {
    /// Files or folders; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Another Composition than the shipped one, whose limits count.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// The form of the output: sarif for code scanning, github for annotations in its runner.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// The time at which approvals are looked at, RFC 3339; now if left out.
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    now: Option<Timestamp>,
}

/// What a Composition says, as far as files are held to it.
#[derive(PartialEq)]
pub struct Policy {
    pub tiers: TierDefaults,
    pub gate: ApprovalGate,
    /// Whether it composes what stands behind claims, as the claims edition does.
    claimed: bool,
}

impl Policy {
    fn of(composition: &Composition, overlay: Option<&Object>) -> Result<Policy, Stop> {
        let tiers = composition.input(Step::TierDefaults, overlay)?;
        let gate = composition.input(Step::ApprovalGate, overlay)?;
        Ok(Policy { tiers, gate, claimed: composition.kind != KIND })
    }
}

/// What is wrong at one place of a document.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Line and column, from 1.
    pub at: (u64, u64),
    pub message: String,
    /// What the portal's forms call the field.
    pub title: Option<String>,
}

impl Finding {
    pub fn new(document: &Document, path: &str, message: String) -> Finding {
        static TITLES: OnceLock<Titles> = OnceLock::new();
        let title = match kind(document) {
            Kind::Claim => TITLES.get_or_init(Titles::read).of(path).map(String::from),
            _ => None,
        };
        Finding { at: document.at(path), message, title }
    }

    fn located(self, file: &str) -> Located {
        let Finding { at: (line, column), message, title } = self;
        Located { file: file.into(), line: Some(line), column: Some(column), message, title }
    }

    /// `file:line:column: message`
    pub fn line(&self, file: &str) -> String {
        let (style, (line, column)) = (anstyle::Style::new().bold(), self.at);
        format!("{style}{file}:{line}:{column}:{style:#} {}", self.message)
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let composition = render::composition(arguments.composition.as_deref())?;
    let shipped = policy(&composition)?;
    let files = documents::read(&arguments.paths);
    if files.documents.is_empty() && files.unreadable.is_empty() {
        let what = "there is nothing to check: no document in these files, or no .yaml, .yml or .json in the folder";
        return Err(GaveUp::Unreadable(what.into()).into());
    }
    let now = arguments.now.unwrap_or_else(Timestamp::now);
    let approvals = files.documents.iter().any(|it| kind(it) == Kind::Approval);
    let claims = files.documents.iter().filter(|it| approvals && kind(it) == Kind::Claim);
    let claims: Vec<Claim> = claims.filter_map(read).collect();
    let mut lines = files.unreadable;
    // A folder may have the values of several platforms.
    let mut laid_over = BTreeMap::new();
    for document in files.documents.iter().filter(|document| is_overlay(document)) {
        let (line, column) = document.at("data");
        let wrong = Object::try_of(&document.value).map(|config| composition.problems_with(&config));
        let wrong = wrong.unwrap_or_else(|error| vec![error.to_string()]);
        lines.extend(wrong.iter().map(|why| format!("{}:{line}:{column}: {why}", document.file)));
        if let Ok(policy) = overlay(&composition, document) {
            laid_over.insert(&document.file, policy);
        }
    }
    let mut problems: Vec<Located> = lines.iter().map(|line| Located::parse(line)).collect();
    let for_all = laid_over.values().next().filter(|_| laid_over.len() == 1);
    let policy_of = |document: &Document| laid_over.get(&document.file).or(for_all).unwrap_or(&shipped);
    let of_claims = files.documents.iter().enumerate().filter(|(_, document)| kind(document) == Kind::Claim);
    let of_claims: Vec<_> = of_claims.map(|(index, document)| (index, document, policy_of(document))).collect();
    let mut together = together::findings(&of_claims);
    let (mut checked, mut skipped, mut seen) = (0, 0, BTreeMap::new());
    let found = on_every_core(&files.documents, |document| findings(document, policy_of(document)));
    for (index, (document, found)) in files.documents.iter().zip(found).enumerate() {
        match found? {
            Some(mut found) => {
                if kind(document) == Kind::Approval {
                    found.extend(approval::findings(document, &claims, policy_of(document), now));
                }
                found.extend(together.remove(&index).unwrap_or_default());
                sort(&mut found, Ord::cmp);
                found.extend(repeated(document, &mut seen));
                problems.extend(found.into_iter().map(|finding| finding.located(&document.file)));
                checked += 1;
            }
            None if is_overlay(document) => checked += 1,
            None => skipped += 1,
        }
    }
    let snippets = std::io::IsTerminal::is_terminal(&std::io::stdout());
    super::print(&output::text(arguments.format, &problems, checked, skipped, snippets)?)?;
    let mut summary = format!("{checked} checked");
    if skipped > 0 {
        write!(summary, ", {skipped} of other kinds skipped")?;
    }
    match problems.len() {
        1 => write!(summary, ": 1 problem")?,
        problems => write!(summary, ": {problems} problems")?,
    }
    super::say(summary);
    if problems.is_empty() && checked > 0 {
        super::hint("function-database render shows what Crossplane would apply");
    }
    Ok(if problems.is_empty() { Outcome::Fine } else { Outcome::Problems })
}

/// Of two of the same name in one file, kubectl would keep the last and lose the other.
fn repeated<'a>(document: &'a Document, seen: &mut BTreeMap<[&'a str; 4], &'a Document>) -> Option<Finding> {
    let metadata = &document.value["metadata"];
    let (kind, name) = (document.value["kind"].as_str()?, metadata["name"].as_str()?);
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    let path = "metadata.name";
    let (first, _) = seen.insert([&document.file, kind, namespace, name], document)?.at(path);
    let message = format!("{path}: {kind} \"{name}\" stands in line {first} already; write another name");
    Some(Finding::new(document, path, message))
}

/// What a document is to us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Claim,
    Approval,
    Composition,
    /// Of our group, but nothing that a person writes.
    Stranger,
    Other,
}

pub fn kind(document: &Document) -> Kind {
    let (api_version, kind) = (document.value["apiVersion"].as_str(), document.value["kind"].as_str());
    let (api_version, kind) = (api_version.unwrap_or_default(), kind.unwrap_or_default());
    let group = api_version.split_once('/').map_or(api_version, |(group, _)| group);
    match (group, kind) {
        (api::GROUP, "XDatabase" | "DatabaseRecord") => Kind::Other,
        (api::GROUP, "Database") if api_version == api::API_VERSION => Kind::Claim,
        (api::GROUP, api::approval::KIND) if api_version == api::API_VERSION => Kind::Approval,
        (api::GROUP, _) => Kind::Stranger,
        ("apiextensions.crossplane.io", "Composition") if steps(document).next().is_some() => Kind::Composition,
        _ => Kind::Other,
    }
}

/// All that is wrong with a document, by place; `None`: it is of a kind that is not checked.
pub fn findings(document: &Document, policy: &Policy) -> anyhow::Result<Option<Vec<Finding>>> {
    let mut found = match kind(document) {
        Kind::Claim => claim(document, policy)?,
        Kind::Approval => refused(document)?,
        Kind::Composition => composition(document),
        Kind::Stranger => stranger(document),
        Kind::Other => return Ok(None),
    };
    // Of a number that is read in two ways, the schema quotes the one that nobody wrote. A message begins with what is written.
    let number =
        |(_, what): &&(String, String)| what.starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first));
    let ambiguous = document.ambiguous();
    let misread: Vec<_> = ambiguous.iter().filter(number).map(|(path, _)| document.at(path)).collect();
    found.retain(|finding| !misread.contains(&finding.at));
    found.extend(double_meanings(document, &ambiguous));
    sort(&mut found, Ord::cmp);
    found.dedup();
    Ok(Some(found))
}

/// What the API server would refuse, or read differently; of kinds that are not ours, nothing.
pub fn refused(document: &Document) -> anyhow::Result<Vec<Finding>> {
    let mut found: Vec<Finding> = match kind(document) {
        Kind::Claim | Kind::Approval => {
            let violations = violations(document)?;
            violations.iter().map(|it| Finding::new(document, &it.path, it.to_string())).collect()
        }
        Kind::Stranger => stranger(document),
        Kind::Composition | Kind::Other => return Ok(vec![]),
    };
    found.extend(double_meanings(document, &document.ambiguous()));
    Ok(found)
}

fn double_meanings(document: &Document, ambiguous: &[(String, String)]) -> impl Iterator<Item = Finding> {
    ambiguous.iter().map(|(path, what)| Finding::new(document, path, format!("{path}: {what}")))
}

fn violations(document: &Document) -> anyhow::Result<Vec<Violation>> {
    static CLAIM: OnceLock<Result<Schema, BuildError>> = OnceLock::new();
    static APPROVAL: OnceLock<Result<Schema, BuildError>> = OnceLock::new();
    let schema = match kind(document) {
        Kind::Approval => APPROVAL.get_or_init(schema::approval),
        Kind::Claim | Kind::Composition | Kind::Stranger | Kind::Other => CLAIM.get_or_init(schema::claim),
    };
    // The API server drops a status before it looks: only the status of what exists can be written.
    let status: &[&str] = if document.value.get("status").is_some() { &["status"] } else { &[] };
    Ok(schema.as_ref()?.check(&without(&document.value, status)))
}

/// What the schema and the policy say against a claim, each path once: the policy knows better what would be right.
pub fn claim(document: &Document, policy: &Policy) -> anyhow::Result<Vec<Finding>> {
    let violations = violations(document)?;
    let planned = planned(document, &violations, policy);
    let same = |violation: &Violation, problem: &Problem| {
        let about = !problem.path.is_empty() && violation.message.contains(&problem.path);
        violation.path == problem.path || about
    };
    let news = violations.iter().filter(|violation| !planned.iter().any(|problem| same(violation, problem)));
    let news = news.map(|violation| Finding::new(document, &violation.path, violation.to_string()));
    let planned = planned.iter().map(|problem| Finding::new(document, &problem.path, problem.to_string()));
    Ok(planned.chain(news).collect())
}

/// What the policy says. Unknown fields stand in nobody's way; of a claim of another shape only the schema can speak.
fn planned(document: &Document, violations: &[Violation], policy: &Policy) -> Vec<Problem> {
    let Policy { tiers, gate, claimed } = policy;
    let unknown = violations.iter().filter(|violation| violation.message.starts_with("unknown field"));
    let unknown: Vec<&str> = unknown.map(|violation| violation.path.as_str()).collect();
    let Some(claim) = claim_of(without(&document.value, &unknown)) else { return vec![] };
    let plan = match plan::resolve(&claim, tiers) {
        Ok(plan) => plan,
        Err(problems) => return problems.0,
    };
    // Nobody knows the other databases here, but alone it must fit.
    let checks = [plan::creation(&plan), quota::check(&quota::of(&plan, tiers), None, &plan, &[])];
    let problems = checks.into_iter().filter_map(Result::err).flat_map(|problems| problems.0);
    problems.chain(plan::delivered::unowned(&plan, *claimed)).chain(switched_off(&claim, gate)).collect()
}

/// A switch that the gate does not take.
pub fn switched_off(claim: &Claim, gate: &ApprovalGate) -> Option<Problem> {
    let off = claim.spec.lifecycle.as_ref().and_then(|it| it.deletion_protection) == Some(false);
    let gated = gate.gates(claim.spec.environment, OperationKind::Delete);
    (off && gated).then(|| deletion::no_switch(claim.spec.environment))
}

pub fn read(document: &Document) -> Option<Claim> {
    claim_of(Cow::Borrowed(&document.value))
}

/// As kubectl would send it, without a namespace into `default`.
fn claim_of(mut value: Cow<Value>) -> Option<Claim> {
    if value["metadata"]["namespace"].is_null() && value["metadata"].is_object() {
        value.to_mut()["metadata"]["namespace"] = "default".into();
    }
    Object::try_of(value.as_ref()).and_then(|object| object.decode("")).ok()
}

/// The value without the fields at these paths.
fn without<'a>(value: &'a Value, paths: &[&str]) -> Cow<'a, Value> {
    fn copy(value: &Value, at: &str, paths: &[&str]) -> Value {
        match value {
            Value::Object(fields) => {
                let kept = fields.iter().map(|(name, field)| (name, path::key(at, name), field));
                let kept = kept.filter(|(_, at, _)| !paths.contains(&at.as_str()));
                entries(kept.map(|(name, at, field)| (name.clone(), copy(field, &at, paths)))).into()
            }
            Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| copy(item, &path::index(at, index), paths)).collect()
            }
            scalar => scalar.clone(),
        }
    }
    if paths.is_empty() { Cow::Borrowed(value) } else { Cow::Owned(copy(value, "", paths)) }
}

/// Our group has few kinds; another name or version is a mistake that would leave the document unchecked.
fn stranger(document: &Document) -> Vec<Finding> {
    let (api_version, kind) = (&document.value["apiVersion"], &document.value["kind"]);
    let finding = |path, message: String| vec![Finding::new(document, path, format!("{path}: {message}"))];
    match kind.as_str() {
        Some("Database" | api::approval::KIND) => {
            finding("apiVersion", format!("there is no {api_version}; write {}", api::API_VERSION))
        }
        _ => finding("kind", format!("{} has no kind {kind}; write Database or {}", api::GROUP, api::approval::KIND)),
    }
}

/// The inputs of our steps, with their paths.
fn steps(document: &Document) -> impl Iterator<Item = (String, &Value)> {
    let steps = document.value["spec"]["pipeline"].as_array().into_iter().flatten().enumerate();
    let inputs = steps.map(|(index, step)| (format!("spec.pipeline[{index}].input"), &step["input"]));
    inputs.filter(|(_, input)| input["apiVersion"] == api::INPUT_API_VERSION)
}

pub fn composition(document: &Document) -> Vec<Finding> {
    let mut found: Vec<Finding> = vec![];
    for (path, input) in steps(document) {
        let (path, message) =
            match Object::try_of(input).map_err(Stop::from).and_then(|it| pipeline::check_input(&it, None)) {
                Ok(()) => continue,
                Err(Stop::Input { source, .. }) if !source.path.is_empty() => {
                    (format!("{path}.{}", source.path), source.message)
                }
                Err(Stop::Input { source, .. }) => (path, source.message),
                Err(stop) => (path, stop.to_string()),
            };
        found.push(Finding::new(document, &path, format!("{path}: {message}")));
    }
    found.extend(order(document).map(|message| Finding::new(document, "spec.pipeline", message)));
    if let Err(error) = Composition::read(&document.value) {
        found.push(Finding::new(document, "spec", error.to_string()));
    }
    found
}

/// Each of our steps has its place, and the last one is the guard: without it nobody would notice.
fn order(document: &Document) -> Option<String> {
    let kinds: Vec<&str> = steps(document).filter_map(|(_, input)| input["kind"].as_str()).collect();
    let right = Step::ALL.map(Step::kind);
    let of_ours = kinds.is_empty() || kinds == right;
    (!of_ours).then(|| {
        format!(
            "spec.pipeline: has steps with the inputs {}; write all of {}, in this order",
            kinds.join(", "),
            right.join(", ")
        )
    })
}

/// The inputs of the first two steps.
pub fn policy(composition: &Composition) -> anyhow::Result<Policy> {
    let right = "check it with function-database validate";
    Policy::of(composition, None).map_err(|why| {
        GaveUp::Unreadable(format!("the Composition has an input that cannot be read: {why}; {right}")).into()
    })
}

/// The same with the platform's own values over them.
pub fn overlay(composition: &Composition, config: &Document) -> Result<Policy, Stop> {
    Policy::of(composition, Some(&Object::try_of(&config.value)?))
}

pub fn is_overlay(document: &Document) -> bool {
    document.value["kind"] == "EnvironmentConfig" && document.value["metadata"]["name"] == pipeline::OVERLAY
}
