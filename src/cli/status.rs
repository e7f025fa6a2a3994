//! `status`: how every job and endpoint is doing, for people, programs and monitoring.

mod json;
mod monitor;

use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Args;

use self::monitor::{Level, Thresholds};
use super::{
    ExitStatus, arguments, fail, fail_app,
    look::Look,
    print_result,
    table::{Align, counted, size, table, thousands, time},
};
use crate::{
    app::{self, EndpointStatus, Freshness, JobStatus, Status},
    config::{self, Config, Environment},
    store::Alert,
    telemetry::chain,
};

/// What `status` is told.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// One JSON object, with all that is known
    #[arg(long)]
    json: bool,

    /// One line and an exit status for Nagios, Icinga and the like: 0 fresh, 1 warning, 2 critical, 3 unknown
    #[arg(long, conflicts_with = "json")]
    monitor: bool,

    /// With --monitor: warn of data as old as this (such as 2h) instead of data that is stale by the configuration
    #[arg(long, value_name = "AGE", requires = "monitor", value_parser = arguments::duration)]
    warning: Option<std::time::Duration>,

    /// With --monitor: critical from this age on; by default twice that of a warning
    #[arg(long, value_name = "AGE", requires = "monitor", value_parser = arguments::duration)]
    critical: Option<std::time::Duration>,
}

/// Tells it on stdout.
pub(super) async fn run(path: &Path, args: &StatusArgs) -> ExitStatus {
    if args.monitor {
        return monitor(path, Thresholds { warning: args.warning, critical: args.critical }).await;
    }
    let config = match super::load_without_secrets(path) {
        Ok(config) => config,
        Err(status) => return status,
    };
    let status = match app::status(&config).await {
        Ok(status) => status,
        Err(error) => return fail_app(error),
    };
    let text = if args.json {
        json::spelled(&status, &config.store.path.to_string_lossy())
    } else {
        told(&config, &status)
    };
    match print_result(&text) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}

/// Whatever keeps it from being told is told in the plugin's line too, which is all that a monitor shows.
async fn monitor(path: &Path, thresholds: Thresholds) -> ExitStatus {
    let status = match config::load(path, &Environment::from_process()) {
        Ok(config) => app::status(&config).await.map_err(|error| chain(&error)),
        Err(errors) => Err(errors.to_string()),
    };
    let (level, line) = match status {
        Ok(status) => monitor::told(&status, thresholds),
        Err(reason) => (Level::Unknown, monitor::unknown(&reason)),
    };
    match print_result(&line) {
        Ok(()) => match level {
            Level::Ok => ExitStatus::Done,
            Level::Warning => ExitStatus::Failed,
            Level::Critical => ExitStatus::Usage,
            Level::Unknown => ExitStatus::Unknown,
        },
        Err(_) => ExitStatus::Unknown,
    }
}

fn told(config: &Config, status: &Status) -> String {
    let look = Look::of_stdout();
    let mut text = look.table(&jobs(status));
    text.push('\n');
    text.push_str(&look.table(&endpoints(status)));
    for endpoint in &status.endpoints {
        for concern in concerns(endpoint) {
            text.extend(["\n", &endpoint.known.endpoint, ": ", &concern]);
        }
    }
    for alert in &status.alerts {
        text.extend(["\nalert: ", &self::alert(alert)]);
    }
    text.extend(["\n\n", &daemon(status), "\n", &database(config, status)]);
    text
}

fn jobs(status: &Status) -> String {
    const HEADER: [(&str, Align); 6] = [
        ("job", Align::Left),
        ("last run (UTC)", Align::Left),
        ("by", Align::Left),
        ("result", Align::Left),
        ("took", Align::Right),
        ("next run (UTC)", Align::Left),
    ];
    let rows: Vec<Vec<String>> = status.jobs.iter().map(job).collect();
    table(&HEADER, &rows)
}

fn job(job: &JobStatus) -> Vec<String> {
    let last = job.last.as_ref();
    let result = match last {
        None => "-".to_owned(),
        Some(_) if job.is_running => "running".to_owned(),
        Some(last) => last.result.clone().unwrap_or_else(|| "interrupted".to_owned()),
    };
    let took = last.and_then(|last| (last.finished_at? - last.started_at?).to_std().ok());
    vec![
        job.job.clone(),
        last.map_or_else(|| "never".to_owned(), |last| moment(last.started_at)),
        last.map_or_else(|| "-".to_owned(), |last| last.trigger.clone()),
        result,
        took.map_or_else(|| "-".to_owned(), time),
        moment(job.next_at),
    ]
}

fn endpoints(status: &Status) -> String {
    const HEADER: [(&str, Align); 7] = [
        ("endpoint", Align::Left),
        ("data of (UTC)", Align::Left),
        ("age", Align::Right),
        ("data is", Align::Left),
        ("last run", Align::Left),
        ("budget", Align::Right),
        ("rejects", Align::Right),
    ];
    let rows: Vec<Vec<String>> =
        status.endpoints.iter().map(|endpoint| self::endpoint(endpoint, status.told_at)).collect();
    table(&HEADER, &rows)
}

