//! stand-in
use crate::api::record::Generation;
use crate::operators::facts::EndpointRole;
pub fn host(generation: &Generation, role: EndpointRole) -> String {
    format!("{}-{role:?}", generation.name())
}
