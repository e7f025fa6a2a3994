//! How everything is doing: what the database tells of the configuration's jobs and endpoints, and what is to come.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{AppError, fresh_until, schedules_of};
use crate::{
    clock::Clock,
    config::Config,
    daemon::{ScheduleSettings, next_after},
    store::{self, Asked, Budget, DaemonProcess, EndpointOverview, Overview, RunOverview},
    sync::{EndpointSettings, JobSettings},
};

/// How everything is doing, at a moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// The moment.
    pub told_at: DateTime<Utc>,
    /// The daemon, where one lives that can be seen from here.
    pub daemon: Option<DaemonProcess>,
    /// When the database was last found to be whole.
    pub checked_at: Option<DateTime<Utc>>,
    /// Its size in bytes, and that of its log.
    pub bytes: (u64, u64),
    /// The jobs, in the order of the configuration.
    pub jobs: Vec<JobStatus>,
    /// The endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
}

/// How a job is doing.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// Its name.
    pub job: String,
    /// Its schedule, as written.
    pub schedule: String,
    /// The time zone that the schedule is meant in.
    pub timezone: Tz,
    /// Its endpoints.
    pub endpoints: Vec<String>,
    /// Its last run; `None`: it has never run.
    pub last: Option<RunOverview>,
    /// Whether that still goes on.
    pub is_running: bool,
    /// When its schedule names it next.
    pub next_at: Option<DateTime<Utc>>,
}

/// How an endpoint is doing.
#[derive(Clone, Debug)]
pub struct EndpointStatus {
    /// What the database has of it.
    pub known: EndpointOverview,
    /// The budget of its group.
    pub budget: Budget,
    /// Whether its data is as new as it is meant to be.
    pub freshness: Freshness,
    /// When one of its jobs runs next, by their schedules.
    pub next_at: Option<DateTime<Utc>>,
}

/// Whether data is as new as it is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No sweep has come to its end yet.
    Never,
    /// Until then; `None`: for ever.
    Fresh(Option<DateTime<Utc>>),
    /// Since then.
    Stale(DateTime<Utc>),
}

/// Reads how everything is doing, beside whoever writes.
///
/// # Errors
/// Where the database is not there, cannot be read, is another program's, or of another version than this one.
pub async fn status(config: &Config) -> Result<Status, AppError> {
    let clock = Clock::system().map_err(AppError::Clock)?;
    let overview = store::overview(&config.store.path, &clock, &asked(config)).await?;
    Ok(judge(config, overview, clock.now().wall))
}

/// What the configuration has to ask for.
pub fn asked(config: &Config) -> Asked {
    let endpoints = &config.sync.endpoints;
    Asked {
        jobs: config.sync.jobs.iter().map(|job| job.name.clone()).collect(),
        endpoints: endpoints.iter().map(|endpoint| endpoint.name.clone()).collect(),
        groups: endpoints.iter().map(|endpoint| (endpoint.group.clone(), endpoint.limit)).collect(),
    }
}

/// Joins what the database has with what the configuration says of the time.
///
/// `overview` is the answer to [`asked`]: its lists have the configuration's order.
pub fn judge(config: &Config, overview: Overview, now: DateTime<Utc>) -> Status {
    let Overview { daemon, jobs, endpoints, budgets, checked_at, bytes, log_bytes } = overview;
    let holders: Vec<(&str, &str)> = endpoints
        .iter()
        .filter_map(|known| Some((known.endpoint.as_str(), known.holder.as_ref()?.job())))
        .collect();
    let schedules = config.sync.jobs.iter().zip(&config.schedules);
    let jobs = schedules
        .zip(jobs)
        .map(|((job, schedule), known)| {
            let is_open = known.last.as_ref().is_some_and(|run| run.finished_at.is_none());
            let is_running = is_open && holders.iter().any(|(_, holder)| *holder == job.name);
            judge_job(job, schedule, known.last, is_running, now)
        })
        .collect();
    let endpoints = config
        .sync
        .endpoints
        .iter()
        .zip(endpoints.iter().zip(budgets))
        .map(|(settings, (known, budget))| {
            judge_endpoint(settings, &schedules_of(config, settings), known.clone(), budget, now)
        })
        .collect();
    Status { told_at: now, daemon, checked_at, bytes: (bytes, log_bytes), jobs, endpoints }
}

fn judge_job(
    job: &JobSettings,
    schedule: &ScheduleSettings,
    last: Option<RunOverview>,
    is_running: bool,
    now: DateTime<Utc>,
) -> JobStatus {
    JobStatus {
        job: job.name.clone(),
        schedule: schedule.text.clone(),
        timezone: schedule.timezone,
        endpoints: job.endpoints.clone(),
        last,
        is_running,
        next_at: next_after(schedule, now),
    }
}

fn judge_endpoint(
    settings: &EndpointSettings,
    schedules: &[&ScheduleSettings],
    known: EndpointOverview,
    budget: Budget,
    now: DateTime<Utc>,
) -> EndpointStatus {
    let freshness = match known.as_of {
        None => Freshness::Never,
        Some(as_of) => match fresh_until(as_of, settings.stale_after, schedules) {
            Some(until) if until <= now => Freshness::Stale(until),
            until => Freshness::Fresh(until),
        },
    };
    let next_at = schedules.iter().filter_map(|schedule| next_after(schedule, now)).min();
    EndpointStatus { known, budget, freshness, next_at }
}