fn endpoint(status: &EndpointStatus, now: DateTime<Utc>) -> Vec<String> {
    let known = &status.known;
    let age = known.as_of.map(|as_of| (now - as_of).to_std().unwrap_or_default());
    let result = match (&known.holder, &known.last) {
        (Some(_), _) => "running",
        (None, None) => "-",
        (None, Some(last)) => last.run.result.as_deref().unwrap_or("interrupted"),
    };
    let budget = status.budget.left.map_or_else(
        || "no limit".to_owned(),
        |left| format!("{left}/{}", status.budget.limit.requests),
    );
    vec![
        known.endpoint.clone(),
        known.as_of.map_or_else(|| "never".to_owned(), |as_of| moment(Some(as_of))),
        age.map_or_else(|| "-".to_owned(), time),
        match status.freshness {
            Freshness::Never => "not there yet",
            Freshness::Fresh(_) => "fresh",
            Freshness::Stale(_) => "stale",
        }
        .to_owned(),
        result.to_owned(),
        budget,
        thousands(known.rejects),
    ]
}

/// What a person would want to know of an endpoint beside its line, the most urgent first.
fn concerns(status: &EndpointStatus) -> Vec<String> {
    let (known, name) = (&status.known, &status.known.endpoint);
    let mut concerns = Vec::new();
    if let Some(holder) = &known.holder {
        concerns.push(holder.to_string());
    } else if let Some(last) = &known.last
        && let (Some(result), Some(message)) = (&last.run.result, &last.message)
    {
        concerns.push(format!("{result}: {message}"));
    }
    if let Some((until, reason)) = &status.budget.pause {
        let until = moment(Some(*until));
        concerns.push(format!(
            "not asked before {until} UTC, as the API said ({reason}); to ask earlier: mapiq-sync resume {name}"
        ));
    }
    if let Freshness::Stale(since) = status.freshness {
        concerns.push(format!("stale since {} UTC", moment(Some(since))));
    }
    if let Some(waiting) = known.deletions_waiting {
        concerns.push(format!(
            "{} are no longer returned, and wait for a yes: mapiq-sync --run-now --confirm-deletions",
            counted(waiting, "row")
        ));
    }
    if let Some((read, stated)) = known.last.as_ref().and_then(|last| last.mismatch) {
        concerns.push(format!(
            "the API stated {} and returned {}",
            counted(stated, "record"),
            thousands(read)
        ));
    }
    if known.last.as_ref().is_some_and(|last| last.listings_moved > 0) {
        concerns.push("its listing moved each time that it was read".to_owned());
    }
    if known.rejects > 0 {
        concerns.push(format!(
            "{} cannot be stored: mapiq-sync rejects --endpoint {name}",
            counted(known.rejects, "record")
        ));
    }
    if let Some(changed_at) = known.schema_changed_at {
        concerns.push(format!(
            "{} of its records' shape, the last at {} UTC: see _sync_schema_changes",
            counted(known.schema_changes, "change"),
            moment(Some(changed_at))
        ));
    }
    concerns
}

/// What holds, since when, who was told, and why, unless its endpoint's line tells that.
fn alert(alert: &Alert) -> String {
    let told = [("webhook", alert.webhook.began), ("command", alert.command.began)];
    let told: Vec<String> = told
        .into_iter()
        .filter_map(|(channel, at)| Some(format!("{channel} told at {} UTC", moment(Some(at?)))))
        .collect();
    let endpoints = match alert.endpoints.as_slice() {
        [] => String::new(),
        endpoints => format!(" ({})", endpoints.join(", ")),
    };
    format!(
        "{}{endpoints} since {} UTC, {}{}",
        alert.kind.as_str(),
        moment(Some(alert.since)),
        if told.is_empty() { "nobody told".to_owned() } else { told.join(", ") },
        if alert.subject.is_empty() { format!(": {}", alert.message) } else { String::new() }
    )
}

fn daemon(status: &Status) -> String {
    match &status.daemon {
        Some(daemon) => format!(
            "daemon: runs (pid {}, version {}) since {} UTC",
            daemon.process_id,
            daemon.version,
            moment(daemon.started_at)
        ),
        None => "daemon: none that can be seen from here; next runs are those of one that runs"
            .to_owned(),
    }
}

fn database(config: &Config, status: &Status) -> String {
    let checked = status.checked_at.map_or_else(
        || "not checked yet".to_owned(),
        |checked| format!("found whole at {} UTC", moment(Some(checked))),
    );
    format!(
        "database: {}, {}, its log {}, {checked}",
        config.store.path.display(),
        size(status.sizes.database),
        size(status.sizes.log)
    )
}

/// A moment to the second, in UTC.
fn moment(moment: Option<DateTime<Utc>>) -> String {
    moment.map_or_else(|| "-".to_owned(), |moment| moment.format("%Y-%m-%d %H:%M:%S").to_string())
}
