//! Whether a database sleeps now. In: its applied terms, the time. Out: asleep or not, why, and when that next changes. Must
//! not change the plan: it was approved with its schedule, so that nobody needs to agree every night.

use crate::api::plan::Terms;
use crate::plan::calendar::{self, Side};
use jiff::{SignedDuration, Timestamp};

/// So long before it expires, a database says so.
const NOTICE: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sleep {
    pub asleep: bool,
    /// For the status; it stays the same between two edges.
    pub words: Option<String>,
    /// When to look again.
    pub edge: Option<Timestamp>,
}

pub fn sleep(terms: &Terms, now: Timestamp) -> Sleep {
    let expiry = expiry(terms, now);
    if terms.lifecycle.hibernated || expiry.asleep {
        return Sleep { asleep: true, ..expiry };
    }
    let night = night(terms, now);
    Sleep {
        asleep: night.asleep,
        words: night.words.or(expiry.words),
        edge: night.edge.into_iter().chain(expiry.edge).min(),
    }
}

fn expiry(terms: &Terms, now: Timestamp) -> Sleep {
    let Some(day) = &terms.lifecycle.expires else { return Sleep::default() };
    let Some(expires) = calendar::beginning(day, &terms.maintenance) else { return Sleep::default() };
    if expires <= now {
        let words = format!("it expired on {day}; write a later day into spec.lifecycle.expires, or delete it");
        return Sleep { asleep: true, words: Some(words), edge: None };
    }
    let notice = expires.checked_sub(NOTICE).unwrap_or(expires);
    if notice <= now {
        let words = format!("it expires on {day}, and sleeps from then on; spec.lifecycle.expires can be a later day");
        return Sleep { asleep: false, words: Some(words), edge: Some(expires) };
    }
    Sleep { asleep: false, words: None, edge: Some(notice) }
}

fn night(terms: &Terms, now: Timestamp) -> Sleep {
    let Some(schedule) = &terms.lifecycle.schedule else { return Sleep::default() };
    let fires = |text: &str, side| calendar::fires(text, &terms.maintenance, now, side);
    let (slept, woke) = (fires(&schedule.sleep, Side::UpTo), fires(&schedule.wake, Side::UpTo));
    let (sleeps, wakes) = (fires(&schedule.sleep, Side::After), fires(&schedule.wake, Side::After));
    let asleep = slept > woke;
    let words = wakes.filter(|_| asleep).map(|wakes| format!("it sleeps until {wakes}"));
    Sleep { asleep, words, edge: sleeps.into_iter().chain(wakes).min() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn at_night_and_after_its_day() {
        let nights = json!({"schedule": {"sleep": "0 20 * * 1-5", "wake": "0 6 * * 1-5"}});
        let until = |time: &str| Some(format!("it sleeps until {time}"));
        let cases = [
            (json!({}), "2026-11-21T12:00:00Z", false, None, None),
            (json!({"hibernated": true}), "2026-11-21T12:00:00Z", true, None, None),
            (nights.clone(), "2026-11-20T12:00:00Z", false, None, Some("2026-11-20T20:00:00Z")),
            (nights.clone(), "2026-11-20T20:00:00Z", true, until("2026-11-23T06:00:00Z"), Some("2026-11-23T06:00:00Z")),
            (nights, "2026-11-23T06:00:00Z", false, None, Some("2026-11-23T20:00:00Z")),
            (json!({"expires": "2027-01-31"}), "2026-11-21T12:00:00Z", false, None, Some("2027-01-24T00:00:00Z")),
            (
                json!({"expires": "2026-11-25"}),
                "2026-11-21T12:00:00Z",
                false,
                Some(
                    "it expires on 2026-11-25, and sleeps from then on; spec.lifecycle.expires can be a later day"
                        .into(),
                ),
                Some("2026-11-25T00:00:00Z"),
            ),
            (
                json!({"expires": "2026-11-21"}),
                "2026-11-21T12:00:00Z",
                true,
                Some("it expired on 2026-11-21; write a later day into spec.lifecycle.expires, or delete it".into()),
                None,
            ),
        ];
        for (lifecycle, now, asleep, words, edge) in cases {
            let terms = example::plan("dev", json!({"lifecycle": lifecycle})).terms;
            let edge = edge.map(|edge| edge.parse().unwrap());
            assert_eq!(sleep(&terms, now.parse().unwrap()), Sleep { asleep, words, edge }, "{lifecycle} at {now}");
        }
    }
}
