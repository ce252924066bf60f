//! When a schedule is due. In: a cron expression of five fields, and a time. Out: the next time after it, in UTC.

use crate::plan::schedule::values;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// None: it cannot be read, or is never due within a year.
pub fn next(schedule: &str, after: Timestamp) -> Option<Timestamp> {
    let [minutes, hours, days, months, weekdays] = values(schedule)?;
    let is_in = |values: &BTreeSet<u32>, value: i8| values.contains(&u32::from(value.unsigned_abs()));
    let runs = |date: &Date| {
        let day = is_in(&days, date.day());
        let weekday = is_in(&weekdays, date.weekday().to_sunday_zero_offset());
        // Where both are restricted, cron runs on the days of both.
        let both = days.len() < 31 && weekdays.len() < 7;
        is_in(&months, date.month()) && if both { day || weekday } else { day && weekday }
    };
    let today = after.to_zoned(TimeZone::UTC).date();
    let times = |date: Date| {
        let of_hour = |hour: &u32| minutes.iter().map(move |minute| (*hour, *minute)).collect::<Vec<_>>();
        let times: Vec<(u32, u32)> = hours.iter().flat_map(of_hour).collect();
        times.into_iter().filter_map(move |(hour, minute)| {
            let time = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
            time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
        })
    };
    today.series(1.day()).take(366).filter(runs).flat_map(times).find(|time| *time > after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_comes_after() {
        // A Saturday.
        let after: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let cases = [
            ("0 2 * * *", Some("2026-11-22T02:00:00Z")),
            ("0 12 * * *", Some("2026-11-22T12:00:00Z")),
            ("*/5 * * * *", Some("2026-11-21T12:05:00Z")),
            ("30 12,18 * * *", Some("2026-11-21T12:30:00Z")),
            ("0 2 * * 1-5", Some("2026-11-23T02:00:00Z")),
            ("0 2 1 * *", Some("2026-12-01T02:00:00Z")),
            ("0 2 1 * 1", Some("2026-11-23T02:00:00Z")),
            ("0 2 30 2 *", None),
            ("daily", None),
        ];
        for (schedule, expected) in cases {
            assert_eq!(next(schedule, after), expected.map(|time| time.parse().unwrap()), "{schedule}");
        }
    }
}
