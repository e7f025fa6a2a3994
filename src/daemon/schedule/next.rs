//! The moments that a schedule names, in its own time zone: pure.
//!
//! Across a change of the clocks, as most crons do: a schedule of one time a day (`0 30 2 * * *`) runs once a day: in a
//! repeated hour at the first pass, and when its time is left out, at the first moment after the gap. Any other
//! (`0 */15 * * * *`) goes on as time does: in both passes of the repeated hour, and not in the hour that is left out.
//!
//! croner tells the two kinds apart and finds the times on the wall. Which moments those are is worked out here, since from
//! a time in the second pass of a repeated hour croner goes on in the first, that is, back in time.

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use croner::{Cron, JobType};

use super::{ScheduleSettings, Tick};

/// How far apart the offset is looked at when the next change of the clocks is searched: no zone changes its clocks and
/// back within so short a time.
const STRIDE: TimeDelta = TimeDelta::days(1);

/// The first moment after `now` at which the job is due; nothing where its schedule names no further one.
///
/// See the module for what happens when the clocks change.
pub fn next_after(settings: &ScheduleSettings, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let zone = settings.timezone;
    let once = settings.schedule.determine_job_type() == JobType::FixedTime;
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
        if once && time < begins {
            return Some(change);
        }
        offset = offset_at(zone, change);
        from = if once { ends.max(begins) } else { begins };
    }
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

/// What every job is due for next.
#[derive(Clone, Debug)]
pub(super) struct Agenda {
    entries: Vec<Entry>,
}

/// One job's line in the agenda.
#[derive(Clone, Debug)]
struct Entry {
    settings: ScheduleSettings,
    /// When it is due next.
    next: Option<DateTime<Utc>>,
    /// Whether an alarm was set for that moment.
    armed: bool,
}

impl Agenda {
    pub(super) fn new(schedules: Vec<ScheduleSettings>, now: DateTime<Utc>) -> Self {
        let entry = |settings: ScheduleSettings| Entry {
            next: next_after(&settings, now),
            armed: false,
            settings,
        };
        Self { entries: schedules.into_iter().map(entry).collect() }
    }

    /// The jobs that are due by now, each once however many of its moments have passed. A clock that was put back makes
    /// the earlier moments count again.
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Vec<Tick> {
        self.entries.iter_mut().filter_map(|entry| entry.due(now)).collect()
    }

    /// The moments that no alarm was set for yet; they count as set from now on.
    pub(super) fn unarmed(&mut self) -> Vec<DateTime<Utc>> {
        let unarmed = self.entries.iter_mut().filter(|entry| !entry.armed);
        unarmed
            .filter_map(|entry| {
                entry.armed = true;
                entry.next
            })
            .collect()
    }
}

impl Entry {
    fn due(&mut self, now: DateTime<Utc>) -> Option<Tick> {
        let next = next_after(&self.settings, now);
        let due = self.next.filter(|due| *due <= now);
        if next != self.next {
            *self = Self { next, armed: false, settings: self.settings.clone() };
        }
        due.map(|due| Tick { job: self.settings.job.clone(), due })
    }
}

#[cfg(test)]
pub(super) fn settings(text: &str, timezone: Tz) -> ScheduleSettings {
    let parser =
        croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build();
    let schedule = parser.parse(text).expect("the schedule is a good one");
    ScheduleSettings { job: "bookings".to_owned(), text: text.to_owned(), schedule, timezone }
}

#[cfg(test)]
mod tests;
