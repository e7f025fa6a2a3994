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
    /// Sets an alarm that tells `rung` at `moment`, or less than two seconds after it, never before. Why one cannot be
    /// set is logged.
    pub(super) fn set(moment: DateTime<Utc>, now: DateTime<Utc>, rung: Arc<Notify>) -> Self {
        // The crate adds whole seconds to its own time cut to a second: rounded up here, that is never before the moment.
        let ahead = moment.signed_duration_since(now).to_std().unwrap_or_default();
        let ahead = Duration::from_secs(ahead.as_secs() + u64::from(ahead.subsec_nanos() > 0));
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
