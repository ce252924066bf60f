//! Which claim became which. In: claims of two sides, by file, namespace and name. Out: pairs, and renames among what is
//! left over. Must not look into a claim but to tell whether two say the same.
//!
//! A database is its namespace and name, wherever the file stands: a file that moved is no change. Several clusters can have
//! one of the same name in one repository, then the file says which is which.

use crate::map::set;
use std::collections::BTreeMap;

/// One claim of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Relative to what is compared.
    pub file: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

/// Indices into the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    Both(usize, usize),
    Gone(usize),
    New(usize),
}

/// In the order of namespaces and names.
pub fn pairs(before: &[Place], after: &[Place]) -> Vec<Pair> {
    let named = |places: &[Place]| {
        let mut named: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (index, Place { namespace, name, .. }) in places.iter().enumerate() {
            named.entry((namespace.to_string(), name.to_string())).or_default().push(index);
        }
        named
    };
    let (mut old, mut new) = (named(before), named(after));
    let names = set(old.keys().chain(new.keys()).cloned());
    let of = |name| {
        let (old, new) = (old.remove(&name).unwrap_or_default(), new.remove(&name).unwrap_or_default());
        of_one_name(before, after, old, new)
    };
    names.into_iter().flat_map(of).collect()
}

/// Those in the same file first, then whatever is left in order.
fn of_one_name(before: &[Place], after: &[Place], mut old: Vec<usize>, new: Vec<usize>) -> Vec<Pair> {
    let file = |places: &[Place], index: usize| places.get(index).map(|place| place.file.to_owned());
    let (mut pairs, mut moved) = (vec![], vec![]);
    for index in new {
        match old.iter().position(|candidate| file(before, *candidate) == file(after, index)) {
            Some(at) => pairs.push(Pair::Both(old.remove(at), index)),
            None => moved.push(index),
        }
    }
    let mut old = old.into_iter();
    for index in moved {
        pairs.push(old.next().map_or(Pair::New(index), |from| Pair::Both(from, index)));
    }
    pairs.extend(old.map(Pair::Gone));
    pairs
}

/// Of what is gone and what is new: which is a rename. `same`: whether two claims say the same but for their names.
pub fn renames(
    pairs: &[Pair],
    before: &[Place],
    after: &[Place],
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let gone: Vec<usize> =
        pairs.iter().filter_map(|it| if let Pair::Gone(index) = it { Some(*index) } else { None }).collect();
    let mut new: Vec<usize> =
        pairs.iter().filter_map(|it| if let Pair::New(index) = it { Some(*index) } else { None }).collect();
    let in_place = |from: usize, to: usize| match (before.get(from), after.get(to)) {
        (Some(from), Some(to)) => from.file == to.file,
        _ => false,
    };
    let mut found = vec![];
    for from in gone {
        // An edit in place is one even if more was changed, unless the file had others to choose from.
        let alone = |to: usize| in_place(from, to) && new_of_file(&new, after, to) == 1;
        let to = new.iter().position(|to| same(from, *to)).or_else(|| new.iter().position(|to| alone(*to)));
        if let Some(at) = to {
            found.push((from, new.remove(at)));
        }
    }
    found
}

fn new_of_file(new: &[usize], after: &[Place], to: usize) -> usize {
    let file = after.get(to).map(|place| place.file);
    new.iter().filter(|index| after.get(**index).map(|place| place.file) == file).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Pair::*;

    fn places<'a>(of: &[(&'a str, &'a str)]) -> Vec<Place<'a>> {
        of.iter().map(|(file, name)| Place { file, namespace: "shop", name }).collect()
    }

    #[test]
    fn a_database_is_its_name_wherever_the_file_stands() {
        let cases = [
            (vec![("a", "x")], vec![("b", "x")], vec![Both(0, 0)]),
            (vec![("a", "x")], vec![("a", "y")], vec![Gone(0), New(0)]),
            // Two clusters, one of which moves and one of which goes.
            (vec![("a", "x"), ("b", "x")], vec![("b", "x"), ("c", "x")], vec![Both(1, 0), Both(0, 1)]),
            (vec![("a", "x"), ("b", "x")], vec![("b", "x")], vec![Both(1, 0), Gone(0)]),
            (vec![("a", "x")], vec![("a", "x"), ("b", "x")], vec![Both(0, 0), New(1)]),
        ];
        for (before, after, expected) in cases {
            assert_eq!(pairs(&places(&before), &places(&after)), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn renames_are_told_by_what_is_said_or_by_the_file() {
        let check = |before: &[(&str, &str)], after: &[(&str, &str)], same: bool, expected: &[(usize, usize)]| {
            let (before, after) = (places(before), places(after));
            let pairs = pairs(&before, &after);
            assert_eq!(renames(&pairs, &before, &after, |_, _| same), expected, "{before:?} {after:?}");
        };
        check(&[("a", "x")], &[("a", "y")], false, &[(0, 0)]);
        check(&[("a", "x")], &[("b", "y")], true, &[(0, 0)]);
        check(&[("a", "x")], &[("b", "y")], false, &[]);
        check(&[("a", "x")], &[("a", "y"), ("a", "z")], false, &[]);
        check(&[("a", "x"), ("a", "z")], &[("a", "z")], true, &[]);
    }
}
