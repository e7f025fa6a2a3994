//! Joins the API to the store: plan, sweep, attempt.

mod attempt;
mod error;
mod first_page;
mod hold;
mod intent;
mod missing;
mod outlook;
mod overtime;
mod paused;
mod plan;
mod probe;
mod reading;
mod rejects;
mod report;
mod runner;
mod shared;
mod since;
mod sweep;
mod window;

use std::time::Duration;

use chrono_tz::Tz;

pub use self::{
    attempt::Answered,
    error::{EndpointError, FailureClass},
    first_page::{Doubt, FirstPage, NextPage},
    missing::{Guard, OnMissing},
    outlook::{Begins, Budget, Certainty, Outlook, Prospect, SliceProspect, outlook},
    paused::Resumable,
    probe::{Look, LookOutcome},
    rejects::{RetryReport, retry_rejects},
    report::{
        Ending, EndpointReport, Event, JobReport, NotBefore, Pause, StartOver, Wait, Waited,
        seconds,
    },
    runner::Runner,
    shared::Watcher,
    since::{Everything, SinceSettings},
    window::{DateFormat, FormatError, Width, WindowEnd, WindowSettings},
};

#[cfg(test)]
pub(crate) use self::outlook::fingerprint;
use crate::{
    api::pagination::Style,
    limits::Limit,
    rows::{FieldPath, Transforms},
};

/// One endpoint to sync.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// The endpoint's and its table's name.
    pub name: String,
    /// The path below the base URL, beginning with `/`.
    pub path: String,
    /// Fixed query parameters, in the order of the configuration.
    pub params: Vec<(String, String)>,
    /// Where the records lie in a response; `None`: the body is the array.
    pub records: Option<FieldPath>,
    /// Where a response states how many records there are in all.
    pub total: Option<FieldPath>,
    /// How the listing is paged.
    pub pagination: Style,
    /// The range of dates to ask for; `None`: the whole listing is one snapshot.
    pub window: Option<WindowSettings>,
    /// How it is asked for changes only; `None`: it never is.
    pub since: Option<SinceSettings>,
    /// The rate limit of this endpoint's group.
    pub limit: Limit,
    /// Endpoints of one group share one budget (default: the path).
    pub group: String,
    /// The key, and what is done to each record before it is stored.
    pub transforms: Transforms,
    /// What becomes of rows that the API no longer returns.
    pub on_missing: OnMissing,
    /// How old its data may become before that is told as a fault; `None`: its schedule says.
    pub stale_after: Option<Duration>,
}

/// One job: endpoints that are synced together.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The job's name.
    pub name: String,
    /// Its endpoints, by name.
    pub endpoints: Vec<String>,
    /// The time zone that its windows are counted in.
    pub timezone: Tz,
    /// How long a run may take; `None`: as long as it does.
    pub timeout: Option<Duration>,
}

/// What holds for every endpoint.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A longer wait than this, known beforehand, is left to the next run.
    pub max_wait: Duration,
    /// All endpoints.
    pub endpoints: Vec<EndpointSettings>,
    /// All jobs.
    pub jobs: Vec<JobSettings>,
}
