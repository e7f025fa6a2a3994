//! How many requests a slice takes, by what earlier complete sweeps have needed: pure.

use std::{fmt, time::Duration};

use chrono::NaiveDateTime;

use crate::{
    api::pagination::Style,
    store::{Bounds, Cost, EndpointOutlook, PastSweep, Slice},
    sync::{
        EndpointSettings,
        plan::{self, Span},
    },
};

/// How surely a number of requests is known; the least sure last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The same was asked for in this run, or in one that is no longer on record.
    Known(Option<i64>),
    /// Reckoned from what other dates, or more of them, have needed in this run.
    About(Option<i64>),
    /// Nothing like it was ever read to its end.
    #[default]
    AtLeast,
}

impl Certainty {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known(_) => "known",
            Self::About(_) => "about",
            Self::AtLeast => "at least",
        }
    }

    /// The run that it is known from.
    pub fn run(self) -> Option<i64> {
        match self {
            Self::Known(run) | Self::About(run) => run,
            Self::AtLeast => None,
        }
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(Some(run)) => write!(f, "known from run {run}"),
            Self::Known(None) => f.write_str("known from an earlier run"),
            Self::About(Some(run)) => write!(f, "about, from run {run}"),
            Self::About(None) => f.write_str("about, from an earlier run"),
            Self::AtLeast => f.write_str("at least, never read"),
        }
    }
}

/// The settings that decide how many pages something has.
const DECISIVE: [&str; 5] = ["path", "params", "pagination", "records", "since"];

/// What earlier sweeps of an endpoint have needed, those left out that were made with other settings.
pub(super) struct Past<'k> {
    whole: Option<&'k PastSweep>,
    changes: Option<&'k PastSweep>,
    /// Whether each listing has ended with one more request, which was answered by no page.
    asks_past_the_end: bool,
}

impl<'k> Past<'k> {
    pub(super) fn new(
        endpoint: &EndpointSettings,
        fingerprint: &str,
        known: &'k EndpointOutlook,
    ) -> Self {
        let like = |past: &'k Option<PastSweep>| {
            past.as_ref().filter(|past| {
                let differing = plan::differences(&past.fingerprint, fingerprint);
                !differing.iter().any(|name| DECISIVE.contains(&name.as_str()))
            })
        };
        let counts = matches!(endpoint.pagination, Style::Page { .. } | Style::Offset { .. });
        // What failed and was tried again was so once; what is so in every run belongs to the listing.
        let beyond = known.costs.iter().map(|cost| {
            cost.requests.saturating_sub(cost.pages).checked_div(cost.slices).unwrap_or(0)
        });
        Self {
            whole: like(&known.whole),
            changes: like(&known.changes),
            asks_past_the_end: counts && beyond.min().unwrap_or(0) > 0,
        }
    }

    /// How many requests what is left of a slice takes, at least one.
    pub(super) fn requests(&self, slice: &Slice) -> (u64, Certainty) {
        let past = if slice.bounds.since.is_some() { self.changes } else { self.whole };
        let told = past.and_then(|past| {
            let slices = past.slices.iter();
            let alike: Vec<_> = slices
                .filter(|(bounds, _)| bounds.since.is_some() == slice.bounds.since.is_some())
                .collect();
            pages(&slice.bounds, &alike).map(|(pages, is_same)| (pages, is_same, past.run))
        });
        let Some((pages, is_same, run)) = told else { return (1, Certainty::AtLeast) };
        let more = u64::from(self.asks_past_the_end);
        let left = pages.saturating_sub(slice.pages).max(1) + more;
        // How much has changed since says nothing of what will have changed by then.
        let is_known = is_same && slice.bounds.since.is_none();
        (left, if is_known { Certainty::Known(run) } else { Certainty::About(run) })
    }
}

/// How many pages a slice has by those of others, and whether one asked for the same; `None`: they tell nothing.
fn pages(bounds: &Bounds, others: &[&(Bounds, u64)]) -> Option<(u64, bool)> {
    let same = |(other, _): &&&(Bounds, u64)| {
        (&other.lower, &other.upper) == (&bounds.lower, &bounds.upper)
    };
    if let Some((_, pages)) = others.iter().find(same) {
        return Some(((*pages).max(1), true));
    }
    let span = Span::of(bounds)?;
    let read: Vec<(Span, u64)> =
        others.iter().filter_map(|(other, pages)| Some((Span::of(other)?, *pages))).collect();
    let length: i64 = read.iter().map(|(span, _)| seconds(span.lower, span.upper)).sum();
    let total: u64 = read.iter().map(|(_, pages)| pages).sum();
    if length <= 0 {
        return None;
    }
    // As many as lie within those that were read; of other dates, as many as these have on average.
    let mut millionths = 0_i128;
    let mut covered = 0;
    for (other, pages) in &read {
        let common = seconds(other.lower.max(span.lower), other.upper.min(span.upper)).max(0);
        let of = seconds(other.lower, other.upper).max(1);
        millionths += i128::from(*pages) * 1_000_000 * i128::from(common) / i128::from(of);
        covered += common;
    }
    let rest = (seconds(span.lower, span.upper) - covered).max(0);
    millionths += i128::from(total) * 1_000_000 * i128::from(rest) / i128::from(length);
    let pages = u64::try_from((millionths + 999_999) / 1_000_000).unwrap_or(1);
    Some((pages.max(1), false))
}

fn seconds(from: NaiveDateTime, until: NaiveDateTime) -> i64 {
    (until - from).num_seconds()
}

/// How long one request has taken with its page, in the last run.
pub(super) fn answer_time(costs: &[Cost]) -> Duration {
    let Some(cost) = costs.first() else { return Duration::ZERO };
    let requests = u32::try_from(cost.requests).unwrap_or(u32::MAX);
    cost.worked.checked_div(requests).unwrap_or_default()
}
