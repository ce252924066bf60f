//! What a change does to the running server. In: two plans. Out: the most severe class of all that differs.

use super::{access, server};
use crate::api::plan::{Plan, Terms};
use crate::api::problem::Problem;
use crate::api::status::Class;
use crate::map::map;
use crate::operators::change::{self, Classes};
use crate::operators::postgresql;
use std::collections::BTreeMap;

pub fn class(from: &Plan, to: &Plan) -> Class {
    let resized = if from.terms.replicas > 1 { Class::Failover } else { Class::Restart };
    let (old, new) = (access::values(from), access::values(to));
    let settings = postgresql::settings_change(&texts(&old), &texts(&new));
    let classes = Classes {
        version: upgrade(from, to),
        // Azure patches by itself.
        release: Class::Online,
        // A standby and read replicas come and go beside the server.
        replicas: Class::Online,
        shards: Class::Refused,
        // A standby has every commit in any case.
        synchronous_replicas: Class::Online,
        size: resized,
        storage: Class::Online,
        placement: Class::Online,
        backup: Class::Online,
        pooling: Class::Online,
        // What is only read at the start waits for a restart, which nobody makes but whoever asks Azure for it.
        parameters: if left_out(&from.terms, &to.terms).next().is_none() { settings } else { Class::Refused },
        extensions: Class::Refused,
        tls: Class::Online,
        monitoring: settings.max(Class::Online),
        hibernation: Class::Refused,
    };
    change::class(from, to, &classes)
}

/// By the claim's own fields.
pub fn fixed(from: &Terms, to: &Terms) -> Vec<Problem> {
    let left_out = left_out(from, to).map(|name| {
        let wrong = "Azure keeps the value of a setting that is left out";
        Problem::new(format!("spec.parameters.{name}"), wrong, "write the value that it shall have")
    });
    let mut problems: Vec<Problem> = left_out.collect();
    if from.version != to.version && replicated(from, to) {
        let wrong = "Azure upgrades no server that has read replicas";
        problems.push(Problem::new(
            "spec.version",
            wrong,
            "write 2 replicas or less first, and more of them afterwards",
        ));
    }
    problems
}

fn left_out<'a>(from: &'a Terms, to: &'a Terms) -> impl Iterator<Item = &'a String> {
    from.parameters.keys().filter(|name| !to.parameters.contains_key(*name))
}

/// Also where they go or come in the same change.
fn replicated(from: &Terms, to: &Terms) -> bool {
    server::replica_count(from) > 0 || server::replica_count(to) > 0
}

/// Refused while there are read replicas (Microsoft, "Major version upgrades").
fn upgrade(from: &Plan, to: &Plan) -> Class {
    match replicated(&from.terms, &to.terms) {
        true => Class::Refused,
        false => postgresql::upgrade(&from.terms.version, &to.terms.version),
    }
}

fn texts<'a>(values: &'a BTreeMap<&'a str, String>) -> BTreeMap<&'a str, &'a str> {
    map(values.iter().map(|(name, value)| (*name, value.as_str())))
}
