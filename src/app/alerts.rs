//! Tells somebody of what needs a person, and when that is over: by a webhook, a command, or both, each once.
//!
//! What is heard of the runs and of the data's age is taken into the record in the database, and what the record says was not
//! told yet is told. So a restart, or another process on the same file, tells nothing twice. Whoever is told is waited for by
//! a task of its own: a receiver that hangs holds nothing up.

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

pub(super) use self::record::News;
use self::{
    message::Message,
    record::{note, take_in, turn},
};
use super::{AppError, watch::Watch};
use crate::{
    api::{self, ClientError, Webhook},
    clock::Clock,
    daemon::{AlertSettings, run_command},
    store::{Alert, AlertKind, Store, StoreError},
    sync::{Ending, FailureClass, JobReport, chain},
};

/// No look at the data's age is sooner after the one before.
const LOOKS_APART: Duration = Duration::from_mins(1);

/// Nor later: clocks change, and so does what other processes do.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// At a stop, so long a receiver is waited for at most.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Whoever is to be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels {
    webhook: Option<Webhook>,
    command: Option<Vec<String>>,
    timeout: Duration,
}

impl Channels {
    /// Those of a configuration.
    ///
    /// # Errors
    /// Where the webhook's client cannot be made.
    pub(super) fn new(
        settings: AlertSettings,
        service: &api::Settings,
    ) -> Result<Self, ClientError> {
        let AlertSettings { webhook, command, timeout } = settings;
        let webhook = webhook.map(|url| Webhook::new(url, timeout, service)).transpose()?;
        Ok(Self { webhook, command, timeout })
    }

    fn is_none(&self) -> bool {
        self.webhook.is_none() && self.command.is_none()
    }

    /// Tells the webhook; whether it was told.
    async fn post(&self, message: &Message<'_>) -> bool {
        let Some(webhook) = &self.webhook else { return false };
        is_told("webhook", &webhook.post(message.json()).await)
    }

    /// Tells by the command; whether that was done.
    async fn run(&self, message: &Message<'_>) -> bool {
        let Some(command) = &self.command else { return false };
        let told = run_command(command, &message.json(), &message.variables(), self.timeout).await;
        is_told("command", &told)
    }
}

/// Logs what went wrong.
fn is_told<E: std::error::Error + 'static>(channel: &'static str, told: &Result<(), E>) -> bool {
    if let Err(error) = told {
        tracing::warn!(
            alert.channel = channel,
            error = chain(error),
            "nobody was told of an alert: it is tried again"
        );
    }
    told.is_ok()
}

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
        let (mut wait, mut failures) = (Duration::ZERO, 0);
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
            let told = stop.run_until_cancelled(self.tell(&mut news, watch)).await.flatten();
            failures = if told.is_some() { 0 } else { failures + 1 };
            wait = told.unwrap_or_else(|| after_failures(failures));
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
        let stopped = async {
            stop.cancelled().await;
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            _ = self.tell(&mut news, watch) => {}
            () = stopped => {}
        }
    }

    async fn last_words(&self, mut news: Vec<News>, watch: &Watch) {
        if !news.is_empty() {
            // What is not told by then is on record, and told by the next process.
            timeout(LAST_WORDS, self.tell(&mut news, watch)).await.ok();
        }
    }

    /// Takes the news in, and tells what is to be told; then the news are gone. Returns after how long to look again; `None`:
    /// not all could be told.
    async fn tell(&self, news: &mut Vec<News>, watch: &Watch) -> Option<Duration> {
        let channels = self.channels();
        if channels.is_none() {
            news.clear();
            return Some(LOOK_AGAIN);
        }
        outage::tell(&channels, self.store.path(), news, self.clock.now().wall).await;
        match self.tell_rest(&channels, news, watch).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(
                    error = chain(&self.store.locate(error)),
                    "alerts cannot be put on record, and are told later"
                );
                None
            }
        }
    }

    async fn tell_rest(
        &self,
        channels: &Channels,
        news: &mut Vec<News>,
        watch: &Watch,
    ) -> Result<Option<Duration>, StoreError> {
        let (of_age, next_look) = watch.ages().await;
        let Some(_lock) = self.store.lock_alerts().await? else { return Ok(None) };
        let before = self.store.alerts().await?;
        let mut alerts = before.clone();
        let now = self.clock.now().wall;
        let heard = [news.as_slice(), of_age.as_slice()].concat();
        take_in(&mut alerts, &heard, |name| watch.knows(name), now);
        if alerts != before {
            self.store.note_alerts(&alerts).await?;
        }
        news.clear();
        let mut is_all_told = true;
        for index in 0..alerts.len() {
            let Some(alert) = alerts.get_mut(index) else { break };
            let was_told = self.tell_of(channels, alert).await;
            is_all_told &= was_told.is_all;
            if was_told.is_any {
                self.store.note_alerts(&alerts).await?;
            }
        }
        let wait = next_look.unwrap_or(LOOK_AGAIN).clamp(LOOKS_APART, LOOK_AGAIN);
        Ok(is_all_told.then_some(wait))
    }

    /// Tells every channel what it was not told yet.
    async fn tell_of(&self, channels: &Channels, alert: &mut Alert) -> WasTold {
        let by_webhook = channels.webhook.as_ref().and_then(|_| turn(alert, alert.webhook));
        let by_command = channels.command.as_ref().and_then(|_| turn(alert, alert.command));
        let message = |turn| Message { alert, turn, database: self.store.path() };
        let (posted, run) = join(
            async {
                match by_webhook {
                    Some(turn) => channels.post(&message(turn)).await,
                    None => false,
                }
            },
            async {
                match by_command {
                    Some(turn) => channels.run(&message(turn)).await,
                    None => false,
                }
            },
        )
        .await;
        let now = self.clock.now().wall;
        if let Some(turn) = by_webhook.filter(|_| posted) {
            note(&mut alert.webhook, turn, now);
        }
        if let Some(turn) = by_command.filter(|_| run) {
            note(&mut alert.command, turn, now);
        }
        WasTold {
            is_any: posted || run,
            is_all: posted == by_webhook.is_some() && run == by_command.is_some(),
        }
    }
}

