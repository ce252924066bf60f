//! Tables as text, markdown or HTML. In: tables. Out: their text. Must not cut anything.

use function_database::explain::Table;
use std::fmt::Write;

/// Columns under each other; the titles stand out on a terminal.
pub fn text(tables: &[Table]) -> String {
    let style = anstyle::Style::new().bold();
    let mut text = String::new();
    for (index, Table { title, columns, rows }) in tables.iter().enumerate() {
        let space = if index == 0 { "" } else { "\n" };
        let _ = writeln!(text, "{space}{style}{title}{style:#}");
        let header = std::iter::once(columns).filter(|columns| columns.iter().any(|column| !column.is_empty()));
        let rows: Vec<&Vec<String>> = header.chain(rows).collect();
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
        for row in rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
    text
}

pub fn markdown(tables: &[Table]) -> String {
    let mut text = String::new();
    for (index, Table { title, columns, rows }) in tables.iter().enumerate() {
        let space = if index == 0 { "" } else { "\n" };
        let line = |cells: &[String]| {
            let cells = cells.iter().map(|cell| html_text(cell).replace('|', "\\|").replace('*', "\\*"));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let _ = write!(text, "{space}## {title}\n\n{}|{}\n", line(columns), "---|".repeat(columns.len()));
        text.extend(rows.iter().map(|row| line(row)));
    }
    text
}

/// A page that stands for itself, or goes into another one.
pub fn html(tables: &[Table]) -> String {
    let mut text = String::from("<!doctype html>\n<meta charset=\"utf-8\">\n<title>Databases</title>\n");
    for Table { title, columns, rows } in tables {
        let line = |cells: &[String], tag: &str| {
            let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", html_text(cell)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let body: String = rows.iter().map(|row| line(row, "td")).collect();
        let _ = write!(text, "<h2>{}</h2>\n<table>\n{}{body}</table>\n", html_text(title), line(columns, "th"));
    }
    text
}

fn html_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
