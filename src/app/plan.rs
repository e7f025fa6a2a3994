//! What runs would ask for, held against the schedules.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::AppError;
use crate::{
    clock::Clock,
    config::Config,
    daemon::{ScheduleSettings, next_after},
    sync::{self, Budget, Certainty, EndpointSettings, JobSettings, Outlook, Prospect, Settings},
};

/// So many of a schedule's times are looked at to find how close together they lie.
const TIMES: usize = 50;

/// What jobs would ask for now, and whether they keep up with their schedules.
#[derive(Debug)]
pub struct Forecast {
    /// When that is.
    pub now: DateTime<Utc>,
    /// A longer wait than this is left to a later run.
    pub max_wait: Duration,
    /// A line a job.
    pub jobs: Vec<JobForecast>,
    /// A line a budget.
    pub groups: Vec<GroupForecast>,
}

/// One job.
#[derive(Debug)]
pub struct JobForecast {
    /// The job.
    pub settings: JobSettings,
    /// What its endpoints ask for.
    pub endpoints: Vec<Prospect>,
    /// How many requests.
    pub requests: u64,
    /// How surely: as surely as the least sure of its endpoints.
    pub certainty: Certainty,
    /// How long they take, with what else is begun at the same time.
    pub takes: Duration,
    /// When its schedule next names it.
    pub next: Option<DateTime<Utc>>,
    /// The shortest time between two of its runs; `None`: there are no two.
    pub every: Option<Duration>,
    /// Whether it keeps up with its schedule.
    pub fits: bool,
    /// The group that it waits for the longest.
    pub bottleneck: Option<String>,
    /// What would help, where it does not fit.
    pub mends: Vec<String>,
}

/// One budget.
#[derive(Debug)]
pub struct GroupForecast {
    /// The budget.
    pub budget: Budget,
    /// The endpoints that use it.
    pub endpoints: Vec<String>,
    /// What share of the limit the jobs of the configuration ask for in the long run, each as often as its schedule says;
    /// `None`: there is no limit, or nothing to tell it from.
    pub load: Option<f64>,
}

/// Works out what jobs would ask for now, side by side; asks nothing, writes nothing, and needs no credentials.
///
/// # Errors
/// Where there is a database, and it cannot be read.
pub async fn plan(config: &Config, jobs: &[JobSettings]) -> Result<Forecast, AppError> {
    let clock = Clock::system().map_err(AppError::Clock)?;
    let path = &config.store.path;
    let all = sync::outlook(&config.sync, &config.sync.jobs, path, &clock).await?;
    let chosen = sync::outlook(&config.sync, jobs, path, &clock).await?;
    Ok(forecast(&config.sync, &config.schedules, jobs, &all, &chosen))
}

/// Holds what is asked for against the schedules: pure. `all` is what all jobs of the configuration ask for.
fn forecast(
    settings: &Settings,
    schedules: &[ScheduleSettings],
    jobs: &[JobSettings],
    all: &Outlook,
    chosen: &Outlook,
) -> Forecast {
    let (now, endpoints) = (chosen.now, &settings.endpoints);
    let groups: Vec<GroupForecast> = chosen
        .groups
        .iter()
        .map(|budget| GroupForecast {
            budget: budget.clone(),
            endpoints: endpoints
                .iter()
                .filter(|endpoint| endpoint.group == budget.group)
                .map(|endpoint| endpoint.name.clone())
                .collect(),
            load: load(budget, schedules, all),
        })
        .collect();
    let of_jobs = jobs.iter().map(|job| {
        let prospects = chosen.endpoints.iter().filter(|prospect| prospect.job == job.name);
        let schedule = schedules.iter().find(|schedule| schedule.job == job.name);
        of_job(job, prospects.cloned().collect(), schedule, &groups, endpoints, now)
    });
    let jobs = of_jobs.collect();
    Forecast { now, max_wait: settings.max_wait, jobs, groups }
}

