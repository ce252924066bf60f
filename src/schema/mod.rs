//! Checks an object against a structural OpenAPI v3 schema, as it stands in a CRD or XRD version, the way the
//! Kubernetes API server does with `--validate=strict`.
//!
//! In: the schema (`openAPIV3Schema`), then any number of objects. Out: every [`Violation`] of an object at once, each
//! with a path (`spec.list[0].name`), what is wrong and what would be right; an empty list means that the API server
//! takes the object.
//!
//! What is checked, in the API server's order: nulls and defaults are settled (`defaults`), then the structure
//! (`structure`: unknown fields at every level, and with `limit` types, bounds, patterns, formats, lists as maps and
//! sets), then the rules of the kind ([`Rule`]), for an update with those about edits. The words are in `message`.
//!
//! Four differences to the API server (1.35), to which `tests/schema.rs` compares:
//! - Rules run on an object whose structure is broken as well, so that a developer reads all problems at once.
//! - An update is not ratcheted: an invalid part that the update leaves alone is still a violation.
//! - `metadata` is checked for the types of name, namespace, labels and annotations and for what the schema itself says
//!   about the name; `apiVersion` and `kind` may be absent at the root.
//! - Of formats and of embedded resources' `apiVersion`, `kind` and `metadata` only the usual is checked, see `format` and
//!   `structure`; a list never passes for a text.
//!
//! The schema's rules in CEL are not read: who builds a schema brings them along in Rust (decision 0014). This module must
//! not know any kind of object, read files, or look at the clock.

pub mod defaults;
pub mod fixed;
mod structure;
mod limit;
pub mod pattern;
pub mod format;
pub mod lists;
mod message;
pub mod path;

use crate::map::sort;
use std::fmt;

use serde_json::Value;

use structure::Structure;

/// One problem of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where: `spec.replicas`, `spec.list[0]`, `metadata.labels["a.b/c"]`; empty for the whole object.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => out.write_str(&self.message),
            path => write!(out, "{path}: {}", self.message),
        }
    }
}

/// Why no [`Schema`] could be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no schema to build from.
    #[error("a schema must be an object, but this is {0}")]
    NotAnObject(String),
    /// A part of the schema has no meaning, such as a pattern that is no regular expression.
    #[error("{path}: {message}")]
    Invalid {
        /// JSON pointer into the schema.
        path: String,
        /// What the compiler says.
        message: String,
    },
}

/// What must hold besides the structure.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// What a violation is about.
    pub path: &'static str,
    /// What is wrong, and what would be right.
    pub message: &'static str,
    pub holds: Holds,
}

/// Whether a rule holds; also of an object whose structure is broken, of which that is told already.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// Of an object, defaults applied.
    Object(fn(&Value) -> bool),
    /// Of an update: the old object, then the new one.
    Edit(fn(&Value, &Value) -> bool),
}

/// A compiled schema: build it once, check any number of objects.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    structure: Structure,
    rules: Vec<Rule>,
}

impl Schema {
    /// Compiles the value of `openAPIV3Schema`; `rules` say what its rules in CEL do.
    ///
    /// # Errors
    /// If it is no object or has a keyword value that cannot be compiled.
    pub fn build(schema: &Value, rules: Vec<Rule>) -> Result<Schema, BuildError> {
        if !schema.is_object() {
            return Err(BuildError::NotAnObject(message::shorten(schema)));
        }
        Ok(Schema { source: schema.clone(), structure: Structure::build(schema)?, rules })
    }

    /// The structural schema that this was built from.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Everything for which the API server would refuse to create `object`, sorted by path.
    pub fn check(&self, object: &Value) -> Vec<Violation> {
        self.violations(None, object)
    }

    /// Everything for which the API server would refuse to replace `old` by `new`, sorted by path.
    pub fn check_update(&self, old: &Value, new: &Value) -> Vec<Violation> {
        self.violations(Some(defaults::apply(&self.source, old)), new)
    }

    fn violations(&self, old: Option<Value>, object: &Value) -> Vec<Violation> {
        let object = defaults::apply(&self.source, object);
        let mut found = self.structure.check(&object);
        let broken = self.rules.iter().filter(|rule| match (rule.holds, &old) {
            (Holds::Object(holds), _) => !holds(&object),
            (Holds::Edit(holds), Some(old)) => !holds(old, &object),
            (Holds::Edit(_), None) => false,
        });
        found.extend(broken.map(|rule| Violation { path: rule.path.into(), message: rule.message.into() }));
        sort(&mut found, Ord::cmp);
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
