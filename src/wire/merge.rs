//! RFC 7396 merge patches on wire bytes. In: the entries of an object and of a patch. Out: the entries of the patched
//! object. What the patch does not name is copied, undecoded.

use super::{
    DEPTH,
    error::Error,
    field::{self, Entry, Kind, Parts, key},
};
use std::cmp::Ordering;

/// The bytes of `object` after `patch`, with sorted entries at every level that the patch names.
pub(super) fn patched(object: &Parts<'_>, patch: &Parts<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(object.len() + patch.len());
    apply(&mut bytes, object, patch, DEPTH)?;
    Ok(bytes)
}

fn apply(bytes: &mut Vec<u8>, object: &Parts<'_>, patch: &Parts<'_>, depth: usize) -> Result<(), Error> {
    let depth = depth.checked_sub(1).ok_or_else(Error::too_deep)?;
    let mut kept = field::entries(object)?.into_iter().peekable();
    for new in field::entries(patch)? {
        while let Some(entry) = kept.next_if(|entry| entry.name.cmp(new.name) == Ordering::Less) {
            copy(bytes, &entry);
        }
        let old = kept.next_if(|entry| entry.name == new.name);
        match Kind::of(&new.value)? {
            Kind::Null => {}
            Kind::Object(fields) => {
                let old = match old.map(|entry| Kind::of(&entry.value)).transpose()? {
                    Some(Kind::Object(fields)) => fields,
                    _ => Parts::default(),
                };
                let entry = field::open_entry(bytes, new.name);
                let start = field::open(bytes, key::STRUCT);
                apply(bytes, &old, &fields, depth)?;
                field::close(bytes, start);
                field::close_entry(bytes, entry);
            }
            _ => copy(bytes, &new),
        }
    }
    kept.for_each(|entry| copy(bytes, &entry));
    Ok(())
}

fn copy(bytes: &mut Vec<u8>, entry: &Entry<'_>) {
    field::begin_entry(bytes, entry.name, entry.value.len());
    entry.value.iter().for_each(|part| bytes.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::super::Object;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    fn check(object: Value, patch: Value, expected: Value) {
        let merged = Object::of(&object).merge(&Object::of(&patch));
        assert_eq!(merged.decode::<Value>("merged").unwrap(), expected, "{object} with {patch}");
    }

    /// The examples of RFC 7396, appendix A, of which both sides are objects.
    #[test]
    fn merges_as_the_rfc_says() {
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"}));
        check(json!({"a": "b"}), json!({"a": null}), json!({}));
        check(json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"}));
        check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]}));
        check(json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}}));
        check(json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]}));
        check(json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1}));
        check(json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}}));
    }

    #[test]
    fn an_empty_patch_changes_nothing() {
        check(json!({"a": {"b": 1}}), json!({}), json!({"a": {"b": 1}}));
        check(json!({"a": {"b": 1}}), json!({"a": {}}), json!({"a": {"b": 1}}));
        check(json!({"a": 1}), json!({"a": {}}), json!({"a": {}}));
    }

    #[test]
    fn what_cannot_be_read_is_not_lost() {
        // An entry `a` whose value is a text that is not UTF-8.
        let broken = Object(bytes::Bytes::from_static(b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01\xff"));
        let sound = Object::of(&json!({"a": {"b": {}}}));
        for merged in [broken.merge(&sound), sound.merge(&broken)] {
            assert!(merged.decode::<Value>("merged").is_err());
        }
    }
}
