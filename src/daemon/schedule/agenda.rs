//! Which jobs are to be run now, by their schedules and by what was run before: pure.
//!
//! What holds, whenever and however often the agenda is looked at:
//!
//! - Each moment that a job's schedule names asks for one run. Moments that have passed unseen, while the machine was
//!   suspended or the daemon stopped, ask for one together: for the last of them where that is a matter of a minute; else
//!   it is made up for where the job says so, and left out where not.
//! - What was served before the daemon's start is known from the journal. A job that has never run has missed nothing; a
//!   run that its process's end has cut short has missed its end.
//! - Where the wall clock is put back, no moment comes twice: a job of one time a day has had its run, and another goes on
//!   as time does, which the boot clock knows. Only a clock that is put back by more than a day was wrong before: then the
//!   days that come again count.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    ScheduleSettings, Tick,
    jitter::{last_until, next_after},
    next::is_once_a_day,
};
use crate::{
    clock::{BootTime, Now},
    store::{Served, Trigger},
};

/// A run that starts so long after its moment, or less, is on time: restarts and a busy machine take that. One that is
/// later is one that was missed.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// A clock that is put back by more was wrong before.
const WRONG: TimeDelta = TimeDelta::days(1);

/// What becomes of a run that was missed while the machine or the daemon did not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// It is made up for, once however many were missed.
    #[default]
    Once,
    /// It is left out.
    None,
}

/// What every job is due for next.
#[derive(Clone, Debug)]
pub(super) struct Agenda {
    entries: Vec<Entry>,
    /// The wall clock at the last look.
    looked_at: DateTime<Utc>,
}

/// What a look at the agenda has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The runs to start.
    pub(super) ticks: Vec<Tick>,
    /// The jobs of which a run was missed and is left out, with its moment.
    pub(super) left_out: Vec<(String, DateTime<Utc>)>,
}

/// One job's line in the agenda.
#[derive(Clone, Debug)]
struct Entry {
    settings: ScheduleSettings,
    /// When it is due next.
    next: Option<DateTime<Utc>>,
    /// What it is due for at once, whatever its schedule says.
    at_once: Option<Trigger>,
    /// The last moment that was served or left out.
    passed: Option<Passed>,
}

/// A moment of a schedule, and when it was dealt with.
#[derive(Clone, Copy, Debug)]
struct Passed {
    moment: DateTime<Utc>,
    at: BootTime,
}

impl Agenda {
    /// An agenda as of the daemon's start; `served` tells of each job what its earlier runs have served.
    pub(super) fn new(
        schedules: Vec<ScheduleSettings>,
        served: impl Fn(&str) -> Option<Served>,
        now: Now,
    ) -> Self {
        let entry = |settings: ScheduleSettings| {
            let served = served(&settings.job);
            Entry::at_start(settings, served, now)
        };
        Self { entries: schedules.into_iter().map(entry).collect(), looked_at: now.wall }
    }

    /// Puts other schedules in the place of these. A job that is due at the same moments as before keeps them; any other
    /// one is due for the first time at its next moment, as nothing of a schedule was missed before it was in force.
    pub(super) fn replace(&mut self, schedules: Vec<ScheduleSettings>, now: Now) {
        let mut before = std::mem::take(&mut self.entries);
        let entry = |settings: ScheduleSettings| {
            let known = before.iter().position(|entry| entry.settings.job == settings.job);
            let known = known.map(|at| before.swap_remove(at));
            Entry::replaced(settings, known, now)
        };
        self.entries = schedules.into_iter().map(entry).collect();
    }

    /// The jobs that are due by now, each once.
    pub(super) fn look(&mut self, now: Now) -> Look {
        let mut look = Look::default();
        let put_back = now.wall < std::mem::replace(&mut self.looked_at, now.wall);
        for entry in &mut self.entries {
            if put_back {
                entry.put_back(now);
            }
            entry.look(now, &mut look);
        }
        look
    }

    /// The job that is due next, and when.
    pub(super) fn next(&self) -> Option<(&str, DateTime<Utc>)> {
        let due = self.entries.iter().filter_map(|entry| Some((&*entry.settings.job, entry.next?)));
        due.min_by_key(|(_, moment)| *moment)
    }
}

impl Entry {
    fn new(settings: ScheduleSettings, now: Now) -> Self {
        let next = next_after(&settings, now.wall);
        Self { settings, next, at_once: None, passed: None }
    }

