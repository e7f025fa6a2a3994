//! Everything that speaks HTTP: token, client, classification, retry, pagination.

pub mod classify;
pub mod client;
mod link;
mod origin;
pub mod page;
pub mod pagination;
pub mod response;
pub mod retry;
mod text;
pub mod token;
pub mod transport;
mod webhook;

#[cfg(test)]
mod testing;

pub use client::{Client, ClientError};
pub use token::{AccessToken, TokenError};
pub use webhook::{Webhook, WebhookError, WebhookUrl};

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use url::Url;

/// What the client needs to know of the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every request path is appended to it; the bearer token goes to its origin only.
    pub base_url: Url,
    /// The token endpoint (RFC 6749, section 3.2).
    pub token_url: Url,
    /// The scope asked for.
    pub scope: String,
    /// The longest that one HTTP exchange may take, body included.
    pub timeout: Duration,
    /// The largest body accepted, in bytes after decompression.
    pub max_body: u64,
    /// A proxy for all requests, beside what the environment says.
    pub proxy: Option<Url>,
    /// A PEM file of further trusted certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// How long a failing request is tried again; waits for the rate limit do not count.
    pub max_elapsed: Duration,
}

/// The client's credentials (RFC 6749, section 2.3.1).
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client's public name.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
}

/// Reads the credentials from where the configuration says, afresh at each call; the error is a sentence for a person.
#[derive(Clone)]
pub struct CredentialsSource(pub Arc<dyn Fn() -> Result<Credentials, String> + Send + Sync>);

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsSource")
    }
}
