//! The `Pooler`: PgBouncer before the primary. In: a generation with pooling. Out: one resource, sized so that the
//! pools of all its instances together leave the members some connections of their own.

use super::{Name, key, kind, label, pooler_name, workload};
use crate::api::claim::PoolMode;
use crate::api::plan::{Placement, Pooling};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::{DATABASE, Holds, Resource, facts, pods, postgresql, resource};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use std::collections::BTreeMap;

/// PgBouncer has one thread. The memory is for a thousand encrypted clients, and the operator's own process beside them.
pub const INSTANCE: Amounts = Amounts { cpu: Millicores(500), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };
/// Clients of each instance.
const CLIENTS: &str = "1000";

pub fn compose(generation: &Generation, pooling: &Pooling) -> Resource {
    let spec = PoolerSpec {
        cluster: Name { name: generation.name() },
        instances: pooling.instances,
        r#type: "rw",
        pgbouncer: PgBouncer { pool_mode: pooling.mode, parameters: parameters(generation, pooling) },
        template: template(generation),
    };
    resource(generation, key::POOLER, kind::POOLER, pooler_name(generation), Holds::Nothing, spec)
}

fn parameters(generation: &Generation, pooling: &Pooling) -> BTreeMap<&'static str, String> {
    let pooled = postgresql::pooled_connections(&generation.plan.parameters());
    let pool = (pooled / u64::from(pooling.instances.max(1))).max(1).to_string();
    let mut parameters = map([
        ("default_pool_size", pool.clone()),
        // The pool's size is per user; this holds for all of them together.
        ("max_db_connections", pool),
        ("max_client_conn", CLIENTS.into()),
        // Drivers that prepare statements need it in transaction mode; elsewhere it does nothing.
        ("max_prepared_statements", "200".into()),
    ]);
    if generation.plan.terms.tls {
        parameters.insert("client_tls_sslmode", "require".into());
    }
    parameters
}

/// The operator completes it: images, ports, probes and security are its own.
fn template(generation: &Generation) -> PodTemplateSpec {
    let terms = &generation.plan.terms;
    let container = |name: &str| Container {
        name: name.into(),
        resources: Some(pods::beside(terms, INSTANCE)),
        ..Default::default()
    };
    let own = facts::labels([(label::POOLER, &pooler_name(generation))]);
    let labels = [(DATABASE, terms.database.name.as_str()), (label::WORKLOAD, workload::POOLER)];
    let labels = map(labels.into_iter().map(|(label, value)| (label.into(), value.into())));
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels), ..Default::default() }),
        spec: Some(PodSpec {
            containers: vec![container("pgbouncer")],
            // The operator copies itself into the pod with it, and sizes only what it finds here.
            init_containers: Some(vec![container("bootstrap-controller")]),
            affinity: Some(pods::apart(Placement::Preferred, own)),
            ..Default::default()
        }),
    }
}

#[derive(Serialize)]
struct PoolerSpec {
    cluster: Name,
    instances: u32,
    r#type: &'static str,
    pgbouncer: PgBouncer,
    template: PodTemplateSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PgBouncer {
    pool_mode: PoolMode,
    parameters: BTreeMap<&'static str, String>,
}
