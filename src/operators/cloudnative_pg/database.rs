//! The `Database` inside the Cluster, composed only for its extensions. In: a generation with extensions. Out: one
//! resource. Must never take the database away with it: it holds no data, and goes when the last extension is taken
//! back.

use super::{Name, key, kind};
use crate::api::record::Generation;
use crate::operators::{Holds, Resource, postgresql, resource};
use serde::Serialize;

pub fn compose(generation: &Generation) -> Resource {
    let inside = &generation.database().inside;
    let extensions = generation.plan.terms.extensions.values();
    let spec = DatabaseSpec {
        cluster: Name { name: generation.name() },
        name: inside,
        owner: postgresql::owner(inside),
        database_reclaim_policy: "retain",
        extensions: extensions.map(|name| Name { name: name.clone() }).collect(),
    };
    resource(generation, key::DATABASE, kind::DATABASE, generation.name(), Holds::Nothing, spec)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseSpec<'a> {
    cluster: Name,
    name: &'a str,
    owner: String,
    /// What deleting this object does to the database: nothing.
    database_reclaim_policy: &'static str,
    /// Present; one that is no longer listed stays, for tables may use it.
    extensions: Vec<Name>,
}
