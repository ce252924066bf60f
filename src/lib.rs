//! A `Database` claim becomes the resources of a database operator.

pub mod api;
pub mod plan;
pub mod gate;
pub mod operators;
pub mod integrations;
pub mod observed;
pub mod report;
pub mod delivery;
pub mod wire;
pub mod pipeline;
