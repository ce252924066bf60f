//! Checks an object against a structural OpenAPI v3 schema, as it stands in a CRD or XRD version, the way the
//! Kubernetes API server does with `--validate=strict`.
//!
//! In: the schema (`openAPIV3Schema`), then any number of objects. Out: every [`Violation`] of an object at once, each
//! with a path (`spec.list[0].name`), what is wrong and what would be right; an empty list means that the API server
//! takes the object.
//!
//! What is checked, in the API server's order: nulls and defaults are settled (`defaults`), then the structure
//! (`structure`: unknown fields at every level, and with `limit` types, bounds, patterns, formats, lists as maps and
//! sets), then the CEL rules (`rules`), for an update with the transition rules. The words are in `message`.
//!
//! Five differences to the API server (1.35), to which `tests/schema.rs` compares:
//! - CEL rules run on an object whose structure is broken as well, so that a developer reads all problems at once; a
//!   rule that merely trips over the broken part stays silent.
//! - An update is not ratcheted: an invalid part that the update leaves alone is still a violation.
//! - `metadata` is checked for the types of name, namespace, labels and annotations and for what the schema itself says
//!   about the name; `apiVersion` and `kind` may be absent at the root.
//! - Of formats and of embedded resources' `apiVersion`, `kind` and `metadata` only the usual is checked, see `format` and
//!   `structure`; a list never passes for a text.
//! - To a rule, two lists that are sets differ if their order does.
//!
//! A rule that cannot be evaluated here is a violation of every object that it is for: nothing passes unseen.
//! This module must not know any kind of object, read files, or look at the clock.

mod defaults;
mod structure;
mod limit;
mod pattern;
mod format;
mod lists;
mod rules;
mod cel;
mod message;
pub mod path;

use std::fmt;

use serde_json::Value;

use rules::Rules;
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

/// A compiled schema: build it once, check any number of objects.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    structure: Structure,
    rules: Rules,
}

impl Schema {
    /// Compiles the value of `openAPIV3Schema`.
    ///
    /// # Errors
    /// If it is no object or has a keyword value that cannot be compiled. CEL rules that cannot be compiled are no
    /// error here but a violation of every object they are for; see [`Schema::uncompiled_rules`].
    pub fn build(schema: &Value) -> Result<Schema, BuildError> {
        if !schema.is_object() {
            return Err(BuildError::NotAnObject(message::shorten(schema)));
        }
        Ok(Schema { source: schema.clone(), structure: Structure::build(schema)?, rules: Rules::build(schema) })
    }

    /// The structural schema that this was built from.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The CEL rules that could not be compiled: the path of the schema node as an object's path (`spec.list[*]`), and
    /// the rule with the reason.
    pub fn uncompiled_rules(&self) -> Vec<Violation> {
        self.rules.uncompiled()
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
        let broken = self.rules.check(&self.source, &object, old.as_ref(), &found);
        found.extend(broken);
        found.sort();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
