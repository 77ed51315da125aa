//! When things happened.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::time::{self, DAY, HOUR};

/// Milliseconds of a week.
const WEEK: i64 = 7 * DAY;

/// Periods up to which hours, and days, are counted.
const HOURS_UP_TO: i64 = 2 * DAY;
const DAYS_UP_TO: i64 = 60 * DAY;

/// 1970-01-05, a Monday.
const MONDAY: i64 = 4 * DAY;

/// Counts over time. Spans without any inspection are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimeCourse {
    /// Length of a span: hours where everything is within two days, days up to 60, else weeks from
    /// Monday on.
    pub unit: TimeUnit,
    /// The spans, in order.
    pub counts: Vec<TimeCount>,
}

/// Length of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
}

/// What happened in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimeCount {
    /// Its start, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub start: i64,
    /// Images of the group.
    pub in_group: u64,
    /// All images that were inspected.
    pub all: u64,
}

/// Spans of time, from local midnights on.
pub(super) struct Spans {
    unit: TimeUnit,
    /// Milliseconds that local time is ahead of UTC.
    offset: i64,
    /// How many of all are in each span, by its start.
    all: BTreeMap<i64, u64>,
}

impl Spans {
    pub(super) fn of(times: &[i64], offset: i64) -> Self {
        let (first, last) = (times.iter().min(), times.iter().max());
        let length = last.zip(first).map_or(0, |(last, first)| last - first);
        let unit = if length <= HOURS_UP_TO {
            TimeUnit::Hour
        } else if length <= DAYS_UP_TO {
            TimeUnit::Day
        } else {
            TimeUnit::Week
        };
        let mut this = Self {
            unit,
            offset,
            all: BTreeMap::new(),
        };
        this.all = this.count(times);
        this
    }

    /// How many of these, which are among all, are in each span.
    pub(super) fn course(&self, times: &[i64]) -> TimeCourse {
        let own = self.count(times);
        let counts = self.all.iter().map(|(&start, &all)| TimeCount {
            start,
            in_group: own.get(&start).copied().unwrap_or(0),
            all,
        });
        TimeCourse {
            unit: self.unit,
            counts: counts.collect(),
        }
    }

    fn count(&self, times: &[i64]) -> BTreeMap<i64, u64> {
        let mut counts = BTreeMap::new();
        for &time in times {
            *counts.entry(self.start(time)).or_insert(0) += 1;
        }
        counts
    }

    fn start(&self, time: i64) -> i64 {
        let (length, origin) = match self.unit {
            TimeUnit::Hour => (HOUR, 0),
            TimeUnit::Day => (DAY, 0),
            TimeUnit::Week => (WEEK, MONDAY),
        };
        let local = time + self.offset - origin;
        local - local.rem_euclid(length) + origin - self.offset
    }
}

/// Hour of the day of a local time, `0`…`23`.
pub(super) fn hour(local: i64) -> String {
    (local.rem_euclid(DAY) / HOUR).to_string()
}

/// Day of the week of a local time.
pub(super) fn weekday(local: i64) -> &'static str {
    match (local - MONDAY).rem_euclid(WEEK) / DAY {
        0 => "Monday",
        1 => "Tuesday",
        2 => "Wednesday",
        3 => "Thursday",
        4 => "Friday",
        5 => "Saturday",
        _ => "Sunday",
    }
}
