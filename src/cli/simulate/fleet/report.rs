//! The sums of an organisation. In: lives, and how often each is lived. Out: a report. Must not print.

use function_database::api::claim::Environment;
use function_database::api::status::Class;
use function_database::preview::Change;
use function_database::simulate::Counts;
use function_database::simulate::fleet::Role;
use function_database::simulate::fleet::life::{Life, Stage};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How long Crossplane takes for one call of the function and for one write to the API server, in seconds. Assumed; the
/// documentation has what was measured.
pub const CALL: f64 = 0.001;
pub const WRITE: f64 = 0.005;
/// What is asked for again within so many seconds is waited for.
const SOON: i64 = 60;

pub struct Lived<'a> {
    pub role: &'a Role,
    pub life: &'a Life,
}

impl Lived<'_> {
    /// The claim that its database runs by; none: nothing runs.
    pub fn runs(&self) -> Option<&Value> {
        let (created, edited) = self.role.agreed;
        match edited && !self.life.mistaken {
            _ if !created => None,
            true => Some(self.role.last()),
            false => Some(&self.role.claim),
        }
    }
}

/// What Crossplane and its API server are given.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// `--max-reconcile-rate`.
    pub workers: u64,
    pub writes_per_second: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub databases: u64,
    /// Different ones.
    pub lives: usize,
    pub engines: BTreeMap<String, BTreeMap<Environment, u64>>,
    /// In the pipeline's order.
    pub steps: Vec<String>,
    pub stages: Vec<StageSum>,
    pub control: Control,
    pub convergence: Vec<Convergence>,
    pub states: BTreeMap<String, BTreeMap<Environment, u64>>,
    pub rest: Rest,
    pub mistakes: Vec<Mistake>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageSum {
    pub stage: String,
    pub databases: u64,
    pub reconciles: u64,
    /// By step, in the pipeline's order.
    pub calls: Vec<u64>,
    pub writes: u64,
    /// Of the database with most: what Crossplane's circuit breaker counts.
    pub most_events: u64,
    /// Of the slowest database, in seconds of the stand-ins' clock.
    pub longest: i64,
}

/// All of something at once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Convergence {
    pub what: String,
    /// Those that it is for; Crossplane runs the others too.
    pub databases: u64,
    pub reconciles: u64,
    pub calls: u64,
    pub writes: u64,
    /// Until all workers are through, in seconds.
    pub by_workers: f64,
    /// Until the API server has taken every write, in seconds.
    pub by_writes: f64,
}

/// What goes on while nobody does anything.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rest {
    /// Databases that the function wants to see again within a minute, because something is waited for.
    pub soon: u64,
    /// Later, such as at the next window or when a backup would be too old.
    pub later: u64,
    /// Only when something changes.
    pub never: u64,
    /// In an hour: what was asked for, and what Crossplane looks at once an hour (`--sync-interval`): the database and each of
    /// its resources.
    pub reconciles: u64,
    pub writes: u64,
}

/// What a wrong change of the policy would have touched, by environment.
#[derive(Serialize)]
pub struct Mistake {
    pub name: String,
    pub verdicts: BTreeMap<Environment, BTreeMap<Verdict, u64>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    Untouched,
    ServesOn,
    RestartsAtOnce,
    WaitsForWindow,
    HeldForApproval,
    Invalid,
    LosesData,
    NothingRuns,
}

impl Verdict {
    pub const ALL: [Verdict; 8] = [
        Verdict::Untouched,
        Verdict::ServesOn,
        Verdict::RestartsAtOnce,
        Verdict::WaitsForWindow,
        Verdict::HeldForApproval,
        Verdict::Invalid,
        Verdict::LosesData,
        Verdict::NothingRuns,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Verdict::Untouched => "untouched",
            Verdict::ServesOn => "changed, serve on",
            Verdict::RestartsAtOnce => "restart at once",
            Verdict::WaitsForWindow => "wait for a window",
            Verdict::HeldForApproval => "held for approval",
            Verdict::Invalid => "invalid, go on as before",
            Verdict::LosesData => "lose data",
            Verdict::NothingRuns => "nothing runs",
        }
    }

    fn of(lived: &Lived, change: Option<&Change>) -> Verdict {
        let Some(change) = change else {
            return if lived.runs().is_some() { Verdict::Untouched } else { Verdict::NothingRuns };
        };
        match change.class {
            Class::Refused => Verdict::Invalid,
            _ if change.approval.is_some() => Verdict::HeldForApproval,
            Class::DataLoss => Verdict::LosesData,
            _ if change.maintenance.as_ref().is_some_and(|maintenance| maintenance.waits) => Verdict::WaitsForWindow,
            Class::None | Class::Online => Verdict::ServesOn,
            Class::Restart | Class::Failover | Class::Rebuild => Verdict::RestartsAtOnce,
        }
    }
}

impl Mistake {
    pub fn of(name: String, lived: &[Lived], touched: &[Option<Change>]) -> Mistake {
        let mut verdicts: BTreeMap<Environment, BTreeMap<Verdict, u64>> = BTreeMap::new();
        for (it, change) in lived.iter().zip(touched) {
            let of_environment = verdicts.entry(it.role.environment).or_default();
            *of_environment.entry(Verdict::of(it, change.as_ref())).or_default() += it.role.databases;
        }
        Mistake { name, verdicts }
    }
}

