//! Stand-in.
use crate::api::claim::Engine;
use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use std::collections::BTreeMap;
pub fn tune(_: Engine, _: Bytes, _: Bytes, _: Option<u32>) -> BTreeMap<String, String> {
    BTreeMap::new()
}
pub fn check(_: Engine, _: Bytes, _: &BTreeMap<String, String>, _: &BTreeMap<String, String>) -> Vec<Problem> {
    vec![]
}
