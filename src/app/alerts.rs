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

use std::{
    path::Path,
    sync::{Mutex, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::future::join;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub(super) use self::channels::Channels;
pub(super) use self::record::News;
use self::{
    channels::Backoffs,
    heard::{of, of_run},
    message::Message,
    record::{note, take_in, turn},
};
use super::{AppError, watch::Watch};
use crate::{
    clock::Clock,
    store::{Alert, AlertKind, Store, StoreError},
    sync::{JobReport, chain},
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
        let of_fault = |name: &String| of(AlertKind::Failed, name, Some(fault.to_owned()));
        let news = if error.is_some() {
            vec![of(AlertKind::Database, "", error)]
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
        self.hear(vec![of(kind, "", Some(chain(error)))]);
    }

    fn hear(&self, news: Vec<News>) {
        // Where nobody tells any more, the next process hears of it anew.
        self.heard.send(news).ok();
    }

    /// Tells of what is heard, and of data that gets old, until `stop`; then of what was heard by then.
    pub(super) async fn serve(&self, watch: &Watch, stop: &CancellationToken) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut inbox) = inbox else { return };
        let (mut wait, mut backoffs) = (Duration::ZERO, Backoffs::default());
        loop {
            let next = self.clock.now().boot.saturating_add(wait);
            let mut news = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(news) = inbox.recv() => news,
                () = self.clock.sleep_until(next) => Vec::new(),
            };
            take_all(&mut inbox, &mut news);
            // A receiver that is waited for holds up no stop.
            let told = stop.run_until_cancelled(self.tell(&mut news, &mut backoffs, watch)).await;
            wait = told.unwrap_or_default();
            if stop.is_cancelled() {
                take_all(&mut inbox, &mut news);
                self.last_words(news, watch).await;
                return;
            }
        }
        let mut news = Vec::new();
        take_all(&mut inbox, &mut news);
        self.last_words(news, watch).await;
    }

    /// Tells of what was heard by now, once; after a `stop` no receiver is waited for much longer.
    pub(super) async fn tell_once(&self, watch: &Watch, stop: &CancellationToken) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut news = Vec::new();
        if let Some(mut inbox) = inbox {
            take_all(&mut inbox, &mut news);
        }
        let mut backoffs = Backoffs::default();
        let stopped = async {
            stop.cancelled().await;
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            _ = self.tell(&mut news, &mut backoffs, watch) => {}
            () = stopped => {}
        }
    }

    async fn last_words(&self, mut news: Vec<News>, watch: &Watch) {
        if !news.is_empty() {
            // What is not told by then is on record, and told by the next process.
            let mut backoffs = Backoffs::default();
            timeout(LAST_WORDS, self.tell(&mut news, &mut backoffs, watch)).await.ok();
        }
    }

    /// Takes the news in, and tells what is to be told; then the news are gone. Returns after how long to look again.
    async fn tell(&self, news: &mut Vec<News>, backoffs: &mut Backoffs, watch: &Watch) -> Duration {
        let channels = self.channels();
        if channels.is_none() {
            news.clear();
            return LOOK_AGAIN;
        }
        outage::tell(&channels, self.store.path(), news, self.clock.now().wall).await;
        match self.tell_rest(&channels, backoffs, news, watch).await {
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

    async fn tell_rest(
        &self,
        channels: &Channels,
        backoffs: &mut Backoffs,
        news: &mut Vec<News>,
        watch: &Watch,
    ) -> Result<Duration, StoreError> {
        let (of_age, next_look) = watch.ages().await;
        let Some(_lock) = self.store.lock_alerts().await? else { return Ok(LOOKS_APART) };
        let before = self.store.alerts().await?;
        let mut alerts = before.clone();
        let now = self.clock.now().wall;
        let heard = [news.as_slice(), of_age.as_slice()].concat();
        take_in(&mut alerts, &heard, |name| watch.knows(name), now);
        if alerts != before {
            self.store.note_alerts(&alerts).await?;
        }
        news.clear();
        for index in 0..alerts.len() {
            let Some(alert) = alerts.get_mut(index) else { break };
            if self.tell_of(channels, backoffs, alert).await {
                self.store.note_alerts(&alerts).await?;
            }
        }
        let now = self.clock.now().boot;
        let retries = [backoffs.webhook, backoffs.command].into_iter().filter_map(|of| of.until);
        let next = retries.map(|until| until.since(now)).chain(next_look).min();
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
    error: &AppError,
    now: DateTime<Utc>,
) {
    if matches!(error, AppError::Store(_)) && !channels.is_none() {
        let mut news = vec![of(AlertKind::Database, "", Some(chain(error)))];
        outage::tell(channels, database, &mut news, now).await;
    }
}
