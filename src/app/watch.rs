//! Those who watch over the daemon: counts its doings for them, and answers what they ask.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::StatusCode;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    AppError,
    alerts::{Alerts, News},
    health::{self, Database, Loop, Phase, Verdict},
    metrics::{Metrics, Snapshot},
    watched::Watched,
};
use crate::{
    api::Client,
    clock::{BootTime, Clock, format_utc},
    daemon::{Answers, Monitor, MonitorSettings, Question, Reply},
    store::{AlertKind, Overview, Store, overview, sizes},
    sync::{Event, JobReport, JobSettings, Watcher},
    telemetry::chain,
};

/// How long the loop, or the database, may take to answer before that is told instead.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many may ask at once whether the loop lives.
const PINGS: usize = 16;

/// A question to the loop whether it lives.
type Ping = oneshot::Sender<()>;

/// Counts the daemon's doings, and answers who asks for them.
#[derive(Debug)]
pub(super) struct Watch {
    settings: MonitorSettings,
    metrics: Metrics,
    store: Store,
    clock: Clock,
    /// When the daemon was started.
    started: DateTime<Utc>,
    pings: mpsc::Sender<Ping>,
    /// Taken by the loop.
    pinged: Mutex<Option<mpsc::Receiver<Ping>>>,
    phase: Mutex<Phase>,
    /// Since when the database's writer has not answered anybody.
    busy_since: Mutex<Option<BootTime>>,
    /// What a reload replaces.
    current: RwLock<Current>,
    /// Who is told of what needs a person.
    pub(super) alerts: Alerts,
}

/// What a configuration has.
#[derive(Clone, Debug)]
struct Current {
    watched: Arc<Watched>,
    client: Client,
}

impl Watch {
    pub(super) fn new(
        settings: MonitorSettings,
        watched: Watched,
        client: Client,
        (store, clock): (Store, Clock),
        alerts: Alerts,
    ) -> Arc<Self> {
        let (pings, pinged) = mpsc::channel(PINGS);
        Arc::new(Self {
            settings,
            metrics: Metrics::new(&watched),
            store,
            started: clock.now().wall,
            clock,
            pings,
            pinged: Mutex::new(Some(pinged)),
            phase: Mutex::new(Phase::Starting),
            busy_since: Mutex::default(),
            current: RwLock::new(Current { watched: Arc::new(watched), client }),
            alerts,
        })
    }

    /// Where it listens, which only a restart changes.
    pub(super) fn settings(&self) -> &MonitorSettings {
        &self.settings
    }

    /// Watches by another configuration from now on.
    pub(super) fn replace(&self, watched: Watched, client: Client) {
        self.metrics.prepare(&watched);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { watched: Arc::new(watched), client };
    }

