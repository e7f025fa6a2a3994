//! The composition root: from the configuration to a runner, and from the schedule's ticks to runs.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{Client, ClientError},
    clock::{Clock, ClockError},
    config::Config,
    daemon::{self, Running, ScheduleError, ScheduleSettings, Tick, notify},
    store::{Store, StoreError, Trigger},
    sync::{
        Ending, EndpointError, EndpointReport, Event, FailureClass, JobReport, JobSettings, Runner,
        Watcher, chain,
    },
};

/// Ticks that may wait for the loop; it never waits for anything longer than a start of a run.
const TICKS: usize = 64;

/// Everything that runs jobs.
pub struct App {
    runner: Arc<Runner>,
    store: Store,
    clock: Clock,
    schedules: Vec<ScheduleSettings>,
}

/// Why the program cannot start, or the daemon cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The clocks cannot be read.
    #[error("cannot read the system's clocks")]
    Clock(#[source] ClockError),
    /// The client cannot be made of its settings.
    #[error("cannot set the API's client up")]
    Client(#[source] ClientError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schedules cannot be started.
    #[error("cannot start the schedules")]
    Schedule(#[source] ScheduleError),
    /// The token endpoint refuses the credentials.
    #[error(transparent)]
    Credentials(EndpointError),
}

impl App {
    /// Puts everything together; asks nothing of the API yet.
    ///
    /// # Errors
    /// Where the client cannot be made, or the database cannot be used.
    pub async fn build(config: Config, watcher: Watcher) -> Result<Self, AppError> {
        let clock = Clock::system().map_err(AppError::Clock)?;
        let client = Client::new(config.api, config.credentials).map_err(AppError::Client)?;
        let store = Store::open(config.store, clock.clone()).await?;
        let runner = Runner::new(config.sync, client, store.clone(), clock.clone(), watcher);
        Ok(Self { runner: Arc::new(runner), store, clock, schedules: config.schedules })
    }

    /// Runs some jobs once, side by side.
    ///
    /// # Errors
    /// Where a run's start cannot be recorded.
    pub async fn run_once(
        &self,
        jobs: &[JobSettings],
        trigger: Trigger,
        stop: &CancellationToken,
    ) -> Result<Vec<JobReport>, AppError> {
        let runs = jobs.iter().map(|job| self.runner.run(job, trigger, stop));
        let reports = futures_util::future::join_all(runs).await;
        reports.into_iter().collect::<Result<_, _>>().map_err(AppError::Store)
    }

    /// Runs the jobs on their schedules until `stop`; what runs then finishes its page.
    ///
    /// # Errors
    /// Where the schedules cannot be started, or the credentials are refused at the start.
    pub async fn serve(&self, stop: &CancellationToken) -> Result<(), AppError> {
        let (ticks, mut received) = mpsc::channel(TICKS);
        let scheduler =
            daemon::start(&self.schedules, &self.clock, ticks).await.map_err(AppError::Schedule)?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            jobs = self.schedules.len(),
            "ready: the jobs run on their schedules"
        );
        notify::ready();
        let served = match self.first_token(stop).await {
            Ok(()) => {
                self.run_on_ticks(&mut received, stop).await;
                Ok(())
            }
            Err(error) => {
                notify::stopping();
                Err(error)
            }
        };
        scheduler.stop().await;
        served
    }

    /// Wrong credentials do not mend themselves, so the daemon ends with them at its start; an outage does not end it.
    async fn first_token(&self, stop: &CancellationToken) -> Result<(), AppError> {
        let token = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            token = self.runner.first_token() => token,
        };
        match token {
            Ok(()) => Ok(()),
            Err(error) if error.class() == FailureClass::Credentials => {
                Err(AppError::Credentials(error))
            }
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "no access token yet: the first run tries again"
                );
                Ok(())
            }
        }
    }

    async fn run_on_ticks(&self, ticks: &mut mpsc::Receiver<Tick>, stop: &CancellationToken) {
        let tracker = TaskTracker::new();
        let (finished, mut ended) = mpsc::unbounded_channel::<String>();
        let mut running = Running::default();
        let mut told = String::new();
        loop {
            let doing = running.to_string();
            if told != doing {
                notify::status(&doing);
                told = doing;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(job) = ended.recv() => running.finished(&job),
                Some(tick) = ticks.recv() => {
                    if running.start(&tick.job) {
                        self.start(&tracker, tick.job, finished.clone(), stop.clone());
                    } else {
                        tracing::warn!(job.name = tick.job, "the job is still running: this tick is skipped");
                    }
                }
            }
        }
        notify::stopping();
        tracing::info!(runs = tracker.len(), "stopping: the pages in hand are finished");
        tracker.close();
        tracker.wait().await;
    }

    fn start(
        &self,
        tracker: &TaskTracker,
        name: String,
        finished: mpsc::UnboundedSender<String>,
        stop: CancellationToken,
    ) {
        let Some(job) = self.runner.jobs().iter().find(|job| job.name == name).cloned() else {
            return;
        };
        let runner = Arc::clone(&self.runner);
        tracker.spawn(async move {
            // A fault of this program must not keep the job from ever running again.
            let run = AssertUnwindSafe(runner.run(&job, Trigger::Schedule, &stop)).catch_unwind();
            match run.await {
                Ok(Ok(report)) => log_run(&report),
                Ok(Err(error)) => {
                    tracing::error!(job.name = name, error = chain(&error), "the run cannot start");
                }
                Err(_) => {
                    tracing::error!(job.name = name, "the run has met a fault of this program");
                }
            }
            // The loop may have ended already; then nobody waits for this.
            if finished.send(name).is_err() {
                tracing::debug!("the daemon has stopped meanwhile");
            }
        });
    }

    /// Closes the database.
    ///
    /// # Errors
    /// Where SQLite reports one; everything committed stays.
    pub async fn close(self) -> Result<(), AppError> {
        drop(self.runner);
        Ok(self.store.close().await?)
    }
}

