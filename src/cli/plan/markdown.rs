//! The preview as the comment of a pull request. In: a preview. Out: markdown that GitHub and GitLab take whole. Must not
//! let a claim's text become markup.

use super::text::{command, mark, money, people, short, sign, total, what};
use function_database::preview::{Change, Move, Preview};
use std::fmt::Write;

/// Characters; GitHub takes 65,536 in a comment.
const LONGEST: usize = 60_000;

pub fn markdown(preview: &Preview) -> String {
    let mut text = String::from("### Databases\n\n");
    if preview.changes.is_empty() {
        text += "Nothing changes.\n";
    } else {
        text += "| | database | what happens | a month |\n|---|---|---|---|\n";
    }
    let mut left_out = 0;
    for change in &preview.changes {
        let row = row(change);
        match text.len() + row.len() < LONGEST {
            true => text += &row,
            false => left_out += 1,
        }
    }
    text += "\n";
    for Move { namespace, name, from, to } in &preview.moved {
        let line = format!(
            "- {} stands in {} instead of {}, and stays as it is\n",
            code(&format!("{namespace}/{name}")),
            code(to),
            code(from)
        );
        if text.len() + line.len() < LONGEST {
            text += &line;
        }
    }
    for change in &preview.changes {
        let details = details(change).unwrap_or_default();
        match text.len() + details.len() < LONGEST {
            true => text += &details,
            false => left_out += 1,
        }
    }
    if left_out > 0 {
        text += "\nNot everything fits into a comment; `function-database plan` shows the rest.\n";
    }
    let _ = writeln!(text, "\n{}", plain(&total(preview)));
    text
}

fn row(change: &Change) -> String {
    let name = code(&format!("{}/{}", change.namespace, change.name));
    let mut what = format!("**{}**: {}", what(change), plain(&change.effect));
    if let Some(approval) = &change.approval {
        let _ = write!(what, "; {}", people(approval));
    }
    if change.maintenance.as_ref().is_some_and(|maintenance| maintenance.waits) {
        what += "; waits for the maintenance window";
    }
    let cost = change.monthly_cost.as_ref().map(|cost| money(cost).replace(" a month", "")).unwrap_or_default();
    format!("| {} | {name} | {what} | {} |\n", code(&sign(change).to_string()), plain(&cost))
}

fn details(change: &Change) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let name = format!("{}/{}", change.namespace, change.name);
    writeln!(text, "\n<details><summary>{}</summary>\n", html(&name))?;
    let file = change.file.as_deref().unwrap_or_default();
    for problem in &change.problems {
        let place = format!("{file}:{}:{}", problem.line, problem.column);
        let title = problem.title.as_ref().map(|title| format!("**{}**: ", plain(title))).unwrap_or_default();
        writeln!(text, "- {} {title}{}", code(&place), plain(&problem.message))?;
    }
    super::text::details(change).iter().try_for_each(|words| writeln!(text, "- {}", plain(words)))?;
    if !change.resources.is_empty() {
        let mut lines = String::new();
        for resource in &change.resources {
            let mark = if mark(resource) == '~' { ' ' } else { mark(resource) };
            writeln!(lines, "{mark} {} {}", resource.kind, resource.name)?;
            for field in &resource.fields {
                for (sign, value) in [('-', &field.before), ('+', &field.after)] {
                    if let Some(value) = value {
                        writeln!(lines, "{sign}   {}: {}", field.path, short(value))?;
                    }
                }
            }
        }
        let fence = fence(&lines);
        writeln!(text, "\n{fence}diff\n{lines}{fence}")?;
    }
    if let Some(command) = command(change) {
        let fence = fence(&command);
        writeln!(text, "\n{fence}sh\n{command} --apply\n{fence}")?;
    }
    writeln!(text, "\n</details>")?;
    Ok(text)
}

/// Longer than any run of backticks inside.
fn fence(text: &str) -> String {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r', '`'], " ").replace('|', "\\|");
    format!("`{text}`")
}

/// Text that is nothing but text, in one line.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in html(text).chars() {
        match letter {
            '\n' | '\r' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => plain.extend(['\\', letter]),
            // Nobody is called by a claim's text.
            '@' => plain.push_str("&#64;"),
            letter => plain.push(letter),
        }
    }
    plain
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claims_text_is_only_text() {
        let cases = [
            ("description <img src=x> | `a` @team", "description &lt;img src=x&gt; \\| \\`a\\` &#64;team"),
            ("a\n# b", "a \\# b"),
            ("replicas 3 -> 5", "replicas 3 -&gt; 5"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected);
        }
        assert_eq!(fence("a ```` b"), "`````");
        assert_eq!(fence("a"), "```");
    }
}
