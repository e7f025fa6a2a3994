//! What a sweep that is begun now asks for, and what one that is gone on with asks for beside: the decision of every run, and of
//! those who only want to know. Pure.

use chrono::{DateTime, Utc};

use super::{
    EndpointSettings, Everything, Width,
    plan::{self, Occasion},
    since::{self, Known},
};
use crate::{
    clock::Now,
    store::{Bounds, Coverage, LearntWidth, Sweep},
};

/// What a sweep that is begun now asks for.
pub(super) struct Intent {
    /// The settings that it depends on.
    pub(super) fingerprint: String,
    /// How wide a slice the API takes, as far as an earlier sweep has learnt.
    pub(super) learnt: Option<Width>,
    /// Everything, or changes.
    pub(super) scope: Scope,
    /// Its slices.
    pub(super) slices: Vec<Bounds>,
}

impl Intent {
    /// Decides it, by what is known of the endpoint.
    pub(super) fn new(
        endpoint: &EndpointSettings,
        occasion: Occasion,
        now: Now,
        coverage: Option<&Coverage>,
        learnt: Option<&LearntWidth>,
    ) -> Self {
        let fingerprint = plan::fingerprint(endpoint, occasion);
        let learnt = learnt.filter(|_| endpoint.window.is_some());
        let learnt = learnt.and_then(|learnt| plan::still_learnt(&fingerprint, learnt));
        let scope = Scope::new(endpoint, occasion, now, coverage);
        let slices = plan::slices(endpoint, occasion, now.wall, learnt, scope.known());
        Self { fingerprint, learnt, scope, slices }
    }
}

/// Whether a sweep asks for everything, or for what has changed since the last one.
pub(super) struct Scope {
    /// What is known already; where it is not enough to ask for changes since, the reason. `None`: the endpoint is never asked
    /// for changes only, nor is a backfill.
    pub(super) known: Option<Result<Known, Everything>>,
    /// Whether what is known is of no use from now on.
    pub(super) forgets: bool,
}

impl Scope {
    fn new(
        endpoint: &EndpointSettings,
        occasion: Occasion,
        now: Now,
        coverage: Option<&Coverage>,
    ) -> Self {
        let Some(since) = &endpoint.since else {
            return Self { known: None, forgets: true };
        };
        let regular = Occasion { backfill: None, ..occasion };
        let fingerprint = plan::fingerprint(endpoint, regular);
        let known = since::known(since, &fingerprint, coverage, now);
        match occasion.backfill {
            None => Self { forgets: known.is_err(), known: Some(known) },
            // It writes rows by the settings of now.
            Some(_) => Self { known: None, forgets: matches!(known, Err(Everything::Changed(_))) },
        }
    }

    fn known(&self) -> Option<&Known> {
        self.known.as_ref()?.as_ref().ok()
    }

    /// Whether it is noted what the sweep has covered.
    pub(super) fn covers(&self) -> bool {
        self.known.is_some()
    }
}

/// What is added to the plan of a sweep that an earlier run has left open: what the window of now reaches beyond it.
pub(super) fn beyond(
    endpoint: &EndpointSettings,
    occasion: Occasion,
    wall: DateTime<Utc>,
    sweep: &Sweep,
    learnt: Option<Width>,
) -> Vec<Bounds> {
    let (Some(window), Some(end)) = (&endpoint.window, &sweep.end) else {
        return Vec::new();
    };
    let width = plan::width(window, sweep.width.map(Width).or(learnt));
    plan::beyond(window, occasion, wall, end, width)
}

/// The parameters that ask for a slice; `None` where its bounds cannot be read.
pub(super) fn params(
    endpoint: &EndpointSettings,
    occasion: Occasion,
    bounds: &Bounds,
) -> Option<Vec<(String, String)>> {
    let mut params = match &endpoint.window {
        None => Vec::new(),
        Some(window) => plan::params(window, occasion.zone, plan::Span::of(bounds)?),
    };
    let since = endpoint.since.as_ref().zip(bounds.since);
    params.extend(since.map(|(settings, since)| settings.param(since)));
    Some(params)
}
