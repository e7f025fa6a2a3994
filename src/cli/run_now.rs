//! `--run-now`: all jobs, or those named, once.

use std::convert::Infallible;

use tokio_util::sync::CancellationToken;

use super::{
    ExitStatus, backfill, console, fail, fail_app,
    look::Look,
    print_error, print_result, progress,
    table::{Align, counted, table, thousands, time},
    usage,
};
use crate::{
    app::App,
    clock::format_utc,
    config::Config,
    store::{Dates, RunResult, Told, Trigger},
    sync::{Ending, EndpointReport, JobReport, JobSettings},
    telemetry::chain,
};

/// Runs all jobs, or those named; with dates, only what can be asked for dates.
pub(super) async fn run(
    config: Config,
    names: &[String],
    dates: Option<Dates>,
    stop: &CancellationToken,
) -> ExitStatus {
    let jobs = match chosen(&config.sync.jobs, names) {
        Ok(jobs) => jobs,
        Err(message) => return usage(&message),
    };
    let Some(dates) = dates else {
        return sync(config, &jobs, Trigger::RunNow, stop).await.status;
    };
    match backfill::with_windows(jobs, &config.sync.endpoints) {
        Ok((jobs, left_out)) => {
            if !left_out.is_empty() {
                console::print(&format!("left out, without a window: {}", left_out.join(", ")));
            }
            sync(config, &jobs, Trigger::Backfill(dates), stop).await.status
        }
        Err(message) => usage(&message),
    }
}

/// How it went, for who has more to tell of it than the summary.
pub(super) struct Synced {
    pub(super) status: ExitStatus,
    /// A line a job; none where it could not begin.
    pub(super) reports: Vec<JobReport>,
}

impl From<ExitStatus> for Synced {
    fn from(status: ExitStatus) -> Self {
        Self { status, reports: Vec::new() }
    }
}

/// Runs some jobs once, tells how they go, and prints the summary.
pub(super) async fn sync(
    config: Config,
    jobs: &[JobSettings],
    trigger: Trigger,
    stop: &CancellationToken,
) -> Synced {
    let app = match App::build(config, progress::watcher(jobs)).await {
        Ok(app) => app,
        Err(error) => return fail_app(error).into(),
    };
    let run = async {
        let reports = app.run_once(jobs, trigger, stop).await;
        let is_usable = |reports: &Vec<JobReport>| ExitStatus::of(reports) != ExitStatus::Database;
        let checked = match &reports {
            Ok(reports) if is_usable(reports) => app.check_if_due(stop).await,
            _ => Ok(()),
        };
        (reports, checked)
    };
    let (reports, checked) = tokio::select! {
        done = run => done,
        never = tell_stop(stop) => match never {},
    };
    console::clear_bars();
    let closed = app.close().await;
    let reports = match reports {
        Ok(reports) => reports,
        Err(error) => return fail_app(error).into(),
    };
    console::print("");
    let printed = print_result(Look::of_stdout().table(&summary(&reports)).trim_end());
    print_changes_only(&reports);
    print_schema_changes(&reports);
    print_trouble(&reports);
    if let Trigger::Backfill(Dates { from, to }) = trigger
        && reports.iter().any(|report| report.result() != RunResult::Ok)
    {
        console::print(&format!(
            "the same command, with --from {from} --to {to}, goes on where this one has stopped"
        ));
    }
    let status = match (checked.and(closed), printed) {
        (Err(error), _) => fail_app(error),
        (Ok(()), Err(error)) => fail(ExitStatus::Failed, &error),
        (Ok(()), Ok(())) => ExitStatus::of(&reports),
    };
    Synced { status, reports }
}

/// Says why it does not end at once when it is told to.
async fn tell_stop(stop: &CancellationToken) -> Infallible {
    stop.cancelled().await;
    console::print("stopping once the pages in hand are stored (a second signal stops at once)");
    std::future::pending().await
}

/// The jobs of the given names, or all; a job that is named twice runs once.
pub(super) fn chosen(jobs: &[JobSettings], names: &[String]) -> Result<Vec<JobSettings>, String> {
    if let Some(unknown) = names.iter().find(|name| jobs.iter().all(|job| job.name != **name)) {
        let known: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        return Err(format!(
            "there is no job `{unknown}`: the configuration has {}",
            known.join(", ")
        ));
    }
    Ok(jobs.iter().filter(|job| names.is_empty() || names.contains(&job.name)).cloned().collect())
}

