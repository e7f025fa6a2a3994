//! The ways to whoever is to be told.

use std::time::Duration;

use super::{LOOK_AGAIN, LOOKS_APART, message::Message};
use crate::{
    api::{self, ClientError, Webhook},
    clock::BootTime,
    daemon::{AlertCommand, AlertSettings, run_command},
    telemetry::chain,
};

/// Whoever is to be told.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Channels {
    pub(super) webhook: Option<Webhook>,
    pub(super) command: Option<AlertCommand>,
    timeout: Duration,
}

impl Channels {
    /// Those of a configuration.
    ///
    /// # Errors
    /// Where the webhook's client cannot be made.
    pub(in crate::app) fn new(
        settings: AlertSettings,
        service: &api::Settings,
    ) -> Result<Self, ClientError> {
        let AlertSettings { webhook, command, timeout } = settings;
        let webhook = webhook.map(|url| Webhook::new(url, timeout, service)).transpose()?;
        Ok(Self { webhook, command, timeout })
    }

    pub(super) fn is_none(&self) -> bool {
        self.webhook.is_none() && self.command.is_none()
    }

    /// Tells the webhook, if there is one.
    pub(super) async fn try_post(&self, message: &Message<'_>) -> Option<Told> {
        let webhook = self.webhook.as_ref()?;
        Some(webhook.post(message.json()).await.map_err(|error| chain(&error)))
    }

    /// Tells by the command, if there is one.
    pub(super) async fn try_run(&self, message: &Message<'_>) -> Option<Told> {
        let command = self.command.as_ref()?;
        let told = run_command(command, &message.json(), &message.variables(), self.timeout).await;
        Some(told.map_err(|error| chain(&error)))
    }

    /// Tells the webhook; whether it was told.
    pub(super) async fn post(&self, message: &Message<'_>) -> bool {
        is_told("webhook", self.try_post(message).await.as_ref())
    }

    /// Tells by the command; whether that was done.
    pub(super) async fn run(&self, message: &Message<'_>) -> bool {
        is_told("command", self.try_run(message).await.as_ref())
    }
}

/// Whether somebody was told, or why not.
pub(super) type Told = Result<(), String>;

/// Logs what went wrong.
fn is_told(channel: &'static str, told: Option<&Told>) -> bool {
    if let Some(Err(error)) = told {
        tracing::warn!(
            alert.channel = channel,
            error,
            "nobody was told of an alert: it is tried again"
        );
    }
    matches!(told, Some(Ok(())))
}

/// A channel that has failed is left alone for a while, whatever there is to tell: longer each time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<BootTime>,
}

impl Backoff {
    pub(super) fn is_over(self, now: BootTime) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    pub(super) fn note(&mut self, is_told: bool, now: BootTime) {
        if is_told {
            *self = Self::default();
            return;
        }
        let wait = LOOKS_APART.saturating_mul(1 << self.failures.min(6)).min(LOOK_AGAIN);
        self.failures += 1;
        self.until = Some(now.saturating_add(wait));
    }
}

/// That of each channel.
#[derive(Debug, Default)]
pub(super) struct Backoffs {
    pub(super) webhook: Backoff,
    pub(super) command: Backoff,
}

impl Backoffs {
    /// How long until the first of those that are left alone is tried again.
    pub(super) fn left(&self, now: BootTime) -> Option<Duration> {
        let until = [self.webhook, self.command].into_iter().filter_map(|backoff| backoff.until);
        until.map(|until| until.since(now)).filter(|left| !left.is_zero()).min()
    }
}