/// How the telling of an alert went.
struct WasTold {
    is_any: bool,
    is_all: bool,
}

/// How long after so many times in a row that not all could be told it is tried again, if nothing happens before that.
fn after_failures(failures: u32) -> Duration {
    LOOKS_APART.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(LOOK_AGAIN)
}

fn take_all(inbox: &mut mpsc::UnboundedReceiver<Vec<News>>, news: &mut Vec<News>) {
    while let Ok(more) = inbox.try_recv() {
        news.extend(more);
    }
}

fn of(kind: AlertKind, endpoint: &str, message: Option<String>) -> News {
    News { kind, endpoint: endpoint.to_owned(), message }
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

/// What a run's end says of its endpoints. One that is paused says nothing: a limit is no trouble.
fn of_run(report: &JobReport) -> Vec<News> {
    let mut news = Vec::new();
    let answers = |ending: &Ending| match ending {
        Ending::Ok => true,
        Ending::Paused(_) => false,
        Ending::Failed(error) => error.class() == FailureClass::Other,
    };
    // While others get answers, it is the endpoint that has none, not the service.
    let is_reached = report.endpoints.iter().any(|endpoint| answers(&endpoint.ending));
    let mut trouble = report.journal.as_ref().map(|error| chain(error));
    for endpoint in &report.endpoints {
        let name = &endpoint.endpoint;
        if answers(&endpoint.ending) {
            news.push(of(AlertKind::Credentials, name, None));
            news.push(of(AlertKind::Unreachable, name, None));
        }
        let kind = match &endpoint.ending {
            Ending::Ok => {
                news.push(of(AlertKind::Failed, name, None));
                continue;
            }
            Ending::Paused(_) => continue,
            Ending::Failed(error) => match error.class() {
                FailureClass::Database => {
                    trouble.get_or_insert_with(|| chain(error));
                    continue;
                }
                FailureClass::Credentials => AlertKind::Credentials,
                FailureClass::Unreachable if !is_reached => AlertKind::Unreachable,
                FailureClass::Unreachable | FailureClass::Other => AlertKind::Failed,
            },
        };
        if let Ending::Failed(error) = &endpoint.ending {
            news.push(of(kind, name, Some(chain(error))));
        }
    }
    news.push(of(AlertKind::Database, "", trouble));
    news
}
