//! Composed resources as a diagram. In: a composite and its resources. Out: Mermaid, as GitHub and Backstage draw it. Must
//! not let a name become part of the drawing.

use function_database::operators::STATEFUL;
use serde_json::Value;
use std::fmt::Write;

/// Each composite with what is composed for it. What holds data is a cylinder.
pub fn diagram(composites: &[(Value, Vec<Value>)]) -> String {
    let mut text = String::from("flowchart LR\n");
    for (number, (composite, resources)) in composites.iter().enumerate() {
        let phase = composite["status"]["phase"].as_str().unwrap_or_default();
        let _ = writeln!(text, "  c{number}([\"{}{}\"])", label(composite), line(phase));
        for (index, resource) in resources.iter().enumerate() {
            let manifest = resource.pointer("/spec/forProvider/manifest");
            let shown = manifest.unwrap_or(resource);
            let label = label(shown) + if manifest.is_some() { "<br/>in another cluster" } else { "" };
            let node = match shown["metadata"]["annotations"][STATEFUL].is_null() {
                true => format!("[\"{label}\"]"),
                false => format!("[(\"{label}\")]"),
            };
            let _ = writeln!(text, "  c{number} --> c{number}r{index}{node}");
        }
    }
    text
}

fn label(value: &Value) -> String {
    let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
    format!("{}{}", text(&value["kind"]), line(value["metadata"]["name"].as_str().unwrap_or_default()))
}

fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<br/>{}", escaped(text)) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', " ")
}
