//! What holds for any text. In: any bytes, as a file of the user's. Out: nothing, or a panic. Shared by the tests and by
//! `fuzz/targets/document.rs`.

use super::{Files, text};
use serde_json::Value;

/// A file is read or refused with a line that names it. What is read knows where it stands, and is the same once it was
/// written and read again.
pub fn check(bytes: &[u8]) {
    let files = Files::of(vec![text(bytes).map(|text| ("f".into(), text)).map_err(|error| format!("f: {error:#}"))]);
    for line in &files.unreadable {
        assert!(line.starts_with("f:") && !line.contains('\n'), "{line:?}");
    }
    // For YAML a carriage return ends a line too.
    let lines = bytes.split(|byte| b"\r\n".contains(byte)).count() as u64;
    for document in &files.documents {
        for path in ["", "metadata.name", "spec.a[1].b", "spec[\"a.b/c\"]"] {
            let (line, column) = document.at(path);
            assert!((1..=lines).contains(&line) && column > 0, "{path} at {line}:{column} of {lines}");
        }
        document.ambiguous();
        // What could not be written would not be the same either.
        let written = serde_saphyr::to_string(&document.value).unwrap_or_default();
        let again = Files::of(vec![Ok(("f".into(), written.clone()))]);
        let read: Vec<&Value> = again.documents.iter().map(|document| &document.value).collect();
        // The items of a list are documents of their own.
        let is_list = document.value["kind"] == "List";
        assert!(
            is_list || read == [&document.value],
            "{:?} {written:?} {read:?} {:?}",
            document.value,
            again.unreadable
        );
    }
}
