//! `simulate`: a claim's life in a cluster that is played. In: claims and what else exists. Out: what happens, moment by
//! moment. Must not know a rule: it only watches.

mod fleet;

use super::documents::{self, Document};
use super::{GaveUp, Outcome, render, validate};
use clap::Args;
use function_database::api::status::Phase;
use function_database::simulate::story::{Look, Moment};
use function_database::simulate::{Id, Policy, QUIET, Waits, World};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use validate::Kind;

/// A day without an example: the same every time.
const START: &str = "2026-01-05T08:00:00Z";

/// Play the life of claims, or of a whole organisation's, in a cluster in memory: what exists, what is said, and when.
#[derive(Args)]
#[command(after_help = "\
Examples:
  function-database simulate claim.yaml
  function-database simulate claim.yaml --approve --delete
  function-database simulate before.yaml after.yaml --approve
  function-database simulate --fleet 10000
  function-database simulate --fleet 10000 --upgrade compositions/next.yaml --mistake compositions/wrong.yaml

A claim that is given again is an edit, made once nothing more happens. Whatever else stands in the files exists from the
start; an approval counts until its end. + is new, - is gone, = stays though its database is gone.

Crossplane, Kubernetes and all operators are stand-ins; times are theirs, not your cluster's. The secrets with the keys of
backup destinations are there, as the platform team would put them into each namespace.

With --fleet there are no files: so many databases are drawn from the policy, always the same ones. Each is made, some are
edited, some wait for approvals, the upgrade comes to one environment after the other, and a night passes. What a wrong
change would have touched is what plan says of it. Standard output is the same at each run; what was measured of this
process goes to standard error.")]
pub struct Arguments {
    /// Files or folders with claims; - is standard input.
    #[arg(required_unless_present = "fleet", conflicts_with = "fleet", value_name = "CLAIM")]
    claims: Vec<PathBuf>,
    /// Another Composition than the shipped one.
    #[arg(long, value_name = "FILE")]
    composition: Option<PathBuf>,
    /// Stop when every database is in this phase; exits with 1 if one never is.
    #[arg(long, value_name = "PHASE", value_parser = phase, conflicts_with = "fleet")]
    until: Option<String>,
    /// Approve whatever waits for an approval.
    #[arg(long, conflicts_with = "fleet")]
    approve: bool,
    /// Delete the databases at the end.
    #[arg(long, conflicts_with = "fleet")]
    delete: bool,
    /// The time to begin at, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = super::time, default_value = START, conflicts_with = "fleet")]
    now: Timestamp,
    #[command(flatten)]
    fleet: fleet::Fleet,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let composition = render::composition(arguments.composition.as_deref())?;
    if let Some(databases) = arguments.fleet.fleet {
        return fleet::run(databases, &arguments.fleet, composition);
    }
    let files = documents::read(&arguments.claims);
    files.unreadable.iter().for_each(super::say);
    let mut trouble = !files.unreadable.is_empty();
    let (claims, others): (Vec<Document>, Vec<Document>) =
        files.documents.into_iter().partition(|document| validate::kind(document) == Kind::Claim);
    if claims.is_empty() && !trouble {
        return Err(GaveUp::Unreadable("there is no Database (db.platform.io/v1) in these files".into()).into());
    }
    let world = World::new(composition, arguments.now)?;
    let mut play = Play { world, arguments, looks: BTreeMap::new() };
    for document in &others {
        trouble |= !play.accepts(document)?;
    }
    for claim in &claims {
        play.world.hand_out_keys(&namespace(claim));
    }
    // Each with its edits: what comes again has to wait for the life before.
    let mut rounds: Vec<Vec<&Document>> = vec![];
    for claim in &claims {
        let same = |other: &&&Document| Id::of(&other.value) == Id::of(&claim.value);
        let earlier = rounds.iter().filter(|round| round.iter().any(|other| same(&other))).count();
        match rounds.get_mut(earlier) {
            Some(round) => round.push(claim),
            None => rounds.push(vec![claim]),
        }
    }
    let last = rounds.len().saturating_sub(1);
    for (number, round) in rounds.into_iter().enumerate() {
        for claim in round {
            if number > 0 {
                play.note(&format!("{} is applied", claim.file))?;
            }
            trouble |= !play.accepts(claim)?;
        }
        let until = arguments.until.as_deref().filter(|_| number == last);
        trouble |= !play.live(until)?;
    }
    let is_invalid = |look: &Look| look.reason("Validated") == Some("Invalid");
    trouble |= arguments.until.is_none() && play.looks.values().any(is_invalid);
    if arguments.delete {
        let databases: Vec<Id> = play.looks.keys().cloned().collect();
        for database in databases {
            let outcome = play.world.delete(&database, Policy::Background);
            play.note(&match outcome {
                Ok(()) => format!("{database} is deleted"),
                Err(refused) => format!("the deletion is refused: {refused}"),
            })?;
        }
        play.live(None)?;
    }
    if !arguments.approve && play.waits() {
        super::hint("the same with --approve goes on");
    }
    Ok(if trouble { Outcome::Problems } else { Outcome::Fine })
}

