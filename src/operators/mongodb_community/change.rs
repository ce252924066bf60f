//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use crate::api::plan::{Plan, Terms};
use crate::api::problem::Problem;
use crate::api::status::Class;
use crate::operators::change::{self, Classes};
use crate::operators::mongodb;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let in_pods = |plan: &Plan| (plan.terms.monitoring.off, plan.terms.monitoring.log_level);
    let classes = Classes {
        version: mongodb::upgrade(&from.terms.version, &to.terms.version),
        // One member after the other, and the primary steps down before it is its turn.
        release: Class::Restart,
        // One at a time.
        replicas: Class::Online,
        shards: Class::Refused,
        // A majority has every commit in any case.
        synchronous_replicas: Class::None,
        size: Class::Restart,
        storage: Class::Refused,
        placement: Class::Restart,
        // A job, and a user for it.
        backup: Class::Online,
        pooling: Class::Refused,
        // They stand in a file, which is only read at the start.
        parameters: Class::Restart,
        extensions: Class::Refused,
        tls: if from.terms.tls && !to.terms.tls { Class::Refused } else { Class::Restart },
        // The exporter is a container beside each member, and what is logged stands in the file of settings.
        monitoring: if in_pods(from) == in_pods(to) { Class::Online } else { Class::Restart },
        hibernation: Class::Refused,
    };
    change::class(from, to, &classes)
}

/// What a claim can ask for and the operator never does, in the claim's own words.
pub fn fixed(from: &Terms, to: &Terms) -> Vec<Problem> {
    let larger = (from.storage < to.storage).then(|| {
        let wrong = format!("MongoDBCommunity cannot enlarge volumes, which have {}", from.storage);
        Problem::new("spec.storage", wrong, "take it back, or make another database and move the data")
    });
    let open = (from.tls && !to.tls).then(|| {
        let wrong = "MongoDBCommunity never goes back to connections that are not encrypted";
        Problem::new("spec.tls.enabled", wrong, "write true")
    });
    larger.into_iter().chain(open).collect()
}
