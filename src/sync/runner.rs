//! Runs jobs: their endpoints side by side, each on its own.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::join_all};
use tokio::{join, select, sync::watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Ending, EndpointReport, EndpointSettings, Event, JobReport, JobSettings, NotBefore, Pause,
    Settings,
    attempt::{Halt, pause_length},
    error::EndpointError,
    hold::{self, Turn},
    overtime::{Deadline, is_cut_short, note_skipped},
    plan::Occasion,
    shared::{Shared, TOKEN_PERIOD, Watcher},
    sweep::{self, Progress},
};
use crate::{
    api::{Client, TokenError},
    clock::Clock,
    store::{
        AskedPause, Effort, EndpointEnd, FileLock, RunEnd, RunId, Store, StoreError, TOKEN_GROUP,
        Trigger,
    },
    telemetry::chain,
};

/// Runs jobs.
pub struct Runner {
    pub(super) shared: Shared,
    pub(super) settings: Settings,
}

impl Runner {
    /// Puts a runner together.
    pub fn new(
        settings: Settings,
        client: Client,
        store: Store,
        clock: Clock,
        watcher: Watcher,
    ) -> Self {
        let shared = Shared::new(&settings, client, store, clock, watcher);
        Self { shared, settings }
    }

    /// Puts a runner together for another configuration of the same program. Runs of both on one endpoint, or in one group of
    /// a limit, keep in order as if they were of one runner.
    #[must_use]
    pub fn with(&self, settings: Settings, client: Client) -> Self {
        Self { shared: self.shared.with(&settings, client), settings }
    }

