//! Regular expressions as the API server reads them: Go's, which are RE2.
//!
//! In: a pattern. Out: the same for `regex-lite`, compiled once however often it stands in a schema. It must not
//! accept what Go does not compile. Classes of Unicode (`\p`) are refused: no schema of ours or of an operator has one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use regex_lite::{Error, Regex};

/// The patterns of one schema, by how they are written.
#[derive(Debug, Default)]
pub struct Patterns(HashMap<String, Regex>);

impl Patterns {
    pub fn compile(&mut self, pattern: &str) -> Result<Regex, Error> {
        Ok(match self.0.entry(pattern.to_owned()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(Regex::new(&translate(pattern))?).clone(),
        })
    }
}

/// The two differ in one thing: to RE2 a vertical tab is no white space.
fn translate(pattern: &str) -> String {
    let (mut out, mut within) = (String::new(), false);
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        match (next, if next == '\\' { rest.next() } else { None }) {
            (_, Some('s')) if within => out.push_str(r"\t\n\f\r\x20"),
            (_, Some('s')) => out.push_str(r"[\t\n\f\r\x20]"),
            (_, Some('S')) if !within => out.push_str(r"[^\t\n\f\r\x20]"),
            (_, Some(escaped)) => out.extend([next, escaped]),
            (_, None) => {
                within = next == '[' || within && next != ']';
                out.push(next);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_go_means() {
        let cases = [
            (r"^\d+$", "12", true),
            (r"^\d+$", "١٢", false),
            (r"^[\w.-]+$", "a_b.c-1", true),
            (r"^[\w.-]+$", "é", false),
            (r"^[^\s]$", "\u{a0}", true),
            (r"^\D\W\S$", "é", false),
            (r"^\D\W\S$", "éé\u{a0}", true),
            (r"a\b", "aé", true),
            (r"^\\d$", r"\d", true),
            (r"^[\w;:@&=\$-\.\+]*$", "a&b=c", true),
            ("b", "abc", true),
            (r"^.\.$", "é.", true),
            (r"(?i)^abc$", "ABC", true),
        ];
        for (pattern, text, matches) in cases {
            assert_eq!(Patterns::default().compile(pattern).unwrap().is_match(text), matches, "{pattern} {text}");
        }
        for wrong in ["(", "a{2,1}", r"\", r"(?=a)", r"(a)\1", r"\p{L}"] {
            assert!(Patterns::default().compile(wrong).is_err(), "{wrong}");
        }
    }
}
