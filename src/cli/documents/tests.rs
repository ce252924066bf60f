//! What users write, and what is read.

#[path = "../../../tests/support/corpus.rs"]
mod corpus;

use super::*;
use pretty_assertions::assert_eq;
use serde_json::json;

fn parse(text: &str) -> Files {
    Files::of(vec![Ok(("f".into(), text.into()))])
}

#[test]
fn what_fuzzing_found() {
    corpus::play("document", any_text::check);
}

#[test]
fn every_field_knows_its_place() {
    let text = "a: 1\nb:\n  c: [x, {d: y}]\n  \"e.f/g\": 1\n---\n# of the second\ne: f\n--- {g: h}\n";
    let documents = parse(text).documents;
    let places = [
        (0, "a", (1, 1)),
        (0, "b", (2, 1)),
        (0, "b.c", (3, 3)),
        (0, "b.c[0]", (3, 7)),
        (0, "b.c[1].d", (3, 11)),
        (0, "b[\"e.f/g\"]", (4, 3)),
        (0, "b[\"e.f/h\"]", (2, 1)),
        (0, "b.c[1].missing", (3, 10)),
        (0, "b.missing.deep[3]", (2, 1)),
        (0, "missing", (1, 1)),
        (1, "e", (7, 1)),
        (1, "missing", (7, 1)),
        (2, "g", (8, 6)),
    ];
    for (document, path, expected) in places {
        assert_eq!(documents[document].at(path), expected, "{path}");
    }
}

