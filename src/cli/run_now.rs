//! `--run-now`: all jobs, or those named, once.

use tokio_util::sync::CancellationToken;

use super::{
    ExitStatus, fail_app, print_error, print_result, progress,
    table::{Align, table, thousands},
    usage,
};
use crate::{
    app::App,
    config::Config,
    sync::{Ending, EndpointReport, JobReport, JobSettings, chain},
};

/// Runs the jobs and prints the summary.
pub(super) async fn run(config: Config, names: &[String], stop: &CancellationToken) -> ExitStatus {
    let jobs = match chosen(&config.sync.jobs, names) {
        Ok(jobs) => jobs,
        Err(message) => return usage(&message),
    };
    let app = match App::build(config, progress::watcher()).await {
        Ok(app) => app,
        Err(error) => return fail_app(error),
    };
    let reports = app.run_once(&jobs, stop).await;
    let closed = app.close().await;
    let reports = match reports {
        Ok(reports) => reports,
        Err(error) => return fail_app(error),
    };
    print_result(&format!("\n{}", summary(&reports)));
    print_trouble(&reports);
    match closed {
        Ok(()) => ExitStatus::of(&reports),
        Err(error) => fail_app(error),
    }
}

/// The jobs of the given names, or all; a job that is named twice runs once.
fn chosen(jobs: &[JobSettings], names: &[String]) -> Result<Vec<JobSettings>, String> {
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
pub(super) fn summary(reports: &[JobReport]) -> String {
    const HEADER: [(&str, Align); 9] = [
        ("endpoint", Align::Left),
        ("result", Align::Left),
        ("pages", Align::Right),
        ("new", Align::Right),
        ("changed", Align::Right),
        ("unchanged", Align::Right),
        ("rejected", Align::Right),
        ("requests", Align::Right),
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
        thousands(report.rows.unchanged),
        thousands(report.rejected),
        thousands(report.effort.requests),
        format!("{:.1} s", report.elapsed.as_secs_f64()),
    ]
}

/// Says what needs a person, last, where it is not overlooked.
pub(super) fn print_trouble(reports: &[JobReport]) {
    for report in reports.iter().flat_map(|report| &report.endpoints) {
        let name = &report.endpoint;
        match &report.ending {
            Ending::Ok => {}
            Ending::Paused(pause) => print_error(&format!("{name} is unfinished: {pause}")),
            Ending::Failed(error) => print_error(&format!("{name} failed: {}", chain(error))),
        }
        if report.rejected > 0 {
            print_error(&format!(
                "{name}: {} cannot be stored; see `SELECT reason, record FROM _sync_rejects WHERE endpoint = '{name}'`",
                records(report.rejected)
            ));
        }
        if let Some((read, stated)) = report.mismatch {
            print_error(&format!(
                "{name}: the API stated {} and returned {}; run again, and if it stays so, check `records`, `total` and `pagination`",
                records(stated),
                thousands(read)
            ));
        }
    }
    for error in reports.iter().filter_map(|report| report.journal.as_ref()) {
        print_error(&chain(error));
    }
}

fn records(count: u64) -> String {
    format!("{} record{}", thousands(count), if count == 1 { "" } else { "s" })
}
