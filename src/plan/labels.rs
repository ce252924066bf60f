//! What Kubernetes takes as a label. In: labels of the policy. Out: what is wrong with each. Must not know what they are for.

use super::Labels;
use crate::api::problem::Problem;
use crate::schema::path;

/// Of labels at `path`; `so`: what comes of one that is wrong. The rules are those of Kubernetes, "Labels and Selectors",
/// "Syntax and character set".
pub fn problems<'a>(labels: &'a Labels, path: &'a str, so: &'a str) -> impl Iterator<Item = Problem> {
    labels.iter().filter_map(move |(label, value)| problem(label, value, path, so))
}

fn problem(label: &str, value: &str, path: &str, so: &str) -> Option<Problem> {
    const WORD: &str = "up to 63 letters, digits, -, _ and ., with a letter or digit at both ends";
    let (wrong, right) = if !is_label(label) {
        (format!("{label:?} is no label"), format!("{WORD}; a domain and / may stand before it"))
    } else if !value.is_empty() && !is_word(value) {
        (format!("{value:?} is no value of a label"), WORD.into())
    } else {
        return None;
    };
    Some(Problem::new(path::key(path, label), format!("{wrong}, {so}"), format!("the platform team writes {right}")))
}

fn is_label(label: &str) -> bool {
    let Some((domain, name)) = label.split_once('/') else { return is_word(label) };
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let domains = domain.len() <= 253 && domain.split('.').all(|part| is_word(part) && part.bytes().all(letter));
    domains && is_word(name)
}

/// A label's value, if it has one, and the last part of its name (Kubernetes, "Labels and Selectors").
pub fn is_word(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn each_mistake_has_its_sentence() {
        let refused =
            |label: &str, value: &str| problem(label, value, "labels", "so it is none").map(|found| found.to_string());
        let longest = "a".repeat(63);
        for (label, value) in [
            ("region", "us"),
            ("region", ""),
            ("Region_1.a", "US-1_b.2"),
            ("backstage.io/owner", "shop"),
            (&longest, &longest),
            ("1.io/a", "1"),
        ] {
            assert_eq!(refused(label, value), None, "{label}: {value}");
        }
        let longer = "a".repeat(64);
        let word = "up to 63 letters, digits, -, _ and ., with a letter or digit at both ends";
        let right = "so it is none; the platform team writes";
        for value in ["us east", "-us", "us.", "ü", "a/b", &longer] {
            let expected = format!("labels.region: {value:?} is no value of a label, {right} {word}");
            assert_eq!(refused("region", value), Some(expected));
        }
        for label in ["", "my region", "region-", "/region", "a.io/", "A.io/region", "a..io/region", "a/b/c", &longer] {
            let path = path::key("labels", label);
            let expected = format!("{path}: {label:?} is no label, {right} {word}; a domain and / may stand before it");
            assert_eq!(refused(label, "us"), Some(expected));
        }
    }
}
