//! The bearer token: the client-credentials grant (RFC 6749, section 4.4), one token shared by all.

mod answer;
mod error;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

pub use error::{Refusal, TokenError};

use super::{Client, Credentials, text, transport::TransportError};
use crate::clock::BootTime;

/// How far ahead of its end a token is renewed, at most: a request with it, and a slow answer, fit in.
const MARGIN: Duration = Duration::from_mins(1);

/// The share of a short life that is kept as the margin instead.
const MARGIN_SHARE: u32 = 10;

/// More than a token answer ever needs, and not enough to hurt.
const MAX_ANSWER: u64 = 256 * 1024;

/// A bearer token; clones are the same token.
#[derive(Clone)]
pub struct AccessToken(Arc<SecretString>);

impl AccessToken {
    /// Takes a token that is made of visible ASCII only.
    fn new(token: SecretString) -> Self {
        Self(Arc::new(token))
    }

    /// The value of the header `Authorization`, marked as secret for the HTTP library.
    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0.expose_secret()))
            .expect("a token's characters are checked when it is taken");
        value.set_sensitive(true);
        value
    }

    /// Takes the token out of a body that repeats it.
    pub(super) fn hide_in(&self, body: &mut Vec<u8>) {
        if let Some(hidden) = text::hide(&String::from_utf8_lossy(body), self.0.expose_secret()) {
            *body = hidden.into_bytes();
        }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

/// The one token of all clones of a client.
pub(super) struct TokenCache {
    /// Held while a token is asked for, so that one request serves all who wait.
    state: Mutex<State>,
    /// How many requests for a token have come to an end: who waits learns whether one ended meanwhile.
    ended: AtomicU64,
    /// When the token last got ends, in nanoseconds of the boot clock; [`NO_TOKEN`] where there is none. For who only looks,
    /// and must not wait while a token is asked for.
    expires: AtomicI64,
}

/// No moment of the boot clock.
const NO_TOKEN: i64 = i64::MIN;

struct State {
    /// The credentials last read.
    credentials: Credentials,
    /// The token last got, and when it is to be renewed.
    current: Option<(AccessToken, BootTime)>,
    /// Why the last request got none.
    failure: Option<TokenError>,
}

impl TokenCache {
    pub(super) fn new(credentials: Credentials) -> Self {
        let state = State { credentials, current: None, failure: None };
        let state = Mutex::new(state);
        Self { state, ended: AtomicU64::new(0), expires: AtomicI64::new(NO_TOKEN) }
    }
}

impl Client {
    /// Returns the token, got anew where there is none or its end is near.
    ///
    /// However many wait for it, one request is made; where it fails, all who were waiting share the failure, and who
    /// comes later asks again. `now` is the boot clock before the call: a token's life is counted from before its request.
    ///
    /// # Errors
    ///
    /// The token endpoint refuses, limits, cannot be reached, or answers with something else than a bearer token.
    pub async fn access_token(&self, now: BootTime) -> Result<AccessToken, TokenError> {
        let cache = self.token();
        let ended_before = cache.ended.load(Ordering::Acquire);
        let mut state = cache.state.lock().await;
        if let Some((token, renew_at)) = &state.current
            && now < *renew_at
        {
            return Ok(token.clone());
        }
        if cache.ended.load(Ordering::Acquire) != ended_before {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            // The token came while we waited, and so did its end: it is as good as one that we would get now.
            if let Some((token, _)) = &state.current {
                return Ok(token.clone());
            }
        }
        let outcome = self.fetch(&mut state.credentials).await;
        cache.ended.fetch_add(1, Ordering::AcqRel);
        match outcome {
            Ok((token, life)) => {
                let renew_at = now.saturating_add(life.saturating_sub(margin(life)));
                state.current = Some((token.clone(), renew_at));
                cache.expires.store(now.saturating_add(life).as_nanos(), Ordering::Release);
                state.failure = None;
                Ok(token)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Drops a token that the API did not take, so that the next call gets a new one; does nothing where that is done already.
    pub async fn invalidate(&self, token: &AccessToken) {
        let mut state = self.token().state.lock().await;
        if state.current.as_ref().is_some_and(|(current, _)| Arc::ptr_eq(&current.0, &token.0)) {
            state.current = None;
            self.token().expires.store(NO_TOKEN, Ordering::Release);
        }
    }

    /// When the token at hand ends; `None` where there is none. Never waits.
    pub fn token_expires(&self) -> Option<BootTime> {
        let expires = self.token().expires.load(Ordering::Acquire);
        (expires != NO_TOKEN).then(|| BootTime::from_nanos(expires))
    }

    /// Asks for a token; where the credentials are refused, once more with credentials read afresh.
    async fn fetch(
        &self,
        credentials: &mut Credentials,
    ) -> Result<(AccessToken, Duration), TokenError> {
        match self.ask(credentials).await {
            Err(TokenError::Refused(_)) => {
                *credentials = (self.credentials().0)().map_err(TokenError::Credentials)?;
                self.ask(credentials).await
            }
            outcome => outcome,
        }
    }

    /// Makes one request for a token.
    async fn ask(&self, credentials: &Credentials) -> Result<(AccessToken, Duration), TokenError> {
        let secret = credentials.client_secret.expose_secret();
        let settings = self.settings();
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", settings.scope.as_str()),
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", secret),
        ];
        let response = match self.post_for_token(&form, MAX_ANSWER).await {
            Err(TransportError::TooLarge { .. }) => {
                return Err(TokenError::BadAnswer(
                    "it is larger than 256 KiB, is api.token_url right?",
                ));
            }
            response => response?,
        };
        answer::read(&response, &settings.token_url, secret)
            .map(|(token, life)| (AccessToken::new(token), life))
    }
}

/// How long before its end a token with that life is renewed.
fn margin(life: Duration) -> Duration {
    MARGIN.min(life / MARGIN_SHARE)
}

#[cfg(test)]
mod tests;
