//! Posts to a URL of the administrator's own, by the settings that hold for the service.

use std::{fmt, time::Duration};

use http::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    ClientError, Settings,
    client::{authority, build},
    origin::origin,
    transport::TransportError,
};

/// A URL whose path or query may be a secret: shown by its origin alone.
#[derive(Clone)]
pub struct WebhookUrl(SecretString);

impl WebhookUrl {
    /// Keeps a URL.
    pub fn new(url: Url) -> Self {
        Self(SecretString::from(String::from(url)))
    }

    fn url(&self) -> Url {
        self.0.expose_secret().parse().expect("it was made of a URL")
    }

    /// The part of it that may be told.
    pub fn origin(&self) -> String {
        origin(&self.url())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}/…)", self.origin())
    }
}

/// The receiver was not told.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// It has answered with something else than a success.
    #[error("{host} answered {status}")]
    Refused {
        /// The host asked.
        host: String,
        /// What it answered.
        status: StatusCode,
    },
    /// It has not answered in time.
    #[error("{host} did not answer within {} s (alerts.timeout)", timeout.as_secs_f64())]
    TimedOut {
        /// The host asked.
        host: String,
        /// The longest time allowed.
        timeout: Duration,
    },
    /// It could not be reached.
    #[error(transparent)]
    Transport(TransportError),
}

/// The way to a receiver.
#[derive(Clone)]
pub struct Webhook {
    http: reqwest::Client,
    url: WebhookUrl,
    timeout: Duration,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhook").field(&self.url).finish()
    }
}

impl Webhook {
    /// Prepares the way with the service's proxy and certificates; sends nothing.
    ///
    /// # Errors
    /// Where these cannot be used.
    pub fn new(
        url: WebhookUrl,
        timeout: Duration,
        settings: &Settings,
    ) -> Result<Self, ClientError> {
        let to = url.url();
        let settings =
            Settings { base_url: to.clone(), token_url: to, timeout, ..settings.clone() };
        Ok(Self { http: build(&settings)?, url, timeout })
    }

    /// Posts JSON. No redirect is followed: a receiver elsewhere is not the one that was named.
    ///
    /// # Errors
    /// Where there is no answer of success in time.
    pub async fn post(&self, body: String) -> Result<(), WebhookError> {
        let url = self.url.url();
        let host = authority(&url);
        let request = self.http.post(url).header(header::CONTENT_TYPE, "application/json");
        // What it answers beside the status means nothing.
        match request.body(body).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(WebhookError::Refused { host, status: response.status() }),
            Err(error) => Err(match TransportError::of(error, host, self.timeout) {
                TransportError::TimedOut { host, timeout, .. } => {
                    WebhookError::TimedOut { host, timeout }
                }
                other => WebhookError::Transport(other),
            }),
        }
    }
}
