//! A `Database` claim becomes the resources of a database operator.
//!
//! ```text
//! claim --plan--> Plan --gate--> Generation --operators--> resources, Facts --integrations--> resources --report--> status
//!                         ^ record, approvals       ^ delivery wraps what leaves and unwraps what is observed
//! ```
//!
//! Modules stand in reading order. [`api`] is what is written down; [`plan`], [`gate`], [`operators`], [`integrations`] and
//! [`report`] are one concern each, pure functions from values to values; [`pipeline`] turns a request into a response with
//! them; [`xpkg`] makes packages of it all. Only [`wire`] knows protobuf, only [`delivery`] where a resource goes, and only
//! [`server`] and the command line have a clock or do input and output.
//!
//! Deliberately absent: a client of the Kubernetes API, a registry of operators, anything mutable that outlives a request
//! except the server's counters.

pub mod api;
pub mod plan;
pub mod gate;
pub mod operators;
pub mod integrations;
pub mod report;
pub mod pipeline;
pub mod observed;
pub mod map;
pub mod carried;
pub mod delivery;
pub mod wire;
pub mod render;
pub mod preview;
pub mod explain;
pub mod portal;
pub mod adopt;
pub mod simulate;
pub mod schema;
pub mod xpkg;
pub mod server;
