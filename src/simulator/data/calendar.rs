//! The days that bookings are spread over, worked out once, so that a record only looks its day up.

use chrono::{
    Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Weekday,
};
use chrono_tz::Europe::Amsterdam;

use crate::simulator::json::Writer;

/// How many days after today can be booked.
pub(crate) const DAYS_AHEAD: usize = 14;

/// How long before its day a booking is made, at most.
pub(crate) const LONGEST_LEAD: usize = 14;

/// For how many days the data go on to change: ten years. The clock stands still then.
const DAYS_TO_COME: usize = 3_653;

/// How many days later than booked a booking can come to lie when it is moved.
pub(crate) const LONGEST_MOVE: usize = 3;

pub(crate) const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// A moment in seconds of the calendar: place 0 begins at 0. Of UTC or of local time, as its use says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    /// The moment so many minutes after midnight of the day at a place.
    pub(crate) fn at(place: usize, minute: u64) -> Self {
        Self(place as u64 * SECONDS_PER_DAY + minute * 60)
    }

    /// The place of its day.
    pub(crate) fn place(self) -> usize {
        usize::try_from(self.0 / SECONDS_PER_DAY).unwrap_or(usize::MAX)
    }

    /// The seconds since midnight.
    pub(crate) const fn second_of_day(self) -> u64 {
        self.0 % SECONDS_PER_DAY
    }
}

/// One day.
#[derive(Debug)]
pub(crate) struct Day {
    /// As `2026-06-30`.
    pub(crate) date: String,
    /// How many hours local time, the same in all cities of the data, is ahead of UTC.
    pub(crate) hours_ahead_of_utc: u64,
    pub(crate) weekday: Weekday,
}

/// The days of the data, in order: [`LONGEST_LEAD`] days without bookings; those that are kept, today and the
/// [`DAYS_AHEAD`]; and the days to come.
#[derive(Debug)]
pub(crate) struct Calendar {
    days: Vec<Day>,
    /// How busy all days before each place are together.
    busy_before: Vec<u64>,
    /// The place of the day that the simulation starts on.
    today: usize,
    /// How many days a booking is kept after its own.
    retention: usize,
    /// The date at place 0.
    first: NaiveDate,
}

impl Calendar {
    /// The days around `today`, of which `retention` ones before it have bookings.
    pub(crate) fn around(today: NaiveDate, retention: usize) -> Self {
        let place_of_today = LONGEST_LEAD + retention;
        let before = i64::try_from(place_of_today).unwrap_or(0);
        // Saturates at the calendar's ends, which only a `today` of some other millennium comes near to.
        let first = today.checked_sub_signed(TimeDelta::days(before)).unwrap_or(today);
        let last = place_of_today + DAYS_TO_COME + DAYS_AHEAD + LONGEST_MOVE;
        let days: Vec<Day> = first.iter_days().take(last + 1).map(Day::of).collect();

        let mut busy_before = Vec::with_capacity(days.len() + 1);
        let mut busy = 0;
        for (place, day) in days.iter().enumerate() {
            busy_before.push(busy);
            busy += if place < LONGEST_LEAD { 0 } else { busyness(day.weekday) };
        }
        busy_before.push(busy);
        Self { days, busy_before, today: place_of_today, retention, first }
    }

    /// The place of the day that the simulation starts on.
    pub(crate) const fn today(&self) -> usize {
        self.today
    }

    /// How many days a booking is kept after its own.
    pub(crate) const fn retention(&self) -> usize {
        self.retention
    }

    /// The moment before which nothing changes: the midnight after the start.
    pub(crate) fn first_change(&self) -> Moment {
        Moment::at(self.today + 1, 0)
    }

    /// The last moment that the clock shows.
    pub(crate) fn end(&self) -> Moment {
        Moment::at(self.today + DAYS_TO_COME, 0)
    }

    /// The place of the day of booking `index`, where there are `count` at the start: bookings stand in the order of
    /// their days, and busy weekdays have more of them. Those from `count` on are made after the start.
    pub(crate) fn place_of(&self, index: u64, count: u64) -> usize {
        let slot = u128::from(index) * u128::from(self.busy_at_start()) / u128::from(count.max(1));
        let place = self.busy_before.partition_point(|busy| u128::from(*busy) <= slot);
        place.saturating_sub(1).min(self.days.len() - 1)
    }

    /// The index of the first booking at a place or after it.
    pub(crate) fn first_index(&self, place: usize, count: u64) -> u64 {
        let busy = self.busy_before[place.min(self.days.len())];
        let index =
            (u128::from(busy) * u128::from(count)).div_ceil(u128::from(self.busy_at_start()));
        u64::try_from(index).unwrap_or(u64::MAX)
    }

    /// How busy the days are together that have bookings at the start; never 0, as they are a fortnight at least.
    fn busy_at_start(&self) -> u64 {
        self.busy_before[self.today + DAYS_AHEAD + 1]
    }

    /// The day at a place.
    pub(crate) fn day(&self, place: usize) -> &Day {
        &self.days[place.min(self.days.len() - 1)]
    }

    /// The place of the day on which a booking for `place` was made before the start, `lead` days ahead or more.
    pub(crate) fn made_before_start(&self, place: usize, lead: usize) -> usize {
        place.min(self.today).saturating_sub(lead)
    }

    /// The date so many days before any booking was made.
    pub(crate) fn date_before(&self, days: u64) -> NaiveDate {
        let days = i64::try_from(days).unwrap_or(i64::MAX);
        let eve = TimeDelta::days(i64::try_from(LONGEST_LEAD).unwrap_or(0) - 1);
        TimeDelta::try_days(days)
            .and_then(|days| (self.first + eve).checked_sub_signed(days))
            .unwrap_or(self.first)
    }

    /// The moment of a date and time; those before the calendar are its beginning.
    pub(crate) fn moment(&self, date_time: NaiveDateTime) -> Moment {
        let days = date_time.date().signed_duration_since(self.first).num_days();
        u64::try_from(days).map_or(Moment(0), |days| {
            let second = u64::from(date_time.num_seconds_from_midnight());
            Moment(days.saturating_mul(SECONDS_PER_DAY).saturating_add(second))
        })
    }

    /// Writes a moment as a string: `2026-06-30T08:30:00`, and what follows it.
    pub(crate) fn write(&self, out: &mut Writer, moment: Moment, end: &str) {
        write_date_time(out, &self.day(moment.place()).date, moment.second_of_day(), end);
    }
}

impl Day {
    fn of(date: NaiveDate) -> Self {
        // At noon UTC the day's change of the clocks, if it has one, has happened.
        let noon = date.and_time(NaiveTime::MIN) + TimeDelta::hours(12);
        let ahead = Amsterdam.offset_from_utc_datetime(&noon).fix().local_minus_utc() / 3600;
        Self {
            date: date.to_string(),
            hours_ahead_of_utc: u64::try_from(ahead).unwrap_or(0),
            weekday: date.weekday(),
        }
    }
}

/// How busy an office is: the days of the middle of the week draw people in.
const fn busyness(weekday: Weekday) -> u64 {
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
