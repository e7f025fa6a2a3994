//! Why there is no token.

use std::fmt;

use http::StatusCode;

use crate::api::{classify::Limited, transport::TransportError};

/// Why there is no token; nothing of the answer's body but its error code and description is kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The credentials cannot be read any more; a sentence for a person.
    #[error("{0}")]
    Credentials(String),
    /// The token endpoint refuses the credentials, read afresh once.
    #[error(
        "the token endpoint refuses the credentials: {0}; are the client id and the secret right and still valid?"
    )]
    Refused(Refusal),
    /// The token endpoint refuses the request for another reason than the credentials.
    #[error("the token endpoint refuses the request: {refusal}; look at {look_at}")]
    Rejected {
        /// What it says.
        refusal: Refusal,
        /// The configuration's keys that it is most likely about.
        look_at: &'static str,
    },
    /// The token endpoint limits us: a pause for every endpoint.
    #[error("the token endpoint asks for a pause")]
    Limited(Limited),
    /// The token endpoint is in trouble.
    #[error("the token endpoint is in trouble: {0}")]
    Unavailable(Refusal),
    /// The answer is not JSON.
    #[error("the token endpoint's answer is not JSON, is api.token_url right?")]
    NotJson,
    /// The answer is JSON, but no bearer token.
    #[error("the token endpoint's answer has no usable token: {0}")]
    BadAnswer(&'static str),
    /// No answer came.
    #[error("no answer from the token endpoint")]
    Transport(#[from] TransportError),
}

impl TokenError {
    /// Whether asking again may help; a limit is a pause, not a retry.
    pub fn retry(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::NotJson => true,
            Self::Transport(error) => error.retry(),
            Self::Credentials(_)
            | Self::Refused(_)
            | Self::Rejected { .. }
            | Self::Limited(_)
            | Self::BadAnswer(_) => false,
        }
    }

    /// Whether the token endpoint refuses the credentials, also when read afresh.
    pub fn credentials_refused(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Credentials(_))
    }

    /// Whether the token endpoint could not be reached: DNS, no connection, TLS, time-out.
    pub fn unreachable(&self) -> bool {
        match self {
            Self::Transport(error) => error.unreachable(),
            Self::Credentials(_)
            | Self::Refused(_)
            | Self::Rejected { .. }
            | Self::Limited(_)
            | Self::Unavailable(_)
            | Self::NotJson
            | Self::BadAnswer(_) => false,
        }
    }
}

/// What an error answer says (RFC 6749, section 5.2); shown as `invalid_client: the secret has expired (HTTP 401)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The error code, where there is one.
    pub error: Option<String>,
    /// The description, at most 200 characters.
    pub description: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, &self.description) {
            (Some(error), Some(description)) => write!(f, "{error}: {description} ")?,
            (Some(said), None) | (None, Some(said)) => write!(f, "{said} ")?,
            (None, None) => return write!(f, "HTTP {}", self.status),
        }
        write!(f, "(HTTP {})", self.status.as_u16())
    }
}
