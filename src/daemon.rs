//! Runs as a service: schedules, signals, notifications to systemd.

mod monitor;
mod notices;
mod resumptions;
mod running;
mod schedule;
mod signals;

use chrono_tz::Tz;
use croner::Cron;

pub use self::{
    monitor::{Answers, ListenError, Monitor, MonitorSettings, Question, Reply},
    notices::Notices,
    resumptions::Resumptions,
    running::Running,
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
