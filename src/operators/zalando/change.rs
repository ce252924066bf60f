//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use super::{backup, cluster};
use crate::api::plan::Plan;
use crate::api::record::Generation;
use crate::api::status::Class;
use crate::operators::change::{self, Classes};
use crate::operators::postgresql;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let settings = postgresql::settings_change(&cluster::parameters(from), &cluster::parameters(to));
    // The exporter is a container of the members' pods.
    let exporter = if from.terms.monitoring.off == to.terms.monitoring.off { Class::Online } else { Class::Restart };
    let classes = Classes {
        // In place, and only where the operator is configured to; a failure leaves the old release running.
        version: postgresql::upgrade(&from.terms.version, &to.terms.version),
        release: Class::Restart,
        // Replicas come and go beside the primary.
        replicas: Class::Online,
        shards: Class::Refused,
        // Patroni's own configuration, which it takes while running.
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        storage: Class::Online,
        placement: Class::Restart,
        backup: backup_change(from, to),
        pooling: Class::Online,
        parameters: settings,
        extensions: Class::Online,
        // Spilo refuses what is not encrypted, whatever the plan says.
        tls: Class::Online,
        monitoring: settings.max(exporter),
        // All members stop and start.
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}

/// Spilo reads its variables at the start, and any other one makes the operator replace the pods.
fn backup_change(from: &Plan, to: &Plan) -> Class {
    let variables = |plan: &Plan| {
        let generation = Generation::first(String::new(), plan.clone());
        plan.terms.backup.as_ref().map(|backup| backup::variables(&generation, backup))
    };
    if variables(from) == variables(to) { Class::Online } else { Class::Restart }
}
