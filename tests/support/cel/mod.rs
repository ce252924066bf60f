//! Checks an object as [`function_database::schema`] does, and evaluates the CEL rules of the schema with it.
//!
//! In: the schema, then any number of objects, for an update with the old one. Out: every violation. Here and not in
//! the program, which says the rules of its own kinds in Rust; so that the tests hold those to what CEL says, and what is
//! composed to the rules of the operators' CRDs. Must not know any kind of object.

mod rules;
mod value;

use function_database::schema::{self, BuildError, Violation, defaults};
use rules::Rules;
use serde_json::Value;

/// A compiled schema with its rules.
#[derive(Debug)]
pub struct Schema {
    pub source: Value,
    structure: schema::Schema,
    rules: Rules,
}

impl Schema {
    /// CEL rules that cannot be compiled are no error, but a violation of every object they are for.
    pub fn build(source: &Value) -> Result<Schema, BuildError> {
        let structure = schema::Schema::build(source, vec![])?;
        Ok(Schema { source: source.clone(), structure, rules: Rules::build(source) })
    }

    /// The rules that could not be compiled: the path of the schema node as an object's path (`spec.list[*]`), and the
    /// rule with the reason.
    pub fn uncompiled(&self) -> Vec<Violation> {
        self.rules.uncompiled()
    }

    /// Everything for which the API server would refuse to create the object, or to put it in the place of the old one.
    pub fn check(&self, old: Option<&Value>, object: &Value) -> Vec<Violation> {
        let settled = |object: &Value| defaults::apply(&self.source, object);
        let object = settled(object);
        let mut found = self.structure.check(&object);
        found.extend(self.rules.check(&self.source, &object, old.map(settled).as_ref(), &found));
        found.sort();
        found.dedup();
        found
    }
}
