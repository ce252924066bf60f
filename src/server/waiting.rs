//! Which databases wait for somebody. In: what was said of one database after the other. Out: how many wait, as far as this
//! process knows. Must not keep a name, nor grow with what callers make up.
//!
//! Nothing is kept between calls that an answer depends on; this is for Prometheus alone (docs/decisions/0041-gauges.md).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a word counts. For whoever waits, Crossplane calls again within a minute: this is ten times that another replica was
/// called, or that nobody was, because the database is gone.
const REMEMBERED: Duration = Duration::from_secs(600);
/// So many are known at once, in a megabyte.
const DATABASES: usize = 10_000;

/// What a database waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waits {
    /// A change or its deletion waits for an approval.
    pub approval: bool,
    /// Its claim, or the policy, has mistakes.
    pub correction: bool,
}

/// By a number that stands for the database.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<u64, Last>);

#[derive(Debug)]
struct Last {
    engine: String,
    waits: Waits,
    at: Instant,
}

impl Waiting {
    /// The last word on it.
    pub fn hear(&mut self, database: u64, engine: &str, waits: Waits, now: Instant) {
        if waits == Waits::default() {
            self.0.remove(&database);
            return;
        }
        if self.0.len() >= DATABASES && !self.0.contains_key(&database) {
            self.forget(now);
            if self.0.len() >= DATABASES {
                return;
            }
        }
        self.0.insert(database, Last { engine: engine.into(), waits, at: now });
    }

    /// How many databases of the engine wait for that.
    pub fn count(&self, engine: &str, what: fn(Waits) -> bool) -> usize {
        self.0.values().filter(|last| last.engine == engine && what(last.waits)).count()
    }

    /// What was said too long ago.
    pub fn forget(&mut self, now: Instant) {
        self.0.retain(|_, last| now.duration_since(last.at) <= REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const APPROVAL: Waits = Waits { approval: true, correction: false };
    const CORRECTION: Waits = Waits { approval: false, correction: true };
    const NOTHING: Waits = Waits { approval: false, correction: false };

    /// Approvals and corrections that redis waits for.
    fn counts(waiting: &Waiting) -> (usize, usize) {
        (waiting.count("redis", |waits| waits.approval), waiting.count("redis", |waits| waits.correction))
    }

    #[test]
    fn the_last_word_on_each_database_counts() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for (database, engine, waits, expected) in [
            (1, "redis", APPROVAL, (1, 0)),
            (1, "redis", APPROVAL, (1, 0)),
            (2, "redis", APPROVAL, (2, 0)),
            (3, "mysql", APPROVAL, (2, 0)),
            (2, "redis", CORRECTION, (1, 1)),
            (1, "redis", Waits { approval: true, correction: true }, (1, 2)),
            (4, "redis", NOTHING, (1, 2)),
            (1, "redis", NOTHING, (0, 1)),
            (2, "redis", NOTHING, (0, 0)),
        ] {
            waiting.hear(database, engine, waits, now);
            assert_eq!(counts(&waiting), expected, "{database} {waits:?}");
        }
        assert_eq!(waiting.count("mysql", |waits| waits.approval), 1);
    }

    #[test]
    fn what_nobody_repeats_is_forgotten() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.hear(1, "redis", APPROVAL, now);
        waiting.hear(2, "redis", CORRECTION, now + Duration::from_secs(60));
        waiting.forget(now + REMEMBERED);
        assert_eq!(counts(&waiting), (1, 1));
        waiting.forget(now + REMEMBERED + Duration::from_secs(1));
        assert_eq!(counts(&waiting), (0, 1));
        waiting.forget(now + 2 * REMEMBERED);
        assert_eq!(counts(&waiting), (0, 0));
    }

    #[test]
    fn only_so_many_are_known() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        let made_up = 2 * DATABASES as u64;
        for database in 0..made_up {
            waiting.hear(database, "redis", APPROVAL, now);
        }
        assert_eq!(counts(&waiting), (DATABASES, 0));
        // Who is known is heard still, and others once those are forgotten.
        waiting.hear(0, "redis", CORRECTION, now);
        assert_eq!(counts(&waiting), (DATABASES - 1, 1));
        waiting.hear(made_up, "redis", APPROVAL, now + 2 * REMEMBERED);
        assert_eq!(counts(&waiting), (1, 0));
    }
}
