//! A `Database` claim becomes the resources of a database operator.

pub mod api;
pub mod operators;
pub mod integrations;
pub mod observed;
pub mod wire;
pub mod pipeline;
