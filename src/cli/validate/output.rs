//! Problems in the form that a person, an editor or a pipeline reads. In: problems with their places. Out: text. Must not
//! lose one.

use clap::ValueEnum;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What a path cannot have in an address.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'%');

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Sarif,
    Github,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located {
    pub file: String,
    /// From 1; none if the file as a whole cannot be read.
    pub line: Option<u64>,
    pub column: Option<u64>,
    pub message: String,
    /// What the portal's forms call the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl Located {
    /// Out of `file:line:column: message`, or `file: message`.
    pub fn parse(line: &str) -> Located {
        let (place, message) = line.split_once(": ").unwrap_or(("", line));
        let mut parts = place.rsplitn(3, ':');
        let numbers = [parts.next(), parts.next()].map(|part| part.and_then(|part| part.parse().ok()));
        match (parts.next(), numbers) {
            (Some(file), [Some(column), Some(line)]) => Located {
                file: file.into(),
                line: Some(line),
                column: Some(column),
                message: message.into(),
                title: None,
            },
            _ => Located { file: place.into(), line: None, column: None, message: message.into(), title: None },
        }
    }
}

pub fn text(
    format: Format,
    problems: &[Located],
    checked: usize,
    skipped: usize,
    snippets: bool,
) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => lines(problems, snippets),
        Format::Json => {
            let all = json!({"problems": problems, "checked": checked, "skipped": skipped});
            serde_json::to_string_pretty(&all)? + "\n"
        }
        Format::Sarif => serde_json::to_string_pretty(&sarif(problems))? + "\n",
        Format::Github => problems.iter().map(annotation).collect(),
    })
}

/// One line each, and for a person at a terminal the line of the file that it is about.
fn lines(problems: &[Located], snippets: bool) -> String {
    let (bold, dimmed) = (anstyle::Style::new().bold(), anstyle::Style::new().dimmed());
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut text = String::new();
    for Located { file, line, column, message, .. } in problems {
        let place = match (line, column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}:"),
            _ => format!("{file}:"),
        };
        let _ = writeln!(text, "{bold}{place}{bold:#} {message}");
        let (true, Some(number), Some(column)) = (snippets, line, column) else { continue };
        let source = sources.entry(file).or_insert_with(|| std::fs::read_to_string(file).unwrap_or_default());
        let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(shown) = source.lines().nth(index) {
            // As it stands there, but for what a terminal would obey.
            let shown = shown.replace(char::is_control, " ");
            let arrow = " ".repeat(usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(shown.len())) + "^";
            let _ = writeln!(text, "{dimmed}{number:>5} | {shown}\n      | {arrow}{dimmed:#}");
        }
    }
    text
}

/// A command of GitHub's runner, which shows it beside the line.
fn annotation(problem: &Located) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let Located { file, line, column, message, title } = problem;
    let place: String = [("line", line), ("col", column)]
        .into_iter()
        .filter_map(|(name, number)| number.map(|number| format!(",{name}={number}")))
        .collect();
    let title = title.as_ref().map(|title| format!(",title={}", property(title))).unwrap_or_default();
    format!("::error file={}{place}{title}::{}\n", property(file), data(message))
}

/// The Static Analysis Results Interchange Format, 2.1.0, as code scanning takes it.
fn sarif(problems: &[Located]) -> Value {
    let result = |problem: &Located| {
        let Located { file, line, column, message, .. } = problem;
        let address = utf8_percent_encode(&file.replace('\\', "/"), PATH).to_string();
        let mut place = json!({"artifactLocation": {"uri": address}});
        if let (Some(line), Some(column)) = (line, column) {
            place["region"] = json!({"startLine": line, "startColumn": column});
        }
        let rule = if line.is_some() { "invalid" } else { "unreadable" };
        json!({
            "ruleId": rule, "level": "error", "message": {"text": message}, "locations": [{"physicalLocation": place}],
        })
    };
    let rule = |id: &str, text: &str| json!({"id": id, "shortDescription": {"text": text}});
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "function-database",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule("invalid", "What the schema, the rules or the platform's limits refuse"),
                    rule("unreadable", "A file that cannot be read"),
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": problems.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        let cases = [
            ("a.yaml:3:7: spec.x: is wrong", Some((3, 7)), "a.yaml", "spec.x: is wrong"),
            ("a:b.yaml:3:7: no", Some((3, 7)), "a:b.yaml", "no"),
            ("a.yaml: is no text", None, "a.yaml", "is no text"),
        ];
        for (line, place, file, message) in cases {
            let located = Located::parse(line);
            assert_eq!((located.file.as_str(), located.message.as_str()), (file, message));
            assert_eq!(located.line.zip(located.column), place);
        }
    }

    #[test]
    fn a_message_cannot_end_an_annotation() {
        let problem = Located {
            file: "a,b:c".into(),
            line: Some(1),
            column: Some(2),
            message: "50%\n::error::x".into(),
            title: Some("a,b: c".into()),
        };
        let expected = "::error file=a%2Cb%3Ac,line=1,col=2,title=a%2Cb%3A c::50%25%0A::error::x\n";
        assert_eq!(annotation(&problem), expected);
    }
}
