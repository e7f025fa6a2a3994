//! Why an endpoint failed.

use crate::{
    api::{
        classify::Problem, page::PageError, pagination::ListingError, token::TokenError,
        transport::TransportError,
    },
    store::StoreError,
};

/// Why an endpoint failed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The database.
    #[error("cannot use the database")]
    Store(#[source] StoreError),
    /// No access token could be had.
    #[error("cannot get an access token")]
    Token(#[source] TokenError),
    /// A request did not get through.
    #[error("cannot read page {page}")]
    Transport {
        /// The page, from 1.
        page: u64,
        /// Why.
        source: TransportError,
    },
    /// The API has answered with an error.
    #[error("page {page}: {problem}{}", hint(.problem))]
    Http {
        /// The page, from 1.
        page: u64,
        /// What it said.
        problem: Problem,
    },
    /// The API does not even take the narrowest range of dates.
    #[error("{range}: {problem}: a narrower range cannot be asked for, {remedy}")]
    Range {
        /// The parameters that asked for it: `from=2026-03-01&to=2026-03-01`.
        range: String,
        /// What it said.
        problem: Problem,
        /// What to look at.
        remedy: &'static str,
    },
    /// The API has a fault that may pass.
    #[error("page {page}: {problem}")]
    Transient {
        /// The page, from 1.
        page: u64,
        /// What it said.
        problem: Problem,
    },
    /// No request could be sent soon enough after its reservation.
    #[error(
        "page {page}: {tries} times in a row a request could not be sent within a second of its reservation: does the token endpoint answer slowly, with tokens that end at once, or is the machine overloaded?"
    )]
    Late {
        /// The page, from 1.
        page: u64,
        /// How often it was tried.
        tries: u32,
    },
    /// The token was refused, and a new one too.
    #[error(
        "page {page}: a new access token was refused too ({problem}): has the client been disabled, or is `api.scope` wrong?"
    )]
    Unauthorized {
        /// The page, from 1.
        page: u64,
        /// What the API said.
        problem: Problem,
    },
    /// The API sends the request elsewhere for ever.
    #[error("page {page}: more than {limit} redirects in a row: check `path` and `api.base_url`")]
    Redirects {
        /// The page, from 1.
        page: u64,
        /// How many are followed.
        limit: u32,
    },
    /// The API sends the request to another origin, which must not get the token.
    #[error(
        "page {page}: redirected to {to}, which is not of `api.base_url`'s origin and does not get the token: is `api.base_url` right?"
    )]
    RedirectElsewhere {
        /// The page, from 1.
        page: u64,
        /// What the API said.
        problem: Problem,
        /// Where to.
        to: String,
    },
    /// A response is not a page of records.
    #[error("page {page} cannot be read")]
    Page {
        /// The page, from 1.
        page: u64,
        /// Why.
        source: PageError,
    },
    /// The listing does not move on.
    #[error("page {page}: the listing cannot be followed")]
    Listing {
        /// The page, from 1.
        page: u64,
        /// Why.
        source: ListingError,
    },
    /// The program has a fault.
    #[error("the run has met a fault of this program, please report it: {0}")]
    Panic(String),
}

/// What an endpoint's failure means for the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The database cannot be used.
    Database,
    /// The token endpoint refuses the credentials.
    Credentials,
    /// The service could not be reached.
    Unreachable,
    /// Anything else.
    Other,
}

impl EndpointError {
    /// What the failure means for the exit status.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Store(error) if error.database_unusable() => FailureClass::Database,
            Self::Token(error) if error.credentials_refused() => FailureClass::Credentials,
            Self::Token(error) if error.unreachable() => FailureClass::Unreachable,
            Self::Transport { source, .. } if source.unreachable() => FailureClass::Unreachable,
            Self::Store(_)
            | Self::Token(_)
            | Self::Transport { .. }
            | Self::Http { .. }
            | Self::Range { .. }
            | Self::Transient { .. }
            | Self::Late { .. }
            | Self::Unauthorized { .. }
            | Self::Redirects { .. }
            | Self::RedirectElsewhere { .. }
            | Self::Page { .. }
            | Self::Listing { .. }
            | Self::Panic(_) => FailureClass::Other,
        }
    }

    /// Whether the same request may succeed a little later (rule: 5xx, time-outs, resets, cut bodies, bad JSON).
    pub(super) fn retry(&self) -> bool {
        match self {
            Self::Token(error) => error.retry(),
            Self::Transport { source, .. } => source.retry(),
            Self::Transient { .. } => true,
            Self::Page { source, .. } => source.retry(),
            Self::Store(_)
            | Self::Http { .. }
            | Self::Range { .. }
            | Self::Late { .. }
            | Self::Unauthorized { .. }
            | Self::Redirects { .. }
            | Self::RedirectElsewhere { .. }
            | Self::Listing { .. }
            | Self::Panic(_) => false,
        }
    }

    /// Whether it is what the API answers to this one request, which it may have answered otherwise at another place of the
    /// listing.
    pub(super) fn is_of_the_place(&self) -> bool {
        match self {
            Self::Http { .. }
            | Self::Transient { .. }
            | Self::Unauthorized { .. }
            | Self::Redirects { .. }
            | Self::RedirectElsewhere { .. }
            | Self::Page { .. } => true,
            // Where it has not been given up already.
            Self::Listing { source, .. } => !source.starts_over(),
            Self::Store(_)
            | Self::Token(_)
            | Self::Transport { .. }
            | Self::Range { .. }
            | Self::Late { .. }
            | Self::Panic(_) => false,
        }
    }
}

/// What to do about an answer, where its status tells.
fn hint(problem: &Problem) -> &'static str {
    match problem.status.as_u16() {
        403 => ": this client lacks the permission for the endpoint; Mapiq support grants it",
        404 => ": is `path` right?",
        204 | 205 => ": the API sends no page there, is `path` right?",
        301 | 302 | 303 | 307 | 308 => ": the redirect does not say where to, is `path` right?",
        400 => ": check `params` and `pagination`",
        _ => "",
    }
}

impl From<StoreError> for EndpointError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