    fn at_start(settings: ScheduleSettings, served: Option<Served>, now: Now) -> Self {
        let mut entry = Self::new(settings, now);
        if entry.settings.run_at_start {
            entry.at_once = Some(Trigger::Start);
        }
        let Some(served) = served else { return entry };
        if served.cut_short && entry.settings.catch_up == CatchUp::Once {
            entry.at_once.get_or_insert(Trigger::CatchUp);
        }
        if served.until > now.wall {
            // The clock has been put back since.
            entry.passed = Some(Passed { moment: served.until, at: now.boot });
            entry.put_back(now);
        } else if entry.at_once.is_none() {
            entry.next = next_after(&entry.settings, served.until);
        }
        entry
    }

    fn replaced(settings: ScheduleSettings, before: Option<Self>, now: Now) -> Self {
        let Some(before) = before else { return Self::new(settings, now) };
        if settings.is_due_as(&before.settings) {
            return Self { settings, ..before };
        }
        Self { at_once: before.at_once, passed: before.passed, ..Self::new(settings, now) }
    }

    /// Notes what is due now.
    fn look(&mut self, now: Now, look: &mut Look) {
        let tick = |job: &str, due, trigger| Tick { job: job.to_owned(), due, trigger };
        let due = self.next.filter(|due| *due <= now.wall);
        if let Some(trigger) = self.at_once.take() {
            // That serves what was missed, too.
            self.pass(due.map_or(now.wall, |due| last_until(&self.settings, due, now.wall)), now);
            look.ticks.push(tick(&self.settings.job, now.wall, trigger));
            return;
        }
        let Some(due) = due else { return };
        let last = last_until(&self.settings, due, now.wall);
        let is_repeated = self.passed.is_some_and(|passed| self.comes_again(last, passed, now));
        self.pass(last, now);
        if is_repeated {
            return;
        }
        let job = &self.settings.job;
        match (now.wall - last > LATE, self.settings.catch_up) {
            (false, _) => look.ticks.push(tick(job, last, Trigger::Schedule)),
            (true, CatchUp::Once) => look.ticks.push(tick(job, last, Trigger::CatchUp)),
            (true, CatchUp::None) => look.left_out.push((job.clone(), last)),
        }
    }

    /// Notes a moment as dealt with, and the next one as due.
    fn pass(&mut self, moment: DateTime<Utc>, now: Now) {
        self.passed = Some(Passed { moment, at: now.boot });
        self.next = next_after(&self.settings, now.wall);
    }

    /// Finds the next moment anew, as the wall clock was put back.
    fn put_back(&mut self, now: Now) {
        let next = next_after(&self.settings, now.wall);
        let next = match (next, self.passed) {
            (Some(next), Some(passed)) if self.would_repeat(next, passed, now) => {
                let from = if is_once_a_day(&self.settings) { passed.moment } else { next };
                next_after(&self.settings, from)
            }
            (next, _) => next,
        };
        self.next = next;
    }

    /// Whether the next moment is one that was dealt with before the clock was put back.
    fn would_repeat(&self, next: DateTime<Utc>, passed: Passed, now: Now) -> bool {
        if is_once_a_day(&self.settings) {
            return next <= passed.moment && passed.moment - now.wall <= WRONG;
        }
        next <= passed.moment && self.is_too_soon(next, next - now.wall, passed, now)
    }

    /// Whether a moment that has come is the one that was dealt with last: the clock was put back, and ahead again.
    fn comes_again(&self, moment: DateTime<Utc>, passed: Passed, now: Now) -> bool {
        moment == passed.moment
            && (is_once_a_day(&self.settings)
                || self.is_too_soon(moment, TimeDelta::zero(), passed, now))
    }

    /// Whether a moment that comes in a while would follow the last one so soon in real time that it is as good as the same.
    fn is_too_soon(
        &self,
        moment: DateTime<Utc>,
        ahead: TimeDelta,
        passed: Passed,
        now: Now,
    ) -> bool {
        let since = TimeDelta::from_std(now.boot.since(passed.at)).unwrap_or(TimeDelta::MAX);
        let apart = since.checked_add(&ahead).unwrap_or(TimeDelta::MAX);
        let gap = next_after(&self.settings, moment).map_or(TimeDelta::MAX, |after| after - moment);
        apart < gap / 2
    }
}

#[cfg(test)]
mod tests;
