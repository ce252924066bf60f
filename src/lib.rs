//! A `Database` claim becomes the resources of a database operator.

pub mod schema;
pub mod wire;