/// Watches runs by logging what a person would want to know afterwards.
pub fn logging_watcher() -> Watcher {
    Arc::new(|event| match event {
        Event::Resumed { endpoint, pages } => {
            tracing::info!(
                endpoint.name = endpoint,
                pages,
                "goes on where the last run has stopped"
            );
        }
        Event::StartsOver { endpoint, reason } => {
            tracing::info!(endpoint.name = endpoint, "starts over: {reason}");
        }
        Event::Narrowed { endpoint, problem, refused, width } => {
            tracing::info!(
                endpoint.name = endpoint,
                %problem,
                "the API refuses {refused} at once: asks for {width}"
            );
        }
        Event::PageStored { endpoint, page, records, .. } => {
            tracing::debug!(endpoint.name = endpoint, page, records, "page stored");
        }
        Event::Waiting { endpoint, length, reason: crate::sync::Wait::Retry(error) } => {
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
        Event::Refused { endpoint, group, pause, refusals } => {
            tracing::warn!(
                endpoint.name = endpoint,
                limit.group = group,
                pause_ms = milliseconds(*pause),
                refusals,
                "the API refuses by its rate limit"
            );
        }
        Event::Finished(report) => log_endpoint(report),
    })
}

fn log_endpoint(report: &EndpointReport) {
    let (name, rows) = (&report.endpoint, report.rows);
    match &report.ending {
        Ending::Ok => tracing::debug!(endpoint.name = name, "endpoint done"),
        Ending::Paused(pause) => {
            tracing::info!(endpoint.name = name, pages = report.pages, "endpoint paused: {pause}");
        }
        Ending::Failed(error) => log_failure(name, error),
    }
    if report.rejected > 0 {
        tracing::warn!(
            endpoint.name = name,
            records = report.rejected,
            "records cannot be stored: see _sync_rejects"
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
}

fn log_failure(endpoint: &str, error: &EndpointError) {
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
fn log_run(report: &JobReport) {
    let sum = |count: fn(&EndpointReport) -> u64| report.endpoints.iter().map(count).sum::<u64>();
    let elapsed =
        report.endpoints.iter().map(|endpoint| endpoint.elapsed).max().unwrap_or_default();
    tracing::info!(
        job.name = report.job,
        run.id = report.run.0,
        result = report.result().as_str(),
        pages = sum(|endpoint| endpoint.pages),
        rows.new = sum(|endpoint| endpoint.rows.new),
        rows.changed = sum(|endpoint| endpoint.rows.changed),
        rows.unchanged = sum(|endpoint| endpoint.rows.unchanged),
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
