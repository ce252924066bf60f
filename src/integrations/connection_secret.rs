//! stand-in
use crate::api::record::Generation;
use crate::observed::Observed;
use crate::operators::Facts;
pub fn problem(_: &Generation, _: &Facts, _: &Observed) -> Option<String> {
    None
}
pub fn binding(_: &Generation, facts: &Facts) -> String {
    facts.credentials.secret.clone()
}
