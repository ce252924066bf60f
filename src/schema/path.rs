//! Writes the path of a value inside an object: `spec.list[0].name`, `metadata.labels["a.b/c"]`.
//!
//! In: the path so far and a step. Out: the longer path, or the trail that becomes one. The empty path is the object itself.

use serde_json::Value;

/// The path of a field or map key.
pub fn key(base: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (plain, base) {
        (true, "") => name.to_owned(),
        (true, _) => [base, ".", name].concat(),
        (false, _) => format!("{base}[{}]", Value::from(name)),
    }
}

/// The path of a list item.
pub fn index(base: &str, index: impl std::fmt::Display) -> String {
    format!("{base}[{index}]")
}

/// The way to a value, link by link from the value up. Of most values nobody speaks, so that only this walks along.
pub enum Trail<'a> {
    Object,
    Field(&'a Trail<'a>, &'a str),
    Item(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    pub fn path(&self) -> String {
        match self {
            Trail::Object => String::new(),
            Trail::Field(above, name) => key(&above.path(), name),
            Trail::Item(above, position) => index(&above.path(), position),
        }
    }
}

/// Whether `inner` is the value at `outer` or a part of it.
pub fn is_within(inner: &str, outer: &str) -> bool {
    outer.is_empty()
        || inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_quoted_only_where_it_must_be() {
        let cases = [
            ("", "spec", "spec"),
            ("spec", "max_connections", "spec.max_connections"),
            ("spec", "my-key", "spec.my-key"),
            ("metadata.labels", "a.b/c", "metadata.labels[\"a.b/c\"]"),
            ("spec", "say \"x\"", "spec[\"say \\\"x\\\"\"]"),
            ("spec", "", "spec[\"\"]"),
        ];
        for (base, name, expected) in cases {
            assert_eq!(key(base, name), expected);
        }
        assert_eq!(index("spec.list", 3), "spec.list[3]");
    }

    #[test]
    fn a_trail_is_the_path_step_by_step() {
        let spec = Trail::Field(&Trail::Object, "spec");
        let list = Trail::Field(&spec, "my list");
        assert_eq!(Trail::Item(&list, 2).path(), "spec[\"my list\"][2]");
        assert_eq!(Trail::Object.path(), "");
    }

    #[test]
    fn within_follows_whole_steps() {
        let cases = [
            ("spec.a", "", true),
            ("spec", "spec", true),
            ("spec.a", "spec", true),
            ("spec[0]", "spec", true),
            ("specs", "spec", false),
            ("spec", "spec.a", false),
        ];
        for (inner, outer, expected) in cases {
            assert_eq!(is_within(inner, outer), expected, "{inner} in {outer}");
        }
    }
}
