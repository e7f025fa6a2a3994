//! Tells somebody of what needs a person, and when that is over: by a webhook, a command, or both, each once.
//!
//! What is heard of the runs and of the data's age is taken into the record in the database, and what the record says was not
//! told yet is told. So a restart, or another process on the same file, tells nothing twice. Whoever is told is waited for by
//! a task of its own: a receiver that hangs holds nothing up.

mod channels;
mod heard;
mod message;
mod outage;
mod record;
mod rehearsal;

use std::{
    path::Path,
    sync::{Mutex, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::future::join;
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

pub(super) use self::channels::Channels;
pub(super) use self::record::News;
pub use self::rehearsal::{TestAlert, test_alert};
use self::{
    channels::Backoffs,
    heard::of_run,
    message::Message,
    record::{note, take_in, turn},
};
use super::{AppError, watch::Watch};
use crate::{
    clock::Clock,
    store::{Alert, AlertKind, Store, StoreError},
    sync::JobReport,
    telemetry::chain,
};

/// No look at the data's age is sooner after the one before.
const LOOKS_APART: Duration = Duration::from_mins(1);

/// Nor later: clocks change, and so does what other processes do.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// At a stop, so long a receiver is waited for at most.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Hears what happens, and tells of it.
#[derive(Debug)]
pub(super) struct Alerts {
    channels: RwLock<Channels>,
    store: Store,
    clock: Clock,
    heard: mpsc::UnboundedSender<Vec<News>>,
    /// Taken by the task that tells.
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Vec<News>>>>,
}

impl Alerts {
    pub(super) fn new(channels: Channels, store: Store, clock: Clock) -> Self {
        let (heard, inbox) = mpsc::unbounded_channel();
        Self {
            channels: RwLock::new(channels),
            store,
            clock,
            heard,
            inbox: Mutex::new(Some(inbox)),
        }
    }

    /// Others are told from now on.
    pub(super) fn replace(&self, channels: Channels) {
        *self.channels.write().unwrap_or_else(PoisonError::into_inner) = channels;
    }

    fn channels(&self) -> Channels {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hears of a run that has ended.
    pub(super) fn run_ended(&self, report: &JobReport) {
        self.hear(of_run(report));
    }

    /// Hears of a run that could not begin for that reason, or else has met a fault of this program.
    pub(super) fn run_failed(&self, endpoints: &[String], error: Option<String>) {
        let fault = "the run has met a fault of this program, which the log tells";
        let of_fault = |name: &String| News::new(AlertKind::Failed, name, Some(fault.to_owned()));
        let news = if error.is_some() {
            vec![News::new(AlertKind::Database, "", error)]
        } else {
            endpoints.iter().map(of_fault).collect()
        };
        self.hear(news);
    }

    /// Hears that the daemon ends, and why.
    pub(super) fn ended(&self, error: &AppError) {
        let kind = match error {
            AppError::Credentials(_) => AlertKind::Credentials,
            AppError::Store(_) => AlertKind::Database,
            AppError::Clock(_) | AppError::Client(_) | AppError::Monitor(_) => return,
        };
        self.hear(vec![News::new(kind, "", Some(chain(error)))]);
    }

    fn hear(&self, news: Vec<News>) {
        // Where nobody tells any more, the next process hears of it anew.
        self.heard.send(news).ok();
    }

    /// Tells of what is heard, and of data that gets old, until `stop`; then of what was heard by then.
    pub(super) async fn serve(&self, watch: &Watch, stop: &CancellationToken) {
        let Some(mut inbox) = self.take_inbox() else { return };
        let (mut wait, mut backoffs) = (Duration::ZERO, Backoffs::default());
        loop {
            let next = self.clock.now().boot.saturating_add(wait);
            let mut news = tokio::select! {
                biased;
                () = stop.cancelled() => Vec::new(),
                Some(news) = inbox.recv() => news,
                () = self.clock.sleep_until(next) => Vec::new(),
            };
            take_all(&mut inbox, &mut news);
            let is_last = stop.is_cancelled();
            if !(is_last && news.is_empty()) {
                wait = self.tell_until(news, &mut backoffs, watch, stop).await;
            }
            if is_last {
                return;
            }
        }
    }

    /// Tells of what was heard by now, once.
    pub(super) async fn tell_once(&self, watch: &Watch, stop: &CancellationToken) {
        let Some(mut inbox) = self.take_inbox() else { return };
        let mut news = Vec::new();
        take_all(&mut inbox, &mut news);
        self.tell_until(news, &mut Backoffs::default(), watch, stop).await;
    }

    fn take_inbox(&self) -> Option<mpsc::UnboundedReceiver<Vec<News>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The same as [`Self::tell`], but after a `stop` no receiver is waited for much longer: what it is not told by then, the
    /// next process tells.
    async fn tell_until(
        &self,
        news: Vec<News>,
        backoffs: &mut Backoffs,
        watch: &Watch,
        stop: &CancellationToken,
    ) -> Duration {
        let stopped = async {
            stop.cancelled().await;
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            wait = self.tell(news, backoffs, watch) => wait,
            () = stopped => Duration::ZERO,
        }
    }

    /// Takes the news in, which `status` tells of whether or not there is anybody to tell, and tells what is to be told. Returns after how long to look again.
    async fn tell(&self, news: Vec<News>, backoffs: &mut Backoffs, watch: &Watch) -> Duration {
        let channels = self.channels();
        let (of_database, news): (Vec<News>, Vec<News>) =
            news.into_iter().partition(|news| news.kind == AlertKind::Database);
        // Without anybody to tell, the file that notes what was told stays as it is.
        if let Some(last) = of_database.into_iter().next_back().filter(|_| !channels.is_none()) {
            let now = self.clock.now().wall;
            outage::tell(&channels, self.store.path(), last.message, now).await;
        }
        match self.tell_from_record(&channels, backoffs, news, watch).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(
                    error = chain(&self.store.locate(error)),
                    "alerts cannot be put on record, and are told later"
                );
                LOOKS_APART
            }
        }
    }

    async fn tell_from_record(
        &self,
        channels: &Channels,
        backoffs: &mut Backoffs,
        mut news: Vec<News>,
        watch: &Watch,
    ) -> Result<Duration, StoreError> {
        let (of_age, next_look) = watch.ages().await;
        news.extend(of_age);
        let Some(_lock) = self.store.lock_alerts().await? else { return Ok(LOOKS_APART) };
        let before = self.store.alerts().await?;
        let mut alerts = before.clone();
        take_in(&mut alerts, &news, |name| watch.knows(name), self.clock.now().wall);
        if alerts != before {
            self.store.note_alerts(&alerts).await?;
        }
        for index in 0..alerts.len() {
            let Some(alert) = alerts.get_mut(index) else { break };
            if self.tell_of(channels, backoffs, alert).await {
                self.store.note_alerts(&alerts).await?;
            }
        }
        let now = self.clock.now().boot;
        let next = backoffs.left(now).into_iter().chain(next_look).min();
        Ok(next.unwrap_or(LOOK_AGAIN).clamp(LOOKS_APART, LOOK_AGAIN))
    }

    /// Tells every channel what it was not told yet, unless it is left alone for now; whether one was told.
    async fn tell_of(
        &self,
        channels: &Channels,
        backoffs: &mut Backoffs,
        alert: &mut Alert,
    ) -> bool {
        let now = self.clock.now();
        let by_webhook = (channels.webhook.is_some() && backoffs.webhook.is_over(now.boot))
            .then(|| turn(alert, alert.webhook))
            .flatten();
        let by_command = (channels.command.is_some() && backoffs.command.is_over(now.boot))
            .then(|| turn(alert, alert.command))
            .flatten();
        let message = |turn| Message { alert, turn, database: self.store.path() };
        let post = async {
            match by_webhook {
                Some(turn) => Some((turn, channels.post(&message(turn)).await)),
                None => None,
            }
        };
        let run = async {
            match by_command {
                Some(turn) => Some((turn, channels.run(&message(turn)).await)),
                None => None,
            }
        };
        let (posted, run) = join(post, run).await;
        let now = self.clock.now();
        let mut is_any = false;
        for (done, backoff, told) in [
            (posted, &mut backoffs.webhook, &mut alert.webhook),
            (run, &mut backoffs.command, &mut alert.command),
        ] {
            let Some((turn, is_told)) = done else { continue };
            backoff.note(is_told, now.boot);
            if is_told {
                note(told, turn, now.wall);
                is_any = true;
            }
        }
        is_any
    }
}

fn take_all(inbox: &mut mpsc::UnboundedReceiver<Vec<News>>, news: &mut Vec<News>) {
    while let Ok(more) = inbox.try_recv() {
        news.extend(more);
    }
}

/// Tells, in a process that cannot even open its database, of that.
pub(super) async fn tell_of_outage(
    channels: &Channels,
    database: &Path,
    error: &StoreError,
    now: DateTime<Utc>,
) {
    outage::tell(channels, database, Some(chain(error)), now).await;
}
