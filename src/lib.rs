//! A `Database` claim becomes the resources of a database operator.

pub mod wire;
pub mod server;
