//! stand-in
pub mod service;
pub mod connection_secret;
pub mod network_policy;
pub mod pod_monitor;
pub mod prometheus_rule;
use crate::api::input::Integrations;
use crate::api::record::Generation;
use crate::observed::{Observed, Question};
use crate::operators::{Facts, Resource};
pub fn compose(_: &Generation, _: &Facts, _: &Integrations, _: &Observed) -> Vec<Resource> {
    vec![]
}
pub fn requirements(_: &Generation, _: &Facts, _: &Integrations) -> Vec<Question> {
    vec![]
}
