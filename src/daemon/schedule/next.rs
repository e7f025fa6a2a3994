//! The moments that a schedule names, in its own time zone: pure.
//!
//! Across a change of the clocks, as most crons do: a schedule of one time a day (`0 30 2 * * *`) runs once a day: in a
//! repeated hour at the first pass, and when its time is left out, at the first moment after the gap; a day that is left
//! out whole has no run. Any other (`0 */15 * * * *`) goes on as time does: in both passes of the repeated hour, and not in the hour that is left out.
//!
//! croner tells the two kinds apart and finds the times on the wall. Which moments those are is worked out here, since from
//! a time in the second pass of a repeated hour croner goes on in the first, that is, back in time.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use croner::{Cron, JobType};

use super::ScheduleSettings;

/// How far apart the offset is looked at when the next change of the clocks is searched: no zone changes its clocks and
/// back within so short a time.
const STRIDE: TimeDelta = TimeDelta::days(1);

/// The first moment after `now` that the schedule names; nothing where it names no further one.
///
/// See the module for what happens when the clocks change.
pub(super) fn scheduled_after(
    settings: &ScheduleSettings,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let zone = settings.timezone;
    let once = is_once_a_day(settings);
    let mut offset = offset_at(zone, now);
    // The first time on the wall that may be taken; moments are whole seconds.
    let mut from =
        (now.naive_utc() + offset).with_nanosecond(0)?.checked_add_signed(TimeDelta::seconds(1))?;
    // The clocks change a few times a year: a rare schedule passes over many of them.
    loop {
        let time = next_time(&settings.schedule, from)?;
        let moment = time.checked_sub_signed(offset)?.and_utc();
        let Some(change) =
            next_change(zone, offset, from.checked_sub_signed(offset)?.and_utc(), moment)
        else {
            if once && !is_first_pass(zone, time, moment) {
                from = time.checked_add_signed(TimeDelta::seconds(1))?;
                continue;
            }
            return Some(moment);
        };
        let (ends, begins) =
            (change.naive_utc() + offset, change.naive_utc() + offset_at(zone, change));
        if once && time < begins && has_day(time.date(), ends, begins) {
            return Some(change);
        }
        offset = offset_at(zone, change);
        from = if once { ends.max(begins) } else { begins };
    }
}

/// Whether the schedule names one time of the day, and not several: such a job runs once on each of its days.
pub(super) fn is_once_a_day(settings: &ScheduleSettings) -> bool {
    settings.schedule.determine_job_type() == JobType::FixedTime
}

/// Whether any of a day is left on the wall by a change of the clocks that leaves out the times between these: Samoa had
/// no 30 December 2011 at all.
fn has_day(day: NaiveDate, ends: NaiveDateTime, begins: NaiveDateTime) -> bool {
    day == (ends - TimeDelta::seconds(1)).date() || day == begins.date()
}

/// The first time from `from` on that the schedule names, on a wall whose clock is never changed.
fn next_time(schedule: &Cron, from: NaiveDateTime) -> Option<NaiveDateTime> {
    schedule.find_next_occurrence(&from.and_utc(), true).ok().map(|found| found.naive_utc())
}

/// The first moment of those from `from` up to `until` that has another offset than this.
fn next_change(
    zone: Tz,
    offset: TimeDelta,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let (mut before, mut after) = (from, from);
    while offset_at(zone, after) == offset {
        if after >= until {
            return None;
        }
        before = after;
        after = after.checked_add_signed(STRIDE)?.min(until);
    }
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if offset_at(zone, middle) == offset { before = middle } else { after = middle }
    }
    Some(after)
}

/// Whether the wall shows `time` for the first time at `moment`.
fn is_first_pass(zone: Tz, time: NaiveDateTime, moment: DateTime<Utc>) -> bool {
    zone.from_local_datetime(&time).earliest().is_none_or(|first| first == moment)
}

/// What is added to UTC in the zone at that moment.
fn offset_at(zone: Tz, moment: DateTime<Utc>) -> TimeDelta {
    TimeDelta::seconds(
        zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc().into(),
    )
}

#[cfg(test)]
pub(super) fn settings(text: &str, timezone: Tz) -> ScheduleSettings {
    let parser =
        croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build();
    let schedule = parser.parse(text).expect("the schedule is a good one");
    ScheduleSettings {
        job: "bookings".to_owned(),
        text: text.to_owned(),
        schedule,
        timezone,
        jitter: super::Jitter::default(),
        catch_up: super::CatchUp::Once,
        run_at_start: false,
    }
}

#[cfg(test)]
mod tests;
