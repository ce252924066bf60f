//! What the `SGCluster` refers to: how large containers are, PostgreSQL's settings and PgBouncer's. In: a generation. Out:
//! one resource each. The operator lets none of them go while an `SGCluster` refers to it, so they stay as long as the data.

use super::{key, kind, name};
use crate::api::claim::PoolMode;
use crate::api::plan::{Plan, Pooling, Terms};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::{Holds, Resource, pods, postgresql, resource};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Serialize;
use std::collections::BTreeMap;

/// The names of the containers (`StackGresContainer.java` of its release), and what it takes for them itself, at least.
const CONTROLLER: (&str, Amounts) = ("cluster-controller", size(250, 512));
const POOLER: (&str, Amounts) = ("pgbouncer", size(250, 64));
const EXPORTER: (&str, Amounts) = ("prometheus-postgres-exporter", size(100, 256));

const fn size(millicores: u64, mebibytes: u64) -> Amounts {
    Amounts { cpu: Millicores(millicores), memory: Bytes(mebibytes * Bytes::MI), storage: Bytes(0) }
}

/// What stands beside each member.
pub fn sidecars(terms: &Terms) -> Vec<(&'static str, Amounts)> {
    let pooler = terms.pooling.as_ref().map(|_| POOLER);
    let exporter = (!terms.monitoring.off).then_some(EXPORTER);
    [CONTROLLER].into_iter().chain(pooler).chain(exporter).collect()
}

pub fn profile(generation: &Generation) -> Resource {
    let terms = &generation.plan.terms;
    let member = pods::member(terms);
    let (mut limits, mut requests) = (BTreeMap::new(), BTreeMap::new());
    for (name, size) in sidecars(terms) {
        let beside = pods::beside(terms, size);
        limits.insert(name, beside.limits);
        requests.insert(name, beside.requests);
    }
    let spec = SgInstanceProfileSpec {
        size: member.limits,
        containers: limits,
        requests: Requests { size: member.requests, containers: requests },
    };
    resource(generation, key::PROFILE, kind::PROFILE, name(generation), Holds::Archive, spec)
}

pub fn postgres(generation: &Generation) -> Resource {
    let plan = &generation.plan;
    let spec = SgPostgresConfigSpec { postgres_version: &plan.terms.version, settings: parameters(plan) };
    resource(generation, key::POSTGRES, kind::POSTGRES, name(generation), Holds::Archive, spec)
}

/// The plan's settings; what is logged goes below them.
pub fn parameters(plan: &Plan) -> BTreeMap<&str, &str> {
    let mut parameters = postgresql::log_settings(&plan.terms.monitoring);
    parameters.extend(plan.parameters());
    parameters
}

/// Each member's pooler connects to that member alone.
pub fn pooling(generation: &Generation, pooling: &Pooling) -> Resource {
    let Plan { terms, .. } = &generation.plan;
    let most = postgresql::pooled_connections(&parameters(&generation.plan)).to_string();
    let spec = SgPoolingConfigSpec {
        pg_bouncer: PgBouncer {
            file: PgBouncerIni {
                pgbouncer: Settings {
                    pool_mode: pooling.mode,
                    default_pool_size: most.clone(),
                    max_db_connections: most,
                    client_tls_sslmode: if terms.tls { "require" } else { "prefer" },
                },
            },
        },
    };
    resource(generation, key::POOLING, kind::POOLING, name(generation), Holds::Archive, spec)
}

/// `cpu` and `memory`.
type Size = Option<BTreeMap<String, Quantity>>;

#[derive(Serialize)]
struct SgInstanceProfileSpec {
    #[serde(flatten)]
    size: Size,
    containers: BTreeMap<&'static str, Size>,
    requests: Requests,
}

#[derive(Serialize)]
struct Requests {
    #[serde(flatten)]
    size: Size,
    containers: BTreeMap<&'static str, Size>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SgPostgresConfigSpec<'a> {
    postgres_version: &'a str,
    #[serde(rename = "postgresql.conf")]
    settings: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SgPoolingConfigSpec {
    pg_bouncer: PgBouncer,
}

#[derive(Serialize)]
struct PgBouncer {
    #[serde(rename = "pgbouncer.ini")]
    file: PgBouncerIni,
}

#[derive(Serialize)]
struct PgBouncerIni {
    pgbouncer: Settings,
}

/// PgBouncer's own names.
#[derive(Serialize)]
struct Settings {
    pool_mode: PoolMode,
    default_pool_size: String,
    max_db_connections: String,
    client_tls_sslmode: &'static str,
}
