//! How everything is doing: what the database tells of the configuration's jobs and endpoints, and what is to come.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{
    AppError,
    freshness::{fresh_until, schedules_of},
};
use crate::{
    clock::Clock,
    config::Config,
    daemon::{ScheduleSettings, next_after},
    store::{
        self, Alert, Asked, Budget, DaemonProcess, EndpointOverview, Overview, RunOverview, Sizes,
    },
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
    /// The sizes of its files.
    pub sizes: Sizes,
    /// The jobs, in the order of the configuration.
    pub jobs: Vec<JobStatus>,
    /// The endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
    /// The alerts that hold.
    pub alerts: Vec<Alert>,
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
fn asked(config: &Config) -> Asked {
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
fn judge(config: &Config, overview: Overview, now: DateTime<Utc>) -> Status {
    let Overview { daemon, jobs, endpoints, budgets, checked_at, alerts } = overview;
    let holders = endpoints.iter().filter_map(|known| known.holder.as_ref());
    let at_work: HashSet<String> = holders.map(|holder| holder.job().to_owned()).collect();
    let schedules = config.sync.jobs.iter().zip(&config.schedules);
    let jobs = schedules
        .zip(jobs)
        .map(|((job, schedule), known)| {
            let is_open = known.last.as_ref().is_some_and(|run| run.finished_at.is_none());
            let is_running = is_open && at_work.contains(&job.name);
            judge_job(job, schedule, known.last, is_running, now)
        })
        .collect();
    let endpoints = config
        .sync
        .endpoints
        .iter()
        .zip(endpoints.into_iter().zip(budgets))
        .map(|(settings, (known, budget))| {
            judge_endpoint(settings, &schedules_of(config, settings), known, budget, now)
        })
        .collect();
    Status {
        told_at: now,
        daemon,
        checked_at,
        sizes: store::sizes(&config.store.path),
        jobs,
        endpoints,
        alerts,
    }
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
