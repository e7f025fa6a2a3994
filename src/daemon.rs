//! Runs as a service: schedules, signals, notifications to systemd.

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
