//! Runs as a service: schedules, signals, notifications to systemd.

pub mod notify;
pub mod schedule;
pub mod signals;

use std::collections::BTreeSet;

use chrono_tz::Tz;
use croner::Cron;

/// When a job runs.
#[derive(Clone, Debug)]
pub struct ScheduleSettings {
    /// The job's name.
    pub job: String,
    /// The schedule as written: six fields, seconds first.
    pub text: String,
    /// The schedule, parsed.
    pub schedule: Cron,
    /// The time zone that the schedule is meant in.
    pub timezone: Tz,
}

/// The jobs that run at the moment: no job runs twice at once, whatever its schedule says.
#[derive(Clone, Debug, Default)]
pub struct Running(BTreeSet<String>);

impl Running {
    /// Notes that a job starts; `false` when it runs already and must not be started.
    #[must_use]
    pub fn start(&mut self, job: &str) -> bool {
        self.0.insert(job.to_owned())
    }

    /// Notes that a job has ended.
    pub fn finished(&mut self, job: &str) {
        self.0.remove(job);
    }

    /// Whether no job runs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_runs_does_not_start_again_until_it_has_finished() {
        let mut running = Running::default();
        assert!(running.start("bookings"));
        assert!(!running.start("bookings"));
        assert!(running.start("users"));
        running.finished("bookings");
        assert!(running.start("bookings"));
    }

    #[test]
    fn nothing_runs_once_all_have_finished() {
        let mut running = Running::default();
        assert!(running.start("bookings"));
        assert!(!running.is_empty());
        running.finished("bookings");
        running.finished("never started");
        assert!(running.is_empty());
    }
}
