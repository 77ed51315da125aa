//! Times as the database keeps them: milliseconds since 1970 (UTC); and as people and programs read them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serializer;

/// Milliseconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// Milliseconds of an hour.
pub(crate) const HOUR: i64 = 60 * 60 * 1000;

/// 0001-01-01T00:00:00.000Z.
const FIRST: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z.
const LAST: i64 = 253_402_300_799_999;

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Whether it is in the years 1 to 9999, which RFC 3339 can write.
pub(crate) fn is_writable(time: i64) -> bool {
    (FIRST..=LAST).contains(&time)
}

/// A time in milliseconds since 1970 as RFC 3339 has it, in UTC: `2026-01-31T09:05:30.250Z`. Beyond the
/// years 1 to 9999 it is the nearest time within.
pub fn rfc3339(time: i64) -> String {
    let time = time.clamp(FIRST, LAST);
    let (day, in_day) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    let (year, month, day) = date(day);
    let (hour, minute) = (in_day / HOUR, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month and day of a day since 1970, Gregorian. Years are counted from March, so that the
/// leap day is a year's last.
fn date(day: i64) -> (i64, i64, i64) {
    let since_march_0 = day + 719_468;
    let (era, day) = (
        since_march_0.div_euclid(146_097),
        since_march_0.rem_euclid(146_097),
    );
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = match month {
        0..=9 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    (era * 400 + year + next, month, day)
}

/// Serialises as [`rfc3339`].
// Serde passes fields by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(crate) fn serialize<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// Serialises as [`rfc3339`], or as null.
pub(crate) fn serialize_option<S: Serializer>(
    time: &Option<i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_they_are_read() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_600_250, "2026-01-01T00:00:00.250Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (FIRST, "0001-01-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0001-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        for (time, expected) in table {
            assert_eq!(rfc3339(time), expected);
        }
        // Days up to 2517, read by the code that reads metadata.
        for day in (-719_162..200_000).step_by(11) {
            let text = rfc3339(day * DAY);
            assert_eq!(
                niteru_index::condition::instant(&text),
                Some(day * DAY),
                "{text}"
            );
        }
    }
}
