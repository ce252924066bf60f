//! Times of backups: when they are made and how long they are kept. In: texts. Out: whether they are sound.
//! Must not know the time.

use jiff::SignedDuration;

/// The range of each field: minute, hour, day of the month, month, day of the week.
const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6)];

/// A cron expression of five fields, in the part of the language that every operator reads: numbers, `*`, `a-b`, lists
/// and steps. The error says what is wrong.
pub fn cron(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split(' ').collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("{text:?} is not a cron expression"));
    }
    for (field, (name, least, most)) in fields.iter().zip(FIELDS) {
        if !field.split(',').all(|part| is_part(part, least, most)) {
            return Err(format!("{field:?} is not a {name} ({least} to {most})"));
        }
    }
    Ok(())
}

fn is_part(part: &str, least: u32, most: u32) -> bool {
    let (base, step) = match part.split_once('/') {
        Some((base, step)) => (base, Some(step)),
        None => (part, None),
    };
    let number = |text: &str| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && (least..=most).contains(number))
    };
    let range = match base.split_once('-') {
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => base == "*" || (step.is_none() && number(base).is_some()),
    };
    let step =
        step.is_none_or(|step| step.len() <= 2 && step.parse().is_ok_and(|step: u32| (1..=most).contains(&step)));
    range && step
}

/// How long backups are kept, in days: a week has 7, a month is counted as 30. None: not of the form `30d`, `4w`, `6m`.
pub fn days(retention: &str) -> Option<u32> {
    let unit = match retention.as_bytes().last()? {
        b'd' => 1,
        b'w' => 7,
        b'm' => 30,
        _ => return None,
    };
    number(retention).map(|number| number * unit)
}

/// The time between two rotations: hours, days or weeks, such as `30d`.
pub fn interval(text: &str) -> Option<SignedDuration> {
    let hours = match text.as_bytes().last()? {
        b'h' => 1,
        b'd' => 24,
        b'w' => 7 * 24,
        _ => return None,
    };
    number(text).map(|number| SignedDuration::from_hours(i64::from(number) * hours))
}

/// What stands before the unit: up to four digits.
fn number(text: &str) -> Option<u32> {
    let digits = text.get(..text.len() - 1)?;
    let canonical = digits.len() <= 4 && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| canonical)
}

/// The most runs of a schedule of [`cron`]'s form in any window of so many days, or a few more: for operators that keep a
/// number of backups instead of those of a time.
pub fn most_runs(schedule: &str, days: u32) -> u32 {
    let mut counts = schedule.split(' ').zip(FIELDS).map(|(field, (_, least, most))| count(field, least, most));
    let mut next = || counts.next().flatten().unwrap_or(1);
    let (minutes, hours, of_month, months, of_week) = (next(), next(), next(), next(), next());
    let whole = |count: u32, (_, least, most): (&str, u32, u32)| count > most - least;
    let in_months = (days / 28 + 1).saturating_mul(of_month);
    let in_weeks = days / 7 * of_week + of_week.min(days % 7);
    let [_, _, day_of_month, month, day_of_week] = FIELDS;
    let running = match (whole(of_month, day_of_month), whole(of_week, day_of_week)) {
        (true, true) => days,
        (false, true) => in_months,
        (true, false) => in_weeks,
        // Cron runs on the days of both.
        (false, false) => in_months + in_weeks,
    };
    // A year has some of the months only.
    let in_year =
        if whole(months, month) { u32::MAX } else { (days / 365 + 1).saturating_mul(months).saturating_mul(31) };
    running.min(days).min(in_year).saturating_mul(minutes).saturating_mul(hours)
}

/// How many values a field has.
fn count(field: &str, least: u32, most: u32) -> Option<u32> {
    Some(field_values(field, least, most)?.count())
}

/// The values of each field of an expression of [`cron`]'s form, in order.
pub fn values(schedule: &str) -> Option<[Values; 5]> {
    let fields = schedule.split(' ').zip(FIELDS);
    let values: Option<Vec<_>> = fields.map(|(field, (_, least, most))| field_values(field, least, most)).collect();
    values?.try_into().ok()
}

fn field_values(field: &str, least: u32, most: u32) -> Option<Values> {
    let mut values = Values(0);
    for part in field.split(',') {
        let (base, step) = part.split_once('/').unwrap_or((part, "1"));
        let (from, to) = match base.split_once('-') {
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None if base == "*" => (least, most),
            None => (base.parse().ok()?, base.parse().ok()?),
        };
        for value in (from..=to).step_by(step.parse().ok().filter(|step| *step > 0)?) {
            values.0 |= 1_u64.checked_shl(value)?;
        }
    }
    Some(values)
}

/// Values of a field, all below 64: a bit each, because every report asks when the last backup was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values(u64);

impl Values {
    pub fn contains(self, value: u32) -> bool {
        1_u64.checked_shl(value).is_some_and(|bit| self.0 & bit != 0)
    }

    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// From the least to the greatest.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u32> {
        (0..u64::BITS).filter(move |value| self.contains(*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_expressions_that_every_operator_reads() {
        for text in ["0 2 * * *", "*/15 0-6 1,15 * 1-5", "59 23 31 12 6", "0 */2 * * *", "0 0-12/3 * * 0"] {
            assert_eq!(cron(text), Ok(()), "{text}");
        }
        let refused = [
            "daily",
            "0 2 * *",
            "0 0 2 * * *",
            "60 2 * * *",
            "0 24 * * *",
            "0 2 0 * *",
            "0 2 * 13 *",
            "0 2 * * 7",
            "0 2 * * MON",
            "@daily",
            "0 2 * * L",
            "0 5-2 * * *",
            "0 2/3 * * *",
            "*/0 * * * *",
            "0  2 * * *",
            "",
            "+1 2 * * *",
        ];
        for text in refused {
            assert!(cron(text).is_err(), "{text}");
        }
    }

    #[test]
    fn runs_in_a_window_are_never_too_few() {
        let cases = [
            ("0 2 * * *", 7, 7),
            ("0 2,14 * * *", 7, 14),
            ("*/15 * * * *", 1, 96),
            ("0 2 * * 0", 30, 5),
            ("0 2 * * 1-5", 7, 5),
            ("0 2 1 * *", 30, 2),
            ("0 2 1,15 * *", 14, 2),
            ("0 2 1 * 0", 7, 2),
            ("0 2 * 1 *", 400, 62),
            ("0 2 * * *", 0, 0),
        ];
        for (schedule, days, expected) in cases {
            assert_eq!(most_runs(schedule, days), expected, "{schedule} in {days} days");
        }
    }

    #[test]
    fn retentions_in_days() {
        let cases = [
            ("30d", Some(30)),
            ("4w", Some(28)),
            ("6m", Some(180)),
            ("0d", None),
            ("030d", None),
            ("d", None),
            ("30", None),
            ("1y", None),
            ("", None),
            ("99999d", None),
            ("-1d", None),
            ("+1d", None),
            ("3é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(days(text), expected, "{text}");
        }
    }
}
