//! The preview for a terminal. In: a preview. Out: text, in colour where the terminal has any. Must not decide anything.

use anstyle::{AnsiColor, Style};
use function_database::api::approval::{self, OperationKind};
use function_database::api::status::Class;
use function_database::operators::name_of;
use function_database::preview::resources::ResourceChange;
use function_database::preview::restore::Restoration;
use function_database::preview::{Approval, Change, Cost, Move, Preview, Trouble};
use serde_json::Value;
use std::fmt::Write;

/// Longer values are cut.
const WIDEST: usize = 80;

pub fn text(preview: &Preview) -> String {
    let mut text = String::new();
    text.extend(preview.changes.iter().map(change));
    for Move { namespace, name, from, to } in &preview.moved {
        let _ = writeln!(text, "  {namespace}/{name} stands in {to} instead of {from}, and stays as it is");
    }
    text + &total(preview) + "\n"
}

/// Of one database.
pub fn change(change: &Change) -> String {
    let mut text = String::new();
    let _ = write(&mut text, change);
    text
}

fn write(text: &mut String, change: &Change) -> std::fmt::Result {
    let (sign, style) = (sign(change), style(change.class));
    let Change { namespace, name, effect, .. } = change;
    writeln!(text, "{style}{sign} {namespace}/{name}: {}{style:#}", what(change))?;
    writeln!(text, "    {effect}")?;
    let place = [change.moved_from.as_deref().map(|from| format!("was {from}")), change.file.clone()];
    let place: Vec<String> = place.into_iter().rev().flatten().collect();
    writeln!(text, "    {}", place.join(", "))?;
    for Trouble { line, column, message, .. } in &change.problems {
        let file = change.file.as_deref().unwrap_or_default();
        writeln!(text, "    {file}:{line}:{column}: {message}")?;
    }
    details(change).iter().try_for_each(|words| writeln!(text, "    {}", line(words)))?;
    if let Some(cost) = &change.monthly_cost {
        writeln!(text, "    {}", money(cost))?;
    }
    for resource in &change.resources {
        writeln!(text, "    {} {} {}", mark(resource), resource.kind, resource.name)?;
        for field in &resource.fields {
            let (before, after) = (field.before.as_ref().map(short), field.after.as_ref().map(short));
            writeln!(text, "        {} {}", field.path, step(before, after))?;
        }
    }
    if let Some(approval) = &change.approval {
        let how =
            command(change).unwrap_or_else(|| "see the database's status once somebody has tried to delete it".into());
        writeln!(text, "    {}: {how}", people(approval))?;
    }
    Ok(())
}

/// What it is in words, one line for each: of a new database not all of its terms.
pub fn details(change: &Change) -> Vec<&str> {
    let words = change.changes.iter().map(String::as_str);
    let mut details: Vec<&str> = match (&change.summary, &change.restore) {
        (Some(summary), None) if change.operation == OperationKind::Create => vec![summary],
        (Some(summary), Some(Restoration { replaces: false, .. })) => words.take(1).chain([summary.as_str()]).collect(),
        _ => words.collect(),
    };
    details.extend(change.restore.as_ref().map(|restore| restore.unknown.as_str()));
    details.extend(change.maintenance.as_ref().map(|maintenance| maintenance.words.as_str()));
    details
}

fn step(before: Option<String>, after: Option<String>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, Some(after)) => format!("+ {after}"),
        (Some(before), None) => format!("- {before}"),
        (None, None) => String::new(),
    }
}

pub fn sign(change: &Change) -> char {
    match (change.class, change.operation) {
        (Class::Refused, _) => '!',
        _ if is_new(change) => '+',
        (_, OperationKind::Delete) => '-',
        (_, OperationKind::Create | OperationKind::Change | OperationKind::Restore) => '~',
    }
}

/// Whether there was none before.
fn is_new(change: &Change) -> bool {
    change.operation == OperationKind::Create || change.restore.as_ref().is_some_and(|restore| !restore.replaces)
}

