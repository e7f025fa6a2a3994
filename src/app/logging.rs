//! The daemon's log of its runs: one line at information level a run, a warning a retry or a pause, an error for what
//! somebody must look at. Fields repeat what the spans say, since these are gone where `RUST_LOG` lets only warnings pass.

use std::time::Duration;

use crate::{
    clock::format_utc,
    store::{Told, Trigger},
    sync::{Ending, EndpointError, EndpointReport, Event, FailureClass, JobReport, Pause, Wait},
    telemetry::chain,
};

/// Logs what a person would want to know of a run afterwards, but for the line that [`run`] writes at its end.
pub(super) fn event(event: &Event<'_>) {
    match event {
        Event::Queued { endpoint, ahead } => {
            tracing::info!(
                endpoint.name = endpoint,
                "waits for job {ahead}, which is at work on it"
            );
        }
        Event::Resumed { endpoint, pages } => {
            tracing::debug!(
                endpoint.name = endpoint,
                pages,
                "goes on where the last run has stopped"
            );
        }
        Event::StartsOver { endpoint, reason } => {
            tracing::warn!(endpoint.name = endpoint, "starts over: {reason}");
        }
        Event::AsksForChanges { endpoint, since } => {
            tracing::debug!(
                endpoint.name = endpoint,
                since = format_utc(*since),
                "asks for changes only"
            );
        }
        Event::AsksForEverything { endpoint, reason } => {
            tracing::debug!(endpoint.name = endpoint, "asks for everything: {reason}");
        }
        Event::Scrubbed { endpoint, scrubbed } => {
            tracing::info!(endpoint.name = endpoint, "removed from what is stored: {scrubbed}");
        }
        Event::Narrowed { endpoint, problem, refused, width } => {
            tracing::warn!(
                endpoint.name = endpoint,
                problem = problem.to_string(),
                "the API refuses {refused} at once: asks for {width}"
            );
        }
        Event::AsksOnceMore { endpoint, rows, pages } => {
            tracing::debug!(
                endpoint.name = endpoint,
                rows,
                pages,
                "asks once more for missing rows"
            );
        }
        Event::ReadsAgain { endpoint, .. } => {
            tracing::debug!(
                endpoint.name = endpoint,
                "the listing moved while it was read: reads it once more"
            );
        }
        Event::PageStored { endpoint, page, records, .. } => {
            tracing::debug!(endpoint.name = endpoint, page, records, "page stored");
        }
        Event::Waiting { endpoint, length, reason: Wait::Retry(error) } => {
            tracing::warn!(
                endpoint.name = endpoint,
                wait_ms = milliseconds(*length),
                error = chain(*error),
                "tries again"
            );
        }
        Event::Waiting { endpoint, length, .. } => {
            tracing::debug!(
                endpoint.name = endpoint,
                wait_ms = milliseconds(*length),
                "waits for the rate limit"
            );
        }
        Event::Refused { endpoint, group, problem, pause, refusals } => {
            tracing::warn!(
                endpoint.name = endpoint,
                limit.group = group,
                problem = problem.to_string(),
                pause_ms = milliseconds(*pause),
                refusals,
                "the API refuses by its rate limit"
            );
        }
        Event::Finished(report) => finished(report),
        // Told before, as what is begun.
        Event::Waited { .. } | Event::Asked { .. } => {}
    }
}

fn finished(report: &EndpointReport) {
    let (name, rows) = (&report.endpoint, report.rows);
    match &report.ending {
        Ending::Ok => tracing::debug!(endpoint.name = name, "endpoint done"),
        Ending::Paused(Pause::Stopped) => {
            tracing::debug!(endpoint.name = name, pages = report.pages, "endpoint stopped");
        }
        Ending::Paused(pause) => {
            let not_before = pause.not_before().map(|until| format_utc(until.wall));
            tracing::warn!(
                endpoint.name = name,
                pages = report.pages,
                limit.not_before = not_before,
                "endpoint paused: {pause}"
            );
        }
        Ending::Failed(error) => failed(name, error),
    }
    if report.rejected > 0 {
        tracing::warn!(
            endpoint.name = name,
            records = report.rejected,
            "records cannot be stored: see _sync_rejects"
        );
    }
    if let Some((missing, judged)) = report.waiting {
        tracing::warn!(
            endpoint.name = name,
            rows.missing = missing,
            rows.judged = judged,
            "too many rows are no longer returned to mark them as deleted: if that is right, run --run-now --confirm-deletions"
        );
    }
    if !report.schema_changes.is_empty() {
        tracing::warn!(
            endpoint.name = name,
            fields = Told(&report.schema_changes).to_string(),
            "the shape of the records has changed: see _sync_schema_changes"
        );
    }
    if let Some((read, stated)) = report.mismatch {
        tracing::warn!(
            endpoint.name = name,
            read,
            stated,
            new = rows.new,
            "the API stated another total than it returned"
        );
    }
    if report.moved > 0 {
        tracing::warn!(
            endpoint.name = name,
            listings = report.moved,
            "the listing moved each time that it was read: rows may have been passed over, and nothing was marked as deleted by it"
        );
    }
}

fn failed(endpoint: &str, error: &EndpointError) {
    let class = error.class();
    if class == FailureClass::Unreachable {
        tracing::warn!(
            endpoint.name = endpoint,
            error = chain(error),
            "endpoint failed: the service could not be reached"
        );
    } else {
        tracing::error!(endpoint.name = endpoint, error = chain(error), "endpoint failed");
    }
}

/// One line a run.
pub(super) fn run(report: &JobReport, trigger: Trigger) {
    let sum = |count: fn(&EndpointReport) -> u64| report.endpoints.iter().map(count).sum::<u64>();
    let elapsed =
        report.endpoints.iter().map(|endpoint| endpoint.elapsed).max().unwrap_or_default();
    let changes_only: Vec<&str> = report
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.since.is_some())
        .map(|endpoint| &*endpoint.endpoint)
        .collect();
    tracing::info!(
        job.name = report.job,
        run.id = report.run.0,
        trigger = trigger.as_str(),
        result = report.result().as_str(),
        changes_only = (!changes_only.is_empty()).then(|| changes_only.join(", ")),
        pages = sum(|endpoint| endpoint.pages),
        rows.new = sum(|endpoint| endpoint.rows.new),
        rows.changed = sum(|endpoint| endpoint.rows.changed),
        rows.unchanged = sum(|endpoint| endpoint.rows.unchanged),
        rows.deleted = sum(|endpoint| endpoint.deleted),
        rejected = sum(|endpoint| endpoint.rejected),
        requests = sum(|endpoint| endpoint.effort.requests),
        duration_ms = milliseconds(elapsed),
        "run done"
    );
    if let Some(error) = &report.journal {
        tracing::error!(
            job.name = report.job,
            run.id = report.run.0,
            error = chain(error),
            "the end of the run is not recorded"
        );
    }
}

/// As a number that JSON logs show as one; the 128 bits of `as_millis` they would show as a text.
fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
