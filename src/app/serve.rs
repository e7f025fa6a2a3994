//! The daemon's loop: ticks and ends of pauses to runs.

use std::{collections::BTreeMap, future::pending, panic::AssertUnwindSafe, pin::pin, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{App, AppError, checks, logging};
use crate::{
    clock::{BootTime, Clock},
    daemon::{self, Notices, Resumptions, Running, ScheduleSettings, Tick},
    store::{Served, Store, StoreError, Trigger},
    sync::{Ending, Event, FailureClass, JobSettings, Runner, Watcher, chain},
};

/// Ticks that may wait for the loop; it never waits for anything longer than a start of a run.
const TICKS: usize = 64;

/// A limit has paused an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    endpoint: String,
    until: BootTime,
}

/// What a tick may find at work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum InTheWay {
    /// A run of the job.
    Job(String),
    /// One that takes the endpoint up again.
    Resumption(String),
}

/// A run has ended.
enum Ended {
    /// That of a job.
    Job(String),
    /// That which took an endpoint up again; or there was none, because it has to wait until then.
    Resumption { endpoint: String, put_off: Option<BootTime> },
}

/// Watches the daemon's runs: logs them, and tells of every endpoint that a limit has paused.
pub fn watcher() -> (Watcher, mpsc::UnboundedReceiver<Paused>) {
    let (sender, paused) = mpsc::unbounded_channel();
    let watcher = Arc::new(move |event: &Event<'_>| {
        logging::event(event);
        if let Event::Finished(report) = event
            && let Ending::Paused(pause) = &report.ending
            && let Some(until) = pause.not_before()
        {
            tell(&sender, Paused { endpoint: report.endpoint.clone(), until: until.boot });
        }
    });
    (watcher, paused)
}

/// The loop may have ended already; then nobody waits for this.
fn tell<T>(sender: &mpsc::UnboundedSender<T>, what: T) {
    if sender.send(what).is_err() {
        tracing::debug!("the daemon has stopped meanwhile");
    }
}

impl App {
    /// Runs the jobs on their schedules until `stop`; what runs then finishes its page. An endpoint that is `paused` is
    /// taken up again once the limit lets it go on.
    ///
    /// # Errors
    /// Where the schedules cannot be started, or the credentials are refused at the start; and as soon as the database is
    /// found to be damaged: no run mends that, and a service that fails is noticed.
    pub async fn serve(
        &self,
        paused: mpsc::UnboundedReceiver<Paused>,
        stop: &CancellationToken,
    ) -> Result<(), AppError> {
        let (ticks, received) = mpsc::channel(TICKS);
        let served = self.served().await;
        let served = |job: &str| served.get(job).copied();
        let scheduler = daemon::start(&self.schedules, served, &self.clock, ticks)
            .await
            .map_err(AppError::Schedule)?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            jobs = self.schedules.len(),
            "ready: the jobs run on their schedules"
        );
        let notices = Notices::open();
        notices.ready();
        self.tell_of_daemon(self.store.note_daemon().await);
        let served = match self.first_token(stop).await {
            Ok(()) => {
                let daemon = Daemon {
                    runner: Arc::clone(&self.runner),
                    store: self.store.clone(),
                    clock: self.clock.clone(),
                    stop: stop.child_token(),
                    tracker: TaskTracker::new(),
                    running: Running::default(),
                    in_the_way: BTreeMap::new(),
                    resumptions: self.left_paused().await,
                };
                daemon.run(received, paused, &notices).await
            }
            Err(error) => {
                notices.stopping();
                Err(error)
            }
        };
        scheduler.stop().await;
        self.tell_of_daemon(self.store.forget_daemon().await);
        served
    }

    /// That others can tell of the daemon is worth a try, and no more.
    fn tell_of_daemon(&self, noted: Result<(), StoreError>) {
        if let Err(error) = noted.map_err(|error| self.store.locate(error)) {
            tracing::debug!(error = chain(&error), "`status` cannot tell of the daemon");
        }
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

    /// What was run before of each job's schedule.
    async fn served(&self) -> BTreeMap<String, Served> {
        let mut served = BTreeMap::new();
        for ScheduleSettings { job, .. } in &self.schedules {
            match self.store.served(job).await {
                Ok(found) => served.extend(found.map(|found| (job.clone(), found))),
                Err(error) => {
                    tracing::error!(
                        job.name = job,
                        error = chain(&error),
                        "what was missed is not made up for"
                    );
                }
            }
        }
        served
    }

    /// What earlier processes have left to the end of a pause.
    async fn left_paused(&self) -> Resumptions {
        let mut resumptions = Resumptions::default();
        match self.runner.paused().await {
            Ok(paused) => {
                for paused in paused {
                    resumptions.pause(&paused.endpoint, paused.not_before);
                }
            }
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "paused endpoints are left to their jobs' next runs"
                );
            }
        }
        resumptions
    }
}

/// What the loop knows and uses.
struct Daemon {
    runner: Arc<Runner>,
    store: Store,
    clock: Clock,
    stop: CancellationToken,
    tracker: TaskTracker,
    running: Running,
    /// How many ticks were skipped because of each run.
    in_the_way: BTreeMap<InTheWay, watch::Sender<u64>>,
    resumptions: Resumptions,
}

