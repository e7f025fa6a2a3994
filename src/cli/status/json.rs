//! `status --json`: one object, as docs/commands.md describes it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    app::{EndpointStatus, Freshness, JobStatus, Status},
    clock::format_utc,
    store::{Alert, EndpointRunOverview},
};

/// Raised when a member changes its meaning or goes; new ones may come at any time.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Answer<'s> {
    format: u32,
    told_at: String,
    database: Database<'s>,
    daemon: Option<Daemon<'s>>,
    jobs: Vec<Job<'s>>,
    endpoints: Vec<Endpoint<'s>>,
    alerts: Vec<Holding<'s>>,
}

#[derive(Serialize)]
struct Database<'s> {
    path: &'s str,
    bytes: u64,
    log_bytes: u64,
    checked_at: Option<String>,
}

#[derive(Serialize)]
struct Daemon<'s> {
    process_id: i64,
    version: &'s str,
    started_at: Option<String>,
}

#[derive(Serialize)]
struct Job<'s> {
    #[serde(rename = "job")]
    name: &'s str,
    schedule: &'s str,
    timezone: &'static str,
    endpoints: &'s [String],
    is_running: bool,
    next_run_at: Option<String>,
    last_run: Option<Run<'s>>,
}

#[derive(Serialize)]
struct Run<'s> {
    #[serde(rename = "run_id")]
    id: i64,
    trigger: &'s str,
    started_at: Option<String>,
    finished_at: Option<String>,
    result: Option<&'s str>,
}

#[derive(Serialize)]
struct Endpoint<'s> {
    #[serde(rename = "endpoint")]
    name: &'s str,
    freshness: &'static str,
    as_of: Option<String>,
    age_seconds: Option<i64>,
    fresh_until: Option<String>,
    next_run_at: Option<String>,
    running: Option<Running<'s>>,
    unfinished_pages: Option<u64>,
    paused_until: Option<String>,
    pause_reason: Option<&'s str>,
    budget: Budget<'s>,
    rejects: u64,
    deletions_waiting: Option<u64>,
    schema_changes: u64,
    schema_changed_at: Option<String>,
    last_run: Option<EndpointRun<'s>>,
}

#[derive(Serialize)]
struct Running<'s> {
    process_id: i64,
    job: &'s str,
    pages: i64,
    waits_for: Option<&'s str>,
    waits_until: Option<String>,
}

#[derive(Serialize)]
struct Budget<'s> {
    group: &'s str,
    requests: u32,
    per_seconds: f64,
    left: Option<u32>,
    free_at: Option<String>,
}

#[derive(Serialize)]
struct EndpointRun<'s> {
    #[serde(flatten)]
    run: Run<'s>,
    job: &'s str,
    message: Option<&'s str>,
    not_before_at: Option<String>,
    pages: u64,
    rows_new: u64,
    rows_changed: u64,
    rows_unchanged: u64,
    rows_deleted: u64,
    rejected: u64,
    requests: u64,
    waited_ms: u64,
    total_read: Option<u64>,
    total_stated: Option<u64>,
    listings_moved: u64,
}

/// An alert that holds.
#[derive(Serialize)]
struct Holding<'s> {
    kind: &'static str,
    endpoint: Option<&'s str>,
    endpoints: &'s [String],
    since: String,
    message: &'s str,
    webhook_told_at: Option<String>,
    command_told_at: Option<String>,
}

/// Spells the status as JSON.
pub(super) fn spelled(status: &Status, path: &str) -> String {
    let answer = Answer {
        format: FORMAT,
        told_at: format_utc(status.told_at),
        database: Database {
            path,
            bytes: status.sizes.database,
            log_bytes: status.sizes.log,
            checked_at: stamp(status.checked_at),
        },
        daemon: status.daemon.as_ref().map(|daemon| Daemon {
            process_id: daemon.process_id,
            version: &daemon.version,
            started_at: stamp(daemon.started_at),
        }),
        jobs: status.jobs.iter().map(job).collect(),
        endpoints: status
            .endpoints
            .iter()
            .map(|endpoint| self::endpoint(endpoint, status.told_at))
            .collect(),
        alerts: status.alerts.iter().map(alert).collect(),
    };
    serde_json::to_string_pretty(&answer).expect("texts and numbers are JSON")
}