    /// Gets the first access token, so that wrong credentials are told at once; a pause of the token endpoint is heeded, and its
    /// end given, where there is one.
    ///
    /// # Errors
    /// Where there is no token now; the next run tries again.
    pub async fn first_token(&self) -> Result<Option<NotBefore>, EndpointError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let until = shared.store.not_before(TOKEN_GROUP).await?;
        if let Some(until) = until.filter(|until| now.boot < *until) {
            return Ok(Some(NotBefore::new(until, now)));
        }
        match shared.client.access_token(now.boot).await {
            Ok(_) => Ok(None),
            Err(TokenError::Limited(limited)) => {
                let length = pause_length(&limited, TOKEN_PERIOD, shared.clock.now());
                let pause = AskedPause { group: TOKEN_GROUP, length, reason: &limited.message };
                shared.store.pause(&pause).await?;
                Err(EndpointError::Token(TokenError::Limited(limited)))
            }
            Err(error) => Err(EndpointError::Token(error)),
        }
    }

    /// The longest that one request may take.
    pub fn longest_request(&self) -> Duration {
        self.shared.longest_request
    }

    /// The group that an endpoint shares its limit with.
    pub fn group(&self, endpoint: &str) -> Option<&str> {
        let mut endpoints = self.settings.endpoints.iter();
        endpoints.find(|known| known.name == endpoint).map(|known| known.group.as_str())
    }

    /// The jobs that it knows.
    pub fn jobs(&self) -> &[JobSettings] {
        &self.settings.jobs
    }

    /// Runs a job once: its endpoints side by side, one that fails does not stop the others.
    ///
    /// # Errors
    /// Where not even the run's start can be recorded; everything else is in the report.
    pub async fn run(
        &self,
        job: &JobSettings,
        trigger: Trigger,
        stop: &CancellationToken,
    ) -> Result<JobReport, StoreError> {
        self.run_on_schedule(job, trigger, stop, watch::channel(0).1).await
    }

    /// The same for a job whose schedule goes on meanwhile; `skipped` tells how many of its ticks were skipped because of
    /// this run, which is recorded with it.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub async fn run_on_schedule(
        &self,
        job: &JobSettings,
        trigger: Trigger,
        stop: &CancellationToken,
        skipped: watch::Receiver<u64>,
    ) -> Result<JobReport, StoreError> {
        let store = &self.shared.store;
        let begun = store.begin_run(&job.name, trigger).await;
        let run = begun.map_err(|error| store.locate(error))?;
        // Whoever asks for dates by hand waits as long as they take.
        let (backfill, timeout) = match trigger {
            Trigger::Backfill(dates) => (Some(dates), None),
            Trigger::RunNow
            | Trigger::Schedule
            | Trigger::CatchUp
            | Trigger::Start
            | Trigger::Signal
            | Trigger::Resume
            | Trigger::Retry => (None, job.timeout),
        };
        let deadline = Deadline::new(timeout, stop);
        let occasion = Occasion { zone: job.timezone, backfill };
        let endpoints = job.endpoints.iter().filter_map(|name| {
            self.settings.endpoints.iter().find(|endpoint| endpoint.name == *name)
        });
        let span = tracing::info_span!("run", run.id = run.0, job.name = job.name);
        let runs = endpoints.map(|endpoint| {
            let span =
                tracing::info_span!(parent: &span, "endpoint", endpoint.name = endpoint.name);
            self.run_endpoint(endpoint, &job.name, occasion, run, &deadline).instrument(span)
        });
        let beside = async {
            join!(deadline.keep(&self.shared.clock), note_skipped(store, run, skipped.clone()))
        };
        let endpoints = select! {
            biased;
            endpoints = join_all(runs) => endpoints,
            (never, _) = beside => match never {},
        };
        let mut report = JobReport { job: job.name.clone(), run, endpoints, journal: None };
        let end = RunEnd {
            result: report.result(),
            cut_short: is_cut_short(&report),
            ticks_skipped: *skipped.borrow(),
        };
        let finished = store.finish_run(run, end).instrument(span).await;
        report.journal = finished.err().map(|error| store.locate(error));
        Ok(report)
    }

    async fn run_endpoint(
        &self,
        endpoint: &EndpointSettings,
        job: &str,
        occasion: Occasion,
        run: RunId,
        deadline: &Deadline,
    ) -> EndpointReport {
        let stop = &deadline.stop;
        let started = self.shared.clock.now().boot;
        let mut progress = Progress::default();
        // A fault of this program in one endpoint must not take the others down.
        let swept = async {
            let held = self.take_in_hand(endpoint, job, run, stop).await?;
            let swept =
                sweep::sweep(&self.shared, endpoint, occasion, run, stop, &mut progress).await;
            Ok((swept, held))
        };
        let caught = AssertUnwindSafe(swept).catch_unwind().await;
        let (caught, held) = match caught {
            Ok(Ok((swept, held))) => (Ok(swept), Some(held)),
            Ok(Err(halt)) => (Ok(Err(halt)), None),
            Err(panic) => (Err(panic), None),
        };
        let ending = match caught {
            Ok(Ok(())) => Ending::Ok,
            Ok(Err(Halt::Paused(pause))) => Ending::Paused(deadline.reason(pause)),
            Ok(Err(Halt::Failed(error))) => Ending::Failed(located(&self.shared.store, error)),
            Err(panic) => Ending::Failed(EndpointError::Panic(panic_message(panic.as_ref()))),
        };
        let mut report = EndpointReport {
            endpoint: endpoint.name.clone(),
            ending,
            pages: progress.pages,
            since: progress.since,
            rows: progress.rows,
            deleted: progress.deleted,
            waiting: progress.waiting,
            rejected: progress.rejected,
            effort: progress.effort,
            elapsed: self.shared.clock.now().boot.since(started),
            mismatch: progress.mismatch(),
            moved: progress.moved,
            schema_changes: Vec::new(),
        };
        record(&self.shared.store, &mut report, run, progress.unaccounted).await;
        // Whoever has it next finds this run's end on record.
        drop(held);
        self.shared.tell(&Event::Finished(&report));
        report
    }

    /// Takes the endpoint in hand once no other run of this process has it, unless another process does.
    async fn take_in_hand(
        &self,
        endpoint: &EndpointSettings,
        job: &str,
        run: RunId,
        stop: &CancellationToken,
    ) -> Result<(FileLock, Turn), Halt> {
        let Shared { store, clock, .. } = &self.shared;
        let name = &endpoint.name;
        store.begin_endpoint_run(run, name).await?;
        let queued = |ahead: &str| self.shared.tell(&Event::Queued { endpoint: name, ahead });
        let queue = self.shared.queue(name);
        let turn = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Halt::Paused(Pause::Stopped)),
            turn = queue.turn(job, queued) => turn,
        };
        Ok((hold::take_in_hand(store, clock, run, name, stop).await?, turn))
    }
}

/// Names the database's file in an error of the database.
pub(super) fn located(store: &Store, error: EndpointError) -> EndpointError {
    match error {
        EndpointError::Store(error) => EndpointError::Store(store.locate(error)),
        error => error,
    }
}

/// Records how an endpoint's run ended, with what no page has accounted for, and adds to the report what is on record of its
/// fields; where that cannot be done it has failed.
pub(super) async fn record(
    store: &Store,
    report: &mut EndpointReport,
    run: RunId,
    unaccounted: Effort,
) {
    let (message, not_before) = match &report.ending {
        Ending::Ok => (None, None),
        Ending::Paused(pause) => (Some(pause.to_string()), pause.not_before()),
        Ending::Failed(error) => (Some(chain(error)), None),
    };
    let end = EndpointEnd {
        result: report.ending.result(),
        message: message.as_deref(),
        not_before: not_before.map(|until| until.wall),
        effort: unaccounted,
        mismatch: report.mismatch,
        moved: report.moved,
    };
    let finished = store.finish_endpoint_run(run, &report.endpoint, &end).await;
    let changes = store.schema_changes(run, &report.endpoint).await;
    match finished.and(changes) {
        Ok(changes) => report.schema_changes = changes,
        Err(_) if matches!(report.ending, Ending::Failed(_)) => {}
        Err(error) => report.ending = Ending::Failed(located(store, error.into())),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
