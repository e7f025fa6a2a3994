//! An alarm for one moment. The sole user of the scheduler crate.
//!
//! tokio-cron-scheduler 0.15 wakes up twice a second for as long as it is started, and leaves its tasks behind when it is
//! shut down. So each alarm has one of its own, on a runtime and a thread of its own, which end with the alarm: a daemon
//! that has nothing to do for a while is not woken (decision 15).

use std::{error::Error, io, sync::Arc, thread, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{runtime::Builder, sync::Notify};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

/// An alarm that is set, until it is dropped.
#[derive(Debug)]
pub(super) struct Alarm {
    /// What it rings at.
    pub(super) moment: DateTime<Utc>,
    _ends: DropGuard,
}

/// An alarm cannot ring.
#[derive(Debug, thiserror::Error)]
enum AlarmError {
    /// The machine gives no thread, or no timer.
    #[error("no thread for an alarm")]
    Thread(#[from] io::Error),
    /// The scheduler crate does not take it.
    #[error("the scheduler takes no alarm")]
    Scheduler(#[from] JobSchedulerError),
}

impl Alarm {
    /// Sets an alarm that tells `rung` at `moment`, or some two seconds after it, never before. Why one cannot be set is
    /// logged.
    pub(super) fn set(moment: DateTime<Utc>, now: DateTime<Utc>, rung: Arc<Notify>) -> Self {
        let ahead = seconds_ahead(moment, now);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("alarm".to_owned()).spawn(move || {
            if let Err(error) = ring(ahead, rung, &stopped) {
                tell(&error, moment);
            }
        });
        if let Err(error) = thread {
            tell(&AlarmError::Thread(error), moment);
        }
        Self { moment, _ends: stop.drop_guard() }
    }
}

/// How far ahead the scheduler crate is to ring for `moment`. It adds whole seconds to the second it is in, so what counts
/// is the seconds from the one that `now` lies in to the first that does not begin before `moment`.
fn seconds_ahead(moment: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    let ends = moment.timestamp() + i64::from(moment.timestamp_subsec_nanos() > 0);
    Duration::from_secs(u64::try_from(ends - now.timestamp()).unwrap_or_default())
}

fn tell(error: &AlarmError, moment: DateTime<Utc>) {
    warn!(error = error as &dyn Error, due = %moment, "no alarm could be set: the run may be some seconds late");
}

/// Rings once `ahead` has passed, unless it is stopped before.
fn ring(
    ahead: Duration,
    notify: Arc<Notify>,
    stopped: &CancellationToken,
) -> Result<(), AlarmError> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let rings = async {
        let alarms = JobScheduler::new().await?;
        let rang = CancellationToken::new();
        let has_rung = rang.clone();
        let alarm = Job::new_one_shot(ahead, move |_, _| {
            notify.notify_one();
            has_rung.cancel();
        })?;
        alarms.add(alarm).await?;
        alarms.start().await?;
        rang.cancelled().await;
        Ok(())
    };
    runtime.block_on(stopped.run_until_cancelled(rings)).unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::Clock;

    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task")
            .expect("Linux lists its threads")
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.trim() == "alarm")
            .count()
    }

    #[test]
    fn the_second_an_alarm_rings_in_never_begins_before_its_moment() {
        let at = |millis| DateTime::from_timestamp_millis(millis).expect("a time");
        for now in (0..2_000).step_by(50) {
            for moment in (now..now + 3_000).step_by(50) {
                let ahead = seconds_ahead(at(moment), at(now)).as_millis();
                let rings = i128::from(now / 1_000 * 1_000) + i128::try_from(ahead).expect("small");
                let late = rings - i128::from(moment);
                assert!((0..1_000).contains(&late), "{moment} seen at {now}: {late} ms late");
            }
        }
        assert_eq!(
            seconds_ahead(at(1_000), at(9_000)),
            Duration::ZERO,
            "what is past rings at once"
        );
    }

    #[tokio::test]
    async fn an_alarm_rings_at_its_moment_and_one_that_is_dropped_leaves_no_thread() {
        let clock = Clock::system().expect("Linux tells its boot id");
        let now = clock.now().wall;
        let moment = now + TimeDelta::milliseconds(700);
        let rung = Arc::new(Notify::new());
        let alarm = Alarm::set(moment, now, Arc::clone(&rung));
        let far = Alarm::set(now + TimeDelta::hours(1), now, Arc::new(Notify::new()));
        rung.notified().await;
        assert!(alarm.moment <= clock.now().wall);
        assert!(threads() > 0, "the far one still waits");
        drop(far);
        while threads() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
