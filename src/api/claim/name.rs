//! The name of a claim, which everything composed is named after. In: a text. Out: whether a database can have it; what it
//! is called in a namespace that is not its own. Must not know what is made for a database: the endings are all that derived
//! names take.

use sha2::{Digest as _, Sha256};

/// Bytes: operators and Crossplane add to it, and labels hold 63.
pub const LONGEST: usize = 40;
/// Endings that derived names use, so that no two databases can meet in one object.
pub const RESERVED: [&str; 9] = ["primary", "replica", "pooler", "pgbouncer", "barman-cloud", "roles", "rw", "ro", "r"];

/// Of an ending that stands for a namespace: no vowels, so that it is no word.
const LETTERS: [u8; 27] = *b"bcdfghjklmnpqrstvwxz2456789";
/// So many of them, 47 bits.
const PLACED: usize = 10;
/// What is added to the name of a database that stands in a namespace that is not its claim's, in bytes.
pub const ADDED: usize = "-n".len() + PLACED;

/// What a database is called in a namespace that is not its claim's, where databases of the same name from other namespaces
/// may stand: with an ending that stands for its claim's. Permanent.
pub fn placed(namespace: &str, name: &str) -> String {
    let hash = Sha256::digest(namespace);
    let mut number = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let mut placed = format!("{name}-n");
    for _ in 0..PLACED {
        let letter = usize::try_from(number % LETTERS.len() as u64).unwrap_or_default();
        placed.push(LETTERS[letter].into());
        number /= LETTERS.len() as u64;
    }
    placed
}

/// The same endings as a regular expression, without the dash.
pub fn reserved_pattern() -> String {
    let letters = String::from_utf8_lossy(&LETTERS);
    format!("{}|g[0-9]+|n[{letters}]{{{PLACED}}}", RESERVED.join("|"))
}

/// A label of the DNS that begins with a letter, of any length.
pub fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-') && name.bytes().all(inner)
}

/// The ending that is reserved, with its dash; `-g2` and the like name the generations that restores make, and [`placed`]
/// makes others.
pub fn reserved_ending(name: &str) -> Option<&str> {
    let (before, _) = name.rsplit_once("-g").filter(|(_, digits)| is_number(digits)).unzip();
    let placed = || name.rsplit_once("-n").filter(|(_, letters)| is_placed(letters)).map(|(before, _)| before);
    let named = || RESERVED.iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix('-'));
    name.get(before.or_else(placed).or_else(named)?.len()..)
}

fn is_placed(text: &str) -> bool {
    text.len() == PLACED && text.bytes().all(|byte| LETTERS.contains(&byte))
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
            ("orders-nbcdfghjkl2", Some("-nbcdfghjkl2")),
            ("orders-nbcdfghjkl", None),
            ("orders-negotiation", None),
            ("orders-cloud", None),
            ("primary", None),
            ("g2", None),
            ("r", None),
        ];
        for (name, expected) in cases {
            assert_eq!(reserved_ending(name), expected, "{name}");
        }
    }

    /// Every database that is placed somewhere would get another name, and begin empty.
    #[test]
    fn what_is_placed_is_called_so_for_ever() {
        let names = ["checkout", "checkout-web", "a"].map(|namespace| placed(namespace, "orders"));
        assert_eq!(names, ["orders-nwp8h9x29xl", "orders-nz2jphbjd5q", "orders-nvh2mbx8dm7"]);
        for name in names {
            assert_eq!(reserved_ending(&name).map(str::len), Some(ADDED), "{name}");
        }
    }
}
