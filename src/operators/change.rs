//! What a change does to a running database. In: two plans, and what each kind of change means to the operator. Out: the
//! most severe class of all that differs. Every term is named, so that a new one is a compile error here and never slips by
//! as no change. Must not know an operator.

use crate::api::plan::{Notes, Plan, Requests, Standby, Terms};
use crate::api::status::Class;

/// What an operator says of each kind of change, for the two plans at hand.
#[derive(Clone, Copy, Debug)]
pub struct Classes {
    /// Another release line.
    pub version: Class,
    /// Another patch release of the same line.
    pub release: Class,
    pub replicas: Class,
    pub shards: Class,
    pub synchronous_replicas: Class,
    /// CPU and memory.
    pub size: Class,
    /// More of it; less is always refused.
    pub storage: Class,
    pub placement: Class,
    pub backup: Class,
    pub pooling: Class,
    /// Tuned ones included.
    pub parameters: Class,
    pub extensions: Class,
    pub tls: Class,
    pub monitoring: Class,
    pub hibernation: Class,
}

pub fn class(from: &Plan, to: &Plan, classes: &Classes) -> Class {
    // Requests are no state, see `Requests`.
    let Plan { terms, requests: Requests { .. }, notes } = from;
    self::terms(terms, &to.terms, classes).max(self::notes(notes, &to.notes, classes))
}

fn terms(from: &Terms, to: &Terms, classes: &Classes) -> Class {
    let Terms {
        database,
        environment,
        engine,
        operator,
        version,
        topology,
        replicas,
        shards,
        synchronous_replicas,
        cpu,
        memory,
        cpu_request,
        storage,
        storage_class,
        placement,
        backup,
        pooling,
        parameters,
        extensions,
        credentials,
        rotation,
        consul,
        access,
        tls,
        issuer,
        monitoring,
        maintenance,
        lifecycle,
        delivery,
        standby,
    } = from;
    let hibernates = lifecycle.hibernated != to.lifecycle.hibernated;
    let differences = [
        (*database != to.database, Class::Refused),
        (*environment != to.environment, Class::Refused),
        (*engine != to.engine, Class::Refused),
        (*operator != to.operator, Class::Refused),
        (*version != to.version, classes.version),
        (*topology != to.topology, Class::Refused),
        (*replicas != to.replicas, classes.replicas),
        (*shards != to.shards, classes.shards),
        (*synchronous_replicas != to.synchronous_replicas, classes.synchronous_replicas),
        (*cpu != to.cpu, classes.size),
        (*memory != to.memory, classes.size),
        (*cpu_request != to.cpu_request, classes.size),
        (*storage != to.storage, if to.storage < *storage { Class::Refused } else { classes.storage }),
        (*storage_class != to.storage_class, Class::Refused),
        (*placement != to.placement, classes.placement),
        (*backup != to.backup, classes.backup),
        (*pooling != to.pooling, classes.pooling),
        (*parameters != to.parameters, classes.parameters.max(Class::Online)),
        (*extensions != to.extensions, classes.extensions),
        (*credentials != to.credentials, Class::Online),
        (*rotation != to.rotation, Class::Online),
        (*consul != to.consul, Class::Online),
        (*access != to.access, Class::Online),
        (*tls != to.tls, classes.tls),
        (*issuer != to.issuer, classes.tls),
        (*monitoring != to.monitoring, classes.monitoring),
        (*maintenance != to.maintenance, Class::Online),
        // What deletion does is a switch of ours.
        (*lifecycle != to.lifecycle, if hibernates { classes.hibernation } else { Class::Online }),
        (*delivery != to.delivery, Class::Refused),
        (*standby != to.standby, self::standby(standby.as_ref(), to.standby.as_ref())),
    ];
    worst(&differences)
}

/// One that goes takes its data with it; nobody else's.
fn standby(from: Option<&Standby>, to: Option<&Standby>) -> Class {
    let stays = from.is_none_or(|from| to.is_some_and(|to| from.is_beside(to)));
    if stays { Class::Online } else { Class::DataLoss }
}

fn notes(from: &Notes, to: &Notes, classes: &Classes) -> Class {
    let Notes {
        release,
        tuned,
        // Who answers for it, what it costs, by which labels it is where it is, how long its release line lives, how often its
        // backups are tried, what is promised, how the namespace is made around it: nothing of that is composed for what runs.
        owner: _,
        system: _,
        description: _,
        retired: _,
        end_of_life: _,
        delivered_by: _,
        primary: _,
        placed_by: _,
        new_namespace: _,
        standby_namespace: _,
        drill_days: _,
        recovery_time: _,
        monthly_cost: _,
    } = from;
    worst(&[(*release != to.release, classes.release), (*tuned != to.tuned, classes.parameters)])
}

fn worst(differences: &[(bool, Class)]) -> Class {
    differences.iter().filter(|(differs, _)| *differs).map(|(_, class)| *class).max().unwrap_or(Class::None)
}