#[test]
fn scalars_are_read_by_the_core_schema() {
    let cases = [
        ("yes", json!("yes")),
        ("on", json!("on")),
        ("true", json!(true)),
        ("True", json!(true)),
        ("12:30", json!("12:30")),
        ("\"17\"", json!("17")),
        ("17", json!(17)),
        ("-17", json!(-17)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1.5", json!(1.5)),
        ("0x1F", json!(31)),
        ("~", json!(null)),
        ("", json!(null)),
        ("2027-01-31", json!("2027-01-31")),
        ("!!str 17", json!("17")),
        ("|\n  two\n  lines", json!("two\nlines\n")),
        ("[&x {y: 1}, *x]", json!([{"y": 1}, {"y": 1}])),
        ("{<<: {b: 1, c: 1}, b: 2}", json!({"b": 2, "c": 1})),
    ];
    for (text, expected) in cases {
        let files = parse(&format!("a: {text}\n"));
        assert_eq!(files.documents[0].value, json!({"a": expected}), "{text}");
        let twice = ["yes", "on"].contains(&text);
        assert_eq!(!files.documents[0].ambiguous().is_empty(), twice, "{text}");
    }
}

#[test]
fn what_kubectl_reads_differently_is_noted() {
    let cases = [
        ("on", "on is true for kubectl and a text for others; write true or \"on\""),
        ("No", "No is false for kubectl and a text for others; write false or \"No\""),
        ("010", "010 is not the same number for kubectl and for others; write it in plain digits, or \"010\""),
        ("-0o17", "-0o17 is not the same number for kubectl and for others; write it in plain digits, or \"-0o17\""),
        ("0o17", "0o17 is not the same number for kubectl and for others; write it in plain digits, or \"0o17\""),
        ("1_000", "1_000 is not the same number for kubectl and for others; write it in plain digits, or \"1_000\""),
        ("\"on\"", ""),
        ("'010'", ""),
        ("a_b", ""),
        ("0.5", ""),
        ("0", ""),
        ("0Gi", ""),
        ("|\n  on", ""),
    ];
    for (text, expected) in cases {
        // Letters of several bytes in front, so that offsets in characters would miss it.
        let document = parse(&format!("ø: åæ\na:\n- {text}\n")).documents.pop().unwrap();
        let ambiguous = document.ambiguous();
        let found: Vec<(&str, &str)> = ambiguous.iter().map(|(path, what)| (&**path, &**what)).collect();
        let expected: &[(&str, &str)] = if expected.is_empty() { &[] } else { &[("a[0]", expected)] };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_one_line_and_the_rest_is_read() {
    let cases = [
        ("a: [1", "f:3:4: unclosed bracket '['"),
        ("a: 1\na: 2", "f:4:1: duplicate mapping key: a"),
        ("{\"a\": 1, \"a\": 2}", "f:3:10: duplicate mapping key: a"),
        ("a: *missing", "f:3:4: reference to unknown value"),
        ("a: b: c", "f:3:5: mapping values are not allowed in this context"),
        ("a: .inf", "f:3:4: value `.inf` is not a finite number"),
        ("? {a: b}\n: c", "f:3:3: "),
    ];
    for (text, expected) in cases {
        let files = parse(&format!("before: 1\n---\n{text}\n---\nafter: 1\n"));
        let [line] = files.unreadable.as_slice() else { panic!("{text}: {:?}", files.unreadable) };
        assert!(line.starts_with(expected) && !line.contains('\n'), "{text}: {line}");
        let read: Vec<&Value> = files.documents.iter().map(|document| &document.value).collect();
        assert_eq!(read, [&json!({"before": 1}), &json!({"after": 1})], "{text}");
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let nest = |level: usize| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "));
    let aliases: String = (1..9).map(nest).collect();
    let cases =
        [format!("a0: &a0 [x, x]\n{aliases}"), "[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)];
    // A test's own thread has a quarter of the stack that the process has.
    let reads = move || {
        cases.map(|text| {
            let files = parse(&text);
            (files.documents.len(), files.unreadable.len())
        })
    };
    let read = std::thread::Builder::new().stack_size(8 << 20).spawn(reads).unwrap().join().unwrap();
    assert_eq!(read, [(0, 1); 4]);
    assert!(text(std::io::repeat(b'#')).is_err());
    assert!(text(&b"\xff"[..]).is_err());
}

#[test]
fn a_stream_is_split_where_documents_begin() {
    let cases: [(&str, &[(u64, &str)]); 8] = [
        ("", &[(0, "")]),
        ("a", &[(0, "a")]),
        ("# note\n%YAML 1.2\n---\na: 1\n", &[(0, "# note\n%YAML 1.2\n---\na: 1\n")]),
        ("a\n---\nb\n", &[(0, "a\n"), (1, "---\nb\n")]),
        ("---\n---\nb", &[(0, "---\n"), (1, "---\nb")]),
        ("a: |\n  ---\n---x: 1\n", &[(0, "a: |\n  ---\n---x: 1\n")]),
        ("a\r\n---\r\nb\r\n", &[(0, "a\r\n"), (1, "---\r\nb\r\n")]),
        ("a\n---", &[(0, "a\n"), (1, "---")]),
    ];
    for (text, expected) in cases {
        assert_eq!(split(text), expected, "{text:?}");
    }
    let empty = parse("---\n---\n# nothing\n---\na: 1\n---\n");
    assert_eq!((empty.documents.len(), empty.unreadable.len()), (1, 0));
    assert_eq!(parse("\u{feff}a: 1\n").documents[0].value, json!({"a": 1}));
}

#[test]
fn folders_are_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("b")).unwrap();
    for (name, content) in
        [("c.yml", "n: 3"), ("b/x.json", "{\"n\": 2}"), ("a.yaml", "n: 1"), ("d.txt", "n: 4"), ("e.yaml", "[")]
    {
        std::fs::write(path(name), content).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), path("b/circle")).unwrap();
    let files = read(&[folder.path().into(), path("d.txt"), path("missing.yaml")]);
    let read: Vec<&Value> = files.documents.iter().map(|document| &document.value["n"]).collect();
    assert_eq!(read, [1, 2, 3, 4]);
    assert_eq!(files.unreadable.len(), 2, "{:?}", files.unreadable);
}

#[test]
fn a_folder_that_cannot_be_read_is_one_line() {
    let mut sources = vec![];
    walk(Path::new("no-such-folder"), &mut sources);
    let [Source::Unreadable(why)] = sources.as_slice() else { panic!("{} sources", sources.len()) };
    assert!(why.starts_with("no-such-folder: "), "{why}");
}

#[test]
fn most_files_are_read_once() {
    assert!(!node::may_be_ambiguous(
        "parameters: {work_mem: 4MB}\nretention: 14d\nschedule: \"30 1 * * *\"\nname: no_way"
    ));
    assert!(
        node::may_be_ambiguous("- 0o17") && node::may_be_ambiguous("{a: [yes,1]}") && node::may_be_ambiguous("b: -1_0")
    );
}
