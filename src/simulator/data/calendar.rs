//! The days that reservations are spread over, worked out once, so that a record only looks its day up.

use chrono::{Datelike, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Weekday};
use chrono_tz::Europe::Amsterdam;

use crate::simulator::json::Writer;

/// How many days have reservations.
const DAYS: i64 = 90;

/// How many of them lie after today.
const DAYS_AHEAD: i64 = 14;

/// How long before its day a reservation is made, at most.
pub(crate) const LONGEST_LEAD: usize = 14;

/// One day.
#[derive(Debug)]
pub(crate) struct Day {
    /// As `2026-06-30`.
    pub(crate) date: String,
    /// How many hours local time, the same in all cities of the data, is ahead of UTC.
    pub(crate) hours_ahead_of_utc: u64,
    pub(crate) weekday: Weekday,
    /// Whether it lies before today.
    pub(crate) is_past: bool,
}

/// The days of the data, in order.
#[derive(Debug)]
pub(crate) struct Calendar {
    /// [`LONGEST_LEAD`] days without reservations, then the [`DAYS`] with them.
    days: Vec<Day>,
    /// Places in `days`, each as often as its weekday is busy, in order.
    busy: Vec<usize>,
    /// The place of today in `days`.
    today: usize,
    /// The day before the first one that has reservations.
    eve: NaiveDate,
}

impl Calendar {
    /// The ninety days that end [`DAYS_AHEAD`] days after `today`.
    pub(crate) fn ending_around(today: NaiveDate) -> Self {
        // Saturates at the calendar's ends, which only a `today` of some other millennium comes near to.
        let date_at = |offset| today.checked_add_signed(TimeDelta::days(offset)).unwrap_or(today);
        let first = DAYS_AHEAD + 1 - DAYS;
        let lead_days = (1..).take(LONGEST_LEAD).map(|before| first - before).collect::<Vec<i64>>();

        let offsets = lead_days.into_iter().rev().chain(first..=DAYS_AHEAD);
        let days: Vec<Day> = offsets.map(|offset| Day::at(date_at(offset), today)).collect();
        let busy = (LONGEST_LEAD..days.len())
            .flat_map(|place| std::iter::repeat_n(place, busyness(days[place].weekday)))
            .collect();
        let today = days.iter().filter(|day| day.is_past).count().min(days.len() - 1);
        Self { days, busy, today, eve: date_at(first - 1) }
    }

    /// The place of the day of record `index` of `count`: records stand in the order of their days, and busy weekdays
    /// have more of them.
    pub(crate) fn place_of(&self, index: u64, count: u64) -> usize {
        let slot = u128::from(index) * self.busy.len() as u128 / u128::from(count.max(1));
        let slot = usize::try_from(slot).unwrap_or(usize::MAX).min(self.busy.len() - 1);
        self.busy[slot]
    }

    /// The day at a place.
    pub(crate) fn day(&self, place: usize) -> &Day {
        &self.days[place]
    }

    /// The day on which a reservation for `place` was made, `lead` days ahead or more: never after today.
    pub(crate) fn made_on(&self, place: usize, lead: usize) -> &Day {
        &self.days[place.min(self.today).saturating_sub(lead)]
    }

    /// The date so many days before any reservation was made.
    pub(crate) fn date_before(&self, days: u64) -> NaiveDate {
        let days = i64::try_from(days).unwrap_or(i64::MAX);
        TimeDelta::try_days(days)
            .and_then(|days| self.eve.checked_sub_signed(days))
            .unwrap_or(self.eve)
    }
}

impl Day {
    fn at(date: NaiveDate, today: NaiveDate) -> Self {
        // At noon UTC the day's change of the clocks, if it has one, has happened.
        let noon = date.and_time(NaiveTime::MIN) + TimeDelta::hours(12);
        let ahead = Amsterdam.offset_from_utc_datetime(&noon).fix().local_minus_utc() / 3600;
        Self {
            date: date.format("%Y-%m-%d").to_string(),
            hours_ahead_of_utc: u64::try_from(ahead).unwrap_or(0),
            weekday: date.weekday(),
            is_past: date < today,
        }
    }
}

/// How busy an office is: the days of the middle of the week draw people in.
const fn busyness(weekday: Weekday) -> usize {
    match weekday {
        Weekday::Mon => 66,
        Weekday::Tue => 100,
        Weekday::Wed => 78,
        Weekday::Thu => 94,
        Weekday::Fri => 37,
        Weekday::Sat => 3,
        Weekday::Sun => 1,
    }
}

/// Writes a date-time as a string: `2026-06-30T08:30:00` and what follows it.
pub(crate) fn write_date_time(out: &mut Writer, date: &str, second_of_day: u64, end: &str) {
    out.quoted(|out| {
        out.raw(date);
        out.raw("T");
        out.digits(second_of_day / 3600, 2);
        out.raw(":");
        out.digits(second_of_day / 60 % 60, 2);
        out.raw(":");
        out.digits(second_of_day % 60, 2);
        out.raw(end);
    });
}
