//! Backups that a claim asks for once. In: the record, the token in the claim, whether the data is ready, the time. Out: the
//! record with what was asked for. Must not make a backup: `compose-engine` composes what the record lists.
//!
//! A token makes exactly one backup, also when it is taken back and written again. The object goes when its retention is
//! over, and most operators delete the data with it; the token is remembered.

use crate::api::record::{Asked, Record};
use crate::plan::schedule;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// So many tokens are remembered, the latest.
const REMEMBERED: usize = 100;

pub fn asked(mut record: Record, token: Option<&str>, ready: bool, now: Timestamp) -> Record {
    let over = |until: &str| until.parse::<Timestamp>().is_ok_and(|until| until <= now);
    for asked in &mut record.asked {
        asked.until = asked.until.take().filter(|until| !over(until));
    }
    let known = |token: &str| record.asked.iter().any(|asked| asked.token == token);
    // What cannot make it yet will be asked again.
    let kept = record.serving.plan.terms.backup.as_ref().and_then(|backup| schedule::days(&backup.retention));
    if let (Some(token), Some(days), true) = (token.filter(|token| !known(token)), kept, ready) {
        let until = now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(now);
        let (token, number) = (token.to_string(), record.serving.number);
        record.asked.push(Asked { token, generation: number, until: Some(until.to_string()) });
    }
    let surplus = record.asked.len().saturating_sub(REMEMBERED);
    record.asked.drain(..surplus);
    record
}

/// What stands for a token in keys and names: eight hexadecimal digits. Permanent.
pub fn short(token: &str) -> String {
    Sha256::digest(token).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_token_makes_one_backup_for_as_long_as_backups_are_kept() {
        let record = Record::of(example::generation("dev", json!({})));
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let now = at("2026-11-21T12:00:00Z");
        let live =
            |record: &Record| record.asked.iter().map(|it| (it.token.clone(), it.until.is_some())).collect::<Vec<_>>();
        assert_eq!(asked(record.clone(), Some("1"), false, now).asked, [], "it would fail");
        let once = asked(record, Some("1"), true, now);
        assert_eq!(once.asked[0].until.as_deref(), Some("2026-11-28T12:00:00Z"));
        assert_eq!(asked(once.clone(), Some("1"), true, now), once);
        let twice = asked(once, Some("2"), true, at("2026-11-25T12:00:00Z"));
        assert_eq!(asked(twice.clone(), Some("1"), true, now), twice, "nor when it is written again");
        let later = asked(twice, Some("1"), true, at("2026-11-28T12:00:00Z"));
        assert_eq!(live(&later), [("1".into(), false), ("2".into(), true)]);
    }

    #[test]
    fn what_stands_for_a_token_is_permanent() {
        assert_eq!(short("1"), "6b86b273");
    }
}
