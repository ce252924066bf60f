//! The rotation of an application's credentials, in two phases. In: the record, what is seen of the newest user, the time.
//! Out: the record a stage further, and when the next one is due.
//!
//! The next user is made beside the one that applications have; once somebody has signed in with it, applications get it;
//! once they have it, the one before works on for a while, then no more. No stage begins on a guess, so that there is no
//! moment without a user that works. Must not make a user: operators compose what the record says.

use crate::api::record::{Generation, Record, Rotation};
use crate::api::status::RotationStage as Stage;
use crate::plan::schedule;
use jiff::{SignedDuration, Timestamp};

/// The part of the interval for which the credentials before work on, as Vault's do.
const GRACE: i32 = 3;
/// The same where nobody asks for a rotation any more.
const LAST_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// What is seen of the newest user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Somebody has signed in with it.
    pub works: bool,
    /// Applications get it.
    pub published: bool,
}

/// `rests`: nothing may begin now. All generations that can serve get the same, since what is restored takes the same users.
pub fn advanced(mut record: Record, seen: Seen, rests: bool, now: Timestamp) -> Record {
    let asked = record.serving.plan.terms.rotation.is_some();
    let due = due(&record.serving).is_some_and(|due| due <= now);
    let at = |turn, stage| Some(Rotation { turn, stage, since: now.to_string() });
    let rotation = match record.serving.rotation.take() {
        None if asked && record.was_ready => at(0, Stage::Settled),
        None => None,
        Some(Rotation { turn, stage, since }) => match stage {
            Stage::Settled if due && !rests => at(turn + 1, Stage::Making),
            Stage::Making if seen.works => at(turn, Stage::Publishing),
            Stage::Publishing if seen.published => at(turn, Stage::Overlapping),
            // It counts from when applications got it.
            Stage::Overlapping if due => Some(Rotation { turn, stage: Stage::Settled, since }),
            _ => Some(Rotation { turn, stage, since }),
        },
    };
    // What follows another database has the users of that one.
    for beside in record.beside.iter_mut().filter(|beside| !beside.generation.standby) {
        beside.generation.rotation = rotation.clone();
    }
    record.serving.rotation = rotation;
    record
}

/// When the next stage begins; none where something else than time is awaited.
pub fn due(generation: &Generation) -> Option<Timestamp> {
    let interval = generation.plan.terms.rotation.as_deref().and_then(schedule::interval);
    let Rotation { stage, since, .. } = generation.rotation.as_ref()?;
    let after = match stage {
        Stage::Settled => interval?,
        Stage::Overlapping => interval.map_or(LAST_GRACE, |interval| interval / GRACE),
        Stage::Making | Stage::Publishing => return None,
    };
    since.parse::<Timestamp>().ok()?.checked_add(after).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    const NOTHING: Seen = Seen { works: false, published: false };
    const WORKS: Seen = Seen { works: true, published: false };
    const PUBLISHED: Seen = Seen { works: true, published: true };

    fn record(was_ready: bool) -> Record {
        let changes = json!({"credentials": {"source": "Secret", "rotation": {"interval": "30d"}}});
        Record { was_ready, ..Record::of(example::generation("staging", changes)) }
    }

    fn is(record: &Record) -> (u32, Stage, String, u32, u32) {
        let rotation = record.serving.rotation.clone().unwrap();
        (rotation.turn, rotation.stage, rotation.since.clone(), rotation.earliest(), rotation.published())
    }

    #[test]
    fn each_stage_waits_for_the_one_before() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let never = advanced(record(false), PUBLISHED, false, at("2026-01-01T00:00:00Z"));
        assert_eq!(never.serving.rotation, None, "what was never ready has nothing to replace");
        let mut now = advanced(record(true), NOTHING, false, at("2026-01-01T00:00:00Z"));
        #[rustfmt::skip]
        let steps = [
            ("2026-01-30T23:59:59Z", PUBLISHED, false, 0, Stage::Settled,     "2026-01-01T00:00:00Z", 0, 0),
            ("2026-01-31T00:00:00Z", PUBLISHED, true,  0, Stage::Settled,     "2026-01-01T00:00:00Z", 0, 0),
            ("2026-01-31T00:00:00Z", NOTHING,   false, 1, Stage::Making,      "2026-01-31T00:00:00Z", 0, 0),
            ("2026-03-31T00:00:00Z", NOTHING,   false, 1, Stage::Making,      "2026-01-31T00:00:00Z", 0, 0),
            ("2026-04-01T00:00:00Z", WORKS,     false, 1, Stage::Publishing,  "2026-04-01T00:00:00Z", 0, 1),
            ("2026-06-01T00:00:00Z", WORKS,     false, 1, Stage::Publishing,  "2026-04-01T00:00:00Z", 0, 1),
            ("2026-06-01T00:00:00Z", PUBLISHED, false, 1, Stage::Overlapping, "2026-06-01T00:00:00Z", 0, 1),
            ("2026-06-10T23:59:59Z", PUBLISHED, false, 1, Stage::Overlapping, "2026-06-01T00:00:00Z", 0, 1),
            ("2026-06-11T00:00:00Z", PUBLISHED, true,  1, Stage::Settled,     "2026-06-01T00:00:00Z", 1, 1),
            ("2026-07-01T00:00:00Z", PUBLISHED, false, 2, Stage::Making,      "2026-07-01T00:00:00Z", 1, 1),
        ];
        for (time, seen, rests, turn, stage, since, earliest, published) in steps {
            now = advanced(now, seen, rests, at(time));
            assert_eq!(is(&now), (turn, stage, since.into(), earliest, published), "{time}");
        }
    }

    #[test]
    fn what_is_no_longer_asked_for_ends_where_one_user_works() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let mut record = record(true);
        record.serving.rotation =
            Some(Rotation { turn: 3, stage: Stage::Making, since: "2026-01-01T00:00:00Z".into() });
        record.serving.plan.terms.rotation = None;
        for time in ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2027-01-01T00:00:00Z"] {
            record = advanced(record, PUBLISHED, false, at(time));
        }
        assert_eq!(is(&record), (3, Stage::Settled, "2026-01-03T00:00:00Z".into(), 3, 3));
    }
}