/// Where a claim goes, as kubectl has it.
fn namespace(claim: &Document) -> String {
    claim.value["metadata"]["namespace"].as_str().unwrap_or("default").into()
}

/// A world that somebody watches.
struct Play<'a> {
    world: World,
    arguments: &'a Arguments,
    /// What was seen of each database last.
    looks: BTreeMap<Id, Look>,
}

impl Play<'_> {
    /// Whether the API server takes it; else all that is wrong was said.
    fn accepts(&mut self, document: &Document) -> anyhow::Result<bool> {
        let found = validate::refused(document)?;
        found.iter().for_each(|finding| super::say(finding.line(&document.file)));
        if !found.is_empty() {
            return Ok(false);
        }
        let is_claim = validate::kind(document) == Kind::Claim;
        let accepted = match is_claim {
            true => self.world.apply(&document.value),
            false => self.world.begin_with(&document.value),
        };
        match accepted {
            Ok(id) if is_claim => _ = self.looks.entry(id).or_default(),
            Ok(_) => {}
            Err(refused) => {
                super::say(format_args!("{}: {refused}", document.file));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Watches until nothing more happens, or every database is in the phase. `false`: that one never came.
    fn live(&mut self, until: Option<&str>) -> anyhow::Result<bool> {
        let mut quiet_at = self.world.now() + QUIET;
        loop {
            if self.show()? {
                quiet_at = self.world.now() + QUIET;
            }
            if let Some(phase) = until
                && self.looks.values().all(|look| look.phase == phase)
            {
                return Ok(true);
            }
            if self.arguments.approve && self.approve()? {
                continue;
            }
            if !self.world.step(quiet_at) {
                break;
            }
        }
        for (database, look) in self.looks.iter().filter(|(_, look)| until.is_some_and(|phase| look.phase != phase)) {
            let (phase, wanted) = (&look.phase, until.unwrap_or_default());
            super::say(format_args!("{database} stays {phase}; it does not become {wanted}"));
        }
        Ok(until.is_none())
    }

    /// Prints what became different since the last look.
    fn show(&mut self) -> anyhow::Result<bool> {
        let mut text = String::new();
        for (database, before) in &mut self.looks {
            let look = Look::at(&self.world, database, before);
            if let Some(moment) = look.since(before) {
                let is_there = self.world.get(database).is_some();
                let at = self.world.now().duration_since(self.arguments.now);
                write_moment(&mut text, at, database, &moment, is_there)?;
            }
            *before = look;
        }
        super::print(&text)?;
        Ok(!text.is_empty())
    }

    fn note(&self, what: &str) -> anyhow::Result<()> {
        let at = self.world.now().duration_since(self.arguments.now);
        Ok(super::print(&format!("{}  {what}\n", clock(at)))?)
    }

    /// Approves what waits, by as many people as it needs, and says so.
    fn approve(&mut self) -> anyhow::Result<bool> {
        let databases: Vec<Id> = self.looks.keys().cloned().collect();
        let mut approved = false;
        for (database, waits) in databases.iter().flat_map(|database| Waits::ALL.map(|waits| (database, waits))) {
            for (approver, made) in self.world.agree(database, waits) {
                approved = true;
                self.note(&format!("{approver} approves: {made}"))?;
            }
        }
        Ok(approved)
    }

    fn waits(&self) -> bool {
        let waits = |approval: &serde_json::Value| Waits::ALL.iter().any(|waits| !approval[waits.field()].is_null());
        self.looks.keys().filter_map(|id| self.world.get(id)).any(|value| waits(&value["status"]["approval"]))
    }
}

fn write_moment(
    text: &mut String,
    at: SignedDuration,
    database: &Id,
    moment: &Moment,
    is_there: bool,
) -> std::fmt::Result {
    let Moment { phase, message, conditions, came, went, kept } = moment;
    let style = anstyle::Style::new().bold();
    let phase = match phase.as_str() {
        _ if !is_there => "gone",
        "" => "no status",
        phase => phase,
    };
    let message = if message.is_empty() { String::new() } else { format!(", {message}") };
    let Id { namespace, name, .. } = database;
    writeln!(text, "{}  {style}{namespace}/{name}: {phase}{style:#}{message}", clock(at))?;
    for (sign, lines) in [("+", came), ("-", went), ("=", kept), (" ", conditions)] {
        for line in lines {
            writeln!(text, "          {sign} {}", line.replace('\n', "; "))?;
        }
    }
    Ok(())
}

/// Hours, minutes and seconds since the beginning.
fn clock(at: SignedDuration) -> String {
    let seconds = at.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn phase(text: &str) -> Result<String, String> {
    let mut letters = text.chars();
    let name: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    match serde_json::from_value::<Phase>(name.as_str().into()) {
        Ok(_) => Ok(name),
        Err(_) => Err("write a phase of the status, such as Ready, AwaitingApproval or Invalid".into()),
    }
}