    /// A watcher that counts, and passes on to another one.
    pub(super) fn over(self: &Arc<Self>, watcher: Watcher) -> Watcher {
        let watch = Arc::clone(self);
        Arc::new(move |event: &Event<'_>| {
            watch.metrics.event(event);
            watcher(event);
        })
    }

    /// A job's run has ended.
    pub(super) fn run_ended(&self, report: &JobReport) {
        self.metrics.run(report);
        self.alerts.run_ended(report);
    }

    /// A job's run could not begin for that reason, or else has met a fault of this program.
    pub(super) fn run_failed(&self, job: &JobSettings, error: Option<String>) {
        self.metrics.run_failed(&job.name);
        self.alerts.run_failed(&job.endpoints, error);
    }

    /// A tick was skipped, since the job still ran.
    pub(super) fn tick_skipped(&self, job: &str) {
        self.metrics.tick_skipped(job);
    }

    /// Begins to answer, where somebody may ask.
    ///
    /// # Errors
    /// Where the address cannot be listened at.
    pub(super) async fn attend(self: &Arc<Self>) -> Result<Attended, AppError> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        if let Some(address) = self.settings.listen {
            let monitor = Monitor::listen(address).await.map_err(AppError::Monitor)?;
            tracing::info!(monitor.address = %monitor.address(), "listening for /healthz, /readyz and /metrics");
            tasks.spawn(monitor.serve(Arc::clone(self), stop.clone()));
        }
        tasks.close();
        let pinged = lock(&self.pinged).take();
        Ok(Attended { watch: Arc::clone(self), pinged, stop, tasks })
    }

    fn phase(&self) -> Phase {
        *lock(&self.phase)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the loop whether it lives.
    async fn ask_loop(&self) -> Loop {
        let (sender, answered) = oneshot::channel();
        if self.phase() != Phase::Serving {
            return Loop::Answers;
        }
        match self.pings.try_send(sender) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Loop::Silent,
            // It has just come to its end.
            Err(mpsc::error::TrySendError::Closed(_)) => return Loop::Answers,
        }
        match timeout(PATIENCE, answered).await {
            // A question that is dropped was met by the loop's end.
            Ok(Ok(()) | Err(_)) => Loop::Answers,
            Err(_) => Loop::Silent,
        }
    }

    async fn ask_database(&self) -> Database {
        let answered = timeout(PATIENCE, self.store.answers()).await;
        let mut busy_since = lock(&self.busy_since);
        let now = self.clock.now().boot;
        if answered.is_ok() {
            *busy_since = None;
        }
        match answered {
            Ok(Ok(())) => Database::Usable,
            Ok(Err(error)) => Database::Broken(chain(&self.store.locate(error))),
            Err(_) => {
                let since = *busy_since.get_or_insert(now.saturating_sub(PATIENCE));
                Database::Busy(now.since(since))
            }
        }
    }

    /// How everything is doing, read beside the connection that writes: nobody waits for anybody.
    async fn overview(&self, watched: &Watched) -> Option<Overview> {
        let asked = watched.asked();
        let read = timeout(PATIENCE, overview(self.store.path(), &self.clock, &asked)).await;
        match read.ok()? {
            Ok(overview) => Some(overview),
            Err(error) => {
                tracing::debug!(
                    error = chain(&error),
                    "the database cannot be read for the metrics"
                );
                None
            }
        }
    }

    /// Whether an endpoint is one that a job syncs.
    pub(super) fn knows(&self, endpoint: &str) -> bool {
        self.current().watched.endpoints.iter().any(|known| known.name == endpoint)
    }

    /// Whose data is too old and whose is not, as far as that can be told, and how long until the next one's is.
    pub(super) async fn ages(&self) -> (Vec<News>, Option<Duration>) {
        let watched = self.current().watched;
        let overview = self.overview(&watched).await.unwrap_or_default();
        let now = self.clock.now().wall;
        let mut news = Vec::new();
        let mut next: Option<DateTime<Utc>> = None;
        for endpoint in &overview.endpoints {
            let known = watched.endpoints.iter().find(|known| known.name == endpoint.endpoint);
            let Some(until) = known.and_then(|known| known.fresh_until(endpoint, self.started))
            else {
                continue;
            };
            if until > now {
                next = Some(next.map_or(until, |next| next.min(until)));
                // What was never synced is not fresh for that.
                if endpoint.as_of.is_some() {
                    news.push(News::new(AlertKind::Stale, &endpoint.endpoint, None));
                }
            } else {
                let age = match endpoint.as_of {
                    Some(as_of) => format!("its data is that of {}", format_utc(as_of)),
                    None => "it was never synced".to_owned(),
                };
                let fresh = format!("{age}, and was to be fresher by {}", format_utc(until));
                news.push(News::new(AlertKind::Stale, &endpoint.endpoint, Some(fresh)));
            }
        }
        (news, next.and_then(|next| (next - now).to_std().ok()))
    }

    async fn figures(&self) -> Reply {
        let Current { watched, client } = self.current();
        let overview = self.overview(&watched).await;
        let now = self.clock.now();
        let snapshot = Snapshot {
            now: now.wall,
            started: self.started,
            watched: &watched,
            overview,
            sizes: sizes(self.store.path()),
            token_expires: client.token_expires().map(|expires| now.wall_at(expires)),
        };
        match self.metrics.text(&snapshot) {
            Ok((body, content_type)) => Reply { status: StatusCode::OK, content_type, body },
            Err(_) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, "no figures\n".to_owned()),
        }
    }
}

impl Answers for Watch {
    async fn answer(&self, question: Question) -> Reply {
        let verdict = match question {
            Question::Metrics => return self.figures().await,
            Question::Health => {
                let (answers, database) =
                    futures_util::future::join(self.ask_loop(), self.ask_database()).await;
                health::health(self.phase(), answers, &database)
            }
            Question::Readiness => health::readiness(self.phase(), &self.ask_database().await),
        };
        let Verdict { is_good, text } = verdict;
        let status = if is_good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Reply::text(status, text)
    }
}

/// The watch, while the daemon is at work.
pub(super) struct Attended {
    watch: Arc<Watch>,
    pinged: Option<mpsc::Receiver<Ping>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Attended {
    /// The jobs run on their schedules.
    pub(super) fn serving(&self) {
        self.enter(Phase::Serving);
    }

    /// What is in hand is finished.
    pub(super) fn stopping(&mut self) {
        self.enter(Phase::Stopping);
        self.pinged = None;
    }

    fn enter(&self, phase: Phase) {
        *lock(&self.watch.phase) = phase;
    }

    /// Ends when somebody has asked whether the loop lives, who is told so. Cancel-safe: who asks before that waits.
    pub(super) async fn asked_whether_it_lives(&mut self) {
        let Some(pinged) = &mut self.pinged else { return std::future::pending().await };
        match pinged.recv().await {
            // Who does not wait for the answer any more needs none.
            Some(ping) => ping.send(()).unwrap_or(()),
            None => std::future::pending().await,
        }
    }

    /// Answers nobody any more.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// Locks a state: every change of it is whole.
fn lock<T>(state: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
