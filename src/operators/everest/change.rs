//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use crate::api::plan::Plan;
use crate::api::status::Class;
use crate::operators::change::{self, Classes};
use crate::operators::mongodb;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let in_file = |plan: &Plan| (plan.terms.monitoring.log_level, plan.terms.monitoring.audit);
    let classes = Classes {
        version: mongodb::upgrade(&from.terms.version, &to.terms.version),
        // The operator restarts replicas one by one, and has the primary step down before it is its turn.
        release: Class::Restart,
        replicas: Class::Online,
        shards: Class::Refused,
        // A majority has every commit in any case.
        synchronous_replicas: Class::None,
        size: Class::Restart,
        storage: Class::Online,
        // Members are kept apart in any case.
        placement: Class::None,
        // The agent stands beside each member in any case.
        backup: Class::Online,
        pooling: Class::Refused,
        // They stand in a file, which is only read at the start.
        parameters: Class::Restart,
        extensions: Class::Refused,
        tls: Class::Refused,
        monitoring: if in_file(from) == in_file(to) { Class::Online } else { Class::Restart },
        // All members stop and start.
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}
