//! Why something happens in a run.

use crate::{api::classify::Problem, sync::EndpointError, telemetry::chain};

/// Why an endpoint starts over.
#[derive(Debug, thiserror::Error)]
pub enum StartOver<'a> {
    /// The configuration has changed since then.
    #[error("{} changed since the last run", .0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    Changed(&'a [String]),
    /// The API refuses the next page of then.
    #[error("the API no longer takes the place where the last run has stopped ({0})")]
    Refused(&'a Problem),
    /// The next page of then fails, and has done so for long.
    #[error("no page could be read for a day where the last run has stopped ({})", chain(*.0))]
    Fails(&'a EndpointError),
    /// The next page's URL is one of another origin than the base URL is now.
    #[error(
        "the place where the last run has stopped is not of the origin that `api.base_url` has now"
    )]
    Elsewhere,
    /// An older version of the program has noted the place in a form of its own.
    #[error("an older version has noted where the last run has stopped")]
    Unreadable,
}

/// What an endpoint waits for.
#[derive(Debug)]
pub enum Wait<'a> {
    /// A slot of its own rate limit.
    Limit,
    /// The end of a pause that the API asked for.
    Pause,
    /// The next try after a failure.
    Retry(&'a EndpointError),
}

/// What an endpoint has waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// A slot of its own rate limit, or its turn among those who share that.
    Limit,
    /// The end of a pause that the API asked for.
    Pause,
    /// The next try after a failure.
    Retry,
}
