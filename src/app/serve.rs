//! The daemon: its start, and its loop.

mod heart;
mod reload;
mod runs;
mod told;

use std::{collections::BTreeMap, future::pending, pin::pin, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::future::join;
use tokio::sync::{mpsc, watch as watching};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    heart::Heart,
    runs::{Ended, InTheWay},
    told::Status,
};
pub use self::{
    reload::Load,
    told::{Told, watcher},
};
use super::{
    App, AppError, checks, logging,
    watch::{Attended, Watch},
};
use crate::{
    clock::{BootTime, Clock},
    daemon::{
        self, Doings, Notices, Request, Requests, Resumptions, Running, ScheduleSettings,
        Scheduler, Tick, watched,
    },
    store::{Served, Store, StoreError},
    sync::{FailureClass, Runner},
    telemetry::chain,
};

/// Ticks that may wait for the loop; it never waits for anything longer than a start of a run.
const TICKS: usize = 64;

/// The loop may have ended already; then nobody waits for this.
fn tell<T>(sender: &mpsc::UnboundedSender<T>, what: T) {
    if sender.send(what).is_err() {
        tracing::debug!("the daemon has stopped meanwhile");
    }
}

/// What a daemon needs beside the parts of the app.
pub struct Service {
    /// What its runs tell, from the [`watcher`] that the app was built with.
    pub told: mpsc::UnboundedReceiver<Told>,
    /// What signals ask for.
    pub requests: Requests,
    /// Loads the configuration anew.
    pub load: Load,
}

impl App {
    /// Runs the jobs on their schedules until `stop`; what runs then finishes its page. An endpoint that a limit has paused is
    /// taken up again once the limit lets it go on.
    ///
    /// # Errors
    /// Where the credentials are refused at the start; and as soon as the database is found to be damaged: no run mends that, and
    /// a service that fails is noticed.
    pub async fn serve(&self, service: Service, stop: &CancellationToken) -> Result<(), AppError> {
        let mut attended = self.watch.attend().await?;
        let (sender, ticks) = mpsc::channel(TICKS);
        let served = self.served().await;
        let served = |job: &str| served.get(job).copied();
        let scheduler = daemon::start(&self.schedules, served, &self.clock, sender);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            jobs = self.schedules.len(),
            "ready: the jobs run on their schedules"
        );
        let notices = Notices::open();
        notices.ready();
        self.tell_of_daemon(self.store.note_daemon().await);
        let (finished, ended) = mpsc::unbounded_channel();
        let next = scheduler.next();
        let mut doings = Doings::new(self.schedules.len());
        doings.next.clone_from(&next.borrow());
        let daemon = Daemon {
            watch: Arc::clone(&self.watch),
            runner: Arc::clone(&self.runner),
            store: self.store.clone(),
            clock: self.clock.clone(),
            stop: stop.child_token(),
            tracker: TaskTracker::new(),
            running: Running::default(),
            in_the_way: BTreeMap::new(),
            resumptions: Resumptions::default(),
            doings,
            status: Status::default(),
            scheduler: &scheduler,
            notices: &notices,
            load: service.load,
            finished,
        };
        let inbox = Inbox { ticks, told: service.told, requests: service.requests, ended, next };
        let told = CancellationToken::new();
        let daemon = async {
            let served = daemon.run(inbox, &mut attended).await;
            if let Err(error) = &served {
                self.watch.alerts.ended(error);
            }
            told.cancel();
            served
        };
        let (served, ()) = join(daemon, self.watch.alerts.serve(&self.watch, &told)).await;
        scheduler.stop().await;
        attended.end().await;
        self.tell_of_daemon(self.store.forget_daemon().await);
        served
    }

    /// That others can tell of the daemon is worth a try, and no more.
    fn tell_of_daemon(&self, noted: Result<(), StoreError>) {
        if let Err(error) = noted.map_err(|error| self.store.locate(error)) {
            tracing::debug!(error = chain(&error), "`status` cannot tell of the daemon");
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
                        error = chain(&self.store.locate(error)),
                        "what was missed is not made up for"
                    );
                }
            }
        }
        served
    }
}

