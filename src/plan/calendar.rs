//! The time in a place. In: maintenance windows or cron schedules, a time zone, the time. Out: whether a window is open, and
//! when something comes next or came last. Must not read a clock: `now` is given.
//!
//! The table of time zones is built in, so that the answer does not depend on the machine. Where a clock is put forward, what
//! would have begun within the missing hour begins after it; where it is put back, at the first of the two times.

use crate::api::claim::{Weekday, Window};
use crate::api::plan::Maintenance;
use crate::carried;
use crate::plan::schedule::Values;
use jiff::civil::{self, Date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A window is open, or there are none: at any time.
    Open,
    /// The next one opens at this time.
    At(Timestamp),
}

/// None: there is no such time zone.
pub fn zone(name: Option<&str>) -> Option<TimeZone> {
    // Every step of a database with a window asks, and each would walk the table. By its own names, which are few.
    static READ: Mutex<BTreeMap<&'static str, TimeZone>> = Mutex::new(BTreeMap::new());
    let Some(name) = name else { return Some(TimeZone::UTC) };
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(zone) = read.get(name) {
        return Some(zone.clone());
    }
    let (known, data) = zones().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let zone = TimeZone::tzif(known, data).ok()?;
    read.insert(known, zone.clone());
    Some(zone)
}

/// Every time zone with its data, as `build.rs` writes them.
fn zones() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut rest = TABLE.get_or_init(|| carried::bytes("time-zones")).as_slice();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(*length))?;
        let (length, after) = after.split_first_chunk()?;
        let (data, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some((std::str::from_utf8(name).ok()?, data))
    })
}

/// A plan names a time zone that there is; a release without it takes UTC.
fn zone_of(maintenance: &Maintenance) -> TimeZone {
    zone(maintenance.time_zone.as_deref()).unwrap_or(TimeZone::UTC)
}

/// Whether what disturbs may happen now.
pub fn opening(maintenance: &Maintenance, now: Timestamp) -> Opening {
    let zone = zone_of(maintenance);
    let today = now.to_zoned(zone.clone()).date();
    let mut next: Option<Timestamp> = None;
    // From yesterday, since a window can reach over midnight; until the same day of the next week.
    for date in (-1..=7).filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok()) {
        for window in maintenance.windows.iter().filter(|window| weekday(window.day) == date.weekday()) {
            let Some((opens, closes)) = times(window, date, &zone) else { continue };
            if (opens..closes).contains(&now) {
                return Opening::Open;
            }
            if opens > now {
                next = Some(next.map_or(opens, |next| next.min(opens)));
            }
        }
    }
    next.map_or(Opening::Open, Opening::At)
}

fn times(window: &Window, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let (hour, minute) = window.start.split_once(':')?;
    let start = civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    let opens = date.to_datetime(start).to_zoned(zone.clone()).ok()?.timestamp();
    Some((opens, opens.checked_add(duration(&window.duration)?).ok()?))
}

/// `4h` or `90m`.
fn duration(text: &str) -> Option<SignedDuration> {
    let number = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    match text.as_bytes().last()? {
        b'h' => Some(SignedDuration::from_hours(number)),
        b'm' => Some(SignedDuration::from_mins(number)),
        _ => None,
    }
}

fn weekday(day: Weekday) -> civil::Weekday {
    match day {
        Weekday::Monday => civil::Weekday::Monday,
        Weekday::Tuesday => civil::Weekday::Tuesday,
        Weekday::Wednesday => civil::Weekday::Wednesday,
        Weekday::Thursday => civil::Weekday::Thursday,
        Weekday::Friday => civil::Weekday::Friday,
        Weekday::Saturday => civil::Weekday::Saturday,
        Weekday::Sunday => civil::Weekday::Sunday,
    }
}

/// The first moment of a day there.
pub fn beginning(day: &str, maintenance: &Maintenance) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    Some(day.to_zoned(zone_of(maintenance)).ok()?.timestamp())
}

/// When a cron schedule of `plan::schedule`'s form fires next to `now` on one side. None: never within eight years, which is
/// as long as a 29 February can be away.
pub fn fires(schedule: &str, maintenance: &Maintenance, now: Timestamp, side: Side) -> Option<Timestamp> {
    let zone = zone_of(maintenance);
    let local: Zoned = now.to_zoned(zone.clone());
    let values = super::schedule::values(schedule)?;
    let [minutes, hours, ..] = values;
    let step = jiff::Span::new().days(if side == Side::After { 1 } else { -1 });
    let mut date = local.date();
    for _ in 0..8 * 366 {
        if is_due(&values, date) {
            let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (hour, minute)));
            let mut times = times.filter_map(|(hour, minute)| {
                let time = civil::Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()?;
                Some(date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
            });
            let found = match side {
                Side::After => times.find(|time| *time > now),
                Side::UpTo => times.rfind(|time| *time <= now),
            };
            if found.is_some() {
                return found;
            }
        }
        date = date.checked_add(step).ok()?;
    }
    None
}

fn is_due([_, _, days, months, weekdays]: &[Values; 5], date: Date) -> bool {
    let (day, month) = (date.day().unsigned_abs().into(), date.month().unsigned_abs().into());
    let weekday: u32 = date.weekday().to_sunday_zero_offset().unsigned_abs().into();
    // As cron has it: where both are limited, one of them is enough.
    let due = match (days.count() < 31, weekdays.count() < 7) {
        (true, true) => days.contains(day) || weekdays.contains(weekday),
        _ => days.contains(day) && weekdays.contains(weekday),
    };
    due && months.contains(month)
}

