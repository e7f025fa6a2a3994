//! How the daemon's runs begin and end.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::watch as watching;
use tokio_util::sync::CancellationToken;

use super::{Daemon, logging, tell};
use crate::{
    app::watch::Watch,
    clock::BootTime,
    daemon::Tick,
    store::Trigger,
    sync::{JobSettings, Runner},
    telemetry::chain,
};

/// What a tick may find at work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InTheWay {
    /// A run of the job.
    Job(String),
    /// One that takes the endpoint up again.
    Resumption(String),
}

/// A run has ended.
pub(super) enum Ended {
    /// That of a job; with the endpoints that it never began with.
    Job { job: String, not_begun: Vec<String> },
    /// That which took an endpoint up again.
    Resumption { endpoint: String, how: Resumed },
}

/// What became of taking an endpoint up again.
pub(super) enum Resumed {
    /// There was a run.
    Run,
    /// There was none.
    Nothing,
    /// There was none, because it has to wait until then.
    PutOff(BootTime),
}

impl Daemon<'_> {
    /// Starts a job that is due.
    pub(super) fn tick(&mut self, tick: &Tick) {
        match self.start(&tick.job, tick.trigger) {
            Ok(()) if tick.trigger == Trigger::CatchUp => {
                tracing::info!(
                    job.name = tick.job,
                    due = %tick.due,
                    "makes up for a run that was missed"
                );
            }
            Ok(()) => {}
            Err(in_the_way) => {
                tracing::warn!(
                    job.name = tick.job,
                    "the job is still running: this tick is skipped"
                );
                self.watch.tick_skipped(&tick.job);
                if let Some(count) = self.in_the_way.get(&in_the_way) {
                    count.send_modify(|count| *count += 1);
                }
            }
        }
    }

    /// Starts all jobs that do not run.
    pub(super) fn run_all(&mut self) {
        tracing::info!("asked to run all jobs now");
        let runner = Arc::clone(&self.runner);
        for job in runner.jobs() {
            if self.start(&job.name, Trigger::Signal).is_err() {
                tracing::info!(job.name = job.name, "the job runs already");
            }
        }
    }

    /// Starts a job, unless it runs still; an endpoint of it that is just taken up again is left out. A job that there is no
    /// longer is passed over.
    fn start(&mut self, job: &str, trigger: Trigger) -> Result<(), InTheWay> {
        let runner = Arc::clone(&self.runner);
        let Some(job) = runner.jobs().iter().find(|known| known.name == job) else { return Ok(()) };
        let (busy, free): (Vec<String>, Vec<String>) =
            job.endpoints.iter().cloned().partition(|endpoint| self.running.resumes(endpoint));
        if free.is_empty()
            && let Some(endpoint) = busy.first()
        {
            return Err(InTheWay::Resumption(endpoint.clone()));
        }
        if !self.running.start(&job.name) {
            return Err(InTheWay::Job(job.name.clone()));
        }
        for endpoint in busy {
            tracing::warn!(
                job.name = job.name,
                endpoint.name = endpoint,
                "still going on after a pause: left out of this run"
            );
        }
        for endpoint in &free {
            self.resumptions.begun(endpoint);
            self.begin(endpoint);
        }
        let job = JobSettings { endpoints: free, ..job.clone() };
        let skipped = self.count_skipped(InTheWay::Job(job.name.clone()));
        let (stop, finished) = (self.stop.clone(), self.finished.clone());
        let watch = Arc::clone(&self.watch);
        self.tracker.spawn(async move {
            let has_run = run(&runner, &watch, &job, trigger, &stop, skipped).await;
            let not_begun = if has_run { Vec::new() } else { job.endpoints };
            tell(&finished, Ended::Job { job: job.name, not_begun });
        });
        Ok(())
    }

    /// Takes an endpoint up again.
    pub(super) fn resume(&mut self, endpoint: String) {
        self.begin(&endpoint);
        let skipped = self.count_skipped(InTheWay::Resumption(endpoint.clone()));
        let (runner, stop) = (Arc::clone(&self.runner), self.stop.clone());
        let (finished, watch) = (self.finished.clone(), Arc::clone(&self.watch));
        self.tracker.spawn(async move {
            let how = resume(&runner, &watch, &endpoint, &stop, skipped).await;
            tell(&finished, Ended::Resumption { endpoint, how });
        });
    }

    /// Notes that a run has ended.
    pub(super) fn ended(&mut self, ended: Ended) {
        let now = self.clock.now().boot;
        match ended {
            Ended::Job { job, not_begun } => {
                self.running.finished(&job);
                self.in_the_way.remove(&InTheWay::Job(job));
                for endpoint in &not_begun {
                    self.doings.end(endpoint, now);
                }
            }
            Ended::Resumption { endpoint, how } => {
                self.running.resumed(&endpoint);
                match how {
                    Resumed::Run => {}
                    Resumed::Nothing => self.doings.end(&endpoint, now),
                    Resumed::PutOff(until) => {
                        self.doings.end(&endpoint, now);
                        self.resumptions.pause(&endpoint, until);
                    }
                }
                self.in_the_way.remove(&InTheWay::Resumption(endpoint));
            }
        }
        self.status.change();
    }

    /// Notes that a run begins with an endpoint.
    fn begin(&mut self, endpoint: &str) {
        let group = self.runner.group(endpoint).unwrap_or(endpoint);
        self.doings.begin(endpoint, group, self.clock.now().boot);
        self.status.change();
    }

    /// Counts the ticks that are skipped because of a run that begins.
    fn count_skipped(&mut self, run: InTheWay) -> watching::Receiver<u64> {
        let (count, skipped) = watching::channel(0);
        self.in_the_way.insert(run, count);
        skipped
    }
}

/// Runs an endpoint that was paused, if it is so still: another process may have been faster. Where another pause holds
/// by now it is put off to its end; where another process is at work on it, to when it is to be looked at again.
async fn resume(
    runner: &Runner,
    watch: &Watch,
    endpoint: &str,
    stop: &CancellationToken,
    skipped: watching::Receiver<u64>,
) -> Resumed {
    let paused = match runner.paused_endpoint(endpoint).await {
        Ok(paused) => paused,
        Err(error) => {
            tracing::error!(
                endpoint.name = endpoint,
                error = chain(&error),
                "the endpoint is left to its job's next run"
            );
            return Resumed::Nothing;
        }
    };
    let Some(paused) = paused else { return Resumed::Nothing };
    if !paused.worth_a_run {
        return Resumed::PutOff(paused.not_before);
    }
    if run(runner, watch, &paused.job, Trigger::Resume, stop, skipped).await {
        Resumed::Run
    } else {
        Resumed::Nothing
    }
}

/// Runs a job, or some endpoints of it, and logs how that went; tells whether it has run at all.
async fn run(
    runner: &Runner,
    watch: &Watch,
    job: &JobSettings,
    trigger: Trigger,
    stop: &CancellationToken,
    skipped: watching::Receiver<u64>,
) -> bool {
    // A fault of this program must not keep the job from ever running again.
    let run = runner.run_on_schedule(job, trigger, stop, skipped);
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(Ok(report)) => {
            logging::run(&report, trigger);
            watch.run_ended(&report);
            return true;
        }
        Ok(Err(error)) => {
            let error = chain(&error);
            tracing::error!(job.name = job.name, error, "the run cannot start");
            watch.run_failed(job, Some(error));
        }
        Err(_) => {
            tracing::error!(job.name = job.name, "the run has met a fault of this program");
            watch.run_failed(job, None);
        }
    }
    false
}