/// What the loop knows and uses.
struct Daemon<'d> {
    watch: Arc<Watch>,
    /// That of the configuration that holds; runs of an earlier one have its own.
    runner: Arc<Runner>,
    store: Store,
    clock: Clock,
    stop: CancellationToken,
    tracker: TaskTracker,
    running: Running,
    /// How many ticks were skipped because of each run.
    in_the_way: BTreeMap<InTheWay, watching::Sender<u64>>,
    resumptions: Resumptions,
    doings: Doings,
    status: Status,
    scheduler: &'d Scheduler,
    notices: &'d Notices,
    load: Load,
    /// Told by every run at its end.
    finished: mpsc::UnboundedSender<Ended>,
}

/// What the loop hears of.
struct Inbox {
    ticks: mpsc::Receiver<Tick>,
    told: mpsc::UnboundedReceiver<Told>,
    requests: Requests,
    ended: mpsc::UnboundedReceiver<Ended>,
    /// What the schedules have next.
    next: watching::Receiver<Option<(String, DateTime<Utc>)>>,
}

impl Daemon<'_> {
    async fn run(mut self, mut inbox: Inbox, attended: &mut Attended) -> Result<(), AppError> {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let mut checks = pin!(checks::daily(store.clone(), clock.clone(), self.stop.clone()));
        let mut checks_go_on = true;
        let runner = Arc::clone(&self.runner);
        let mut beginning = pin!(begin(&runner));
        // No job runs before it is known whether the credentials are of any use.
        let mut has_begun = false;
        let mut heart = Heart::new(watched(), &runner, clock.now().boot);
        let ends = loop {
            if let Some(damage) = self.store.damage() {
                self.stop.cancel();
                break Err(AppError::Store(damage));
            }
            let now = clock.now().boot;
            // No arm waits for anything: what the others wait for, such as the database, may be in their hands.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break Ok(()),
                () = attended.asked_whether_it_lives() => {}
                Some(told) = inbox.told.recv() => {
                    told.note(&mut self.doings, &mut self.resumptions, clock.now().boot);
                    self.status.change();
                }
                Some(ended) = inbox.ended.recv() => self.ended(ended),
                request = inbox.requests.next() => match request {
                    Request::Reload => self.reload(),
                    Request::Run => self.run_all(),
                },
                begun = &mut beginning, if !has_begun => match begun {
                    Ok(left_paused) => {
                        self.resumptions = left_paused;
                        has_begun = true;
                        attended.serving();
                    }
                    Err(error) => break Err(error),
                },
                Some(tick) = inbox.ticks.recv(), if has_begun => self.tick(&tick),
                Ok(()) = inbox.next.changed() => {
                    self.doings.next.clone_from(&inbox.next.borrow_and_update());
                    self.status.change();
                }
                () = &mut checks, if checks_go_on => checks_go_on = false,
                beat = heart.next() => heart.beat(beat, &store, &self.doings, self.notices, clock.now().boot),
                () = sleep_until(&clock, self.status.due(&self.doings, now)) => {
                    self.status.tell(&self.doings, self.notices, clock.now().boot);
                }
                () = sleep_until(&clock, self.resumptions.next()) => {
                    for endpoint in self.resumptions.take_due(clock.now().boot, &mut self.running) {
                        self.resume(endpoint);
                    }
                }
            }
        };
        self.notices.stopping();
        attended.stopping();
        self.notices.status("stopping: the pages in hand are finished");
        tracing::info!(runs = self.tracker.len(), "stopping: the pages in hand are finished");
        self.tracker.close();
        self.tracker.wait().await;
        ends
    }
}

/// Takes the first access token, and reads what earlier processes have left to the end of a pause.
///
/// # Errors
/// Wrong credentials do not mend themselves, so the daemon ends with them at its start; an outage does not end it.
async fn begin(runner: &Runner) -> Result<Resumptions, AppError> {
    match runner.first_token().await {
        Ok(_) => {}
        Err(error) if error.class() == FailureClass::Credentials => {
            return Err(AppError::Credentials(error));
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "no access token yet: the first run tries again");
        }
    }
    let mut resumptions = Resumptions::default();
    match runner.paused().await {
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
    Ok(resumptions)
}

/// Ends at a moment, or never where there is none.
async fn sleep_until(clock: &Clock, moment: Option<BootTime>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => pending().await,
    }
}
