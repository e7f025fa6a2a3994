//! When a job is due: the moments that its schedule names, each put off by its jitter: pure.
//!
//! The jitter of a moment is drawn from the machine, the job and the moment: machines with one configuration come at
//! different times, and this one always at the same, so that a restart does not draw anew and others can tell the time
//! beforehand. A moment is never put off as far as the next one, so that they stay in order and none gets lost.

use std::{iter, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{ScheduleSettings, next::scheduled_after};

/// By how much a job's moments are put off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    /// Each is put off by less than this.
    pub most: Duration,
    /// What tells this machine from others.
    pub seed: u64,
}

impl Jitter {
    /// By how much a moment is put off, where the next one comes after `gap`.
    fn delay(self, job: &str, moment: DateTime<Utc>, gap: TimeDelta) -> TimeDelta {
        let most = gap.to_std().map_or(self.most, |gap| gap.min(self.most)).as_millis();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&moment.timestamp().to_le_bytes());
        hasher.update(job.as_bytes());
        let mut drawn = [0; 8];
        hasher.finalize_xof().fill(&mut drawn);
        let drawn = u128::from(u64::from_le_bytes(drawn)).checked_rem(most).unwrap_or(0);
        TimeDelta::milliseconds(i64::try_from(drawn).unwrap_or(0))
    }
}

/// The first moment after `now` at which the job is due, its jitter included; nothing where its schedule names no further
/// one.
pub fn next_after(settings: &ScheduleSettings, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if settings.jitter.most.is_zero() {
        return scheduled_after(settings, now);
    }
    // Those before the last one are over: none is put off beyond the next.
    let last = scheduled_until(settings, now, most(settings));
    let mut moment = last.or_else(|| scheduled_after(settings, now))?;
    loop {
        let due = due_at(settings, moment);
        if due > now {
            return Some(due);
        }
        moment = scheduled_after(settings, moment)?;
    }
}

/// All moments after `now` at which the job is due, in order.
pub fn moments_after(
    settings: &ScheduleSettings,
    now: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> {
    iter::successors(next_after(settings, now), |moment| next_after(settings, *moment))
}

/// The last moment up to `now` at which the job was due; `first` is one.
pub(super) fn last_until(
    settings: &ScheduleSettings,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let back = (now - first) + most(settings) + TimeDelta::seconds(1);
    let Some(last) = scheduled_until(settings, now, back) else { return first };
    let due = due_at(settings, last);
    if due <= now {
        return due.max(first);
    }
    let before = scheduled_until(settings, last - TimeDelta::milliseconds(1), back);
    before.map_or(first, |before| due_at(settings, before).max(first))
}

/// When the job is due for a moment that its schedule names.
fn due_at(settings: &ScheduleSettings, moment: DateTime<Utc>) -> DateTime<Utc> {
    if settings.jitter.most.is_zero() {
        return moment;
    }
    let gap = scheduled_after(settings, moment).map_or(TimeDelta::MAX, |next| next - moment);
    moment + settings.jitter.delay(&settings.job, moment, gap)
}

fn most(settings: &ScheduleSettings) -> TimeDelta {
    TimeDelta::from_std(settings.jitter.most).unwrap_or(TimeDelta::MAX)
}

/// The last moment up to `now` that the schedule names, if it is not further back than this.
fn scheduled_until(
    settings: &ScheduleSettings,
    now: DateTime<Utc>,
    back: TimeDelta,
) -> Option<DateTime<Utc>> {
    let later =
        |moment: &DateTime<Utc>| scheduled_after(settings, *moment).filter(|next| *next <= now);
    // Mostly there is one or none. How far back it may be can be more than can be told.
    if let Some(from) = now.checked_sub_signed(back) {
        let first = later(&from)?;
        if later(&first).is_none() {
            return Some(first);
        }
    }
    // Schedules are only searched forwards, so this goes back in strides that double: of the moments of the last stride,
    // few as they mostly are, the last one is wanted.
    let mut stride = TimeDelta::seconds(1);
    loop {
        let from = now.checked_sub_signed(stride)?;
        let first = later(&from);
        if first.is_some() {
            return iter::successors(first, later).last();
        }
        if stride >= back {
            return None;
        }
        stride = stride.checked_mul(2)?.min(back);
    }
}

#[cfg(test)]
mod tests;
