//! What a change does to the running members. In: two plans. Out: the most severe class of all that differs.

use super::configuration;
use crate::api::plan::{Plan, Terms};
use crate::api::problem::Problem;
use crate::api::status::Class;
use crate::operators::change::{self, Classes};
use crate::operators::postgresql;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let settings = postgresql::settings_change(&configuration::parameters(from), &configuration::parameters(to));
    // Each is a container of the members' pods, or a volume of theirs.
    let restart = |differs: bool| if differs { Class::Restart } else { Class::Online };
    let (old, new) = (&from.terms, &to.terms);
    let classes = Classes {
        version: Class::Refused,
        release: Class::Restart,
        // Replicas come and go beside the primary, which stays also where its number is too high.
        replicas: Class::Online,
        shards: Class::Refused,
        // Patroni's own configuration, which it takes while running.
        synchronous_replicas: Class::Online,
        size: Class::Restart,
        storage: Class::Online,
        placement: Class::Restart,
        backup: restart(old.backup.is_some() != new.backup.is_some()),
        pooling: restart(old.pooling.is_some() != new.pooling.is_some()),
        parameters: settings,
        extensions: Class::Online,
        // Members can always encrypt; rules of authentication are reloaded, and so are PgBouncer's settings.
        tls: Class::Online,
        monitoring: settings.max(restart(old.monitoring.off != new.monitoring.off)),
        // All members stop and start.
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}

/// The operator upgrades to another release line by an `SGDbOps`, which rewrites the `SGCluster` while it runs: that would
/// be taken back by Crossplane. An older line is refused for every operator.
pub fn fixed(from: &Terms, to: &Terms) -> Vec<Problem> {
    let upgrade = from.version != to.version && postgresql::upgrade(&from.version, &to.version) != Class::Refused;
    let wrong = "on StackGres a database keeps its release line";
    let right = format!("write {}, or make another database and move the data", from.version);
    upgrade.then(|| Problem::new("spec.version", wrong, right)).into_iter().collect()
}