/// The summary: a line an endpoint.
fn summary(reports: &[JobReport]) -> String {
    const HEADER: [(&str, Align); 10] = [
        ("endpoint", Align::Left),
        ("result", Align::Left),
        ("pages", Align::Right),
        ("new", Align::Right),
        ("changed", Align::Right),
        ("deleted", Align::Right),
        ("same", Align::Right),
        ("rejects", Align::Right),
        ("sent", Align::Right),
        ("time", Align::Right),
    ];
    let rows: Vec<Vec<String>> =
        reports.iter().flat_map(|report| &report.endpoints).map(row).collect();
    table(&HEADER, &rows)
}

fn row(report: &EndpointReport) -> Vec<String> {
    vec![
        report.endpoint.clone(),
        report.ending.result().as_str().to_owned(),
        thousands(report.pages),
        thousands(report.rows.new),
        thousands(report.rows.changed),
        thousands(report.deleted),
        thousands(report.rows.unchanged),
        thousands(report.rejected),
        thousands(report.effort.requests),
        time(report.elapsed),
    ]
}

/// Says which endpoints were not asked for everything.
fn print_changes_only(reports: &[JobReport]) {
    for report in reports.iter().flat_map(|report| &report.endpoints) {
        if let Some(since) = report.since {
            let (name, since) = (&report.endpoint, format_utc(since));
            console::print(&format!("{name}: asked only for what has changed since {since}"));
        }
    }
}

/// Says how the records have changed their shape, in a line an endpoint: good to know, and no error.
pub(super) fn print_schema_changes(reports: &[JobReport]) {
    let endpoints = reports.iter().flat_map(|report| &report.endpoints);
    for report in endpoints.filter(|report| !report.schema_changes.is_empty()) {
        console::print(&format!("{}: {}", report.endpoint, Told(&report.schema_changes)));
    }
}

/// Says what needs a person, last, where it is not overlooked.
fn print_trouble(reports: &[JobReport]) {
    print_endings(reports);
    for report in reports.iter().flat_map(|report| &report.endpoints) {
        let name = &report.endpoint;
        if report.rejected > 0 {
            print_error(&format!(
                "{name}: {} cannot be stored; see `SELECT reason, record FROM _sync_rejects WHERE endpoint = '{name}'`",
                counted(report.rejected, "record")
            ));
        }
        if let Some((missing, judged)) = report.waiting {
            print_error(&format!(
                "{name}: {} of {} are no longer returned, nothing was marked; if that is right: mapiq-sync --run-now --confirm-deletions",
                thousands(missing),
                counted(judged, "row")
            ));
        }
        if let Some((read, stated)) = report.mismatch {
            print_error(&format!(
                "{name}: the API stated {} and returned {}, {} too {}; run again, and if it stays so, check `records`, `total` and `pagination`",
                counted(stated, "record"),
                thousands(read),
                thousands(read.abs_diff(stated)),
                if read < stated { "few" } else { "many" },
            ));
        }
        if report.moved > 0 {
            print_error(&format!(
                "{name}: {} moved each time that it was read, rows may have been passed over until the next run; can `params` ask for an order that does not change, such as by the key?",
                counted(report.moved, "listing")
            ));
        }
    }
    for error in reports.iter().filter_map(|report| report.journal.as_ref()) {
        print_error(&chain(error));
    }
}

/// Says how those ended that are not done.
pub(super) fn print_endings(reports: &[JobReport]) {
    for (what, names) in endings(reports) {
        print_error(&format!("{} {what}", names.join(", ")));
    }
}

/// How endpoints ended that are not done; what is the same for several, such as no connection, is told once.
fn endings(reports: &[JobReport]) -> Vec<(String, Vec<&str>)> {
    let mut endings: Vec<(String, Vec<&str>)> = Vec::new();
    for report in reports.iter().flat_map(|report| &report.endpoints) {
        let what = match &report.ending {
            Ending::Ok => continue,
            Ending::Paused(pause) => format!("unfinished: {pause}"),
            Ending::Failed(error) => format!("failed: {}", chain(error)),
        };
        match endings.iter_mut().find(|(other, _)| *other == what) {
            Some((_, names)) => names.push(&report.endpoint),
            None => endings.push((what, vec![&report.endpoint])),
        }
    }
    endings
}