pub fn mark(resource: &ResourceChange) -> char {
    match resource.operation {
        OperationKind::Create => '+',
        OperationKind::Delete => '-',
        OperationKind::Change | OperationKind::Restore => '~',
    }
}

/// What happens, in two words at most.
pub fn what(change: &Change) -> String {
    match (change.operation, change.class) {
        (OperationKind::Create, Class::None) if change.renamed.is_some() => "new, by a rename".into(),
        (OperationKind::Create, Class::None) => "new".into(),
        (OperationKind::Restore, Class::None) => "new, by a restore".into(),
        (OperationKind::Restore, Class::DataLoss) => "restored, data loss".into(),
        (OperationKind::Delete, Class::DataLoss) => "deleted, data loss".into(),
        (OperationKind::Delete, _) => "deleted".into(),
        (_, Class::DataLoss) => "data loss".into(),
        (_, class) => name_of(&class).to_lowercase(),
    }
}

fn style(class: Class) -> Style {
    let color = match class {
        Class::None | Class::Online => AnsiColor::Green,
        Class::Restart | Class::Failover => AnsiColor::Yellow,
        Class::Rebuild | Class::DataLoss | Class::Refused => AnsiColor::Red,
    };
    color.on_default().bold()
}

/// `EUR 412 -> EUR 690 a month`
pub fn money(cost: &Cost) -> String {
    let Cost { currency, before, after } = cost;
    match before == after {
        true => format!("{currency} {after} a month"),
        false => format!("{currency} {before} -> {currency} {after} a month"),
    }
}

/// The command that an approver runs; none where the digest is known to the cluster only.
pub fn command(change: &Change) -> Option<String> {
    let digest = change.approval.as_ref()?.digest.as_ref()?;
    let Change { namespace, name, operation, .. } = change;
    Some(approval::command(namespace, name, *operation, digest))
}

pub fn people(approval: &Approval) -> String {
    match approval.approvers {
        1 => "needs 1 approver".into(),
        approvers => format!("needs {approvers} approvers"),
    }
}

/// Without what a terminal would obey.
fn line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// A value in one line.
pub fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.contains('\n') => format!("({} lines)", text.lines().count()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = line(&text);
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// `2 change, 1 is new, 7 stay as they are; 1 needs an approval; EUR 412 -> EUR 690 a month`
pub fn total(preview: &Preview) -> String {
    let count = |is: &dyn Fn(&Change) -> bool| preview.changes.iter().filter(|change| is(change)).count();
    let refused = |change: &Change| change.class == Class::Refused;
    let of = |operation: OperationKind| {
        count(&|change| change.operation == operation && !refused(change) && !is_new(change))
    };
    let numbers = [
        ("new", count(&|change| is_new(change) && !refused(change))),
        ("changed", of(OperationKind::Change)),
        ("restored", of(OperationKind::Restore)),
        ("deleted", of(OperationKind::Delete)),
        ("refused", count(&refused)),
        ("unchanged", preview.unchanged),
    ];
    let numbers: Vec<String> = numbers
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(what, number)| format!("{number} {what}"))
        .collect();
    let mut parts = vec![numbers.join(", ")];
    let tolls = [("needs an approval", "need an approval", count(&|change| change.approval.is_some()))];
    let losses = [("loses data", "lose data", count(&|change| change.class == Class::DataLoss))];
    for (one, many, number) in tolls.into_iter().chain(losses).filter(|(_, _, number)| *number > 0) {
        parts.push(format!("{number} {}", if number == 1 { one } else { many }));
    }
    parts.extend(sum(preview).map(|cost| money(&cost)));
    parts.join("; ")
}

/// Of everything that changes, where all of it is in one currency.
pub fn sum(preview: &Preview) -> Option<Cost> {
    let mut costs = preview.changes.iter().filter_map(|change| change.monthly_cost.clone());
    let first = costs.next()?;
    costs.try_fold(first, |sum, cost| {
        (sum.currency == cost.currency).then(|| Cost {
            before: sum.before.saturating_add(cost.before),
            after: sum.after.saturating_add(cost.after),
            ..sum
        })
    })
}
