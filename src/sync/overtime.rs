//! What goes on beside a run: its time runs out, and ticks of its job's schedule are skipped because of it.

use std::{
    convert::Infallible,
    future::pending,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Ending, EndpointReport, JobReport, Pause};
use crate::telemetry::chain;
use crate::{
    clock::Clock,
    store::{RunId, Store},
};

/// When a run has to stop: as soon as it is asked to, or its time has run out.
pub(super) struct Deadline {
    /// Cancelled then.
    pub(super) stop: CancellationToken,
    timeout: Option<Duration>,
    /// Whether it was the time that has run out.
    passed: AtomicBool,
}

impl Deadline {
    pub(super) fn new(timeout: Option<Duration>, stop: &CancellationToken) -> Self {
        Self { stop: stop.child_token(), timeout, passed: AtomicBool::new(false) }
    }

    /// Stops the run once its time has run out; goes on until it is dropped.
    pub(super) async fn keep(&self, clock: &Clock) -> Infallible {
        if let Some(timeout) = self.timeout {
            clock.sleep_until(clock.now().boot.saturating_add(timeout)).await;
            if !self.stop.is_cancelled() {
                self.passed.store(true, Ordering::Release);
                self.stop.cancel();
            }
        }
        pending().await
    }

    /// The reason of a pause, as a person has to know it.
    pub(super) fn reason(&self, pause: Pause) -> Pause {
        match (pause, self.timeout) {
            (Pause::Stopped, Some(timeout)) if self.passed.load(Ordering::Acquire) => {
                Pause::TimedOut(timeout)
            }
            (pause, _) => pause,
        }
    }
}

/// Whether the program was asked to stop before a run's endpoints had come to their ends.
pub(super) fn is_cut_short(report: &JobReport) -> bool {
    let stopped = |report: &EndpointReport| matches!(report.ending, Ending::Paused(Pause::Stopped));
    report.endpoints.iter().any(stopped)
}

/// Records in the journal of runs how many ticks were skipped because of this one, as they come; goes on until it is
/// dropped.
pub(super) async fn note_skipped(
    store: &Store,
    run: RunId,
    mut skipped: watch::Receiver<u64>,
) -> Infallible {
    while skipped.changed().await.is_ok() {
        let ticks = *skipped.borrow_and_update();
        if let Err(error) = store.note_skipped(run, ticks).await {
            tracing::debug!(error = chain(&error), "a skipped tick is recorded at the run's end");
        }
    }
    // Nobody counts any more.
    pending().await
}
