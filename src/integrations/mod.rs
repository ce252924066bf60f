//! What surrounds a database. In: a generation and its engine's facts. Out: resources, one file per integration.
//! Must not know which operator made the facts.

pub mod service;
pub mod connection_secret;
pub mod network_policy;
pub mod pod_monitor;
pub mod prometheus_rule;