fn alert(alert: &Alert) -> Holding<'_> {
    Holding {
        kind: alert.kind.as_str(),
        endpoint: Some(alert.subject.as_str()).filter(|name| !name.is_empty()),
        endpoints: &alert.endpoints,
        since: format_utc(alert.since),
        message: &alert.message,
        webhook_told_at: stamp(alert.webhook.began),
        command_told_at: stamp(alert.command.began),
    }
}

fn stamp(moment: Option<DateTime<Utc>>) -> Option<String> {
    moment.map(format_utc)
}

fn run(run: &crate::store::RunOverview) -> Run<'_> {
    Run {
        id: run.run_id,
        trigger: &run.trigger,
        started_at: stamp(run.started_at),
        finished_at: stamp(run.finished_at),
        result: run.result.as_deref(),
    }
}

fn job(job: &JobStatus) -> Job<'_> {
    Job {
        name: &job.job,
        schedule: &job.schedule,
        timezone: job.timezone.name(),
        endpoints: &job.endpoints,
        is_running: job.is_running,
        next_run_at: stamp(job.next_at),
        last_run: job.last.as_ref().map(run),
    }
}

fn endpoint(status: &EndpointStatus, now: DateTime<Utc>) -> Endpoint<'_> {
    let known = &status.known;
    let (freshness, fresh_until) = match status.freshness {
        Freshness::Never => ("never", None),
        Freshness::Fresh(until) => ("fresh", until),
        Freshness::Stale(since) => ("stale", Some(since)),
    };
    let pause = status.budget.pause.as_ref();
    Endpoint {
        name: &known.endpoint,
        freshness,
        as_of: stamp(known.as_of),
        age_seconds: known.as_of.map(|as_of| (now - as_of).num_seconds().max(0)),
        fresh_until: stamp(fresh_until),
        next_run_at: stamp(status.next_at),
        running: known.holder.as_ref().map(|holder| Running {
            process_id: holder.process_id(),
            job: holder.job(),
            pages: holder.pages(),
            waits_for: holder.waits().map(|(reason, _)| reason),
            waits_until: stamp(holder.waits().map(|(_, until)| until)),
        }),
        unfinished_pages: known.unfinished_pages,
        paused_until: stamp(pause.map(|(until, _)| *until)),
        pause_reason: pause.map(|(_, reason)| reason.as_str()),
        budget: Budget {
            group: &status.budget.group,
            requests: status.budget.limit.requests,
            per_seconds: status.budget.limit.per.as_secs_f64(),
            left: status.budget.left,
            free_at: stamp(status.budget.free_at),
        },
        rejects: known.rejects,
        deletions_waiting: known.deletions_waiting,
        schema_changes: known.schema_changes,
        schema_changed_at: stamp(known.schema_changed_at),
        last_run: known.last.as_ref().map(endpoint_run),
    }
}

fn endpoint_run(last: &EndpointRunOverview) -> EndpointRun<'_> {
    let [rows_new, rows_changed, rows_unchanged, rows_deleted] = last.rows;
    EndpointRun {
        run: run(&last.run),
        job: &last.job,
        message: last.message.as_deref(),
        not_before_at: stamp(last.not_before),
        pages: last.pages,
        rows_new,
        rows_changed,
        rows_unchanged,
        rows_deleted,
        rejected: last.rejected,
        requests: last.requests,
        waited_ms: last.waited_ms,
        total_read: last.mismatch.map(|(read, _)| read),
        total_stated: last.mismatch.map(|(_, stated)| stated),
        listings_moved: last.listings_moved,
    }
}
