//! Runs as a service: schedules, signals, notifications to systemd.

mod command;
mod doings;
mod monitor;
mod notices;
mod pulse;
mod resumptions;
mod running;
mod schedule;
mod signals;

use std::time::Duration;

use chrono_tz::Tz;
use croner::Cron;

pub use self::{
    command::{CommandError, run_command},
    doings::{Doings, Place, Reason},
    monitor::{Answers, ListenError, Monitor, MonitorSettings, Question, Reply},
    notices::{Notices, watched},
    pulse::{Pulse, SILENCE, Stuck},
    resumptions::Resumptions,
    running::Running,
    schedule::{CatchUp, Jitter, Scheduler, Tick, moments_after, next_after, start},
    signals::{Request, Requests, SignalError, Signals},
};

use crate::api::WebhookUrl;

/// Who is told of what needs a person.
#[derive(Clone, Debug)]
pub struct AlertSettings {
    /// Where it is posted to.
    pub webhook: Option<WebhookUrl>,
    /// What is run.
    pub command: Option<AlertCommand>,
    /// The longest that each may take.
    pub timeout: Duration,
}

/// What is run to tell of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertCommand {
    /// The whole path of the program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

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
    /// By how much each moment is put off.
    pub jitter: Jitter,
    /// What becomes of a run that was missed.
    pub catch_up: CatchUp,
    /// Whether the job runs whenever the daemon starts, too.
    pub run_at_start: bool,
}

impl ScheduleSettings {
    /// Whether the job is due at the same moments as one with these other settings.
    fn is_due_as(&self, other: &Self) -> bool {
        let moments = |settings: &Self| (settings.timezone, settings.jitter);
        self.text == other.text && moments(self) == moments(other)
    }
}
