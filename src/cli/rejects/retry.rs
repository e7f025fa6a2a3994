//! `rejects --retry`.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    cli::{
        ExitStatus, console, fail, fail_app,
        look::Look,
        print_error, print_result,
        run_now::{print_endings, print_schema_changes},
        table::{Align, counted, table, thousands},
    },
    config::Config,
    store::KeptReject,
    sync::{EndpointReport, RetryReport},
    telemetry::chain,
};

const HEADER: [(&str, Align); 5] = [
    ("endpoint", Align::Left),
    ("result", Align::Left),
    ("stored", Align::Right),
    ("dropped", Align::Right),
    ("left", Align::Right),
];

/// Tries `rejects` again, those that the configuration still has an endpoint for, and tells what became of them.
pub(super) async fn run(
    config: Config,
    endpoint: Option<&str>,
    rejects: &[KeptReject],
    stop: &CancellationToken,
) -> ExitStatus {
    let known: Vec<&str> =
        config.sync.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let rejected: BTreeSet<&str> = rejects.iter().map(|reject| reject.endpoint.as_str()).collect();
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        rejected.iter().partition(|name| known.contains(name));
    let mut status = ExitStatus::Done;
    if !known.is_empty() {
        let retried = match App::retry_rejects(config, endpoint, stop).await {
            Ok(retried) => retried,
            Err(error) => return fail_app(error),
        };
        if let Err(error) = print_result(Look::of_stdout().table(&summary(&retried)).trim_end()) {
            return fail(ExitStatus::Failed, &error);
        }
        status = ExitStatus::of(std::slice::from_ref(&retried.run));
        print_notes(retried);
    }
    if unknown.is_empty() {
        return status;
    }
    let unknown = unknown.join(", ");
    print_error(&format!("the configuration no longer has {unknown}: what was rejected stays"));
    if status == ExitStatus::Done { ExitStatus::Attention } else { status }
}

fn summary(retried: &RetryReport) -> String {
    let row = |(report, dropped): (&EndpointReport, &u64)| {
        vec![
            report.endpoint.clone(),
            report.ending.result().as_str().to_owned(),
            thousands(report.rows.new + report.rows.changed + report.rows.unchanged),
            thousands(*dropped),
            thousands(report.rejected),
        ]
    };
    let rows: Vec<Vec<String>> =
        retried.run.endpoints.iter().zip(&retried.dropped).map(row).collect();
    table(&HEADER, &rows)
}

fn print_notes(retried: RetryReport) {
    let run = [retried.run];
    print_schema_changes(&run);
    for (report, dropped) in run.iter().flat_map(|run| &run.endpoints).zip(retried.dropped) {
        if dropped > 0 {
            console::print(&format!(
                "{}: dropped {}, since what the API has sent later is stored",
                report.endpoint,
                counted(dropped, "record")
            ));
        }
    }
    print_endings(&run);
    for report in run.iter().flat_map(|run| &run.endpoints).filter(|report| report.rejected > 0) {
        print_error(&format!(
            "{0}: {1} still cannot be stored; `mapiq-sync rejects --endpoint {0}` says why",
            report.endpoint,
            counted(report.rejected, "record")
        ));
    }
    for error in run.iter().filter_map(|run| run.journal.as_ref()) {
        print_error(&chain(error));
    }
}
