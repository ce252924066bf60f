//! The report for people. In: a report. Out: tables, and the arithmetic of what was not played. Must not sum anything.

use super::report::{CALL, Convergence, Report, Rest, StageSum, Verdict, WRITE};
use crate::cli::tables;
use function_database::api::claim::Environment;
use function_database::explain::Table;
use function_database::operators::name_of;
use std::collections::BTreeMap;

const ENVIRONMENTS: [Environment; 3] = [Environment::Dev, Environment::Staging, Environment::Prod];

pub fn text(report: &Report) -> String {
    let mut all = vec![
        by_environment(format!("{} databases, {} different lives", report.databases, report.lives), &report.engines),
        stages(report),
        steps(report),
        convergence(report),
        by_environment("How they are in the morning".into(), &report.states),
        rest(&report.rest),
    ];
    all.extend(report.mistakes.iter().map(|mistake| {
        let rows = Verdict::ALL.into_iter().filter_map(|verdict| {
            let of = |environment| mistake.verdicts.get(environment).and_then(|all| all.get(&verdict)).copied();
            let numbers: Vec<u64> =
                ENVIRONMENTS.iter().map(|environment| of(environment).unwrap_or_default()).collect();
            numbers.iter().any(|number| *number > 0).then(|| line(verdict.words(), &numbers))
        });
        let title = format!("A mistake: {}; in all environments at once it would be", mistake.name);
        Table { title, columns: columns(&["", "dev", "staging", "prod"]), rows: rows.collect() }
    }));
    tables::text(&all)
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn line(name: &str, numbers: &[u64]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
}

fn by_environment(title: String, table: &BTreeMap<String, BTreeMap<Environment, u64>>) -> Table {
    let numbers = |of: &BTreeMap<Environment, u64>| ENVIRONMENTS.map(|it| of.get(&it).copied().unwrap_or_default());
    let names: Vec<String> = ENVIRONMENTS.iter().map(name_of).collect();
    let columns = std::iter::once(String::new()).chain(names).collect();
    Table { title, columns, rows: table.iter().map(|(name, of)| line(name, &numbers(of))).collect() }
}

fn stages(report: &Report) -> Table {
    let row = |it: &StageSum| {
        let StageSum { stage, databases, reconciles, calls, writes, most_events, longest } = it;
        let mut row = line(stage, &[*databases, *reconciles, calls.iter().sum(), *writes, *most_events]);
        row.push(if *longest > 0 { format!("{longest} s") } else { "-".into() });
        row
    };
    Table {
        title: "What they live through".into(),
        columns: columns(&["", "databases", "reconciles", "calls", "writes", "most events of one", "longest"]),
        rows: report.stages.iter().map(row).collect(),
    }
}

fn steps(report: &Report) -> Table {
    let names: Vec<&str> = std::iter::once("").chain(report.steps.iter().map(String::as_str)).collect();
    Table {
        title: "Calls by step".into(),
        columns: columns(&names),
        rows: report.stages.iter().map(|it| line(&it.stage, &it.calls)).collect(),
    }
}

fn convergence(report: &Report) -> Table {
    let control = report.control;
    let row = |it: &Convergence| {
        let Convergence { what, databases, reconciles, calls, writes, by_workers, by_writes } = it;
        let mut row = line(what, &[*databases, *reconciles, *calls, *writes]);
        row.extend([by_workers, by_writes, &it.seconds()].map(|seconds| duration(*seconds)));
        row
    };
    let (call, write) = (CALL * 1000.0, WRITE * 1000.0);
    Table {
        title: format!(
            "Time to converge, computed: workers = (calls x {call} ms + writes x {write} ms) / {} workers, API server = writes / \
             {} a second; the larger counts",
            control.workers, control.writes_per_second
        ),
        columns: columns(&["", "databases", "reconciles", "calls", "writes", "workers", "API server", "converged"]),
        rows: report.convergence.iter().map(row).collect(),
    }
}

fn rest(rest: &Rest) -> Table {
    let Rest { soon, later, never, reconciles, writes } = rest;
    let rows = [
        ("databases that are seen again within a minute", soon),
        ("databases that are seen again later", later),
        ("databases that are seen again when something changes", never),
        ("reconciles in an hour, at most", reconciles),
        ("writes in an hour, at most", writes),
    ];
    Table {
        title: "When nobody does anything".into(),
        columns: columns(&["", ""]),
        rows: rows.map(|(name, number)| line(name, &[*number])).into(),
    }
}

/// `1h 2m`, `3m 4s` or `5s`: rounded up, because nothing takes no time.
fn duration(seconds: f64) -> String {
    // Never negative, and far below the largest number.
    let seconds = seconds.ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}
