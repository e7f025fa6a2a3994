//! Tries rejected records again, with the configuration of today: a run that asks nothing of the API.

use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::{
    Ending, EndpointReport, EndpointSettings, JobReport, Pause,
    attempt::Halt,
    hold,
    runner::{located, record},
};
use crate::{
    clock::Clock,
    rows::Flattener,
    store::{Effort, FileLock, KeptReject, Retry, RowCounts, RunId, Store, StoreError, Trigger},
};

/// What such a run is called where others have the name of a job.
const JOB: &str = "rejects";

/// How a retry of rejected records went.
#[derive(Debug)]
pub struct RetryReport {
    /// The run; of its endpoints, `rejected` are the records that still cannot be stored.
    pub run: JobReport,
    /// For each of its endpoints, how many records were only dropped: what the API has sent later is stored.
    pub dropped: Vec<u64>,
}

/// Tries the rejected records of some endpoints again.
///
/// # Errors
/// Where not even the run's start can be recorded; everything else is in the report.
pub async fn retry_rejects(
    store: &Store,
    clock: &Clock,
    endpoints: &[&EndpointSettings],
    stop: &CancellationToken,
) -> Result<RetryReport, StoreError> {
    let begun = store.begin_run(JOB, Trigger::Retry).await;
    let run = begun.map_err(|error| store.locate(error))?;
    let (mut reports, mut dropped) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        let started = clock.now().boot;
        let mut report = EndpointReport {
            endpoint: endpoint.name.clone(),
            ending: Ending::Ok,
            pages: 0,
            since: None,
            rows: RowCounts::default(),
            rejected: 0,
            effort: Effort::default(),
            elapsed: std::time::Duration::ZERO,
            mismatch: None,
            moved: 0,
            deleted: 0,
            waiting: None,
            schema_changes: Vec::new(),
        };
        let mut lock = None;
        match try_again(store, clock, endpoint, run, stop, (&mut report, &mut lock)).await {
            Ok(number) => dropped.push(number),
            Err(halt) => {
                dropped.push(0);
                report.ending = match halt {
                    Halt::Paused(pause) => Ending::Paused(pause),
                    Halt::Failed(error) => Ending::Failed(located(store, error)),
                };
            }
        }
        report.elapsed = clock.now().boot.since(started);
        record(store, &mut report, run, Effort::default()).await;
        drop(lock);
        reports.push(report);
    }
    let mut report = JobReport { job: JOB.to_owned(), run, endpoints: reports, journal: None };
    let finished = store.finish_run(run, report.result().into()).await;
    report.journal = finished.err().map(|error| store.locate(error));
    Ok(RetryReport { run: report, dropped })
}

/// Tries the rejected records of one endpoint, unless another process is at work on it; tells how many were only dropped.
async fn try_again(
    store: &Store,
    clock: &Clock,
    endpoint: &EndpointSettings,
    run: RunId,
    stop: &CancellationToken,
    (report, lock): (&mut EndpointReport, &mut Option<FileLock>),
) -> Result<u64, Halt> {
    let name = &endpoint.name;
    store.begin_endpoint_run(run, name).await?;
    if stop.is_cancelled() {
        return Err(Halt::Paused(Pause::Stopped));
    }
    *lock = Some(hold::take_in_hand(store, clock, run, name, stop).await?);
    // With that the records are as they would be had they been rejected today; the next run sees to the file's free space.
    store.scrub(run, name, &endpoint.transforms).await?;
    let mut flattener = Flattener::of_redacted(endpoint.transforms.clone());
    store.ensure_table(name, flattener.paths()).await?;
    let mut rejects = store.rejects(Some(name)).await?;
    rejects.sort_by(|one, other| (&one.last_seen_at, one.id).cmp(&(&other.last_seen_at, other.id)));
    let (mut records, mut left): (Vec<_>, Vec<(&KeptReject, String)>) = (Vec::new(), Vec::new());
    for reject in &rejects {
        // Stored by this program, which writes JSON there.
        let raw: &RawValue = serde_json::from_str(&reject.record).unwrap_or(RawValue::NULL);
        match flattener.flatten(raw) {
            Ok(record) => records.push((reject, record)),
            Err(reason) => left.push((reject, reason.to_string())),
        }
    }
    let paths = flattener.paths();
    let retry = Retry { run, endpoint: name, paths, records, left: &left };
    let retried = store.commit_retry(retry).await?;
    report.rows = retried.rows;
    report.rejected = left.len() as u64;
    Ok(retried.dropped)
}
