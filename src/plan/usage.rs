//! What a plan takes, all of it: members times shards, what runs beside them, and the same of what follows them elsewhere. In:
//! terms. Out: amounts. Must not know a limit or a price.

use super::standby;
use crate::api::plan::Terms;
use crate::api::quantity::Amounts;
use crate::operators;

/// Limits of the containers that run all the time, and volumes. A hibernated database counts whole: it must be able to wake.
pub fn usage(terms: &Terms) -> Amounts {
    let standby = standby::terms(terms).map(|terms| usage(&terms)).unwrap_or_default();
    let member = Amounts { cpu: terms.cpu, memory: terms.memory, storage: terms.storage };
    let members = u64::from(terms.replicas).saturating_mul(terms.shards.into());
    member.times(members).plus(operators::of(terms.operator).helpers(terms)).plus(standby)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::quantity::{Bytes, Millicores};
    use crate::plan::example::plan;
    use serde_json::json;

    #[test]
    fn members_shards_and_helpers_count() {
        let none = json!({"backup": {"enabled": false}});
        let three = json!({"replicas": 3, "backup": {"enabled": false}});
        let pooled = json!({"replicas": 3, "backup": {"enabled": false}, "pooling": {"enabled": true, "instances": 2}});
        // small: 1 core, 2Gi. The sidecar of a backup: 500m, 512Mi each; an instance of the pooler: 500m, 256Mi.
        let cases = [
            (none, 1_000, 2_048, 20),
            (three, 3_000, 6_144, 60),
            (pooled, 4_000, 6_656, 60),
            (json!({"replicas": 3}), 4_500, 7_680, 60),
        ];
        for (changes, cpu, memory, storage) in cases {
            let used = usage(&plan("dev", changes.clone()).terms);
            let expected = Amounts {
                cpu: Millicores(cpu),
                memory: Bytes(memory * Bytes::MI),
                storage: Bytes(storage * Bytes::GI),
            };
            assert_eq!(used, expected, "{changes}");
        }
    }

    #[test]
    fn shards_multiply_members() {
        let mut terms = plan("dev", json!({"replicas": 2, "backup": {"enabled": false}})).terms;
        terms.shards = 3;
        assert_eq!(usage(&terms).cpu, Millicores(6_000));
        terms.shards = u32::MAX;
        terms.storage = Bytes(1 << 53);
        assert_eq!(usage(&terms).storage, Bytes(u64::MAX), "no overflow");
    }
}
