//! When jobs are due.
//!
//! tokio-cron-scheduler 0.15 keeps the offset from UTC that a zone had when the job was added, so a cron job of its own is
//! an hour off after a change of the clocks. So the moments are worked out here, in each job's own zone, and the crate
//! rings at the next one, once it is near. An alarm only makes the agenda be looked at: what is due, the agenda alone
//! decides, and it is looked at every ten seconds even if no alarm rings (one set before the wall clock was put back
//! rings too late).

mod agenda;
mod alarm;
mod jitter;
mod next;
#[cfg(test)]
mod ten_years;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    select,
    sync::{
        Notify,
        mpsc::{self, error::TrySendError},
        watch,
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

pub use self::{
    agenda::CatchUp,
    jitter::{Jitter, moments_after, next_after},
};
use self::{
    agenda::{Agenda, Look},
    alarm::Alarm,
};
use super::ScheduleSettings;
use crate::{
    clock::{Clock, Now},
    store::{Served, Trigger},
};

/// How long no alarm may ring before the agenda is looked at all the same.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How near the next moment is when an alarm is set for it: longer than it may take until the agenda is looked at again.
const NEAR: TimeDelta = TimeDelta::seconds(15);

/// A job is due. It asks for a run, it is not one: whether the job runs already, the receiver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The job's name.
    pub job: String,
    /// The moment that its schedule names, its jitter included; where several passed unseen, in suspend say, one tick stands
    /// for all, and this is the last.
    pub due: DateTime<Utc>,
    /// What has made it due.
    pub trigger: Trigger,
}

/// The schedules in force, until it is stopped or dropped.
#[derive(Debug)]
pub struct Scheduler {
    /// Ends the task that looks at the agenda.
    stop: CancellationToken,
    /// Holds that task, and waits for its end.
    tasks: TaskTracker,
    /// Brings other schedules to that task.
    changes: mpsc::UnboundedSender<Vec<ScheduleSettings>>,
    /// The job that is due next, and when.
    next: watch::Receiver<Option<(String, DateTime<Utc>)>>,
}

/// Puts the schedules in force; `served` tells of each job what its earlier runs have served. From now on every job that
/// is due is sent to `ticks`. Where that is full, the tick is dropped with a warning; where it is closed, nothing more is
/// sent.
pub fn start(
    schedules: &[ScheduleSettings],
    served: impl Fn(&str) -> Option<Served>,
    clock: &Clock,
    ticks: mpsc::Sender<Tick>,
) -> Scheduler {
    let agenda = Agenda::new(schedules.to_vec(), served, clock.now());
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (changes, others) = mpsc::unbounded_channel();
    // Known at once: who asks first is not told of nothing.
    let first = agenda.next().map(|(job, moment)| (job.to_owned(), moment));
    let (tell_next, next) = watch::channel(first);
    let rung = Arc::default();
    let keeper = Keeper { agenda, alarm: None, clock: clock.clone(), ticks, rung, tell_next };
    let stopped = stop.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(keeper.keep(others)).await });
    tasks.close();
    Scheduler { stop, tasks, changes, next }
}

impl Scheduler {
    /// Puts other schedules in the place of these; what is due by now is due by those that were in force.
    pub fn replace(&self, schedules: Vec<ScheduleSettings>) {
        if self.changes.send(schedules).is_err() {
            debug!("the schedules have ended meanwhile");
        }
    }

    /// The job that is due next, and when, as it is from now on.
    pub fn next(&self) -> watch::Receiver<Option<(String, DateTime<Utc>)>> {
        self.next.clone()
    }

    /// Ends all schedules; no tick is sent once it returns.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Keeps the agenda.
struct Keeper {
    agenda: Agenda,
    /// For the next moment, once it is near.
    alarm: Option<Alarm>,
    clock: Clock,
    ticks: mpsc::Sender<Tick>,
    /// Told by every alarm.
    rung: Arc<Notify>,
    tell_next: watch::Sender<Option<(String, DateTime<Utc>)>>,
}

impl Keeper {
    /// Keeps the agenda until nobody takes the ticks any more.
    async fn keep(mut self, mut others: mpsc::UnboundedReceiver<Vec<ScheduleSettings>>) {
        loop {
            let now = self.clock.now();
            if !self.look(now) {
                return;
            }
            self.await_next(now);
            select! {
                () = self.rung.notified() => {}
                () = self.clock.sleep_until(now.boot.saturating_add(LOOK_AGAIN)) => {}
                Some(schedules) = others.recv() => {
                    let now = self.clock.now();
                    if !self.look(now) {
                        return;
                    }
                    self.agenda.replace(schedules, now);
                }
            }
        }
    }

    /// Asks for the runs that are due; `false` when nobody listens any more.
    fn look(&mut self, now: Now) -> bool {
        let Look { ticks, left_out } = self.agenda.look(now);
        for (job, due) in left_out {
            info!(job.name = job, %due, "a run was missed, and is left out: `catch_up` is `none`");
        }
        ticks.into_iter().all(|tick| request(&self.ticks, tick))
    }

    /// Sets the alarm for what is due next where that is near, and tells what it is.
    fn await_next(&mut self, now: Now) {
        let next = self.agenda.next();
        let near = next.map(|(_, moment)| moment).filter(|moment| *moment - now.wall <= NEAR);
        if near != self.alarm.as_ref().map(|alarm| alarm.moment) {
            self.alarm = near.map(|moment| Alarm::set(moment, now.wall, Arc::clone(&self.rung)));
        }
        self.tell_next.send_if_modified(|told| {
            let changed = told.as_ref().map(|(job, moment)| (job.as_str(), *moment)) != next;
            if changed {
                *told = next.map(|(job, moment)| (job.to_owned(), moment));
            }
            changed
        });
    }
}

/// Asks for a run; `false` when nobody listens any more.
fn request(ticks: &mpsc::Sender<Tick>, tick: Tick) -> bool {
    match ticks.try_send(tick) {
        Ok(()) => true,
        Err(TrySendError::Full(tick)) => {
            warn!(job.name = tick.job, due = %tick.due, "a scheduled run is left out: too many are waiting already");
            true
        }
        Err(TrySendError::Closed(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_second() -> ScheduleSettings {
        next::settings("* * * * * *", chrono_tz::UTC)
    }

    #[tokio::test]
    async fn a_job_ticks_at_its_moments_until_the_scheduler_stops() {
        let clock = Clock::system().expect("Linux tells its boot id");
        let started = clock.now().wall;
        let (sender, mut ticks) = mpsc::channel(4);
        let scheduler = start(&[every_second()], |_| None, &clock, sender);
        let first = ticks.recv().await.expect("a tick");
        let second = ticks.recv().await.expect("another tick");
        assert_eq!(first.job, "bookings");
        assert!(started < first.due && first.due < second.due && second.due <= clock.now().wall);
        scheduler.stop().await;
        while ticks.try_recv().is_ok() {}
        assert!(ticks.is_closed(), "nobody is left who could send");
    }

    #[tokio::test]
    async fn a_full_queue_drops_the_tick_and_a_closed_one_ends_the_schedules() {
        let (sender, mut ticks) = mpsc::channel(1);
        let tick = |job: &str| Tick {
            job: job.to_owned(),
            due: DateTime::UNIX_EPOCH,
            trigger: Trigger::Schedule,
        };
        assert!(request(&sender, tick("one")));
        assert!(request(&sender, tick("two")));
        assert_eq!(ticks.recv().await, Some(tick("one")));
        assert!(ticks.try_recv().is_err());
        drop(ticks);
        assert!(!request(&sender, tick("three")));
    }
}
