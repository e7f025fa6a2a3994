//! What `plan --json` prints; docs/commands.md has its fields, and a test holds it to its schema.

use std::time::Duration;

use serde::Serialize;

use crate::{
    app::{Forecast, GroupForecast, JobForecast},
    clock::format_utc,
    sync::{Begins, Prospect, SliceProspect},
};

#[derive(Serialize)]
struct Plan<'f> {
    planned_at: String,
    jobs: Vec<PlannedJob<'f>>,
    groups: Vec<PlannedGroup<'f>>,
}

#[derive(Serialize)]
struct PlannedJob<'f> {
    job: &'f str,
    requests: u64,
    certainty: &'static str,
    takes_ms: u64,
    next_run_at: Option<String>,
    runs_every_ms: Option<u64>,
    fits: bool,
    bottleneck: Option<&'f str>,
    mends: &'f [String],
    endpoints: Vec<PlannedEndpoint<'f>>,
}

#[derive(Serialize)]
struct PlannedEndpoint<'f> {
    endpoint: &'f str,
    group: &'f str,
    begins: &'static str,
    stored_pages: u64,
    changed_settings: &'f [String],
    since: Option<String>,
    requests: u64,
    certainty: &'static str,
    known_from_run: Option<i64>,
    request_ms: u64,
    takes_ms: u64,
    longest_wait_ms: u64,
    slices: Vec<PlannedSlice<'f>>,
}

#[derive(Serialize)]
struct PlannedSlice<'f> {
    from: Option<&'f str>,
    until: Option<&'f str>,
    since: Option<String>,
    params: &'f [(String, String)],
    requests: u64,
    certainty: &'static str,
    known_from_run: Option<i64>,
}

#[derive(Serialize)]
struct PlannedGroup<'f> {
    group: &'f str,
    endpoints: &'f [String],
    limit_requests: u32,
    limit_per_ms: u64,
    used: u64,
    paused_for_ms: Option<u64>,
    requests: u64,
    load: Option<f64>,
}

/// The forecast as JSON.
pub(super) fn text(forecast: &Forecast) -> String {
    let plan = Plan {
        planned_at: format_utc(forecast.now),
        jobs: forecast.jobs.iter().map(job).collect(),
        groups: forecast.groups.iter().map(group).collect(),
    };
    serde_json::to_string_pretty(&plan).expect("texts and numbers are JSON")
}

fn job(job: &JobForecast) -> PlannedJob<'_> {
    PlannedJob {
        job: &job.settings.name,
        requests: job.requests,
        certainty: job.certainty.as_str(),
        takes_ms: milliseconds(job.takes),
        next_run_at: job.next.map(format_utc),
        runs_every_ms: job.every.map(milliseconds),
        fits: job.fits,
        bottleneck: job.bottleneck.as_deref(),
        mends: &job.mends,
        endpoints: job.endpoints.iter().map(endpoint).collect(),
    }
}

fn endpoint(prospect: &Prospect) -> PlannedEndpoint<'_> {
    let (begins, stored_pages, changed_settings): (_, _, &[String]) = match &prospect.begins {
        Begins::New => ("new", 0, &[]),
        Begins::GoesOn { pages } => ("goes on", *pages, &[]),
        Begins::StartsOver { changed } => ("starts over", 0, changed),
    };
    PlannedEndpoint {
        endpoint: &prospect.endpoint,
        group: &prospect.group,
        begins,
        stored_pages,
        changed_settings,
        since: prospect.since.map(format_utc),
        requests: prospect.requests,
        certainty: prospect.certainty.as_str(),
        known_from_run: prospect.certainty.run(),
        request_ms: milliseconds(prospect.answer),
        takes_ms: milliseconds(prospect.takes),
        longest_wait_ms: milliseconds(prospect.longest_wait),
        slices: prospect.slices.iter().map(slice).collect(),
    }
}

fn slice(slice: &SliceProspect) -> PlannedSlice<'_> {
    PlannedSlice {
        from: slice.dates.as_ref().map(|(from, _)| from.as_str()),
        until: slice.dates.as_ref().map(|(_, until)| until.as_str()),
        since: slice.since.map(format_utc),
        params: &slice.params,
        requests: slice.requests,
        certainty: slice.certainty.as_str(),
        known_from_run: slice.certainty.run(),
    }
}

fn group(group: &GroupForecast) -> PlannedGroup<'_> {
    PlannedGroup {
        group: &group.budget.group,
        endpoints: &group.endpoints,
        limit_requests: group.budget.limit.requests,
        limit_per_ms: milliseconds(group.budget.limit.per),
        used: group.budget.used,
        paused_for_ms: group.budget.paused_for.map(milliseconds),
        requests: group.budget.requests,
        load: group.load.map(|load| (load * 1000.0).round() / 1000.0),
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
