use super::value::plain;

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * MINUTE;
const MINUTE: i64 = 60 * SECOND;
const SECOND: i64 = 1000;

/// A span of time as it was written: a day without a time of day, a minute without seconds, a
/// second, a millisecond. Years 1 to 9999 of the Gregorian calendar.
///
/// Without a time zone it counts as UTC. Values and literals are read alike, so local times compare
/// rightly with local times, whatever the zone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    start: i64,
    end: i64,
}

impl Date {
    /// Reads `2026-01-31`, `2026/1/31` or `2026年1月31日`; after a space or a `T` may follow
    /// `9:05`, `09:05:30` or `09:05:30.250`, and after that `Z`, `+09:00`, `+0900` or `+09`. In
    /// full-width characters too, with white space around it.
    pub fn parse(text: &str) -> Option<Self> {
        read(&plain(text)).and_then(Result::ok)
    }

    /// Where the span starts, in milliseconds since 1970 (UTC).
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The first millisecond after the span.
    pub fn end(&self) -> i64 {
        self.end
    }
}

/// Reads a date. `None`: it does not look like one; an error: it does, but there is no such date.
pub(super) fn read(text: &str) -> Option<Result<Date, String>> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time.trim_start())),
        None => (text, None),
    };
    let [year, month, day] = split_date(date)?;
    Some(read_parts(year, month, day, time))
}

fn read_parts(year: u32, month: u32, day: u32, time: Option<&str>) -> Result<Date, String> {
    if year == 0 {
        return Err("there is no year 0".into());
    }
    if !(1..=12).contains(&month) {
        return Err(format!("there is no month {month}"));
    }
    let days = days_of(year, month);
    if !(1..=days).contains(&day) {
        return Err(format!(
            "there is no such date: {year:04}-{month:02} has {days} days"
        ));
    }
    let midnight = days_since_1970(year, month, day) * DAY;
    let Some(time) = time else {
        let (start, end) = (midnight, midnight + DAY);
        return Ok(Date { start, end });
    };
    let Some((after_midnight, length)) = read_time(time) else {
        return Err(format!("cannot read {time:?} as a time such as 09:05:30"));
    };
    let start = midnight + after_midnight;
    let end = start + length;
    Ok(Date { start, end })
}

/// Year, month and day, if the text has the shape of a date.
fn split_date(text: &str) -> Option<[u32; 3]> {
    let split = |first, second| {
        let (year, rest) = text.split_once(first)?;
        let (month, day) = rest.split_once(second)?;
        Some((year, month, day))
    };
    let (year, month, day, shortest) = if let Some((year, month, day)) = split('年', '月') {
        (year, month, day.strip_suffix('日')?, 1)
    } else if let Some((year, month, day)) = split('/', '/') {
        (year, month, day, 1)
    } else {
        // One digit is not enough here: 2026-1-5 is as likely a part number.
        let (year, month, day) = split('-', '-')?;
        (year, month, day, 2)
    };
    Some([
        digits(year, 4..=4)?,
        digits(month, shortest..=2)?,
        digits(day, shortest..=2)?,
    ])
}

/// Milliseconds after midnight UTC, and how long the span is that was written.
fn read_time(text: &str) -> Option<(i64, i64)> {
    let (clock, offset) = split_zone(text)?;
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 1..=2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2..=2).filter(|minute| *minute < 60)?;
    let start = (i64::from(hour) * 60 + i64::from(minute)) * MINUTE - offset;
    let Some(seconds) = parts.next() else {
        return Some((start, MINUTE));
    };
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = match seconds.split_once('.') {
        Some((second, fraction)) => (second, Some(fraction)),
        None => (seconds, None),
    };
    let second = digits(second, 2..=2).filter(|second| *second < 60)?;
    let start = start + i64::from(second) * SECOND;
    let Some(fraction) = fraction else {
        return Some((start, SECOND));
    };
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let milliseconds: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some((start + milliseconds.parse::<i64>().ok()?, 1))
}

/// The time of day, and its zone's offset from UTC in milliseconds.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(sign) = text.find(['+', '-']) else {
        return Some((text, 0));
    };
    let (clock, zone) = text.split_at(sign);
    let (direction, zone) = (if zone.starts_with('-') { -1 } else { 1 }, &zone[1..]);
    let (hours, minutes) = match zone.split_once(':') {
        Some(parts) => parts,
        None if zone.len() == 4 => zone.split_at_checked(2)?,
        None => (zone, "00"),
    };
    let hours = digits(hours, 2..=2).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
    let offset = (i64::from(hours) * 60 + i64::from(minutes)) * MINUTE;
    Some((clock, direction * offset))
}

/// A number of so many ASCII digits, as long as u32 holds it.
fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let good = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, by Howard Hinnant's `days_from_civil`: years start in March, so that the
/// leap day is the last of its year.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_people_write_them() {
        const NEW_YEAR: i64 = 1_767_225_600_000;
        // text, start and length
        let table: &[(&str, Option<(i64, i64)>)] = &[
            ("2026-01-01", Some((NEW_YEAR, DAY))),
            ("2026/1/1", Some((NEW_YEAR, DAY))),
            ("2026/01/01", Some((NEW_YEAR, DAY))),
            ("2026年1月1日", Some((NEW_YEAR, DAY))),
            (" ２０２６／１／１ ", Some((NEW_YEAR, DAY))),
            ("2026-01-01 9:05", Some((NEW_YEAR + 545 * MINUTE, MINUTE))),
            (
                "2026-01-01T09:05:30",
                Some((NEW_YEAR + 545 * MINUTE + 30_000, SECOND)),
            ),
            ("2026-01-01T00:00:00.25Z", Some((NEW_YEAR + 250, 1))),
            (
                "2026-01-01T00:00:00.1234567890123Z",
                Some((NEW_YEAR + 123, 1)),
            ),
            ("2026-01-01T09:00+09:00", Some((NEW_YEAR, MINUTE))),
            ("2026-01-01T09:00+0900", Some((NEW_YEAR, MINUTE))),
            ("2025-12-31T19:00-05", Some((NEW_YEAR, MINUTE))),
            ("1970-01-01", Some((0, DAY))),
            ("1969-12-31", Some((-DAY, DAY))),
            ("2000-02-29", Some((951_782_400_000, DAY))),
            ("0001-01-01", Some((-62_135_596_800_000, DAY))),
            ("9999-12-31", Some((253_402_214_400_000, DAY))),
            ("1900-02-29", None),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-00-01", None),
            ("2026-01-00", None),
            ("0000-01-01", None),
            ("2026-1-1", None),
            ("26-01-01", None),
            ("2026-01-01-A", None),
            ("2026-01-01T25:00", None),
            ("2026-01-01T10:60", None),
            ("2026-01-01T10:00:60", None),
            ("2026-01-01T10", None),
            ("2026-01-01T10:00:00:00", None),
            ("2026-01-01T10:00:00.x", None),
            ("2026-01-01T10:00+99:00", None),
            ("2026-01-01T10:00+錆び", None),
            ("2026年1月1", None),
            ("", None),
        ];
        let mut wrong = Vec::new();
        for (text, expected) in table {
            let found = Date::parse(text).map(|date| (date.start, date.end - date.start));
            if found != *expected {
                wrong.push(format!("{text:?}: {found:?}, not {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