impl Report {
    pub fn of(steps: Vec<String>, lived: &[Lived], mistakes: Vec<Mistake>, control: Control) -> Report {
        let (mut engines, mut states) = (BTreeMap::new(), BTreeMap::new());
        for Lived { role, life } in lived {
            let engine = function_database::operators::name_of(&role.engine);
            add(&mut engines, engine, role);
            add(&mut states, state(life), role);
        }
        Report {
            databases: lived.iter().map(|it| it.role.databases).sum(),
            lives: lived.len(),
            engines,
            steps,
            stages: Stage::ALL.into_iter().map(|stage| StageSum::of(stage, lived)).collect(),
            control,
            convergence: convergence(lived, control),
            states,
            rest: Rest::of(lived),
            mistakes,
        }
    }
}

fn add(table: &mut BTreeMap<String, BTreeMap<Environment, u64>>, row: String, role: &Role) {
    *table.entry(row).or_default().entry(role.environment).or_default() += role.databases;
}

/// The phase, and why it does not become what the claim says.
fn state(life: &Life) -> String {
    let phase = &life.phase;
    match () {
        () if life.mistaken => format!("{phase}, with a mistake in the edit"),
        () if life.waits && phase != "AwaitingApproval" => format!("{phase}, with an edit that waits for approval"),
        () => phase.clone(),
    }
}

fn sum<'a>(lived: impl Iterator<Item = &'a Lived<'a>>, stage: Stage) -> (u64, Counts) {
    let (mut databases, mut counts) = (0, Counts::default());
    for Lived { role, life } in lived {
        for (_, played) in life.stages.iter().filter(|(of, _)| *of == stage) {
            databases += role.databases;
            counts.add(&played.counts, role.databases);
        }
    }
    (databases, counts)
}

impl StageSum {
    fn of(stage: Stage, lived: &[Lived]) -> StageSum {
        let (databases, Counts { reconciles, calls, writes, .. }) = sum(lived.iter(), stage);
        let played = || lived.iter().flat_map(|it| &it.life.stages).filter(|(of, _)| *of == stage);
        StageSum {
            stage: stage.words().into(),
            databases,
            reconciles,
            calls,
            writes,
            most_events: played().map(|(_, played)| played.counts.events).max().unwrap_or_default(),
            longest: played().map(|(_, played)| played.took.as_secs()).max().unwrap_or_default(),
        }
    }
}

/// The waves in their order, between what happens to all at once.
fn convergence(lived: &[Lived], control: Control) -> Vec<Convergence> {
    let all_at_once = |what: &str, stage| {
        let (databases, counts) = sum(lived.iter(), stage);
        Convergence::of(what.into(), databases, &counts, control)
    };
    let mut found = vec![all_at_once("created, all at once", Stage::Created)];
    for wave in [Environment::Dev, Environment::Staging, Environment::Prod] {
        let is_in = |it: &&Lived| it.role.environment == wave;
        let (databases, mut counts) = sum(lived.iter().filter(is_in), Stage::Upgraded);
        counts.add(&sum(lived.iter().filter(|it| !is_in(it)), Stage::Passed).1, 1);
        let name = function_database::operators::name_of(&wave);
        found.push(Convergence::of(format!("upgrade, wave {name}"), databases, &counts, control));
    }
    found.push(all_at_once("Crossplane looks at all once", Stage::Passed));
    found
}

impl Convergence {
    // Casts lose nothing below 2^53.
    fn of(what: String, databases: u64, counts: &Counts, control: Control) -> Convergence {
        let Counts { reconciles, writes, .. } = *counts;
        let calls = counts.all_calls();
        let worked = calls as f64 * CALL + writes as f64 * WRITE;
        let by_workers = worked / control.workers as f64;
        let by_writes = writes as f64 / control.writes_per_second as f64;
        Convergence { what, databases, reconciles, calls, writes, by_workers, by_writes }
    }

    /// In seconds: the narrower of both decides.
    pub fn seconds(&self) -> f64 {
        self.by_workers.max(self.by_writes)
    }
}

impl Rest {
    fn of(lived: &[Lived]) -> Rest {
        let mut rest = Rest::default();
        for Lived { role, life } in lived {
            let databases = role.databases;
            let asked = life.asks_again.map(|again| again.as_secs().max(1));
            *match asked {
                Some(again) if again <= SOON => &mut rest.soon,
                Some(_) => &mut rest.later,
                None => &mut rest.never,
            } += databases;
            let passed = life.stages.iter().find(|(stage, _)| *stage == Stage::Passed);
            let Counts { reconciles, writes, .. } = passed.map(|(_, played)| played.counts.clone()).unwrap_or_default();
            let of_one = writes / reconciles.max(1);
            // All but the references and the status is a resource.
            let looked_at = 1 + of_one.saturating_sub(2);
            let asked = asked.and_then(|again| u64::try_from(3600 / again).ok()).unwrap_or_default();
            rest.reconciles += databases * (asked + looked_at);
            rest.writes += databases * (asked + looked_at) * of_one;
        }
        rest
    }
}