fn of_job(
    job: &JobSettings,
    prospects: Vec<Prospect>,
    schedule: Option<&ScheduleSettings>,
    groups: &[GroupForecast],
    endpoints: &[EndpointSettings],
    now: DateTime<Utc>,
) -> JobForecast {
    let last = prospects.iter().max_by_key(|prospect| prospect.takes);
    let takes = last.map_or(Duration::ZERO, |prospect| prospect.takes);
    let every = schedule.and_then(|schedule| every(schedule, now));
    let overloaded = groups.iter().find(|group| {
        let is_used = prospects.iter().any(|prospect| prospect.group == group.budget.group);
        is_used && group.load.is_some_and(|load| load > 1.0)
    });
    let fits = every.is_none_or(|every| takes <= every) && overloaded.is_none();
    // Without a wait it is the answers that take the time, and no group.
    let waits = last.filter(|prospect| !prospect.longest_wait.is_zero());
    let bottleneck = overloaded
        .map(|group| group.budget.group.clone())
        .or_else(|| waits.map(|prospect| prospect.group.clone()));
    let mends = match (fits, &bottleneck) {
        (true, _) => Vec::new(),
        (false, bottleneck) => {
            let group =
                groups.iter().find(|group| Some(&group.budget.group) == bottleneck.as_ref());
            mends(takes, &prospects, group, endpoints)
        }
    };
    JobForecast {
        settings: job.clone(),
        requests: prospects.iter().map(|prospect| prospect.requests).sum(),
        certainty: prospects.iter().map(|prospect| prospect.certainty).max().unwrap_or_default(),
        takes,
        next: schedule.and_then(|schedule| next_after(schedule, now)),
        every,
        fits,
        bottleneck,
        mends,
        endpoints: prospects,
    }
}

/// The shortest time between two of the next times that a schedule names.
fn every(schedule: &ScheduleSettings, now: DateTime<Utc>) -> Option<Duration> {
    let first = next_after(schedule, now)?;
    let times = std::iter::successors(Some(first), |time| next_after(schedule, *time));
    let times: Vec<_> = times.take(TIMES).collect();
    let gaps = times.windows(2).filter_map(|pair| (*pair.get(1)? - *pair.first()?).to_std().ok());
    gaps.min()
}

/// How often a schedule names its job in the long run, as the time between two runs.
fn on_average(schedule: &ScheduleSettings, now: DateTime<Utc>) -> Option<Duration> {
    let first = next_after(schedule, now)?;
    let times = std::iter::successors(Some(first), |time| next_after(schedule, *time));
    // A schedule of working hours is told by whole weeks alone.
    let last = times
        .take(TIMES * TIMES)
        .take_while(|time| *time - first <= TimeDelta::days(28))
        .enumerate()
        .last();
    let (count, last) = last?;
    let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
    (last - first).to_std().ok()?.checked_div(count)
}

#[expect(clippy::cast_precision_loss, reason = "a share for a person")]
fn load(budget: &Budget, schedules: &[ScheduleSettings], all: &Outlook) -> Option<f64> {
    if budget.limit.requests == 0 {
        return None;
    }
    let members = all.endpoints.iter().filter(|prospect| prospect.group == budget.group);
    let asked: f64 = members
        .filter_map(|prospect| {
            let schedule = schedules.iter().find(|schedule| schedule.job == prospect.job)?;
            let between = on_average(schedule, all.now)?.as_secs_f64();
            Some(prospect.requests as f64 / between.max(1.0))
        })
        .sum();
    let allowed = f64::from(budget.limit.requests) / budget.limit.per.as_secs_f64();
    Some(asked / allowed)
}

/// What would help a job that does not keep up.
fn mends(
    takes: Duration,
    prospects: &[Prospect],
    group: Option<&GroupForecast>,
    endpoints: &[EndpointSettings],
) -> Vec<String> {
    let settings = |name: &str| endpoints.iter().find(|endpoint| endpoint.name == name);
    let of_group =
        |prospect: &&Prospect| group.is_none_or(|group| prospect.group == group.budget.group);
    let mut members: Vec<&Prospect> = prospects.iter().filter(of_group).collect();
    members.sort_by_key(|prospect| std::cmp::Reverse(prospect.requests));
    let minutes = takes.as_secs().div_ceil(60).max(1);
    let mut mends = vec![format!("a schedule of at most one run in {minutes} min")];
    if let Some(first) = members.first()
        && let Some(endpoint) = settings(&first.endpoint)
    {
        let name = &endpoint.name;
        if let Some((key, size)) = endpoint.pagination.page_size() {
            let size = size.map_or("the server's".to_owned(), |size| size.to_string());
            mends.push(format!("larger pages of {name} (`pagination.{key}`, now {size})"));
        }
        let is_one_page_each = first.requests <= first.slices.len() as u64;
        if first.slices.len() > 1 && is_one_page_each {
            mends.push(format!("wider slices of {name} (`window.slice`), as one page holds each"));
        }
        if endpoint.window.as_ref().is_some_and(|window| window.slice.is_some()) {
            mends.push(format!("a shorter window of {name} (`window.back`, `window.ahead`)"));
        }
        if endpoint.since.is_none() {
            mends.push(format!("changes only of {name} (`since`), if its API can"));
        }
    }
    if let Some(group) = group
        && group.endpoints.len() > 1
    {
        let name = &group.budget.group;
        mends.push(format!(
            "fewer endpoints in the group {name}, which {} share, if the API counts them apart",
            group.endpoints.join(", ")
        ));
    }
    mends
}

#[cfg(test)]
mod tests;