/// The most days from one on which such a schedule fires to the next: 1 where that is every day, 366 where it is more.
pub fn longest_pause(schedule: &str) -> u32 {
    let Some(values) = super::schedule::values(schedule) else { return 1 };
    if values[2..].iter().map(|field| field.count()).eq([31, 12, 7]) {
        return 1;
    }
    // Two years, one of which has a 29 February.
    let dates = civil::date(2027, 1, 1).series(jiff::Span::new().days(1)).take(2 * 366);
    let (mut pause, mut longest) = (0, 0);
    for date in dates {
        pause = if is_due(&values, date) { 1 } else { pause + 1 };
        longest = longest.max(pause);
    }
    longest.min(366)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    UpTo,
    After,
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn maintenance(zone: Option<&str>, windows: &[(Weekday, &str, &str)]) -> Maintenance {
        let windows = windows.iter().map(|(day, start, duration)| Window {
            day: *day,
            start: start.to_string(),
            duration: duration.to_string(),
        });
        Maintenance { windows: windows.collect(), time_zone: zone.map(String::from), ..Maintenance::default() }
    }

    #[test]
    fn a_schedule_pauses_for_so_many_days() {
        let cases = [
            ("0 2 * * *", 1),
            ("0 */6 * * *", 1),
            ("0 2 * * 0", 7),
            ("15 1,13 * * 1-5", 3),
            ("0 2 1 * *", 31),
            ("0 2 1 * 0", 7),
            ("0 2 1 1 *", 366),
            ("0 2 29 2 *", 366),
        ];
        for (schedule, days) in cases {
            assert_eq!(longest_pause(schedule), days, "{schedule}");
        }
    }

    #[test]
    fn windows_open_where_the_database_is() {
        use Weekday::*;
        let sunday = maintenance(None, &[(Sunday, "02:00", "4h")]);
        let oslo = maintenance(Some("Europe/Oslo"), &[(Sunday, "02:00", "4h")]);
        let late = maintenance(None, &[(Saturday, "22:30", "6h"), (Wednesday, "03:00", "90m")]);
        let open = Opening::Open;
        let opens = |text| Opening::At(at(text));
        let cases = [
            (maintenance(None, &[]), "2026-11-21T12:00:00Z", open),
            (sunday.clone(), "2026-11-21T12:00:00Z", opens("2026-11-22T02:00:00Z")),
            (sunday.clone(), "2026-11-22T02:00:00Z", open),
            (sunday.clone(), "2026-11-22T05:59:59Z", open),
            (sunday, "2026-11-22T06:00:00Z", opens("2026-11-29T02:00:00Z")),
            (oslo.clone(), "2026-11-21T12:00:00Z", opens("2026-11-22T01:00:00Z")),
            (oslo.clone(), "2026-07-18T12:00:00Z", opens("2026-07-19T00:00:00Z")),
            // The clock goes from 02:00 to 03:00, and the window begins at 03:00.
            (oslo.clone(), "2026-03-28T12:00:00Z", opens("2026-03-29T01:00:00Z")),
            // The clock goes from 03:00 to 02:00, and the window begins at the first 02:00.
            (oslo, "2026-10-24T12:00:00Z", opens("2026-10-25T00:00:00Z")),
            (late.clone(), "2026-11-22T04:29:00Z", open),
            (late.clone(), "2026-11-22T04:30:00Z", opens("2026-11-25T03:00:00Z")),
            (late, "2026-11-25T04:30:00Z", opens("2026-11-28T22:30:00Z")),
        ];
        for (maintenance, now, expected) in cases {
            assert_eq!(opening(&maintenance, at(now)), expected, "{maintenance:?} at {now}");
        }
    }

    #[test]
    fn schedules_fire_where_the_database_is() {
        let (utc, oslo) = (maintenance(None, &[]), maintenance(Some("Europe/Oslo"), &[]));
        let cases = [
            (&utc, "0 20 * * 1-5", "2026-11-21T12:00:00Z", "2026-11-20T20:00:00Z", "2026-11-23T20:00:00Z"),
            (&oslo, "0 20 * * 1-5", "2026-11-21T12:00:00Z", "2026-11-20T19:00:00Z", "2026-11-23T19:00:00Z"),
            (&utc, "*/15 * * * *", "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T12:15:00Z"),
            (&utc, "0 0 29 2 *", "2026-11-21T12:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
            (&utc, "0 6 1 * 1", "2026-11-21T12:00:00Z", "2026-11-16T06:00:00Z", "2026-11-23T06:00:00Z"),
            (&oslo, "30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"),
        ];
        for (maintenance, schedule, now, before, after) in cases {
            assert_eq!(fires(schedule, maintenance, at(now), Side::UpTo), Some(at(before)), "{schedule} up to {now}");
            assert_eq!(fires(schedule, maintenance, at(now), Side::After), Some(at(after)), "{schedule} after {now}");
        }
        assert_eq!(fires("0 0 30 2 *", &utc, at("2026-11-21T12:00:00Z"), Side::After), None);
    }

    #[test]
    fn a_day_begins_where_the_database_is() {
        let oslo = maintenance(Some("Europe/Oslo"), &[]);
        assert_eq!(beginning("2027-01-31", &oslo), Some(at("2027-01-30T23:00:00Z")));
        assert_eq!(beginning("2027-02-31", &oslo), None);
    }

    #[test]
    fn the_table_of_time_zones_is_built_in() {
        assert!(zones().count() > 500);
        for (name, data) in zones() {
            assert!(TimeZone::tzif(name, data).is_ok(), "{name}");
        }
        assert!(zone(Some("Europe/Oslo")).is_some());
        assert!(zone(Some("Europe/Olso")).is_none());
    }
}
