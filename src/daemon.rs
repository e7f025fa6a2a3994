//! Runs as a service: schedules, signals, notifications to systemd.

pub mod notify;
mod schedule;
mod signals;

use std::{collections::BTreeSet, fmt};

use chrono_tz::Tz;
use croner::Cron;

pub use self::{
    schedule::{ScheduleError, Scheduler, Tick, next_after, start},
    signals::{SignalError, Signals},
};

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
}

impl fmt::Display for Running {
    /// For people: `idle`, or `running bookings, directory`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("idle");
        }
        let jobs: Vec<&str> = self.0.iter().map(String::as_str).collect();
        write!(f, "running {}", jobs.join(", "))
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
    fn it_says_what_runs() {
        let mut running = Running::default();
        assert!(running.start("directory"));
        assert!(running.start("bookings"));
        assert_eq!(running.to_string(), "running bookings, directory");
        running.finished("bookings");
        running.finished("directory");
        running.finished("never started");
        assert_eq!(running.to_string(), "idle");
    }
}
