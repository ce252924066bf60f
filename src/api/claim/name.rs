//! The name of a claim, which everything composed is named after. In: a text. Out: whether a database can have it. Must
//! not know what is made for a database: the endings are all that derived names take.

/// Bytes: operators and Crossplane add to it, and labels hold 63.
pub const LONGEST: usize = 40;
/// Endings that derived names use, so that no two databases can meet in one object.
pub const RESERVED: [&str; 9] = ["primary", "replica", "pooler", "pgbouncer", "barman-cloud", "roles", "rw", "ro", "r"];

/// A label of the DNS that begins with a letter, of any length.
pub fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-') && name.bytes().all(inner)
}

/// The ending that is reserved, with its dash; `-g2` and the like name the generations that restores make.
pub fn reserved_ending(name: &str) -> Option<&str> {
    let (before, _) = name.rsplit_once("-g").filter(|(_, digits)| is_number(digits)).unzip();
    let named = || RESERVED.iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix('-'));
    name.get(before.or_else(named)?.len()..)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_derived_names_are_reserved() {
        let cases = [
            ("orders-primary", Some("-primary")),
            ("orders-barman-cloud", Some("-barman-cloud")),
            ("orders-r", Some("-r")),
            ("orders-g2", Some("-g2")),
            ("orders-g10", Some("-g10")),
            ("orders-g", None),
            ("orders-g2a", None),
            ("orders-cloud", None),
            ("primary", None),
            ("g2", None),
            ("r", None),
        ];
        for (name, expected) in cases {
            assert_eq!(reserved_ending(name), expected, "{name}");
        }
    }
}