impl Daemon {
    async fn run(
        mut self,
        mut ticks: mpsc::Receiver<Tick>,
        mut paused: mpsc::UnboundedReceiver<Paused>,
        notices: &Notices,
    ) -> Result<(), AppError> {
        let (finished, mut ended) = mpsc::unbounded_channel();
        let mut told = String::new();
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let mut checks = pin!(checks::daily(store, clock, self.stop.clone()));
        let mut checks_go_on = true;
        let damage = loop {
            if let Some(damage) = self.store.damage() {
                self.stop.cancel();
                break Some(damage);
            }
            let doing = self.running.to_string();
            if told != doing {
                notices.status(&doing);
                told = doing;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break None,
                Some(Paused { endpoint, until }) = paused.recv() => {
                    self.resumptions.pause(&endpoint, until);
                }
                Some(ended) = ended.recv() => match ended {
                    Ended::Job(job) => {
                        self.running.finished(&job);
                        self.in_the_way.remove(&InTheWay::Job(job));
                    }
                    Ended::Resumption { endpoint, put_off } => {
                        self.running.resumed(&endpoint);
                        self.in_the_way.remove(&InTheWay::Resumption(endpoint.clone()));
                        if let Some(until) = put_off {
                            self.resumptions.pause(&endpoint, until);
                        }
                    }
                },
                Some(tick) = ticks.recv() => self.tick(&tick, &finished),
                () = &mut checks, if checks_go_on => checks_go_on = false,
                () = sleep_until(&self.clock, self.resumptions.next()) => {
                    let now = self.clock.now().boot;
                    for endpoint in self.resumptions.take_due(now, &mut self.running) {
                        self.resume(endpoint, finished.clone());
                    }
                }
            }
        };
        notices.stopping();
        tracing::info!(runs = self.tracker.len(), "stopping: the pages in hand are finished");
        self.tracker.close();
        self.tracker.wait().await;
        damage.map_or(Ok(()), |damage| Err(AppError::Store(damage)))
    }

    /// Starts a job that is due, unless it runs still; an endpoint of it that is just taken up again is left out.
    fn tick(&mut self, tick: &Tick, finished: &mpsc::UnboundedSender<Ended>) {
        let runner = Arc::clone(&self.runner);
        let Some(job) = runner.jobs().iter().find(|known| known.name == tick.job) else { return };
        let (busy, free): (Vec<String>, Vec<String>) =
            job.endpoints.iter().cloned().partition(|endpoint| self.running.resumes(endpoint));
        let resumed = busy.first().filter(|_| free.is_empty()).cloned();
        if resumed.is_some() || !self.running.start(&job.name) {
            tracing::warn!(job.name = job.name, "the job is still running: this tick is skipped");
            self.skipped(&resumed.map_or(InTheWay::Job(job.name.clone()), InTheWay::Resumption));
            return;
        }
        if tick.trigger == Trigger::CatchUp {
            tracing::info!(job.name = job.name, due = %tick.due, "makes up for a run that was missed");
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
        }
        let job = JobSettings { endpoints: free, ..job.clone() };
        let (stop, trigger, finished) = (self.stop.clone(), tick.trigger, finished.clone());
        let skipped = self.count_skipped(InTheWay::Job(job.name.clone()));
        self.tracker.spawn(async move {
            run(&runner, &job, trigger, &stop, skipped).await;
            tell(&finished, Ended::Job(job.name));
        });
    }

    /// Counts the ticks that are skipped because of a run that begins.
    fn count_skipped(&mut self, run: InTheWay) -> watch::Receiver<u64> {
        let (count, skipped) = watch::channel(0);
        self.in_the_way.insert(run, count);
        skipped
    }

    /// Counts a tick that is skipped because of a run.
    fn skipped(&self, run: &InTheWay) {
        if let Some(count) = self.in_the_way.get(run) {
            count.send_modify(|count| *count += 1);
        }
    }

    /// Takes an endpoint up again.
    fn resume(&mut self, endpoint: String, finished: mpsc::UnboundedSender<Ended>) {
        let (runner, stop) = (Arc::clone(&self.runner), self.stop.clone());
        let skipped = self.count_skipped(InTheWay::Resumption(endpoint.clone()));
        self.tracker.spawn(async move {
            let put_off = resume(&runner, &endpoint, &stop, skipped).await;
            tell(&finished, Ended::Resumption { endpoint, put_off });
        });
    }
}

/// Runs an endpoint that was paused, if it is so still: another process may have been faster. Where another pause holds
/// by now, returns its end instead; where another process is at work on it, when to look again.
async fn resume(
    runner: &Runner,
    endpoint: &str,
    stop: &CancellationToken,
    skipped: watch::Receiver<u64>,
) -> Option<BootTime> {
    let paused = match runner.paused_endpoint(endpoint).await {
        Ok(paused) => paused,
        Err(error) => {
            tracing::error!(
                endpoint.name = endpoint,
                error = chain(&error),
                "the endpoint is left to its job's next run"
            );
            return None;
        }
    };
    let paused = paused?;
    if !paused.worth_a_run {
        return Some(paused.not_before);
    }
    run(runner, &paused.job, Trigger::Resume, stop, skipped).await;
    None
}

/// Runs a job, or some endpoints of it, and logs how that went.
async fn run(
    runner: &Runner,
    job: &JobSettings,
    trigger: Trigger,
    stop: &CancellationToken,
    skipped: watch::Receiver<u64>,
) {
    // A fault of this program must not keep the job from ever running again.
    match AssertUnwindSafe(runner.run_on_schedule(job, trigger, stop, skipped)).catch_unwind().await
    {
        Ok(Ok(report)) => logging::run(&report, trigger),
        Ok(Err(error)) => {
            tracing::error!(job.name = job.name, error = chain(&error), "the run cannot start");
        }
        Err(_) => {
            tracing::error!(job.name = job.name, "the run has met a fault of this program");
        }
    }
}

/// Ends at a moment, or never where there is none.
async fn sleep_until(clock: &Clock, moment: Option<BootTime>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => pending().await,
    }
}
